/** What a computer asks of its guest, with a machine that is nothing but a fake agent. */
import { describe, expect, test, vi } from 'vitest';
import { Reply, Request } from '../../src/container/agent-protocol.ts';
import type { RuntimeProcess, RuntimeSpec } from '../../src/container/runtime-spec.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES } from '../../src/oci/tree.ts';
import { Computer } from '../../src/sandbox/computer.ts';
import type { ComputerOptions, ComputerParts, ComputerSnapshot } from '../../src/sandbox/computer-options.ts';
import type { PreparedImage } from '../../src/sandbox/image.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { FakeMachine } from '../support/fake-machine.ts';

const CODE = 0; // EXIT's `how`: docs/agent-protocol.md
const RUNNING = 2; // CHANNEL_STATE's state
const MIB = 2 ** 20;
const WRITEBACK = '/proc/sys/vm/dirty_writeback_centisecs';

const IMAGE: PreparedImage = {
  id: `sha256:${'1'.repeat(64)}` as Digest,
  reference: undefined,
  platform: { os: 'linux', architecture: 'amd64' },
  execution: {
    user: 'www',
    env: ['A=image', 'B=image'],
    entrypoint: ['entry'],
    cmd: ['default'],
    workingDir: '/srv',
    stopSignal: 'SIGUSR1',
    labels: new Map(),
    exposedPorts: [],
    volumes: [],
  },
  accounts: new Map([['/etc/passwd', new TextEncoder().encode('www:x:33:44::/var/www:/bin/sh\n')]]),
  layers: [{ path: '/cache/layer.erofs', byteCount: 8192 }],
  rootAttributes: DEFAULT_DIRECTORY_ATTRIBUTES,
  takesIdentity: ['hostname', 'hosts'],
};

function partsOf(machine: FakeMachine, change: Partial<ComputerParts> = {}): ComputerParts {
  machine.agent.confirms = true;
  for (const name of ['dirty_expire_centisecs', 'dirty_writeback_centisecs'])
    machine.agent.files.set(`/proc/sys/vm/${name}`, '500');
  const bytes = new Uint8Array(1);
  return {
    startMachine: machine.starter,
    core: bytes,
    readGuest: () => Promise.resolve({ kernel: bytes, initramfs: bytes }),
    prepareImage: () => Promise.resolve(IMAGE),
    ...change,
  };
}

/** The channel and specification of the latest SPAWN, which is waited for. */
async function spawned<T>(machine: FakeMachine): Promise<{ channel: number; spec: T }> {
  const frame = await vi.waitUntil(() => machine.agent.frames.find(({ type }) => type === Request.SPAWN));
  const spec = JSON.parse(new TextDecoder().decode(machine.agent.received(Request.SPEC))) as T;
  machine.agent.frames = [];
  return { channel: frame.channel, spec };
}

/** A computer whose container has started, with what it was started with. */
async function start(options: Partial<ComputerOptions> = {}, change: Partial<ComputerParts> = {}) {
  const machine = new FakeMachine();
  const starting = Computer.start(partsOf(machine, change), { image: 'image.tar', ...options });
  const { channel, spec } = await spawned<RuntimeSpec>(machine);
  machine.agent.started(channel, 77);
  return { machine, keeper: channel, spec, computer: await starting };
}

type Started = Awaited<ReturnType<typeof start>>;

/** A CHANNEL_STATE of a program that runs. */
function channelState(pid: number): Uint8Array {
  const state = new Uint8Array(4 + 4 + 4 + 4 + 24 + 2);
  state[0] = RUNNING;
  new DataView(state.buffer).setUint32(8, pid, true);
  return state;
}

describe('a computer', () => {
  test('has a first process that waits, as root, and a disk in memory', async () => {
    const { machine, spec } = await start({ storageBytes: 64 * MIB, diskMemoryBytesMax: 32 * MIB });

    expect(spec.process).toMatchObject({ args: ['/sbin/docker-init', '--wait'], user: { uid: 0, gid: 0 }, cwd: '/' });
    expect(spec.mounts).toContainEqual(expect.objectContaining({ destination: '/sbin/docker-init' }));
    expect(spec.hostname).toBe('computer');
    expect(machine.disks[1]).toMatchObject({
      kind: 'chunks',
      byteCount: 64 * MIB,
      bytesMax: 32 * MIB,
      keep: undefined,
    });
  });

  test('starts programs as the image has it, with its own and their environment over that', async () => {
    const { machine, computer } = await start({ env: ['B=computer', 'C=computer'], isolation: { capDrop: ['ALL'] } });
    const running = computer.spawn({ args: ['x', 'y'], env: ['C=program'], tty: { columns: 90, rows: 30 } });
    const { channel, spec } = await spawned<RuntimeProcess>(machine);
    machine.agent.started(channel);
    await running;

    expect(spec).toMatchObject({
      args: ['x', 'y'],
      cwd: '/srv',
      user: { uid: 33, gid: 44 },
      terminal: true,
      consoleSize: { width: 90, height: 30 },
      capabilities: { bounding: [] },
    });
    expect(spec.env).toEqual(expect.arrayContaining(['A=image', 'B=computer', 'C=program', 'HOSTNAME=computer']));
  });

  test('lets the guest forget a program that has ended', async () => {
    const { machine, computer } = await start();
    const running = computer.spawn({ args: ['x'] });
    const { channel } = await spawned(machine);
    machine.agent.started(channel);
    machine.agent.exit(channel, CODE, 0);
    await (
      await running
    ).exit;

    await vi.waitUntil(() => machine.agent.frames.some(({ type }) => type === Request.RELEASE));
    expect(machine.agent.frames.filter(({ type }) => type === Request.RELEASE).map((frame) => frame.channel)).toEqual([
      channel,
    ]);
  });

  test('keeps of what a program writes only so much, and drops the rest', async () => {
    const { machine, computer } = await start();
    const running = computer.run({ args: ['x'], outputBytesMax: 5 });
    const { channel } = await spawned(machine);
    machine.agent.started(channel);
    machine.agent.output(Reply.STDOUT, channel, 'abcd');
    machine.agent.output(Reply.STDOUT, channel, 'efgh');
    machine.agent.output(Reply.STDERR, channel, '12345');
    machine.agent.exit(channel, CODE, 1);
    const { stdout, stderr, truncated, timedOut, exit } = await running;

    expect([Buffer.from(stdout).toString(), Buffer.from(stderr).toString()]).toEqual(['abcde', '12345']);
    expect([truncated, timedOut, exit]).toEqual([true, false, { kind: 'exited', exitCode: 1 }]);
  });

  test('refuses a time or a terminal that can not be', async () => {
    const { computer } = await start();

    await expect(computer.run({ args: ['x'], timeoutMs: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(computer.spawn({ args: ['x'], tty: { columns: -1, rows: 1 } })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  test('fails when its first process ends, or its machine', async () => {
    const first = await start();
    const second = await start();
    first.machine.agent.exit(first.keeper, CODE, 0);
    second.machine.end({ kind: 'triple-fault', dump: '' });

    await expect(first.computer.failure).rejects.toMatchObject({ code: 'GUEST_STOPPED' });
    await expect(second.computer.failure).rejects.toMatchObject({ code: 'TRIPLE_FAULT' });
  });
});

describe('a computer that goes back', () => {
  /** Has the agent tell that it runs these programs, once it is greeted anew. */
  async function restore({ machine, computer, keeper }: Started, snapshot: ComputerSnapshot, programs: number[]) {
    machine.agent.greets = false;
    const restoring = computer.restore(snapshot);
    await vi.waitUntil(() => machine.agent.hellos.length === 2);
    machine.agent.frames = [];
    const numbers = [keeper, ...programs];
    machine.agent.welcome({ channels: numbers.map((number) => channelState(100 + number)), numbers });
    await restoring;
  }

  /** A program that runs, and its channel. */
  async function spawn({ machine, computer }: Started) {
    const running = computer.spawn({ args: ['x'] });
    const { channel } = await spawned(machine);
    machine.agent.started(channel);
    return { channel, process: await running };
  }

  test('greets the agent anew, puts clock and random numbers right, and follows its first process', async () => {
    const started = await start();
    const { machine, computer, keeper } = started;

    await restore(started, await computer.save(), []);

    expect(machine.checkpointOrders).toEqual(['keep', 'back 0']);
    expect(machine.agent.frames.map(({ type }) => type)).toEqual(
      expect.arrayContaining([Request.SET_CLOCK, Request.ADD_ENTROPY]),
    );
    machine.agent.exit(keeper, CODE, 0);
    await expect(computer.failure).rejects.toMatchObject({ code: 'GUEST_STOPPED' });
  });

  test('goes on with programs from before, and rejects those started since and what is run to its end', async () => {
    const started = await start();
    const { machine, computer } = started;
    const before = await spawn(started);
    const run = computer.run({ args: ['y'] });
    run.catch(() => {});
    const { channel: runChannel } = await spawned(machine);
    machine.agent.started(runChannel);
    const snapshot = await computer.save();
    const since = await spawn(started);

    await restore(started, snapshot, [before.channel, runChannel]);
    machine.agent.output(Reply.STDOUT, before.channel, 'still here');
    machine.agent.output(Reply.STDOUT, runChannel, 'nobody listens');
    machine.agent.exit(runChannel, CODE, 0);

    await expect(since.process.exit).rejects.toMatchObject({ code: 'RESTORED' });
    await expect(run).rejects.toMatchObject({ code: 'RESTORED' });
    const { value } = await before.process.stdout.getReader().read();
    expect(Buffer.from(value!).toString()).toBe('still here');
    await vi.waitUntil(() => machine.agent.frames.some(({ type }) => type === Request.RELEASE));
  });

  test('grants output anew to each program that the agent knows', async () => {
    const started = await start();
    const { machine, computer, keeper } = started;
    const { channel } = await spawn(started);

    await restore(started, await computer.save(), [channel, 1000]);

    const granted = machine.agent.frames.filter(({ type }) => type === Request.CREDIT);
    expect([...new Set(granted.map((frame) => frame.channel))]).toEqual([keeper, channel, 1000]);
  });

  test('does not when the snapshot was released, and releases it once', async () => {
    const { machine, computer } = await start();
    const snapshot = await computer.save();
    await snapshot.release();
    await snapshot.release();

    await expect(computer.restore(snapshot)).rejects.toMatchObject({
      code: 'BAD_STATE',
      message: 'the saved state was released; save the computer again',
    });
    expect(machine.checkpointOrders).toEqual(['keep', 'release 0']);
  });

  test('can not when it was closed', async () => {
    const { computer } = await start();
    const snapshot = await computer.save();
    await computer.close();

    await expect(computer.restore(snapshot)).rejects.toMatchObject({ code: 'GUEST_STOPPED' });
    await expect(computer.save()).rejects.toMatchObject({ code: 'GUEST_STOPPED' });
  });

  test('does not with the snapshot of another computer', async () => {
    const [first, second] = [await start(), await start()];
    const snapshot = await first.computer.save();

    await expect(second.computer.restore(snapshot)).rejects.toMatchObject({ code: 'BAD_STATE' });
    expect(second.machine.checkpointOrders).toEqual([]);
  });
});

describe('a computer that is kept', () => {
  const kept = (change: Partial<NonNullable<ComputerParts['kept']>> = {}) => ({
    folder: '/kept',
    remove: () => Promise.resolve(),
    ...change,
  });

  test('has a disk of its name, made for its image and size, which soon gets what is written', async () => {
    const { machine } = await start({ keep: 'lab.1', storageBytes: 64 * MIB }, { kept: kept() });

    expect(machine.disks[1]).toMatchObject({
      kind: 'chunks',
      keep: {
        place: '/kept/lab.1',
        name: 'lab.1',
        identity: { image: IMAGE.id, size: String(64 * MIB), 'host name': 'computer' },
      },
    });
    expect(machine.agent.files.get(WRITEBACK)).toBe('100');
  });

  test('has the lock of its name until it is closed, or was not started', async () => {
    const seen: string[] = [];
    const lock = (name: string) => {
      seen.push(`lock ${name}`);
      return Promise.resolve(() => Promise.resolve(void seen.push(`unlock ${name}`)));
    };
    const failing = new FakeMachine();
    const noImage = new VivariumError(ErrorCodes.NOT_FOUND, 'no such image');
    const parts = partsOf(failing, { kept: kept({ lock }), prepareImage: () => Promise.reject(noImage) });

    await expect(Computer.start(parts, { image: 'x', keep: 'a' })).rejects.toBe(noImage);

    expect(seen).toEqual(['lock a', 'unlock a']);
  });

  test('is refused where nothing can be kept, or under a name that is a path', async () => {
    const machine = new FakeMachine();

    await expect(Computer.start(partsOf(machine), { image: 'x', keep: 'a' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(
      Computer.start(partsOf(machine, { kept: kept() }), { image: 'x', keep: '../a' }),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('is told of trouble with its disk', async () => {
    const troubles: Error[] = [];
    const { machine } = await start({ onTrouble: (error) => troubles.push(error) });
    const full = new VivariumError(ErrorCodes.NO_SPACE, 'full');

    machine.onDiskTrouble!(full);

    expect(troubles).toEqual([full]);
  });
});
