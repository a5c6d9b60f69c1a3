/** The initial memory of a fuzzed machine: descriptor tables, interrupt tables, handlers, page tables. */
import type { SegmentRegister } from '../../../src/core/cpu.ts';
import type { TableMemory } from '../page-tables.ts';
import { le } from '../little-endian.ts';
import type { Handlers } from './handlers.ts';
import {
  GDT,
  HANDLERS,
  IDT,
  IMAGE_BYTES,
  RING0_STACK,
  FAULT_STACK,
  INTERRUPT_STACK,
  NMI_STACK,
  SELECTOR,
  TSS,
} from './memory-map.ts';

const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];
/** Traps and interrupts: these return to what was interrupted. */
const RETURNING = (vector: number) => vector >= 32 || [1, 2, 3, 4].includes(vector);
const NMI = 2;
const GATE_INTERRUPT = 0x8e;
const RING3 = 0x60;

// Descriptor types, SDM Vol. 3A, 3.4.5, and the high nibble of byte 6: G, B, L.
export const TYPE_CODE = 0x9b;
export const TYPE_DATA = 0x93;
const TYPE_TSS_BUSY = 0x8b;
export const G = 8;
export const B = 4;
export const LONG = 2;

export class Image implements TableMemory {
  readonly bytes = new Uint8Array(IMAGE_BYTES);
  readonly #view = new DataView(this.bytes.buffer);

  read32(at: number): number {
    return this.#view.getUint32(at, true);
  }
  write32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }
  read64(at: number): bigint {
    return this.#view.getBigUint64(at, true);
  }
  write64(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }
  write(at: number, bytes: ArrayLike<number>): void {
    this.bytes.set(bytes, at);
  }

  descriptor(selector: number, base: number, limit: number, type: number, size: number): void {
    const high = (size << 4) | ((limit >> 16) & 15);
    this.write(GDT + (selector & ~7), [...le(limit, 2), ...le(base, 3), type, high, (base >>> 24) & 255]);
  }
  /** The flat segments of all modes and the task-state segment. */
  flatDescriptors(): void {
    this.descriptor(SELECTOR.code64, 0, 0xfffff, TYPE_CODE, G | LONG);
    this.descriptor(SELECTOR.data, 0, 0xfffff, TYPE_DATA, G | B);
    this.descriptor(SELECTOR.code32, 0, 0xfffff, TYPE_CODE, G | B);
    this.descriptor(SELECTOR.userCode32, 0, 0xfffff, TYPE_CODE | RING3, G | B);
    this.descriptor(SELECTOR.userData, 0, 0xfffff, TYPE_DATA | RING3, G | B);
    this.descriptor(SELECTOR.userCode64, 0, 0xfffff, TYPE_CODE | RING3, G | LONG);
    this.descriptor(SELECTOR.tss, TSS, 0x67, TYPE_TSS_BUSY, 0);
  }
  /** What a load of the selector gives. */
  segment(selector: number): SegmentRegister {
    const at = GDT + (selector & ~7);
    const [low, high] = [this.read32(at), this.read32(at + 4)];
    const limit = (low & 0xffff) | (high & 0xf0000);
    return {
      selector,
      base: BigInt(((low >>> 16) | ((high & 255) << 16) | (high & 0xff000000)) >>> 0),
      limit: (high >>> 20) & G ? ((limit << 12) | 0xfff) >>> 0 : limit,
      flags: high & 0xf0ff00,
    };
  }

  longTables(handlers: Handlers): void {
    this.write(HANDLERS, handlers.code);
    for (let vector = 0; vector < 256; vector++) {
      const { offset, stack } = this.#entry(handlers, vector);
      // Software interrupts of user code are allowed.
      const type = GATE_INTERRUPT | (RETURNING(vector) ? RING3 : 0);
      this.write(IDT + 16 * vector, [...le(offset, 2), ...le(SELECTOR.code64, 2), stack, type, ...le(offset >> 16, 2)]);
    }
    this.write(TSS + 4, le(RING0_STACK, 8));
    [FAULT_STACK, INTERRUPT_STACK, NMI_STACK].forEach((top, n) => this.write(TSS + 36 + 8 * n, le(top, 8)));
    this.write(TSS + 102, le(0x68, 2));
  }
  protectedTables(handlers: Handlers): void {
    this.write(HANDLERS, handlers.code);
    for (let vector = 0; vector < 256; vector++) {
      const { offset } = this.#entry(handlers, vector);
      const type = GATE_INTERRUPT | (RETURNING(vector) ? RING3 : 0);
      this.write(IDT + 8 * vector, [...le(offset, 2), ...le(SELECTOR.code32, 2), 0, type, ...le(offset >> 16, 2)]);
    }
    this.write(TSS + 4, [...le(RING0_STACK, 4), ...le(SELECTOR.data, 4)]);
    this.write(TSS + 102, le(0x68, 2));
  }
  realTables(handlers: Handlers): void {
    this.write(HANDLERS, handlers.code);
    for (let vector = 0; vector < 256; vector++)
      this.write(4 * vector, [...le(this.#entry(handlers, vector).offset, 2), 0, 0]);
  }
  #entry(handlers: Handlers, vector: number): { offset: number; stack: number } {
    if (RETURNING(vector)) return { offset: HANDLERS + handlers.interrupt, stack: vector === NMI ? 3 : 2 };
    return { offset: HANDLERS + (WITH_ERROR.includes(vector) ? handlers.faultWithError : handlers.fault), stack: 1 };
  }
}
