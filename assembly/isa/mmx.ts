/**
 * MMX: the shapes around the operations of operations.ts, on the low half of a 128-bit value. Every instruction first
 * raises a pending x87 exception, and last leaves TOP at 0 and all tags valid. SDM Vol. 1, 9.6; Vol. 2.
 */
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { FPR, FTW } from '../layout';
import { operation, storeMasked } from './simd';

/** DEST ← OP(DEST, SRC); memory is W wide. */
export function MMX2<B, OP, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const b = e.v128_low(e.mmx<W, S>(i));
  const a = e.v128_low(e.mmx<u64, D>(i));
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, a, b)));
  e.mmxEnd();
}
/** DEST ← upper half of OP(DEST, SRC): the high unpacks, which are the low ones of 128 bits. */
export function MMX2_HIGH<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const b = e.v128_low(e.mmx<u64, S>(i));
  const a = e.v128_low(e.mmx<u64, D>(i));
  e.setMmx<D>(i, e.upper(operation<OP>().apply(e, a, b)));
  e.mmxEnd();
}
/** DEST ← OP(SRC:DEST, SRC:DEST): packs and horizontal operations, which take DEST first, then SRC. */
export function MMX2_PAIR<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const b = e.mmx<u64, S>(i);
  const both = e.pair(e.mmx<u64, D>(i), b);
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, both, both)));
  e.mmxEnd();
}
/** DEST ← OP(SRC). */
export function MMX1<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, e.v128_low(e.mmx<u64, S>(i)))));
  e.mmxEnd();
}
/** DEST ← OP(SRC, imm8). */
export function MMX1_I<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, e.v128_low(e.mmx<u64, S>(i)), (<u32>i.imm) & 255)));
  e.mmxEnd();
}
/** DEST ← DEST shifted by SRC. */
export function MMX_SHIFT<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const count = e.shiftCount(e.mmx<u64, S>(i));
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, e.v128_low(e.mmx<u64, D>(i)), count)));
  e.mmxEnd();
}
/** DEST ← DEST shifted by imm8. */
export function MMX_SHIFT_I<B, OP, D>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.first<u64>(operation<OP>().apply(e, e.v128_low(e.mmx<u64, D>(i)), e.k32((<u32>i.imm) & 255))));
  e.mmxEnd();
}
/** PALIGNR: DEST ← (DEST:SRC) >> 8·imm8. */
export function PALIGNR_MMX<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const b = e.mmx<u64, S>(i);
  const both = e.pair(b, e.mmx<u64, D>(i));
  e.setMmx<D>(i, e.first<u64>(e.bytes_down(both, min<u32>((<u32>i.imm) & 255, 16))));
  e.mmxEnd();
}

// ---- moves ---------------------------------------------------------------------------------------------------------
/** MOVQ to a register. */
export function MOVQ_TO_MMX<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.mmx<u64, S>(i));
  e.mmxEnd();
}
/** MOVQ and MOVNTQ to memory. */
export function MOVQ_TO_MEMORY<B, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.storeAt<u64>(i, e.linearForWrite(i, 8), e.mmx<u64, S>(i));
  e.mmxEnd();
}
/** MOVD, MOVQ from a general register or memory, zero-extended. */
export function MOVD_TO_MMX<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.zext<W, u64>(e.read<W, S>(i)));
  e.mmxEnd();
}
/** MOVD, MOVQ to a general register or memory. */
export function MOVD_FROM_MMX<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.write<W, D>(i, e.zext<u64, W>(e.mmx<u64, S>(i)));
  e.mmxEnd();
}
/** MOVQ2DQ: MMX register to XMM, zero-extended. */
export function MOVQ2DQ<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setXmm<D>(i, e.v128_low(e.mmx<u64, S>(i)));
  e.mmxEnd();
}
/** MOVDQ2Q: low half of XMM to an MMX register. */
export function MOVDQ2Q<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.low<u64, S>(i));
  e.mmxEnd();
}
/** PMOVMSKB: sign bits of the bytes. */
export function PMOVMSKB_MMX<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  e.write<u32, D>(i, e.i8x16_bitmask(e.v128_low(e.mmx<u64, S>(i))));
  e.mmxEnd();
}
/** PINSRW: word imm8 of DEST ← SRC; a register source is read with width R. */
export function PINSRW_MMX<B, R, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const value = e.zext<R, u16>(e.read<R, S>(i));
  e.setMmx<D>(i, e.first<u64>(e.withLane<u16>(e.v128_low(e.mmx<u64, D>(i)), (<u32>i.imm) & 3, value)));
  e.mmxEnd();
}
/** PEXTRW: DEST ← word imm8 of SRC. */
export function PEXTRW_MMX<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.mmxBegin(i);
  const word = e.lane<u16>(e.v128_low(e.mmx<u64, S>(i)), (<u32>i.imm) & 3);
  e.write<u32, D>(i, e.zext<u16, u32>(word));
  e.mmxEnd();
}
/** EMMS: all tags empty; TOP becomes 0 as with any MMX instruction (seen on Zen 5; the SDM tells of the tags only). */
export function EMMS(i: Insn): void {
  core<Interp>().mmxBegin(i);
  core<Interp>().mmxEnd();
  store<u8>(FTW, 0);
}
/** MASKMOVQ: bytes of DEST whose mask byte (SRC) is negative go to DS:rDI. */
export function MASKMOVQ(i: Insn): void {
  core<Interp>().mmxBegin(i);
  storeMasked(i, FPR + (((<usize>i.r0) & 56) << 1), FPR + (((<usize>i.r1) & 56) << 1), 8);
  core<Interp>().mmxEnd();
}
