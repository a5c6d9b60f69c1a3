/** Arithmetic and logic. Semantics in the staged form; SDM Vol. 2, the page of each name. */
import { core, Insn } from '../engine/backend';

/** ADD: DEST ← DEST + SRC; OF SF ZF AF CF PF from the result. */
export function ADD<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.add<W>(a, b);
  e.put<W, D>(i, p, r);
  e.flagsAdd<W>(a, b, r);
}

/** ADC: DEST ← DEST + SRC + CF. */
export function ADC<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.add<W>(e.add<W>(a, b), e.zext<u32, W>(e.cf()));
  e.put<W, D>(i, p, r);
  e.flagsAdd<W>(a, b, r);
}

/** SUB: DEST ← DEST − SRC. */
export function SUB<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.sub<W>(a, b);
  e.put<W, D>(i, p, r);
  e.flagsSub<W>(a, b, r);
}

/** SBB: DEST ← DEST − (SRC + CF). */
export function SBB<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.sub<W>(e.sub<W>(a, b), e.zext<u32, W>(e.cf()));
  e.put<W, D>(i, p, r);
  e.flagsSub<W>(a, b, r);
}

/** CMP: flags of DEST − SRC. */
export function CMP<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, D>(i);
  const b = e.read<W, S>(i);
  e.flagsSub<W>(a, b, e.sub<W>(a, b));
}

/** AND; CF and OF are cleared, AF is undefined (cleared). */
export function AND<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const r = e.and<W>(e.get<W>(p), b);
  e.put<W, D>(i, p, r);
  e.flagsLogic<W>(r);
}

/** OR. */
export function OR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const r = e.or<W>(e.get<W>(p), b);
  e.put<W, D>(i, p, r);
  e.flagsLogic<W>(r);
}

/** XOR. */
export function XOR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const r = e.xor<W>(e.get<W>(p), b);
  e.put<W, D>(i, p, r);
  e.flagsLogic<W>(r);
}

/** TEST: flags of DEST AND SRC. */
export function TEST<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, D>(i);
  const b = e.read<W, S>(i);
  e.flagsLogic<W>(e.and<W>(a, b));
}

/** INC: DEST ← DEST + 1; CF stays. */
export function INC<B, W, D>(i: Insn): void {
  const e = core<B>();
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.add<W>(a, e.k<W>(1));
  e.put<W, D>(i, p, r);
  e.flagsInc<W>(a, r);
}

/** DEC: DEST ← DEST − 1; CF stays. */
export function DEC<B, W, D>(i: Insn): void {
  const e = core<B>();
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.sub<W>(a, e.k<W>(1));
  e.put<W, D>(i, p, r);
  e.flagsDec<W>(a, r);
}

/** NOT: one's complement; no flags. */
export function NOT<B, W, D>(i: Insn): void {
  const e = core<B>();
  const p = e.place<W, D>(i);
  e.put<W, D>(i, p, e.not<W>(e.get<W>(p)));
}

/** NEG: DEST ← 0 − DEST; CF = (DEST was not 0). */
export function NEG<B, W, D>(i: Insn): void {
  const e = core<B>();
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.sub<W>(e.k<W>(0), a);
  e.put<W, D>(i, p, r);
  e.flagsSub<W>(e.k<W>(0), a, r);
}

/** XADD: TEMP ← SRC + DEST; SRC ← DEST; DEST ← TEMP. With equal registers the sum remains. */
export function XADD<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.add<W>(a, b);
  e.write<W, S>(i, a);
  e.put<W, D>(i, p, r);
  e.flagsAdd<W>(a, b, r);
}

/** CMPXCHG: compare the accumulator with DEST; equal: DEST ← SRC, else accumulator ← DEST. DEST is written either way. */
export function CMPXCHG<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const accumulator = e.gpr<W>(0);
  const same = e.equal<W>(accumulator, a);
  // On a mismatch a 32-bit register destination is not zero-extended, only the accumulator is.
  if (e.begin(same)) {
    e.put<W, D>(i, p, b);
  }
  e.end();
  if (e.begin(e.isZero<u32>(same))) {
    e.rewrite<W, D>(i, p, a);
    e.setGpr<W>(0, a);
  }
  e.end();
  e.flagsSub<W>(accumulator, a, e.sub<W>(accumulator, a));
}

/** XCHG; locked with a memory operand even without the prefix. */
export function XCHG<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  e.put<W, D>(i, p, b);
  e.write<W, S>(i, a);
}
