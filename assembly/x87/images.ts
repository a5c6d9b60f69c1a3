/**
 * State of the x87 and SSE units as it lies in memory: the environment of FSTENV and FSAVE in its four formats (SDM Vol. 1,
 * figures 8-9 to 8-12) and the legacy region of FXSAVE and XSAVE (Vol. 1, 10.5 and 13.4). Images are built and taken apart in
 * BLOCK; guest memory is checked whole before a byte of it or of the state changes.
 */
import {
  BLOCK,
  FCS,
  FCW,
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
  MODE_PROTECTED,
  MXCSR,
  XMM,
} from '../layout';
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { EXP_MAX } from '../fpu/state';
import { probeRead, probeWrite } from '../mmu/access';
import { hiOf, initialise, isEmpty, loOf, setControl, setStatus, slot } from './stack';

const REGISTERS: u32 = 8;
const REGISTER_BYTES: u32 = 10;
/** FOP has 11 bits. */
const FOP_MASK: u32 = 0x7ff;
/** Full tags, two bits for each physical register. SDM Vol. 1, 8.1.7. */
const TAG_VALID: u32 = 0;
const TAG_ZERO: u32 = 1;
const TAG_SPECIAL: u32 = 2;
const TAG_EMPTY: u32 = 3;

// ---- block transfers ----------------------------------------------------------------------------------------------
/** BLOCK ← `size` bytes at `linear`, in units of U, which is also the alignment that #AC checks. */
export function readBlock<U>(i: Insn, linear: u64, at: u32, size: u32): void {
  const e = core<Interp>();
  probeRead(i, linear + at, sizeof<U>());
  probeRead(i, linear + at + size - 1, 1);
  for (let n = at; n < at + size; n += sizeof<U>()) store<U>(BLOCK + <usize>n, e.loadAt<U>(i, linear + n));
}
/** Raises what writing `size` bytes (at most a page) at `linear` would raise. */
export function probeBlock<U>(i: Insn, linear: u64, size: u32): void {
  probeWrite(i, linear, sizeof<U>());
  probeWrite(i, linear + size - 1, 1);
}
/** Memory at `linear` + at ← the same part of BLOCK. The caller has probed it. */
export function writeBlock<U>(i: Insn, linear: u64, at: u32, size: u32): void {
  const e = core<Interp>();
  for (let n = at; n < at + size; n += sizeof<U>()) e.storeAt<U>(i, linear + n, load<U>(BLOCK + <usize>n));
}

// ---- environment ----------------------------------------------------------------------------------------------------
function tagOf(n: u32): u32 {
  if (isEmpty(n)) return TAG_EMPTY;
  const exp = hiOf(n) & EXP_MAX;
  const lo = loOf(n);
  if (exp == 0) return lo == 0 ? TAG_ZERO : TAG_SPECIAL;
  return exp == EXP_MAX || <i64>lo >= 0 ? TAG_SPECIAL : TAG_VALID;
}
function fullTags(): u32 {
  let tags: u32 = 0;
  for (let n: u32 = 0; n < REGISTERS; n++) {
    const place: u32 = slot(n) - FPR;
    tags |= tagOf(n) << (place >> 3);
  }
  return tags;
}

/** Bytes of the environment: W = u16 or u32 by operand size. */
export function environmentSize<W>(): u32 {
  return sizeof<W>() == 4 ? 28 : 14;
}
/** Bytes of the FSAVE image. */
export function saveSize<W>(): u32 {
  return environmentSize<W>() + REGISTERS * REGISTER_BYTES;
}

/** Word n of the environment; the unused halves of 32-bit words are ones, as processors store them. */
function putWord<W>(n: usize, value: u32): void {
  if (sizeof<W>() == 4) store<u32>(BLOCK + n * 4, value);
  else store<u16>(BLOCK + n * 2, value);
}
function word<W>(n: usize): u32 {
  return <u32>load<W>(BLOCK + n * sizeof<W>());
}

/** Environment into BLOCK. */
export function buildEnvironment<W>(): void {
  const unused: u32 = 0xffff0000;
  let fip = <u32>load<u64>(FIP);
  let fdp = <u32>load<u64>(FDP);
  const fcs: u32 = load<u16>(FCS);
  const fds: u32 = load<u16>(FDS);
  const fop: u32 = load<u16>(FOP);
  putWord<W>(0, unused | load<u16>(FCW));
  putWord<W>(1, unused | load<u16>(FSW));
  putWord<W>(2, unused | fullTags());
  if (load<u32>(MODE) & MODE_PROTECTED) {
    putWord<W>(3, fip);
    putWord<W>(4, (fop << 16) | fcs);
    putWord<W>(5, fdp);
    putWord<W>(6, unused | fds);
    return;
  }
  // Real and virtual-8086 mode: linear addresses.
  fip += fcs << 4;
  fdp += fds << 4;
  if (sizeof<W>() == 4) {
    putWord<W>(3, unused | (fip & 0xffff));
    putWord<W>(4, ((fip >> 16) << 12) | fop);
    putWord<W>(5, unused | (fdp & 0xffff));
    putWord<W>(6, (fdp >> 16) << 12);
  } else {
    putWord<W>(3, fip);
    putWord<W>(4, ((fip >> 4) & 0xf000) | fop);
    putWord<W>(5, fdp);
    putWord<W>(6, (fdp >> 4) & 0xf000);
  }
}

/** State ← environment in BLOCK. */
export function takeEnvironment<W>(): void {
  setControl(word<W>(0));
  setStatus(word<W>(1) & 0xffff);
  const tags = word<W>(2);
  let valid: u32 = 0;
  for (let n: u32 = 0; n < REGISTERS; n++) valid |= u32(((tags >> (n << 1)) & 3) != TAG_EMPTY) << n;
  store<u8>(FTW, valid);
  let fip: u32 = word<W>(3);
  let fdp: u32 = word<W>(5);
  let fop: u32 = word<W>(4);
  let fcs: u32 = fop;
  let fds: u32 = word<W>(6);
  if (load<u32>(MODE) & MODE_PROTECTED) fop = sizeof<W>() == 4 ? fop >> 16 : 0;
  else {
    const high: u32 = sizeof<W>() == 4 ? 0x0ffff000 : 0xf000;
    fip = (fip & 0xffff) | ((fop & high) << 4);
    fdp = (fdp & 0xffff) | ((fds & high) << 4);
    fcs = 0;
    fds = 0;
  }
  store<u16>(FOP, fop & FOP_MASK);
  store<u64>(FIP, fip);
  store<u64>(FDP, fdp);
  store<u16>(FCS, fcs);
  store<u16>(FDS, fds);
}

/** The registers ST(0)…ST(7) into BLOCK, after the environment. */
export function buildRegisters<W>(): void {
  for (let n: u32 = 0; n < REGISTERS; n++)
    memory.copy(BLOCK + <usize>(environmentSize<W>() + n * REGISTER_BYTES), slot(n), REGISTER_BYTES);
}
/** The registers from BLOCK, with TOP as it is now. */
export function takeRegisters<W>(): void {
  for (let n: u32 = 0; n < REGISTERS; n++)
    memory.copy(slot(n), BLOCK + <usize>(environmentSize<W>() + n * REGISTER_BYTES), REGISTER_BYTES);
}

// ---- legacy region of FXSAVE and XSAVE: SDM Vol. 1, tables 10-2 and 10-3 ---------------------------------------------------
const IMAGE_FCW: usize = BLOCK;
const IMAGE_FSW: usize = BLOCK + 2;
const IMAGE_FTW: usize = BLOCK + 4;
const IMAGE_FOP: usize = BLOCK + 6;
const IMAGE_FIP: usize = BLOCK + 8;
const IMAGE_FCS: usize = BLOCK + 12;
const IMAGE_FDP: usize = BLOCK + 16;
const IMAGE_FDS: usize = BLOCK + 20;
const IMAGE_MXCSR: usize = BLOCK + 24;
const IMAGE_MXCSR_MASK: usize = BLOCK + 28;
const IMAGE_ST: usize = BLOCK + 32;
const IMAGE_XMM: usize = BLOCK + 160;
/** Offsets of the parts that XSAVE writes one by one. */
export const PART_X87: u32 = 0;
export const PART_X87_BYTES: u32 = 24;
export const PART_MXCSR: u32 = 24;
export const PART_MXCSR_BYTES: u32 = 8;
export const PART_ST: u32 = 32;
export const PART_ST_BYTES: u32 = 128;
export const PART_XMM: u32 = 160;
/** MXCSR bits that may be set: all flags, masks, controls and DAZ. SDM Vol. 1, 11.6.6. */
const MXCSR_VALID: u32 = 0xffff;
const XMM_BYTES: usize = 16;
const YMM_BYTES: usize = 32;

/** XMM registers that exist in the mode: 16 in 64-bit mode, else 8. */
export function vectorCount(): u32 {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64 ? 16 : 8;
}

/** x87 state into BLOCK; `wide` is the form with 64-bit pointers (REX.W). */
export function buildX87(wide: bool): void {
  memory.fill(BLOCK, 0, PART_XMM);
  store<u16>(IMAGE_FCW, load<u16>(FCW));
  store<u16>(IMAGE_FSW, load<u16>(FSW));
  store<u8>(IMAGE_FTW, load<u8>(FTW));
  store<u16>(IMAGE_FOP, load<u16>(FOP));
  if (wide) {
    store<u64>(IMAGE_FIP, load<u64>(FIP));
    store<u64>(IMAGE_FDP, load<u64>(FDP));
  } else {
    store<u32>(IMAGE_FIP, <u32>load<u64>(FIP));
    store<u16>(IMAGE_FCS, load<u16>(FCS));
    store<u32>(IMAGE_FDP, <u32>load<u64>(FDP));
    store<u16>(IMAGE_FDS, load<u16>(FDS));
  }
  for (let n: u32 = 0; n < REGISTERS; n++) memory.copy(IMAGE_ST + <usize>(n << 4), slot(n), REGISTER_BYTES);
}
/** State ← x87 part of BLOCK. */
export function takeX87(wide: bool): void {
  setControl(load<u16>(IMAGE_FCW));
  setStatus(load<u16>(IMAGE_FSW));
  store<u8>(FTW, load<u8>(IMAGE_FTW));
  store<u16>(FOP, (<u32>load<u16>(IMAGE_FOP)) & FOP_MASK);
  store<u64>(FIP, wide ? load<u64>(IMAGE_FIP) : <u64>load<u32>(IMAGE_FIP));
  store<u64>(FDP, wide ? load<u64>(IMAGE_FDP) : <u64>load<u32>(IMAGE_FDP));
  store<u16>(FCS, wide ? 0 : load<u16>(IMAGE_FCS));
  store<u16>(FDS, wide ? 0 : load<u16>(IMAGE_FDS));
  for (let n: u32 = 0; n < REGISTERS; n++) memory.copy(slot(n), IMAGE_ST + <usize>(n << 4), REGISTER_BYTES);
}
/** x87 state as after reset of the component: FNINIT and registers of zero. SDM Vol. 1, 13.6. */
export function clearX87(): void {
  initialise();
  memory.fill(FPR, 0, (<usize>REGISTERS) << 4);
}

export function buildMxcsr(): void {
  store<u32>(IMAGE_MXCSR, load<u32>(MXCSR));
  store<u32>(IMAGE_MXCSR_MASK, MXCSR_VALID);
}
/** Whether MXCSR in BLOCK may be loaded; if not, #GP(0). */
export function mxcsrIsValid(): bool {
  return (load<u32>(IMAGE_MXCSR) & ~MXCSR_VALID) == 0;
}
export function takeMxcsr(): void {
  store<u32>(MXCSR, load<u32>(IMAGE_MXCSR));
}
export function buildXmm(): void {
  copyVectors(IMAGE_XMM, XMM_BYTES, XMM, YMM_BYTES);
}
export function takeXmm(): void {
  copyVectors(XMM, YMM_BYTES, IMAGE_XMM, XMM_BYTES);
}
/** 16 bytes of each vector register that exists, from one array to another. */
export function copyVectors(to: usize, toStep: usize, from: usize, fromStep: usize): void {
  const count: usize = vectorCount();
  for (let n: usize = 0; n < count; n++) v128.store(to + n * toStep, v128.load(from + n * fromStep));
}
/** Halves of the vector registers that exist ← 0: `at` is XMM or XMM + 16. */
export function clearVectors(at: usize): void {
  const count: usize = vectorCount();
  for (let n: usize = 0; n < count; n++) v128.store(at + n * YMM_BYTES, i64x2.splat(0));
}
