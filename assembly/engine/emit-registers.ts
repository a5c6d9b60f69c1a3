/**
 * General and vector registers in translated code. They stay in the CPU block, and locals hold copies within a block: a write
 * goes to both. Such code is small, control comes and goes at no cost, and V8 compiles it quickly. Only innermost loops are a
 * scope in which registers are locals throughout: loaded where control enters it, stored where it leaves.
 */
import { GPR, XMM } from '../layout';
import { c32, getLocal, loadFrom, local64, localV128, memarg, setLocal, simd, storeOp } from './wasm';

/** In a scope: registers and flags are locals. */
export let inLocals: bool = false;
/** What the scope's instructions read or write, and write (bits): general registers in the low half, vectors in the upper. */
let scopeUsed: u32 = 0;
let scopeWritten: u32 = 0;
export function enterScope(used: u32, written: u32): void {
  scopeUsed = used;
  scopeWritten = written;
  inLocals = true;
}
/** Control leaves it; the locals still hold the registers. */
export function leaveScope(): void {
  inLocals = false;
  copied = scopeUsed;
}
/** Back in it, to write what comes on another way. */
export function resumeScope(): void {
  inLocals = true;
}

/** Registers read or written, and written, by the block that is being surveyed (bits). */
export let gprUsed: u32 = 0;
export let gprWritten: u32 = 0;
export let xmmUsed: u32 = 0;
export let xmmWritten: u32 = 0;
export function clearUse(): void {
  gprUsed = gprWritten = xmmUsed = xmmWritten = 0;
}

/** Registers whose local has what the CPU block has, as in scopeUsed. */
let copied: u32 = 0;
/** Where control may come from elsewhere, or a function of the core was called. */
export function forgetRegisters(): void {
  copied = 0;
}
export function registersKnown(): u32 {
  return copied;
}
/** Back to what is known whichever way control came. */
export function knowRegisters(which: u32): void {
  copied = which;
}
const VECTORS: i32 = 16;
const ALL_VECTORS: u32 = 0xffff0000;

/** The local that has general register n. */
export function gprLocal(n: i32): i32 {
  gprUsed |= 1 << n;
  const local = local64(n);
  if (inLocals || copied & (1 << n)) return local;
  copied |= 1 << n;
  loadFrom<u64>(GPR + (n << 3));
  setLocal(local);
  return local;
}
/** The local that general register n is to be written to, as a whole. */
export function gprTarget(n: i32): i32 {
  gprUsed |= 1 << n;
  return local64(n);
}
/** General register n has been written to its local. */
export function wroteGpr(n: i32): void {
  gprWritten |= 1 << n;
  if (inLocals) return;
  copied |= 1 << n;
  c32(0);
  getLocal(local64(n));
  storeOp<u64>(GPR + (n << 3));
}

const V128_LOAD = 0;
const V128_STORE = 11;
/** The local that has vector register n. */
export function xmmLocal(n: i32): i32 {
  xmmUsed |= 1 << n;
  const local = localV128(n);
  if (inLocals || copied & (1 << (VECTORS + n))) return local;
  copied |= 1 << (VECTORS + n);
  loadVector(n);
  return local;
}
export function xmmTarget(n: i32): i32 {
  xmmUsed |= 1 << n;
  return localV128(n);
}
export function wroteXmm(n: i32): void {
  xmmWritten |= 1 << n;
  if (inLocals) return;
  copied |= 1 << (VECTORS + n);
  storeVector(n);
}
function loadVector(n: i32): void {
  c32(0);
  simd(V128_LOAD);
  memarg(XMM + (n << 5));
  setLocal(localV128(n));
}
function storeVector(n: i32): void {
  c32(0);
  getLocal(localV128(n));
  simd(V128_STORE);
  memarg(XMM + (n << 5));
}

/** Stores all registers that the scope changes. */
export function spillRegisters(): void {
  if (!inLocals) return;
  for (let n: i32 = 0; n < 16; n++) {
    if (!(scopeWritten & (1 << n))) continue;
    c32(0);
    getLocal(local64(n));
    storeOp<u64>(GPR + (n << 3));
  }
  for (let n: i32 = 0; n < 16; n++) if (scopeWritten & (1 << (VECTORS + n))) storeVector(n);
}
/** A function of the core was called, which may have written general registers, and with `vectors` vectors, too. */
export function reloadRegisters(vectors: bool): void {
  if (!inLocals) {
    copied &= vectors ? 0 : ALL_VECTORS;
    return;
  }
  for (let n: i32 = 0; n < 16; n++) {
    if (!(scopeUsed & (1 << n))) continue;
    loadFrom<u64>(GPR + (n << 3));
    setLocal(local64(n));
  }
  if (!vectors) return;
  for (let n: i32 = 0; n < 16; n++) if (scopeUsed & (1 << (VECTORS + n))) loadVector(n);
}
