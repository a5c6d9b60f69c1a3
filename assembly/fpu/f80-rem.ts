/**
 * FPREM and FPREM1 (SDM Vol. 2). The remainder is exact; an exponent difference of 64 or more gives
 * a partial one with C2 set, reduced by 32 + (difference mod 32) bits as the processors do.
 */
import { roundF80Full } from './round.ts';
import { C0, C1, C2, C3, Fp, setF80 } from './state.ts';
import {
  denormalStops,
  exponentOf,
  invalid,
  isDenormal,
  isInfinite,
  isZero,
  propagate2,
  significandOf,
} from './unpack.ts';

/** Exponent difference from which one execution does not finish. */
const PARTIAL: i32 = 64;

/** FPREM: remainder of a/b with the quotient truncated; codes to Fp.codes. */
export function f80Remainder(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  remainder(aHi, aLo, bHi, bLo, false);
}

/** FPREM1: remainder of a/b with the quotient rounded to nearest; codes to Fp.codes. */
export function f80RemainderNearest(aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  remainder(aHi, aLo, bHi, bLo, true);
}

function remainder(aHi: u32, aLo: u64, bHi: u32, bLo: u64, toNearest: bool): void {
  if (propagate2(aHi, aLo, bHi, bLo)) return;
  if (isInfinite(aHi, aLo) || isZero(bHi, bLo)) {
    invalid();
    return;
  }
  if (denormalStops(isDenormal(aHi, aLo) || isDenormal(bHi, bLo))) return;
  const sign = aHi >> 15;
  if (isZero(aHi, aLo)) {
    setF80(aHi, aLo);
    return;
  }
  const aExp = exponentOf(aHi, aLo);
  const aSig = significandOf(aLo);
  if (isInfinite(bHi, bLo)) {
    finish(sign, aExp, aSig);
    return;
  }
  const bExp = exponentOf(bHi, bLo);
  const bSig = significandOf(bLo);
  const gap = aExp - bExp;
  if (gap < -1 || (gap < 0 && !toNearest)) {
    finish(sign, aExp, aSig);
    return;
  }
  if (gap >= PARTIAL) {
    const bits = 32 + (gap & 31);
    divideStepwise(aSig, bSig, bits);
    Fp.codes = C2;
    finish(sign, aExp - bits, rest);
    return;
  }
  if (gap < 0) {
    // a is between b/4 and b: round the quotient, 0 or 1, to nearest.
    if (aSig > bSig) {
      // |a| > b/2: a − b, at the exponent of a: 2·bSig − aSig, below 2⁶⁴.
      Fp.codes = C1;
      finish(sign ^ 1, aExp, (bSig << 1) - aSig);
    } else finish(sign, aExp, aSig);
    return;
  }
  divideStepwise(aSig, bSig, gap);
  let low = quotient;
  let result = rest;
  let resultSign = sign;
  if (toNearest && (result > bSig - result || (result == bSig - result && (low & 1) != 0))) {
    result = bSig - result;
    resultSign ^= 1;
    low++;
  }
  Fp.codes = ((low & 4) != 0 ? C0 : 0) | ((low & 2) != 0 ? C3 : 0) | ((low & 1) != 0 ? C1 : 0);
  finish(resultSign, bExp, result);
}

let rest: u64 = 0;
let quotient: u32 = 0;

/** rest ← (a·2^count) mod b, quotient ← the low bits of the quotient; a and b normalised. */
function divideStepwise(a: u64, b: u64, count: i32): void {
  let r = a;
  let q: u32 = 0;
  let carry: u64 = 0;
  for (let i = count; ; i--) {
    q <<= 1;
    if (carry != 0 || r >= b) {
      r -= b;
      q |= 1;
    }
    if (i == 0) break;
    carry = r >> 63;
    r <<= 1;
  }
  rest = r;
  quotient = q;
}

/** Result ← ±sig·2^(exp−BIAS−63), exact whatever the precision control says. */
function finish(sign: u32, exp: i32, sig: u64): void {
  if (sig == 0) {
    setF80(sign << 15, 0);
    return;
  }
  const zeros = <i32>clz(sig);
  roundF80Full(sign, exp - zeros, sig << zeros, 0);
}
