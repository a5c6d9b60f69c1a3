/** 64 × 64 → 128 multiplication and 128 / 64 division, which Wasm lacks. The unsigned cores are in fpu/u128.ts. */
import { divide128by64, mulHigh } from '../fpu/u128';
import { DE, faultAt } from '../system/fault';
import { Insn } from './backend';

/** High 64 bits of the signed product. */
export function mulHighSigned64(a: u64, b: u64): u64 {
  const high = mulHigh(a, b);
  return high - (<i64>a < 0 ? b : 0) - (<i64>b < 0 ? a : 0);
}

/** Does the signed product need more than 64 bits? */
export function mulOverflows64(a: u64, b: u64): u32 {
  // Two factors of 32 bits can't overflow.
  if (<u64>(<i64>(<i32>a)) == a && <u64>(<i64>(<i32>b)) == b) return 0;
  return u32(mulHighSigned64(a, b) != <u64>((<i64>(a * b)) >> 63));
}

/** (high:low) / d for high < d. */
export function divWide64(high: u64, low: u64, d: u64): u64 {
  if (!high) return low / d;
  // The divisor's top bit must be set: shift both by the same count.
  const n = clz(d);
  if (!n) return divide128by64(high, low, d);
  return divide128by64((high << n) | (low >> (64 - n)), low << n, d << n);
}

/** (high:low) / d, signed, rounded towards 0; raises #DE when there is no quotient of 64 bits. */
export function divWideSigned64(i: Insn, high: u64, low: u64, d: u64): u64 {
  if (d == 0) faultAt(i, DE);
  if (high == <u64>((<i64>low) >> 63) && d != u64.MAX_VALUE) return <u64>(<i64>low / <i64>d);
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + u64(low == 0);
  }
  const divisor: u64 = <i64>d < 0 ? 0 - d : d;
  if (high >= divisor) faultAt(i, DE);
  const q = divWide64(high, low, divisor);
  const minus = negative != <i64>d < 0;
  const most: u64 = <u64>i64.MAX_VALUE + u64(minus);
  if (q > most) faultAt(i, DE);
  return minus ? 0 - q : q;
}
