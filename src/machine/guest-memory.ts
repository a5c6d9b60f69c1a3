/**
 * Guest-physical memory over the core's linear memory: the one path by which devices, loaders and snapshots reach RAM.
 * A write drops decoded code of its pages and marks them dirty, as the CPU's own stores do. The buffer may be shared.
 */
import { PAGE_DIRTY, PAGE_FLAGS, PAGE_HAS_CODE, RAM_BASE } from '../../assembly/layout.ts';
import { GuestAddressError, type GuestMemory } from '../devices/bus.ts';

const PAGE_SHIFT = 12;

/** Drops decoded code of [physical, +byteCount); the core's `invalidate`. */
export type Invalidate = (physical: number, byteCount: number) => void;

export class WasmGuestMemory implements GuestMemory {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #flags: Uint8Array;
  readonly #invalidate: Invalidate;

  /** @param size RAM size in bytes; the memory holds it from RAM_BASE on. */
  constructor(memory: WebAssembly.Memory, size: number, invalidate: Invalidate) {
    this.size = size;
    this.#bytes = new Uint8Array(memory.buffer, RAM_BASE, size);
    this.#view = new DataView(memory.buffer, RAM_BASE, size);
    this.#flags = new Uint8Array(memory.buffer, PAGE_FLAGS, size >>> PAGE_SHIFT);
    this.#invalidate = invalidate;
  }

  read8(physical: number): number {
    this.#check(physical, 1);
    return this.#view.getUint8(physical);
  }
  read16(physical: number): number {
    this.#check(physical, 2);
    return this.#view.getUint16(physical, true);
  }
  read32(physical: number): number {
    this.#check(physical, 4);
    return this.#view.getUint32(physical, true);
  }
  read64(physical: number): bigint {
    this.#check(physical, 8);
    return this.#view.getBigUint64(physical, true);
  }
  write8(physical: number, value: number): void {
    this.#beforeWrite(physical, 1);
    this.#view.setUint8(physical, value);
  }
  write16(physical: number, value: number): void {
    this.#beforeWrite(physical, 2);
    this.#view.setUint16(physical, value, true);
  }
  write32(physical: number, value: number): void {
    this.#beforeWrite(physical, 4);
    this.#view.setUint32(physical, value, true);
  }
  write64(physical: number, value: bigint): void {
    this.#beforeWrite(physical, 8);
    this.#view.setBigUint64(physical, value, true);
  }

  view(physical: number, byteCount: number): Uint8Array {
    this.#check(physical, byteCount);
    return this.#bytes.subarray(physical, physical + byteCount);
  }
  write(physical: number, bytes: Uint8Array): void {
    this.#beforeWrite(physical, bytes.length);
    this.#bytes.set(bytes, physical);
  }
  fill(physical: number, byteCount: number, value: number): void {
    this.#beforeWrite(physical, byteCount);
    this.#bytes.fill(value, physical, physical + byteCount);
  }

  /** Whether a page was written since power-on; one that was not is zero. */
  isWritten(page: number): boolean {
    return (this.#flags[page]! & PAGE_DIRTY) !== 0;
  }

  /** Guest addresses are hostile: fractions, negatives, NaN and what does not fit are all refused. */
  #check(physical: number, byteCount: number): void {
    if (!(Number.isInteger(physical) && physical >= 0 && byteCount >= 0 && physical + byteCount <= this.size))
      throw new GuestAddressError(physical, byteCount);
  }

  #beforeWrite(physical: number, byteCount: number): void {
    this.#check(physical, byteCount);
    if (byteCount === 0) return;
    const flags = this.#flags;
    const first = Math.floor(physical / (1 << PAGE_SHIFT));
    const last = Math.floor((physical + byteCount - 1) / (1 << PAGE_SHIFT));
    let hasCode = 0;
    for (let page = first; page <= last; page++) {
      const flag = flags[page]!;
      hasCode |= flag;
      flags[page] = flag | PAGE_DIRTY;
    }
    if ((hasCode & PAGE_HAS_CODE) !== 0) this.#invalidate(physical, byteCount);
  }
}
