import { afterEach, describe, expect, test, vi } from 'vitest';
import { Reply, Request } from '../../src/container/agent-protocol.ts';
import { Guest } from '../../src/container/guest.ts';
import type { GuestOptions } from '../../src/container/guest.ts';
import { FakeMachine } from '../support/fake-machine.ts';

afterEach(() => {
  vi.useRealTimers();
});

const config = { core: new Uint8Array(), ramBytes: 1 << 26, boot: { kernel: new Uint8Array(), commandLine: '' } };

function start(machine: FakeMachine, more: Partial<GuestOptions> = {}): Promise<Guest> {
  return Guest.start({ startMachine: machine.starter, config, ...more });
}

describe('a guest', () => {
  test('finds its devices and mounts its shares in order', async () => {
    const machine = new FakeMachine();
    const shares = [
      { share: { tag: 'rootfs', kind: 'image' }, cache: 'loose', readOnly: false },
      { share: { tag: 'vol0', kind: 'host' }, cache: 'mmap', readOnly: true },
    ] as const;
    const guest = await start(machine);
    machine.agent.confirms = true;

    await guest.booted();
    await guest.attach(await guest.prepare({ shares }));

    const mounts = machine.agent.frames
      .filter((frame) => frame.type === Request.MOUNT)
      .map((frame) => new TextDecoder('latin1').decode(frame.payload));
    expect(machine.devices).toEqual({ disks: [], shares: shares.map(({ share }) => share) });
    expect(machine.agent.frames.map(({ type }) => type)).toEqual([Request.RESCAN, Request.MOUNT, Request.MOUNT]);
    expect(machine.attachedAfter).toBe(0);
    expect(mounts[0]).toMatch(/rootfs.*\/run\/vivarium\/rootfs.*9p.*cache=loose$/);
    expect(mounts[1]).toMatch(/vol0.*\/run\/vivarium\/vol0.*9p.*cache=mmap$/);
    expect([mounts[0]!.charCodeAt(0), mounts[1]!.charCodeAt(0)]).toEqual([0, 1]);
  });

  test('is asked for all that it is to mount at once, before it has answered', async () => {
    const machine = new FakeMachine();
    const shares = [{ share: { tag: 'vol0', kind: 'host' }, cache: 'mmap', readOnly: false }] as const;
    const mounts = [{ source: 'disk:own', target: '/disk', type: 'ext4' }];
    const guest = await start(machine);
    await guest.booted();
    const prepared = await guest.prepare({ shares });

    const plan = {
      disks: [],
      mounts,
      path: '/root',
      upper: '/disk/upper',
      lowers: [],
      filePath: (name: string) => name,
    };
    const attached = guest.attach(prepared, plan);
    const asked = await vi.waitUntil(() => machine.agent.frames.length === 3 && [...machine.agent.frames]);
    for (const { channel } of asked) machine.agent.send(Reply.OK, channel);
    await attached;

    expect(asked.map(({ type }) => type)).toEqual([Request.RESCAN, Request.MOUNT, Request.MOUNT]);
    expect(asked.map(({ payload }) => /vol0|disk:own/.exec(new TextDecoder('latin1').decode(payload))?.[0])).toEqual([
      undefined,
      'vol0',
      'disk:own',
    ]);
  });

  test('that goes on from a snapshot is given the time and randomness', async () => {
    const machine = new FakeMachine();
    machine.agent.confirms = true;
    const restore = { kind: 'file', path: 'x', identity: {} } as const;
    const guest = await start(machine, { config: { core: new Uint8Array(), ramBytes: 1 << 26, restore } });

    await guest.booted();

    const entropy = machine.agent.received(Request.ADD_ENTROPY);
    const clock = new DataView(machine.agent.received(Request.SET_CLOCK).buffer);
    expect([entropy.length, new Set(entropy).size > 20]).toEqual([64, true]);
    expect([clock.getBigUint64(0, true), clock.getUint32(8, true)]).toEqual([1_800_000_000n, 250_000_000]);
  });

  test('that boots keeps its own time and randomness', async () => {
    const machine = new FakeMachine();
    machine.agent.confirms = true;
    const guest = await start(machine);

    await guest.booted();

    expect(machine.agent.frames).toEqual([]);
  });

  test('that crashes fails what waits for it', async () => {
    const machine = new FakeMachine();
    machine.agent.greets = false;
    const guest = await start(machine);
    const ready = expect(guest.booted()).rejects.toMatchObject({ code: 'TRIPLE_FAULT', dump: 'cpu 0' });

    machine.end({ kind: 'triple-fault', dump: 'cpu 0' });

    await ready;
  });

  test('that panics and resets tells the reason', async () => {
    const machine = new FakeMachine();
    const guest = await start(machine);
    const failure = expect(guest.failure).rejects.toMatchObject({
      message: 'the guest kernel panicked: no init',
      dump: 'cpu 0',
    });

    machine.print('Kernel panic - not syncing: no init\n');
    machine.end({ kind: 'reset', dump: 'cpu 0' });

    await failure;
  });

  test('that panics and does not reset is not waited for', async () => {
    vi.useFakeTimers();
    const machine = new FakeMachine();
    const guest = await start(machine);
    const failure = expect(guest.failure).rejects.toMatchObject({ code: 'GUEST_PANIC', dump: 'cpu 0: as it stands' });

    machine.print('Kernel panic - not syncing: no init\n');
    await vi.advanceTimersByTimeAsync(2000);

    await failure;
  });

  test('hands on what its kernel prints', async () => {
    const machine = new FakeMachine();
    const printed: string[] = [];
    await start(machine, { onConsole: (bytes) => void printed.push(new TextDecoder().decode(bytes)) });

    machine.print('Linux version\n');

    expect(printed).toEqual(['Linux version\n']);
  });

  test('gives up when asked, while it boots', async () => {
    const machine = new FakeMachine();
    machine.agent.greets = false;
    const abort = new AbortController();
    const guest = await start(machine, { signal: abort.signal });
    const ready = expect(guest.booted()).rejects.toThrow('enough');

    abort.abort(new Error('enough'));

    await ready;
  });

  test('that is closed has not failed, and leaves no machine', async () => {
    const machine = new FakeMachine();
    const guest = await start(machine);
    const failed = vi.fn();
    guest.failure.catch(failed);

    await guest.close();

    expect([machine.isTerminated, failed.mock.calls.length]).toEqual([true, 0]);
  });
});
