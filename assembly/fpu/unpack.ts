/**
 * Taking numbers apart: classes of the 80-bit format (SDM Vol. 1, 4.2.2 and 8.2.2), NaN
 * propagation of the x87 (4.8.3.5), and normalised exponents and significands of all formats.
 * An 80-bit operand is passed as (hi: sign and exponent, lo: significand).
 */
import { BIAS, EXP_MAX, FLAG_DE, FLAG_IE, Fp, INTEGER_BIT, QUIET_BIT, setF80 } from './state.ts';

const SIGN_AND_EXP_INDEFINITE: u32 = 0xffff;
const SIGNIFICAND_INDEFINITE: u64 = 0xc000000000000000;
const EXP_MASK: u32 = 0x7fff;

/** A normal number: neither zero, denormal, infinite, NaN nor unsupported. */
export function isNormal(hi: u32, lo: u64): bool {
  return <i64>lo < 0 && (hi & EXP_MASK) - 1 < <u32>(EXP_MAX - 1);
}

/** Exponent not zero, integer bit clear: unnormal, pseudo-infinity or pseudo-NaN. */
export function isUnsupported(hi: u32, lo: u64): bool {
  return <i64>lo >= 0 && (hi & EXP_MASK) != 0;
}

export function isZero(hi: u32, lo: u64): bool {
  return ((hi & EXP_MASK) | (<u32>(lo != 0))) == 0;
}

export function isInfinite(hi: u32, lo: u64): bool {
  return (hi & EXP_MASK) == EXP_MAX && lo == INTEGER_BIT;
}

export function isNaN80(hi: u32, lo: u64): bool {
  return (hi & EXP_MASK) == EXP_MAX && lo > INTEGER_BIT;
}

/** A NaN without the quiet bit. */
export function isSignalling(hi: u32, lo: u64): bool {
  return isNaN80(hi, lo) && (lo & QUIET_BIT) == 0;
}

/** Denormal or pseudo-denormal. */
export function isDenormal(hi: u32, lo: u64): bool {
  return (hi & EXP_MASK) == 0 && lo != 0;
}

/** Invalid operation: raises IE, result is the real indefinite. */
export function invalid(): void {
  Fp.flags |= FLAG_IE;
  setF80(SIGN_AND_EXP_INDEFINITE, SIGNIFICAND_INDEFINITE);
}

/** If the operand is a NaN or unsupported, sets the result and says true. */
export function propagate1(hi: u32, lo: u64): bool {
  if (isUnsupported(hi, lo)) {
    invalid();
    return true;
  }
  if (!isNaN80(hi, lo)) return false;
  if ((lo & QUIET_BIT) == 0) Fp.flags |= FLAG_IE;
  setF80(hi, lo | QUIET_BIT);
  return true;
}

/** If either operand is a NaN or unsupported, sets the result and says true. */
export function propagate2(aHi: u32, aLo: u64, bHi: u32, bLo: u64): bool {
  if (isUnsupported(aHi, aLo) || isUnsupported(bHi, bLo)) {
    invalid();
    return true;
  }
  const aNaN = isNaN80(aHi, aLo);
  const bNaN = isNaN80(bHi, bLo);
  if (!aNaN && !bNaN) return false;
  const aSignals = aNaN && (aLo & QUIET_BIT) == 0;
  const bSignals = bNaN && (bLo & QUIET_BIT) == 0;
  if (aSignals || bSignals) Fp.flags |= FLAG_IE;
  let takeA = aNaN;
  if (aNaN && bNaN) {
    if (aSignals != bSignals) takeA = bSignals;
    else if (aLo != bLo) takeA = aLo > bLo;
    else takeA = aHi < bHi;
  }
  if (takeA) setF80(aHi, aLo | QUIET_BIT);
  else setF80(bHi, bLo | QUIET_BIT);
  return true;
}

/** Raises DE for a denormal operand; true if that is unmasked and the operation must stop. */
export function denormalStops(denormal: bool): bool {
  if (!denormal) return false;
  Fp.flags |= FLAG_DE;
  return (Fp.masks & FLAG_DE) == 0;
}

/** Exponent of a finite non-zero 80-bit number once its significand is normalised. */
export function exponentOf(hi: u32, lo: u64): i32 {
  const exp = <i32>(hi & EXP_MASK);
  return exp != 0 ? exp : 1 - <i32>clz(lo);
}

/** Normalised significand of a finite non-zero 80-bit number. */
export function significandOf(lo: u64): u64 {
  return lo << clz(lo);
}

/** Exponent field and fraction width of the narrow formats, by T = u32 or u64. */
function fractionBits<T>(): i32 {
  return sizeof<T>() == 8 ? 52 : 23;
}

/** Biased exponent field of a single or double. */
export function narrowField<T>(a: T): i32 {
  return sizeof<T>() == 8 ? <i32>(((<u64>a) >> 52) & 0x7ff) : <i32>(((<u64>a) >> 23) & 0xff);
}

/** Fraction field of a single or double. */
export function narrowFraction<T>(a: T): u64 {
  return (<u64>a) & (((<u64>1) << fractionBits<T>()) - 1);
}

export function narrowSign<T>(a: T): u32 {
  return <u32>((<u64>a) >> (sizeof<T>() == 8 ? 63 : 31));
}

/** Exponent (80-bit bias) of a finite non-zero single or double, normalised. */
export function narrowExponent<T>(a: T): i32 {
  const field = narrowField<T>(a);
  const rebias = BIAS - (sizeof<T>() == 8 ? 1023 : 127);
  if (field != 0) return field + rebias;
  return rebias + 1 - <i32>clz(narrowFraction<T>(a) << (63 - fractionBits<T>()));
}

/** Normalised 64-bit significand of a finite non-zero single or double. */
export function narrowSignificand<T>(a: T): u64 {
  const fraction = narrowFraction<T>(a) << (63 - fractionBits<T>());
  return narrowField<T>(a) != 0 ? fraction | INTEGER_BIT : fraction << clz(fraction);
}
