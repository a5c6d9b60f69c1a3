/**
 * The exact path of SSE arithmetic: every lane through the soft-float library, then MXCSR's flags and #XM before anything
 * is written. SDM Vol. 1, 11.5.2; Vol. 3A, 6.15 (interrupt 19).
 */
import { CR4, MXCSR } from '../layout';
import { Insn } from '../engine/backend';
import { sseAdd, sseMul } from '../fpu/sse';
import { clearFlags, Fp, sseFlags, useSseControl } from '../fpu/state';
import { CR4_OSXMMEXCPT } from '../system/control';
import { faultAt, UD, XM } from '../system/fault';

/** Operands and results of a lane loop: three registers. */
const LANES: usize = memory.data(48, 16);
const B_AT: usize = 16;
const RESULT_AT: usize = 32;

/** PM and PE. SDM Vol. 1, 10.2.3. */
const MXCSR_PM_PE: u32 = 0x1020;

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

/** Twice the bits of a number, which drops the sign: the least normal number's, and infinity's. */
function leastNormal<T>(): T {
  return sizeof<T>() == 8 ? <T>0x0020000000000000 : <T>0x01000000;
}
function infinite<T>(): T {
  return sizeof<T>() == 8 ? <T>0xffe0000000000000 : <T>0xff000000;
}
/** Neither denormal nor NaN: comparing it raises nothing, whatever MXCSR says. */
export function isUsual<T>(bits: T): bool {
  const twice = <T>(bits << 1);
  return twice == 0 || <T>(twice - leastNormal<T>()) <= <T>(infinite<T>() - leastNormal<T>());
}
/** A normal number or zero. */
export function isFiniteUsual<T>(bits: T): bool {
  const twice = <T>(bits << 1);
  const span = <T>(infinite<T>() - leastNormal<T>());
  return twice == 0 || <T>(twice - leastNormal<T>()) < span;
}
/** Precision exceptions are masked and already noted, so that an inexact result that needs no rounding mode changes nothing. */
export function isInexactSilent(): bool {
  return (load<u32>(MXCSR) & MXCSR_PM_PE) == MXCSR_PM_PE;
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
