/** Near control transfers. Semantics in the staged form; SDM Vol. 2, the page of each name. */
import { core, Insn } from '../engine/backend';

/** Jcc: the target is checked only when taken. */
export function JCC<B, W, C>(i: Insn): void {
  const e = core<B>();
  if (e.begin(e.condition<C>())) {
    e.branch<W>(i);
  }
  e.end();
}

export function JMP<B, W>(i: Insn): void {
  const e = core<B>();
  e.branch<W>(i);
}

export function JMP_E<B, W, S>(i: Insn): void {
  const e = core<B>();
  const target = e.read<W, S>(i);
  e.checkTarget<W>(i, target);
  e.branchTo<W>(i, target);
}

/** CALL relative: the target is checked before the push, so that a fault leaves the stack alone. */
export function CALL<B, W>(i: Insn): void {
  const e = core<B>();
  e.checkBranch<W>(i);
  e.push<W>(i, e.nextIp<W>(i));
  e.branch<W>(i);
}

export function CALL_E<B, W, S>(i: Insn): void {
  const e = core<B>();
  const target = e.read<W, S>(i);
  e.checkTarget<W>(i, target);
  e.push<W>(i, e.nextIp<W>(i));
  e.branchTo<W>(i, target);
}

export function RET<B, W>(i: Insn): void {
  const e = core<B>();
  const target = e.top<W>(i);
  e.checkTarget<W>(i, target);
  e.moveStack(sizeof<W>());
  e.branchTo<W>(i, target);
}

/** RET imm16: releases imm16 more bytes. */
export function RET_I<B, W>(i: Insn): void {
  const e = core<B>();
  const target = e.top<W>(i);
  e.checkTarget<W>(i, target);
  e.moveStack(sizeof<W>() + <u64>i.imm);
  e.branchTo<W>(i, target);
}

/** LOOP: rCX (of the address size) ← rCX − 1; jumps while it is not 0. No flags. */
export function LOOP<B, W>(i: Insn): void {
  const e = core<B>();
  const c = e.loopCount(i);
  if (e.begin(e.isNonZero64(c))) {
    e.checkBranch<W>(i);
  }
  e.end();
  e.setLoopCount(i, c);
  if (e.begin(e.isNonZero64(c))) {
    e.branch<W>(i);
  }
  e.end();
}
export function LOOPE<B, W>(i: Insn): void {
  const e = core<B>();
  const c = e.loopCount(i);
  const taken = e.and<u32>(e.isNonZero64(c), e.zf());
  if (e.begin(taken)) {
    e.checkBranch<W>(i);
  }
  e.end();
  e.setLoopCount(i, c);
  if (e.begin(taken)) {
    e.branch<W>(i);
  }
  e.end();
}
export function LOOPNE<B, W>(i: Insn): void {
  const e = core<B>();
  const c = e.loopCount(i);
  const taken = e.and<u32>(e.isNonZero64(c), e.isZero<u32>(e.zf()));
  if (e.begin(taken)) {
    e.checkBranch<W>(i);
  }
  e.end();
  e.setLoopCount(i, c);
  if (e.begin(taken)) {
    e.branch<W>(i);
  }
  e.end();
}
/** JCXZ, JECXZ, JRCXZ by address size. */
export function JRCXZ<B, W>(i: Insn): void {
  const e = core<B>();
  if (e.begin(e.isZero<u64>(e.addressCount(i)))) {
    e.branch<W>(i);
  }
  e.end();
}
