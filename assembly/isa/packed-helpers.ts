/** Operations too long for inline code: each is an ordinary function of register values. SDM Vol. 2, the page of each name. */
import { inverseLastRound, inverseMixColumns, inverseRound, keyAssist, lastRound, round } from './aes';
import { carrylessProduct, leastWord, slidingDifferences } from './packed-long';
import { sha1Message1, sha1Message2, sha1NextE, sha1Rounds, sha256Message1, sha256Message2, sha256Rounds } from './sha';

/** AESENC: a round on a with key b. */
@unmanaged
@final
export class AESENC {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<AESENC, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return v128.xor(round(a), b);
  }
}

/** AESENCLAST: the last round. */
@unmanaged
@final
export class AESENCLAST {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<AESENCLAST, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return v128.xor(lastRound(a), b);
  }
}

/** AESDEC: an inverse round on a with key b. */
@unmanaged
@final
export class AESDEC {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<AESDEC, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return v128.xor(inverseRound(a), b);
  }
}

/** AESDECLAST: the last inverse round. */
@unmanaged
@final
export class AESDECLAST {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<AESDECLAST, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return v128.xor(inverseLastRound(a), b);
  }
}

/** AESIMC: inverse MixColumns, for round keys. */
@unmanaged
@final
export class AESIMC {
  @inline apply<E, V>(e: E, a: V): V {
    return e.pure<AESIMC, V>(a, a, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return inverseMixColumns(a);
  }
}

/** AESKEYGENASSIST: a step of key expansion; the immediate is the round constant. */
@unmanaged
@final
export class AESKEYGENASSIST {
  @inline apply<E, V>(e: E, a: V, imm: u32): V {
    return e.pure<AESKEYGENASSIST, V>(a, a, imm);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return keyAssist(a, imm);
  }
}

/** PCLMULQDQ: carry-less product of the quadwords that immediate bits 0 and 4 choose. */
@unmanaged
@final
export class PCLMULQDQ {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.pure<PCLMULQDQ, V>(a, b, imm);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return carrylessProduct(
      imm & 1 ? i64x2.extract_lane(a, 1) : i64x2.extract_lane(a, 0),
      imm & 16 ? i64x2.extract_lane(b, 1) : i64x2.extract_lane(b, 0),
    );
  }
}

/** PHMINPOSUW: the least unsigned word and its index. */
@unmanaged
@final
export class PHMINPOSUW {
  @inline apply<E, V>(e: E, a: V): V {
    return e.pure<PHMINPOSUW, V>(a, a, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return leastWord(a);
  }
}

/** MPSADBW: eight sums of absolute differences of four bytes. */
@unmanaged
@final
export class MPSADBW {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.pure<MPSADBW, V>(a, b, imm);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return slidingDifferences(a, b, imm);
  }
}

/** SHA1RNDS4: four rounds; the immediate chooses function and constant. */
@unmanaged
@final
export class SHA1RNDS4 {
  @inline apply<E, V>(e: E, a: V, b: V, imm: u32): V {
    return e.pure<SHA1RNDS4, V>(a, b, imm);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha1Rounds(a, b, imm);
  }
}

/** SHA1NEXTE: E of the next rounds. */
@unmanaged
@final
export class SHA1NEXTE {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<SHA1NEXTE, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha1NextE(a, b);
  }
}

/** SHA1MSG1: message schedule, first part. */
@unmanaged
@final
export class SHA1MSG1 {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<SHA1MSG1, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha1Message1(a, b);
  }
}

/** SHA1MSG2: message schedule, last part. */
@unmanaged
@final
export class SHA1MSG2 {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<SHA1MSG2, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha1Message2(a, b);
  }
}

/** SHA256MSG1: message schedule, first part. */
@unmanaged
@final
export class SHA256MSG1 {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<SHA256MSG1, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha256Message1(a, b);
  }
}

/** SHA256MSG2: message schedule, last part. */
@unmanaged
@final
export class SHA256MSG2 {
  @inline apply<E, V>(e: E, a: V, b: V): V {
    return e.pure<SHA256MSG2, V>(a, b, 0);
  }
  run(a: v128, b: v128, imm: u32): v128 {
    return sha256Message2(a, b);
  }
}

/** SHA256RNDS2: two rounds with message words from XMM0. */
@unmanaged
@final
export class SHA256RNDS2 {
  @inline apply<E, V>(e: E, a: V, b: V, words: V): V {
    return e.pure3<SHA256RNDS2, V>(a, b, words);
  }
  run(a: v128, b: v128, words: v128): v128 {
    return sha256Rounds(a, b, words);
  }
}
