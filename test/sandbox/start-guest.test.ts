/** When a guest boots, when it goes on from a snapshot, and when one is saved: with machines that are fake agents. */
import { describe, expect, test } from 'vitest';
import { Request } from '../../src/container/agent-protocol.ts';
import type { MachineStart, StartMachine } from '../../src/container/guest-machine.ts';
import { startGuest, type SnapshotStore, type StartGuestOptions } from '../../src/sandbox/start-guest.ts';
import type { MachineSnapshot, SnapshotIdentity } from '../../src/worker/protocol.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { FakeMachine } from '../support/fake-machine.ts';

class FakeStore implements SnapshotStore {
  readonly parts = { kernel: 'k' };
  readonly saved: { identity: SnapshotIdentity; snapshot: MachineSnapshot }[] = [];
  readonly notices: string[] = [];
  hasSnapshot = false;
  error: Error | undefined;

  find(identity: SnapshotIdentity) {
    return this.hasSnapshot ? ({ kind: 'file', path: '/snapshot', identity } as const) : undefined;
  }
  save(identity: SnapshotIdentity, snapshot: MachineSnapshot): Promise<void> {
    if (this.error !== undefined) return Promise.reject(this.error);
    this.saved.push({ identity, snapshot });
    return Promise.resolve();
  }
  notice(text: string): void {
    this.notices.push(text);
  }
}

const IDENTITY = { kernel: 'k', 'memory size': '67108864', 'command line': 'quiet' };

/** Starts machines one after the other as `prepare` makes them. */
function setUp(store: FakeStore | undefined, prepare: (machine: FakeMachine, start: MachineStart) => void = () => {}) {
  const machines: FakeMachine[] = [];
  let guestReads = 0;
  const startMachine: StartMachine = async (start) => {
    const machine = new FakeMachine();
    machine.agent.confirms = true;
    machines.push(machine);
    prepare(machine, start);
    return machine.starter(start);
  };
  const options: StartGuestOptions = {
    startMachine,
    config: { core: new Uint8Array(), ramBytes: 1 << 26 },
    commandLine: 'quiet',
    readGuest: () => {
      guestReads++;
      return { kernel: Uint8Array.of(1), initramfs: Uint8Array.of(2) };
    },
    devices: Promise.resolve({
      shares: [{ share: { tag: 'vol0', kind: 'host' }, cache: 'mmap', readOnly: false }],
    }),
    store,
    started: () => {},
  };
  return { machines, options, guestReads: () => guestReads };
}

const badState = (): never => {
  throw new VivariumError(ErrorCodes.BAD_STATE, 'the file is damaged');
};

describe('a guest', () => {
  test('boots and is saved when there is no snapshot, before it has any devices', async () => {
    const store = new FakeStore();
    const { machines, options } = setUp(store);

    const { saved } = await startGuest(options);
    await saved;

    expect(machines[0]!.start.config.boot).toMatchObject({ kernel: Uint8Array.of(1), commandLine: 'quiet' });
    expect(store.saved).toEqual([{ identity: IDENTITY, snapshot: machines[0]!.snapshot }]);
    expect(machines[0]!.attachedAfter).toBeUndefined();
    expect(machines[0]!.agent.frames.map(({ type }) => type)).toEqual([Request.PING]);
  });

  test('goes on from a snapshot without its kernel being read, and is not saved again', async () => {
    const store = new FakeStore();
    store.hasSnapshot = true;
    const { machines, options, guestReads } = setUp(store);

    await startGuest(options);

    expect(machines.map(({ start }) => start.config.restore)).toEqual([
      { kind: 'file', path: '/snapshot', identity: IDENTITY },
    ]);
    expect([guestReads(), store.saved, store.notices]).toEqual([0, [], []]);
  });

  test('without a store boots and is not saved', async () => {
    const { machines, options } = setUp(undefined);

    await startGuest(options);

    expect(machines[0]!.agent.frames).toEqual([]);
  });

  test('whose snapshot is damaged boots, says so in a line, and is saved anew', async () => {
    const store = new FakeStore();
    store.hasSnapshot = true;
    const { machines, options } = setUp(store, (_, { config }) => config.restore !== undefined && badState());

    const { saved } = await startGuest(options);
    await saved;

    expect(machines.at(-1)!.start.config.boot).toBeDefined();
    expect(store.notices).toEqual(["the saved guest can't be used, so a new one boots: the file is damaged"]);
    expect(store.saved.length).toBe(1);
  });

  test('that was saved and crashes makes room for one that boots', async () => {
    const store = new FakeStore();
    store.hasSnapshot = true;
    const { machines, options } = setUp(store, (machine, { config }) => {
      if (config.restore === undefined) return;
      machine.agent.greets = false;
      queueMicrotask(() => setTimeout(() => machine.end({ kind: 'triple-fault', dump: '' })));
    });

    await startGuest(options);

    expect(machines.map(({ isTerminated }) => isTerminated)).toEqual([true, false]);
    expect(store.notices[0]).toMatch(/^the saved guest can't be used, .*triple fault/);
  });

  test.each([true, false])('whose image is bad does not start (snapshot: %s)', async (hasSnapshot) => {
    const store = new FakeStore();
    store.hasSnapshot = hasSnapshot;
    const { machines, options } = setUp(store, (machine) => {
      machine.agent.greets = false;
      machine.open = () => Promise.reject(new VivariumError(ErrorCodes.BAD_IMAGE, 'no image'));
    });

    await expect(startGuest(options)).rejects.toMatchObject({ code: 'BAD_IMAGE' });
    expect([machines.length, store.notices, store.saved]).toEqual([1, [], []]);
  });

  test('that can not be kept runs all the same', async () => {
    const store = new FakeStore();
    store.error = new Error('no space left on device');
    const { options } = setUp(store);

    const { saved } = await startGuest(options);
    await saved;

    expect(store.notices).toEqual(['the guest was not saved, so the next one boots too: no space left on device']);
  });

  test("whose start fails for the machine's sake is not tried twice", async () => {
    const store = new FakeStore();
    store.hasSnapshot = true;
    const { machines, options } = setUp(store, () => {
      throw new VivariumError(ErrorCodes.BAD_MEMORY_SIZE, 'no room');
    });

    await expect(startGuest(options)).rejects.toMatchObject({ code: 'BAD_MEMORY_SIZE' });
    expect(machines.length).toBe(1);
  });
});
