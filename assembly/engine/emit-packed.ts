/**
 * Packed arithmetic of the code writer: the mirror of InterpPacked, a method for each of its, which appends the same
 * operation of WebAssembly. Values are handles (engine/wasm.ts); a plain number is what follows from the instruction alone.
 * No guest state is touched here. WebAssembly 2.0, 5.4.
 */
import {
  bytes16,
  c32,
  c64,
  constantHandle,
  constantOf,
  ELSE,
  END,
  get,
  I32_AND,
  I32_OR,
  I32_SUB,
  I32_WRAP_I64,
  I64_LT_U,
  IF,
  isConstant,
  op,
  SELECT,
  set32,
  setOf,
  setV128,
  simd,
  unsigned,
} from './wasm';
import { allPlain32, allPlain64 } from '../isa/float-operations';

const TYPE_I32 = 0x7f;

// Scalar floating point
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const F32_EQ = 0x5b;
const F32_LT = 0x5d;
const F32_GE = 0x60;
const F64_EQ = 0x61;
const F64_LT = 0x63;
const F64_GE = 0x66;
const F32_ABS = 0x8b;
const F64_ABS = 0x99;
const F64_TRUNC = 0x9d;
const F64_NEAREST = 0x9e;
const F32_CONVERT_I32_S = 0xb2;
const F32_CONVERT_I64_S = 0xb4;
const F32_DEMOTE_F64 = 0xb6;
const F64_CONVERT_I32_S = 0xb7;
const F64_CONVERT_I64_S = 0xb9;
const F64_PROMOTE_F32 = 0xbb;
const I32_REINTERPRET_F32 = 0xbc;
const I64_REINTERPRET_F64 = 0xbd;
const F32_REINTERPRET_I32 = 0xbe;
const F64_REINTERPRET_I64 = 0xbf;
const SATURATING = 0xfc;
const I32_TRUNC_SAT_F64_S = 2;
const I64_TRUNC_SAT_F64_S = 6;
const LEAST_NORMAL_32: u32 = 0x00800000;
const LEAST_NORMAL_64: u64 = 0x0010000000000000;
const INFINITY_32: u32 = 0x7f800000;
const INFINITY_64: u64 = 0x7ff0000000000000;
const TWO_TO_31: u64 = 0x41e0000000000000;
const TWO_TO_63: u64 = 0x43e0000000000000;

// Vectors
const V128_CONST = 0x0c;
const I8X16_SHUFFLE = 0x0d;
const I8X16_SPLAT = 0x0f;
const I16X8_SPLAT = 0x10;
const I32X4_SPLAT = 0x11;
const I64X2_SPLAT = 0x12;
const I8X16_EXTRACT_LANE_U = 0x16;
const I16X8_EXTRACT_LANE_U = 0x19;
const I32X4_EXTRACT_LANE = 0x1b;
const I64X2_EXTRACT_LANE = 0x1d;
const I8X16_REPLACE_LANE = 0x17;
const I16X8_REPLACE_LANE = 0x1a;
const I32X4_REPLACE_LANE = 0x1c;
const I64X2_REPLACE_LANE = 0x1e;
const V128_BITSELECT = 0x52;

/** Eight byte numbers 0 to 7, and a number in each of eight bytes. */
const IOTA: u64 = 0x0706050403020100;
const EACH: u64 = 0x0101010101010101;
/** A byte number with this bit means a zero. */
const ZEROS: u64 = 0x8080808080808080;

/** Pushes a value of T as a float. */
function getFloat<T>(bits: i32): void {
  get(bits);
  op(sizeof<T>() == 8 ? F64_REINTERPRET_I64 : F32_REINTERPRET_I32);
}
/** Pushes a value of T as f64. */
function getDouble<T>(bits: i32): void {
  getFloat<T>(bits);
  if (sizeof<T>() == 4) op(F64_PROMOTE_F32);
}
/** Pushes a constant float by its bits. */
function float32(bits: u32): void {
  op(F32_CONST);
  for (let n: u32 = 0; n < 32; n += 8) op(<i32>((bits >> n) & 0xff));
}
function float64(bits: u64): void {
  op(F64_CONST);
  for (let n: u64 = 0; n < 64; n += 8) op(<i32>((bits >> n) & 0xff));
}
/** Pops a float of T. */
function setFloat<T>(): i32 {
  op(sizeof<T>() == 8 ? I64_REINTERPRET_F64 : I32_REINTERPRET_F32);
  return setOf<T>();
}
/** Pushes v128.const. */
function vectorConstant(low: u64, high: u64): void {
  simd(V128_CONST);
  bytes16(low, high);
}
/** Is the number of a lane of the upper operand, or of a zero, among eight? */
function reachesOut(numbers: u64): bool {
  return (numbers & 0xf0f0f0f0f0f0f0f0) != 0;
}
function unary(a: i32, code: u32): i32 {
  get(a);
  simd(code);
  return setV128();
}
function binaryVector(a: i32, b: i32, code: u32): i32 {
  get(a);
  get(b);
  simd(code);
  return setV128();
}
/** An operation that gives an i32. */
function test(a: i32, code: u32): i32 {
  get(a);
  simd(code);
  return set32();
}

@unmanaged
export class EmitPacked {
  // ---- whole registers
  v128_and(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x4e);
  }
  v128_or(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x50);
  }
  v128_xor(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x51);
  }
  /** a AND NOT b. */
  v128_andnot(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x4f);
  }
  v128_not(a: i32): i32 {
    return unary(a, 0x4d);
  }
  /** Bits of a where the mask is 1, of b elsewhere. */
  v128_bitselect(a: i32, b: i32, mask: i32): i32 {
    get(a);
    get(b);
    get(mask);
    simd(V128_BITSELECT);
    return setV128();
  }
  v128_any_true(a: i32): i32 {
    return test(a, 0x53);
  }
  /** A constant that follows from the instruction alone. */
  v128_const(low: u64, high: u64): i32 {
    vectorConstant(low, high);
    return setV128();
  }
  /** a where the condition is 1, else zero. */
  v128_where(condition: i32, a: i32): i32 {
    if (isConstant(condition)) return constantOf(condition) ? a : this.v128_const(0, 0);
    get(a);
    c32(0);
    get(condition);
    op(I32_SUB);
    simd(I32X4_SPLAT);
    simd(0x4e);
    return setV128();
  }
  /** A 64-bit value, zero-extended. */
  v128_low(low: i32): i32 {
    vectorConstant(0, 0);
    get(low);
    simd(I64X2_REPLACE_LANE);
    op(0);
    return setV128();
  }
  /** All lanes the same. */
  splat<W>(value: i32): i32 {
    return unary(
      value,
      sizeof<W>() == 1 ? I8X16_SPLAT : sizeof<W>() == 2 ? I16X8_SPLAT : sizeof<W>() == 4 ? I32X4_SPLAT : I64X2_SPLAT,
    );
  }
  /** Lane 0. */
  first<W>(a: i32): i32 {
    return this.lane<W>(a, 0);
  }
  /** Lane n. */
  lane<W>(a: i32, n: u32): i32 {
    get(a);
    simd(
      sizeof<W>() == 1
        ? I8X16_EXTRACT_LANE_U
        : sizeof<W>() == 2
          ? I16X8_EXTRACT_LANE_U
          : sizeof<W>() == 4
            ? I32X4_EXTRACT_LANE
            : I64X2_EXTRACT_LANE,
    );
    op(n);
    return setOf<W>();
  }
  /** a with lane n replaced. */
  withLane<W>(a: i32, n: u32, value: i32): i32 {
    get(a);
    get(value);
    simd(
      sizeof<W>() == 1
        ? I8X16_REPLACE_LANE
        : sizeof<W>() == 2
          ? I16X8_REPLACE_LANE
          : sizeof<W>() == 4
            ? I32X4_REPLACE_LANE
            : I64X2_REPLACE_LANE,
    );
    op(n);
    return setV128();
  }
  /** The upper 64 bits. */
  upper(a: i32): i32 {
    return this.lane<u64>(a, 1);
  }
  /** Low 64 bits of a, then low 64 bits of b. */
  pair(a: i32, b: i32): i32 {
    get(a);
    simd(I64X2_SPLAT);
    get(b);
    simd(I64X2_REPLACE_LANE);
    op(1);
    return setV128();
  }
  /** Bytes by number, eight in `low`, eight in `high`: 0 to 15 of a, 16 to 31 of b. */
  shuffle_bytes(a: i32, b: i32, low: u64, high: u64): i32 {
    get(a);
    get(b);
    simd(I8X16_SHUFFLE);
    bytes16(low, high);
    return setV128();
  }
  /** Bytes of a by number, 0 to 15; 0x80 gives a zero. */
  choose_bytes(a: i32, low: u64, high: u64): i32 {
    get(a);
    if (reachesOut(low) || reachesOut(high)) vectorConstant(0, 0);
    else get(a);
    simd(I8X16_SHUFFLE);
    bytes16((low & ~ZEROS) | ((low & ZEROS) >> 3), (high & ~ZEROS) | ((high & ZEROS) >> 3));
    return setV128();
  }
  /** Moves up (towards the high end) or down by n bytes, 0 to 32; zeros come in. */
  bytes_up(a: i32, n: u32): i32 {
    if (n == 0) return a;
    if (n >= 16) return this.v128_const(0, 0);
    vectorConstant(0, 0);
    get(a);
    simd(I8X16_SHUFFLE);
    const from = EACH * <u64>(16 - n);
    bytes16(IOTA + from, IOTA + 8 * EACH + from);
    return setV128();
  }
  bytes_down(a: i32, n: u32): i32 {
    if (n == 0) return a;
    if (n >= 16) return this.v128_const(0, 0);
    get(a);
    vectorConstant(0, 0);
    simd(I8X16_SHUFFLE);
    const from = EACH * <u64>n;
    bytes16(IOTA + from, IOTA + 8 * EACH + from);
    return setV128();
  }
  /** Low (high) lanes of a and b in turn. */
  interleave_low<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 1) return this.shuffle_bytes(a, b, 0x1303120211011000, 0x1707160615051404);
    if (sizeof<W>() == 2) return this.shuffle_bytes(a, b, 0x1312030211100100, 0x1716070615140504);
    if (sizeof<W>() == 4) return this.shuffle_bytes(a, b, 0x1312111003020100, 0x1716151407060504);
    return this.shuffle_bytes(a, b, IOTA, IOTA + 16 * EACH);
  }
  interleave_high<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 1) return this.shuffle_bytes(a, b, 0x1b0b1a0a19091808, 0x1f0f1e0e1d0d1c0c);
    if (sizeof<W>() == 2) return this.shuffle_bytes(a, b, 0x1b1a0b0a19180908, 0x1f1e0f0e1d1c0d0c);
    if (sizeof<W>() == 4) return this.shuffle_bytes(a, b, 0x1b1a19180b0a0908, 0x1f1e1d1c0f0e0d0c);
    return this.shuffle_bytes(a, b, IOTA + 8 * EACH, IOTA + 24 * EACH);
  }
  /** Even (odd) lanes of a, then those of b. */
  evens<W>(a: i32, b: i32): i32 {
    const lanes: u64 = sizeof<W>() == 2 ? 0x0d0c090805040100 : sizeof<W>() == 4 ? 0x0b0a090803020100 : IOTA;
    return this.shuffle_bytes(a, b, lanes, lanes + 16 * EACH);
  }
  odds<W>(a: i32, b: i32): i32 {
    const lanes: u64 =
      (sizeof<W>() == 2 ? 0x0d0c090805040100 : sizeof<W>() == 4 ? 0x0b0a090803020100 : IOTA) + sizeof<W>() * EACH;
    return this.shuffle_bytes(a, b, lanes, lanes + 16 * EACH);
  }
  /** A shift count of 64 bits, cut to what still tells whether it reaches a width. */
  shiftCount(count: i32): i32 {
    if (isConstant(count)) return constantHandle<u32>(<u64>constantOf(count) < 64 ? constantOf(count) : 64);
    get(count);
    op(I32_WRAP_I64);
    c32(64);
    get(count);
    c64(64);
    op(I64_LT_U);
    op(SELECT);
    return set32();
  }

  // ---- conditions
  both(a: i32, b: i32): i32 {
    if (isConstant(a)) return constantOf(a) ? b : a;
    get(a);
    get(b);
    op(I32_AND);
    return set32();
  }
  either(a: i32, b: i32): i32 {
    if (isConstant(a)) return constantOf(a) ? a : b;
    get(a);
    get(b);
    op(I32_OR);
    return set32();
  }
  /** `if (e.already(c)) return c; …; return e.otherwise(d)`: d is worth computing only when c is 0. */
  already(condition: i32): bool {
    get(condition);
    op(IF);
    op(TYPE_I32);
    c32(1);
    op(ELSE);
    return false;
  }
  otherwise(condition: i32): i32 {
    get(condition);
    op(END);
    return set32();
  }
  /** 1 if the result r of OP on a and b is what the processor gives, in all lanes, and no flag but PE can change. */
  allPlain<OP, T>(a: i32, b: i32, r: i32): i32 {
    if (sizeof<T>() == 8) return allPlain64<OP, EmitPacked, i32>(this, a, b, r);
    return allPlain32<OP, EmitPacked, i32>(this, a, b, r);
  }

  // ---- scalar floating point, on bits of T
  /** 1 if neither denormal nor NaN: comparing it raises nothing, whatever MXCSR says. */
  isUsual<T>(a: i32): i32 {
    return this.usual<T>(a, false);
  }
  /** 1 if a normal number or zero. */
  isFiniteUsual<T>(a: i32): i32 {
    return this.usual<T>(a, true);
  }
  usual<T>(a: i32, finite: bool): i32 {
    getFloat<T>(a);
    op(sizeof<T>() == 8 ? F64_ABS : F32_ABS);
    if (sizeof<T>() == 8) float64(LEAST_NORMAL_64);
    else float32(LEAST_NORMAL_32);
    op(sizeof<T>() == 8 ? F64_GE : F32_GE);
    if (finite) {
      getFloat<T>(a);
      op(sizeof<T>() == 8 ? F64_ABS : F32_ABS);
      if (sizeof<T>() == 8) float64(INFINITY_64);
      else float32(INFINITY_32);
      op(sizeof<T>() == 8 ? F64_LT : F32_LT);
      op(I32_AND);
    }
    getFloat<T>(a);
    if (sizeof<T>() == 8) float64(0);
    else float32(0);
    op(sizeof<T>() == 8 ? F64_EQ : F32_EQ);
    op(I32_OR);
    return set32();
  }
  floatEqual<T>(a: i32, b: i32): i32 {
    getFloat<T>(a);
    getFloat<T>(b);
    op(sizeof<T>() == 8 ? F64_EQ : F32_EQ);
    return set32();
  }
  floatLess<T>(a: i32, b: i32): i32 {
    getFloat<T>(a);
    getFloat<T>(b);
    op(sizeof<T>() == 8 ? F64_LT : F32_LT);
    return set32();
  }
  /** Single to double, double to single (to nearest). */
  widen(a: i32): i32 {
    getDouble<u32>(a);
    return setFloat<u64>();
  }
  narrow(a: i32): i32 {
    getFloat<u64>(a);
    op(F32_DEMOTE_F64);
    return setFloat<u32>();
  }
  /** A signed integer of width W as T, to nearest. */
  floatFromInteger<W, T>(a: i32): i32 {
    get(a);
    if (sizeof<T>() == 8) op(sizeof<W>() == 8 ? F64_CONVERT_I64_S : F64_CONVERT_I32_S);
    else op(sizeof<W>() == 8 ? F32_CONVERT_I64_S : F32_CONVERT_I32_S);
    return setFloat<T>();
  }
  /** 1 if a is an integer. */
  isWhole<T>(a: i32): i32 {
    getDouble<T>(a);
    getDouble<T>(a);
    op(F64_TRUNC);
    op(F64_EQ);
    return set32();
  }
  /** 1 if a, truncated or rounded to nearest, is above the least integer of width W and not above the greatest. */
  fitsInteger<W, T>(a: i32, truncate: bool): i32 {
    getDouble<T>(a);
    if (!truncate) op(F64_NEAREST);
    op(F64_ABS);
    float64(sizeof<W>() == 8 ? TWO_TO_63 : TWO_TO_31);
    op(F64_LT);
    return set32();
  }
  integerFromFloat<W, T>(a: i32, truncate: bool): i32 {
    getDouble<T>(a);
    if (!truncate) op(F64_NEAREST);
    op(SATURATING);
    unsigned(sizeof<W>() == 8 ? I64_TRUNC_SAT_F64_S : I32_TRUNC_SAT_F64_S);
    return setOf<W>();
  }

  // ---- i8x16
  i8x16_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x6e);
  }
  i8x16_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x71);
  }
  i8x16_add_sat_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x6f);
  }
  i8x16_add_sat_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x70);
  }
  i8x16_sub_sat_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x72);
  }
  i8x16_sub_sat_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x73);
  }
  i8x16_min_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x76);
  }
  i8x16_min_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x77);
  }
  i8x16_max_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x78);
  }
  i8x16_max_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x79);
  }
  i8x16_avgr_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x7b);
  }
  i8x16_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x23);
  }
  i8x16_gt_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x27);
  }
  i8x16_swizzle(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x0e);
  }
  i8x16_narrow_i16x8_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x65);
  }
  i8x16_narrow_i16x8_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x66);
  }
  i8x16_abs(a: i32): i32 {
    return unary(a, 0x60);
  }
  i8x16_neg(a: i32): i32 {
    return unary(a, 0x61);
  }
  i8x16_bitmask(a: i32): i32 {
    return test(a, 0x64);
  }
  // ---- i16x8
  i16x8_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x8e);
  }
  i16x8_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x91);
  }
  i16x8_mul(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x95);
  }
  i16x8_add_sat_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x8f);
  }
  i16x8_add_sat_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x90);
  }
  i16x8_sub_sat_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x92);
  }
  i16x8_sub_sat_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x93);
  }
  i16x8_min_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x96);
  }
  i16x8_min_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x97);
  }
  i16x8_max_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x98);
  }
  i16x8_max_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x99);
  }
  i16x8_avgr_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x9b);
  }
  i16x8_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x2d);
  }
  i16x8_gt_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x31);
  }
  i16x8_narrow_i32x4_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x85);
  }
  i16x8_narrow_i32x4_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x86);
  }
  i16x8_q15mulr_sat_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x82);
  }
  i16x8_abs(a: i32): i32 {
    return unary(a, 0x80);
  }
  i16x8_neg(a: i32): i32 {
    return unary(a, 0x81);
  }
  i16x8_extend_low_i8x16_s(a: i32): i32 {
    return unary(a, 0x87);
  }
  i16x8_extend_low_i8x16_u(a: i32): i32 {
    return unary(a, 0x89);
  }
  i16x8_extadd_pairwise_i8x16_u(a: i32): i32 {
    return unary(a, 0x7d);
  }
  i16x8_shl(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0x8b);
  }
  i16x8_shr_s(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0x8c);
  }
  i16x8_shr_u(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0x8d);
  }
  i16x8_bitmask(a: i32): i32 {
    return test(a, 0x84);
  }
  // ---- i32x4
  i32x4_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xae);
  }
  i32x4_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb1);
  }
  i32x4_mul(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb5);
  }
  i32x4_min_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb6);
  }
  i32x4_min_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb7);
  }
  i32x4_max_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb8);
  }
  i32x4_max_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xb9);
  }
  i32x4_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x37);
  }
  i32x4_gt_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x3b);
  }
  i32x4_dot_i16x8_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xba);
  }
  i32x4_extmul_low_i16x8_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xbc);
  }
  i32x4_extmul_high_i16x8_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xbd);
  }
  i32x4_extmul_low_i16x8_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xbe);
  }
  i32x4_extmul_high_i16x8_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xbf);
  }
  i32x4_abs(a: i32): i32 {
    return unary(a, 0xa0);
  }
  i32x4_neg(a: i32): i32 {
    return unary(a, 0xa1);
  }
  i32x4_extend_low_i16x8_s(a: i32): i32 {
    return unary(a, 0xa7);
  }
  i32x4_extend_low_i16x8_u(a: i32): i32 {
    return unary(a, 0xa9);
  }
  i32x4_extadd_pairwise_i16x8_u(a: i32): i32 {
    return unary(a, 0x7f);
  }
  i32x4_shl(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xab);
  }
  i32x4_shr_s(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xac);
  }
  i32x4_shr_u(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xad);
  }
  i32x4_bitmask(a: i32): i32 {
    return test(a, 0xa4);
  }
  i32x4_all_true(a: i32): i32 {
    return test(a, 0xa3);
  }
  // ---- i64x2
  i64x2_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xce);
  }
  i64x2_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xd1);
  }
  i64x2_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xd6);
  }
  i64x2_gt_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xd9);
  }
  i64x2_extmul_low_i32x4_s(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xdc);
  }
  i64x2_extmul_low_i32x4_u(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xde);
  }
  i64x2_extend_low_i32x4_s(a: i32): i32 {
    return unary(a, 0xc7);
  }
  i64x2_extend_low_i32x4_u(a: i32): i32 {
    return unary(a, 0xc9);
  }
  i64x2_shl(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xcb);
  }
  i64x2_shr_s(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xcc);
  }
  i64x2_shr_u(a: i32, n: i32): i32 {
    return binaryVector(a, n, 0xcd);
  }
  i64x2_bitmask(a: i32): i32 {
    return test(a, 0xc4);
  }
  i64x2_all_true(a: i32): i32 {
    return test(a, 0xc3);
  }
  // ---- f32x4
  f32x4_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xe4);
  }
  f32x4_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xe5);
  }
  f32x4_mul(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xe6);
  }
  f32x4_div(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xe7);
  }
  f32x4_pmin(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xea);
  }
  f32x4_pmax(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xeb);
  }
  f32x4_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x41);
  }
  f32x4_lt(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x43);
  }
  f32x4_gt(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x44);
  }
  f32x4_ge(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x46);
  }
  f32x4_abs(a: i32): i32 {
    return unary(a, 0xe0);
  }
  f32x4_sqrt(a: i32): i32 {
    return unary(a, 0xe3);
  }
  f32x4_ceil(a: i32): i32 {
    return unary(a, 0x67);
  }
  f32x4_floor(a: i32): i32 {
    return unary(a, 0x68);
  }
  f32x4_trunc(a: i32): i32 {
    return unary(a, 0x69);
  }
  f32x4_nearest(a: i32): i32 {
    return unary(a, 0x6a);
  }
  // ---- f64x2
  f64x2_add(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf0);
  }
  f64x2_sub(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf1);
  }
  f64x2_mul(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf2);
  }
  f64x2_div(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf3);
  }
  f64x2_pmin(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf6);
  }
  f64x2_pmax(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0xf7);
  }
  f64x2_eq(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x47);
  }
  f64x2_lt(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x49);
  }
  f64x2_gt(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x4a);
  }
  f64x2_ge(a: i32, b: i32): i32 {
    return binaryVector(a, b, 0x4c);
  }
  f64x2_abs(a: i32): i32 {
    return unary(a, 0xec);
  }
  f64x2_sqrt(a: i32): i32 {
    return unary(a, 0xef);
  }
  f64x2_ceil(a: i32): i32 {
    return unary(a, 0x74);
  }
  f64x2_floor(a: i32): i32 {
    return unary(a, 0x75);
  }
  f64x2_trunc(a: i32): i32 {
    return unary(a, 0x7a);
  }
  f64x2_nearest(a: i32): i32 {
    return unary(a, 0x94);
  }
  // ---- conversions
  i32x4_trunc_sat_f32x4_s(a: i32): i32 {
    return unary(a, 0xf8);
  }
  i32x4_trunc_sat_f64x2_s_zero(a: i32): i32 {
    return unary(a, 0xfc);
  }
  f32x4_convert_i32x4_s(a: i32): i32 {
    return unary(a, 0xfa);
  }
  f64x2_convert_low_i32x4_s(a: i32): i32 {
    return unary(a, 0xfe);
  }
  f32x4_demote_f64x2_zero(a: i32): i32 {
    return unary(a, 0x5e);
  }
  f64x2_promote_low_f32x4(a: i32): i32 {
    return unary(a, 0x5f);
  }
}
