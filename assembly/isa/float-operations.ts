/**
 * Floating-point operations of a register's lanes. `packed32` and `packed64` compute with WebAssembly's own arithmetic;
 * `plain32` and `plain64` give a mask of lanes where that is what the processor would give and where no flag but PE can
 * change; `exact` is the soft-float operation on one lane's bits. SDM Vol. 1, 11.5; Vol. 2, the page of each name.
 */
import { sseAdd, sseCompareMask, sseDiv, sseMax, sseMin, sseMul, sseRound, sseSqrt, sseSub } from '../fpu/sse';

// Two lanes of 32 bits, or one of 64.
const LEAST_NORMAL_32: u64 = 0x0080000000800000;
const INFINITY_32: u64 = 0x7f8000007f800000;
const LEAST_NORMAL_64: u64 = 0x0010000000000000;
const INFINITY_64: u64 = 0x7ff0000000000000;

/** Lanes that are neither denormal nor NaN. */
function usual32<E, V>(e: E, x: V): V {
  return e.v128_or(
    e.f32x4_ge(e.f32x4_abs(x), e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32)),
    e.f32x4_eq(x, e.v128_const(0, 0)),
  );
}
function usual64<E, V>(e: E, x: V): V {
  return e.v128_or(
    e.f64x2_ge(e.f64x2_abs(x), e.v128_const(LEAST_NORMAL_64, LEAST_NORMAL_64)),
    e.f64x2_eq(x, e.v128_const(0, 0)),
  );
}
/**
 * Lanes with usual operands and a finite result that is either above the least normal number (so that it did not become
 * normal by rounding up, SDM Vol. 1, 4.9.1.5) or zero in lanes of `zero`.
 */
function ordinary32<E, V>(e: E, a: V, b: V, result: V, zero: V): V {
  const size = e.f32x4_abs(result);
  const normal = e.f32x4_gt(size, e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32));
  const finite = e.f32x4_lt(size, e.v128_const(INFINITY_32, INFINITY_32));
  return e.v128_and(e.v128_and(usual32(e, a), usual32(e, b)), e.v128_and(finite, e.v128_or(normal, zero)));
}
function ordinary64<E, V>(e: E, a: V, b: V, result: V, zero: V): V {
  const size = e.f64x2_abs(result);
  const normal = e.f64x2_gt(size, e.v128_const(LEAST_NORMAL_64, LEAST_NORMAL_64));
  const finite = e.f64x2_lt(size, e.v128_const(INFINITY_64, INFINITY_64));
  return e.v128_and(e.v128_and(usual64(e, a), usual64(e, b)), e.v128_and(finite, e.v128_or(normal, zero)));
}

/** Sum: a zero result is exact. */
@unmanaged
@final
export class FLOAT_ADD {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_add(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_add(a, b);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary32(e, a, b, result, e.f32x4_eq(result, e.v128_const(0, 0)));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary64(e, a, b, result, e.f64x2_eq(result, e.v128_const(0, 0)));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseAdd<T>(a, b);
  }
}

/** Difference: a zero result is exact. */
@unmanaged
@final
export class FLOAT_SUB {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_sub(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_sub(a, b);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary32(e, a, b, result, e.f32x4_eq(result, e.v128_const(0, 0)));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary64(e, a, b, result, e.f64x2_eq(result, e.v128_const(0, 0)));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseSub<T>(a, b);
  }
}

/** Product: zero when a factor is. */
@unmanaged
@final
export class FLOAT_MUL {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_mul(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_mul(a, b);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary32(e, a, b, result, e.v128_or(e.f32x4_eq(a, e.v128_const(0, 0)), e.f32x4_eq(b, e.v128_const(0, 0))));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary64(e, a, b, result, e.v128_or(e.f64x2_eq(a, e.v128_const(0, 0)), e.f64x2_eq(b, e.v128_const(0, 0))));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMul<T>(a, b);
  }
}

/** Quotient: zero when the dividend is. */
@unmanaged
@final
export class FLOAT_DIV {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_div(a, b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_div(a, b);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary32(e, a, b, result, e.f32x4_eq(a, e.v128_const(0, 0)));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary64(e, a, b, result, e.f64x2_eq(a, e.v128_const(0, 0)));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseDiv<T>(a, b);
  }
}

/** Square root of b. */
@unmanaged
@final
export class FLOAT_SQRT {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_sqrt(b);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_sqrt(b);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary32(e, b, b, result, e.f32x4_eq(b, e.v128_const(0, 0)));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return ordinary64(e, b, b, result, e.f64x2_eq(b, e.v128_const(0, 0)));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseSqrt<T>(b);
  }
}

/** The lesser; b when they are equal. */
@unmanaged
@final
export class FLOAT_MIN {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_pmin(b, a);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_pmin(b, a);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return e.v128_and(usual32(e, a), usual32(e, b));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return e.v128_and(usual64(e, a), usual64(e, b));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMin<T>(a, b);
  }
}

/** The greater; b when they are equal. */
@unmanaged
@final
export class FLOAT_MAX {
  @inline packed32<E, V>(e: E, a: V, b: V): V {
    return e.f32x4_pmax(b, a);
  }
  @inline packed64<E, V>(e: E, a: V, b: V): V {
    return e.f64x2_pmax(b, a);
  }
  @inline plain32<E, V>(e: E, a: V, b: V, result: V): V {
    return e.v128_and(usual32(e, a), usual32(e, b));
  }
  @inline plain64<E, V>(e: E, a: V, b: V, result: V): V {
    return e.v128_and(usual64(e, a), usual64(e, b));
  }
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseMax<T>(a, b);
  }
}

/** Differences in even lanes, sums in odd ones. */
@unmanaged
@final
export class FLOAT_ADDSUB {
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return lane & 1 ? sseAdd<T>(a, b) : sseSub<T>(a, b);
  }
}

/** All ones where the predicate of the immediate holds. */
@unmanaged
@final
export class FLOAT_COMPARE {
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseCompareMask<T>(a, b, imm & 7);
  }
}

/** b rounded to an integer as the immediate says. */
@unmanaged
@final
export class FLOAT_ROUND {
  exact<T>(a: T, b: T, lane: u32, imm: u32): T {
    return sseRound<T>(b, imm);
  }
}
