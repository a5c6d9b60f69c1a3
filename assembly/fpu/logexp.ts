/**
 * F2XM1, FYL2X and FYL2XP1 (SDM Vol. 2). Evaluated with 128-bit significands and rounded once, so
 * within half a unit of the exact value except for a chance of about 2⁻³⁰. They ignore the
 * precision control and obey the rounding control, as processors do.
 */
import { add128 } from './core.ts';
import {
  ATAN_SERIES,
  ATAN_SERIES_COUNT,
  EXP_SERIES,
  EXP_SERIES_COUNT,
  LN2_HI,
  LN2_LO,
  LOG2E_HI,
  LOG2E_LO,
} from './constants.ts';
import { roundF80Full } from './round.ts';
import { BIAS, EXP_MAX, FLAG_PE, FLAG_UE, FLAG_ZE, Fp, INTEGER_BIT, setF80, setUnpacked } from './state.ts';
import {
  denormalStops,
  exponentOf,
  invalid,
  isDenormal,
  isInfinite,
  isZero,
  propagate1,
  propagate2,
  significandOf,
} from './unpack.ts';
import { shiftRight, U128 } from './u128.ts';
import { wideDiv, wideFraction, wideFrom, wideMul, wideOdd, wideSeries } from './wide.ts';

const SIGN: u32 = 0x8000;
/** √2 as a significand: above it the logarithm is taken of half the argument. */
const SQRT2: u64 = 0xb504f333f9de6484;

/** F2XM1: 2^x − 1 for |x| ≤ 1. Beyond, where the manual defines nothing, x itself and PE. */
export function f80Exp2Minus1(hi: u32, lo: u64): void {
  if (propagate1(hi, lo)) return;
  const sign = hi >> 15;
  if (isZero(hi, lo)) {
    setF80(hi, lo);
    return;
  }
  if (isInfinite(hi, lo)) {
    if (sign != 0) setF80(SIGN | BIAS, INTEGER_BIT);
    else setF80(hi, lo);
    return;
  }
  if (denormalStops(isDenormal(hi, lo))) return;
  const exp = exponentOf(hi, lo);
  const sig = significandOf(lo);
  if (exp >= BIAS) {
    Fp.flags |= FLAG_PE;
    if (exp > BIAS || sig != INTEGER_BIT) setF80(hi, lo);
    else if (sign != 0) setF80(SIGN | (BIAS - 1), INTEGER_BIT);
    else setF80(hi, lo);
    return;
  }
  wideMul(exp, sig, 0, BIAS - 1, LN2_HI, LN2_LO);
  const yExp = Fp.exp;
  const yHi = Fp.sigHi;
  const yLo = Fp.sigLo;
  wideFraction(yExp, yHi, yLo);
  wideSeries(EXP_SERIES, EXP_SERIES_COUNT, U128.hi, U128.lo, sign != 0);
  wideMul(yExp, yHi, yLo, Fp.exp, Fp.sigHi, Fp.sigLo);
  roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo | 1);
}

/** Unpacked ← ±2·atanh(n/d)·log₂ e + k, which is log₂(2^k·m) for n/d = (m−1)/(m+1). */
function logarithm(sign: u32, nExp: i32, nHi: u64, nLo: u64, dExp: i32, dHi: u64, dLo: u64, k: i32): void {
  wideDiv(nExp, nHi, nLo, dExp, dHi, dLo);
  wideOdd(ATAN_SERIES, ATAN_SERIES_COUNT, Fp.exp, Fp.sigHi, Fp.sigLo, false);
  wideMul(Fp.exp + 1, Fp.sigHi, Fp.sigLo, BIAS, LOG2E_HI, LOG2E_LO);
  Fp.sigLo |= 1;
  Fp.sign = sign;
  if (k != 0) addInteger(k);
}

/** Unpacked ← unpacked + k. */
function addInteger(k: i32): void {
  const magnitude = <u64>(k < 0 ? -k : k);
  const zeros = <i32>clz(magnitude);
  add128(<u32>(k < 0), BIAS + 63 - zeros, magnitude << zeros, 0, Fp.sign, Fp.exp, Fp.sigHi, Fp.sigLo);
}

/** Unpacked ← log₂ of a positive number; exact for a power of two. */
function logarithmOf(exp: i32, hi: u64, lo: u64): void {
  const exponent = exp - BIAS;
  if (hi == INTEGER_BIT && lo == 0) {
    Fp.sign = <u32>(exponent < 0);
    if (exponent == 0) setUnpacked(0, 0, 0, 0);
    else wideFrom(BIAS + 63, <u64>(exponent < 0 ? -exponent : exponent), 0);
    return;
  }
  // Numerator m−1 or 2−m (one integer bit), denominator m+1 or m+2 (two integer bits).
  const upper = hi >= SQRT2;
  const half: u64 = upper ? INTEGER_BIT : INTEGER_BIT >> 1;
  const dHi = (hi >> 1) + half;
  const dLo = (hi << 63) | (lo >> 1);
  if (upper) wideFrom(BIAS, 0 - hi - <u64>(lo != 0), 0 - lo);
  else wideFrom(BIAS, hi - INTEGER_BIT, lo);
  logarithm(<u32>upper, Fp.exp, Fp.sigHi, Fp.sigLo, BIAS + 1, dHi, dLo, exponent + <i32>upper);
}

/** Result ← unpacked · y. Processors take it for inexact even where it is not. */
function timesY(yHi: u32, yLo: u64): void {
  const inexact = Fp.sigLo & 1;
  const sign = Fp.sign ^ (yHi >> 15);
  wideMul(Fp.exp, Fp.sigHi, Fp.sigLo, exponentOf(yHi, yLo), significandOf(yLo), 0);
  Fp.flags |= FLAG_PE;
  roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo | inexact);
  if ((Fp.hi & EXP_MAX) == 0 && Fp.lo != 0) Fp.flags |= FLAG_UE;
}

/** FYL2X: y · log₂ x, where x is ST(0) and y is ST(1). */
export function f80YLog2X(xHi: u32, xLo: u64, yHi: u32, yLo: u64): void {
  if (propagate2(xHi, xLo, yHi, yLo)) return;
  const ySign = yHi & SIGN;
  const yZero = isZero(yHi, yLo);
  const yInfinite = isInfinite(yHi, yLo);
  if (isZero(xHi, xLo)) {
    if (yZero) {
      invalid();
      return;
    }
    if (!yInfinite) Fp.flags |= FLAG_ZE;
    setF80((ySign ^ SIGN) | EXP_MAX, INTEGER_BIT);
    return;
  }
  if ((xHi & SIGN) != 0) {
    invalid();
    return;
  }
  const one = xHi == BIAS && xLo == INTEGER_BIT;
  const xInfinite = isInfinite(xHi, xLo);
  if ((xInfinite && yZero) || (one && yInfinite)) {
    invalid();
    return;
  }
  if (denormalStops(isDenormal(xHi, xLo) || isDenormal(yHi, yLo))) return;
  const negative: u32 = exponentOf(xHi, xLo) < BIAS ? SIGN : 0;
  if (xInfinite || yInfinite) {
    setF80((ySign ^ negative) | EXP_MAX, INTEGER_BIT);
    return;
  }
  if (yZero || one) {
    setF80(ySign ^ negative, 0);
    return;
  }
  logarithmOf(exponentOf(xHi, xLo), significandOf(xLo), 0);
  timesY(yHi, yLo);
}

/** FYL2XP1: y · log₂(x + 1), where x is ST(0) and y is ST(1). For x ≤ −1, x itself and PE. */
export function f80YLog2XPlus1(xHi: u32, xLo: u64, yHi: u32, yLo: u64): void {
  if (propagate2(xHi, xLo, yHi, yLo)) return;
  const sign = (xHi ^ yHi) & SIGN;
  const xNegative = (xHi & SIGN) != 0;
  const xInfinite = isInfinite(xHi, xLo);
  const yInfinite = isInfinite(yHi, yLo);
  const xZero = isZero(xHi, xLo);
  const yZero = isZero(yHi, yLo);
  if ((xInfinite && (xNegative || yZero)) || (yInfinite && xZero)) {
    invalid();
    return;
  }
  if (denormalStops(isDenormal(xHi, xLo) || isDenormal(yHi, yLo))) return;
  if (xInfinite || yInfinite) {
    setF80(sign | EXP_MAX, INTEGER_BIT);
    return;
  }
  if (xZero || yZero) {
    setF80(sign, 0);
    return;
  }
  const exp = exponentOf(xHi, xLo);
  const sig = significandOf(xLo);
  if (exp >= BIAS && xNegative) {
    Fp.flags |= FLAG_PE;
    setF80(xHi, xLo);
    return;
  }
  if (exp >= BIAS - 2) {
    add128(0, BIAS, INTEGER_BIT, 0, <u32>xNegative, exp, sig, 0);
    logarithmOf(Fp.exp, Fp.sigHi, Fp.sigLo);
    timesY(yHi, yLo);
    return;
  }
  // Denominator 2 ± |x| with two integer bits.
  shiftRight(sig, 0, BIAS + 1 - exp);
  if (xNegative) {
    wideFrom(BIAS + 1, INTEGER_BIT - U128.hi - <u64>(U128.lo != 0), 0 - U128.lo);
  } else {
    wideFrom(BIAS + 1, INTEGER_BIT + U128.hi, U128.lo);
  }
  logarithm(<u32>xNegative, exp, sig, 0, Fp.exp, Fp.sigHi, Fp.sigLo, 0);
  timesY(yHi, yLo);
}
