import type { Digest } from '../../src/oci/digest.ts';
/** What a sandbox asks of the guest, with a machine that is nothing but a fake agent. */
import { describe, expect, test, vi } from 'vitest';
import { Request } from '../../src/container/agent-protocol.ts';
import { DEFAULT_ISOLATION } from '../../src/container/isolation/options.ts';
import type { RuntimeSpec } from '../../src/container/runtime-spec.ts';
import type { ImageRequest, PreparedImage, PrepareImage } from '../../src/sandbox/image.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES } from '../../src/oci/tree.ts';
import type { RunOptions } from '../../src/sandbox/run-options.ts';
import { Sandbox } from '../../src/sandbox/sandbox.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { FakeMachine } from '../support/fake-machine.ts';

const CODE = 0; // EXIT's `how`: docs/agent-protocol.md
const START_FAILED = 2;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const IMAGE: PreparedImage = {
  id: `sha256:${'1'.repeat(64)}` as Digest,
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
  layers: [
    { path: '/cache/lower.erofs', byteCount: 8192 },
    { path: '/cache/upper.erofs', byteCount: 4096 },
  ],
  rootAttributes: { ...DEFAULT_DIRECTORY_ATTRIBUTES, mode: 0o711 },
  takesIdentity: ['hostname', 'hosts'],
};

function create(image: Partial<PreparedImage> | PrepareImage = {}) {
  const machine = new FakeMachine();
  const requests: ImageRequest[] = [];
  machine.agent.confirms = true;
  const bytes = new Uint8Array(1);
  const sandbox = new Sandbox({
    startMachine: machine.starter,
    core: bytes,
    readGuest: () => ({ kernel: bytes, initramfs: bytes }),
    prepareImage: (request) => {
      requests.push(request);
      return typeof image === 'function' ? image(request) : Promise.resolve({ ...IMAGE, ...image });
    },
    scratchFolder: '/scratch',
  });
  return { machine, sandbox, requests };
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
async function run(options: Partial<RunOptions> = {}, image: Partial<PreparedImage> = {}) {
  const { machine, sandbox, requests } = create(image);
  const running = sandbox.run({ image: 'image.tar', ...options });
  const { channel, spec } = await spawned(machine);
  machine.agent.started(channel);
  return { machine, sandbox, requests, channel, spec, process: await running };
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
    expect(spec.root).toEqual({ path: `/run/vivarium/rootfs/${spec.hostname}`, readonly: false });
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

  test('mounts the layers and a disk of its own over each other', async () => {
    const { machine, spec, requests } = await run({ platform: 'linux/amd64', storageBytes: 64 << 20 });
    const id = spec.hostname;

    expect(requests).toMatchObject([{ image: 'image.tar', platform: 'linux/amd64' }]);
    expect(machine.disks).toMatchObject([
      {
        kind: 'extents',
        serial: `image-${id}`,
        extents: expect.arrayContaining([
          { offset: 20480, path: '/cache/lower.erofs' },
          { offset: 28672, path: '/cache/upper.erofs' },
        ]) as unknown,
      },
      { kind: 'scratch', serial: `disk-${id}`, folder: '/scratch', byteCount: 64 << 20 },
    ]);
    expect(machine.agent.mounts()).toEqual([
      [1, `disk:image-${id}:1`, '/run/vivarium/layers/0', 'erofs', ''],
      [1, `disk:image-${id}:2`, '/run/vivarium/layers/1', 'erofs', ''],
      [0, `disk:disk-${id}`, `/run/vivarium/disks/${id}`, 'ext4', ''],
      [
        0,
        'overlay',
        `/run/vivarium/rootfs/${id}`,
        'overlay',
        `lowerdir=/run/vivarium/layers/1:/run/vivarium/layers/0,upperdir=/run/vivarium/disks/${id}/upper,workdir=/run/vivarium/disks/${id}/work,xino=auto,redirect_dir=off`,
      ],
    ]);
  });

  test('of an image without layers has a disk of its own alone', async () => {
    const { machine, spec } = await run({}, { layers: [] });
    const id = spec.hostname;

    expect(machine.disks).toMatchObject([{ serial: `disk-${id}` }]);
    expect(machine.agent.mounts().at(-1)).toEqual([
      16,
      `/run/vivarium/disks/${id}/upper`,
      `/run/vivarium/rootfs/${id}`,
      '',
      '',
    ]);
  });

  test('binds the files that say who it is over those that the image can have', async () => {
    const bound = async (image: Partial<PreparedImage>): Promise<string[]> =>
      (await run({}, image)).spec.mounts
        .map(({ destination }) => destination)
        .filter((path) => path.startsWith('/etc'));

    expect(await bound({})).toEqual(['/etc/hostname', '/etc/hosts']);
    expect(await bound({ takesIdentity: ['hosts'] })).toEqual(['/etc/hosts']);
  });

  test('leaves a volume alone that is in the place of such a file or of its folder', async () => {
    const boundWith = async (guestPath: string): Promise<string[]> =>
      (await run({ volumes: [{ hostPath: '/host', guestPath }] })).spec.mounts
        .map(({ destination }) => destination)
        .filter((path) => path.startsWith('/etc'));

    expect(await boundWith('/etc/')).toEqual(['/etc']);
    expect(await boundWith('/etc/hosts')).toEqual(['/etc/hostname', '/etc/hosts']);
    expect((await run({ volumes: [{ hostPath: '/host', guestPath: '/etc/hosts' }] })).spec.mounts.at(-1)).toMatchObject(
      {
        source: '/run/vivarium/vol0',
      },
    );
  });

  test('shares folders of the host and binds them in the container', async () => {
    const { machine, spec } = await run({
      hostname: 'box',
      volumes: [{ hostPath: '/host', guestPath: '/data/', readOnly: true }],
    });

    expect(machine.devices?.shares).toEqual([{ tag: 'vol0', kind: 'host', folder: '/host', readOnly: true }]);
    expect(spec.mounts).toContainEqual({
      destination: '/data',
      type: 'bind',
      source: '/run/vivarium/vol0',
      options: ['rbind', 'rprivate', 'ro'],
    });
  });

  test('has the limits and rights that are asked for, and the groups by name', async () => {
    const isolation = {
      ...DEFAULT_ISOLATION,
      limits: { pidsLimit: 5 },
      readOnlyRootfs: true,
      groupAdd: ['audio', '9'],
    };
    const accounts = new Map([...IMAGE.accounts, ['/etc/group', text('audio:x:29:\n')] as const]);
    const { spec } = await run({ isolation }, { accounts });

    expect(spec.linux.resources.pids).toEqual({ limit: 5 });
    expect(spec.root.readonly).toBe(true);
    expect(spec.process.user.additionalGids).toEqual([44, 29, 9]);
    expect(spec.mounts.find(({ destination }) => destination === '/etc/hosts')?.options).toContain('ro');
  });

  test('of an image that does not know a group fails', async () => {
    const { sandbox } = create();
    const isolation = { ...DEFAULT_ISOLATION, groupAdd: ['audio'] };

    await expect(sandbox.run({ image: 'image.tar', isolation })).rejects.toMatchObject({ code: 'NOT_FOUND' });
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

  test('stops the program by the signal that is asked for', async () => {
    const { machine, process } = await run({ stopSignal: 'SIGUSR2' });

    process.kill();

    expect([...machine.agent.received(Request.SIGNAL)]).toEqual([12, 0, 0, 0]);
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

  test('of an image that does not know the user fails, and the machine is gone', async () => {
    const { machine, sandbox } = create();

    await expect(sandbox.run({ image: 'image.tar', user: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });

    expect([machine.isTerminated, machine.devices]).toEqual([true, undefined]);
  });

  test('of an image that is none does not wait for the guest to boot', async () => {
    const { machine, sandbox } = create(() => Promise.reject(new VivariumError(ErrorCodes.BAD_IMAGE, 'no image')));
    machine.agent.greets = false;

    await expect(sandbox.run({ image: 'image.tar' })).rejects.toMatchObject({ code: 'BAD_IMAGE' });

    expect(machine.isTerminated).toBe(true);
  });

  test('whose guest crashes before it has booted gives up the image', async () => {
    let signal: AbortSignal | undefined;
    const { machine, sandbox } = create((request) => {
      signal = request.signal;
      return new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(new Error('given up'))));
    });
    machine.agent.greets = false;
    const running = expect(sandbox.run({ image: 'image.tar' })).rejects.toMatchObject({ code: 'TRIPLE_FAULT' });
    await vi.waitUntil(() => machine.agent.hellos.length > 0);

    machine.end({ kind: 'triple-fault', dump: 'cpu 0' });

    await running;
    expect(signal?.aborted).toBe(true);
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
    [{ storageBytes: 1000 }, 'USAGE'],
    [{ isolation: { ...DEFAULT_ISOLATION, capAdd: ['X'] } }, 'USAGE'],
    [
      { isolation: { ...DEFAULT_ISOLATION, tmpfs: { '/a/': '' } }, volumes: [{ hostPath: '/a', guestPath: '/a' }] },
      'USAGE',
    ],
  ])('%j are refused before a machine is made', async (options, code) => {
    const { machine, sandbox } = create();

    await expect(sandbox.run({ image: 'image.tar', ...options })).rejects.toMatchObject({ code });
    expect(machine.start).toBeUndefined();
  });
});
