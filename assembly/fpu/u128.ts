/**
 * 128-bit unsigned arithmetic on pairs of 64-bit words. Wasm has no wide multiply or divide, so
 * both are built from 32-bit halves (division after Knuth, TAOCP 2, 4.3.1, algorithm D).
 * Two-word results are left in U128.hi and U128.lo.
 */

/** Result registers of this module. */
export class U128 {
  static hi: u64 = 0;
  static lo: u64 = 0;
  /** Remainder of divide128by64. */
  static rest: u64 = 0;
}

const LOW: u64 = 0xffffffff;

/** High 64 bits of a·b. */
export function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & LOW;
  const aHigh = a >> 32;
  const bLow = b & LOW;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const cross = aLow * bHigh + (middle & LOW);
  return aHigh * bHigh + (middle >> 32) + (cross >> 32);
}

/** U128 ← the high 128 bits of the product of two 128-bit numbers, up to 3 units too small. */
export function mulFraction(aHi: u64, aLo: u64, bHi: u64, bLo: u64): void {
  const p = mulHigh(aHi, bLo);
  const q = mulHigh(aLo, bHi);
  const low = aHi * bHi;
  const sum = low + p;
  const total = sum + q;
  U128.hi = mulHigh(aHi, bHi) + <u64>(sum < low) + <u64>(total < sum);
  U128.lo = total;
}

/** U128 ← (hi:lo) >> count with a sticky lowest bit; any count ≥ 0. */
export function shiftRightJam(hi: u64, lo: u64, count: i32): void {
  if (count == 0) {
    U128.hi = hi;
    U128.lo = lo;
  } else if (count < 64) {
    const lost = lo << (64 - count);
    U128.hi = hi >> count;
    U128.lo = (hi << (64 - count)) | (lo >> count) | (<u64>(lost != 0));
  } else if (count < 128) {
    const lost = lo | (count == 64 ? 0 : hi << (128 - count));
    U128.hi = 0;
    U128.lo = (hi >> (count - 64)) | (<u64>(lost != 0));
  } else {
    U128.hi = 0;
    U128.lo = <u64>((hi | lo) != 0);
  }
}

/** U128 ← (hi:lo) >> count, truncated; any count ≥ 0. */
export function shiftRight(hi: u64, lo: u64, count: i32): void {
  if (count == 0) {
    U128.hi = hi;
    U128.lo = lo;
  } else if (count < 64) {
    U128.hi = hi >> count;
    U128.lo = (hi << (64 - count)) | (lo >> count);
  } else {
    U128.hi = 0;
    U128.lo = count < 128 ? hi >> (count - 64) : 0;
  }
}

/** U128 ← (hi:lo) << count for 0 ≤ count < 128. */
export function shiftLeft(hi: u64, lo: u64, count: i32): void {
  if (count == 0) {
    U128.hi = hi;
    U128.lo = lo;
  } else if (count < 64) {
    U128.hi = (hi << count) | (lo >> (64 - count));
    U128.lo = lo << count;
  } else {
    U128.hi = lo << (count - 64);
    U128.lo = 0;
  }
}

/** Leading zeros of hi:lo. */
export function leadingZeros(hi: u64, lo: u64): i32 {
  return hi != 0 ? <i32>clz(hi) : 64 + <i32>clz(lo);
}

/** Is aHi:aLo ≥ bHi:bLo? */
export function notBelow(aHi: u64, aLo: u64, bHi: u64, bLo: u64): bool {
  return aHi > bHi || (aHi == bHi && aLo >= bLo);
}

/** One 32-bit quotient digit of (high·2³² + next) / d; leaves the remainder in U128.rest. */
function divideDigit(high: u64, next: u64, d: u64): u64 {
  const dHigh = d >> 32;
  const dLow = d & LOW;
  let digit = high / dHigh;
  let rest = high - digit * dHigh;
  while (digit > LOW || digit * dLow > ((rest << 32) | next)) {
    digit--;
    rest += dHigh;
    if (rest > LOW) break;
  }
  U128.rest = ((high << 32) | next) - digit * d;
  return digit;
}

/** (hi:lo) / d for hi < d and d ≥ 2⁶³; the remainder is left in U128.rest. */
export function divide128by64(hi: u64, lo: u64, d: u64): u64 {
  const upper = divideDigit(hi, lo >> 32, d);
  const lower = divideDigit(U128.rest, lo & LOW, d);
  return (upper << 32) | lower;
}

/** One 64-bit quotient digit of (hi:lo:0) / d for hi:lo < d; leaves the remainder in U128. */
function divideFractionDigit(hi: u64, lo: u64, dHi: u64, dLo: u64): u64 {
  let digit: u64;
  let rest: u64;
  let small: bool;
  if (hi >= dHi) {
    // The quotient estimate would be 2⁶⁴; the true digit is at most 2⁶⁴−1.
    digit = ~(<u64>0);
    rest = lo + dHi;
    small = rest >= dHi;
  } else {
    digit = divide128by64(hi, lo, dHi);
    rest = U128.rest;
    small = true;
  }
  while (small) {
    const pHi = mulHigh(digit, dLo);
    const pLo = digit * dLo;
    if (pHi < rest || (pHi == rest && pLo == 0)) break;
    digit--;
    rest += dHi;
    small = rest >= dHi;
  }
  // Remainder = (rest:0) − digit·dLo, which fits 128 bits by now.
  const pLo = digit * dLo;
  U128.hi = rest - mulHigh(digit, dLo) - <u64>(pLo != 0);
  U128.lo = 0 - pLo;
  return digit;
}

/** U128 ← ⌊(n << 128) / d⌋ for n < d and d ≥ 2¹²⁷. */
export function divideFraction(nHi: u64, nLo: u64, dHi: u64, dLo: u64): void {
  const upper = divideFractionDigit(nHi, nLo, dHi, dLo);
  const lower = divideFractionDigit(U128.hi, U128.lo, dHi, dLo);
  U128.hi = upper;
  U128.lo = lower;
}

/** U128 ← c₀ ± z·(c₁ ± z·(c₂ …)) over a table of `count` 128-bit coefficients, highest first. */
export function horner(table: usize, count: i32, zHi: u64, zLo: u64, alternate: bool): void {
  let hi = load<u64>(table);
  let lo = load<u64>(table, 8);
  for (let i = 1; i < count; i++) {
    mulFraction(hi, lo, zHi, zLo);
    const cHi = load<u64>(table + <usize>(i << 4));
    const cLo = load<u64>(table + <usize>(i << 4), 8);
    if (alternate) {
      lo = cLo - U128.lo;
      hi = cHi - U128.hi - <u64>(cLo < U128.lo);
    } else {
      lo = cLo + U128.lo;
      hi = cHi + U128.hi + <u64>(lo < cLo);
    }
  }
  U128.hi = hi;
  U128.lo = lo;
}
