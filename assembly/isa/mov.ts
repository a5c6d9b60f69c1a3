/** Moves, extensions, LEA, conditional moves and sets. Semantics in the staged form; SDM Vol. 2, the page of each name. */
import { core, Insn } from '../engine/backend';

/** MOV: DEST ← SRC; also MOVNTI, whose hint is ignored. */
export function MOV<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.read<W, S>(i));
}

/** MOVZX: DEST ← zero-extended SRC of width F. */
export function MOVZX<B, W, F, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.zext<F, W>(e.read<F, S>(i)));
}

/** MOVSX, MOVSXD: DEST ← sign-extended SRC of width F. */
export function MOVSX<B, W, F, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.sext<F, W>(e.read<F, S>(i)));
}

/** LEA: DEST ← effective address, cut or zero-extended to the operand size. */
export function LEA<B, W, D>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.zext<u64, W>(e.effective(i)));
}

/** CBW, CWDE, CDQE: accumulator of width F sign-extended to W. */
export function EXTEND_A<B, F, W>(i: Insn): void {
  const e = core<B>();
  e.setGpr<W>(0, e.sext<F, W>(e.gpr<F>(0)));
}

/** CWD, CDQ, CQO: rDX ← sign of rAX. */
export function EXTEND_D<B, W>(i: Insn): void {
  const e = core<B>();
  e.setGpr<W>(16, e.sar<W>(e.gpr<W>(0), e.k32(sizeof<W>() * 8 - 1)));
}

/** NOP and reserved hints: a memory operand is not accessed. */
export function NOP<B>(i: Insn): void {}

/** XCHG rAX, r: register forms only. */
export function XCHG_A<B, W, S>(i: Insn): void {
  const e = core<B>();
  const a = e.gpr<W>(0);
  e.setGpr<W>(0, e.read<W, S>(i));
  e.write<W, S>(i, a);
}

/** BSWAP: reverses the byte order of a 32- or 64-bit register. */
export function BSWAP<B, W, D>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.bswap<W>(e.read<W, D>(i)));
}
export function BSWAP16<B, D>(i: Insn): void {
  const e = core<B>();
  e.write<u16, D>(i, e.k<u16>(0));
}

/** MOVBE: a move that reverses the byte order. */
export function MOVBE<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.write<W, D>(i, e.bswap<W>(e.read<W, S>(i)));
}

/** CMOVcc: the source is read even when the condition is false; a 32-bit destination is zero-extended either way. */
export function CMOV<B, W, C, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  e.write<W, D>(i, e.select<W>(e.condition<C>(), b, e.read<W, D>(i)));
}

/** SETcc: DEST ← condition ? 1 : 0. */
export function SETCC<B, C, D>(i: Insn): void {
  const e = core<B>();
  e.write<u8, D>(i, e.zext<u32, u8>(e.condition<C>()));
}
