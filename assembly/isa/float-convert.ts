/**
 * Conversions: `convert` of one lane, exact, on bit patterns; and what fast paths (float.ts) need to know. SDM Vol. 2,
 * CVTDQ2PD and following.
 */
import { f32ToF64, f64ToF32, sseFromInteger, sseToI32 } from '../fpu/sse';

// Two lanes of 32 bits, or one of 64.
const LEAST_NORMAL_32: u64 = 0x0080000000800000;
const INFINITY_32: u64 = 0x7f8000007f800000;
const TWO_TO_31_SINGLE: u64 = 0x4f0000004f000000;
const TWO_TO_31_DOUBLE: u64 = 0x41e0000000000000;

/** Lanes of magnitudes below 2³¹. */
function below32<E, V>(e: E, x: V): V {
  return e.f32x4_lt(e.f32x4_abs(x), e.v128_const(TWO_TO_31_SINGLE, TWO_TO_31_SINGLE));
}
function below64<E, V>(e: E, x: V): V {
  return e.f64x2_lt(e.f64x2_abs(x), e.v128_const(TWO_TO_31_DOUBLE, TWO_TO_31_DOUBLE));
}

/** Single to double. */
@unmanaged
@final
export class WIDEN {
  /** Lanes that are normal or zero. */
  @inline finite32<E, V>(e: E, x: V): V {
    const size = e.f32x4_abs(x);
    const normal = e.v128_and(
      e.f32x4_ge(size, e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32)),
      e.f32x4_lt(size, e.v128_const(INFINITY_32, INFINITY_32)),
    );
    return e.v128_or(normal, e.f32x4_eq(x, e.v128_const(0, 0)));
  }
  convert<F, T>(a: F): T {
    return <T>f32ToF64(<u32>a);
  }
}
/** Double to single. */
@unmanaged
@final
export class NARROW {
  /** Lanes whose result is finite and above the least normal single, or zero from zero; the upper two hold nothing. */
  @inline plain<E, V>(e: E, source: V, result: V): V {
    const size = e.f32x4_abs(result);
    const normal = e.v128_and(
      e.f32x4_gt(size, e.v128_const(LEAST_NORMAL_32, LEAST_NORMAL_32)),
      e.f32x4_lt(size, e.v128_const(INFINITY_32, INFINITY_32)),
    );
    const zero = e.evens<u32>(e.f64x2_eq(source, e.v128_const(0, 0)), e.v128_const(u64.MAX_VALUE, u64.MAX_VALUE));
    return e.v128_or(normal, zero);
  }
  convert<F, T>(a: F): T {
    return <T>f64ToF32(<u64>a);
  }
}
/** Signed doubleword to single or double. */
@unmanaged
@final
export class FROM_INTEGER {
  convert<F, T>(a: F): T {
    return sseFromInteger<T>(<i64>(<i32>a));
  }
}
/** To a signed doubleword, rounded by MXCSR. */
@unmanaged
@final
export class TO_INTEGER {
  @inline whole32<E, V>(e: E, a: V): V {
    return e.f32x4_nearest(a);
  }
  @inline whole64<E, V>(e: E, a: V): V {
    return e.f64x2_nearest(a);
  }
  @inline fits32<E, V>(e: E, whole: V): V {
    return below32(e, whole);
  }
  @inline fits64<E, V>(e: E, whole: V): V {
    return below64(e, whole);
  }
  /** 1 when an inexact result changes nothing but the destination. */
  silent<E>(e: E): i32 {
    return e.mxcsrSettled();
  }
  convert<F, T>(a: F): T {
    return <T>(<u32>sseToI32<F>(a, false));
  }
}
/** To a signed doubleword, truncated. */
@unmanaged
@final
export class TRUNCATE {
  @inline whole32<E, V>(e: E, a: V): V {
    return e.f32x4_trunc(a);
  }
  @inline whole64<E, V>(e: E, a: V): V {
    return e.f64x2_trunc(a);
  }
  @inline fits32<E, V>(e: E, whole: V): V {
    return below32(e, whole);
  }
  @inline fits64<E, V>(e: E, whole: V): V {
    return below64(e, whole);
  }
  /** 1 when an inexact result changes nothing but the destination. */
  silent<E>(e: E): i32 {
    return e.inexactSilent();
  }
  convert<F, T>(a: F): T {
    return <T>(<u32>sseToI32<F>(a, true));
  }
}
