/**
 * Rounding and packing: from sign, exponent (80-bit bias) and a normalised 128-bit significand,
 * whose lowest bit may be sticky, to the 80-bit, double and single formats, with the overflow,
 * underflow and precision exceptions (SDM Vol. 1, 4.8.4 and 4.9.1; x87 specifics 8.5.4 to 8.5.6).
 * Tininess is detected after rounding. Exceptions of the operands are the business of the callers.
 */
import { BIAS, EXP_MAX, FLAG_OE, FLAG_PE, FLAG_UE, Fp, INTEGER_BIT, RC_DOWN, RC_NEAREST, RC_UP } from './state.ts';
import { shiftRightJam, U128 } from './u128.ts';

/** Exponent adjustment of an unmasked overflow or underflow in a register (SDM Vol. 1, 8.5.4). */
const BIAS_ADJUST: i32 = 24576;
const HALF: u64 = 0x8000000000000000;

/** Whether rounding goes away from zero; `rest` is the part cut off, as a fraction of 2⁶⁴. */
export function roundsUp(sign: u32, odd: bool, rest: u64): bool {
  if (rest == 0) return false;
  const rc = Fp.rc;
  if (rc == RC_NEAREST) return rest > HALF || (rest == HALF && odd);
  return sign != 0 ? rc == RC_DOWN : rc == RC_UP;
}

/** Result ← ±hi:lo at exponent `exp`, rounded to the x87 precision in force. hi has bit 63 set. */
export function roundF80(sign: u32, exp: i32, hi: u64, lo: u64): void {
  if (Fp.precision == 64 && <u32>(exp - 1) < <u32>(EXP_MAX - 2)) {
    let result = hi;
    let resultExp = exp;
    if (lo != 0) {
      Fp.flags |= FLAG_PE;
      if (roundsUp(sign, (hi & 1) != 0, lo)) {
        Fp.roundedUp = true;
        result++;
        if (result == 0) {
          result = INTEGER_BIT;
          resultExp++;
        }
      }
    }
    Fp.lo = result;
    Fp.hi = (sign << 15) | resultExp;
    return;
  }
  roundF80Rare(sign, exp, hi, lo);
}

/** Rounds `hi:lo` to the precision in force into U128.hi; true if it carried out of bit 63. */
function roundSignificand(sign: u32, hi: u64, lo: u64): bool {
  const precision = Fp.precision;
  const unit: u64 = (<u64>1) << (64 - precision);
  const rest: u64 = precision == 64 ? lo : (hi << precision) | (<u64>(lo != 0));
  let kept = hi & ~(unit - 1);
  let carry = false;
  Fp.roundedUp = roundsUp(sign, (kept & unit) != 0, rest);
  if (Fp.roundedUp) {
    kept += unit;
    carry = kept < unit;
  }
  U128.hi = kept;
  U128.lo = rest;
  return carry;
}

function roundF80Rare(sign: u32, exp: i32, hi: u64, lo: u64): void {
  const carry = roundSignificand(sign, hi, lo);
  let kept = carry ? INTEGER_BIT : U128.hi;
  let inexact = U128.lo != 0;
  let resultExp = exp + <i32>carry;
  if (resultExp <= 0) {
    if ((Fp.masks & FLAG_UE) == 0) {
      Fp.flags |= FLAG_UE;
      resultExp += BIAS_ADJUST;
      if (resultExp <= 0) {
        // Only FSCALE gets this far out.
        kept = 0;
        resultExp = 0;
        inexact = true;
        Fp.roundedUp = false;
      }
    } else {
      // Denormal: the precision counts from the same bit of the field.
      shiftRightJam(hi, lo, 1 - exp);
      roundSignificand(sign, U128.hi, U128.lo);
      kept = U128.hi;
      inexact = U128.lo != 0;
      resultExp = <i32>((kept & INTEGER_BIT) != 0);
      if (inexact) Fp.flags |= FLAG_UE;
    }
  } else if (resultExp >= EXP_MAX) {
    Fp.flags |= FLAG_OE;
    if ((Fp.masks & FLAG_OE) != 0) {
      overflowF80(sign);
      return;
    }
    resultExp -= BIAS_ADJUST;
    // Only FSCALE gets this far out.
    if (resultExp >= EXP_MAX) {
      kept = INTEGER_BIT;
      resultExp = EXP_MAX;
      inexact = true;
      Fp.roundedUp = true;
    }
  }
  if (inexact) Fp.flags |= FLAG_PE;
  Fp.lo = kept;
  Fp.hi = (sign << 15) | resultExp;
}

/** Masked overflow: infinity, or the largest finite number if rounding goes towards zero. */
function overflowF80(sign: u32): void {
  Fp.flags |= FLAG_PE;
  const toInfinity = roundsUp(sign, true, ~(<u64>0));
  Fp.roundedUp = toInfinity;
  if (toInfinity) {
    Fp.lo = INTEGER_BIT;
    Fp.hi = (sign << 15) | EXP_MAX;
  } else {
    Fp.lo = ~(<u64>0) << (64 - Fp.precision);
    Fp.hi = (sign << 15) | (EXP_MAX - 1);
  }
}

/**
 * ±hi:lo at exponent `exp` rounded to a double (T = u64) or single (T = u32). hi has bit 63 set.
 * After an unmasked overflow or underflow the value returned is meaningless.
 */
export function roundNarrow<T>(sign: u32, exp: i32, hi: u64, lo: u64): T {
  const fractionBits: i32 = sizeof<T>() == 8 ? 52 : 23;
  const exponentMax: i32 = sizeof<T>() == 8 ? 0x7ff : 0xff;
  const bias: i32 = sizeof<T>() == 8 ? 1023 : 127;
  const shift = 63 - fractionBits;
  const signShift: u64 = sizeof<T>() == 8 ? 63 : 31;
  const signBit: u64 = (<u64>sign) << signShift;
  const narrowExp = exp - BIAS + bias;

  let rest = (hi << (fractionBits + 1)) | (<u64>(lo != 0));
  let kept = hi >> shift;
  const up = roundsUp(sign, (kept & 1) != 0, rest);
  const unboundedExp = narrowExp + <i32>(kept + <u64>up == (<u64>2) << fractionBits);

  if (unboundedExp <= 0) {
    if ((Fp.masks & FLAG_UE) == 0) {
      // There will be no result; the precision exception is that of an unbounded exponent.
      Fp.flags |= rest != 0 ? FLAG_UE | FLAG_PE : FLAG_UE;
      return <T>signBit;
    }
    if (Fp.ftz) {
      Fp.flags |= FLAG_UE | FLAG_PE;
      return <T>signBit;
    }
    shiftRightJam(hi, lo, 1 - narrowExp);
    rest = (U128.hi << (fractionBits + 1)) | (<u64>(U128.lo != 0));
    kept = U128.hi >> shift;
    if (rest != 0) {
      Fp.flags |= FLAG_UE | FLAG_PE;
      Fp.roundedUp = roundsUp(sign, (kept & 1) != 0, rest);
      kept += <u64>Fp.roundedUp;
    }
    // A carry into the hidden bit is the smallest normal number, as the sum of the fields says.
    return <T>(signBit | kept);
  }
  if (unboundedExp >= exponentMax) {
    Fp.flags |= FLAG_OE;
    if ((Fp.masks & FLAG_OE) != 0) {
      Fp.flags |= FLAG_PE;
      Fp.roundedUp = roundsUp(sign, true, ~(<u64>0));
      const infinity = (<u64>exponentMax) << fractionBits;
      return <T>(signBit | (Fp.roundedUp ? infinity : infinity - 1));
    }
  }
  if (rest != 0) {
    Fp.flags |= FLAG_PE;
    Fp.roundedUp = up;
  }
  if (narrowExp <= 0) {
    // Rounded up to the smallest normal number.
    return <T>(signBit | ((<u64>1) << fractionBits));
  }
  return <T>(signBit | (((<u64>(narrowExp - 1)) << fractionBits) + kept + <u64>up));
}

/**
 * Integer part of sig·2^(exp−BIAS−63) rounded by the control in force (`truncate` overrides it).
 * Leaves the magnitude in U128.hi, U128.lo ≠ 0 if inexact; false if it needs more than 64 bits.
 */
export function roundToInteger(sign: u32, exp: i32, sig: u64, truncate: bool): bool {
  const shift = BIAS + 63 - exp;
  if (shift < 0) return false;
  let magnitude: u64 = 0;
  let rest: u64 = 0;
  if (shift == 0) magnitude = sig;
  else if (shift < 64) {
    magnitude = sig >> shift;
    rest = sig << (64 - shift);
  } else if (shift == 64) rest = sig;
  else rest = <u64>(sig != 0);
  const up = !truncate && roundsUp(sign, (magnitude & 1) != 0, rest);
  Fp.roundedUp = up;
  U128.hi = magnitude + <u64>up;
  U128.lo = rest;
  // 2⁶⁴−1 is odd and has no rest, so the increment cannot carry out.
  return true;
}

/** Like roundF80, but to 64 bits whatever the precision control says; transcendentals do that. */
export function roundF80Full(sign: u32, exp: i32, hi: u64, lo: u64): void {
  const precision = Fp.precision;
  Fp.precision = 64;
  roundF80(sign, exp, hi, lo);
  Fp.precision = precision;
}
