/**
 * x87 arithmetic on 80-bit numbers: add, subtract, multiply, divide, square root, scale, extract,
 * round to integer, compare and examine (SDM Vol. 1, 8.3; Vol. 2, the F… instructions). Two normal
 * operands take the first branch. Results go to Fp.hi and Fp.lo.
 */
import { addCore, divCore, mulCore, sqrtCore } from './core.ts';
import { roundF80, roundF80Full, roundToInteger } from './round.ts';
import {
  BIAS,
  C0,
  C1,
  C2,
  C3,
  EXP_MAX,
  FLAG_DE,
  FLAG_IE,
  FLAG_PE,
  FLAG_ZE,
  Fp,
  INTEGER_BIT,
  RC_DOWN,
  setF80,
} from './state.ts';
import {
  denormalStops,
  exponentOf,
  invalid,
  isDenormal,
  isInfinite,
  isNaN80,
  isNormal,
  isSignalling,
  isUnsupported,
  isZero,
  propagate1,
  propagate2,
  significandOf,
} from './unpack.ts';
import { U128 } from './u128.ts';

const EXP_MASK: u32 = 0x7fff;
const SIGN: u32 = 0x8000;
/** Shifts of FSCALE beyond this always overflow or underflow. */
const SCALE_LIMIT: i32 = 0x10000;

function roundUnpacked(): void {
  if (Fp.sigHi == 0) setF80(Fp.sign << 15, 0);
  else roundF80(Fp.sign, Fp.exp, Fp.sigHi, Fp.sigLo);
}

/** FADD: a + b. */
export function f80Add(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  addSigned(aHi, aLo, bHi, bLo, 0);
}

/** FSUB: a − b. (FSUBR: swap the arguments.) */
export function f80Sub(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  addSigned(aHi, aLo, bHi, bLo, SIGN);
}

function addSigned(aHi: u32, aLo: u64, bHi: u32, bLo: u64, flip: u32): void {
  if (isNormal(aHi, aLo) && isNormal(bHi, bLo)) {
    addCore(aHi >> 15, aHi & EXP_MASK, aLo, (bHi ^ flip) >> 15, bHi & EXP_MASK, bLo);
    roundUnpacked();
  } else addRare(aHi, aLo, bHi, bLo, flip);
}

function addRare(aHi: u32, aLo: u64, bHi: u32, bLo: u64, flip: u32): void {
  if (propagate2(aHi, aLo, bHi, bLo)) return;
  bHi ^= flip;
  if (denormalStops(isDenormal(aHi, aLo) || isDenormal(bHi, bLo))) return;
  const aSign = aHi >> 15;
  const bSign = bHi >> 15;
  if (isInfinite(aHi, aLo)) {
    if (isInfinite(bHi, bLo) && aSign != bSign) invalid();
    else setF80(aHi, aLo);
  } else if (isInfinite(bHi, bLo)) setF80(bHi, bLo);
  else if (isZero(aHi, aLo)) {
    if (!isZero(bHi, bLo)) roundF80(bSign, exponentOf(bHi, bLo), significandOf(bLo), 0);
    else setF80(aSign == bSign ? aHi : (<u32>(Fp.rc == RC_DOWN)) << 15, 0);
  } else if (isZero(bHi, bLo)) {
    roundF80(aSign, exponentOf(aHi, aLo), significandOf(aLo), 0);
  } else {
    addCore(aSign, exponentOf(aHi, aLo), significandOf(aLo), bSign, exponentOf(bHi, bLo), significandOf(bLo));
    roundUnpacked();
  }
}

/** FMUL: a · b. */
export function f80Mul(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  const sign = (aHi ^ bHi) >> 15;
  if (isNormal(aHi, aLo) && isNormal(bHi, bLo)) {
    mulCore(sign, aHi & EXP_MASK, aLo, bHi & EXP_MASK, bLo);
    roundF80(sign, Fp.exp, Fp.sigHi, Fp.sigLo);
    return;
  }
  if (propagate2(aHi, aLo, bHi, bLo)) return;
  const zero = isZero(aHi, aLo) || isZero(bHi, bLo);
  const infinite = isInfinite(aHi, aLo) || isInfinite(bHi, bLo);
  if (zero && infinite) {
    invalid();
    return;
  }
  if (denormalStops(isDenormal(aHi, aLo) || isDenormal(bHi, bLo))) return;
  if (infinite) setF80((sign << 15) | EXP_MAX, INTEGER_BIT);
  else if (zero) setF80(sign << 15, 0);
  else {
    mulCore(sign, exponentOf(aHi, aLo), significandOf(aLo), exponentOf(bHi, bLo), significandOf(bLo));
    roundUnpacked();
  }
}

/** FDIV: a / b. (FDIVR: swap the arguments.) */
export function f80Div(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  const sign = (aHi ^ bHi) >> 15;
  if (isNormal(aHi, aLo) && isNormal(bHi, bLo)) {
    divCore(sign, aHi & EXP_MASK, aLo, bHi & EXP_MASK, bLo);
    roundF80(sign, Fp.exp, Fp.sigHi, Fp.sigLo);
    return;
  }
  if (propagate2(aHi, aLo, bHi, bLo)) return;
  const aInfinite = isInfinite(aHi, aLo);
  const bInfinite = isInfinite(bHi, bLo);
  const aZero = isZero(aHi, aLo);
  const bZero = isZero(bHi, bLo);
  if ((aInfinite && bInfinite) || (aZero && bZero)) {
    invalid();
    return;
  }
  if (bZero && !aInfinite) {
    // Division by zero goes before a denormal dividend.
    Fp.flags |= FLAG_ZE;
    setF80((sign << 15) | EXP_MAX, INTEGER_BIT);
    return;
  }
  if (denormalStops(isDenormal(aHi, aLo) || isDenormal(bHi, bLo))) return;
  if (aInfinite) setF80((sign << 15) | EXP_MAX, INTEGER_BIT);
  else if (bInfinite || aZero) setF80(sign << 15, 0);
  else {
    divCore(sign, exponentOf(aHi, aLo), significandOf(aLo), exponentOf(bHi, bLo), significandOf(bLo));
    roundUnpacked();
  }
}

/** FSQRT. */
export function f80Sqrt(hi: u32, lo: u64): void {
  if (propagate1(hi, lo)) return;
  if (isZero(hi, lo)) {
    setF80(hi, lo);
    return;
  }
  if ((hi & SIGN) != 0) {
    invalid();
    return;
  }
  if (isInfinite(hi, lo)) {
    setF80(hi, lo);
    return;
  }
  if (denormalStops(isDenormal(hi, lo))) return;
  sqrtCore(exponentOf(hi, lo), significandOf(lo));
  roundUnpacked();
}

/** FSCALE: a · 2^trunc(b), whatever the precision control says. */
export function f80Scale(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  if (propagate2(aHi, aLo, bHi, bLo)) return;
  const aInfinite = isInfinite(aHi, aLo);
  const aZero = isZero(aHi, aLo);
  const bNegative = (bHi & SIGN) != 0;
  if (isInfinite(bHi, bLo)) {
    if (bNegative ? aInfinite : aZero) {
      invalid();
      return;
    }
    if (denormalStops(isDenormal(aHi, aLo))) return;
    if (bNegative) setF80(aHi & SIGN, 0);
    else setF80(aHi | EXP_MAX, INTEGER_BIT);
    return;
  }
  if (denormalStops(isDenormal(aHi, aLo) || isDenormal(bHi, bLo))) return;
  if (aInfinite || aZero) {
    setF80(aHi, aLo);
    return;
  }
  const bExp = <i32>(bHi & EXP_MASK) - BIAS;
  let shift = 0;
  if (bExp >= 16) shift = SCALE_LIMIT;
  else if (bExp >= 0) shift = <i32>(bLo >> (63 - bExp));
  roundF80Full(aHi >> 15, exponentOf(aHi, aLo) + (bNegative ? -shift : shift), significandOf(aLo), 0);
}

/** FXTRACT: significand to Fp.hi/lo (new ST(0)), exponent to Fp.hi2/lo2 (new ST(1)). */
export function f80Extract(hi: u32, lo: u64): void {
  if (propagate1(hi, lo)) {
    Fp.hi2 = Fp.hi;
    Fp.lo2 = Fp.lo;
    return;
  }
  if (isZero(hi, lo)) {
    Fp.flags |= FLAG_ZE;
    setF80(hi, lo);
    Fp.hi2 = SIGN | EXP_MAX;
    Fp.lo2 = INTEGER_BIT;
    return;
  }
  if (isInfinite(hi, lo)) {
    setF80(hi, lo);
    Fp.hi2 = EXP_MAX;
    Fp.lo2 = INTEGER_BIT;
    return;
  }
  if (denormalStops(isDenormal(hi, lo))) return;
  f80FromI64(<i64>(exponentOf(hi, lo) - BIAS));
  Fp.hi2 = Fp.hi;
  Fp.lo2 = Fp.lo;
  setF80((hi & SIGN) | BIAS, significandOf(lo));
}

/** FILD: an integer, exact. */
export function f80FromI64(value: i64): void {
  if (value == 0) {
    setF80(0, 0);
    return;
  }
  const sign: u32 = value < 0 ? SIGN : 0;
  const magnitude = <u64>(value < 0 ? 0 - value : value);
  const zeros = <u32>clz(magnitude);
  setF80(sign | (<u32>BIAS + 63 - zeros), magnitude << zeros);
}

/** FRNDINT. */
export function f80RoundToIntegral(hi: u32, lo: u64): void {
  if (propagate1(hi, lo)) return;
  const exp = <i32>(hi & EXP_MASK);
  if (exp >= BIAS + 63 || isZero(hi, lo)) {
    setF80(hi, lo);
    return;
  }
  if (denormalStops(isDenormal(hi, lo))) return;
  roundToInteger(hi >> 15, exponentOf(hi, lo), significandOf(lo), false);
  if (U128.lo != 0) Fp.flags |= FLAG_PE;
  const magnitude = U128.hi;
  if (magnitude == 0) {
    setF80(hi & SIGN, 0);
    return;
  }
  const zeros = <u32>clz(magnitude);
  setF80((hi & SIGN) | (<u32>BIAS + 63 - zeros), magnitude << zeros);
}

/**
 * FCOM, FUCOM, FTST: compares a with b and returns C3, C2, C0 in their FSW positions. A quiet NaN
 * raises IE unless `quiet`.
 */
export function f80Compare(aHi: u32, aLo: u64, bHi: u32, bLo: u64, quiet: bool): u32 {
  if (!(isNormal(aHi, aLo) && isNormal(bHi, bLo))) {
    if (isUnsupported(aHi, aLo) || isUnsupported(bHi, bLo)) {
      Fp.flags |= FLAG_IE;
      return C3 | C2 | C0;
    }
    if (isNaN80(aHi, aLo) || isNaN80(bHi, bLo)) {
      if (!quiet || isSignalling(aHi, aLo) || isSignalling(bHi, bLo)) Fp.flags |= FLAG_IE;
      return C3 | C2 | C0;
    }
    if (isDenormal(aHi, aLo) || isDenormal(bHi, bLo)) Fp.flags |= FLAG_DE;
    if (isZero(aHi, aLo) && isZero(bHi, bLo)) return C3;
  }
  if (((aHi ^ bHi) & SIGN) != 0) return (aHi & SIGN) != 0 ? C0 : 0;
  // A pseudo-denormal has the value of exponent 1.
  const aExp = effectiveExponent(aHi, aLo);
  const bExp = effectiveExponent(bHi, bLo);
  if (aExp == bExp && aLo == bLo) return C3;
  const less = aExp < bExp || (aExp == bExp && aLo < bLo);
  return less != ((aHi & SIGN) != 0) ? C0 : 0;
}

function effectiveExponent(hi: u32, lo: u64): u32 {
  const exp = hi & EXP_MASK;
  return exp == 0 && lo != 0 ? 1 : exp;
}

/** FXAM of a register that is not empty: C3, C2, C0 (class) and C1 (sign) in FSW positions. */
export function f80Examine(hi: u32, lo: u64): u32 {
  const sign: u32 = (hi & SIGN) != 0 ? C1 : 0;
  if (isUnsupported(hi, lo)) return sign;
  if (isNaN80(hi, lo)) return sign | C0;
  if (isInfinite(hi, lo)) return sign | C2 | C0;
  if (isZero(hi, lo)) return sign | C3;
  if (isDenormal(hi, lo)) return sign | C3 | C2;
  return sign | C2;
}
