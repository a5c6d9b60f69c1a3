/**
 * The exact path of SSE arithmetic: every lane through the soft-float library, then MXCSR's flags and #XM before anything
 * is written. SDM Vol. 1, 11.5.2; Vol. 3A, 6.15 (interrupt 19).
 */
import { CR4, MXCSR } from '../layout';
import { Insn } from '../engine/backend';
import {
  ORDER_EQUAL,
  ORDER_GREATER,
  ORDER_LESS,
  sseAdd,
  sseCompare,
  sseFromInteger,
  sseMul,
  sseToI32,
  sseToI64,
} from '../fpu/sse';
import { clearFlags, Fp, sseFlags, useSseControl } from '../fpu/state';
import { CR4_OSXMMEXCPT } from '../system/control';
import { faultAt, UD, XM } from '../system/fault';

/** Operands and results of a lane loop: three registers. */
const LANES: usize = memory.data(48, 16);
const B_AT: usize = 16;
const RESULT_AT: usize = 32;

/** Before a computation: takes the controls from MXCSR. */
export function beginFloat(): void {
  clearFlags();
  useSseControl(load<u32>(MXCSR));
}
/** After it: sets the flags raised, and raises #XM if one is unmasked (#UD if the system does not handle #XM). */
export function endFloat(i: Insn): void {
  const flags = sseFlags();
  if (flags == 0) return;
  store<u32>(MXCSR, load<u32>(MXCSR) | flags);
  if (flags & ~Fp.masks) faultAt(i, load<u64>(CR4) & CR4_OSXMMEXCPT ? XM : UD);
}

/** OP on every lane of a and b; T is u32 for singles, u64 for doubles. */
export function exactPacked<OP, T>(i: Insn, a: v128, b: v128): v128 {
  const imm: u32 = i.imm & 255;
  beginFloat();
  v128.store(LANES, a);
  v128.store(LANES + B_AT, b);
  for (let n: u32 = 0; n < 16 / sizeof<T>(); n++) {
    const at = LANES + <usize>n * sizeof<T>();
    store<T>(at + RESULT_AT, changetype<OP>(0).exact<T>(load<T>(at), load<T>(at + B_AT), n, imm));
  }
  endFloat(i);
  return v128.load(LANES + RESULT_AT);
}
/** OP on one lane. */
export function exactScalar<OP, T>(i: Insn, a: T, b: T): T {
  beginFloat();
  const result = changetype<OP>(0).exact<T>(a, b, 0, i.imm & 255);
  endFloat(i);
  return result;
}
/** As many lanes of F as fit, converted to T; the rest of the result is zero. */
export function convertLanes<OP, F, T>(i: Insn, source: v128): v128 {
  const widest: u32 = sizeof<F>() > sizeof<T>() ? sizeof<F>() : sizeof<T>();
  beginFloat();
  v128.store(LANES, source);
  v128.store(LANES + RESULT_AT, i64x2.splat(0));
  for (let n: usize = 0; n < 16 / widest; n++) {
    store<T>(LANES + RESULT_AT + n * sizeof<T>(), changetype<OP>(0).convert<F, T>(load<F>(LANES + n * sizeof<F>())));
  }
  endFloat(i);
  return v128.load(LANES + RESULT_AT);
}
/** One lane. */
export function convertOne<OP, F, T>(i: Insn, source: F): T {
  beginFloat();
  const result = changetype<OP>(0).convert<F, T>(source);
  endFloat(i);
  return result;
}
/** A signed integer to one lane. */
export function exactFromInteger<T>(i: Insn, source: i64): T {
  beginFloat();
  const result = sseFromInteger<T>(source);
  endFloat(i);
  return result;
}
/** One lane to a signed integer of width W. */
export function exactToInteger<W, F>(i: Insn, source: F, truncate: bool): W {
  beginFloat();
  const result = sizeof<W>() == 8 ? <u64>sseToI64<F>(source, truncate) : <u64>(<u32>sseToI32<F>(source, truncate));
  endFloat(i);
  return <W>result;
}

/** EFLAGS images of comparisons: ZF PF CF. SDM Vol. 2A, COMISD. */
const FLAGS_EQUAL: u32 = 0x40;
const FLAGS_LESS: u32 = 0x01;
const FLAGS_UNORDERED: u32 = 0x45;
/** The image for a and b. */
export function exactOrder<T>(i: Insn, a: T, b: T, signalling: bool): u32 {
  beginFloat();
  const order = sseCompare<T>(a, b, signalling);
  endFloat(i);
  if (order == ORDER_EQUAL) return FLAGS_EQUAL;
  if (order == ORDER_LESS) return FLAGS_LESS;
  return order == ORDER_GREATER ? 0 : FLAGS_UNORDERED;
}

/**
 * DPPS, DPPD: products of the lanes that the immediate's high nibble chooses, added pairwise; the low nibble says which
 * lanes get the sum, the others get zero. Each step reports its exceptions before the next begins (SDM Vol. 2A, DPPS).
 */
export function dotProduct<T>(i: Insn, a: v128, b: v128): v128 {
  const imm: u32 = i.imm & 255;
  const count: u32 = 16 / sizeof<T>();
  v128.store(LANES, a);
  v128.store(LANES + B_AT, b);
  beginFloat();
  for (let n: u32 = 0; n < count; n++) {
    const at = LANES + <usize>n * sizeof<T>();
    store<T>(at, (imm >> (4 + n)) & 1 ? sseMul<T>(load<T>(at), load<T>(at + B_AT)) : 0);
  }
  endFloat(i);
  for (let left = count >> 1; left > 0; left >>= 1) {
    clearFlags();
    for (let n: u32 = 0; n < left; n++) {
      const at = LANES + 2 * <usize>n * sizeof<T>();
      store<T>(LANES + <usize>n * sizeof<T>(), sseAdd<T>(load<T>(at), load<T>(at + sizeof<T>())));
    }
    endFloat(i);
  }
  const sum = load<T>(LANES);
  for (let n: u32 = 0; n < count; n++) store<T>(LANES + RESULT_AT + <usize>n * sizeof<T>(), (imm >> n) & 1 ? sum : 0);
  return v128.load(LANES + RESULT_AT);
}

const SIGN_32: u32 = 0x80000000;
const INFINITY_32: u32 = 0x7f800000;
const QUIET_32: u32 = 0x00400000;
const LEAST_NORMAL_32: u32 = 0x00800000;
const DEFAULT_NAN_32: u32 = 0xffc00000;

/** RCPSS: 1/x, rounded once (the manual allows a relative error of 1.5·2⁻¹²); denormals count as zero, no flags. */
export function reciprocal(bits: u32): u32 {
  const magnitude = bits & ~SIGN_32;
  if (magnitude > INFINITY_32) return bits | QUIET_32;
  if (magnitude < LEAST_NORMAL_32) return (bits & SIGN_32) | INFINITY_32;
  const result = reinterpret<u32>(<f32>1 / reinterpret<f32>(bits));
  return (result & ~SIGN_32) < LEAST_NORMAL_32 ? bits & SIGN_32 : result;
}
/** RSQRTSS: 1/√x likewise. */
export function reciprocalRoot(bits: u32): u32 {
  const magnitude = bits & ~SIGN_32;
  if (magnitude > INFINITY_32) return bits | QUIET_32;
  if (magnitude < LEAST_NORMAL_32) return (bits & SIGN_32) | INFINITY_32;
  if (bits & SIGN_32) return DEFAULT_NAN_32;
  return reinterpret<u32>(<f32>(1 / sqrt<f64>(<f64>reinterpret<f32>(bits))));
}
