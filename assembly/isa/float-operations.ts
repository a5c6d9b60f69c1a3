/**
 * Floating-point operations of a register's lanes. `packed32` and `packed64` compute with WebAssembly's own arithmetic; `exact`
 * is the soft-float operation on one lane's bits. For what allPlain32 and allPlain64 find out: `isArithmetic`, if a NaN gives
 * a NaN and results may be inexact; `left`, the operand beside b; `zeros…`, lanes whose zero result is exact. SDM Vol. 1,
 * 11.5; Vol. 2, the page of each name.
 */
import { sseAdd, sseCompareMask, sseDiv, sseMax, sseMin, sseMul, sseRound, sseSqrt, sseSub } from '../fpu/sse';

// Two lanes of 32 bits, or one of 64.
const LEAST_NORMAL_32: u64 = 0x0080000000800000;
const INFINITY_32: u64 = 0x7f8000007f800000;
const LEAST_NORMAL_64: u64 = 0x0010000000000000;
const INFINITY_64: u64 = 0x7ff0000000000000;

/** Lanes that are neither denormal nor NaN. */
export function usual32<E, V>(e: E, x: V): V {
  return e.v128_or(
    e.f32x4_ge(e.f32x4_abs(x), e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32)),
    e.f32x4_eq(x, e.v128_const(0, 0)),
  );
}
export function usual64<E, V>(e: E, x: V): V {
  return e.v128_or(
    e.f64x2_ge(e.f64x2_abs(x), e.v128_const(LEAST_NORMAL_64, LEAST_NORMAL_64)),
    e.f64x2_eq(x, e.v128_const(0, 0)),
  );
}
/**
 * Is `result`, of OP on `first` and `b`, in all lanes what the processor gives, and can no flag but PE change? Operands are
 * usual; the result is finite and either above the least normal number (so that it did not become normal by rounding up,
 * SDM Vol. 1, 4.9.1.5) or a zero that is exact. Mostly all are normal: the quick test. A NaN operand makes the result one.
 */
export function allPlain32<OP, E, V>(e: E, first: V, b: V, result: V): i32 {
  const operation = changetype<OP>(0);
  if (!operation.isArithmetic) return e.i32x4_all_true(e.v128_and(usual32(e, first), usual32(e, b)));
  const a = operation.left(first, b);
  const x = e.f32x4_abs(a);
  const y = e.f32x4_abs(b);
  const size = e.f32x4_abs(result);
  const least = e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32);
  const finite = e.f32x4_lt(size, e.v128_const(INFINITY_32, INFINITY_32));
  const allNormal = e.f32x4_gt(e.f32x4_pmin(e.f32x4_pmin(x, y), size), least);
  const quick = e.i32x4_all_true(e.v128_and(finite, allNormal));
  if (e.already(quick)) return quick;
  const zero = e.v128_const(0, 0);
  const aZero = e.f32x4_eq(a, zero);
  const bZero = e.f32x4_eq(b, zero);
  const usual = e.v128_and(e.v128_or(e.f32x4_ge(x, least), aZero), e.v128_or(e.f32x4_ge(y, least), bZero));
  const right = e.v128_or(e.f32x4_gt(size, least), operation.zeros32(e, result, zero, aZero, bZero));
  return e.otherwise(e.i32x4_all_true(e.v128_and(finite, e.v128_and(usual, right))));
}
export function allPlain64<OP, E, V>(e: E, first: V, b: V, result: V): i32 {
  const operation = changetype<OP>(0);
  if (!operation.isArithmetic) return e.i32x4_all_true(e.v128_and(usual64(e, first), usual64(e, b)));
  const a = operation.left(first, b);
  const x = e.f64x2_abs(a);
  const y = e.f64x2_abs(b);
  const size = e.f64x2_abs(result);
  const least = e.v128_const(LEAST_NORMAL_64, LEAST_NORMAL_64);
  const finite = e.f64x2_lt(size, e.v128_const(INFINITY_64, INFINITY_64));
  const allNormal = e.f64x2_gt(e.f64x2_pmin(e.f64x2_pmin(x, y), size), least);
  const quick = e.i32x4_all_true(e.v128_and(finite, allNormal));
  if (e.already(quick)) return quick;
  const zero = e.v128_const(0, 0);
  const aZero = e.f64x2_eq(a, zero);
  const bZero = e.f64x2_eq(b, zero);
  const usual = e.v128_and(e.v128_or(e.f64x2_ge(x, least), aZero), e.v128_or(e.f64x2_ge(y, least), bZero));
  const right = e.v128_or(e.f64x2_gt(size, least), operation.zeros64(e, result, zero, aZero, bZero));
  return e.otherwise(e.i32x4_all_true(e.v128_and(finite, e.v128_and(usual, right))));
}

/** Sum: a zero result is exact. */
@unmanaged
@final
export class FLOAT_ADD {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_add(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_add(a, b);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f32x4_eq(result, zero);
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f64x2_eq(result, zero);
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseAdd<T>(a, b);
  }
}

/** Difference: a zero result is exact. */
@unmanaged
@final
export class FLOAT_SUB {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_sub(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_sub(a, b);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f32x4_eq(result, zero);
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f64x2_eq(result, zero);
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseSub<T>(a, b);
  }
}

/** Product: zero when a factor is. */
@unmanaged
@final
export class FLOAT_MUL {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_mul(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_mul(a, b);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.v128_or(aZero, bZero);
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.v128_or(aZero, bZero);
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMul<T>(a, b);
  }
}

/** Quotient: zero when the dividend is. */
@unmanaged
@final
export class FLOAT_DIV {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_div(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_div(a, b);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return aZero;
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return aZero;
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseDiv<T>(a, b);
  }
}

/** Square root of b. */
@unmanaged
@final
export class FLOAT_SQRT {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return b;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_sqrt(b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_sqrt(b);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return bZero;
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return bZero;
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseSqrt<T>(b);
  }
}

/** The lesser; b when they are equal. */
@unmanaged
@final
export class FLOAT_MIN {
  @inline get isArithmetic(): bool {
    return false;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_pmin(b, a);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_pmin(b, a);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return zero;
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return zero;
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMin<T>(a, b);
  }
}

/** The greater; b when they are equal. */
@unmanaged
@final
export class FLOAT_MAX {
  @inline get isArithmetic(): bool {
    return false;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_pmax(b, a);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_pmax(b, a);
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return zero;
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return zero;
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMax<T>(a, b);
  }
}

/** Differences in even lanes, sums in odd ones: a sum with the sign of b turned. */
@unmanaged
@final
export class FLOAT_ADDSUB {
  @inline get isArithmetic(): bool {
    return true;
  }
  @inline left<V>(a: V, b: V): V {
    return a;
  }
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_add(a, e.v128_xor(b, e.v128_const(0x80000000, 0x80000000)));
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_add(a, e.v128_xor(b, e.v128_const(0x8000000000000000, 0)));
  }
  @inline zeros32<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f32x4_eq(result, zero);
  }
  @inline zeros64<E, V>(e: E, result: V, zero: V, aZero: V, bZero: V): V {
    return e.f64x2_eq(result, zero);
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return lane & 1 ? sseAdd<T>(a, b) : sseSub<T>(a, b);
  }
}

/**
 * All ones where the predicate of the immediate holds: equal, less, not greater, unordered, and their negations. Lanes are
 * usual, so never unordered. SDM Vol. 2A, CMPPD, table 3-1.
 */
@unmanaged
@final
export class FLOAT_COMPARE {
  @inline mask32<E, V>(e: E, a: V, b: V, imm: u32): V {
    if (imm == 0) return e.f32x4_eq(a, b);
    if (imm == 1) return e.f32x4_lt(a, b);
    if (imm == 2) return e.f32x4_ge(b, a);
    if (imm == 3) return e.v128_const(0, 0);
    if (imm == 4) return e.v128_not(e.f32x4_eq(a, b));
    if (imm == 5) return e.f32x4_ge(a, b);
    if (imm == 6) return e.f32x4_gt(a, b);
    return e.v128_const(u64.MAX_VALUE, u64.MAX_VALUE);
  }
  @inline mask64<E, V>(e: E, a: V, b: V, imm: u32): V {
    if (imm == 0) return e.f64x2_eq(a, b);
    if (imm == 1) return e.f64x2_lt(a, b);
    if (imm == 2) return e.f64x2_ge(b, a);
    if (imm == 3) return e.v128_const(0, 0);
    if (imm == 4) return e.v128_not(e.f64x2_eq(a, b));
    if (imm == 5) return e.f64x2_ge(a, b);
    if (imm == 6) return e.f64x2_gt(a, b);
    return e.v128_const(u64.MAX_VALUE, u64.MAX_VALUE);
  }
  @inline usual32<E, V>(e: E, a: V, b: V): V {
    return e.v128_and(usual32(e, a), usual32(e, b));
  }
  @inline usual64<E, V>(e: E, a: V, b: V): V {
    return e.v128_and(usual64(e, a), usual64(e, b));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseCompareMask<T>(a, b, imm & 7);
  }
}

// The immediate of ROUNDPS: rounding, or that of MXCSR; whether PE is left alone. SDM Vol. 2B, ROUNDPD, figure 4-24.
const ROUND_DOWN: u32 = 1;
const ROUND_UP: u32 = 2;
const ROUND_TO_ZERO: u32 = 3;
const ROUND_BY_MXCSR: u32 = 4;
const ROUND_SILENT: u32 = 8;
/** Rounding, which is to nearest on the fast path when it is MXCSR's. */
function roundingOf(imm: u32): u32 {
  return imm & ROUND_BY_MXCSR ? 0 : imm & 3;
}

/** b rounded to an integer as the immediate says. */
@unmanaged
@final
export class FLOAT_ROUND {
  @inline whole32<E, V>(e: E, b: V, imm: u32): V {
    const rounding = roundingOf(imm);
    if (rounding == ROUND_DOWN) return e.f32x4_floor(b);
    if (rounding == ROUND_UP) return e.f32x4_ceil(b);
    return rounding == ROUND_TO_ZERO ? e.f32x4_trunc(b) : e.f32x4_nearest(b);
  }
  @inline whole64<E, V>(e: E, b: V, imm: u32): V {
    const rounding = roundingOf(imm);
    if (rounding == ROUND_DOWN) return e.f64x2_floor(b);
    if (rounding == ROUND_UP) return e.f64x2_ceil(b);
    return rounding == ROUND_TO_ZERO ? e.f64x2_trunc(b) : e.f64x2_nearest(b);
  }
  @inline usual32<E, V>(e: E, b: V): V {
    return usual32(e, b);
  }
  @inline usual64<E, V>(e: E, b: V): V {
    return usual64(e, b);
  }
  /** 1 when an inexact result changes nothing but the destination. */
  silent<E>(e: E, imm: u32): i32 {
    if (imm & ROUND_BY_MXCSR) return e.mxcsrSettled();
    return imm & ROUND_SILENT ? e.k32(1) : e.inexactSilent();
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseRound<T>(b, imm);
  }
}
