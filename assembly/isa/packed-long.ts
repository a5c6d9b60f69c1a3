/** Packed integer operations that need a loop. SDM Vol. 2, PCLMULQDQ, PHMINPOSUW, MPSADBW. */

/** Product of two polynomials over GF(2). */
export function carrylessProduct(a: u64, b: u64): v128 {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let rest = b; rest != 0; rest &= rest - 1) {
    const n = ctz(rest);
    low ^= a << n;
    // Two steps, because a shift by 64 is one by 0.
    high ^= (a >> 1) >> (63 - n);
  }
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/** The least unsigned word in lane 0, its first index in lane 1. */
export function leastWord(a: v128): v128 {
  let rest = a;
  let least: u32 = 0x10000;
  let index: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) {
    const word = <u32>i16x8.extract_lane_u(rest, 0);
    if (word < least) {
      least = word;
      index = n;
    }
    rest = i16x8.shuffle(rest, rest, 1, 2, 3, 4, 5, 6, 7, 0);
  }
  return i64x2.replace_lane(i64x2.splat(0), 0, <u64>(least | (index << 16)));
}

const SLIDE: usize = memory.data(32, 16);

/** Four bytes of b (block imm[1:0]) against eight positions of a that start at 4·imm[2]: words of absolute differences. */
export function slidingDifferences(a: v128, b: v128, imm: u32): v128 {
  v128.store(SLIDE, a);
  v128.store(SLIDE + 16, b);
  const from = SLIDE + (imm & 4);
  const block = SLIDE + 16 + ((imm & 3) << 2);
  let low: u64 = 0;
  let high: u64 = 0;
  for (let n: usize = 0; n < 8; n++) {
    let sum: i32 = 0;
    for (let k: usize = 0; k < 4; k++) sum += abs<i32>(<i32>load<u8>(from + n + k) - <i32>load<u8>(block + k));
    if (n < 4) low |= (<u64>sum) << (n << 4);
    else high |= (<u64>sum) << ((n - 4) << 4);
  }
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}
