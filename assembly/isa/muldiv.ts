/**
 * Multiplication and division. Semantics in the staged form; SDM Vol. 2, the page of each name. Flags that the SDM
 * leaves undefined: SF ZF PF follow the product's low half and AF is clear; division changes no flag.
 */
import { core, Insn } from '../engine/backend';
import { DE } from '../system/fault';

const RAX: usize = 0;
/** AH for bytes, rDX for all other widths: the high half of products and dividends, and the remainder. */
function highHalf<W>(): usize {
  return sizeof<W>() == 1 ? 1 : 16;
}
function bits<W>(): u32 {
  return sizeof<W>() * 8;
}

/** MUL: rDX:rAX (AX) ← rAX × SRC, unsigned; CF = OF = the high half is not 0. */
export function MUL<B, W, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const a = e.gpr<W>(RAX);
  const low = e.mul<W>(a, b);
  const high = e.mulHigh<W>(a, b);
  e.setGpr<W>(RAX, low);
  e.setGpr<W>(highHalf<W>(), high);
  const overflow = e.isNonZero<W>(high);
  e.flagsResult<W>(low, overflow, overflow);
}

/** IMUL, one operand: rDX:rAX (AX) ← rAX × SRC, signed; CF = OF = the low half alone is not the product. */
export function IMUL<B, W, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const a = e.gpr<W>(RAX);
  const low = e.mul<W>(a, b);
  const high = e.mulHighSigned<W>(a, b);
  e.setGpr<W>(RAX, low);
  e.setGpr<W>(highHalf<W>(), high);
  const overflow = e.isNonZero<W>(e.xor<W>(high, e.sar<W>(low, e.k32(bits<W>() - 1))));
  e.flagsResult<W>(low, overflow, overflow);
}

/** IMUL, two and three operands: DEST ← A × C, cut to the width. */
export function IMUL_R<B, W, D, A, C>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, A>(i);
  const b = e.read<W, C>(i);
  const r = e.mul<W>(a, b);
  e.write<W, D>(i, r);
  const overflow = e.mulOverflows<W>(a, b);
  e.flagsResult<W>(r, overflow, overflow);
}

/** DIV: rAX ← rDX:rAX / SRC, rDX ← remainder, unsigned. The quotient fits when the high half is below the divisor, else #DE. */
export function DIV<B, W, S>(i: Insn): void {
  const e = core<B>();
  const d = e.read<W, S>(i);
  const high = e.gpr<W>(highHalf<W>());
  const low = e.gpr<W>(RAX);
  e.faultIf(i, e.isZero<u32>(e.below<W>(high, d)), DE);
  if (sizeof<W>() == 8) {
    const q = e.zext<u64, W>(e.divWide(e.zext<W, u64>(high), e.zext<W, u64>(low), e.zext<W, u64>(d)));
    e.setGpr<W>(RAX, q);
    e.setGpr<W>(highHalf<W>(), e.sub<W>(low, e.mul<W>(q, d)));
  } else {
    const n = e.or<u64>(e.shl<u64>(e.zext<W, u64>(high), e.k32(bits<W>())), e.zext<W, u64>(low));
    const q = e.zext<u64, W>(e.divu<u64>(n, e.zext<W, u64>(d)));
    e.setGpr<W>(RAX, q);
    e.setGpr<W>(highHalf<W>(), e.sub<W>(low, e.mul<W>(q, d)));
  }
}

const INT64_MIN: i64 = i64.MIN_VALUE;

/** IDIV: the same, signed, rounded towards 0; #DE when the quotient does not fit. */
export function IDIV<B, W, S>(i: Insn): void {
  const e = core<B>();
  const d = e.read<W, S>(i);
  const high = e.gpr<W>(highHalf<W>());
  const low = e.gpr<W>(RAX);
  if (sizeof<W>() == 8) {
    const q = e.zext<u64, W>(e.divWideSigned(i, e.zext<W, u64>(high), e.zext<W, u64>(low), e.zext<W, u64>(d)));
    e.setGpr<W>(RAX, q);
    e.setGpr<W>(highHalf<W>(), e.sub<W>(low, e.mul<W>(q, d)));
  } else {
    const n = e.or<u64>(e.shl<u64>(e.sext<W, u64>(high), e.k32(bits<W>())), e.zext<W, u64>(low));
    const wide = e.sext<W, u64>(d);
    e.faultIf(i, e.isZero<W>(d), DE);
    e.faultIf(i, e.and<u32>(e.equal<u64>(n, e.k<u64>(INT64_MIN)), e.equal<u64>(wide, e.k<u64>(-1))), DE);
    const q = e.divs<u64>(n, wide);
    e.faultIf(i, e.isZero<u32>(e.equal<u64>(q, e.sext<W, u64>(e.zext<u64, W>(q)))), DE);
    const r = e.sub<W>(low, e.mul<W>(e.zext<u64, W>(q), d));
    e.setGpr<W>(RAX, e.zext<u64, W>(q));
    e.setGpr<W>(highHalf<W>(), r);
  }
}
