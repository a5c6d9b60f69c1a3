/** Computers on our own machine: programs, terminals, files, and going back. Needs the build. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeKeptDisks } from '../../src/cli/kept-disks.ts';
import { Computer } from '../../src/sandbox/computer.ts';
import type { ComputerOptions, ComputerParts } from '../../src/sandbox/computer-options.ts';
import type { SandboxProcess } from '../../src/sandbox/process.ts';
import type { VivariumError } from '../../src/util/errors.ts';
import { builtAssets, sandboxParts } from '../support/sandbox.ts';

const BOOT_MS = 240_000;
const MIB = 2 ** 20;

let folder: string;
let parts: ComputerParts;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-computer-'));
  parts = { ...sandboxParts(folder), kept: nodeKeptDisks(join(folder, 'kept')) };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(options: Partial<ComputerOptions> = {}): Promise<Computer> {
  return Computer.start(parts, { image: builtAssets().images.busybox, memoryBytes: 256 * MIB, ...options });
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a shell command prints. */
async function sh(computer: Computer, script: string): Promise<string> {
  const { stdout, stderr } = await computer.run({ args: ['sh', '-c', script] });
  return decode(stdout) + decode(stderr);
}

/** Reads until a text has come. */
async function until(process: SandboxProcess, wanted: string): Promise<string> {
  let text = '';
  const reader = process.stdout.getReader();
  try {
    while (!text.includes(wanted)) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the program ended after ${JSON.stringify(text)}`);
      text += decode(value);
    }
    return text;
  } finally {
    reader.releaseLock();
  }
}

async function type(process: SandboxProcess, text: string): Promise<void> {
  const writer = process.stdin.getWriter();
  await writer.write(encode(text));
  writer.releaseLock();
}

describe('a computer', () => {
  let computer: Computer;
  beforeAll(async () => {
    computer = await start({ env: ['GREETING=hello'], isolation: { securityOpt: [] } });
  }, BOOT_MS);
  afterAll(() => computer?.close());

  test('runs a program with its input, output, errors and exit', async () => {
    const args = ['sh', '-c', 'cat; echo $GREETING $NAME; pwd; echo wrong >&2; exit 3'];

    const result = await computer.run({ args, input: encode('in\n'), env: ['NAME=world'], cwd: '/tmp' });

    expect([result.exit, decode(result.stdout), decode(result.stderr), result.truncated, result.timedOut]).toEqual([
      { kind: 'exited', exitCode: 3 },
      'in\nhello world\n/tmp\n',
      'wrong\n',
      false,
      false,
    ]);
  });

  test('has nothing but a waiting init by itself, and reaps what is left over', async () => {
    await sh(computer, '(sleep 0.05 &)');
    await new Promise((resolve) => setTimeout(resolve, 300));

    const processes = await sh(computer, 'ps -o pid,stat,comm');

    expect(processes.split('\n').slice(1, 2).join()).toMatch(/^\s*1 S\s+docker-init/);
    expect(processes).not.toMatch(/ Z|sleep/);
    expect(await sh(computer, 'kill -TERM 1; kill -KILL 1; sleep 0.1; echo still here')).toBe('still here\n');
  });

  test('says that a program is not there', async () => {
    await expect(computer.spawn({ args: ['nonsense'] })).rejects.toMatchObject({ code: 'START_FAILED', exitCode: 127 });
  });

  test('has several programs at once, each with its own streams', async () => {
    const [one, two] = await Promise.all([
      computer.spawn({ args: ['sh', '-c', 'read x; echo one $x'], stdin: true }),
      computer.spawn({ args: ['sh', '-c', 'read x; echo two $x'], stdin: true }),
    ]);
    await type(two, 'b\n');
    const second = await until(two, '\n');
    await type(one, 'a\n');

    expect([await until(one, '\n'), second]).toEqual(['one a\n', 'two b\n']);
    expect([await one.exit, await two.exit]).toEqual([
      { kind: 'exited', exitCode: 0 },
      { kind: 'exited', exitCode: 0 },
    ]);
  });

  test('gives a program a terminal that follows resizing', async () => {
    const shell = await computer.spawn({ args: ['sh'], tty: { columns: 80, rows: 24 } });
    await type(shell, 'stty size; tty\n');
    const first = await until(shell, '/dev/pts/');
    shell.resize(100, 30);
    await type(shell, 'stty size\n');
    const second = await until(shell, '30 100');
    await type(shell, 'exit 4\n');

    expect(first).toContain('24 80');
    expect(second).toContain('30 100');
    expect(await shell.exit).toEqual({ kind: 'exited', exitCode: 4 });
  });

  test('ends a program whose time is over, with what it has started', async () => {
    const start = performance.now();

    const result = await computer.run({
      args: ['sh', '-c', 'echo begun; sleep 1234 & sleep 1234; true'],
      timeoutMs: 400,
    });

    expect(result).toMatchObject({ exit: { kind: 'signalled', signal: 9 }, timedOut: true });
    expect(decode(result.stdout)).toBe('begun\n');
    expect(performance.now() - start).toBeLessThan(5000);
    expect(await sh(computer, 'ps -o args | grep -c "[s]leep 1234"')).toBe('0\n');
  });

  test('keeps of the output what it is told to, and lets the program end', async () => {
    const result = await computer.run({ args: ['sh', '-c', 'seq 1 100000'], outputBytesMax: 100 });

    expect(result).toMatchObject({ exit: { exitCode: 0 }, truncated: true });
    expect(result.stdout.length).toBe(100);
  });

  test('ends a program when its caller gives up', async () => {
    const abort = new AbortController();
    const process = await computer.spawn({ args: ['sleep', '1000'], signal: abort.signal });

    abort.abort();

    expect(await process.exit).toEqual({ kind: 'signalled', exitCode: 137, signal: 9 });
  });

  test('starts programs as users that it has now', async () => {
    await sh(computer, 'echo "kim:x:1234:1235::/tmp:/bin/sh" >> /etc/passwd');

    const { stdout } = await computer.run({ args: ['id', '-u'], user: 'kim' });
    const unknown = computer.run({ args: ['id'], user: 'nobody-here' });

    expect(decode(stdout)).toBe('1234\n');
    await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('has files that can be read, written, listed, made, renamed and removed', async () => {
    const { files } = computer;
    await files.mkdir('/srv/desk/deep/er');
    await files.write('/srv/desk/run.sh', encode('#!/bin/sh\necho ran "$@"\n'), { mode: 0o755 });
    await files.write('/srv/desk/deep/note', encode('long content'));
    await sh(
      computer,
      'chmod 640 /srv/desk/deep/note; chown 7:8 /srv/desk/deep/note; ln -s /srv/desk/run.sh /srv/desk/link',
    );
    await files.write('/srv/desk/deep/note', encode('short'));
    await files.rename('/srv/desk/deep', '/srv/desk/moved');
    const entries = await files.list('/srv/desk');
    const note = await files.stat('/srv/desk/moved/note');
    const ran = await sh(computer, '/srv/desk/link it; cat /srv/desk/moved/note');
    await files.remove('/srv/desk/moved', { recursive: true });

    expect(entries.map(({ name, kind, mode, size }) => [name, kind, mode, kind === 'file' ? size : 0])).toEqual([
      ['link', 'symlink', 0o777, 0],
      ['moved', 'directory', 0o755, 0],
      ['run.sh', 'file', 0o755, 24],
    ]);
    expect(entries[0]).toMatchObject({ target: '/srv/desk/run.sh', resolved: '/srv/desk/run.sh' });
    expect(note).toMatchObject({ kind: 'file', mode: 0o640, uid: 7, gid: 8, size: 5 });
    expect(ran).toBe('ran it\nshort');
    expect(decode(await files.read('/etc/hostname'))).toBe('computer\n');
    expect(decode(await files.read('/proc/1/comm'))).toBe('docker-init\n');
    expect((await files.list('/srv/desk')).map(({ name }) => name)).toEqual(['link', 'run.sh']);
  });

  test('says what is wrong with a path', async () => {
    const { files } = computer;
    await sh(computer, 'mkdir -p /full; echo x > /full/x; mkfifo /full/pipe; ln -s ../../../../etc/passwd /full/out');
    const code = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => 'done',
        (error: VivariumError) => error.code,
      );

    expect(
      await Promise.all([
        code(files.read('/nothing')),
        code(files.read('/full')),
        code(files.read('/full/pipe')),
        code(files.read('/full/x', { bytesMax: 1 })),
        code(files.write('/nowhere/file', encode('x'))),
        code(files.write('/full', encode('x'))),
        code(files.list('/full/x')),
        code(files.mkdir('/full/x')),
        code(files.remove('/full')),
        code(files.remove('/')),
        code(files.rename('/nothing', '/x')),
        code(files.read('relative')),
        code(files.write('/full/y', encode('x'), { mode: 0o77777 })),
      ]),
    ).toEqual(
      'NOT_FOUND CONFLICT FILES LIMIT NOT_FOUND CONFLICT CONFLICT CONFLICT CONFLICT CONFLICT NOT_FOUND USAGE USAGE'.split(
        ' ',
      ),
    );
    // A link that climbs ends in the computer's root, not in the guest's.
    expect(decode(await files.read('/full/out'))).toContain('root');
  });

  test('goes back to how it was, as often as is wanted', async () => {
    await sh(computer, 'echo before > /state; (sleep 4321 &)');
    const shell = await computer.spawn({ args: ['sh'], tty: { columns: 80, rows: 24 } });
    await type(shell, 'X=from-before\n');
    await until(shell, '# ');
    const snapshot = await computer.save();
    let restoredCount = 0;
    computer.addEventListener('restored', () => restoredCount++);
    const seen: string[] = [];
    for (const word of ['once', 'twice']) {
      await type(shell, `X=${word}; echo typed-$X\n`);
      await until(shell, `typed-${word}`);
      await sh(computer, `echo ${word} > /state; rm -rf /bin/ls /etc; killall sleep; (sleep 9999 &)`);
      const later = await computer.spawn({ args: ['sleep', '777'] });
      const laterExit = later.exit.catch((error: VivariumError) => error.code);

      await computer.restore(snapshot);

      await type(shell, 'echo is-$X\n');
      await until(shell, 'is-from-before');
      seen.push(
        await sh(computer, 'cat /state; ls -d /etc /bin/ls; ps -o args | grep "[s]leep"'),
        String(await laterExit),
      );
    }
    await snapshot.release();

    const expected = ['before\n/bin/ls\n/etc\nsleep 4321\n', 'RESTORED'];
    expect(seen).toEqual([...expected, ...expected]);
    expect(restoredCount).toBe(2);
    await type(shell, 'exit 5\n');
    expect(await shell.exit).toEqual({ kind: 'exited', exitCode: 5 });
    await expect(computer.restore(snapshot)).rejects.toMatchObject({ code: 'BAD_STATE' });
  });

  test('has the time of day and other random numbers after it went back', async () => {
    const snapshot = await computer.save();
    const draw = 'head -c 16 /dev/urandom | od -An -tx1';
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const first = await (async () => {
      await computer.restore(snapshot);
      return sh(computer, draw);
    })();
    await computer.restore(snapshot);
    const second = await sh(computer, draw);
    const seconds = Number(await sh(computer, 'date +%s'));
    await snapshot.release();

    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(1.5);
    expect(first).not.toBe(second);
  });

  test('keeps several states, which share what is the same', async () => {
    const first = await computer.save();
    await sh(computer, 'echo two > /state');
    const second = await computer.save();
    await sh(computer, 'echo three > /state');

    await computer.restore(first);
    const one = await sh(computer, 'cat /state');
    await computer.restore(second);
    const two = await sh(computer, 'cat /state');
    await Promise.all([first.release(), second.release(), first.release()]);

    expect([one, two]).toEqual(['before\n', 'two\n']);
    expect(second.byteCount).toBeLessThan(first.byteCount / 2);
  });

  test('goes back while programs write and start', async () => {
    const snapshot = await computer.save();
    const busy = await computer.spawn({ args: ['sh', '-c', 'while :; do seq 1 2000; echo x >> /log; done'] });
    const drained = busy.stdout.pipeTo(new WritableStream()).catch(() => {});
    const starts = [1, 2, 3].map(() => computer.run({ args: ['true'] }).catch((error: VivariumError) => error.code));
    await new Promise((resolve) => setTimeout(resolve, 300));

    await computer.restore(snapshot);

    await Promise.all([drained, ...starts]);
    expect(await sh(computer, 'test -e /log || echo clean')).toBe('clean\n');
    await snapshot.release();
  });

  test('says that a state is of another computer', async () => {
    const foreign = { byteCount: 0, release: () => Promise.resolve() };

    await expect(computer.restore(foreign)).rejects.toMatchObject({ code: 'BAD_STATE' });
    expect(await sh(computer, 'echo alive')).toBe('alive\n');
  });
});

describe('a computer whose disk is small', () => {
  test(
    'tells programs that it is full, and keeps what is in a file that does not fit',
    async () => {
      await using computer = await start({ storageBytes: 16 * MIB });
      await computer.files.write('/keep', encode('precious'));

      const filled = await sh(computer, 'dd if=/dev/urandom of=/big bs=64k count=1000 2>&1 | head -1');
      const rejected = await computer.files
        .write('/keep', crypto.getRandomValues(new Uint8Array(65536)))
        .catch((error: VivariumError) => error.code);

      expect(filled).toContain('No space left on device');
      expect([rejected, decode(await computer.files.read('/keep'))]).toEqual(['NO_SPACE', 'precious']);
    },
    BOOT_MS,
  );

  test(
    'gives I/O errors above the memory that the disk may take, and tells its owner',
    async () => {
      const troubles: VivariumError[] = [];
      await using computer = await start({
        storageBytes: 64 * MIB,
        diskMemoryBytesMax: 4 * MIB,
        onTrouble: (error) => troubles.push(error),
      });

      const result = await sh(computer, 'dd if=/dev/urandom of=/big bs=64k count=200 conv=fsync 2>&1 | head -1');

      expect(result).toMatch(/I\/O error|Input\/output error|Read-only file system/);
      expect(troubles.map(({ code }) => code)).toContain('LIMIT');
    },
    BOOT_MS,
  );
});

describe('a computer that is kept', () => {
  test(
    'is there again with its files, also when it was switched off in the middle',
    async () => {
      const options = { keep: 'lab-1', storageBytes: 64 * MIB };
      const first = await start(options);
      await first.files.write('/root.txt', encode('mine'));
      await sh(first, 'mkdir /made; echo more > /made/file; sync; echo lost-perhaps > /made/late');
      const taken = await start(options).catch((error: VivariumError) => error.code);
      await first.machine.terminate();
      await first.close();

      const second = await start(options);
      const files = await sh(second, 'cat /root.txt /made/file');
      await second.close();
      const third = await start(options);
      const again = await sh(third, 'cat /root.txt');
      await third.close();

      expect([taken, files, again]).toEqual(['CONFLICT', 'minemore\n', 'mine']);
    },
    BOOT_MS,
  );

  test(
    'is refused with another size, and begins anew once it was forgotten',
    async () => {
      const wrong = await start({ keep: 'lab-1', storageBytes: 32 * MIB }).catch((error: VivariumError) => error);
      await Computer.forget(parts, 'lab-1');
      await using computer = await start({ keep: 'lab-1', storageBytes: 32 * MIB });

      expect(wrong).toMatchObject({ code: 'CONFLICT' });
      expect(String(wrong)).toContain('was made with another size: reset it');
      expect(await sh(computer, 'ls /root.txt')).toContain('No such file');
    },
    BOOT_MS,
  );
});

describe('a computer that fails', () => {
  test(
    'tells why',
    async () => {
      await using computer = await start({ isolation: { privileged: true } });
      const process = await computer.spawn({ args: ['sh', '-c', 'sleep 0.2; echo c > /proc/sysrq-trigger'] });

      await expect(computer.failure).rejects.toMatchObject({ code: 'GUEST_PANIC' });
      await expect(process.exit).rejects.toMatchObject({ code: 'GUEST_PANIC' });
      await expect(computer.save()).rejects.toThrow();
    },
    BOOT_MS,
  );

  test('gives up when it is told to', async () => {
    await expect(start({ signal: AbortSignal.timeout(200) })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('refuses wrong options at once', async () => {
    await expect(start({ keep: '../x' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(start({ memoryBytes: 1 })).rejects.toMatchObject({ code: 'BAD_MEMORY_SIZE' });
    await expect(Computer.start(sandboxParts(folder), { image: 'x', keep: 'y' })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});
