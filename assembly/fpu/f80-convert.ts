/**
 * Conversions between the 80-bit format and integers, single, double and packed decimal, as the
 * x87 loads and stores do them (SDM Vol. 1, 4.8.3 and 8.3.3; Vol. 2, FLD, FST, FIST, FISTTP, FBLD,
 * FBSTP). A store reports an unmasked exception through the flags and the caller then stores nothing.
 */
import { roundNarrow, roundToInteger } from './round.ts';
import { EXP_MAX, FLAG_IE, FLAG_OE, FLAG_PE, FLAG_UE, Fp, INTEGER_BIT, QUIET_BIT, setF80 } from './state.ts';
import {
  denormalStops,
  exponentOf,
  isUnsupported,
  isZero,
  narrowExponent,
  narrowField,
  narrowFraction,
  narrowSign,
  narrowSignificand,
  significandOf,
} from './unpack.ts';
import { U128 } from './u128.ts';
import { f80FromI64 } from './f80-arith.ts';

const DECIMAL_LIMIT: u64 = 1000000000000000000;
const DECIMAL_INDEFINITE_HI: u32 = 0xffff;
const DECIMAL_INDEFINITE_LO: u64 = 0xc000000000000000;
const DECIMAL_SIGN: u32 = 0x8000;

/** FLD m32fp (T = u32) and m64fp (T = u64). */
function fromNarrow<T>(a: T): void {
  const sign = narrowSign<T>(a) << 15;
  const field = narrowField<T>(a);
  const fraction = narrowFraction<T>(a);
  const maximum: i32 = sizeof<T>() == 8 ? 0x7ff : 0xff;
  if (field == maximum) {
    const widen: u64 = sizeof<T>() == 8 ? 11 : 40;
    let sig = (fraction << widen) | INTEGER_BIT;
    if (fraction != 0 && (sig & QUIET_BIT) == 0) {
      Fp.flags |= FLAG_IE;
      sig |= QUIET_BIT;
    }
    setF80(sign | EXP_MAX, sig);
    return;
  }
  if (field == 0) {
    if (fraction == 0) {
      setF80(sign, 0);
      return;
    }
    if (denormalStops(true)) return;
  }
  setF80(sign | narrowExponent<T>(a), narrowSignificand<T>(a));
}

/** FLD m32fp: single to 80 bits. */
export function f80FromF32(a: u32): void {
  fromNarrow<u32>(a);
}

/** FLD m64fp: double to 80 bits. */
export function f80FromF64(a: u64): void {
  fromNarrow<u64>(a);
}

function toNarrow<T>(hi: u32, lo: u64): T {
  const sign = hi >> 15;
  const signShift: u64 = sizeof<T>() == 8 ? 63 : 31;
  const signBit: u64 = (<u64>sign) << signShift;
  const maximum: u64 = sizeof<T>() == 8 ? 0x7ff << 52 : 0xff << 23;
  if (isUnsupported(hi, lo)) {
    Fp.flags |= FLAG_IE;
    // The indefinite: negative, quiet, all else zero.
    return <T>(sizeof<T>() == 8 ? 0xfff8000000000000 : 0xffc00000);
  }
  if ((hi & EXP_MAX) == EXP_MAX) {
    if (lo == INTEGER_BIT) return <T>(signBit | maximum);
    if ((lo & QUIET_BIT) == 0) Fp.flags |= FLAG_IE;
    const payload = ((lo | QUIET_BIT) << 1) >> (sizeof<T>() == 8 ? 12 : 41);
    return <T>(signBit | maximum | payload);
  }
  if (isZero(hi, lo)) return <T>signBit;
  const result = roundNarrow<T>(sign, exponentOf(hi, lo), significandOf(lo), 0);
  if ((Fp.flags & ~Fp.masks & (FLAG_OE | FLAG_UE)) != 0) {
    // Nothing is stored, so nothing was rounded.
    Fp.flags &= ~FLAG_PE;
    Fp.roundedUp = false;
  }
  return result;
}

/** FST m32fp: 80 bits to single. */
export function f80ToF32(hi: u32, lo: u64): u32 {
  return toNarrow<u32>(hi, lo);
}

/** FST m64fp: 80 bits to double. */
export function f80ToF64(hi: u32, lo: u64): u64 {
  return toNarrow<u64>(hi, lo);
}

/** Integer of `bits` bits, or the integer indefinite with IE. */
function toInteger(hi: u32, lo: u64, bits: i32, truncate: bool): i64 {
  const indefinite: i64 = i64.MIN_VALUE >> (64 - bits);
  const limit: u64 = (<u64>1) << (bits - 1);
  if (isZero(hi, lo)) return 0;
  if ((hi & EXP_MAX) == EXP_MAX || isUnsupported(hi, lo)) {
    Fp.flags |= FLAG_IE;
    return indefinite;
  }
  const negative = hi >> 15;
  const fits = roundToInteger(negative, exponentOf(hi, lo), significandOf(lo), truncate);
  if (!fits || U128.hi > limit - <u64>(negative == 0)) {
    Fp.flags |= FLAG_IE;
    Fp.roundedUp = false;
    return indefinite;
  }
  if (U128.lo != 0) Fp.flags |= FLAG_PE;
  return negative != 0 ? 0 - <i64>U128.hi : <i64>U128.hi;
}

/** FIST(P) m16int; sign-extended. `truncate` is FISTTP. */
export function f80ToI16(hi: u32, lo: u64, truncate: bool): i32 {
  return <i32>toInteger(hi, lo, 16, truncate);
}

/** FIST(P) m32int. */
export function f80ToI32(hi: u32, lo: u64, truncate: bool): i32 {
  return <i32>toInteger(hi, lo, 32, truncate);
}

/** FISTP m64int. */
export function f80ToI64(hi: u32, lo: u64, truncate: bool): i64 {
  return toInteger(hi, lo, 64, truncate);
}

/** FBLD: packed decimal (hi: sign byte and digits 17–16, lo: digits 15–0). Digits are not checked. */
export function f80FromBcd(hi: u32, lo: u64): void {
  let value: u64 = 0;
  value = <u64>((hi >> 4) & 15) * 10 + <u64>(hi & 15);
  for (let shift = 60; shift >= 0; shift -= 4) value = value * 10 + ((lo >> shift) & 15);
  f80FromI64(<i64>value);
  Fp.hi |= hi & DECIMAL_SIGN;
}

/** FBSTP: the 10 bytes of the packed decimal go to Fp.lo (8) and Fp.hi (2). */
export function f80ToBcd(hi: u32, lo: u64): void {
  const sign = hi >> 15;
  let fits = !((hi & EXP_MAX) == EXP_MAX || isUnsupported(hi, lo));
  let value: u64 = 0;
  if (fits && !isZero(hi, lo)) {
    fits = roundToInteger(sign, exponentOf(hi, lo), significandOf(lo), false);
    value = U128.hi;
    if (fits && value < DECIMAL_LIMIT && U128.lo != 0) Fp.flags |= FLAG_PE;
  }
  if (!fits || value >= DECIMAL_LIMIT) {
    Fp.flags |= FLAG_IE;
    Fp.roundedUp = false;
    setF80(DECIMAL_INDEFINITE_HI, DECIMAL_INDEFINITE_LO);
    return;
  }
  let digits: u64 = 0;
  for (let shift = 0; shift < 64; shift += 4) {
    digits |= (value % 10) << shift;
    value /= 10;
  }
  setF80((sign << 15) | ((<u32>(value / 10)) << 4) | (<u32>(value % 10)), digits);
}
