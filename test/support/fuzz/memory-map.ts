/** Where things of the fuzzer's machine are. Physical memory is the same for all kinds of programs. */

/** All that programs are meant to reach; the rest of RAM is zero at first. */
export const IMAGE_BYTES = 0x80000;
export const RAM_BYTES = 16 << 20;

export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
export const HANDLERS = 0x4000;
/** What the fault handler works with: see handlers.ts. */
export const HANDLER_DATA = 0x5000;
export const RING0_STACK = 0x7000;
export const FAULT_STACK = 0x7800;
export const INTERRUPT_STACK = 0x8000;
export const NMI_STACK = 0x8800;
export const SYSTEM_END = 0x10000;
export const PAGE_TABLES = 0x10000;
/** Of each address space. */
export const PAGE_TABLE_BYTES = 0x18000;
export const CODE_FRAMES = 0x40000;
/** Pages of code; their frames are in another order. */
export const CODE_PAGES = 4;
export const FRAME_ORDER = [2, 0, 3, 1];
export const DATA_FRAMES = 0x50000;
export const STACK_FRAMES = 0x60000;
export const SPARE_FRAMES = 0x70000;

/** Linear addresses with paging. In the data TLB, HIGH and DATA share a slot. */
export const LINEAR = {
  code: 0x10010000,
  /** The same frames again, writable. */
  codeAlias: 0x10410000,
  /** Two pages, then one that is read-only, one that is not there, and one for the supervisor. */
  data: 0x20000000,
  dataAlias: 0x20410000,
  /** Two pages between others that are not there. */
  stack: 0x30005000,
  high: 0x6000_0000_0000n,
  userTop: 0x7fff_ffff_f000n,
  kernelBottom: 0xffff_8000_0000_0000n,
  last64: 0xffff_ffff_ffff_f000n,
  last32: 0xffff_f000,
} as const;
/** Where physical memory begins again, in a large page. */
export const LARGE = 0x40000000;
export const DATA_BYTES = 0x2000;
export const STACK_BYTES = 0x2000;

/** GDT selectors, in the order that STAR wants. */
export const SELECTOR = {
  code64: 0x08,
  data: 0x10,
  code32: 0x18,
  userCode32: 0x23,
  userData: 0x2b,
  userCode64: 0x33,
  tss: 0x38,
  /** Of the kind's own making. */
  ownCode: 0x48,
  ownData: 0x50,
  ownExtra: 0x58,
  ownStack: 0x60,
  ownFs: 0x68,
  ownGs: 0x70,
} as const;
