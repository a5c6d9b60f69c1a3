/**
 * Packed integer operations of one register, with an immediate, by a count or with a mask, each written once for MMX,
 * SSE and VEX encodings. An immediate is known at decoding: it may be computed with. SDM Vol. 2, the page of each name.
 */
import {
  blendMask,
  bytesFrom,
  dwordShuffle,
  insertKeep,
  insertSource,
  OF_SECOND,
  pairShuffle,
  wordShuffle,
} from './shuffle-masks';

/** PABSB: absolute values of bytes. */
@unmanaged
@final
export class PABSB {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i8x16_abs(a);
  }
}

/** PABSW: absolute values of words. */
@unmanaged
@final
export class PABSW {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i16x8_abs(a);
  }
}

/** PABSD: absolute values of doublewords. */
@unmanaged
@final
export class PABSD {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i32x4_abs(a);
  }
}

/** PMOVSXBW: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXBW {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i16x8_extend_low_i8x16_s(a);
  }
}

/** PMOVSXBD: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXBD {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i32x4_extend_low_i16x8_s(e.i16x8_extend_low_i8x16_s(a));
  }
}

/** PMOVSXBQ: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXBQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_s(e.i32x4_extend_low_i16x8_s(e.i16x8_extend_low_i8x16_s(a)));
  }
}

/** PMOVSXWD: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXWD {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i32x4_extend_low_i16x8_s(a);
  }
}

/** PMOVSXWQ: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXWQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_s(e.i32x4_extend_low_i16x8_s(a));
  }
}

/** PMOVSXDQ: low lanes, sign-extended. */
@unmanaged
@final
export class PMOVSXDQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_s(a);
  }
}

/** PMOVZXBW: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXBW {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i16x8_extend_low_i8x16_u(a);
  }
}

/** PMOVZXBD: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXBD {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i32x4_extend_low_i16x8_u(e.i16x8_extend_low_i8x16_u(a));
  }
}

/** PMOVZXBQ: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXBQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_u(e.i32x4_extend_low_i16x8_u(e.i16x8_extend_low_i8x16_u(a)));
  }
}

/** PMOVZXWD: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXWD {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i32x4_extend_low_i16x8_u(a);
  }
}

/** PMOVZXWQ: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXWQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_u(e.i32x4_extend_low_i16x8_u(a));
  }
}

/** PMOVZXDQ: low lanes, zero-extended. */
@unmanaged
@final
export class PMOVZXDQ {
  @inline apply<E, V>(e: E, a: V): V {
    return e.i64x2_extend_low_i32x4_u(a);
  }
}

/** PSLLW: shift left; zero when the count reaches the width. */
@unmanaged
@final
export class PSLLW {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(16)), e.i16x8_shl(a, count));
  }
}

/** PSRLW: logical shift right; zero when the count reaches the width. */
@unmanaged
@final
export class PSRLW {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(16)), e.i16x8_shr_u(a, count));
  }
}

/** PSRAW: arithmetic shift right; the count stops at the width minus one. */
@unmanaged
@final
export class PSRAW {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.i16x8_shr_s(a, e.select<u32>(e.below<u32>(count, e.k32(16)), count, e.k32(15)));
  }
}

/** PSLLD: shift left; zero when the count reaches the width. */
@unmanaged
@final
export class PSLLD {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(32)), e.i32x4_shl(a, count));
  }
}

/** PSRLD: logical shift right; zero when the count reaches the width. */
@unmanaged
@final
export class PSRLD {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(32)), e.i32x4_shr_u(a, count));
  }
}

/** PSRAD: arithmetic shift right; the count stops at the width minus one. */
@unmanaged
@final
export class PSRAD {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.i32x4_shr_s(a, e.select<u32>(e.below<u32>(count, e.k32(32)), count, e.k32(31)));
  }
}

/** PSLLQ: shift left; zero when the count reaches the width. */
@unmanaged
@final
export class PSLLQ {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(64)), e.i64x2_shl(a, count));
  }
}

/** PSRLQ: logical shift right; zero when the count reaches the width. */
@unmanaged
@final
export class PSRLQ {
  @inline apply<E, V, C>(e: E, a: V, count: C): V {
    return e.v128_where(e.below<u32>(count, e.k32(64)), e.i64x2_shr_u(a, count));
  }
}

/** PSLLDQ: shift left by bytes. */
@unmanaged
@final
export class PSLLDQ {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.bytes_up(a, imm < 16 ? imm : 16);
  }
}

/** PSRLDQ: shift right by bytes. */
@unmanaged
@final
export class PSRLDQ {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.bytes_down(a, imm < 16 ? imm : 16);
  }
}

/** PALIGNR: bytes of a:b shifted right. */
@unmanaged
@final
export class PALIGNR {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    const n: u32 = imm < 32 ? imm : 32;
    // From 16 bytes on the lower register is gone and the upper one moves down.
    return n < 16 ? e.shuffle_bytes(b, a, bytesFrom(n), bytesFrom(n + 8)) : e.bytes_down(a, n - 16);
  }
}

/** PSHUFD: doublewords chosen by the immediate. */
@unmanaged
@final
export class PSHUFD {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.choose_bytes(a, dwordShuffle(imm & 15), dwordShuffle(imm >> 4));
  }
}

/** PSHUFLW: low words chosen by the immediate. */
@unmanaged
@final
export class PSHUFLW {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.choose_bytes(a, wordShuffle(imm), 0x0f0e0d0c0b0a0908);
  }
}

/** PSHUFHW: high words chosen by the immediate. */
@unmanaged
@final
export class PSHUFHW {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.choose_bytes(a, 0x0706050403020100, wordShuffle(imm) + 0x0808080808080808);
  }
}

/** SHUFPS: two singles of a, then two of b. */
@unmanaged
@final
export class SHUFPS {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.shuffle_bytes(a, b, dwordShuffle(imm & 15), dwordShuffle(imm >> 4) + OF_SECOND);
  }
}

/** SHUFPD: a double of a, then one of b. */
@unmanaged
@final
export class SHUFPD {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.shuffle_bytes(a, b, pairShuffle(imm & 1), pairShuffle((imm >> 1) & 1) + OF_SECOND);
  }
}

/** PBLENDW: lanes of b where the immediate has a 1, of a elsewhere. */
@unmanaged
@final
export class PBLENDW {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.v128_bitselect(b, a, e.v128_const(blendMask(imm, 2), blendMask(imm >> 4, 2)));
  }
}

/** BLENDPS: lanes of b where the immediate has a 1, of a elsewhere. */
@unmanaged
@final
export class BLENDPS {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.v128_bitselect(b, a, e.v128_const(blendMask(imm, 4), blendMask(imm >> 2, 4)));
  }
}

/** BLENDPD: lanes of b where the immediate has a 1, of a elsewhere. */
@unmanaged
@final
export class BLENDPD {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.v128_bitselect(b, a, e.v128_const(blendMask(imm, 8), blendMask(imm >> 1, 8)));
  }
}

/** INSERTPS: a single of b into a, then lanes cleared. The source lane is in bits 6 and 7, also for memory where it is cleared. */
@unmanaged
@final
export class INSERTPS {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.v128_or(
      e.v128_and(a, e.v128_const(insertKeep(imm, 0), insertKeep(imm, 2))),
      e.choose_bytes(b, insertSource(imm, 0), insertSource(imm, 2)),
    );
  }
}

/** PBLENDVB: bytes of b where the mask is negative. */
@unmanaged
@final
export class PBLENDVB {
  @inline apply<E, V>(e: E, a: V, b: V, mask: V): V {
    return e.v128_bitselect(b, a, e.i8x16_gt_s(e.v128_const(0, 0), mask));
  }
}

/** BLENDVPS: singles of b where the mask is negative. */
@unmanaged
@final
export class BLENDVPS {
  @inline apply<E, V>(e: E, a: V, b: V, mask: V): V {
    return e.v128_bitselect(b, a, e.i32x4_shr_s(mask, e.k32(31)));
  }
}

/** BLENDVPD: doubles of b where the mask is negative. */
@unmanaged
@final
export class BLENDVPD {
  @inline apply<E, V>(e: E, a: V, b: V, mask: V): V {
    return e.v128_bitselect(b, a, e.i64x2_shr_s(mask, e.k32(63)));
  }
}

/** MOVSLDUP: even singles twice. */
@unmanaged
@final
export class MOVSLDUP {
  @inline apply<E, V>(e: E, a: V): V {
    return e.choose_bytes(a, dwordShuffle(0), dwordShuffle(10));
  }
}

/** MOVSHDUP: odd singles twice. */
@unmanaged
@final
export class MOVSHDUP {
  @inline apply<E, V>(e: E, a: V): V {
    return e.choose_bytes(a, dwordShuffle(5), dwordShuffle(15));
  }
}
