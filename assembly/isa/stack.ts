/** PUSH, POP and the frame instructions. SDM Vol. 2, the page of each name. */
import { EA_MASK, GPR, STACK_MASK } from '../layout';
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { nextIsStack, probeWrite, stackDone } from '../mmu/access';

const RSP: usize = 32;
const RBP: usize = 40;

/** PUSH: the value is read before RSP changes (PUSH RSP pushes the old value). */
export function PUSH<B, W, S>(i: Insn): void {
  const e = core<B>();
  e.push<W>(i, e.read<W, S>(i));
}

/** POP register: RSP is incremented before the write (POP RSP leaves the value read). */
export function POP<B, W, D>(i: Insn): void {
  const e = core<B>();
  const v = e.top<W>(i);
  e.moveStack(sizeof<W>());
  e.write<W, D>(i, v);
}

/** POP memory: an address that uses RSP is computed after the increment; a fault leaves RSP as it was. */
export function POP_M<W>(i: Insn): void {
  const e = core<Interp>();
  const v = e.top<W>(i);
  const sp = load<u64>(GPR + RSP);
  let offset = e.effective(i);
  if (i.r1 == <u8>RSP) offset = (offset + sizeof<W>()) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  const linear = e.operandLinearForWrite(i, offset, sizeof<W>());
  e.storeAt<W>(i, linear, v);
  const mask = load<u64>(STACK_MASK);
  store<u64>(GPR + RSP, (sp & ~mask) | ((sp + sizeof<W>()) & mask));
}

/** LEAVE: RSP ← RBP, then POP RBP. */
export function LEAVE<B, W>(i: Insn): void {
  const e = core<B>();
  const v = e.frameTop<W>(i);
  e.leaveFrame(sizeof<W>());
  e.setGpr<W>(RBP, v);
}

/** PUSHA, PUSHAD: all eight registers, the stack pointer as it was before. Slots already written stay when a later one faults. */
export function PUSHA<W>(i: Insn): void {
  const e = core<Interp>();
  const mask = load<u64>(STACK_MASK);
  const sp = load<u64>(GPR + RSP);
  nextIsStack();
  for (let n: u64 = 0; n < 8; n++) {
    const value = load<W>(GPR + ((<usize>n) << 3));
    e.storeAt<W>(i, e.stackAddress(i, (sp - (n + 1) * sizeof<W>()) & mask, sizeof<W>()), value);
  }
  stackDone();
  store<u64>(GPR + RSP, (sp & ~mask) | ((sp - 8 * sizeof<W>()) & mask));
}

/** POPA, POPAD: the saved stack pointer is skipped. */
export function POPA<W>(i: Insn): void {
  const e = core<Interp>();
  const mask = load<u64>(STACK_MASK);
  const sp = load<u64>(GPR + RSP);
  const probe0 = e.loadAt<W>(i, e.stackAddress(i, sp & mask, sizeof<W>()));
  const probe7 = e.loadAt<W>(i, e.stackAddress(i, (sp + 7 * sizeof<W>()) & mask, sizeof<W>()));
  for (let n: usize = 0; n < 8; n++) {
    const v =
      n == 0
        ? probe0
        : n == 7
          ? probe7
          : e.loadAt<W>(i, e.stackAddress(i, (sp + <u64>n * sizeof<W>()) & mask, sizeof<W>()));
    if (n != 3) e.setGpr<W>((7 - n) << 3, v);
  }
  e.moveStack(8 * sizeof<W>());
}

/** ENTER: frame of imm16 bytes with `level` display pointers. */
export function ENTER<W>(i: Insn): void {
  const e = core<Interp>();
  const mask = load<u64>(STACK_MASK);
  const size: u64 = <u64>((<u32>i.imm) & 0xffff);
  const level: u64 = <u64>(((<u32>i.imm) >> 16) & 31);
  const oldSp = load<u64>(GPR + RSP);
  const oldBp = load<u64>(GPR + RBP);
  const width: u64 = sizeof<W>();
  const frame = (oldSp - width) & mask;
  let sp = frame;
  // The pushes are visible even when a later access faults; the registers then are not (seen on hardware).
  nextIsStack();
  e.storeAt<W>(i, e.stackAddress(i, sp, <u32>width), <W>oldBp);
  if (level > 0) {
    let bp = oldBp;
    for (let n: u64 = 1; n < level; n++) {
      bp = (bp - width) & mask;
      const v = e.loadAt<W>(i, e.stackAddress(i, bp, <u32>width));
      sp = (sp - width) & mask;
      e.storeAt<W>(i, e.stackAddress(i, sp, <u32>width), v);
    }
    sp = (sp - width) & mask;
    e.storeAt<W>(i, e.stackAddress(i, sp, <u32>width), <W>frame);
  }
  // SDM: the final stack pointer is probed by a write.
  probeWrite(i, e.stackAddress(i, (sp - size) & mask, <u32>width), <u32>width);
  stackDone();
  const final = (sp - size) & mask;
  store<u64>(GPR + RSP, (oldSp & ~mask) | final);
  // RBP takes the frame pointer at operand size.
  if (sizeof<W>() == 2) store<u16>(GPR + RBP, <u16>frame);
  else if (sizeof<W>() == 4) store<u64>(GPR + RBP, frame & 0xffffffff);
  else store<u64>(GPR + RBP, frame);
}
