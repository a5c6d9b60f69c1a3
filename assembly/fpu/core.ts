/**
 * Arithmetic on unpacked finite non-zero numbers, shared by x87 and SSE: significands are
 * normalised (bit 63 set), exponents in 80-bit bias. The exact or sticky result is left in
 * Fp.sign, exp, sigHi, sigLo; sigHi = 0 says exact zero.
 */
import { BIAS, Fp, INTEGER_BIT, RC_DOWN, setUnpacked } from './state.ts';
import { divide128by64, leadingZeros, mulHigh, shiftLeft, shiftRightJam, U128 } from './u128.ts';

/** a + b. */
export function addCore(aSign: u32, aExp: i32, aSig: u64, bSign: u32, bExp: i32, bSig: u64): void {
  let sign = aSign;
  let exp = aExp;
  let sig = aSig;
  let small = bSig;
  let gap = aExp - bExp;
  if (gap < 0 || (gap == 0 && bSig > aSig)) {
    sign = bSign;
    exp = bExp;
    sig = bSig;
    small = aSig;
    gap = -gap;
  }
  // The smaller operand, aligned: small and its fraction.
  let fraction: u64 = 0;
  if (gap >= 64) {
    if (gap >= 128) fraction = 1;
    else {
      fraction = small >> (gap - 64);
      fraction |= <u64>(fraction << (gap - 64) != small);
    }
    small = 0;
  } else if (gap != 0) {
    fraction = small << (64 - gap);
    small >>= gap;
  }
  if (aSign == bSign) {
    const sum = sig + small;
    if (sum < sig) {
      setUnpacked(sign, exp + 1, (sum >> 1) | INTEGER_BIT, (sum << 63) | (fraction >> 1) | (fraction & 1));
    } else setUnpacked(sign, exp, sum, fraction);
    return;
  }
  normaliseDifference(sign, exp, sig - small - <u64>(fraction != 0), 0 - fraction);
}

/** Unpacked ← ±hi:lo, which subtraction may have left unnormalised or zero. */
function normaliseDifference(sign: u32, exp: i32, hi: u64, lo: u64): void {
  if (<i64>hi < 0) setUnpacked(sign, exp, hi, lo);
  else if ((hi | lo) == 0) setUnpacked(<u32>(Fp.rc == RC_DOWN), 0, 0, 0);
  else {
    const zeros = leadingZeros(hi, lo);
    shiftLeft(hi, lo, zeros);
    setUnpacked(sign, exp - zeros, U128.hi, U128.lo);
  }
}

/** a + b for 128-bit significands; the smaller may be shifted into a sticky bit. */
export function add128(aSign: u32, aExp: i32, aHi: u64, aLo: u64, bSign: u32, bExp: i32, bHi: u64, bLo: u64): void {
  let sign = aSign,
    exp = aExp,
    hi = aHi,
    lo = aLo;
  let smallHi = bHi,
    smallLo = bLo;
  const gap = aExp - bExp;
  if (gap < 0 || (gap == 0 && (bHi > aHi || (bHi == aHi && bLo > aLo)))) {
    sign = bSign;
    exp = bExp;
    hi = bHi;
    lo = bLo;
    smallHi = aHi;
    smallLo = aLo;
  }
  if (gap != 0) {
    shiftRightJam(smallHi, smallLo, gap < 0 ? -gap : gap);
    smallHi = U128.hi;
    smallLo = U128.lo;
  }
  if (aSign == bSign) {
    const sumLo = lo + smallLo;
    const carryLo = <u64>(sumLo < lo);
    const partial = hi + smallHi;
    const sumHi = partial + carryLo;
    if (partial < hi || sumHi < partial) {
      setUnpacked(sign, exp + 1, (sumHi >> 1) | INTEGER_BIT, (sumHi << 63) | (sumLo >> 1) | (sumLo & 1));
    } else {
      setUnpacked(sign, exp, sumHi, sumLo);
    }
    return;
  }
  const differenceLo = lo - smallLo;
  const differenceHi = hi - smallHi - <u64>(lo < smallLo);
  normaliseDifference(sign, exp, differenceHi, differenceLo);
}

/** a · b, exact. */
export function mulCore(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): void {
  const hi = mulHigh(aSig, bSig);
  const lo = aSig * bSig;
  const exp = aExp + bExp - BIAS;
  if (<i64>hi < 0) setUnpacked(sign, exp + 1, hi, lo);
  else setUnpacked(sign, exp, (hi << 1) | (lo >> 63), lo << 1);
}

/** a / b to 64 bits and a sticky fraction that still compares right with one half. */
export function divCore(sign: u32, aExp: i32, aSig: u64, bExp: i32, bSig: u64): void {
  const fits = aSig >= bSig;
  const quotient = fits ? divide128by64(aSig >> 1, aSig << 63, bSig) : divide128by64(aSig, 0, bSig);
  setUnpacked(sign, aExp - bExp + BIAS - 1 + <i32>fits, quotient, restFraction(U128.rest, bSig));
}

/** rest/divisor as a fraction of 2⁶⁴ that is exact at 0 and ½ and sticky elsewhere. */
export function restFraction(rest: u64, divisor: u64): u64 {
  if (rest == 0) return 0;
  const complement = divisor - rest;
  if (rest == complement) return 0x8000000000000000;
  return rest > complement ? 0xc000000000000000 : 1;
}

/** √a for positive a, to 64 bits and a sticky fraction. */
export function sqrtCore(aExp: i32, aSig: u64): void {
  const unbiased = aExp - BIAS;
  const odd = (unbiased & 1) != 0;
  // Radicand of 128 bits, in [2¹²⁶, 2¹²⁸).
  const hi = odd ? aSig : aSig >> 1;
  const lo = odd ? 0 : aSig << 63;

  const estimate = sqrt<f64>(<f64>hi * 18446744073709551616.0);
  let root: u64 = estimate >= 18446744073709549568.0 ? 0xffffffffffffffff : <u64>estimate;
  remainder(hi, lo, root);
  // One Newton step in double precision brings the root within a unit.
  const error = <f64>(<i64>U128.hi) * 18446744073709551616.0 + <f64>U128.lo;
  const step = <i64>nearest<f64>(error / (2.0 * <f64>root));
  const next = root + <u64>step;
  if (step > 0 && next < root) root = 0xffffffffffffffff;
  else root = next;
  remainder(hi, lo, root);
  while (<i64>U128.hi < 0) {
    root--;
    remainder(hi, lo, root);
  }
  // Too small while the remainder exceeds 2·root.
  while (U128.hi > root >> 63 || (U128.hi == root >> 63 && U128.lo > root << 1)) {
    root++;
    remainder(hi, lo, root);
  }
  let fraction: u64 = 0;
  if ((U128.hi | U128.lo) != 0) {
    fraction = U128.hi != 0 || U128.lo > root ? 0xc000000000000000 : 1;
  }
  setUnpacked(0, (unbiased >> 1) + BIAS, root, fraction);
}

/** U128 ← hi:lo − root², two's complement. */
function remainder(hi: u64, lo: u64, root: u64): void {
  const squareLo = root * root;
  U128.hi = hi - mulHigh(root, root) - <u64>(lo < squareLo);
  U128.lo = lo - squareLo;
}
