/** Descriptors and segment-register loads. SDM Vol. 3A, chapters 3 and 5; long mode: 3.4.4, 3.5.2, 7.2.3. */
import {
  CPL,
  CR0,
  CS,
  DS,
  EFER,
  EFLAGS_REST,
  ES,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  LDTR,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
  TR,
} from '../layout';
import { VM } from '../engine/flags';
import { isCanonical, systemRead, systemWrite } from '../mmu/access';
import { CR0_PE, EFER_LMA } from './control';
import { fault, GP, NP, SS_VECTOR, TS } from './fault';
import {
  FLAG_CODE,
  FLAG_DB,
  FLAG_DPL_SHIFT,
  FLAG_EXPAND_DOWN,
  FLAG_G,
  FLAG_L,
  FLAG_P,
  FLAG_S,
  FLAG_WRITABLE,
} from './segment';

const FLAG_ACCESSED: u32 = 1 << 8;
export const TYPE_LDT: u32 = 2;
export const TYPE_TSS16_AVAILABLE: u32 = 1;
export const TYPE_TSS32_AVAILABLE: u32 = 9;
export const TYPE_TSS32_BUSY: u32 = 11;

/** The two dwords of the descriptor read last, and where it is. */
export let low: u32 = 0;
export let high: u32 = 0;
export let descriptorAt: u64 = 0;

export function segmentAt(segment: u32): usize {
  return SEG + <usize>segment * SEG_SIZE;
}
export function selectorOf(segment: u32): u32 {
  return load<u16>(segmentAt(segment), SEG_SELECTOR);
}
export function inLongMode(): bool {
  return (load<u64>(EFER) & EFER_LMA) != 0;
}
export function isRealOrV86(): bool {
  return !(load<u64>(CR0) & CR0_PE) || (load<u32>(EFLAGS_REST) & VM) != 0;
}

/** Reads the descriptor of a selector into low and high; a selector outside its table raises `vector`(selector). */
export function readDescriptor(selector: u32, vector: u32): void {
  if (!tryReadDescriptor(selector)) fault(vector, selector & 0xfffc);
}
/** The same without a fault: false when outside the table. */
export function tryReadDescriptor(selector: u32): bool {
  let base: u64;
  let limit: u32;
  if (selector & 4) {
    const ldt = segmentAt(LDTR);
    if (!(load<u32>(ldt, SEG_FLAGS) & FLAG_P)) return false;
    base = load<u64>(ldt, SEG_BASE);
    limit = load<u32>(ldt, SEG_LIMIT);
  } else {
    base = load<u64>(GDTR_BASE);
    limit = load<u32>(GDTR_LIMIT);
  }
  const offset = selector & 0xfff8;
  if (offset + 7 > limit) return false;
  descriptorAt = base + offset;
  const both = systemRead(descriptorAt, 8);
  low = <u32>both;
  high = <u32>(both >> 32);
  return true;
}
/** The second half of the 16-byte system descriptor of `selector` (long mode), which was read before. */
export function readUpper(selector: u32, vector: u32): u64 {
  const limit = selector & 4 ? load<u32>(segmentAt(LDTR), SEG_LIMIT) : load<u32>(GDTR_LIMIT);
  if ((selector & 0xfff8) + 15 > limit) fault(vector, selector & 0xfffc);
  return systemRead(descriptorAt + 8, 8);
}

export function baseOf(lo: u32, hi: u32): u64 {
  return <u64>((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000));
}
export function limitOf(lo: u32, hi: u32): u32 {
  const limit = (lo & 0xffff) | (hi & 0xf0000);
  return hi & FLAG_G ? (limit << 12) | 0xfff : limit;
}
export function dplOf(hi: u32): u32 {
  return (hi >>> FLAG_DPL_SHIFT) & 3;
}
export function typeOf(hi: u32): u32 {
  return (hi >>> 8) & 15;
}

/** Fills a segment register's hidden part. */
export function setSegment(segment: u32, selector: u32, base: u64, limit: u32, flags: u32): void {
  const at = segmentAt(segment);
  store<u64>(at, base, SEG_BASE);
  store<u32>(at, limit, SEG_LIMIT);
  store<u32>(at, flags & 0xf0ff00, SEG_FLAGS);
  store<u16>(at, <u16>selector, SEG_SELECTOR);
}
/** From the descriptor in low and high. */
export function setFromDescriptor(segment: u32, selector: u32): void {
  setSegment(segment, selector, baseOf(low, high), limitOf(low, high), high);
}
export function setAccessed(): void {
  if (!(high & FLAG_ACCESSED)) {
    high |= FLAG_ACCESSED;
    systemWrite(descriptorAt + 5, 1, (high >>> 8) & 0xff);
  }
}
/** Real-mode or virtual-8086 load: base = selector * 16; limit and type stay (real) or are fixed (v86). */
export function setRealSegment(segment: u32, selector: u32): void {
  const at = segmentAt(segment);
  store<u16>(at, <u16>selector, SEG_SELECTOR);
  store<u64>(at, ((<u64>selector) & 0xffff) << 4, SEG_BASE);
  if (load<u64>(CR0) & CR0_PE) {
    store<u32>(at, 0xffff, SEG_LIMIT);
    store<u32>(at, FLAG_P | FLAG_S | FLAG_WRITABLE | FLAG_ACCESSED | (3 << FLAG_DPL_SHIFT), SEG_FLAGS);
  } else {
    // A code segment loaded in protected mode leaves its size bits: real mode after a mode switch keeps them until a far jump.
    if (!(load<u32>(at, SEG_FLAGS) & FLAG_P))
      store<u32>(at, FLAG_P | FLAG_S | FLAG_WRITABLE | FLAG_ACCESSED, SEG_FLAGS);
  }
}

/** MOV/POP to DS, ES, FS, GS: SDM Vol. 2B, MOV, "Loading a segment register while in protected mode". */
function loadData(segment: u32, selector: u32): void {
  if (!(selector & 0xfffc)) {
    // Unusable from now on. The base goes as well, as on AMD family 17h from model 30h and on Intel's.
    setSegment(segment, selector, 0, 0, 0);
    return;
  }
  readDescriptor(selector, GP);
  const cpl = load<u32>(CPL);
  const rpl = selector & 3;
  const dpl = dplOf(high);
  if (!(high & FLAG_S)) fault(GP, selector & 0xfffc);
  const code = (high & FLAG_CODE) != 0;
  if (code && !(high & FLAG_WRITABLE)) fault(GP, selector & 0xfffc);
  const conforming = code && (high & FLAG_EXPAND_DOWN) != 0;
  if (!conforming && (rpl > dpl || cpl > dpl)) fault(GP, selector & 0xfffc);
  if (!(high & FLAG_P)) fault(NP, selector & 0xfffc);
  setAccessed();
  setFromDescriptor(segment, selector);
}

/** Load of SS at privilege level `cpl`; `vector` is #GP, or #TS when a task-state segment named it. */
export function loadStack(selector: u32, cpl: u32, vector: u32): void {
  if (!(selector & 0xfffc)) {
    // 64-bit mode takes a null SS below ring 3. SDM Vol. 3A, 5.4.1.1.
    if (inLongMode() && (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64 && cpl < 3 && (selector & 3) == cpl) {
      setSegment(SS, selector, 0, 0, cpl << FLAG_DPL_SHIFT);
      return;
    }
    fault(vector, 0);
  }
  readDescriptor(selector, vector);
  if (
    (selector & 3) != cpl ||
    dplOf(high) != cpl ||
    (high & (FLAG_S | FLAG_CODE | FLAG_WRITABLE)) != (FLAG_S | FLAG_WRITABLE)
  ) {
    fault(vector, selector & 0xfffc);
  }
  if (!(high & FLAG_P)) fault(SS_VECTOR, selector & 0xfffc);
  setAccessed();
  setFromDescriptor(SS, selector);
}

/** MOV Sreg, POP Sreg, LDS and relatives. CS can't be loaded this way. The caller calls updateMode(). */
export function loadSegment(segment: u32, selector: u32): void {
  if (isRealOrV86()) setRealSegment(segment, selector);
  else if (segment == SS) loadStack(selector, load<u32>(CPL), GP);
  else loadData(segment, selector);
}

/** LLDT. */
export function loadLdt(selector: u32): void {
  if (!(selector & 0xfffc)) {
    setSegment(LDTR, selector, 0, 0, 0);
    return;
  }
  if (selector & 4) fault(GP, selector & 0xfffc);
  readDescriptor(selector, GP);
  if (high & FLAG_S || typeOf(high) != TYPE_LDT) fault(GP, selector & 0xfffc);
  if (!(high & FLAG_P)) fault(NP, selector & 0xfffc);
  setSystemSegment(LDTR, selector, GP);
}

/** LTR: marks the descriptor busy. */
export function loadTask(selector: u32): void {
  if (!(selector & 0xfffc) || selector & 4) fault(GP, selector & 0xfffc);
  readDescriptor(selector, GP);
  const type = typeOf(high);
  if (high & FLAG_S || !(type == TYPE_TSS32_AVAILABLE || (type == TYPE_TSS16_AVAILABLE && !inLongMode())))
    fault(GP, selector & 0xfffc);
  if (!(high & FLAG_P)) fault(NP, selector & 0xfffc);
  const at = descriptorAt;
  setSystemSegment(TR, selector, GP);
  const busy = high | (2 << 8);
  systemWrite(at + 5, 1, (busy >>> 8) & 0xff);
  store<u32>(segmentAt(TR), busy & 0xf0ff00, SEG_FLAGS);
}

function setSystemSegment(segment: u32, selector: u32, vector: u32): void {
  let base = baseOf(low, high);
  if (inLongMode()) {
    base |= readUpper(selector, vector) << 32;
    if (!isCanonical(base)) fault(vector, selector & 0xfffc);
  }
  setSegment(segment, selector, base, limitOf(low, high), high);
}

/** After a return to an outer level: data segments that the new level may not use become null. SDM Vol. 2A, IRET and RET. */
export function dropInnerSegments(): void {
  const cpl = load<u32>(CPL);
  dropInner(ES, cpl);
  dropInner(DS, cpl);
  dropInner(FS, cpl);
  dropInner(GS, cpl);
}
function dropInner(segment: u32, cpl: u32): void {
  const at = segmentAt(segment);
  const flags = load<u32>(at, SEG_FLAGS);
  const conforming = (flags & (FLAG_CODE | FLAG_EXPAND_DOWN)) == (FLAG_CODE | FLAG_EXPAND_DOWN);
  // A null selector with an RPL becomes 0 as well (seen on Intel and AMD).
  if (!(flags & FLAG_P) || (!conforming && dplOf(flags) < cpl)) {
    const base: u64 = inLongMode() && segment >= <u32>FS ? load<u64>(at, SEG_BASE) : 0;
    setSegment(segment, 0, base, 0, 0);
  }
}

/** Loads CS from the descriptor in low and high with privilege `cpl`. */
export function setCode(selector: u32, cpl: u32): void {
  setFromDescriptor(CS, (selector & 0xfffc) | cpl);
  store<u32>(CPL, cpl);
}

/** Reads the descriptor of the stack segment that a TSS names for level `cpl`; `error` goes with #TS and #SS. */
export function readInnerStack(selector: u32, cpl: u32, error: u32): void {
  if (!(selector & 0xfffc) || !tryReadDescriptor(selector)) fault(TS, error);
  if ((selector & 3) != cpl || dplOf(high) != cpl) fault(TS, error);
  if ((high & (FLAG_S | FLAG_CODE | FLAG_WRITABLE)) != (FLAG_S | FLAG_WRITABLE)) fault(TS, error);
  if (!(high & FLAG_P)) fault(SS_VECTOR, error);
  setAccessed();
}

/**
 * Stack pointer of a more privileged level from the TSS; `ext` is the EXT bit of an error code. Legacy: also sets
 * `tssStackSelector`. SDM Vol. 3A, 7.2.1 and 7.7.
 */
export let tssStackSelector: u32 = 0;
export function tssStack(level: u32, ext: u32): u64 {
  const tr = segmentAt(TR);
  const base = load<u64>(tr, SEG_BASE);
  const limit = load<u32>(tr, SEG_LIMIT);
  const selector = load<u16>(tr, SEG_SELECTOR) as u32;
  if (inLongMode()) {
    const at: u32 = 4 + level * 8;
    if (at + 7 > limit) fault(TS, (selector & 0xfffc) | ext);
    return systemRead(base + at, 8);
  }
  const type = typeOf(load<u32>(tr, SEG_FLAGS));
  if (type & 8) {
    const at: u32 = 4 + level * 8;
    if (at + 5 > limit) fault(TS, (selector & 0xfffc) | ext);
    tssStackSelector = <u32>systemRead(base + at + 4, 2);
    return systemRead(base + at, 4);
  }
  const at: u32 = 2 + level * 4;
  if (at + 3 > limit) fault(TS, (selector & 0xfffc) | ext);
  tssStackSelector = <u32>systemRead(base + at + 2, 2);
  return systemRead(base + at, 2);
}
/** Interrupt stack table entry 1 to 7 of the 64-bit TSS. */
export function tssInterruptStack(entry: u32, ext: u32): u64 {
  const tr = segmentAt(TR);
  const at: u32 = 36 + (entry - 1) * 8;
  if (at + 7 > load<u32>(tr, SEG_LIMIT)) fault(TS, ((<u32>load<u16>(tr, SEG_SELECTOR)) & 0xfffc) | ext);
  return systemRead(load<u64>(tr, SEG_BASE) + at, 8);
}
