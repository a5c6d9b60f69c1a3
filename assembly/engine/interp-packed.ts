/**
 * Packed arithmetic of the interpreter: WebAssembly's 128-bit operations under the names that semantics use, so that
 * the translator can mirror each with one opcode. No guest state is touched here. WebAssembly 2.0, 4.4.3.
 */
import { allPlain32, allPlain64 } from '../isa/float-operations';
import { laneMask } from '../isa/shuffle-masks';

const IOTA_LOW: i64 = 0x0706050403020100;
const IOTA_HIGH: i64 = 0x0f0e0d0c0b0a0908;
const TWO_TO_31: f64 = 2147483648.0;
const TWO_TO_63: f64 = 9223372036854775808.0;

/** Twice the bits of a number, which drops the sign: the least normal number's, and infinity's. */
function leastNormal<T>(): T {
  return sizeof<T>() == 8 ? <T>0x0020000000000000 : <T>0x01000000;
}
function infinite<T>(): T {
  return sizeof<T>() == 8 ? <T>0xffe0000000000000 : <T>0xff000000;
}
function asDouble<T>(a: T): f64 {
  return sizeof<T>() == 8 ? reinterpret<f64>(<u64>a) : <f64>reinterpret<f32>(<u32>a);
}

@unmanaged
export class InterpPacked {
  // ---- whole registers
  @inline v128_and(a: v128, b: v128): v128 {
    return v128.and(a, b);
  }
  @inline v128_or(a: v128, b: v128): v128 {
    return v128.or(a, b);
  }
  @inline v128_xor(a: v128, b: v128): v128 {
    return v128.xor(a, b);
  }
  /** a AND NOT b. */
  @inline v128_andnot(a: v128, b: v128): v128 {
    return v128.andnot(a, b);
  }
  @inline v128_not(a: v128): v128 {
    return v128.not(a);
  }
  /** Bits of a where the mask is 1, of b elsewhere. */
  @inline v128_bitselect(a: v128, b: v128, mask: v128): v128 {
    return v128.bitselect(a, b, mask);
  }
  @inline v128_any_true(a: v128): u32 {
    return <u32>v128.any_true(a);
  }
  /** A constant that follows from the instruction alone. */
  @inline v128_const(low: u64, high: u64): v128 {
    return i64x2.replace_lane(i64x2.splat(low), 1, high);
  }
  /** a where the condition is 1, else zero. */
  @inline v128_where(condition: u32, a: v128): v128 {
    return v128.and(a, i32x4.splat(0 - <i32>condition));
  }
  /** A 64-bit value, zero-extended. */
  @inline v128_low(low: u64): v128 {
    return i64x2.replace_lane(i64x2.splat(0), 0, low);
  }
  /** All lanes the same. */
  @inline splat<W>(value: W): v128 {
    return v128.splat<W>(value);
  }
  /** Lane 0. */
  @inline first<W>(a: v128): W {
    return v128.extract_lane<W>(a, 0);
  }
  /** Lane n. */
  @inline lane<W>(a: v128, n: u32): W {
    return v128.extract_lane<W>(this.bytes_down(a, n * sizeof<W>()), 0);
  }
  /** a with lane n replaced. */
  @inline withLane<W>(a: v128, n: u32, value: W): v128 {
    const mask = this.v128_const(laneMask(n, sizeof<W>(), 0), laneMask(n, sizeof<W>(), 1));
    return v128.bitselect(v128.splat<W>(value), a, mask);
  }
  /** The upper 64 bits. */
  @inline upper(a: v128): u64 {
    return v128.extract_lane<u64>(a, 1);
  }
  /** Low 64 bits of a, then low 64 bits of b. */
  @inline pair(a: u64, b: u64): v128 {
    return i64x2.replace_lane(i64x2.splat(a), 1, b);
  }
  /** Bytes by number, eight in `low`, eight in `high`: 0 to 15 of a, 16 to 31 of b. */
  @inline shuffle_bytes(a: v128, b: v128, low: u64, high: u64): v128 {
    const numbers = this.v128_const(low, high);
    return v128.or(i8x16.swizzle(a, numbers), i8x16.swizzle(b, i8x16.sub(numbers, i8x16.splat(16))));
  }
  /** Bytes of a by number, 0 to 15; 0x80 gives a zero. */
  @inline choose_bytes(a: v128, low: u64, high: u64): v128 {
    return i8x16.swizzle(a, this.v128_const(low, high));
  }
  /** Moves up (towards the high end) or down by n bytes, 0 to 32; zeros come in. */
  @inline bytes_up(a: v128, n: u32): v128 {
    return i8x16.swizzle(a, i8x16.sub(this.v128_const(IOTA_LOW, IOTA_HIGH), i8x16.splat(<i8>n)));
  }
  @inline bytes_down(a: v128, n: u32): v128 {
    return i8x16.swizzle(a, i8x16.add(this.v128_const(IOTA_LOW, IOTA_HIGH), i8x16.splat(<i8>n)));
  }
  /** Low (high) lanes of a and b in turn. */
  @inline interleave_low<W>(a: v128, b: v128): v128 {
    if (sizeof<W>() == 1) return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    if (sizeof<W>() == 2) return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    if (sizeof<W>() == 4) return i32x4.shuffle(a, b, 0, 4, 1, 5);
    return i64x2.shuffle(a, b, 0, 2);
  }
  @inline interleave_high<W>(a: v128, b: v128): v128 {
    if (sizeof<W>() == 1) return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    if (sizeof<W>() == 2) return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    if (sizeof<W>() == 4) return i32x4.shuffle(a, b, 2, 6, 3, 7);
    return i64x2.shuffle(a, b, 1, 3);
  }
  /** Even (odd) lanes of a, then those of b. */
  @inline evens<W>(a: v128, b: v128): v128 {
    if (sizeof<W>() == 2) return i16x8.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
    if (sizeof<W>() == 4) return i32x4.shuffle(a, b, 0, 2, 4, 6);
    return i64x2.shuffle(a, b, 0, 2);
  }
  @inline odds<W>(a: v128, b: v128): v128 {
    if (sizeof<W>() == 2) return i16x8.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
    if (sizeof<W>() == 4) return i32x4.shuffle(a, b, 1, 3, 5, 7);
    return i64x2.shuffle(a, b, 1, 3);
  }
  /** An operation that is an ordinary function of two values and a byte: OP.run(a, b, imm). */
  @inline pure<OP, V>(a: v128, b: v128, imm: u32): v128 {
    return changetype<OP>(0).run(a, b, imm);
  }
  @inline pure3<OP, V>(a: v128, b: v128, c: v128): v128 {
    return changetype<OP>(0).run(a, b, c);
  }
  /** A shift count of 64 bits, cut to what still tells whether it reaches a width. */
  @inline shiftCount(count: u64): u32 {
    return count < 64 ? <u32>count : 64;
  }

  // ---- conditions
  @inline both(a: u32, b: u32): u32 {
    return a & b;
  }
  @inline either(a: u32, b: u32): u32 {
    return a | b;
  }
  /** `if (e.already(c)) return c; …; return e.otherwise(d)`: d is worth computing only when c is 0. */
  @inline already(condition: u32): bool {
    return condition != 0;
  }
  @inline otherwise(condition: u32): u32 {
    return condition;
  }
  /** 1 if the result r of OP on a and b is what the processor gives, in all lanes, and no flag but PE can change. */
  @inline allPlain<OP, T>(a: v128, b: v128, r: v128): u32 {
    if (sizeof<T>() == 8) return allPlain64<OP, InterpPacked, v128>(this, a, b, r);
    return allPlain32<OP, InterpPacked, v128>(this, a, b, r);
  }

  // ---- scalar floating point, on bits of T
  /** 1 if neither denormal nor NaN: comparing it raises nothing, whatever MXCSR says. */
  @inline isUsual<T>(a: T): u32 {
    const twice = <T>(a << 1);
    return u32(twice == 0 || <T>(twice - leastNormal<T>()) <= <T>(infinite<T>() - leastNormal<T>()));
  }
  /** 1 if a normal number or zero. */
  @inline isFiniteUsual<T>(a: T): u32 {
    const twice = <T>(a << 1);
    const span = <T>(infinite<T>() - leastNormal<T>());
    return u32(twice == 0 || <T>(twice - leastNormal<T>()) < span);
  }
  @inline floatEqual<T>(a: T, b: T): u32 {
    if (sizeof<T>() == 8) return u32(reinterpret<f64>(<u64>a) == reinterpret<f64>(<u64>b));
    return u32(reinterpret<f32>(<u32>a) == reinterpret<f32>(<u32>b));
  }
  @inline floatLess<T>(a: T, b: T): u32 {
    if (sizeof<T>() == 8) return u32(reinterpret<f64>(<u64>a) < reinterpret<f64>(<u64>b));
    return u32(reinterpret<f32>(<u32>a) < reinterpret<f32>(<u32>b));
  }
  /** Single to double, double to single (to nearest). */
  @inline widen(a: u32): u64 {
    return reinterpret<u64>(<f64>reinterpret<f32>(a));
  }
  @inline narrow(a: u64): u32 {
    return reinterpret<u32>(<f32>reinterpret<f64>(a));
  }
  /** A signed integer of width W as T, to nearest. */
  @inline floatFromInteger<W, T>(a: W): T {
    const value: i64 = sizeof<W>() == 8 ? <i64>a : <i64>(<i32>a);
    if (sizeof<T>() == 8) return <T>reinterpret<u64>(<f64>value);
    return <T>reinterpret<u32>(<f32>value);
  }
  /** 1 if a is an integer. */
  @inline isWhole<T>(a: T): u32 {
    const value = asDouble<T>(a);
    return u32(trunc<f64>(value) == value);
  }
  /** 1 if a, truncated or rounded to nearest, is above the least integer of width W and not above the greatest. */
  @inline fitsInteger<W, T>(a: T, truncate: bool): u32 {
    const value = truncate ? asDouble<T>(a) : nearest<f64>(asDouble<T>(a));
    return u32(abs<f64>(value) < (sizeof<W>() == 8 ? TWO_TO_63 : TWO_TO_31));
  }
  @inline integerFromFloat<W, T>(a: T, truncate: bool): W {
    return <W>(<i64>(truncate ? asDouble<T>(a) : nearest<f64>(asDouble<T>(a))));
  }

  // ---- i8x16
  @inline i8x16_add(a: v128, b: v128): v128 {
    return i8x16.add(a, b);
  }
  @inline i8x16_sub(a: v128, b: v128): v128 {
    return i8x16.sub(a, b);
  }
  @inline i8x16_add_sat_s(a: v128, b: v128): v128 {
    return i8x16.add_sat_s(a, b);
  }
  @inline i8x16_add_sat_u(a: v128, b: v128): v128 {
    return i8x16.add_sat_u(a, b);
  }
  @inline i8x16_sub_sat_s(a: v128, b: v128): v128 {
    return i8x16.sub_sat_s(a, b);
  }
  @inline i8x16_sub_sat_u(a: v128, b: v128): v128 {
    return i8x16.sub_sat_u(a, b);
  }
  @inline i8x16_min_s(a: v128, b: v128): v128 {
    return i8x16.min_s(a, b);
  }
  @inline i8x16_min_u(a: v128, b: v128): v128 {
    return i8x16.min_u(a, b);
  }
  @inline i8x16_max_s(a: v128, b: v128): v128 {
    return i8x16.max_s(a, b);
  }
  @inline i8x16_max_u(a: v128, b: v128): v128 {
    return i8x16.max_u(a, b);
  }
  @inline i8x16_avgr_u(a: v128, b: v128): v128 {
    return i8x16.avgr_u(a, b);
  }
  @inline i8x16_eq(a: v128, b: v128): v128 {
    return i8x16.eq(a, b);
  }
  @inline i8x16_gt_s(a: v128, b: v128): v128 {
    return i8x16.gt_s(a, b);
  }
  @inline i8x16_swizzle(a: v128, b: v128): v128 {
    return i8x16.swizzle(a, b);
  }
  @inline i8x16_narrow_i16x8_s(a: v128, b: v128): v128 {
    return i8x16.narrow_i16x8_s(a, b);
  }
  @inline i8x16_narrow_i16x8_u(a: v128, b: v128): v128 {
    return i8x16.narrow_i16x8_u(a, b);
  }
  @inline i8x16_abs(a: v128): v128 {
    return i8x16.abs(a);
  }
  @inline i8x16_neg(a: v128): v128 {
    return i8x16.neg(a);
  }
  @inline i8x16_bitmask(a: v128): u32 {
    return <u32>i8x16.bitmask(a);
  }

  // ---- i16x8
  @inline i16x8_add(a: v128, b: v128): v128 {
    return i16x8.add(a, b);
  }
  @inline i16x8_sub(a: v128, b: v128): v128 {
    return i16x8.sub(a, b);
  }
  @inline i16x8_mul(a: v128, b: v128): v128 {
    return i16x8.mul(a, b);
  }
  @inline i16x8_add_sat_s(a: v128, b: v128): v128 {
    return i16x8.add_sat_s(a, b);
  }
  @inline i16x8_add_sat_u(a: v128, b: v128): v128 {
    return i16x8.add_sat_u(a, b);
  }
  @inline i16x8_sub_sat_s(a: v128, b: v128): v128 {
    return i16x8.sub_sat_s(a, b);
  }
  @inline i16x8_sub_sat_u(a: v128, b: v128): v128 {
    return i16x8.sub_sat_u(a, b);
  }
  @inline i16x8_min_s(a: v128, b: v128): v128 {
    return i16x8.min_s(a, b);
  }
  @inline i16x8_min_u(a: v128, b: v128): v128 {
    return i16x8.min_u(a, b);
  }
  @inline i16x8_max_s(a: v128, b: v128): v128 {
    return i16x8.max_s(a, b);
  }
  @inline i16x8_max_u(a: v128, b: v128): v128 {
    return i16x8.max_u(a, b);
  }
  @inline i16x8_avgr_u(a: v128, b: v128): v128 {
    return i16x8.avgr_u(a, b);
  }
  @inline i16x8_eq(a: v128, b: v128): v128 {
    return i16x8.eq(a, b);
  }
  @inline i16x8_gt_s(a: v128, b: v128): v128 {
    return i16x8.gt_s(a, b);
  }
  @inline i16x8_narrow_i32x4_s(a: v128, b: v128): v128 {
    return i16x8.narrow_i32x4_s(a, b);
  }
  @inline i16x8_narrow_i32x4_u(a: v128, b: v128): v128 {
    return i16x8.narrow_i32x4_u(a, b);
  }
  @inline i16x8_q15mulr_sat_s(a: v128, b: v128): v128 {
    return i16x8.q15mulr_sat_s(a, b);
  }
  @inline i16x8_abs(a: v128): v128 {
    return i16x8.abs(a);
  }
  @inline i16x8_neg(a: v128): v128 {
    return i16x8.neg(a);
  }
  @inline i16x8_extend_low_i8x16_s(a: v128): v128 {
    return i16x8.extend_low_i8x16_s(a);
  }
  @inline i16x8_extend_low_i8x16_u(a: v128): v128 {
    return i16x8.extend_low_i8x16_u(a);
  }
  @inline i16x8_extadd_pairwise_i8x16_u(a: v128): v128 {
    return i16x8.extadd_pairwise_i8x16_u(a);
  }
  @inline i16x8_shl(a: v128, n: u32): v128 {
    return i16x8.shl(a, <i32>n);
  }
  @inline i16x8_shr_s(a: v128, n: u32): v128 {
    return i16x8.shr_s(a, <i32>n);
  }
  @inline i16x8_shr_u(a: v128, n: u32): v128 {
    return i16x8.shr_u(a, <i32>n);
  }
  @inline i16x8_bitmask(a: v128): u32 {
    return <u32>i16x8.bitmask(a);
  }

  // ---- i32x4
  @inline i32x4_add(a: v128, b: v128): v128 {
    return i32x4.add(a, b);
  }
  @inline i32x4_sub(a: v128, b: v128): v128 {
    return i32x4.sub(a, b);
  }
  @inline i32x4_mul(a: v128, b: v128): v128 {
    return i32x4.mul(a, b);
  }
  @inline i32x4_min_s(a: v128, b: v128): v128 {
    return i32x4.min_s(a, b);
  }
  @inline i32x4_min_u(a: v128, b: v128): v128 {
    return i32x4.min_u(a, b);
  }
  @inline i32x4_max_s(a: v128, b: v128): v128 {
    return i32x4.max_s(a, b);
  }
  @inline i32x4_max_u(a: v128, b: v128): v128 {
    return i32x4.max_u(a, b);
  }
  @inline i32x4_eq(a: v128, b: v128): v128 {
    return i32x4.eq(a, b);
  }
  @inline i32x4_gt_s(a: v128, b: v128): v128 {
    return i32x4.gt_s(a, b);
  }
  @inline i32x4_dot_i16x8_s(a: v128, b: v128): v128 {
    return i32x4.dot_i16x8_s(a, b);
  }
  @inline i32x4_extmul_low_i16x8_s(a: v128, b: v128): v128 {
    return i32x4.extmul_low_i16x8_s(a, b);
  }
  @inline i32x4_extmul_high_i16x8_s(a: v128, b: v128): v128 {
    return i32x4.extmul_high_i16x8_s(a, b);
  }
  @inline i32x4_extmul_low_i16x8_u(a: v128, b: v128): v128 {
    return i32x4.extmul_low_i16x8_u(a, b);
  }
  @inline i32x4_extmul_high_i16x8_u(a: v128, b: v128): v128 {
    return i32x4.extmul_high_i16x8_u(a, b);
  }
  @inline i32x4_abs(a: v128): v128 {
    return i32x4.abs(a);
  }
  @inline i32x4_neg(a: v128): v128 {
    return i32x4.neg(a);
  }
  @inline i32x4_extend_low_i16x8_s(a: v128): v128 {
    return i32x4.extend_low_i16x8_s(a);
  }
  @inline i32x4_extend_low_i16x8_u(a: v128): v128 {
    return i32x4.extend_low_i16x8_u(a);
  }
  @inline i32x4_extadd_pairwise_i16x8_u(a: v128): v128 {
    return i32x4.extadd_pairwise_i16x8_u(a);
  }
  @inline i32x4_shl(a: v128, n: u32): v128 {
    return i32x4.shl(a, <i32>n);
  }
  @inline i32x4_shr_s(a: v128, n: u32): v128 {
    return i32x4.shr_s(a, <i32>n);
  }
  @inline i32x4_shr_u(a: v128, n: u32): v128 {
    return i32x4.shr_u(a, <i32>n);
  }
  @inline i32x4_bitmask(a: v128): u32 {
    return <u32>i32x4.bitmask(a);
  }
  @inline i32x4_all_true(a: v128): u32 {
    return <u32>i32x4.all_true(a);
  }

  // ---- i64x2
  @inline i64x2_add(a: v128, b: v128): v128 {
    return i64x2.add(a, b);
  }
  @inline i64x2_sub(a: v128, b: v128): v128 {
    return i64x2.sub(a, b);
  }
  @inline i64x2_eq(a: v128, b: v128): v128 {
    return i64x2.eq(a, b);
  }
  @inline i64x2_gt_s(a: v128, b: v128): v128 {
    return i64x2.gt_s(a, b);
  }
  @inline i64x2_extmul_low_i32x4_s(a: v128, b: v128): v128 {
    return i64x2.extmul_low_i32x4_s(a, b);
  }
  @inline i64x2_extmul_low_i32x4_u(a: v128, b: v128): v128 {
    return i64x2.extmul_low_i32x4_u(a, b);
  }
  @inline i64x2_extend_low_i32x4_s(a: v128): v128 {
    return i64x2.extend_low_i32x4_s(a);
  }
  @inline i64x2_extend_low_i32x4_u(a: v128): v128 {
    return i64x2.extend_low_i32x4_u(a);
  }
  @inline i64x2_shl(a: v128, n: u32): v128 {
    return i64x2.shl(a, <i32>n);
  }
  @inline i64x2_shr_s(a: v128, n: u32): v128 {
    return i64x2.shr_s(a, <i32>n);
  }
  @inline i64x2_shr_u(a: v128, n: u32): v128 {
    return i64x2.shr_u(a, <i32>n);
  }
  @inline i64x2_bitmask(a: v128): u32 {
    return <u32>i64x2.bitmask(a);
  }
  @inline i64x2_all_true(a: v128): u32 {
    return <u32>i64x2.all_true(a);
  }

  // ---- f32x4
  @inline f32x4_add(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
  @inline f32x4_sub(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
  @inline f32x4_mul(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
  @inline f32x4_div(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
  @inline f32x4_pmin(a: v128, b: v128): v128 {
    return f32x4.pmin(a, b);
  }
  @inline f32x4_pmax(a: v128, b: v128): v128 {
    return f32x4.pmax(a, b);
  }
  @inline f32x4_eq(a: v128, b: v128): v128 {
    return f32x4.eq(a, b);
  }
  @inline f32x4_lt(a: v128, b: v128): v128 {
    return f32x4.lt(a, b);
  }
  @inline f32x4_gt(a: v128, b: v128): v128 {
    return f32x4.gt(a, b);
  }
  @inline f32x4_ge(a: v128, b: v128): v128 {
    return f32x4.ge(a, b);
  }
  @inline f32x4_abs(a: v128): v128 {
    return f32x4.abs(a);
  }
  @inline f32x4_sqrt(a: v128): v128 {
    return f32x4.sqrt(a);
  }
  @inline f32x4_ceil(a: v128): v128 {
    return f32x4.ceil(a);
  }
  @inline f32x4_floor(a: v128): v128 {
    return f32x4.floor(a);
  }
  @inline f32x4_trunc(a: v128): v128 {
    return f32x4.trunc(a);
  }
  @inline f32x4_nearest(a: v128): v128 {
    return f32x4.nearest(a);
  }

  // ---- f64x2
  @inline f64x2_add(a: v128, b: v128): v128 {
    return f64x2.add(a, b);
  }
  @inline f64x2_sub(a: v128, b: v128): v128 {
    return f64x2.sub(a, b);
  }
  @inline f64x2_mul(a: v128, b: v128): v128 {
    return f64x2.mul(a, b);
  }
  @inline f64x2_div(a: v128, b: v128): v128 {
    return f64x2.div(a, b);
  }
  @inline f64x2_pmin(a: v128, b: v128): v128 {
    return f64x2.pmin(a, b);
  }
  @inline f64x2_pmax(a: v128, b: v128): v128 {
    return f64x2.pmax(a, b);
  }
  @inline f64x2_eq(a: v128, b: v128): v128 {
    return f64x2.eq(a, b);
  }
  @inline f64x2_lt(a: v128, b: v128): v128 {
    return f64x2.lt(a, b);
  }
  @inline f64x2_gt(a: v128, b: v128): v128 {
    return f64x2.gt(a, b);
  }
  @inline f64x2_ge(a: v128, b: v128): v128 {
    return f64x2.ge(a, b);
  }
  @inline f64x2_abs(a: v128): v128 {
    return f64x2.abs(a);
  }
  @inline f64x2_sqrt(a: v128): v128 {
    return f64x2.sqrt(a);
  }
  @inline f64x2_ceil(a: v128): v128 {
    return f64x2.ceil(a);
  }
  @inline f64x2_floor(a: v128): v128 {
    return f64x2.floor(a);
  }
  @inline f64x2_trunc(a: v128): v128 {
    return f64x2.trunc(a);
  }
  @inline f64x2_nearest(a: v128): v128 {
    return f64x2.nearest(a);
  }

  // ---- conversions
  @inline i32x4_trunc_sat_f32x4_s(a: v128): v128 {
    return i32x4.trunc_sat_f32x4_s(a);
  }
  @inline i32x4_trunc_sat_f64x2_s_zero(a: v128): v128 {
    return i32x4.trunc_sat_f64x2_s_zero(a);
  }
  @inline f32x4_convert_i32x4_s(a: v128): v128 {
    return f32x4.convert_i32x4_s(a);
  }
  @inline f64x2_convert_low_i32x4_s(a: v128): v128 {
    return f64x2.convert_low_i32x4_s(a);
  }
  @inline f32x4_demote_f64x2_zero(a: v128): v128 {
    return f32x4.demote_f64x2_zero(a);
  }
  @inline f64x2_promote_low_f32x4(a: v128): v128 {
    return f64x2.promote_low_f32x4(a);
  }
}
