/** String comparison of SSE4.2: SDM Vol. 2B, 4.1. The lengths are in elements; what lies beyond them is invalid. */

// Fields of the immediate
const WORDS: u32 = 1;
const SIGNED: u32 = 2;
const AGGREGATION_SHIFT: u32 = 2;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATIVE: u32 = 1 << 4;
const MASKED: u32 = 1 << 5;
const HIGH_OR_WIDE: u32 = 1 << 6;

/** Two 16-byte operands. */
const OPERANDS: usize = memory.data(32, 16);

/** What the last comparison found. */
export class Text {
  /** IntRes2, one bit per element. */
  static bits: u32 = 0;
  /** EFLAGS image. */
  static flags: u32 = 0;
}

function element(operand: usize, n: u32, imm: u32): i32 {
  if (imm & WORDS) return imm & SIGNED ? <i32>load<i16>(operand + (n << 1)) : <i32>load<u16>(operand + (n << 1));
  return imm & SIGNED ? <i32>load<i8>(operand + n) : <i32>load<u8>(operand + n);
}

/** Elements up to the first that is zero. */
export function implicitLength(a: v128, imm: u32): u32 {
  const zeros: u32 =
    imm & WORDS
      ? i16x8.bitmask(i16x8.eq(a, i16x8.splat(0))) | 0x100
      : i8x16.bitmask(i8x16.eq(a, i8x16.splat(0))) | 0x10000;
  return ctz(zeros);
}
/** The magnitude of a length in EAX or EDX (RAX, RDX), at most the number of elements. */
export function explicitLength(value: i64, imm: u32): u32 {
  const most: u64 = imm & WORDS ? 8 : 16;
  const size = <u64>(value < 0 ? 0 - value : value);
  return <u32>(size < most ? size : most);
}

function matches(n: u32, aLength: u32, bLength: u32, count: u32, imm: u32): bool {
  const how = (imm >> AGGREGATION_SHIFT) & 3;
  const a = OPERANDS;
  const b = OPERANDS + 16;
  if (how == EQUAL_EACH) {
    if (n >= aLength || n >= bLength) return n >= aLength && n >= bLength;
    return element(a, n, imm) == element(b, n, imm);
  }
  if (how == EQUAL_ANY || how == RANGES) {
    if (n >= bLength) return false;
    const value = element(b, n, imm);
    if (how == EQUAL_ANY) {
      for (let m: u32 = 0; m < aLength; m++) if (element(a, m, imm) == value) return true;
    } else {
      for (let m: u32 = 0; m + 1 < aLength; m += 2)
        if (element(a, m, imm) <= value && value <= element(a, m + 1, imm)) return true;
    }
    return false;
  }
  // Equal ordered: a found at n of b, as far as b reaches.
  for (let m: u32 = 0; m < aLength && n + m < count; m++) {
    if (n + m >= bLength || element(a, m, imm) != element(b, n + m, imm)) return false;
  }
  return true;
}

/** Compares; the result is in Text. */
export function compareText(a: v128, b: v128, aLength: u32, bLength: u32, imm: u32): void {
  v128.store(OPERANDS, a);
  v128.store(OPERANDS + 16, b);
  const count: u32 = imm & WORDS ? 8 : 16;
  let bits: u32 = 0;
  for (let n: u32 = 0; n < count; n++) if (matches(n, aLength, bLength, count, imm)) bits |= 1 << n;
  if (imm & NEGATIVE) bits ^= (1 << (imm & MASKED ? bLength : count)) - 1;
  Text.bits = bits;
  Text.flags = u32(bits != 0) | (u32(bLength < count) << 6) | (u32(aLength < count) << 7) | ((bits & 1) << 11);
}
/** Index of the lowest or highest bit; the number of elements when there is none. */
export function textIndex(imm: u32): u32 {
  if (Text.bits == 0) return imm & WORDS ? 8 : 16;
  return imm & HIGH_OR_WIDE ? 31 - clz(Text.bits) : ctz(Text.bits);
}
/** The bits, or a mask of bytes or words. */
export function textMask(imm: u32): v128 {
  if (!(imm & HIGH_OR_WIDE)) return i64x2.replace_lane(i64x2.splat(0), 0, Text.bits);
  if (imm & WORDS) {
    const bit = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
    return i16x8.eq(v128.and(i16x8.splat(<i16>Text.bits), bit), bit);
  }
  const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  const spread = i8x16.swizzle(i32x4.splat(Text.bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  return i8x16.eq(v128.and(spread, bit), bit);
}
