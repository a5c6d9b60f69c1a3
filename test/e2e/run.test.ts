/** `viv run` as a process, on our own machine: streams, statuses, options, signals and terminals. Needs the build. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startOnTerminal, startViv, viv } from '../support/viv.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-run-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs it and gives what tests compare. */
async function run(words: string[], input?: string): Promise<{ status: number | null; out: string; err: string }> {
  const { status, stdout, stderr } = await viv(['run', ...words], input === undefined ? {} : { input });
  return { status, out: stdout.toString(), err: stderr };
}

describe('a command', () => {
  test('has separate stdout and stderr, and its status is ours', async () => {
    expect(await run(['busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      status: 7,
      out: 'out\n',
      err: 'err\n',
    });
  });

  test('that a signal ended gives 128 and its number', async () => {
    expect(await run(['busybox', 'sh', '-c', 'ulimit -t 1; while :; do :; done'])).toEqual({
      status: 137,
      out: '',
      err: '',
    });
  });

  test('that is not there gives 127', async () => {
    const { status, err } = await run(['busybox', 'no-such-program']);
    expect([status, err]).toEqual([
      127,
      'viv: the image has no program "no-such-program"; check its name and the PATH (START_FAILED)\n',
    ]);
  });

  test("that can't be executed gives 126", async () => {
    const { status, err } = await run(['busybox', '/etc/passwd']);
    expect(status).toBe(126);
    expect(err).toMatch(/^viv: the program "\/etc\/passwd" can't be executed: .*\n$/);
  });

  test('gets options that stand after the image', async () => {
    expect(await run(['--rm', 'busybox', 'echo', '-i', '--rm', '-e', 'x'])).toMatchObject({
      status: 0,
      out: '-i --rm -e x\n',
    });
  });

  test("is the image's own without one", async () => {
    expect(await run(['-i', 'busybox'], 'echo from $0\n')).toMatchObject({ status: 0, out: 'from sh\n' });
  });

  test('runs in the folder, as the user, with the environment and host name asked for', async () => {
    const words = ['-w', '/var/tmp', '-u', 'nobody:users', '-e', 'A=b c', '--hostname', 'box', 'busybox'];
    const { out } = await run([...words, 'sh', '-c', 'pwd; id -un; id -gn; echo "$A"; hostname']);
    expect(out).toBe('/var/tmp\nnobody\nusers\nb c\nbox\n');
  });

  test('finds its own name and localhost', async () => {
    const { out } = await run([
      '--hostname',
      'box.lab',
      'busybox',
      'sh',
      '-c',
      'cat /etc/hostname; grep -c localhost /etc/hosts; tail -n 1 /etc/hosts',
    ]);
    expect(out).toBe('box.lab\n2\n127.0.1.1\tbox.lab box\n');
  });

  test("takes a bare variable's value from us", async () => {
    const { stdout } = await viv(['run', '-e', 'VIV_TEST', '-e', 'VIV_NONE', 'busybox', 'env'], {
      env: { VIV_TEST: 'ours' },
    });
    expect(stdout.toString()).toContain('VIV_TEST=ours\n');
    expect(stdout.toString()).not.toContain('VIV_NONE');
  });

  test('follows another entry point', async () => {
    expect(await run(['--entrypoint', 'echo', 'busybox', 'a', 'b'])).toMatchObject({ status: 0, out: 'a b\n' });
  });

  test('has as much memory as it was given', async () => {
    const { out } = await run([
      '--machine-memory',
      '1G',
      'busybox',
      'sh',
      '-c',
      "awk '/MemTotal/ {print int($2 / 1024 / 100)}' /proc/meminfo",
    ]);
    expect(out).toBe('9\n');
  });

  test('runs with the least memory there may be', async () => {
    expect(await run(['--machine-memory', '64M', 'busybox', 'echo', 'enough'])).toMatchObject({
      status: 0,
      out: 'enough\n',
    });
  });

  test('shows boot messages when asked, on stderr', async () => {
    const { out, err } = await run(['--verbose', 'busybox', 'echo', 'done']);
    expect(out).toBe('done\n');
    expect(err).toContain('Linux version');
  });
});

describe('streams', () => {
  test('carry ten megabytes in and out again unchanged', async () => {
    const bytes = randomBytes(10_000_000);
    const { stdout } = await viv(['run', '-i', 'busybox', 'cat'], { input: bytes });
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('end the input where ours ends', async () => {
    expect(await run(['-i', 'busybox', 'wc', '-c'], 'four')).toMatchObject({ out: '4\n' });
  });

  test('have no input without -i', async () => {
    expect(await run(['busybox', 'wc', '-c'], 'four')).toMatchObject({ out: '0\n' });
  });

  test('do not keep us when the command has ended', async () => {
    const program = startViv(['run', '-i', 'busybox', 'true']); // its stdin stays open
    expect((await program.ended).status).toBe(0);
  });

  test('end the run when nobody reads them any more', async () => {
    const program = startViv(['run', 'busybox', 'yes']);
    await program.printed('y\n');
    program.child.stdout.destroy();
    expect((await program.ended).status).toBe(141);
  });

  test('wait for a slow reader', async () => {
    const program = startViv(['run', 'busybox', 'sh', '-c', 'head -c 20000000 /dev/zero; echo done >&2']);
    await program.printed('\0');
    program.child.stdout.pause();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const beforeItWasRead = program.errors;
    program.child.stdout.resume();
    const { stdout, stderr } = await program.ended;
    expect([beforeItWasRead, stdout.length, stderr]).toEqual(['', 20_000_000, 'done\n']);
  });
});

describe('a volume', () => {
  test("shows the host's files and takes the command's", async () => {
    const host = join(folder, 'volume');
    mkdirSync(host);
    writeFileSync(join(host, 'given'), 'from the host\n');

    const { out } = await run([
      '-v',
      `${host}:/data/here`,
      'busybox',
      'sh',
      '-c',
      'cat /data/here/given; echo back > /data/here/made',
    ]);

    expect([out, readFileSync(join(host, 'made'), 'utf8')]).toEqual(['from the host\n', 'back\n']);
  });

  test('that is read-only refuses changes', async () => {
    const host = join(folder, 'read-only');
    mkdirSync(host);

    const { status, err } = await run(['-v', `${host}:/data:ro`, 'busybox', 'touch', '/data/made']);

    expect([status, err, readdirSync(host)]).toEqual([1, 'touch: /data/made: Read-only file system\n', []]);
  });

  test('may lie in another', async () => {
    const outer = join(folder, 'outer');
    const inner = join(folder, 'inner');
    mkdirSync(join(outer, 'in'), { recursive: true });
    mkdirSync(inner);
    writeFileSync(join(inner, 'leaf'), 'leaf\n');

    const { out } = await run(['-v', `${inner}:/data/in`, '-v', `${outer}:/data`, 'busybox', 'cat', '/data/in/leaf']);

    expect(out).toBe('leaf\n');
  });
});

describe('signals', () => {
  const TRAP = 'trap "echo caught; exit 9" TERM INT; echo ready; while :; do sleep 0.1; done';

  test('reach the command', async () => {
    const program = startViv(['run', 'busybox', 'sh', '-c', TRAP]);
    await program.printed('ready');
    program.child.kill('SIGINT');
    const { status, stdout } = await program.ended;
    expect([status, stdout.toString()]).toEqual([9, 'ready\ncaught\n']);
  });

  test('to end it come as SIGTERM', async () => {
    const program = startViv(['run', 'busybox', 'sh', '-c', TRAP]);
    await program.printed('ready');
    program.child.kill('SIGTERM');
    expect((await program.ended).status).toBe(9);
  });

  test('switch the machine off when Ctrl-C comes twice to a command that ignores it', async () => {
    const program = startViv(['run', 'busybox', 'sh', '-c', 'echo ready; exec sleep 1000']);
    await program.printed('ready');
    program.child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 200));
    program.child.kill('SIGINT');
    expect((await program.ended).status).toBe(130);
  });

  test('give the run up while the guest boots', async () => {
    const program = startViv(['run', '--verbose', 'busybox', 'echo', 'too late']);
    await program.printed('Linux version');
    program.child.kill('SIGTERM');
    const { status, stdout } = await program.ended;
    expect([status, stdout.toString()]).toEqual([143, '']);
  });
});

describe('a terminal', () => {
  test('has our size, follows it, and is as before in the end', async () => {
    const terminal = startOnTerminal(
      'stty -g > "$DIR/before"; echo $TTY > "$DIR/tty"; viv run -it busybox sh -c \'stty size; read x; stty size; tty\'; echo status $?; stty -g > "$DIR/after"',
      { env: { DIR: folder } },
    );
    await terminal.printed('33 101');
    const device = readFileSync(join(folder, 'tty'), 'utf8').trim();
    execFileSync('stty', ['-F', device, 'rows', '20', 'cols', '60']); // as a window does
    await new Promise((resolve) => setTimeout(resolve, 300));
    terminal.child.stdin.write('\r');

    const { stdout } = await terminal.ended;

    expect(stdout.toString()).toBe('33 101\r\n\r\n20 60\r\n/dev/pts/0\r\nstatus 0\r\n');
    expect(readFileSync(join(folder, 'after'), 'utf8')).toBe(readFileSync(join(folder, 'before'), 'utf8'));
  });

  test('passes Ctrl-C on as a character', async () => {
    const terminal = startOnTerminal(
      'viv run -it busybox sh -c \'trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.1; done\'; echo status $?',
    );
    await terminal.printed('ready');
    terminal.child.stdin.write('\x03');
    expect((await terminal.ended).stdout.toString()).toBe('ready\r\n^Ccaught\r\nstatus 3\r\n');
  });

  test('shows a full-screen program byte for byte', async () => {
    const terminal = startOnTerminal('viv run -it busybox sh -c \'stty -opost; printf "a\\nb\\n"\'');
    expect((await terminal.ended).stdout.toString()).toBe('a\nb\n');
  });

  test('is as before when the run fails', async () => {
    const terminal = startOnTerminal(
      'stty -g > "$DIR/before"; viv run -it busybox no-such; echo status $?; stty -g > "$DIR/after"',
      { env: { DIR: folder } },
    );
    expect((await terminal.ended).stdout.toString()).toContain('status 127');
    expect(readFileSync(join(folder, 'after'), 'utf8')).toBe(readFileSync(join(folder, 'before'), 'utf8'));
  });
});
