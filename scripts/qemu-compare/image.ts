/** The image that harness.S is the head of: descriptor tables, page tables, handler stubs, data and the programs. */
import type { Program } from './programs.ts';
import type { Random } from '../../test/support/random.ts';

export type Bits = 32 | 64;

// As in harness.S
const LOAD = 0x100000;
const GDT = 0x101000;
const TSS = 0x101800;
const LDT = 0x101c00;
const IDT = 0x102000;
const TABLES_TEMPLATE = 0x104000;
const VARS = 0x105000;
const STUBS = 0x106000;
const PAGE_TABLES = 0x108000;
const DATA_TEMPLATE = 0x1f0000;
const DATA_BYTES = 0x2000;
const PROGRAMS = 0x200000;
const PROGRAM_BYTES = 512;
const PROGRAM_CODE = 192;
export const RESULT_BYTES = 256;
const COMMON_POINTER = 0x1000 - 8;

/** Where programs run, and their memory. */
export const CODE = 0x400000;
/** UD2 all over: targets of far transfers. */
export const LANDING = CODE + 0x800;
export const STACK = 0x402800;
export const DATA = 0x410000;
export const READ_ONLY = 0x412000;
export const SUPERVISOR = 0x413000;
export const NOT_PRESENT = 0x414000;

/** Random descriptors are at these selectors. */
export const RANDOM_SELECTORS = Array.from({ length: 24 }, (_, n) => 0x90 + 16 * n);
export const LDT_SELECTOR = 0x78;

const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];
const P = 1n;
const W = 2n;
const U = 4n;
const A_D = 0x60n;

class Image {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(end: number) {
    this.bytes = new Uint8Array(end - LOAD);
    this.view = new DataView(this.bytes.buffer);
  }
  put(at: number, bytes: ArrayLike<number>): void {
    this.bytes.set(bytes, at - LOAD);
  }
  put16(at: number, value: number): void {
    this.view.setUint16(at - LOAD, value, true);
  }
  put32(at: number, value: number): void {
    this.view.setUint32(at - LOAD, value, true);
  }
  put64(at: number, value: bigint): void {
    this.view.setBigUint64(at - LOAD, BigInt.asUintN(64, value), true);
  }
  descriptor(at: number, base: number, limit: number, type: number, size: number): void {
    this.put(at, [
      limit & 255,
      (limit >> 8) & 255,
      base & 255,
      (base >> 8) & 255,
      (base >> 16) & 255,
      type,
      (size << 4) | (limit >> 16),
      (base >>> 24) & 255,
    ]);
  }
  gate(at: number, selector: number, offset: number, type: number, extra: number): void {
    this.put(at, [
      offset & 255,
      (offset >> 8) & 255,
      selector & 255,
      selector >> 8,
      extra,
      type,
      (offset >> 16) & 255,
      (offset >>> 24) & 255,
    ]);
  }
}

function tables(image: Image, bits: Bits, random: Random): void {
  const wide = bits === 64;
  image.descriptor(GDT + 0x08, 0, 0xfffff, 0x9b, 0xa);
  image.descriptor(GDT + 0x10, 0, 0xfffff, 0x93, 0xc);
  image.descriptor(GDT + 0x18, 0, 0xfffff, 0x9b, 0xc);
  image.descriptor(GDT + 0x20, 0, 0xfffff, 0xfb, 0xc);
  image.descriptor(GDT + 0x28, 0, 0xfffff, 0xf3, 0xc);
  image.descriptor(GDT + 0x30, 0, 0xfffff, 0xfb, 0xa);
  image.descriptor(GDT + 0x38, TSS, 0x67, 0x89, 0);
  image.descriptor(GDT + LDT_SELECTOR, LDT, 0xff, 0x82, 0);
  image.descriptor(LDT + 8, 0, 0xfffff, 0xf3, 0xc);
  image.descriptor(LDT + 16, 0, 0xfffff, 0xfb, wide ? 0xa : 0xc);
  for (const selector of RANDOM_SELECTORS) {
    const kind = random.below(4);
    const dpl = random.pick([0, 3, 3, 1]) << 5;
    const present = random.below(5) ? 0x80 : 0;
    if (kind === 0) {
      // No TSS and task gate, as the core has no task switches; no 16-bit gate: QEMU takes its upper half and shows it to LAR in long mode.
      const type = random.pick([12, 12, 12, 14, 2]);
      image.gate(
        GDT + selector,
        random.pick([8, 0x18, 0x10, 0x20, 0x30, 0, 0x1b]),
        LANDING,
        type | dpl | present,
        wide || type !== 12 ? 0 : random.below(3),
      );
    } else {
      // Flat, no expand-down data, never L and D: QEMU checks none of that.
      const type = random.pick([0x13, 0x12, 0x11, 0x10, 0x1b, 0x1a, 0x19, 0x1f, 0x1e]);
      const code = (type & 8) !== 0;
      image.descriptor(GDT + selector, 0, 0xfffff, type | dpl | present, code && wide ? random.pick([0xa, 0xc]) : 0xc);
    }
  }
  if (wide) {
    image.put64(TSS + 4, BigInt(TSS + 0x3f0));
    for (const at of [12, 20]) image.put64(TSS + at, BigInt(TSS + 0x300));
    image.put64(TSS + 36, BigInt(VARS + 0xff0));
  } else {
    image.put32(TSS + 4, VARS + 0xff0);
    image.put32(TSS + 8, 0x10);
  }
  image.put16(TSS + 102, 0x68);
  image.put(TABLES_TEMPLATE, image.bytes.slice(GDT - LOAD, GDT - LOAD + 0x1000));
  image.put(TABLES_TEMPLATE + 0x38 + 5, [0x8b]); // busy by then
}

function interrupts(image: Image, bits: Bits, common: number): void {
  const code = bits === 64 ? 8 : 0x18;
  const special: Record<number, [selector: number, type: number]> = {
    3: [code, 0xee],
    4: [code, 0xee],
    0x80: [code, 0xee],
    0x90: [code, 0x6e],
    0x91: [0x10, 0xee],
    0x92: [code, 0xef],
    0x93: [0, 0xee],
    0x94: [code, 0xec],
    0x95: [0xffc, 0xee],
    0x96: [code, 0xce],
    0x97: [0x20, 0xee],
  };
  for (let vector = 0; vector < 256; vector++) {
    const stub = STUBS + 16 * vector;
    const [selector, type] = special[vector] ?? [code, 0x8e];
    image.gate(IDT + vector * (bits / 4 === 16 ? 16 : 8), selector, stub, type, bits === 64 ? 1 : 0);
    const bytes = [...(WITH_ERROR.includes(vector) ? [] : [0x6a, 0]), 0x68, vector, 0, 0, 0];
    const jump = common - (stub + bytes.length + 5);
    image.put(stub, [...bytes, 0xe9, jump & 255, (jump >> 8) & 255, (jump >> 16) & 255, (jump >> 24) & 255]);
  }
}

/** Rights of a page; accessed and dirty are set, so that the walker writes nothing. */
function rightsOf(page: number): bigint {
  if (page >= CODE && page < CODE + 0x3000) return P | W | U | A_D;
  if (page >= DATA && page < DATA + DATA_BYTES) return P | W | U | A_D;
  if (page === READ_ONLY) return P | U | A_D;
  if (page === SUPERVISOR || page === VARS || page === GDT || page >= 0x600000) return P | W | A_D;
  if (page < LOAD || (page >= CODE && page < 0x600000)) return 0n;
  return P | A_D;
}

function paging(image: Image, bits: Bits): void {
  const table = P | W | U | A_D;
  const end = 0x800000;
  if (bits === 64) {
    image.put64(PAGE_TABLES, BigInt(PAGE_TABLES + 0x1000) | table);
    image.put64(PAGE_TABLES + 0x1000, BigInt(PAGE_TABLES + 0x2000) | table);
    for (let n = 0; n < 4; n++)
      image.put64(PAGE_TABLES + 0x2000 + 8 * n, BigInt(PAGE_TABLES + 0x3000 + 0x1000 * n) | table);
    for (let page = 0; page < end; page += 0x1000)
      image.put64(PAGE_TABLES + 0x3000 + (page >> 9), rightsOf(page) && rightsOf(page) | BigInt(page));
  } else {
    for (let n = 0; n < 2; n++) image.put32(PAGE_TABLES + 4 * n, PAGE_TABLES + 0x1000 + 0x1000 * n + Number(table));
    for (let page = 0; page < end; page += 0x1000)
      image.put32(PAGE_TABLES + 0x1000 + (page >> 10), Number(rightsOf(page) && rightsOf(page) | BigInt(page)));
  }
}

/** The random descriptors, for reports: selector and bytes. */
export function describeSelectors(image: Uint8Array): string {
  return RANDOM_SELECTORS.map(
    (selector) =>
      `${selector.toString(16)}: ${Buffer.from(image.subarray(GDT - LOAD + selector, GDT - LOAD + selector + 8)).toString('hex')}`,
  ).join(', ');
}

export function buildImage(harness: Uint8Array, programs: readonly Program[], bits: Bits, random: Random): Uint8Array {
  const image = new Image(PROGRAMS + 16 + programs.length * PROGRAM_BYTES);
  image.put(LOAD, harness);
  tables(image, bits, random);
  interrupts(image, bits, image.view.getUint32(COMMON_POINTER, true));
  paging(image, bits);
  for (let at = 0; at < DATA_BYTES; at += 4) image.put32(DATA_TEMPLATE + at, random.u32());
  image.put32(PROGRAMS, programs.length);
  programs.forEach((program, n) => {
    const at = PROGRAMS + 16 + n * PROGRAM_BYTES;
    program.registers.forEach((value, register) => image.put64(at + 8 * register, value));
    image.put64(at + 128, BigInt(CODE));
    const code = bits === 64 ? 8 : 0x18;
    image.put64(at + 136, BigInt(program.ring === 3 ? (bits === 64 ? 0x33 : 0x23) : code));
    image.put64(at + 144, BigInt(program.flags));
    image.put64(at + 152, BigInt(program.ring === 3 ? 0x2b : 0x10));
    image.put64(at + 160, BigInt(program.ring === 3 ? 0x2b : 0x10));
    image.put(at + PROGRAM_CODE, [
      ...program.code,
      ...Array.from({ length: 320 - program.code.length }, (_, k) => (k & 1 ? 0x0b : 0x0f)),
    ]);
  });
  return image.bytes;
}
