import { afterEach, describe, expect, test, vi } from 'vitest';
import { Request } from '../../src/container/agent-protocol.ts';
import { Guest } from '../../src/container/guest.ts';
import type { GuestOptions } from '../../src/container/guest.ts';
import { FakeMachine } from '../support/fake-machine.ts';

afterEach(() => {
  vi.useRealTimers();
});

const config = { core: new Uint8Array(), ramBytes: 1 << 26, boot: { kernel: new Uint8Array(), commandLine: '' } };

function start(machine: FakeMachine, more: Partial<GuestOptions> = {}): Promise<Guest> {
  return Guest.start({ startMachine: machine.starter, config, shares: [], ...more });
}

describe('a guest', () => {
  test('mounts its shares in order when the agent answers', async () => {
    const machine = new FakeMachine();
    const shares = [
      { share: { tag: 'rootfs', kind: 'image' }, cache: 'loose', readOnly: false },
      { share: { tag: 'vol0', kind: 'host' }, cache: 'mmap', readOnly: true },
    ] as const;
    const guest = await start(machine, { shares });
    machine.agent.confirms = true;

    await guest.ready();

    const mounts = machine.agent.frames
      .filter((frame) => frame.type === Request.MOUNT)
      .map((frame) => new TextDecoder('latin1').decode(frame.payload));
    expect(machine.start.config.shares).toEqual(shares.map(({ share }) => share));
    expect(mounts[0]).toMatch(/rootfs.*\/run\/vivarium\/rootfs.*9p.*cache=loose$/);
    expect(mounts[1]).toMatch(/vol0.*\/run\/vivarium\/vol0.*9p.*cache=mmap$/);
    expect([mounts[0]!.charCodeAt(0), mounts[1]!.charCodeAt(0)]).toEqual([0, 1]);
  });

  test('that crashes fails what waits for it', async () => {
    const machine = new FakeMachine();
    machine.agent.greets = false;
    const guest = await start(machine);
    const ready = expect(guest.ready()).rejects.toMatchObject({ code: 'TRIPLE_FAULT', dump: 'cpu 0' });

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
    const ready = expect(guest.ready()).rejects.toThrow('enough');

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
