/**
 * The state of a machine between two instructions: CPU block, devices, and the RAM pages that are not zero. It is plain
 * data for a structured clone, and snapshot-file/ makes a file of it; disks and shared folders are kept by reference, by
 * whoever starts the machine again.
 */
import type { DeviceState, GuestMemory, Stateful } from '../devices/bus.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

export const SNAPSHOT_VERSION = 1;
export const PAGE_BYTES = 4096;

export interface RamPages {
  /** Page numbers in rising order. */
  readonly numbers: Uint32Array;
  /** Their contents, one after the other. */
  readonly bytes: Uint8Array;
}

export interface MachineSnapshot {
  readonly version: number;
  readonly ramBytes: number;
  /** Machine time in nanoseconds. */
  readonly nowNs: number;
  /** Unix time of power-on, as machine time counts it. */
  readonly bootUnixMs: number;
  readonly cpu: Uint8Array;
  readonly ram: RamPages;
  readonly devices: Readonly<Record<string, DeviceState>>;
}

/** RAM that knows which pages were written. */
export interface WrittenMemory extends GuestMemory {
  /** Whether a page was written since power-on; one that was not is zero. */
  isWritten(page: number): boolean;
}

export function forEachWrittenPage(memory: WrittenMemory, visit: (page: number) => void): void {
  for (let page = 0; page < memory.size / PAGE_BYTES; page++) if (memory.isWritten(page)) visit(page);
}

/** Copies what is not zero. */
export function saveRam(memory: WrittenMemory): RamPages {
  const numbers: number[] = [];
  forEachWrittenPage(memory, (page) => {
    if (!isZero(memory.view(page * PAGE_BYTES, PAGE_BYTES))) numbers.push(page);
  });
  const bytes = new Uint8Array(numbers.length * PAGE_BYTES);
  forEachRun(numbers, (index, count) => {
    bytes.set(memory.view(numbers[index]! * PAGE_BYTES, count * PAGE_BYTES), index * PAGE_BYTES);
  });
  return { numbers: Uint32Array.from(numbers), bytes };
}

/** Calls with the index and length of each run of numbers that follow each other. */
function forEachRun(numbers: readonly number[], visit: (index: number, count: number) => void): void {
  for (let index = 0, count = 0; index < numbers.length; index += count) {
    count = 1;
    while (numbers[index + count] === numbers[index]! + count) count++;
    visit(index, count);
  }
}

/** Makes all of it zero. Pages that are zero already are left alone, so that the host need not back them. */
export function clearRam(memory: WrittenMemory): void {
  forEachWrittenPage(memory, (page) => memory.fill(page * PAGE_BYTES, PAGE_BYTES, 0));
}

/** Fills a memory that is zero. Throws BAD_STATE. */
export function loadRam(memory: GuestMemory, { numbers, bytes }: RamPages): void {
  if (bytes.length !== numbers.length * PAGE_BYTES) throw badState('its memory pages are cut off');
  let free = 0;
  numbers.forEach((page, index) => {
    if (page < free || (page + 1) * PAGE_BYTES > memory.size)
      throw badState('its memory pages are out of order or outside of the memory');
    memory.write(page * PAGE_BYTES, bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES));
    free = page + 1;
  });
}

export function saveDevices(devices: ReadonlyMap<string, Stateful>): Record<string, DeviceState> {
  return Object.fromEntries([...devices].map(([name, device]) => [name, device.save()]));
}

/** Loads in the map's order. Throws BAD_STATE when a device's state is missing or damaged. */
export function loadDevices(
  devices: ReadonlyMap<string, Stateful>,
  states: Readonly<Record<string, DeviceState>>,
): void {
  for (const [name, device] of devices) {
    const state = states[name];
    if (state === undefined) throw badState(`it has no state of the device "${name}"`);
    device.load(state);
  }
}

export function badState(why: string): VivariumError {
  return new VivariumError(ErrorCodes.BAD_STATE, `the snapshot can't be loaded: ${why}`);
}

function isZero(page: Uint8Array): boolean {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.byteLength / 4);
  for (let index = 0; index < words.length; index++) if (words[index] !== 0) return false;
  return true;
}
