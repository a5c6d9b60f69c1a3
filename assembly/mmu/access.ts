/**
 * Linear-memory accesses that miss the TLB's fast compare: page walks, page crossing, devices, alignment checks.
 * The fast compare itself is inlined in the interpreter (engine/interp.ts) and emitted by the translator.
 */
import {
  CPL,
  CURRENT,
  EA_SEGMENT,
  EFER,
  LINEAR_MASK,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MODE_FLAT,
  PAGE_FLAGS,
  PAGE_HAS_CODE,
  SCRATCH,
  SCRATCH_LINEAR,
  TLB_ADDEND,
  TLB_PHYSICAL,
  TLB_READ,
  TLB_WRITE,
  PAGE_DIRTY,
} from '../layout';
import { Insn } from '../engine/backend';
import { EFER_LMA } from '../system/control';
import { AC_VECTOR, fault, GP, setStackAccess, SS_VECTOR, stackAccess } from '../system/fault';
import { BANK_ALIGN, BANK_KERNEL, BANK_USER, bank, fillEntry, slotOf } from './tlb';
import { isRam, physicalRead, physicalWrite, wasmAddress } from './physical';
import { ACCESS_IMPLICIT, ACCESS_WRITE, currentAccess, walk, walkedFlags, walkedWritable } from './walk';

/** Translates one address for the running program and fills the TLB; raises #PF. */
export function translate(linear: u64, write: bool): u64 {
  const from = bank == BANK_ALIGN ? BANK_USER : bank;
  const entry = from + slotOf(linear);
  if (load<u64>(entry + (write ? TLB_WRITE : TLB_READ)) == (linear & ~0xfff))
    return ((<u64>load<u32>(entry, TLB_PHYSICAL)) << 12) | (linear & 0xfff);
  return fill(entry, linear, currentAccess() | (write ? ACCESS_WRITE : 0));
}

function fill(entry: usize, linear: u64, access: u32): u64 {
  const physical = walk(linear, access);
  if (isRam(physical)) {
    const frame = <u32>(physical >> 12);
    let writable = walkedWritable;
    if (writable) {
      const flags: usize = PAGE_FLAGS + frame;
      const was = load<u8>(flags);
      // A clean page stays write-protected here until its first store, which marks it dirty.
      if (was & PAGE_HAS_CODE) writable = false;
      else if (access & ACCESS_WRITE) store<u8>(flags, was | PAGE_DIRTY);
      else if (!(was & PAGE_DIRTY)) writable = false;
    }
    fillEntry(entry, linear, writable, <u32>wasmAddress(physical & ~0xfff), frame, walkedFlags);
  }
  return physical;
}

/** An access that the CPU makes by itself, with supervisor rights (descriptor tables, TSS, interrupt stack). */
export function translateSystem(linear: u64, write: bool): u64 {
  const entry = BANK_KERNEL + slotOf(linear);
  if (load<u64>(entry + (write ? TLB_WRITE : TLB_READ)) == (linear & ~0xfff))
    return ((<u64>load<u32>(entry, TLB_PHYSICAL)) << 12) | (linear & 0xfff);
  return fill(entry, linear, ACCESS_IMPLICIT | (write ? ACCESS_WRITE : 0));
}

export function isCanonical(linear: u64): bool {
  return <u64>((<i64>(linear << 16)) >> 16) == linear;
}

/** Canonical-form and alignment checks; returns the address as it wraps in the mode. */
function checked(i: Insn, linear: u64, size: u32): u64 {
  store<usize>(CURRENT, changetype<usize>(i));
  if ((load<u32>(MODE) & MODE_CODE_MASK) == MODE_64) {
    if (!isCanonical(linear) || !isCanonical(linear + size - 1)) fault(isStackOperand(i) ? SS_VECTOR : GP, 0);
  } else {
    linear &= 0xffffffff;
    // A flat segment ends at 4 GiB, where an access does not wrap; limits of other segments have been checked.
    if (linear + size > 0x100000000 && load<u32>(MODE) & MODE_FLAT && !(i.ea & (<u8>EA_SEGMENT)))
      fault(isStackOperand(i) ? SS_VECTOR : GP, 0);
  }
  if (bank == BANK_ALIGN && linear & (size - 1)) fault(AC_VECTOR, 0);
  return linear;
}

/** Does the instruction's memory operand use SS by default or by name? Base RSP or RBP, or an implicit stack access. */
function isStackOperand(i: Insn): bool {
  return stackAccess || i.ea >> 4 == 2;
}
/** Marks the accesses up to stackDone(), or to the next fault, as ones to the stack: for the choice between #SS and #GP. */
export function nextIsStack(): void {
  setStackAccess(true);
}
export function stackDone(): void {
  setStackAccess(false);
}

function nextPage(linear: u64): u64 {
  const next = (linear | 0xfff) + 1;
  return next & load<u64>(LINEAR_MASK);
}

/** Reads `size` (1 to 8) bytes. */
export function readSlow(i: Insn, address: u64, size: u32): u64 {
  const linear = checked(i, address, size);
  const first: u32 = 0x1000 - ((<u32>linear) & 0xfff);
  const low = translate(linear, false);
  if (first >= size) return physicalRead(low, size);
  const high = translate(nextPage(linear), false);
  return physicalRead(low, first) | (physicalRead(high, size - first) << (first << 3));
}

/** Writes `size` (1 to 8) bytes; both pages are checked before either changes. */
export function writeSlow(i: Insn, address: u64, size: u32, value: u64): void {
  const linear = checked(i, address, size);
  const first: u32 = 0x1000 - ((<u32>linear) & 0xfff);
  if (first >= size) {
    physicalWrite(translate(linear, true), size, value);
    return;
  }
  // Either page may fault; the lower one is reported first.
  translate(linear, true);
  const high = translate(nextPage(linear), true);
  const low = translate(linear, true);
  physicalWrite(low, first, value);
  physicalWrite(high, size - first, value >> (first << 3));
}

/** Raises what a store of `size` bytes would raise; changes nothing. */
export function probeWrite(i: Insn, address: u64, size: u32): void {
  const linear = checked(i, address, size);
  translate(linear, true);
  if (<u32>0x1000 - ((<u32>linear) & 0xfff) < size) translate(nextPage(linear), true);
}
/** Raises what a load of `size` bytes would raise. */
export function probeRead(i: Insn, address: u64, size: u32): void {
  const linear = checked(i, address, size);
  translate(linear, false);
  if (<u32>0x1000 - ((<u32>linear) & 0xfff) < size) translate(nextPage(linear), false);
}

/** Place for a read-modify-write that the fast path can't do: SCRATCH, loaded with the operand. */
export function placeSlow(i: Insn, address: u64, size: u32): usize {
  probeWrite(i, address, size);
  store<u64>(SCRATCH_LINEAR, address);
  store<u64>(SCRATCH, readSlow(i, address, size));
  return SCRATCH;
}
/** Writes SCRATCH back where placeSlow() found it. */
export function commitPlace(i: Insn, size: u32): void {
  writeSlow(i, load<u64>(SCRATCH_LINEAR), size, load<u64>(SCRATCH));
}

/** Reads 16 bytes into SCRATCH + 16. No alignment check of its own. */
export function read128Slow(i: Insn, address: u64): v128 {
  probeRead(i, address, 16);
  const low = readSlow(i, address, 8);
  const high = readSlow(i, address + 8, 8);
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}
export function write128Slow(i: Insn, address: u64, value: v128): void {
  probeWrite(i, address, 16);
  writeSlow(i, address, 8, i64x2.extract_lane(value, 0));
  writeSlow(i, address + 8, 8, i64x2.extract_lane(value, 1));
}

// ---- system accesses: descriptor tables, TSS, stacks of events -----------------------------------------------------
/** Tables and inner stacks have 64-bit addresses in all of long mode, compatibility mode included. */
function systemMask(): u64 {
  return load<u64>(EFER) & EFER_LMA ? u64.MAX_VALUE : 0xffffffff;
}
export function systemRead(linear: u64, size: u32): u64 {
  const mask = systemMask();
  const wrapped = linear & mask;
  const first: u32 = 0x1000 - ((<u32>wrapped) & 0xfff);
  const low = translateSystem(wrapped, false);
  if (first >= size) return physicalRead(low, size);
  const high = translateSystem(((wrapped | 0xfff) + 1) & mask, false);
  return physicalRead(low, first) | (physicalRead(high, size - first) << (first << 3));
}
function translateFor(linear: u64, asUser: bool): u64 {
  return asUser ? translate(linear, true) : translateSystem(linear, true);
}
/** `asUser`: with the rights of the running program, which then is at ring 3 and stays there. */
export function systemWrite(linear: u64, size: u32, value: u64, asUser: bool = false): void {
  const mask = systemMask();
  const wrapped = linear & mask;
  const first: u32 = 0x1000 - ((<u32>wrapped) & 0xfff);
  if (first >= size) {
    physicalWrite(translateFor(wrapped, asUser), size, value);
    return;
  }
  translateFor(wrapped, asUser);
  const high = translateFor(((wrapped | 0xfff) + 1) & mask, asUser);
  physicalWrite(translateFor(wrapped, asUser), first, value);
  physicalWrite(high, size - first, value >> (first << 3));
}
