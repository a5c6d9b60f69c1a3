/**
 * Moves, logic and integer arithmetic of XMM registers: the shapes of legacy SSE encodings around the operations of
 * operations.ts. Memory operands of 16 bytes must be aligned unless the shape says otherwise. SDM Vol. 2; Vol. 2A, 2.4.
 */
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { EA_MASK, EA_SEGMENT, GPR, MXCSR, XMM } from '../layout';
import { probeWrite } from '../mmu/access';
import { faultAt, GP } from '../system/fault';
import { segmentLinear } from '../system/segment';
import { compareText, explicitLength, implicitLength, Text, textIndex, textMask } from './text-compare';

/** The operation OP as an object to call. */
export function operation<OP>(): OP {
  return changetype<OP>(0);
}

// ---- shapes around an operation ------------------------------------------------------------------------------------
/** DEST ← OP(DEST, SRC). */
export function XMM2<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), b));
}
/** DEST ← OP(SRC). */
export function XMM1<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmmAligned<S>(i)));
}
/** DEST ← OP(DEST, SRC, imm8). */
export function XMM2_I<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), b, (<u32>i.imm) & 255));
}
/** DEST ← OP(SRC, imm8). */
export function XMM1_I<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmmAligned<S>(i), (<u32>i.imm) & 255));
}
/** DEST ← OP(DEST, SRC, XMM0). */
export function XMM2_XMM0<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), b, e.xmmNumber(0)));
}
/** DEST ← DEST shifted by the low quadword of SRC. */
export function XMM_SHIFT<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.first<u64>(e.xmmAligned<S>(i));
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), e.shiftCount(b)));
}
/** DEST ← DEST shifted by imm8. */
export function XMM_SHIFT_I<B, OP, D>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), e.k32((<u32>i.imm) & 255)));
}
/** DEST ← OP(low W of SRC); memory is W wide and need not be aligned. */
export function XMM_LOW<B, OP, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, operation<OP>().apply(e, e.lowZero<W, S>(i)));
}

// ---- moves ---------------------------------------------------------------------------------------------------------
/** MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTDQ, MOVNTDQA: aligned. */
export function MOV_ALIGNED<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmmAligned<D>(i, e.xmmAligned<S>(i));
}
/** MOVUPS, MOVUPD, MOVDQU, LDDQU: any alignment. */
export function MOV_UNALIGNED<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, e.xmm<S>(i));
}
/** DEST[low W] ← SRC: MOVSS and MOVSD between registers and to memory, MOVLPS, MOVLPD, MOVQ to memory. */
export function MOV_LOW<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.setLow<W, D>(i, e.low<W, S>(i));
}
/** DEST ← SRC, zero-extended from W: MOVSS and MOVSD from memory, MOVQ. */
export function MOV_LOW_ZX<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, e.lowZero<W, S>(i));
}
/** Upper half of DEST ← SRC: MOVHPS, MOVHPD, MOVLHPS. */
export function MOV_TO_HIGH<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setHigh<D>(i, e.low<u64, S>(i));
}
/** DEST ← upper half of SRC: MOVHPS and MOVHPD to memory, MOVHLPS. */
export function MOV_FROM_HIGH<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setLow<u64, D>(i, e.high<S>(i));
}
/** MOVDDUP: both halves ← low half of SRC. */
export function MOVDDUP<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, e.lowSplat<u64, S>(i));
}
/** MOVD, MOVQ from a general register or memory, zero-extended. */
export function MOVD_TO_XMM<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, e.v128_low(e.zext<W, u64>(e.read<W, S>(i))));
}
/** MOVD, MOVQ to a general register or memory. */
export function MOVD_FROM_XMM<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.low<W, S>(i));
}
// ---- between vector and general registers ----------------------------------------------------------------------------
/** PMOVMSKB: sign bits of the bytes. A 32-bit destination is zero-extended. */
export function PMOVMSKB<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<u32, D>(i, e.i8x16_bitmask(e.xmm<S>(i)));
}
/** MOVMSKPS: sign bits of the singles. */
export function MOVMSKPS<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<u32, D>(i, e.i32x4_bitmask(e.xmm<S>(i)));
}
/** MOVMSKPD: sign bits of the doubles. */
export function MOVMSKPD<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<u32, D>(i, e.i64x2_bitmask(e.xmm<S>(i)));
}
/** PINSRB, PINSRW, PINSRD, PINSRQ: lane imm8 of DEST ← SRC, cut to W; a register source is read with width R. */
export function PINSR<B, W, R, D, S>(i: Insn): void {
  const e = core<B>();
  const value = e.zext<R, W>(e.read<R, S>(i));
  const lane: u32 = (<u32>i.imm) & (16 / sizeof<W>() - 1);
  e.setXmm<D>(i, e.withLane<W>(e.xmm<D>(i), lane, value));
}
/** PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: DEST ← lane imm8 of SRC; a register destination is written with width R. */
export function PEXTR<B, W, R, D, S>(i: Insn): void {
  const e = core<B>();
  const lane: u32 = (<u32>i.imm) & (16 / sizeof<W>() - 1);
  e.write<R, D>(i, e.zext<W, R>(e.lane<W>(e.xmm<S>(i), lane)));
}
/** INSERTPS from memory: its source lane does not count. */
export function INSERTPS_M<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.lowZero<u32, S>(i);
  e.setXmm<D>(i, operation<OP>().apply(e, e.xmm<D>(i), b, (<u32>i.imm) & 63));
}
/** PTEST: ZF = (SRC AND DEST is zero), CF = (SRC AND NOT DEST is zero); the other flags are cleared. */
export function PTEST<B, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  const a = e.xmm<D>(i);
  const zf = e.xor<u32>(e.v128_any_true(e.v128_and(a, b)), e.k32(1));
  const cf = e.xor<u32>(e.v128_any_true(e.v128_andnot(b, a)), e.k32(1));
  e.flagsZfCf(zf, cf);
}

// ---- helpers ---------------------------------------------------------------------------------------------------------
/** Linear address of `offset` bytes into DS:rDI (or the overriding segment). */
function maskedAddress(i: Insn, offset: u64): u64 {
  const linear = (load<u64>(GPR + 56) + offset) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  return i.ea & EA_SEGMENT ? segmentLinear(i, (<u32>i.ea) >> 4, linear, 1) : linear;
}
/**
 * Stores those of `size` bytes at `from` whose mask byte is negative. All `size` bytes must be writable, even with a mask
 * of zeros: processors differ (SDM Vol. 2, MASKMOVDQU), this is what AMD's do.
 */
export function storeMasked(i: Insn, from: usize, mask: usize, size: u32): void {
  const e = core<Interp>();
  probeWrite(i, maskedAddress(i, 0), size);
  for (let n: u32 = 0; n < size; n++)
    if (load<i8>(mask + n) < 0) e.storeAt<u8>(i, maskedAddress(i, n), load<u8>(from + n));
}
/** MASKMOVDQU: bytes of DEST whose mask byte (SRC) is negative go to DS:rDI. */
export function MASKMOVDQU(i: Insn): void {
  storeMasked(i, XMM + ((<usize>i.r0) << 2), XMM + ((<usize>i.r1) << 2), 16);
}

/** Bits of MXCSR that exist; setting another raises #GP(0). SDM Vol. 1, 11.6.6 (MXCSR_MASK). */
const MXCSR_MASK: u32 = 0xffff;
/** LDMXCSR. */
export function LDMXCSR(i: Insn): void {
  const value = core<Interp>().loadAt<u32>(i, core<Interp>().linear(i, 4));
  if (value & ~MXCSR_MASK) faultAt(i, GP);
  store<u32>(MXCSR, value);
}
/** STMXCSR. */
export function STMXCSR(i: Insn): void {
  core<Interp>().storeAt<u32>(i, core<Interp>().linearForWrite(i, 4), load<u32>(MXCSR));
}

/** PCMPESTRI: lengths in rAX and rDX of width W, index to ECX. Memory need not be aligned, as for all four. See text-compare.ts. */
export function PCMPESTRI<W, D, S>(i: Insn): void {
  compareExplicit<W>(i, core<Interp>().xmm<D>(i), core<Interp>().xmm<S>(i));
  core<Interp>().setGpr<u32>(8, textIndex(i.imm));
}
/** PCMPESTRM: the same, mask to XMM0. */
export function PCMPESTRM<W, D, S>(i: Insn): void {
  compareExplicit<W>(i, core<Interp>().xmm<D>(i), core<Interp>().xmm<S>(i));
  core<Interp>().setXmmNumber(0, textMask(i.imm));
}
/** PCMPISTRI: lengths up to the first zero element, index to ECX. */
export function PCMPISTRI<D, S>(i: Insn): void {
  compareImplicit(i, core<Interp>().xmm<D>(i), core<Interp>().xmm<S>(i));
  core<Interp>().setGpr<u32>(8, textIndex(i.imm));
}
/** PCMPISTRM: the same, mask to XMM0. */
export function PCMPISTRM<D, S>(i: Insn): void {
  compareImplicit(i, core<Interp>().xmm<D>(i), core<Interp>().xmm<S>(i));
  core<Interp>().setXmmNumber(0, textMask(i.imm));
}
function compareExplicit<W>(i: Insn, a: v128, b: v128): void {
  const e = core<Interp>();
  const aLength = explicitLength(<i64>e.sext<W, u64>(e.gpr<W>(0)), i.imm);
  const bLength = explicitLength(<i64>e.sext<W, u64>(e.gpr<W>(16)), i.imm);
  compareText(a, b, aLength, bLength, i.imm);
  e.setArithmetic(Text.flags);
}
function compareImplicit(i: Insn, a: v128, b: v128): void {
  compareText(a, b, implicitLength(a, i.imm), implicitLength(b, i.imm), i.imm);
  core<Interp>().setArithmetic(Text.flags);
}
