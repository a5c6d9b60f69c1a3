/** Machines that go back to where they were. */
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryBlockBackend } from '../../src/devices/virtio/blk/backend.ts';
import { ChunkDisk } from '../../src/devices/virtio/blk/chunk-disk.ts';
import { CHUNK_BYTES } from '../../src/devices/virtio/blk/chunk-store.ts';
import { Machine, type MachineOptions, type MachineSnapshot } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { coreModule } from '../support/core-module.ts';
import { page } from '../support/snapshots.ts';
import { echo, kernel32, pollThenSleep, sleepUntilTimer, spin } from '../support/tiny-guest.ts';

const RAM_BYTES = 16 << 20;
const FREE = 0x200000;
const PAGE_BYTES = 4096;
const SCRATCH_PORT = 0x3ff; // of COM1
const running: Machine[] = [];
afterEach(() => running.splice(0).forEach((machine) => machine.stop()));

/** A machine that runs, with what it has printed. */
function start(kernel: number[], options: Partial<MachineOptions> = {}) {
  const output: number[] = [];
  const machine = new Machine({
    coreModule: coreModule(),
    ramBytes: RAM_BYTES,
    host: nodeHost(),
    boot: { kernel: kernel32(kernel), commandLine: '' },
    com1: (bytes) => output.push(...bytes),
    ...options,
  });
  running.push(machine);
  return { machine, exit: machine.run(), text: () => new TextDecoder().decode(Uint8Array.from(output)) };
}

/** What does not depend on the time of day. */
function comparable({ ram, devices: { rtc: _, ...devices } }: MachineSnapshot) {
  return { ram, devices };
}

const send = (machine: Machine, text: string) => machine.com1Input(new TextEncoder().encode(text));
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

function chunkDisk(id: string): Promise<ChunkDisk> {
  return ChunkDisk.open({ byteCount: 4 * CHUNK_BYTES, id, parts: [], bytesMax: 1 << 20 });
}

describe('a machine that goes back', () => {
  test('is what it was, memory, processor and devices, as often as is wanted', async () => {
    const { machine } = start(spin());
    const { memory } = machine.board;
    memory.write(FREE, page(1));
    await aWhile();
    const { number } = await machine.checkpoint();
    machine.hold();
    const wanted = await machine.save();
    const seen = [];
    for (const seed of [2, 3]) {
      machine.release();
      memory.write(FREE, page(seed));
      memory.write(FREE + PAGE_BYTES, page(seed));
      machine.board.com1.portWrite(SCRATCH_PORT, 1, seed);
      await aWhile();
      machine.hold();
      const moved = machine.board.cpu.getGpr(0);
      machine.goBack(number);
      seen.push({ ...comparable(await machine.save()), moved: moved !== machine.board.cpu.getGpr(0) });
    }
    const { ram, devices } = comparable(wanted);

    expect(seen).toMatchObject([
      { ram, devices, moved: true },
      { ram, devices, moved: true },
    ]);
  });

  test('runs on from there, with what its memory held then', async () => {
    const { machine, text, exit } = start(echo());
    send(machine, 'one ');
    await aWhile();
    const { number } = await machine.checkpoint();
    send(machine, 'two ');
    await aWhile();

    machine.goBack(number);
    send(machine, 'three q');

    expect(await exit).toEqual({ kind: 'debug-exit', value: 7, status: 15 });
    expect(text()).toBe('one two three q');
  });

  test('waits for a timer as it did then, asleep or not', async () => {
    const { machine, exit } = start(sleepUntilTimer());
    const { number } = await machine.checkpoint();
    const backs = [1, 2, 3].map(() => machine.goBack(number));

    expect([backs.length, await exit]).toEqual([3, { kind: 'debug-exit', value: 3, status: 7 }]);
  });

  test('wakes up when it was awake then', async () => {
    const { machine } = start(pollThenSleep());
    await aWhile();
    const { number } = await machine.checkpoint();
    send(machine, 'x');
    await aWhile();
    const { instructions } = machine.statistics();
    const { isIdle } = machine;

    machine.goBack(number);
    await aWhile();

    expect([isIdle, machine.isIdle]).toEqual([true, false]);
    expect(machine.statistics().instructions).toBeGreaterThan(instructions + 1000);
  });

  test('goes on when it was paused', async () => {
    const { machine } = start(spin());
    const { number } = await machine.checkpoint();
    await machine.inspection.pause();
    const paused = machine.statistics();

    machine.goBack(number);
    await aWhile();

    const after = machine.statistics();
    expect([paused.isPaused, after.isPaused]).toEqual([true, false]);
    expect(after.instructions).toBeGreaterThan(paused.instructions);
  });

  test('does not go back in what it has executed, nor in the time of day', async () => {
    const { machine } = start(spin());
    const { number } = await machine.checkpoint();
    await aWhile();
    const before = machine.statistics();
    const unixMs = (): number => machine.board.time.bootUnixMs + machine.board.time.nowNs() / 1e6;
    const beforeMs = unixMs();

    machine.goBack(number);

    const after = machine.statistics();
    expect(after.instructions).toBeGreaterThanOrEqual(before.instructions);
    expect(after.machineNs).toBeLessThan(before.machineNs);
    expect(Math.abs(unixMs() - beforeMs)).toBeLessThan(20);
  });

  test('puts its disks back with it', async () => {
    const disk = await chunkDisk('own');
    const image = new MemoryBlockBackend(new Uint8Array(512), { readOnly: true, id: 'image' });
    const { machine } = start(spin(), { disks: [image, disk] });
    disk.write(0, Buffer.from('old'));
    const { number } = await machine.checkpoint();
    disk.write(0, Buffer.from('new'));

    machine.goBack(number);

    const target = new Uint8Array(3);
    disk.read(0, target);
    expect(Buffer.from(target).toString()).toBe('old');
  });

  test('has no checkpoints of a disk that can not be kept', async () => {
    const { machine } = start(spin(), { disks: [new MemoryBlockBackend(new Uint8Array(512), { id: 'plain' })] });

    await expect(machine.checkpoint()).rejects.toMatchObject({
      code: 'USAGE',
      message: "the disk plain can't be kept as it stands; give the machine one in memory",
    });
  });

  test('stays where it is when the checkpoint was released, or a disk is another', async () => {
    const { machine } = start(spin());
    const first = await machine.checkpoint();
    const second = await machine.checkpoint();
    machine.releaseCheckpoint(first.number);
    machine.releaseCheckpoint(first.number);
    machine.attach({ disks: [await chunkDisk('later')] });
    machine.board.memory.write(FREE, page(4));

    expect(() => machine.goBack(first.number)).toThrow("the snapshot can't be loaded: it was released");
    expect(() => machine.goBack(second.number)).toThrow('the machine has other disks now');
    expect(machine.board.memory.view(FREE, PAGE_BYTES)).toEqual(page(4));
  });
});

describe('checkpoints', () => {
  test('share the pages that have not changed, and do not keep zeroes', async () => {
    const { machine } = start(spin());
    machine.hold();
    const { memory } = machine.board;
    for (let index = 0; index < 300; index++) memory.write(FREE + index * PAGE_BYTES, page(index + 1));
    memory.write(FREE + 300 * PAGE_BYTES, page(0));
    const first = await machine.checkpoint();
    memory.write(FREE, page(1000));
    const second = await machine.checkpoint();

    expect(first.byteCount).toBeGreaterThan(300 * PAGE_BYTES);
    expect(first.byteCount).toBeLessThan(320 * PAGE_BYTES);
    expect(second.byteCount).toBe(PAGE_BYTES);
  });

  test('stand by themselves when others are released', async () => {
    const { machine } = start(spin());
    machine.hold();
    const { memory } = machine.board;
    const numbers = [];
    for (const seed of [1, 2, 3]) {
      memory.write(FREE, page(seed));
      numbers.push((await machine.checkpoint()).number);
    }
    machine.releaseCheckpoint(numbers[0]!);
    machine.releaseCheckpoint(numbers[2]!);
    memory.write(FREE, page(4));
    const fourth = await machine.checkpoint();

    machine.goBack(numbers[1]!);
    const [two] = [memory.view(FREE, PAGE_BYTES).slice()];
    machine.goBack(fourth.number);

    expect(two).toEqual(page(2));
    expect(memory.view(FREE, PAGE_BYTES)).toEqual(page(4));
  });

  test('are refused above their limit, until one is released', async () => {
    const { machine } = start(spin(), { checkpointBytesMax: 40 * PAGE_BYTES });
    machine.hold();
    const { memory } = machine.board;
    const fill = (seed: number): void => {
      for (let index = 0; index < 20; index++) memory.write(FREE + index * PAGE_BYTES, page(seed + index));
    };
    fill(1);
    const first = await machine.checkpoint();
    fill(100);

    await expect(machine.checkpoint()).rejects.toMatchObject({ code: 'LIMIT' });
    machine.releaseCheckpoint(first.number);

    expect((await machine.checkpoint()).byteCount).toBe(first.byteCount);
  });
});
