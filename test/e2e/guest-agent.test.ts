/** Agent, kernel and client together under QEMU: what the guest does, apart from what our CPU makes of it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeFrame, Request } from '../../src/container/agent-protocol.ts';
import { AgentClient, p9Options, type ContainerRun } from '../../src/container/agent-client.ts';
import { exitCodeOf, type ExitStatus, type GuestProcess } from '../../src/container/guest-process.ts';
import { runtimeProcess, runtimeSpec, type ContainerRequest } from '../../src/container/runtime-spec.ts';
import { guestAssets, makeBusyboxRootfs } from '../support/guest-assets.ts';
import { startQemuGuest, type QemuGuest } from '../support/qemu-guest.ts';

const ROOTFS = '/run/vivarium/rootfs';
const VOLUME = '/run/vivarium/vol0';
const BOOT_TIMEOUT_MS = 60_000;
const SIGKILL = 9;
const SIGTERM = 15;

let rootfs: string;
let volume: string;
let guest: QemuGuest;
let client: AgentClient;
let containers = 0;

beforeAll(async () => {
  const assets = guestAssets();
  rootfs = makeBusyboxRootfs(assets.busybox);
  volume = mkdtempSync(join(tmpdir(), 'vivarium-volume-'));
  writeFileSync(join(volume, 'from-host'), 'hello from the host\n');
  guest = await startQemuGuest({ ...assets, shares: { rootfs, vol0: volume } });
  client = new AgentClient(guest.port);
  await client.hello();
  await client.mount({ source: 'rootfs', target: ROOTFS, type: '9p', options: p9Options('loose') });
  await client.mount({ source: 'vol0', target: VOLUME, type: '9p', options: p9Options('mmap') });
}, BOOT_TIMEOUT_MS);

afterAll(async () => {
  await guest?.dispose();
  rmSync(rootfs, { recursive: true, force: true });
  rmSync(volume, { recursive: true, force: true });
});

interface Session {
  name: string;
  process: GuestProcess;
  output(): string;
  errors(): string;
}

function start(args: string[], change: Partial<ContainerRequest> = {}, options: Partial<ContainerRun> = {}): Session {
  const name = `test-${containers++}`;
  const decoder = { out: new TextDecoder(), err: new TextDecoder() };
  const text = { out: '', err: '' };
  const request: ContainerRequest = {
    name,
    rootfs: ROOTFS,
    hostname: 'box',
    args,
    env: ['PATH=/bin'],
    cwd: '/',
    uid: 0,
    gid: 0,
    terminal: options.terminal,
    ...change,
  };
  const process = client.run({
    kind: 'container',
    name,
    spec: runtimeSpec(request),
    onStdout: (bytes) => void (text.out += decoder.out.decode(bytes, { stream: true })),
    onStderr: (bytes) => void (text.err += decoder.err.decode(bytes, { stream: true })),
    ...options,
  });
  return { name, process, output: () => text.out, errors: () => text.err };
}

async function finish(session: Session): Promise<{ status: ExitStatus; out: string; err: string }> {
  const status = await session.process.exit;
  await client.release(session.process);
  return { status, out: session.output(), err: session.errors() };
}

/** What a shell command of the initramfs prints. */
async function inGuest(command: string): Promise<string> {
  let out = '';
  const process = client.run({
    kind: 'guest',
    args: ['busybox', 'sh', '-c', command],
    onStdout: (bytes) => void (out += new TextDecoder().decode(bytes)),
  });
  await process.exit;
  await client.release(process);
  return out;
}

/** Waits until a text was written to stdout. */
async function untilOutput(session: Session, text: string): Promise<void> {
  while (!session.output().includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('crun', () => {
  test('lies in memory that nobody can write to, not even root of the guest', async () => {
    const out = await inGuest(
      'sha256sum < /usr/bin/crun; echo x 2>&1 >> /usr/bin/crun; chmod 700 /usr/bin/crun; truncate -s 0 /usr/bin/crun; sha256sum < /usr/bin/crun',
    );
    const [before, after] = out.split('\n').filter((line) => line.endsWith('-'));
    expect(before).toMatch(/^[0-9a-f]{64} /);
    expect(after).toBe(before);
  });

  test('does not copy itself first: what runs is that memory', async () => {
    const session = start(['sleep', '60']);
    await session.process.started;

    const running = await inGuest(`crun exec ${session.name} sleep 60 & sleep 1; readlink /proc/$!/exe; kill $!`);

    session.process.kill(SIGKILL);
    await finish(session);
    expect(running).toBe('/memfd:/usr/bin/crun (deleted)\n');
  });
});

describe('a container', () => {
  test('has separate stdout and stderr, and its exit code is the program’s', async () => {
    expect(await finish(start(['sh', '-c', 'echo out; echo err >&2; exit 7']))).toEqual({
      status: { kind: 'exited', code: 7 },
      out: 'out\n',
      err: 'err\n',
    });
  });

  test('runs as the user, in the folder, with the environment and host name asked for', async () => {
    const change = { uid: 1000, gid: 100, additionalGids: [5], cwd: '/tmp', env: ['PATH=/bin', 'A=b c'] };
    const { out } = await finish(start(['sh', '-c', 'id -u; id -G; pwd; echo $A; hostname'], change));
    expect(out).toBe('1000\n100 5\n/tmp\nb c\nbox\n');
  });

  test('reads stdin to its end', async () => {
    const session = start(['md5sum'], {}, { stdin: true });
    const bytes = new Uint8Array(300_000).fill(0xf5);
    await session.process.write(bytes);
    session.process.end();
    expect((await finish(session)).out).toBe(`${createHash('md5').update(bytes).digest('hex')}  -\n`);
  });

  test('without stdin reads end of file', async () => {
    expect((await finish(start(['cat']))).status).toEqual({ kind: 'exited', code: 0 });
  });

  test('writes a megabyte that arrives whole', async () => {
    const { out } = await finish(start(['sh', '-c', 'yes 0123456789abcde | head -c 1048576']));
    expect(out.length).toBe(1048576);
    expect(out.endsWith('0123456789abcde\n')).toBe(true);
  });

  test('gets a signal that it handles', async () => {
    const session = start(['sh', '-c', 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done']);
    await untilOutput(session, 'ready');
    session.process.kill(SIGTERM);
    expect(await finish(session)).toMatchObject({ status: { kind: 'exited', code: 5 }, out: 'ready\nbye\n' });
  });

  test('killed by the host reports the signal', async () => {
    const session = start(['sleep', '1000']);
    await session.process.started;
    session.process.kill(9);
    const { status } = await finish(session);
    expect(status).toEqual({ kind: 'signalled', signal: 9 });
    expect(exitCodeOf(status)).toBe(137);
  });

  test('sees a volume both ways, and can’t write to a read-only one', async () => {
    const volumes = [
      { source: VOLUME, destination: '/data', readOnly: false },
      { source: VOLUME, destination: '/fixed', readOnly: true },
    ];
    const { out, err } = await finish(
      start(['sh', '-c', 'cat /data/from-host; echo back > /data/from-guest; echo no > /fixed/x'], { volumes }),
    );
    expect(out).toBe('hello from the host\n');
    expect(err).toContain('Read-only file system');
    expect(readFileSync(join(volume, 'from-guest'), 'utf8')).toBe('back\n');
  });

  test('leaves nothing in the guest after its release', async () => {
    const session = start(['true']);
    await session.process.exit;
    const traces = `busybox ls /run/crun /sys/fs/cgroup/vivarium /run/vivarium | busybox grep -e '^${session.name}$' -e '^${session.process.channel}$'`;
    expect(await inGuest(traces)).toContain(session.name);
    await client.release(session.process);
    await vi.waitFor(async () => expect(await inGuest(traces)).toBe(''), { timeout: 5000 });
  });

  test('a second process can join it', async () => {
    const session = start(['sh', '-c', 'echo ready; read line; echo got $line'], {}, { stdin: true });
    await untilOutput(session, 'ready');
    let out = '';
    const spec = {
      args: ['sh', '-c', 'hostname; echo $0 $$ > /tmp/joined; exit 4'],
      env: ['PATH=/bin'],
      cwd: '/',
      uid: 0,
      gid: 0,
    };
    const exec = client.run({
      kind: 'exec',
      name: session.name,
      process: runtimeProcess(spec),
      onStdout: (bytes) => void (out += new TextDecoder().decode(bytes)),
    });
    expect(await exec.exit).toEqual({ kind: 'exited', code: 4 });
    await client.release(exec);
    await session.process.write(new TextEncoder().encode('line\n'));
    expect(await finish(session)).toMatchObject({ status: { kind: 'exited', code: 0 }, out: 'ready\ngot line\n' });
    expect(out).toBe('box\n');
  });
});

describe('a program that can’t start', () => {
  test.each([
    ['is nowhere in PATH', ['nowhere'], 127],
    ['is not at its path', ['/bin/nowhere'], 127],
    ['has no interpreter', ['no-interpreter'], 127],
    ['has no execute permission', ['not-executable'], 126],
    ['is a folder', ['/etc'], 126],
    ['is no program', ['not-a-program'], 126],
  ])('%s', async (_, args, code) => {
    const { status, out, err } = await finish(start(args));
    expect(status).toMatchObject({ kind: 'start-failed', code });
    expect(out + err).toBe('');
  });
});

describe('a terminal', () => {
  test('has the size asked for, and follows a change', async () => {
    const session = start(
      ['sh', '-c', 'tty; stty size; trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.05; done'],
      {},
      { terminal: { columns: 100, rows: 30 } },
    );
    await untilOutput(session, 'ready');
    session.process.resize(90, 20);
    expect(await finish(session)).toMatchObject({
      status: { kind: 'exited', code: 3 },
      out: '/dev/pts/0\r\n30 100\r\nready\r\n20 90\r\n',
    });
  });

  test('turns Ctrl-C into SIGINT for the foreground program', async () => {
    const session = start(
      ['sh', '-c', 'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.05; done'],
      {},
      { terminal: { columns: 80, rows: 24 } },
    );
    await untilOutput(session, 'ready');
    await session.process.write(Uint8Array.of(3));
    expect(await finish(session)).toMatchObject({ status: { kind: 'exited', code: 9 } });
  });

  test('echoes what is typed', async () => {
    const session = start(['sh', '-c', 'read line; echo got $line'], {}, { terminal: { columns: 80, rows: 24 } });
    await session.process.write(new TextEncoder().encode('words\n'));
    expect((await finish(session)).out).toBe('words\r\ngot words\r\n');
  });
});

describe('the agent', () => {
  test('a program whose output nobody takes does not stall another', async () => {
    const stuck = start(['yes'], {}, { onStdout: () => new Promise(() => {}) });
    await stuck.process.started;
    expect((await finish(start(['echo', 'hi']))).out).toBe('hi\n');
    stuck.process.kill(9);
  });

  test('sets clock and host name, and takes entropy', async () => {
    await client.setClock(Date.UTC(2031, 0, 2, 3, 4, 5));
    await client.setHostname('lab');
    await client.addEntropy(new Uint8Array(32).fill(7));
    expect(await inGuest('busybox date -u +%F; busybox hostname')).toBe('2031-01-02\nlab\n');
  });

  test('reads and writes files of the kernel', async () => {
    await client.writeFile('/proc/sys/kernel/hostname', 'by-file');
    const name = new TextDecoder().decode(await client.readFile('/proc/sys/kernel/hostname'));
    expect([name, await inGuest('busybox hostname')]).toEqual(['by-file\n', 'by-file\n']);
  });

  test('has settings of cgroups taken, or says why not', async () => {
    await inGuest('busybox mkdir /sys/fs/cgroup/by-file');
    await client.writeFile('/sys/fs/cgroup/by-file/cgroup.freeze', '1');
    expect(new TextDecoder().decode(await client.readFile('/sys/fs/cgroup/by-file/cgroup.freeze'))).toBe('1\n');
    await expect(client.writeFile('/sys/fs/cgroup/by-file/cgroup.freeze', 'x')).rejects.toThrow('invalid argument');
    await inGuest('busybox rmdir /sys/fs/cgroup/by-file');
  });

  test('reads no file that is long, and nothing that is not a file', async () => {
    await expect(client.readFile('/init')).rejects.toThrow("the guest can't read /init: file too large");
    await expect(client.readFile('/dev/console')).rejects.toThrow('invalid argument');
    await expect(client.readFile('/proc')).rejects.toThrow('is a directory');
    await expect(client.writeFile('/proc/nowhere', '1')).rejects.toThrow('no such file');
  });

  test('gives as many files as are asked for at once', async () => {
    const all = await Promise.all(Array.from({ length: 500 }, () => client.readFile('/proc/version')));
    expect(new Set(all.map((bytes) => bytes.length)).size).toBe(1);
  });

  test('says why a mount fails', async () => {
    await expect(
      client.mount({ source: 'nothing', target: '/x', type: '9p', options: p9Options('loose') }),
    ).rejects.toThrow("the guest can't mount nothing on /x: no such file or directory");
  });

  test('a new session finds the programs of the old one and goes on with them', async () => {
    const before = start(['sh', '-c', 'echo ready; read line; echo $line'], {}, { stdin: true });
    await untilOutput(before, 'ready');
    guest.port.send(Uint8Array.of(40, 0, 0, 0, 0x22)); // half a frame, as a restore may leave it
    client = new AgentClient(guest.port);
    const info = await client.hello();
    let out = '';
    const state = info.channels.find((channel) => channel.name === before.name)!;
    const after = client.attach(state, { onStdout: (bytes) => void (out += new TextDecoder().decode(bytes)) });
    await after.write(new TextEncoder().encode('again\n'));
    expect(await after.exit).toEqual({ kind: 'exited', code: 0 });
    expect(out).toBe('again\n');
  });

  test.each(Object.entries(Request).filter(([name]) => name !== 'PING' && name !== 'ADD_ENTROPY'))(
    'survives a malformed %s, and obeys after a new hello',
    async (_, type) => {
      client = new AgentClient(guest.port);
      await client.hello({ reset: true });
      guest.port.send(encodeFrame(type, 1, Uint8Array.of(0xff)));
      client = new AgentClient(guest.port);
      await client.hello();
      expect(await client.ping(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3));
    },
  );

  test('survives noise, and obeys after a new hello', async () => {
    const noise = Uint8Array.from({ length: 500_000 }, (_, index) => (index * 2654435761) >>> 13);
    guest.port.send(noise);
    client = new AgentClient(guest.port);
    expect(await client.hello({ reset: true })).toMatchObject({ channels: [] });
  });

  test('powers the guest off', async () => {
    await client.powerOff();
    expect(await guest.exited).toBe(0);
  });
});
