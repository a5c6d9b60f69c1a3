/**
 * The exact path of SSE scalar arithmetic on bit patterns: T = u32 is single, T = u64 double
 * (SDM Vol. 1, 4.8.3.5, 4.9, 11.5; FMA 14.5). DAZ, FTZ, rounding and masks come from
 * useSseControl(); exceptions accumulate in Fp.flags, over the elements of a packed operation too.
 * When mustNotWrite() is true afterwards the value returned is meaningless.
 */
import { add128, addCore, divCore, mulCore, sqrtCore } from './core.ts';
import { roundNarrow, roundToInteger } from './round.ts';
import { BIAS, FLAG_DE, FLAG_IE, FLAG_PE, FLAG_ZE, Fp, RC_DOWN } from './state.ts';
import { denormalStops, narrowExponent, narrowField, narrowFraction, narrowSign, narrowSignificand } from './unpack.ts';
import { U128 } from './u128.ts';

/** Orderings that sseCompare returns. */
export const ORDER_EQUAL: u32 = 0;
export const ORDER_LESS: u32 = 1;
export const ORDER_GREATER: u32 = 2;
export const ORDER_UNORDERED: u32 = 3;

/** ROUNDPS immediate (SDM Vol. 2, ROUNDPD, figure "Bit Control Fields"). */
const ROUND_USE_MXCSR: u32 = 4;
const ROUND_SUPPRESS_PE: u32 = 8;

function signBit<T>(): u64 {
  return sizeof<T>() == 8 ? 0x8000000000000000 : 0x80000000;
}

function infinityBits<T>(): u64 {
  return sizeof<T>() == 8 ? 0x7ff0000000000000 : 0x7f800000;
}

function quietBit<T>(): u64 {
  return sizeof<T>() == 8 ? 0x0008000000000000 : 0x00400000;
}

function magnitude<T>(a: T): u64 {
  return (<u64>a) & ~signBit<T>();
}

function isNaNBits<T>(a: T): bool {
  return magnitude<T>(a) > infinityBits<T>();
}

function isSignalling<T>(a: T): bool {
  return isNaNBits<T>(a) && ((<u64>a) & quietBit<T>()) == 0;
}

function isInfiniteBits<T>(a: T): bool {
  return magnitude<T>(a) == infinityBits<T>();
}

function isZeroBits<T>(a: T): bool {
  return magnitude<T>(a) == 0;
}

function isDenormalBits<T>(a: T): bool {
  return narrowField<T>(a) == 0 && narrowFraction<T>(a) != 0;
}

/** The operand as DAZ lets it be seen. */
function operand<T>(a: T): T {
  return Fp.daz && narrowField<T>(a) == 0 ? <T>((<u64>a) & signBit<T>()) : a;
}

function invalid<T>(): T {
  Fp.flags |= FLAG_IE;
  return <T>(signBit<T>() | infinityBits<T>() | quietBit<T>());
}

function zero<T>(sign: u32): T {
  return <T>(sign != 0 ? signBit<T>() : 0);
}

function infinity<T>(sign: u32): T {
  return <T>(infinityBits<T>() | (sign != 0 ? signBit<T>() : 0));
}

/** NaN result of two operands of which at least one is a NaN: the first that is one, quieted. */
function propagate<T>(a: T, b: T): T {
  if (isSignalling<T>(a) || isSignalling<T>(b)) Fp.flags |= FLAG_IE;
  return <T>((<u64>(isNaNBits<T>(a) ? a : b)) | quietBit<T>());
}

function roundUnpacked<T>(): T {
  if (Fp.sigHi == 0) return zero<T>(Fp.sign);
  return roundNarrow<T>(Fp.sign, Fp.exp, Fp.sigHi, Fp.sigLo);
}

/** ADDSS, ADDSD: a + b. */
export function sseAdd<T>(a: T, b: T): T {
  return addSigned<T>(operand<T>(a), operand<T>(b), 0);
}

/** SUBSS, SUBSD: a − b. */
export function sseSub<T>(a: T, b: T): T {
  return addSigned<T>(operand<T>(a), operand<T>(b), 1);
}

function addSigned<T>(a: T, b: T, flip: u32): T {
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  const aSign = narrowSign<T>(a);
  const bSign = narrowSign<T>(b) ^ flip;
  const aInfinite = isInfiniteBits<T>(a);
  const bInfinite = isInfiniteBits<T>(b);
  if (aInfinite && bInfinite && aSign != bSign) return invalid<T>();
  if (denormalStops(isDenormalBits<T>(a) || isDenormalBits<T>(b))) return a;
  if (aInfinite) return a;
  if (bInfinite) return infinity<T>(bSign);
  if (isZeroBits<T>(a)) {
    if (isZeroBits<T>(b)) return zero<T>(aSign == bSign ? aSign : <u32>(Fp.rc == RC_DOWN));
    return roundNarrow<T>(bSign, narrowExponent<T>(b), narrowSignificand<T>(b), 0);
  }
  if (isZeroBits<T>(b)) {
    return roundNarrow<T>(aSign, narrowExponent<T>(a), narrowSignificand<T>(a), 0);
  }
  addCore(aSign, narrowExponent<T>(a), narrowSignificand<T>(a), bSign, narrowExponent<T>(b), narrowSignificand<T>(b));
  return roundUnpacked<T>();
}

/** MULSS, MULSD: a · b. */
export function sseMul<T>(first: T, second: T): T {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  const sign = narrowSign<T>(a) ^ narrowSign<T>(b);
  const infinite = isInfiniteBits<T>(a) || isInfiniteBits<T>(b);
  const anyZero = isZeroBits<T>(a) || isZeroBits<T>(b);
  if (infinite && anyZero) return invalid<T>();
  if (denormalStops(isDenormalBits<T>(a) || isDenormalBits<T>(b))) return a;
  if (infinite) return infinity<T>(sign);
  if (anyZero) return zero<T>(sign);
  mulCore(sign, narrowExponent<T>(a), narrowSignificand<T>(a), narrowExponent<T>(b), narrowSignificand<T>(b));
  return roundUnpacked<T>();
}

/** DIVSS, DIVSD: a / b. */
export function sseDiv<T>(first: T, second: T): T {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
  const sign = narrowSign<T>(a) ^ narrowSign<T>(b);
  const aInfinite = isInfiniteBits<T>(a);
  const bInfinite = isInfiniteBits<T>(b);
  const aZero = isZeroBits<T>(a);
  const bZero = isZeroBits<T>(b);
  if ((aInfinite && bInfinite) || (aZero && bZero)) return invalid<T>();
  if (bZero && !aInfinite) {
    // Division by zero goes before a denormal dividend.
    Fp.flags |= FLAG_ZE;
    return infinity<T>(sign);
  }
  if (denormalStops(isDenormalBits<T>(a) || isDenormalBits<T>(b))) return a;
  if (aInfinite) return infinity<T>(sign);
  if (bInfinite || aZero) return zero<T>(sign);
  divCore(sign, narrowExponent<T>(a), narrowSignificand<T>(a), narrowExponent<T>(b), narrowSignificand<T>(b));
  return roundUnpacked<T>();
}

/** SQRTSS, SQRTSD. */
export function sseSqrt<T>(value: T): T {
  const a = operand<T>(value);
  if (isNaNBits<T>(a)) return propagate<T>(a, a);
  if (isZeroBits<T>(a)) return a;
  if (narrowSign<T>(a) != 0) return invalid<T>();
  if (isInfiniteBits<T>(a)) return a;
  if (denormalStops(isDenormalBits<T>(a))) return a;
  sqrtCore(narrowExponent<T>(a), narrowSignificand<T>(a));
  return roundUnpacked<T>();
}

/** MINSS, MINSD: a if it is less, else b; NaNs and two zeros give b. */
export function sseMin<T>(a: T, b: T): T {
  return sseCompare<T>(a, b, true) == ORDER_LESS ? operand<T>(a) : operand<T>(b);
}

/** MAXSS, MAXSD: a if it is greater, else b; NaNs and two zeros give b. */
export function sseMax<T>(a: T, b: T): T {
  return sseCompare<T>(a, b, true) == ORDER_GREATER ? operand<T>(a) : operand<T>(b);
}

/** Compares a with b; a quiet NaN raises IE if `signalling` (COMISD), not otherwise (UCOMISD). */
export function sseCompare<T>(first: T, second: T, signalling: bool): u32 {
  const a = operand<T>(first);
  const b = operand<T>(second);
  if (isNaNBits<T>(a) || isNaNBits<T>(b)) {
    if (signalling || isSignalling<T>(a) || isSignalling<T>(b)) Fp.flags |= FLAG_IE;
    return ORDER_UNORDERED;
  }
  if (isDenormalBits<T>(a) || isDenormalBits<T>(b)) Fp.flags |= FLAG_DE;
  const aMagnitude = magnitude<T>(a);
  const bMagnitude = magnitude<T>(b);
  if ((aMagnitude | bMagnitude) == 0) return ORDER_EQUAL;
  const aSign = narrowSign<T>(a);
  if (aSign != narrowSign<T>(b)) return aSign != 0 ? ORDER_LESS : ORDER_GREATER;
  if (aMagnitude == bMagnitude) return ORDER_EQUAL;
  return aMagnitude < bMagnitude != (aSign != 0) ? ORDER_LESS : ORDER_GREATER;
}

/**
 * Predicates 0–15 of CMPPS (SDM Vol. 2, CMPPD, table 3-1) as sets of orderings, four bits each:
 * bit 0 equal, 1 less, 2 greater, 3 unordered.
 */
const PREDICATES: u64 = 0xf4560ba97cde8321;
/** Predicates 0–15 that raise IE on a quiet NaN; 16–31 have it the other way round. */
const PREDICATES_SIGNALLING: u32 = 0x6666;

/** CMPSS, CMPSD with predicate 0–31 (the SSE forms have 0–7): all ones or zero. */
export function sseCompareMask<T>(a: T, b: T, predicate: u32): T {
  const index = predicate & 15;
  const signalling = ((PREDICATES_SIGNALLING >> index) & 1) != predicate >> 4;
  const order = sseCompare<T>(a, b, signalling);
  const holds = ((PREDICATES >> (index * 4)) >> order) & 1;
  return <T>(0 - holds);
}

/** ROUNDSS, ROUNDSD with its immediate. */
export function sseRound<T>(value: T, imm: u32): T {
  const a = operand<T>(value);
  if (isNaNBits<T>(a)) return propagate<T>(a, a);
  if (isZeroBits<T>(a) || isInfiniteBits<T>(a)) return a;
  const sign = narrowSign<T>(a);
  const exp = narrowExponent<T>(a);
  if (exp >= BIAS + 63) return a;
  const control = Fp.rc;
  if ((imm & ROUND_USE_MXCSR) == 0) Fp.rc = imm & 3;
  roundToInteger(sign, exp, narrowSignificand<T>(a), false);
  Fp.rc = control;
  if (U128.lo != 0 && (imm & ROUND_SUPPRESS_PE) == 0) Fp.flags |= FLAG_PE;
  return fromMagnitude<T>(sign, U128.hi);
}

function fromMagnitude<T>(sign: u32, value: u64): T {
  if (value == 0) return zero<T>(sign);
  const zeros = <i32>clz(value);
  return roundNarrow<T>(sign, BIAS + 63 - zeros, value << zeros, 0);
}

/** a · b + c with one rounding; of several NaNs the first of a, b, c is the result. */
export function sseFma<T>(first: T, second: T, third: T): T {
  const a = operand<T>(first);
  const b = operand<T>(second);
  const c = operand<T>(third);
  const sign = narrowSign<T>(a) ^ narrowSign<T>(b);
  const cSign = narrowSign<T>(c);
  if (isNaNBits<T>(a) || isNaNBits<T>(b) || isNaNBits<T>(c)) {
    if (isSignalling<T>(c)) Fp.flags |= FLAG_IE;
    if (isNaNBits<T>(a) || isNaNBits<T>(b)) return propagate<T>(a, b);
    return propagate<T>(c, c);
  }
  const productInfinite = isInfiniteBits<T>(a) || isInfiniteBits<T>(b);
  const productZero = isZeroBits<T>(a) || isZeroBits<T>(b);
  const cInfinite = isInfiniteBits<T>(c);
  if (productInfinite && (productZero || (cInfinite && sign != cSign))) return invalid<T>();
  if (denormalStops(isDenormalBits<T>(a) || isDenormalBits<T>(b) || isDenormalBits<T>(c))) return a;
  if (productInfinite) return infinity<T>(sign);
  if (cInfinite) return c;
  if (productZero) {
    if (isZeroBits<T>(c)) return zero<T>(sign == cSign ? sign : <u32>(Fp.rc == RC_DOWN));
    return roundNarrow<T>(cSign, narrowExponent<T>(c), narrowSignificand<T>(c), 0);
  }
  mulCore(sign, narrowExponent<T>(a), narrowSignificand<T>(a), narrowExponent<T>(b), narrowSignificand<T>(b));
  if (!isZeroBits<T>(c)) {
    add128(sign, Fp.exp, Fp.sigHi, Fp.sigLo, cSign, narrowExponent<T>(c), narrowSignificand<T>(c), 0);
  }
  return roundUnpacked<T>();
}

/** CVTSS2SD: single to double, exact. */
export function f32ToF64(value: u32): u64 {
  const a = operand<u32>(value);
  const sign: u64 = (<u64>narrowSign<u32>(a)) << 63;
  const field = narrowField<u32>(a);
  if (field == 0xff) {
    if (isSignalling<u32>(a)) Fp.flags |= FLAG_IE;
    const quiet: u64 = isNaNBits<u32>(a) ? quietBit<u64>() : 0;
    return sign | infinityBits<u64>() | quiet | (narrowFraction<u32>(a) << 29);
  }
  if (isZeroBits<u32>(a)) return sign;
  if (denormalStops(field == 0)) return sign;
  return roundNarrow<u64>(narrowSign<u32>(a), narrowExponent<u32>(a), narrowSignificand<u32>(a), 0);
}

/** CVTSD2SS: double to single. */
export function f64ToF32(value: u64): u32 {
  const a = operand<u64>(value);
  const sign: u32 = narrowSign<u64>(a) << 31;
  const field = narrowField<u64>(a);
  if (field == 0x7ff) {
    if (isSignalling<u64>(a)) Fp.flags |= FLAG_IE;
    const quiet = isNaNBits<u64>(a) ? <u32>quietBit<u32>() : 0;
    return sign | (<u32>infinityBits<u32>()) | quiet | (<u32>(narrowFraction<u64>(a) >> 29));
  }
  if (isZeroBits<u64>(a)) return sign;
  if (denormalStops(field == 0)) return sign;
  return roundNarrow<u32>(sign >> 31, narrowExponent<u64>(a), narrowSignificand<u64>(a), 0);
}

/** CVTSI2SS, CVTSI2SD: a signed integer (32-bit ones sign-extended). */
export function sseFromInteger<T>(value: i64): T {
  return fromMagnitude<T>(<u32>(value < 0), <u64>(value < 0 ? 0 - value : value));
}

/** CVT(T)xx2SI to 64 bits; out of range gives the integer indefinite with IE. */
export function sseToI64<T>(value: T, truncate: bool): i64 {
  return toInteger<T>(value, 64, truncate);
}

/** CVT(T)xx2SI and CVT(T)PS2DQ to 32 bits; out of range gives the integer indefinite with IE. */
export function sseToI32<T>(value: T, truncate: bool): i32 {
  return <i32>toInteger<T>(value, 32, truncate);
}

function toInteger<T>(value: T, bits: i32, truncate: bool): i64 {
  const a = operand<T>(value);
  const limit: u64 = (<u64>1) << (bits - 1);
  if (isZeroBits<T>(a)) return 0;
  const sign = narrowSign<T>(a);
  if (magnitude<T>(a) < infinityBits<T>()) {
    const fits = roundToInteger(sign, narrowExponent<T>(a), narrowSignificand<T>(a), truncate);
    if (fits && U128.hi <= limit - <u64>(sign == 0)) {
      if (U128.lo != 0) Fp.flags |= FLAG_PE;
      return sign != 0 ? 0 - <i64>U128.hi : <i64>U128.hi;
    }
  }
  Fp.flags |= FLAG_IE;
  return i64.MIN_VALUE >> (64 - bits);
}
