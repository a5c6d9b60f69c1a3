/**
 * Packed integer operations of two registers, each written once for MMX, SSE and VEX encodings: `apply` takes a backend
 * and its values (a is the destination or first source). SDM Vol. 2, the page of each name.
 */

/** PADDB: sum of bytes. */
@unmanaged
@final
export class PADDB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_add(a, b);
  }
}

/** PADDW: sum of words. */
@unmanaged
@final
export class PADDW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_add(a, b);
  }
}

/** PADDD: sum of doublewords. */
@unmanaged
@final
export class PADDD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_add(a, b);
  }
}

/** PADDQ: sum of quadwords. */
@unmanaged
@final
export class PADDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_add(a, b);
  }
}

/** PSUBB: difference of bytes. */
@unmanaged
@final
export class PSUBB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_sub(a, b);
  }
}

/** PSUBW: difference of words. */
@unmanaged
@final
export class PSUBW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_sub(a, b);
  }
}

/** PSUBD: difference of doublewords. */
@unmanaged
@final
export class PSUBD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_sub(a, b);
  }
}

/** PSUBQ: difference of quadwords. */
@unmanaged
@final
export class PSUBQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_sub(a, b);
  }
}

/** PADDSB: sum of signed bytes, saturated. */
@unmanaged
@final
export class PADDSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_add_sat_s(a, b);
  }
}

/** PADDUSB: sum of unsigned bytes, saturated. */
@unmanaged
@final
export class PADDUSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_add_sat_u(a, b);
  }
}

/** PSUBSB: difference of signed bytes, saturated. */
@unmanaged
@final
export class PSUBSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_sub_sat_s(a, b);
  }
}

/** PSUBUSB: difference of unsigned bytes, saturated. */
@unmanaged
@final
export class PSUBUSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_sub_sat_u(a, b);
  }
}

/** PAVGB: average of unsigned bytes, rounded up. */
@unmanaged
@final
export class PAVGB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_avgr_u(a, b);
  }
}

/** PADDSW: sum of signed words, saturated. */
@unmanaged
@final
export class PADDSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_add_sat_s(a, b);
  }
}

/** PADDUSW: sum of unsigned words, saturated. */
@unmanaged
@final
export class PADDUSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_add_sat_u(a, b);
  }
}

/** PSUBSW: difference of signed words, saturated. */
@unmanaged
@final
export class PSUBSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_sub_sat_s(a, b);
  }
}

/** PSUBUSW: difference of unsigned words, saturated. */
@unmanaged
@final
export class PSUBUSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_sub_sat_u(a, b);
  }
}

/** PAVGW: average of unsigned words, rounded up. */
@unmanaged
@final
export class PAVGW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_avgr_u(a, b);
  }
}

/** PMINSB: lesser of signed bytes. */
@unmanaged
@final
export class PMINSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_min_s(a, b);
  }
}

/** PMAXSB: greater of signed bytes. */
@unmanaged
@final
export class PMAXSB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_max_s(a, b);
  }
}

/** PMINUB: lesser of unsigned bytes. */
@unmanaged
@final
export class PMINUB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_min_u(a, b);
  }
}

/** PMAXUB: greater of unsigned bytes. */
@unmanaged
@final
export class PMAXUB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_max_u(a, b);
  }
}

/** PMINSW: lesser of signed words. */
@unmanaged
@final
export class PMINSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_min_s(a, b);
  }
}

/** PMAXSW: greater of signed words. */
@unmanaged
@final
export class PMAXSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_max_s(a, b);
  }
}

/** PMINUW: lesser of unsigned words. */
@unmanaged
@final
export class PMINUW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_min_u(a, b);
  }
}

/** PMAXUW: greater of unsigned words. */
@unmanaged
@final
export class PMAXUW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_max_u(a, b);
  }
}

/** PMINSD: lesser of signed doublewords. */
@unmanaged
@final
export class PMINSD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_min_s(a, b);
  }
}

/** PMAXSD: greater of signed doublewords. */
@unmanaged
@final
export class PMAXSD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_max_s(a, b);
  }
}

/** PMINUD: lesser of unsigned doublewords. */
@unmanaged
@final
export class PMINUD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_min_u(a, b);
  }
}

/** PMAXUD: greater of unsigned doublewords. */
@unmanaged
@final
export class PMAXUD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_max_u(a, b);
  }
}

/** PCMPEQB: all ones in bytes that are equal. */
@unmanaged
@final
export class PCMPEQB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_eq(a, b);
  }
}

/** PCMPGTB: all ones in signed bytes of a that are greater. */
@unmanaged
@final
export class PCMPGTB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_gt_s(a, b);
  }
}

/** PCMPEQW: all ones in words that are equal. */
@unmanaged
@final
export class PCMPEQW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_eq(a, b);
  }
}

/** PCMPGTW: all ones in signed words of a that are greater. */
@unmanaged
@final
export class PCMPGTW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_gt_s(a, b);
  }
}

/** PCMPEQD: all ones in doublewords that are equal. */
@unmanaged
@final
export class PCMPEQD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_eq(a, b);
  }
}

/** PCMPGTD: all ones in signed doublewords of a that are greater. */
@unmanaged
@final
export class PCMPGTD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_gt_s(a, b);
  }
}

/** PCMPEQQ: all ones in quadwords that are equal. */
@unmanaged
@final
export class PCMPEQQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_eq(a, b);
  }
}

/** PCMPGTQ: all ones in signed quadwords of a that are greater. */
@unmanaged
@final
export class PCMPGTQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_gt_s(a, b);
  }
}

/** PAND: bitwise AND; also ANDPS, ANDPD. */
@unmanaged
@final
export class PAND {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.v128_and(a, b);
  }
}

/** PANDN: NOT a AND b; also ANDNPS, ANDNPD. */
@unmanaged
@final
export class PANDN {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.v128_andnot(b, a);
  }
}

/** POR: bitwise OR; also ORPS, ORPD. */
@unmanaged
@final
export class POR {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.v128_or(a, b);
  }
}

/** PXOR: bitwise XOR; also XORPS, XORPD. */
@unmanaged
@final
export class PXOR {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.v128_xor(a, b);
  }
}

/** PMULLW: low words of the products. */
@unmanaged
@final
export class PMULLW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_mul(a, b);
  }
}

/** PMULLD: low doublewords of the products. */
@unmanaged
@final
export class PMULLD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_mul(a, b);
  }
}

/** PMULHW: high words of signed products. */
@unmanaged
@final
export class PMULHW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.odds<u16>(e.i32x4_extmul_low_i16x8_s(a, b), e.i32x4_extmul_high_i16x8_s(a, b));
  }
}

/** PMULHUW: high words of unsigned products. */
@unmanaged
@final
export class PMULHUW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.odds<u16>(e.i32x4_extmul_low_i16x8_u(a, b), e.i32x4_extmul_high_i16x8_u(a, b));
  }
}

/** PMULUDQ: unsigned products of even doublewords. */
@unmanaged
@final
export class PMULUDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_extmul_low_i32x4_u(e.evens<u32>(a, a), e.evens<u32>(b, b));
  }
}

/** PMULDQ: signed products of even doublewords. */
@unmanaged
@final
export class PMULDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i64x2_extmul_low_i32x4_s(e.evens<u32>(a, a), e.evens<u32>(b, b));
  }
}

/** PMADDWD: sums of adjacent signed products. */
@unmanaged
@final
export class PMADDWD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_dot_i16x8_s(a, b);
  }
}

/** PMADDUBSW: saturated sums of adjacent products of unsigned bytes of a and signed bytes of b. */
@unmanaged
@final
export class PMADDUBSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    const even = e.i16x8_mul(
      e.i16x8_shr_u(e.i16x8_shl(a, e.k32(8)), e.k32(8)),
      e.i16x8_shr_s(e.i16x8_shl(b, e.k32(8)), e.k32(8)),
    );
    const odd = e.i16x8_mul(e.i16x8_shr_u(a, e.k32(8)), e.i16x8_shr_s(b, e.k32(8)));
    return e.i16x8_add_sat_s(even, odd);
  }
}

/** PMULHRSW: rounded high halves of signed fixed-point products. */
@unmanaged
@final
export class PMULHRSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    // Only -1 · -1 differs from the WebAssembly operation, which saturates it.
    const least = e.v128_const(0x8000800080008000, 0x8000800080008000);
    const both = e.v128_and(e.i16x8_eq(a, least), e.i16x8_eq(b, least));
    return e.v128_xor(e.i16x8_q15mulr_sat_s(a, b), both);
  }
}

/** PSADBW: sum of absolute differences of each eight bytes. */
@unmanaged
@final
export class PSADBW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    const bytes = e.v128_or(e.i8x16_sub_sat_u(a, b), e.i8x16_sub_sat_u(b, a));
    const sums = e.i32x4_extadd_pairwise_i16x8_u(e.i16x8_extadd_pairwise_i8x16_u(bytes));
    return e.i64x2_add(e.i64x2_shr_u(sums, e.k32(32)), e.i64x2_shr_u(e.i64x2_shl(sums, e.k32(32)), e.k32(32)));
  }
}

/** PACKSSWB: words to signed bytes, saturated. */
@unmanaged
@final
export class PACKSSWB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_narrow_i16x8_s(a, b);
  }
}

/** PACKUSWB: words to unsigned bytes, saturated. */
@unmanaged
@final
export class PACKUSWB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_narrow_i16x8_u(a, b);
  }
}

/** PACKSSDW: doublewords to signed words, saturated. */
@unmanaged
@final
export class PACKSSDW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_narrow_i32x4_s(a, b);
  }
}

/** PACKUSDW: doublewords to unsigned words, saturated. */
@unmanaged
@final
export class PACKUSDW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_narrow_i32x4_u(a, b);
  }
}

/** PUNPCKLBW: low lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKLBW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_low<u8>(a, b);
  }
}

/** PUNPCKLWD: low lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKLWD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_low<u16>(a, b);
  }
}

/** PUNPCKLDQ: low lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKLDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_low<u32>(a, b);
  }
}

/** PUNPCKLQDQ: low lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKLQDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_low<u64>(a, b);
  }
}

/** PUNPCKHBW: high lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKHBW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_high<u8>(a, b);
  }
}

/** PUNPCKHWD: high lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKHWD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_high<u16>(a, b);
  }
}

/** PUNPCKHDQ: high lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKHDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_high<u32>(a, b);
  }
}

/** PUNPCKHQDQ: high lanes of a and b in turn. */
@unmanaged
@final
export class PUNPCKHQDQ {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.interleave_high<u64>(a, b);
  }
}

/** PSHUFB: bytes of a chosen by b; zero where bit 7 is set. */
@unmanaged
@final
export class PSHUFB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_swizzle(a, e.v128_and(b, e.v128_const(0x8f8f8f8f8f8f8f8f, 0x8f8f8f8f8f8f8f8f)));
  }
}

/** PSHUFB64: PSHUFB of 64-bit registers. */
@unmanaged
@final
export class PSHUFB64 {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i8x16_swizzle(a, e.v128_and(b, e.v128_const(0x8787878787878787, 0x8787878787878787)));
  }
}

/** PHADDW: sums of adjacent lanes. */
@unmanaged
@final
export class PHADDW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_add(e.evens<u16>(a, b), e.odds<u16>(a, b));
  }
}

/** PHSUBW: differences of adjacent lanes. */
@unmanaged
@final
export class PHSUBW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_sub(e.evens<u16>(a, b), e.odds<u16>(a, b));
  }
}

/** PHADDD: sums of adjacent lanes. */
@unmanaged
@final
export class PHADDD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_add(e.evens<u32>(a, b), e.odds<u32>(a, b));
  }
}

/** PHSUBD: differences of adjacent lanes. */
@unmanaged
@final
export class PHSUBD {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i32x4_sub(e.evens<u32>(a, b), e.odds<u32>(a, b));
  }
}

/** PHADDSW: saturated sums of adjacent words. */
@unmanaged
@final
export class PHADDSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_add_sat_s(e.evens<u16>(a, b), e.odds<u16>(a, b));
  }
}

/** PHSUBSW: saturated differences of adjacent words. */
@unmanaged
@final
export class PHSUBSW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.i16x8_sub_sat_s(e.evens<u16>(a, b), e.odds<u16>(a, b));
  }
}

/** PSIGNB: a negated, kept or cleared by the sign of b, in bytes. */
@unmanaged
@final
export class PSIGNB {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    const zero = e.v128_const(0, 0);
    const negative = e.i8x16_gt_s(zero, b);
    return e.v128_andnot(e.i8x16_sub(e.v128_xor(a, negative), negative), e.i8x16_eq(b, zero));
  }
}

/** PSIGNW: a negated, kept or cleared by the sign of b, in words. */
@unmanaged
@final
export class PSIGNW {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    const zero = e.v128_const(0, 0);
    const negative = e.i16x8_gt_s(zero, b);
    return e.v128_andnot(e.i16x8_sub(e.v128_xor(a, negative), negative), e.i16x8_eq(b, zero));
  }
}

/** PSIGND: a negated, kept or cleared by the sign of b, in doublewords. */
@unmanaged
@final
export class PSIGND {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    const zero = e.v128_const(0, 0);
    const negative = e.i32x4_gt_s(zero, b);
    return e.v128_andnot(e.i32x4_sub(e.v128_xor(a, negative), negative), e.i32x4_eq(b, zero));
  }
}
