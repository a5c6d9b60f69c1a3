/**
 * The state of a machine between two instructions: CPU block, devices, and the RAM pages that are not zero. It is plain
 * data for a structured clone; disks and shared folders are kept by reference, by whoever starts the machine again.
 */
import type { DeviceState, GuestMemory, Stateful } from '../devices/bus.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

export const SNAPSHOT_VERSION = 1;
const PAGE_BYTES = 4096;

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
  /** Unix time of the first power-on; a machine that takes this snapshot over is made with it. */
  readonly bootUnixMs: number;
  readonly cpu: Uint8Array;
  readonly ram: RamPages;
  readonly devices: Readonly<Record<string, DeviceState>>;
}

/** Copies what is not zero. */
export function saveRam(memory: GuestMemory): RamPages {
  const numbers: number[] = [];
  for (let page = 0; page < memory.size / PAGE_BYTES; page++) {
    if (!isZero(memory.view(page * PAGE_BYTES, PAGE_BYTES))) numbers.push(page);
  }
  const bytes = new Uint8Array(numbers.length * PAGE_BYTES);
  numbers.forEach((page, index) => bytes.set(memory.view(page * PAGE_BYTES, PAGE_BYTES), index * PAGE_BYTES));
  return { numbers: Uint32Array.from(numbers), bytes };
}

/** Makes RAM what it was. Pages that are zero already are left alone, so that the host need not back them. */
export function loadRam(memory: GuestMemory, { numbers, bytes }: RamPages): void {
  if (bytes.length !== numbers.length * PAGE_BYTES) throw badState('its memory pages are cut off');
  const pageCount = memory.size / PAGE_BYTES;
  let next = 0;
  for (let page = 0; page < pageCount; page++) {
    const at = page * PAGE_BYTES;
    if (numbers[next] === page) {
      memory.write(at, bytes.subarray(next * PAGE_BYTES, (next + 1) * PAGE_BYTES));
      next++;
    } else if (!isZero(memory.view(at, PAGE_BYTES))) memory.fill(at, PAGE_BYTES, 0);
  }
  if (next !== numbers.length) throw badState('its memory pages are out of order or outside of the memory');
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
