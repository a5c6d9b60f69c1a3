/**
 * The simplest x87 instructions in emitted code: moves within the register stack, and pushes. Like x87/fast, but what is not the
 * usual case (a stack fault, a pending exception) leaves for tier 0. Also the pointers, which all instructions set.
 */
import {
  CODE_BASE,
  CS,
  FCS,
  FDP,
  FDS,
  FIP,
  FOP,
  FPR,
  FSW,
  FTW,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  SEG,
  SEG_SELECTOR,
  SEG_SIZE,
} from '../layout';
import { Insn } from './backend';
import { pushBase, beforeLeave, effectiveAddress, leaveIf, pageOffset } from './emit-memory';
import {
  c32,
  c64,
  get,
  I32_ADD,
  I32_AND,
  I32_OR,
  I32_SHL,
  I32_SHR_U,
  I32_XOR,
  I64_ADD,
  I64_SUB,
  loadFrom,
  loadOp,
  op,
  set32,
  storeOp,
} from './wasm';

const FSW_ES: i32 = 0x80;
const FSW_C1: i32 = 0x200;
const FSW_TOP: i32 = 0x3800;
const FSW_TOP_SHIFT: i32 = 11;
const SLOT_SHIFT: i32 = 4;
const MODRM_REGISTER: u32 = 0xc0;

/** FIP, FCS and FOP, and FDP and FDS of a memory operand. No fault may come after this. */
export function writePointers(i: Insn): void {
  c32(0);
  pushBase();
  c64(<i64>pageOffset + <i64>i.offset);
  op(I64_ADD);
  if ((load<u32>(MODE) & MODE_CODE_MASK) != MODE_64) {
    loadFrom<u64>(CODE_BASE);
    op(I64_SUB);
  }
  storeOp<u64>(FIP);
  c32(0);
  loadFrom<u16>(SEG + CS * SEG_SIZE + SEG_SELECTOR);
  storeOp<u16>(FCS);
  c32(0);
  c32(i.imm & 0xffff);
  storeOp<u16>(FOP);
  if (((<u32>i.imm) & 0xff) >= MODRM_REGISTER) return;
  c32(0);
  get(effectiveAddress(i));
  storeOp<u64>(FDP);
  c32(0);
  loadFrom<u16>(SEG + ((<u32>i.ea) >> 4) * SEG_SIZE + SEG_SELECTOR);
  storeOp<u16>(FDS);
}

// The status and tags as the instruction finds them: handles.
let fsw: i32 = 0;
let ftw: i32 = 0;
function begin(): void {
  loadFrom<u16>(FSW);
  fsw = set32();
  loadFrom<u8>(FTW);
  ftw = set32();
}
/** Physical number of ST(n). */
function number(n: i32): i32 {
  get(fsw);
  c32(FSW_TOP_SHIFT);
  op(I32_SHR_U);
  if (n) {
    c32(n);
    op(I32_ADD);
  }
  c32(7);
  op(I32_AND);
  return set32();
}
/** Pushes whether the register holds something, or nothing; other bits are undefined. */
function pushTag(register: i32): void {
  get(ftw);
  get(register);
  op(I32_SHR_U);
}
/** Leaves unless the lowest bit on the stack is `wanted` and nothing is pending. */
function leaveUnless(wanted: i32): void {
  if (wanted) {
    c32(1);
    op(I32_XOR);
  }
  c32(1);
  op(I32_AND);
  get(fsw);
  c32(FSW_ES);
  op(I32_AND);
  op(I32_OR);
  leaveIf();
}
/** Where a register lies, from FPR. */
function slot(register: i32): i32 {
  get(register);
  c32(SLOT_SHIFT);
  op(I32_SHL);
  return set32();
}
function pushBit(register: i32): void {
  c32(1);
  get(register);
  op(I32_SHL);
}
/** FSW ← without C1. */
function clearC1(): void {
  c32(0);
  get(fsw);
  c32(~FSW_C1);
  op(I32_AND);
  storeOp<u16>(FSW);
}
/** FSW ← with TOP moved by `by` and without C1. */
function moveTop(by: i32): void {
  c32(0);
  get(fsw);
  c32(~(FSW_C1 | FSW_TOP));
  op(I32_AND);
  get(fsw);
  c32(by << FSW_TOP_SHIFT);
  op(I32_ADD);
  c32(FSW_TOP);
  op(I32_AND);
  op(I32_OR);
  storeOp<u16>(FSW);
}
function copySlot(to: i32, from: i32): void {
  get(to);
  get(from);
  loadOp<u64>(FPR);
  storeOp<u64>(FPR);
  get(to);
  get(from);
  loadOp<u16>(FPR + 8);
  storeOp<u16>(FPR + 8);
}
/** Marks the register above the top as full and makes it the top. */
function tagPush(register: i32): void {
  c32(0);
  get(ftw);
  pushBit(register);
  op(I32_OR);
  storeOp<u8>(FTW);
  moveTop(7);
}

/** Pushes hi:lo. */
export function emitPush(i: Insn, hi: i32, lo: i32): void {
  beforeLeave();
  begin();
  const above = number(7);
  pushTag(above);
  leaveUnless(0);
  const to = slot(above);
  get(to);
  get(lo);
  storeOp<u64>(FPR);
  get(to);
  get(hi);
  storeOp<u16>(FPR + 8);
  tagPush(above);
  writePointers(i);
}
/** FLD ST(n). */
export function emitPushRegister(i: Insn, n: i32): void {
  beforeLeave();
  begin();
  const above = number(7);
  const source = number(n);
  // Full there and free here.
  pushTag(above);
  c32(-1);
  op(I32_XOR);
  pushTag(source);
  op(I32_AND);
  leaveUnless(1);
  copySlot(slot(above), slot(source));
  tagPush(above);
  writePointers(i);
}
/** FST, FSTP ST(n). */
export function emitCopy(i: Insn, n: i32, pops: bool): void {
  beforeLeave();
  begin();
  const first = number(0);
  pushTag(first);
  leaveUnless(1);
  const other = n ? number(n) : first;
  if (n) copySlot(slot(other), slot(first));
  c32(0);
  get(ftw);
  if (n) {
    pushBit(other);
    op(I32_OR);
  }
  if (pops) {
    pushBit(first);
    c32(-1);
    op(I32_XOR);
    op(I32_AND);
  }
  storeOp<u8>(FTW);
  if (pops) moveTop(1);
  else clearC1();
  writePointers(i);
}
/** FXCH ST(n). */
export function emitExchange(i: Insn, n: i32): void {
  beforeLeave();
  begin();
  const first = number(0);
  const other = number(n);
  pushTag(first);
  pushTag(other);
  op(I32_AND);
  leaveUnless(1);
  const a = slot(first);
  const b = slot(other);
  get(a);
  loadOp<u16>(FPR + 8);
  const hi = set32();
  get(b);
  get(a);
  loadOp<u64>(FPR);
  get(a);
  get(b);
  loadOp<u64>(FPR);
  storeOp<u64>(FPR);
  storeOp<u64>(FPR);
  get(a);
  get(b);
  loadOp<u16>(FPR + 8);
  storeOp<u16>(FPR + 8);
  get(b);
  get(hi);
  storeOp<u16>(FPR + 8);
  clearC1();
  writePointers(i);
}
/** FCHS, FABS: sign and exponent of ST(0) & keep ^ flip. */
export function emitChangeSign(i: Insn, keep: u32, flip: u32): void {
  beforeLeave();
  begin();
  const first = number(0);
  pushTag(first);
  leaveUnless(1);
  const at = slot(first);
  get(at);
  get(at);
  loadOp<u16>(FPR + 8);
  c32(<i32>keep);
  op(I32_AND);
  c32(<i32>flip);
  op(I32_XOR);
  storeOp<u16>(FPR + 8);
  clearC1();
  writePointers(i);
}
