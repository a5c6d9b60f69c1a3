/**
 * FSIN, FCOS, FSINCOS, FPTAN and FPATAN (SDM Vol. 2 and Vol. 1, 8.3.8 to 8.3.10). Arguments are
 * reduced exactly by the 66-bit π of the processors; the rest is evaluated with 128-bit
 * significands and rounded once, ignoring the precision control.
 */
import { add128 } from './core.ts';
import {
  ATAN_EIGHTHS,
  ATAN_SERIES,
  ATAN_SERIES_COUNT,
  COS_SERIES,
  COS_SERIES_COUNT,
  PI_HI,
  PI_LO,
  SIN_SERIES,
  SIN_SERIES_COUNT,
} from './constants.ts';
import { roundF80Full } from './round.ts';
import { BIAS, C2, Fp, INTEGER_BIT, setF80 } from './state.ts';
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
import { leadingZeros, mulFraction, mulHigh, notBelow, shiftLeft, U128 } from './u128.ts';
import { wideDiv, wideFraction, wideFrom, wideOdd, wideSeries } from './wide.ts';

const SIGN: u32 = 0x8000;
const EXP_MASK: u32 = 0x7fff;
/** π to 66 bits, the value that processors reduce by (SDM Vol. 1, 8.3.8), in units of 2⁻⁶⁴. */
const PI66_HI: u64 = 0x3;
const PI66_LO: u64 = 0x243f6a8885a308d3;
/** Binary exponent from which the argument is out of range. */
const RANGE: i32 = BIAS + 63;
/** Below this exponent tan x is x and a sticky bit: x³/3 is 2⁻¹⁰⁰ of it, far below a rounding. */
const TINY: i32 = BIAS - 50;

/** The argument reduced to ±π/4: sign, magnitude and quadrant. */
class Reduced {
  static quadrant: u32 = 0;
  static sign: u32 = 0;
  static exp: i32 = 0;
  static hi: u64 = 0;
  static lo: u64 = 0;
}

/** Reduced ← |x|, less the nearest multiple of π/2. */
function reduce(exp: i32, sig: u64): void {
  Reduced.quadrant = 0;
  Reduced.sign = 0;
  if (exp < BIAS - 1) {
    Reduced.exp = exp;
    Reduced.hi = sig;
    Reduced.lo = 0;
    return;
  }
  // |x| and π/2 in units of 2⁻⁶⁵: up to 128 and exactly 66 bits.
  shiftLeft(0, sig, exp - BIAS + 2);
  let hi = U128.hi;
  let lo = U128.lo;
  let quadrant: u32 = 0;
  for (let shift = 62 - leadingZeros(hi, lo); shift >= 0; shift--) {
    shiftLeft(PI66_HI, PI66_LO, shift);
    quadrant <<= 1;
    if (notBelow(hi, lo, U128.hi, U128.lo)) {
      hi -= U128.hi + <u64>(lo < U128.lo);
      lo -= U128.lo;
      quadrant |= 1;
    }
  }
  const otherHi = PI66_HI - hi - <u64>(PI66_LO < lo);
  const otherLo = PI66_LO - lo;
  if (notBelow(hi, lo, otherHi, otherLo)) {
    hi = otherHi;
    lo = otherLo;
    quadrant++;
    Reduced.sign = 1;
  }
  wideFrom(BIAS + 62, hi, lo);
  Reduced.quadrant = quadrant & 3;
  Reduced.exp = Fp.exp;
  Reduced.hi = Fp.sigHi;
  Reduced.lo = Fp.sigLo;
}

/** Unpacked ← sin |r|, r the reduced argument. */
function sineOfReduced(): void {
  wideOdd(SIN_SERIES, SIN_SERIES_COUNT, Reduced.exp, Reduced.hi, Reduced.lo, true);
}

/** Unpacked ← cos r. */
function cosineOfReduced(): void {
  wideFraction(Reduced.exp, Reduced.hi, Reduced.lo);
  mulFraction(U128.hi, U128.lo, U128.hi, U128.lo);
  wideSeries(COS_SERIES, COS_SERIES_COUNT, U128.hi, U128.lo, true);
}

/** Result ← sine of the reduced argument plus `quarterTurns`·π/2; `negative` is the sign of x. */
function sineOfQuadrant(quarterTurns: u32, negative: u32): void {
  const quadrant = (Reduced.quadrant + quarterTurns) & 3;
  let sign = (quadrant >> 1) ^ negative;
  if ((quadrant & 1) != 0) cosineOfReduced();
  else {
    sineOfReduced();
    sign ^= Reduced.sign;
  }
  roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo | 1);
}

/**
 * The operands that have no computation: true if the result is set (Fp.codes = C2 if the argument
 * is out of range and must be left alone) or nothing may be written.
 */
function special(hi: u32, lo: u64): bool {
  if (propagate1(hi, lo)) return true;
  if (isInfinite(hi, lo)) {
    invalid();
    return true;
  }
  if (<i32>(hi & EXP_MASK) >= RANGE) {
    Fp.codes = C2;
    setF80(hi, lo);
    return true;
  }
  return denormalStops(isDenormal(hi, lo));
}

/** FSIN. With C2 in Fp.codes the operand is out of range and the result is the operand. */
export function f80Sine(hi: u32, lo: u64): void {
  if (special(hi, lo)) return;
  if (isZero(hi, lo)) {
    setF80(hi, lo);
    return;
  }
  reduce(exponentOf(hi, lo), significandOf(lo));
  sineOfQuadrant(0, hi >> 15);
}

/** FCOS. With C2 in Fp.codes the operand is out of range and the result is the operand. */
export function f80Cosine(hi: u32, lo: u64): void {
  if (special(hi, lo)) return;
  if (isZero(hi, lo)) {
    setF80(BIAS, INTEGER_BIT);
    return;
  }
  reduce(exponentOf(hi, lo), significandOf(lo));
  sineOfQuadrant(1, 0);
}

/**
 * FSINCOS: the cosine, which is pushed, to Fp.hi/lo, the sine to Fp.hi2/lo2. With C2 in Fp.codes
 * the operand is out of range and nothing is pushed.
 */
export function f80SineCosine(hi: u32, lo: u64): void {
  if (special(hi, lo)) {
    Fp.hi2 = Fp.hi;
    Fp.lo2 = Fp.lo;
    return;
  }
  if (isZero(hi, lo)) {
    Fp.hi2 = hi;
    Fp.lo2 = lo;
    setF80(BIAS, INTEGER_BIT);
    return;
  }
  reduce(exponentOf(hi, lo), significandOf(lo));
  // The sine comes last, as C1 tells of its rounding.
  sineOfQuadrant(1, 0);
  const cosineHi = Fp.hi;
  const cosineLo = Fp.lo;
  Fp.roundedUp = false;
  sineOfQuadrant(0, hi >> 15);
  Fp.hi2 = Fp.hi;
  Fp.lo2 = Fp.lo;
  setF80(cosineHi, cosineLo);
}

/**
 * FPTAN: the tangent to Fp.hi2/lo2, the 1.0 that is pushed to Fp.hi/lo (a NaN is pushed twice).
 * With C2 in Fp.codes the operand is out of range and nothing is pushed.
 */
export function f80Tangent(hi: u32, lo: u64): void {
  if (special(hi, lo)) {
    Fp.hi2 = Fp.hi;
    Fp.lo2 = Fp.lo;
    return;
  }
  if (isZero(hi, lo)) setF80(hi, lo);
  else {
    reduce(exponentOf(hi, lo), significandOf(lo));
    tangentOfReduced(hi >> 15);
  }
  Fp.hi2 = Fp.hi;
  Fp.lo2 = Fp.lo;
  setF80(BIAS, INTEGER_BIT);
}

function tangentOfReduced(negative: u32): void {
  const inverted = Reduced.quadrant & 1;
  const sign = negative ^ Reduced.sign ^ inverted;
  if (inverted == 0 && Reduced.exp < TINY) {
    // The tangent exceeds its argument by less than the sticky bit.
    roundF80Full(sign, Reduced.exp, Reduced.hi, Reduced.lo | 1);
    return;
  }
  sineOfReduced();
  const exp = Fp.exp;
  const sineHi = Fp.sigHi;
  const sineLo = Fp.sigLo;
  cosineOfReduced();
  if (inverted != 0) wideDiv(Fp.exp, Fp.sigHi, Fp.sigLo, exp, sineHi, sineLo);
  else wideDiv(exp, sineHi, sineLo, Fp.exp, Fp.sigHi, Fp.sigLo);
  roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo | 1);
}

/** Result ← ±π·2^(exp−BIAS−1), inexact. */
function multipleOfPi(sign: u32, exp: i32): void {
  roundF80Full(sign, exp, PI_HI, PI_LO);
}

/** FPATAN: the angle of the point (x, y), where x is ST(0) and y is ST(1). */
export function f80ArcTangent(yHi: u32, yLo: u64, xHi: u32, xLo: u64): void {
  if (propagate2(xHi, xLo, yHi, yLo)) return;
  if (denormalStops(isDenormal(xHi, xLo) || isDenormal(yHi, yLo))) return;
  const sign = yHi >> 15;
  const xNegative = (xHi & SIGN) != 0;
  const xInfinite = isInfinite(xHi, xLo);
  if (isInfinite(yHi, yLo)) {
    if (!xInfinite) multipleOfPi(sign, BIAS);
    else if (!xNegative) multipleOfPi(sign, BIAS - 1);
    else {
      add128(0, BIAS, PI_HI, PI_LO, 0, BIAS - 1, PI_HI, PI_LO);
      roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo);
    }
  } else if (xInfinite || isZero(yHi, yLo)) {
    if (xNegative) multipleOfPi(sign, BIAS + 1);
    else setF80(sign << 15, 0);
  } else if (isZero(xHi, xLo)) multipleOfPi(sign, BIAS);
  else {
    angle(exponentOf(yHi, yLo), significandOf(yLo), exponentOf(xHi, xLo), significandOf(xLo), xNegative);
    roundF80Full(sign, Fp.exp, Fp.sigHi, Fp.sigLo | 1);
  }
}

/** Unpacked ← the angle in 0…π of the point (±x, y), both magnitudes not zero. */
function angle(yExp: i32, ySig: u64, xExp: i32, xSig: u64, xNegative: bool): void {
  const steep = yExp > xExp || (yExp == xExp && ySig > xSig);
  if (steep) arcTangent(xExp, xSig, yExp, ySig);
  else arcTangent(yExp, ySig, xExp, xSig);
  // Steep: π/2 ∓ the angle to the y axis. Else as it is, or π less it.
  if (steep) {
    add128(0, BIAS, PI_HI, PI_LO, <u32>!xNegative, Fp.exp, Fp.sigHi, Fp.sigLo);
  } else if (xNegative) {
    add128(0, BIAS + 1, PI_HI, PI_LO, 1, Fp.exp, Fp.sigHi, Fp.sigLo);
  }
}

/** Unpacked ← atan(n/d) for 0 < n ≤ d: the nearest tabulated atan(i/8) and a small correction. */
function arcTangent(nExp: i32, n: u64, dExp: i32, d: u64): void {
  const gap = dExp - nExp;
  let i: u64 = 0;
  if (gap <= 4) i = <u64>(((<f64>n / <f64>d) * 8.0) / <f64>(1 << gap) + 0.5);
  if (i == 0) {
    wideDiv(nExp, n, 0, dExp, d, 0);
    wideOdd(ATAN_SERIES, ATAN_SERIES_COUNT, Fp.exp, Fp.sigHi, Fp.sigLo, true);
    return;
  }
  // tan(a − b) with b = i/8: (8n − i·d) / (8d + i·n), on integers of at most 72 bits.
  shiftLeft(0, d, gap);
  const scaledHi = U128.hi;
  const scaledLo = U128.lo;
  const multipleHi = scaledHi * i + mulHigh(scaledLo, i);
  const multipleLo = scaledLo * i;
  const eightfoldHi = n >> 61;
  const eightfoldLo = n << 3;
  const below = !notBelow(eightfoldHi, eightfoldLo, multipleHi, multipleLo);
  let numeratorHi = eightfoldHi - multipleHi - <u64>(eightfoldLo < multipleLo);
  let numeratorLo = eightfoldLo - multipleLo;
  if (below) {
    numeratorHi = ~numeratorHi + <u64>(numeratorLo == 0);
    numeratorLo = 0 - numeratorLo;
  }
  const baseHi = load<u64>(ATAN_EIGHTHS + <usize>(i << 4));
  const baseLo = load<u64>(ATAN_EIGHTHS + <usize>(i << 4), 8);
  if ((numeratorHi | numeratorLo) == 0) {
    wideFrom(BIAS, baseHi, baseLo);
    return;
  }
  const smallLo = n * i;
  const denominatorLo = (scaledLo << 3) + smallLo;
  const denominatorHi = ((scaledHi << 3) | (scaledLo >> 61)) + mulHigh(n, i) + <u64>(denominatorLo < smallLo);
  wideFrom(BIAS, numeratorHi, numeratorLo);
  const exp = Fp.exp;
  const hi = Fp.sigHi;
  const lo = Fp.sigLo;
  wideFrom(BIAS, denominatorHi, denominatorLo);
  wideDiv(exp, hi, lo, Fp.exp, Fp.sigHi, Fp.sigLo);
  wideOdd(ATAN_SERIES, ATAN_SERIES_COUNT, Fp.exp, Fp.sigHi, Fp.sigLo, true);
  const correctionExp = Fp.exp;
  const correctionHi = Fp.sigHi;
  const correctionLo = Fp.sigLo;
  wideFrom(BIAS, baseHi, baseLo);
  add128(0, Fp.exp, Fp.sigHi, Fp.sigLo, <u32>below, correctionExp, correctionHi, correctionLo);
}
