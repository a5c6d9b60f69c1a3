/**
 * The x87 register stack, its tags, and how exceptions end an instruction. SDM Vol. 1, 8.1 and 8.5 to 8.7.
 * An instruction goes begin → compute into Fp (changes nothing) → replace, push or pop → finish.
 * Every non-control instruction leaves its address and opcode in FCS:FIP and FOP, and the address of its memory operand, if
 * it has one, in FDS:FDP (8.1.8 and 8.1.9), as AMD processors do too; some of Intel keep FOP and FDP for unmasked exceptions only.
 */
import {
  CODE_BASE,
  CS,
  FCS,
  FCW,
  FDP,
  FDS,
  FIP,
  FOP,
  FPR,
  FSW,
  FTW,
  LINEAR_PAGE,
  SEG,
  SEG_SELECTOR,
  SEG_SIZE,
} from '../layout';
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { C1, clearFlags, FLAG_IE, FLAGS_ALL, Fp, mustNotWrite, setF80, useX87Control } from '../fpu/state';
import { raisePendingX87 } from '../system/x87-pending';

/** Status word, SDM Vol. 1, 8.1.3. */
export const FSW_SF: u32 = 0x0040;
export const FSW_ES: u32 = 0x0080;
export const FSW_B: u32 = 0x8000;
const FSW_TOP: u32 = 0x3800;
const FSW_TOP_SHIFT: u32 = 11;
/** Control word: the bits that can be written, and the one that always reads as 1. SDM Vol. 1, 8.1.5. */
const FCW_WRITABLE: u32 = 0x1f3f;
const FCW_ALWAYS: u32 = 0x0040;
export const FCW_INIT: u32 = 0x037f;
/** The QNaN floating-point indefinite, SDM Vol. 1, table 4-3. */
export const INDEFINITE_HI: u32 = 0xffff;
export const INDEFINITE_LO: u64 = 0xc000000000000000;
/** ModRM from here on names a register. */
const MODRM_REGISTER: u32 = 0xc0;

/** The record of the instruction being executed; 0 in translated code, which sets the pointers itself. */
let current: usize = 0;
/** SF, and C1 of a stack overflow, of this instruction. */
let stackBits: u32 = 0;

/** Raises what an earlier instruction left pending: the start of every waiting instruction. SDM Vol. 1, 8.7.1. */
export function wait(i: Insn): void {
  if (load<u16>(FSW) & FSW_ES) raisePendingX87(i);
}

/** Whether the next waiting instruction raises an exception. */
export function isPending(): bool {
  return (load<u16>(FSW) & FSW_ES) != 0;
}

/** Starts a non-control instruction. */
export function begin(i: Insn): void {
  wait(i);
  start(changetype<usize>(i));
}
/** The same once nothing is pending; `record` is 0 in translated code. */
export function start(record: usize): void {
  current = record;
  stackBits = 0;
  clearFlags();
  useX87Control(load<u16>(FCW));
}

export function top(): u32 {
  return ((<u32>load<u16>(FSW)) >> FSW_TOP_SHIFT) & 7;
}
function setTop(value: u32): void {
  store<u16>(FSW, (load<u16>(FSW) & ~FSW_TOP) | ((value & 7) << FSW_TOP_SHIFT));
}
/** Adds to TOP, tags untouched. */
export function moveTop(by: u32): void {
  setTop(top() + by);
}
/** Where ST(n) lies. */
export function slot(n: u32): usize {
  return FPR + ((<usize>((top() + n) & 7)) << 4);
}
export function hiOf(n: u32): u32 {
  return load<u16>(slot(n), 8);
}
export function loOf(n: u32): u64 {
  return load<u64>(slot(n));
}
export function isEmpty(n: u32): bool {
  return (((<u32>load<u8>(FTW)) >> ((top() + n) & 7)) & 1) == 0;
}
export function setEmpty(n: u32): void {
  store<u8>(FTW, (<u32>load<u8>(FTW)) & ~(1 << ((top() + n) & 7)));
}

/** ST(n) ← hi:lo. */
export function put(n: u32, hi: u32, lo: u64): void {
  const at = slot(n);
  store<u64>(at, lo);
  store<u16>(at, hi, 8);
  store<u8>(FTW, (<u32>load<u8>(FTW)) | (1 << ((top() + n) & 7)));
}
export function push(hi: u32, lo: u64): void {
  moveTop(7);
  put(0, hi, lo);
}
export function pop(): void {
  setEmpty(0);
  moveTop(1);
}

/** Stack underflow; the masked response to it is the indefinite as result. SDM Vol. 1, 8.5.1.1. */
export function underflow(): void {
  stackFault(FSW_SF);
}
/** Stack overflow, which sets C1. */
export function overflow(): void {
  stackFault(FSW_SF | C1);
}
function stackFault(bits: u32): void {
  stackBits = bits;
  Fp.flags |= FLAG_IE;
  setF80(INDEFINITE_HI, INDEFINITE_LO);
  Fp.hi2 = INDEFINITE_HI;
  Fp.lo2 = INDEFINITE_LO;
}

/** Whether ST(0) can be read; false after a stack fault, with the indefinite as result. */
export function holds(): bool {
  if (!isEmpty(0)) return true;
  underflow();
  return false;
}
/** The same for ST(0) and ST(n). */
export function holdsBoth(n: u32): bool {
  if (!isEmpty(0) && !isEmpty(n)) return true;
  underflow();
  return false;
}
/** Starts an instruction that reads ST(0). */
export function reads(i: Insn): bool {
  begin(i);
  return holds();
}
/** The same for ST(0) and ST(n). */
export function readsBoth(i: Insn, n: u32): bool {
  begin(i);
  return holdsBoth(n);
}
/** The same for an instruction that replaces ST(0) and pushes. */
export function readsAndPushes(i: Insn): bool {
  begin(i);
  if (isEmpty(0)) underflow();
  else if (!isEmpty(7)) overflow();
  else return true;
  return false;
}
/** The same for one that only pushes, already begun. */
export function pushes(): bool {
  if (isEmpty(7)) return true;
  overflow();
  return false;
}

/** ST(n) ← the result, then `pops` pops; nothing of it after an unmasked pre-computation exception. Ends the instruction. */
export function replace(n: u32, pops: u32): void {
  if (!mustNotWrite()) {
    put(n, Fp.hi, Fp.lo);
    if (pops) pop();
  }
  finish(0, C1);
}
/** Pushes the result. Ends the instruction. */
export function pushResult(): void {
  if (!mustNotWrite()) push(Fp.hi, Fp.lo);
  finish(0, C1);
}

/** Ends an instruction: the condition codes in `affected` become `codes` (C1 also tells of rounding), exceptions are noted. */
export function finish(codes: u32, affected: u32): void {
  store<u16>(FSW, statusAfter(codes, affected));
  if (current) setPointers(changetype<Insn>(current));
}
/** FSW at the end of an instruction, its pops apart. */
export function statusAfter(codes: u32, affected: u32): u32 {
  const rounded: u32 = Fp.roundedUp ? C1 : 0;
  const fsw = ((<u32>load<u16>(FSW)) & ~affected) | codes | rounded | Fp.flags | stackBits;
  return Fp.flags & ~Fp.masks ? fsw | FSW_ES | FSW_B : fsw;
}

/** Where the instruction and its memory operand are, and what it is. */
export function setPointers(i: Insn): void {
  store<u64>(FIP, load<u64>(LINEAR_PAGE) + <u64>i.offset - load<u64>(CODE_BASE));
  store<u16>(FCS, load<u16>(SEG + CS * SEG_SIZE, SEG_SELECTOR));
  store<u16>(FOP, i.imm);
  if (((<u32>i.imm) & 0xff) >= MODRM_REGISTER) return;
  store<u64>(FDP, core<Interp>().effective(i));
  store<u16>(FDS, load<u16>(SEG + ((<usize>i.ea) >> 4) * SEG_SIZE, SEG_SELECTOR));
}

/** Sets FCW. An exception flag that it unmasks becomes pending. */
export function setControl(value: u32): void {
  store<u16>(FCW, (value & FCW_WRITABLE) | FCW_ALWAYS);
  setStatus(load<u16>(FSW));
}
/** Sets FSW; ES and B follow from the exception flags and the masks in FCW. */
export function setStatus(value: u32): void {
  const unmasked = value & ~(<u32>load<u16>(FCW)) & FLAGS_ALL;
  store<u16>(FSW, (value & ~(FSW_ES | FSW_B)) | (unmasked ? FSW_ES | FSW_B : 0));
}

/** FNINIT: the registers keep their contents. */
export function initialise(): void {
  store<u16>(FCW, FCW_INIT);
  store<u16>(FSW, 0);
  store<u8>(FTW, 0);
  store<u16>(FOP, 0);
  store<u64>(FIP, 0);
  store<u64>(FDP, 0);
  store<u16>(FCS, 0);
  store<u16>(FDS, 0);
}
