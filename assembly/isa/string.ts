/**
 * String instructions. SDM Vol. 2, the page of each name and REP; Vol. 1, 7.3.9. Source: rSI in DS or the overriding
 * segment; destination: rDI in ES; both of the address size, as is the count in rCX.
 * Each iteration commits: a fault leaves the registers at the element that faulted. Each counts as one instruction,
 * so a long repetition ends with the run's budget and RIP still at it. Forward MOVS and STOS go by stretches that lie in one page.
 */
import {
  COUNT,
  EA_MASK,
  EA_SEGMENT,
  EFLAGS_REST,
  ES,
  FS,
  GPR,
  ICOUNT_BASE,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MODE_FLAT,
  MODE_PROTECTED,
  SEG_BASE,
  SEG_FLAGS,
  SEG_LIMIT,
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
  T_LEFT,
} from '../layout';
import { core, Insn } from '../engine/backend';
import { arrive, ipOf, setNext, settleBefore } from '../engine/cache';
import { DF, Flags } from '../engine/flags';
import { Interp } from '../engine/interp';
import { portRead, portWrite } from '../host';
import { probeWrite } from '../mmu/access';
import { bank, slotOf } from '../mmu/tlb';
import { segmentAt } from '../system/descriptor';
import { checkPort } from '../system/io';
import { checkWritable, FLAG_CODE, FLAG_EXPAND_DOWN, FLAG_P, FLAG_WRITABLE, segmentLinear } from '../system/segment';

const RAX: usize = GPR;
const RCX: usize = GPR + 8;
const RDX: usize = GPR + 16;
const RSI: usize = GPR + 48;
const RDI: usize = GPR + 56;

// ---- addresses ------------------------------------------------------------------------------------------------------------
function addressMask(i: Insn): u64 {
  return load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
}
/** Stores an address register or count: 16 bits leave the rest, 32 bits clear it. */
function setAddress(i: Insn, register: usize, value: u64): void {
  if ((i.ea & 3) == 2) store<u16>(register, <u16>value);
  else store<u64>(register, value & addressMask(i));
}
function backwards(): bool {
  return (load<u32>(EFLAGS_REST) & DF) != 0;
}
/** Moves an address register by `count` elements in the direction of DF. */
function advance<W>(i: Insn, register: usize, count: u64): void {
  const by = count * sizeof<W>();
  setAddress(i, register, load<u64>(register) + (backwards() ? 0 - by : by));
}
function source<W>(i: Insn): u64 {
  return core<Interp>().operandLinear(i, load<u64>(RSI) & addressMask(i), sizeof<W>());
}
/** ES can't be overridden. */
function destination<W>(i: Insn, write: bool): u64 {
  const offset = load<u64>(RDI) & addressMask(i);
  if (load<u32>(MODE) & MODE_FLAT) return offset;
  if (write) checkWritable(i, ES);
  return segmentLinear(i, ES, offset, sizeof<W>());
}

// ---- one element ------------------------------------------------------------------------------------------------------------
function move<W>(i: Insn): void {
  const e = core<Interp>();
  const value = e.loadAt<W>(i, source<W>(i));
  e.storeAt<W>(i, destination<W>(i, true), value);
  advance<W>(i, RSI, 1);
  advance<W>(i, RDI, 1);
}
function fill<W>(i: Insn): void {
  core<Interp>().storeAt<W>(i, destination<W>(i, true), load<W>(RAX));
  advance<W>(i, RDI, 1);
}
function fetch<W>(i: Insn): void {
  const e = core<Interp>();
  e.setGpr<W>(0, e.loadAt<W>(i, source<W>(i)));
  advance<W>(i, RSI, 1);
}
/** The destination is checked before the port is read: reading may change the device. */
function input<W>(i: Insn): void {
  const linear = destination<W>(i, true);
  probeWrite(i, linear, sizeof<W>());
  core<Interp>().storeAt<W>(i, linear, <W>portRead(load<u16>(RDX), sizeof<W>()));
  advance<W>(i, RDI, 1);
}
function output<W>(i: Insn): void {
  const value = <u32>core<Interp>().loadAt<W>(i, source<W>(i));
  advance<W>(i, RSI, 1);
  portWrite(load<u16>(RDX), sizeof<W>(), value);
}
function compare<W>(i: Insn): void {
  const e = core<Interp>();
  const a = e.loadAt<W>(i, source<W>(i));
  const b = e.loadAt<W>(i, destination<W>(i, false));
  e.flagsSub<W>(a, b, <W>(a - b));
  advance<W>(i, RSI, 1);
  advance<W>(i, RDI, 1);
}
function scan<W>(i: Insn): void {
  const e = core<Interp>();
  const a = load<W>(RAX);
  const b = e.loadAt<W>(i, destination<W>(i, false));
  e.flagsSub<W>(a, b, <W>(a - b));
  advance<W>(i, RDI, 1);
}

// ---- stretches: many elements within one page --------------------------------------------------------------------------------
let stretchLinear: u64 = 0;

/** Bytes upwards from `offset` that lie in one page and inside the segment; 0 when the plain path must look at it. */
function stretch(segment: u32, plain: bool, offset: u64, mask: u64): u64 {
  let last: u64 = mask - offset;
  let linear = offset;
  if (!plain) {
    const at = segmentAt(segment);
    const base = load<u64>(at, SEG_BASE);
    const mode = load<u32>(MODE);
    if ((mode & MODE_CODE_MASK) == MODE_64) {
      if (segment >= <u32>FS) linear += base;
    } else {
      const flags = load<u32>(at, SEG_FLAGS);
      const limit: u64 = load<u32>(at, SEG_LIMIT);
      const usual = (flags & (FLAG_P | FLAG_CODE | FLAG_EXPAND_DOWN | FLAG_WRITABLE)) == (FLAG_P | FLAG_WRITABLE);
      if ((mode & MODE_PROTECTED && !usual) || offset > limit) return 0;
      last = min(last, limit - offset);
      linear = (linear + base) & 0xffffffff;
    }
  }
  stretchLinear = linear;
  return min<u64>(last, 0xfff - (linear & 0xfff)) + 1;
}
/** Wasm address of `linear` when the TLB holds it for this kind of access, else 0. Pages with code have no write entry. */
function wasmAt(linear: u64, tag: usize): usize {
  const entry = bank + slotOf(linear);
  return load<u64>(entry + tag) == (linear & ~0xfff) ? <usize>linear + load<usize>(entry, TLB_ADDEND) : 0;
}

/** Where stores of a destination stretch go, or 0; its bytes in stretchBytes. */
let stretchBytes: u64 = 0;
function destinationStretch(i: Insn, mask: u64): usize {
  stretchBytes = stretch(ES, (load<u32>(MODE) & MODE_FLAT) != 0, load<u64>(RDI) & mask, mask);
  return stretchBytes ? wasmAt(stretchLinear, TLB_WRITE) : 0;
}

/** Moves up to `most` elements; returns how many, 0 when the plain path must do the next one. */
function moveStretch<W>(i: Insn, most: u64): u64 {
  const mask = addressMask(i);
  const to = destinationStretch(i, mask);
  if (!to) return 0;
  const room = stretch((<u32>i.ea) >> 4, !(i.ea & EA_SEGMENT), load<u64>(RSI) & mask, mask);
  if (!room) return 0;
  const from = wasmAt(stretchLinear, TLB_READ);
  if (!from) return 0;
  const count = min(most, min(stretchBytes, room) / sizeof<W>());
  const size = <usize>count * sizeof<W>();
  // A destination that starts inside the source repeats what was just written.
  if (to - from >= size) memory.copy(to, from, size);
  else for (let k: usize = 0; k < size; k += sizeof<W>()) store<W>(to + k, load<W>(from + k));
  advance<W>(i, RSI, count);
  advance<W>(i, RDI, count);
  return count;
}
/** The same for STOS. */
function fillStretch<W>(i: Insn, most: u64): u64 {
  const to = destinationStretch(i, addressMask(i));
  if (!to) return 0;
  const count = min(most, stretchBytes / sizeof<W>());
  const size = <usize>count * sizeof<W>();
  const value = load<W>(RAX);
  if (value == <W>(<u64>load<u8>(RAX) * 0x0101010101010101)) memory.fill(to, load<u8>(RAX), size);
  else for (let k: usize = 0; k < size; k += sizeof<W>()) store<W>(to + k, value);
  advance<W>(i, RDI, count);
  return count;
}

// ---- repetition --------------------------------------------------------------------------------------------------------------
/** Elements that may be done now: what rCX and the budget allow. 0: the instruction is over, or waits for the next run. */
function begin(i: Insn): u64 {
  const left = load<u64>(RCX) & addressMask(i);
  if (!left) return 0;
  settleBefore(changetype<usize>(i));
  return allowed(i, left);
}
function allowed(i: Insn, left: u64): u64 {
  let budget = load<i64>(COUNT);
  if (budget <= 0 && load<i64>(T_LEFT) > 0) {
    // Only a part of the budget is used up: how it is cut must not show.
    budget += load<i64>(T_LEFT);
    store<i64>(ICOUNT_BASE, load<i64>(ICOUNT_BASE) + load<i64>(T_LEFT));
    store<i64>(COUNT, budget);
    store<i64>(T_LEFT, 0);
  }
  if (budget > 0) return min<u64>(left, <u64>budget);
  // Not over: the next run comes back here.
  arrive(true, ipOf(changetype<usize>(i)));
  return 0;
}
/** Accounts for `done` elements; returns how many more may follow at once. */
function repeat(i: Insn, done: u64): u64 {
  const left = ((load<u64>(RCX) & addressMask(i)) - done) & addressMask(i);
  setAddress(i, RCX, left);
  store<i64>(COUNT, load<i64>(COUNT) - <i64>done);
  if (left) return allowed(i, left);
  over();
  return 0;
}
/** Control passes to the next record, which counts one. */
function over(): void {
  store<i64>(COUNT, load<i64>(COUNT) + 1);
}
/** The same with REPE (1) and REPNE (0): also over when ZF differs. */
function repeatWhile(i: Insn, zf: u32): u64 {
  if (Flags.zf() == zf) return repeat(i, 1);
  const left = ((load<u64>(RCX) & addressMask(i)) - 1) & addressMask(i);
  setAddress(i, RCX, left);
  return 0;
}

// ---- instructions ------------------------------------------------------------------------------------------------------------
/** MOVS: [ES:rDI] ← [rSI]. */
export function MOVS<W>(i: Insn): void {
  move<W>(i);
}
export function REP_MOVS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    let done: u64 = most > 1 && !backwards() ? moveStretch<W>(i, most) : 0;
    if (!done) {
      move<W>(i);
      done = 1;
    }
    most = repeat(i, done);
  }
}
/** STOS: [ES:rDI] ← rAX. */
export function STOS<W>(i: Insn): void {
  fill<W>(i);
}
export function REP_STOS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    let done: u64 = most > 1 && !backwards() ? fillStretch<W>(i, most) : 0;
    if (!done) {
      fill<W>(i);
      done = 1;
    }
    most = repeat(i, done);
  }
}
/** LODS: rAX ← [rSI]. */
export function LODS<W>(i: Insn): void {
  fetch<W>(i);
}
export function REP_LODS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    fetch<W>(i);
    most = repeat(i, 1);
  }
}

/** INS: [ES:rDI] ← port DX; a 64-bit operand size means 32 bits. */
export function INS<W>(i: Insn): void {
  checkPort(i, load<u16>(RDX), portSize<W>());
  settleBefore(changetype<usize>(i));
  inputElement<W>(i);
}
export function REP_INS<W>(i: Insn): void {
  checkPort(i, load<u16>(RDX), portSize<W>());
  let most = begin(i);
  while (most) {
    inputElement<W>(i);
    most = repeat(i, 1);
  }
}
/** OUTS: port DX ← [rSI]. */
export function OUTS<W>(i: Insn): void {
  checkPort(i, load<u16>(RDX), portSize<W>());
  settleBefore(changetype<usize>(i));
  outputElement<W>(i);
}
export function REP_OUTS<W>(i: Insn): void {
  checkPort(i, load<u16>(RDX), portSize<W>());
  let most = begin(i);
  while (most) {
    outputElement<W>(i);
    most = repeat(i, 1);
  }
}
function portSize<W>(): u32 {
  return sizeof<W>() > 4 ? 4 : sizeof<W>();
}
function inputElement<W>(i: Insn): void {
  if (sizeof<W>() == 8) input<u32>(i);
  else input<W>(i);
}
function outputElement<W>(i: Insn): void {
  if (sizeof<W>() == 8) output<u32>(i);
  else output<W>(i);
}

/** CMPS: flags of [rSI] − [ES:rDI]. */
export function CMPS<W>(i: Insn): void {
  compare<W>(i);
}
export function REPE_CMPS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    compare<W>(i);
    most = repeatWhile(i, 1);
  }
}
export function REPNE_CMPS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    compare<W>(i);
    most = repeatWhile(i, 0);
  }
}
/** SCAS: flags of rAX − [ES:rDI]. */
export function SCAS<W>(i: Insn): void {
  scan<W>(i);
}
export function REPE_SCAS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    scan<W>(i);
    most = repeatWhile(i, 1);
  }
}
export function REPNE_SCAS<W>(i: Insn): void {
  let most = begin(i);
  while (most) {
    scan<W>(i);
    most = repeatWhile(i, 0);
  }
}
