/** What a sandbox asks of the guest, with a machine that is nothing but a fake agent. */
import { describe, expect, test, vi } from 'vitest';
import { Request } from '../../src/container/agent-protocol.ts';
import type { RuntimeSpec } from '../../src/container/runtime-spec.ts';
import type { ImageDetails } from '../../src/sandbox/image-share.ts';
import type { RunOptions } from '../../src/sandbox/run-options.ts';
import { Sandbox } from '../../src/sandbox/sandbox.ts';
import { FakeMachine } from '../support/fake-machine.ts';

const CODE = 0; // EXIT's `how`: docs/agent-protocol.md
const START_FAILED = 2;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const DETAILS: ImageDetails = {
  reference: undefined,
  platform: { os: 'linux', architecture: 'amd64' },
  execution: {
    user: 'www',
    env: ['A=image'],
    entrypoint: ['entry'],
    cmd: ['default'],
    workingDir: '/srv',
    stopSignal: 'SIGUSR1',
    labels: new Map(),
    exposedPorts: [],
    volumes: [],
  },
  accounts: new Map([['/etc/passwd', text('www:x:33:44::/var/www:/bin/sh\n')]]),
};

function create(): { machine: FakeMachine; sandbox: Sandbox } {
  const machine = new FakeMachine();
  machine.shareDetails = [DETAILS];
  machine.agent.confirms = true;
  const bytes = new Uint8Array(1);
  const sandbox = new Sandbox({
    startMachine: machine.starter,
    core: bytes,
    readGuest: () => ({ kernel: bytes, initramfs: bytes }),
    layerCache: '/cache',
  });
  return { machine, sandbox };
}

/** Waits for the SPAWN and gives its channel and specification. */
async function spawned(machine: FakeMachine): Promise<{ channel: number; spec: RuntimeSpec }> {
  const frame = await vi.waitUntil(() => machine.agent.frames.find(({ type }) => type === Request.SPAWN));
  return {
    channel: frame.channel,
    spec: JSON.parse(new TextDecoder().decode(machine.agent.received(Request.SPEC))) as RuntimeSpec,
  };
}

/** Runs a program that the agent says has started. */
async function run(options: Partial<RunOptions> = {}) {
  const { machine, sandbox } = create();
  const running = sandbox.run({ image: 'image.tar', ...options });
  const { channel, spec } = await spawned(machine);
  machine.agent.started(channel);
  return { machine, sandbox, channel, spec, process: await running };
}

describe('a run', () => {
  test("starts what the image says, as the image's user", async () => {
    const { spec } = await run();

    expect(spec.process).toMatchObject({
      args: ['entry', 'default'],
      cwd: '/srv',
      user: { uid: 33, gid: 44 },
      terminal: false,
    });
    expect(spec.process.env).toEqual(expect.arrayContaining(['A=image', 'HOME=/var/www', `HOSTNAME=${spec.hostname}`]));
    expect(spec.root).toEqual({ path: '/run/vivarium/rootfs', readonly: false });
  });

  test('starts what the user says instead', async () => {
    const { spec } = await run({
      command: ['x'],
      entrypoint: ['y'],
      env: ['A=user'],
      cwd: '/',
      user: '7:8',
      hostname: 'box',
      tty: { columns: 90, rows: 30 },
    });

    expect(spec.process).toMatchObject({
      args: ['y', 'x'],
      cwd: '/',
      user: { uid: 7, gid: 8 },
      terminal: true,
      consoleSize: { width: 90, height: 30 },
    });
    expect(spec.process.env).toEqual(expect.arrayContaining(['A=user', 'HOSTNAME=box', 'TERM=xterm']));
    expect(spec.hostname).toBe('box');
  });

  test('shares folders of the host and binds them in the container', async () => {
    const { machine, spec } = await run({
      hostname: 'box',
      volumes: [{ hostPath: '/host', guestPath: '/data/', readOnly: true }],
    });

    expect(machine.devices?.shares).toEqual([
      { tag: 'rootfs', kind: 'image', image: 'image.tar', layerCache: '/cache', hostname: 'box' },
      { tag: 'vol0', kind: 'host', folder: '/host', readOnly: true },
    ]);
    expect(spec.mounts.at(-1)).toEqual({
      destination: '/data',
      type: 'bind',
      source: '/run/vivarium/vol0',
      options: ['rbind', 'rprivate', 'ro'],
    });
  });

  test('gives the program its end and its output', async () => {
    const { machine, channel, process } = await run();
    machine.agent.stdout(channel, 3);
    machine.agent.exit(channel, CODE, 42);

    const { value } = await process.stdout.getReader().read();

    expect(value).toEqual(new Uint8Array(3));
    expect(await process.exit).toEqual({ kind: 'exited', exitCode: 42 });
  });

  test("stops the program by the image's signal", async () => {
    const { machine, process } = await run();

    process.kill();
    process.kill('KILL');

    expect([...machine.agent.received(Request.SIGNAL)]).toEqual([10, 0, 0, 0, 9, 0, 0, 0]);
  });

  test('of a program that is not there ends with 127, and the machine is gone', async () => {
    const { machine, sandbox } = create();
    const running = expect(sandbox.run({ image: 'image.tar' })).rejects.toMatchObject({
      code: 'START_FAILED',
      exitCode: 127,
    });
    const { channel } = await spawned(machine);

    machine.agent.exit(
      channel,
      START_FAILED,
      0,
      '{"msg":"executable file `entry` not found in $PATH: No such file or directory"}',
    );

    await running;
    expect(machine.isTerminated).toBe(true);
  });

  test('whose guest crashes rejects the exit with the reason', async () => {
    const { machine, process } = await run();

    machine.end({ kind: 'triple-fault', dump: 'cpu 0' });

    await expect(process.exit).rejects.toMatchObject({ code: 'TRIPLE_FAULT', dump: 'cpu 0' });
  });

  test('of an image that does not know the user fails before the program starts', async () => {
    const { machine, sandbox } = create();

    await expect(sandbox.run({ image: 'image.tar', user: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect([machine.agent.frames, machine.isTerminated]).toEqual([[], true]);
  });

  test('that is aborted ends with the reason', async () => {
    const { machine, sandbox } = create();
    machine.agent.greets = false;
    const abort = new AbortController();
    const running = expect(sandbox.run({ image: 'image.tar', signal: abort.signal })).rejects.toThrow('enough');
    await vi.waitUntil(() => machine.agent.hellos.length > 0);

    abort.abort(new Error('enough'));

    await running;
    expect(machine.isTerminated).toBe(true);
  });
});

describe('options', () => {
  test.each<[Partial<RunOptions>, string]>([
    [{ memoryBytes: 1 << 20 }, 'BAD_MEMORY_SIZE'],
    [{ hostname: '' }, 'USAGE'],
    [{ hostname: 'x'.repeat(65) }, 'USAGE'],
    [{ tty: { columns: -1, rows: 1 } }, 'USAGE'],
    [{ volumes: [{ hostPath: '/a', guestPath: 'b' }] }, 'USAGE'],
    [{ volumes: Array.from({ length: 21 }, (_, index) => ({ hostPath: '/a', guestPath: `/${index}` })) }, 'LIMIT'],
  ])('%j are refused before a machine is made', async (options, code) => {
    const { machine, sandbox } = create();

    await expect(sandbox.run({ image: 'image.tar', ...options })).rejects.toMatchObject({ code });
    expect(machine.start).toBeUndefined();
  });
});
