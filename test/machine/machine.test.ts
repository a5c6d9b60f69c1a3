import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBlockBackend } from '../../src/devices/virtio/blk/backend.ts';
import { Machine, type MachineOptions } from '../../src/machine/machine.ts';
import { memorySource, SnapshotFile } from '../../src/machine/snapshot-file/read.ts';
import { encodeSnapshot } from '../../src/machine/snapshot-file/write.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { coreModule } from '../support/core-module.ts';
import {
  crash,
  echo,
  haltForGood,
  kernel32,
  kernel64,
  powerOff,
  printAndExit,
  resetMachine,
  sleepUntilTimer,
  spin,
} from '../support/tiny-guest.ts';

const RAM_BYTES = 16 << 20;
const running: Machine[] = [];

function create(kernel: Uint8Array | undefined, options: Partial<MachineOptions> = {}) {
  const output: number[] = [];
  const machine = new Machine({
    coreModule: coreModule(),
    ramBytes: RAM_BYTES,
    host: nodeHost(),
    ...(kernel === undefined ? {} : { boot: { kernel, commandLine: '' } }),
    com1: (bytes) => output.push(...bytes),
    ...options,
  });
  running.push(machine);
  return { machine, text: () => new TextDecoder().decode(Uint8Array.from(output)) };
}
const fillRandom = (target: Uint8Array): void => void target.fill(7);

/** The time of day out of the machine's real-time clock, which counts in BCD. */
function readClock({ board }: Machine): string {
  const register = (index: number): string => {
    board.rtc.portWrite(0x70, 1, index);
    return board.rtc.portRead(0x71, 1).toString(16).padStart(2, '0');
  };
  return [4, 2, 0].map(register).join(':');
}

const send = (machine: Machine, text: string) => machine.com1Input(new TextEncoder().encode(text));

afterEach(() => running.splice(0).forEach((machine) => machine.stop()));

describe('machine', () => {
  it('runs a 64-bit guest that prints and exits with a value', async () => {
    const { machine, text } = create(kernel64(printAndExit('hello', 5)));

    const exit = await machine.run();

    expect([exit, text()]).toEqual([{ kind: 'debug-exit', value: 5, status: 11 }, 'hello']);
  });

  it('runs a 32-bit guest that prints and exits with a value', async () => {
    const { machine, text } = create(kernel32(printAndExit('world', 255)));

    const exit = await machine.run();

    expect([exit, text()]).toEqual([{ kind: 'debug-exit', value: 255, status: 255 }, 'world']);
  });

  it('ends at power-off', async () => {
    const { machine } = create(kernel32(powerOff()));

    expect(await machine.run()).toEqual({ kind: 'power-off' });
  });

  it('ends at a reset', async () => {
    const { machine } = create(kernel32(resetMachine()));

    expect((await machine.run()).kind).toBe('reset');
  });

  it('ends at a triple fault with the state of the CPU', async () => {
    const { machine } = create(kernel32(crash()));

    const exit = await machine.run();

    expect(exit).toMatchObject({
      kind: 'triple-fault',
      dump: expect.stringContaining('rip 0000000000100000') as string,
    });
  });

  it('ends when its CPU halts for good', async () => {
    const { machine } = create(kernel32(haltForGood()));

    expect((await machine.run()).kind).toBe('halted');
  });

  it('ends when it is stopped, even if the guest is busy', async () => {
    const { machine } = create(kernel32(spin()));
    setTimeout(() => machine.stop(), 20);

    expect(await machine.run()).toEqual({ kind: 'stopped' });
  });

  it('sleeps until a timer interrupt wakes the guest', async () => {
    const { machine } = create(kernel32(sleepUntilTimer()));
    const start = performance.now();

    const exit = await machine.run();

    expect(exit).toEqual({ kind: 'debug-exit', value: 3, status: 7 });
    expect(performance.now() - start).toBeGreaterThan(3.5);
    expect(machine.statistics().instructions).toBeLessThan(50);
  });

  it('passes input to the guest while it is busy', async () => {
    const { machine, text } = create(kernel32(echo()));
    setTimeout(() => send(machine, 'abc'), 5);
    setTimeout(() => send(machine, 'q'), 15);

    const exit = await machine.run();

    expect([exit, text()]).toEqual([{ kind: 'debug-exit', value: 7, status: 15 }, 'abcq']);
  });

  it('makes tables for a kernel that boots, and none when a snapshot will bring them', () => {
    const pages = Array.from({ length: RAM_BYTES / 4096 }, (_, page) => page);
    const written = (kernel?: Uint8Array): number => {
      const { memory } = create(kernel).machine.board;
      return pages.filter((page) => memory.isWritten(page)).length;
    };

    expect([written(), written(kernel32(echo())) > 0]).toEqual([0, true]);
  });

  it('goes on in another machine from a snapshot', async () => {
    const first = create(kernel32(echo()));
    void first.machine.run();
    send(first.machine, 'before ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const snapshot = await first.machine.save();
    first.machine.stop();
    const second = create(undefined);

    second.machine.load(structuredClone(snapshot));
    send(second.machine, 'after q');
    const exit = await second.machine.run();

    expect([first.text(), exit, second.text()]).toEqual([
      'before ',
      { kind: 'debug-exit', value: 7, status: 15 },
      'after q',
    ]);
    expect(second.machine.statistics().machineNs).toBeGreaterThan(snapshot.nowNs);
  });

  it('goes on from a snapshot file, with its time, and the time of day as it is now', async () => {
    const first = create(kernel32(echo()), { host: { ...nodeHost(), unixMs: () => 1_000_000_000_000 } });
    void first.machine.run();
    send(first.machine, 'before ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const snapshot = await first.machine.save();
    const pieces = await encodeSnapshot(snapshot, { identity: {}, fillRandom });
    const second = create(undefined, { host: { ...nodeHost(), unixMs: () => 1_000_000_060_000 } });

    await second.machine.restore(await SnapshotFile.open(memorySource(Buffer.concat(pieces))));
    const clock = readClock(second.machine);
    send(second.machine, 'after q');
    await second.machine.run();

    expect(second.text()).toBe('after q');
    expect(second.machine.statistics().machineNs).toBeGreaterThan(snapshot.nowNs);
    expect(clock).toBe('01:47:40'); // a minute after the epoch's billionth second
  });

  it('forgets what its memory held before it takes a snapshot over', async () => {
    const snapshot = await create(undefined).machine.save();
    const other = create(undefined);
    other.machine.board.memory.fill(0x200000, 8192, 0xff);

    other.machine.load(snapshot);

    expect((await other.machine.save()).ram).toEqual(snapshot.ram);
  });

  it('refuses a snapshot of a machine with other memory', async () => {
    const snapshot = await create(kernel32(spin())).machine.save();
    const other = create(undefined, { ramBytes: 2 * RAM_BYTES });

    expect(() => other.machine.load(snapshot)).toThrow('it is of a machine with other memory');
  });

  it('is not made with too little memory', () => {
    expect(() => create(undefined, { ramBytes: 8 << 20 })).toThrow(
      "a machine can't have 8 MiB of memory; choose between 16M and 3G",
    );
  });
});

describe('disks of a machine', () => {
  const disk = (id: string): MemoryBlockBackend => new MemoryBlockBackend(new Uint8Array(512), { id });

  it('are plugged in as long as there is room, and pulled out by their serial numbers', async () => {
    const { machine } = create(undefined, { disks: [disk('first')] });
    const plugAll = (): void => {
      for (let index = 0; ; index++) machine.attach({ disks: [disk(`more-${index}`)] });
    };

    expect(plugAll).toThrow(expect.objectContaining({ code: 'LIMIT' }));
    await machine.detachDisk('first');
    const two = [disk('last'), disk('one too many')];
    expect(() => machine.attach({ disks: two })).toThrow(expect.objectContaining({ code: 'LIMIT' }));
    machine.attach({ disks: two.slice(0, 1) }); // all or none: its place is still free

    expect(() => machine.attach({ disks: two.slice(1) })).toThrow(expect.objectContaining({ code: 'LIMIT' }));
    await expect(machine.detachDisk('first')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are closed once they are pulled out', async () => {
    const { machine } = create(undefined);
    let isClosed = false;
    machine.attach({ disks: [Object.assign(disk('x'), { close: () => void (isClosed = true) })] });

    await machine.detachDisk('x');

    expect(isClosed).toBe(true);
  });
});
