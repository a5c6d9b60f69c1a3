/**
 * Unsigned floating point with 128-bit significands for the transcendentals. A number is
 * (exponent in 80-bit bias, normalised hi:lo); results are left in Fp.exp, sigHi, sigLo and are
 * truncated, good to about 2⁻¹²⁵. Fixed-point polynomials have one integer bit.
 */
import { BIAS, Fp, INTEGER_BIT } from './state.ts';
import { divideFraction, horner, leadingZeros, mulFraction, notBelow, shiftLeft, shiftRight, U128 } from './u128.ts';

/** Normalises hi:lo ≠ 0, whose bit 127 has the weight 2^(exp−BIAS). */
export function wideFrom(exp: i32, hi: u64, lo: u64): void {
  const zeros = leadingZeros(hi, lo);
  shiftLeft(hi, lo, zeros);
  Fp.exp = exp - zeros;
  Fp.sigHi = U128.hi;
  Fp.sigLo = U128.lo;
}

/** a · b. */
export function wideMul(aExp: i32, aHi: u64, aLo: u64, bExp: i32, bHi: u64, bLo: u64): void {
  mulFraction(aHi, aLo, bHi, bLo);
  wideFrom(aExp + bExp + 1 - BIAS, U128.hi, U128.lo);
}

/** a / b. */
export function wideDiv(aExp: i32, aHi: u64, aLo: u64, bExp: i32, bHi: u64, bLo: u64): void {
  const halve = notBelow(aHi, aLo, bHi, bLo);
  if (halve) divideFraction(aHi >> 1, (aHi << 63) | (aLo >> 1), bHi, bLo);
  else divideFraction(aHi, aLo, bHi, bLo);
  wideFrom(aExp - bExp - 1 + BIAS + <i32>halve, U128.hi, U128.lo);
}

/** U128 ← a number below 1 as a 128-bit fraction. */
export function wideFraction(exp: i32, hi: u64, lo: u64): void {
  shiftRight(hi, lo, BIAS - 1 - exp);
}

/**
 * The series c₀ ± c₁·z ± … as a number near 1. An alternating one is always below 1, so that
 * directed rounding of a function that leaves its argument nearly unchanged goes the right way.
 */
export function wideSeries(table: usize, count: i32, zHi: u64, zLo: u64, alternate: bool): void {
  horner(table, count, zHi, zLo, alternate);
  if (alternate && U128.hi == INTEGER_BIT) {
    U128.hi = INTEGER_BIT - 1;
    U128.lo = ~(<u64>0);
  }
  wideFrom(BIAS, U128.hi, U128.lo);
}

/** a · series(a²): the odd functions. */
export function wideOdd(table: usize, count: i32, exp: i32, hi: u64, lo: u64, alternate: bool): void {
  wideFraction(exp, hi, lo);
  mulFraction(U128.hi, U128.lo, U128.hi, U128.lo);
  wideSeries(table, count, U128.hi, U128.lo, alternate);
  wideMul(exp, hi, lo, Fp.exp, Fp.sigHi, Fp.sigLo);
}
