/** Instructions on EFLAGS. SDM Vol. 2, the page of each name; Vol. 1, 3.4.3. */
import { CPL, CR0, EFLAGS_REST, EXIT_EVENT, INTR, NMI_PENDING } from '../layout';
import { core, Insn } from '../engine/backend';
import { leaveAfter } from '../engine/cache';
import { AC, AF, ARITHMETIC, CF, DF, Flags, ID, IF, IOPL, NT, OF, PF, RF, SF, TF, VM, ZF } from '../engine/flags';
import { Interp } from '../engine/interp';
import { CR0_PE } from '../system/control';
import { fault, GP } from '../system/fault';
import { updateAccess } from '../system/mode';

/** CLC, STC, CMC: CF cleared, set, complemented. */
export function CLC<B>(i: Insn): void {
  const e = core<B>();
  e.setCf(e.k32(0));
}
export function STC<B>(i: Insn): void {
  const e = core<B>();
  e.setCf(e.k32(1));
}
export function CMC<B>(i: Insn): void {
  const e = core<B>();
  e.setCf(e.xor<u32>(e.cf(), e.k32(1)));
}
/** CLD, STD: the direction of string instructions. */
export function CLD<B>(i: Insn): void {
  const e = core<B>();
  e.changeFlags(DF, 0);
}
export function STD<B>(i: Insn): void {
  const e = core<B>();
  e.changeFlags(0, DF);
}

const AH: usize = 1;
const LOW_FLAGS: u32 = SF | ZF | AF | PF | CF;

/** LAHF: AH ← SF ZF AF PF CF as in EFLAGS' low byte, where bit 1 is set. */
export function LAHF(i: Insn): void {
  core<Interp>().setGpr<u8>(AH, <u8>((Flags.get() & LOW_FLAGS) | 2));
}
/** SAHF: the way back; OF stays. */
export function SAHF(i: Insn): void {
  Flags.setArithmetic((Flags.get() & OF) | ((<u32>core<Interp>().gpr<u8>(AH)) & LOW_FLAGS));
}

/** In virtual-8086 mode PUSHF and POPF need IOPL 3 (CR4.VME is not offered). */
function checkVirtual(): void {
  const rest = load<u32>(EFLAGS_REST);
  if (rest & VM && (rest & IOPL) != IOPL) fault(GP);
}

/** PUSHF: VM and RF are pushed as 0. */
export function PUSHF<W>(i: Insn): void {
  checkVirtual();
  core<Interp>().push<W>(i, <W>(Flags.get() & ~(VM | RF)));
}

/**
 * POPF: which flags change depends on privilege. IOPL only at level 0 (and in real mode), IF at or below IOPL; VM, VIF
 * and VIP never; RF is cleared. SDM Vol. 2B, POPF, table 4-16.
 */
export function POPF<W>(i: Insn): void {
  checkVirtual();
  const e = core<Interp>();
  const image = <u32>e.top<W>(i);
  e.moveStack(sizeof<W>());
  const was = load<u32>(EFLAGS_REST);
  const isReal = !(load<u64>(CR0) & CR0_PE);
  const cpl: u32 = was & VM ? 3 : load<u32>(CPL);
  let change: u32 = ARITHMETIC | TF | DF | NT;
  if (sizeof<W>() > 2) change |= AC | ID;
  if (isReal || cpl == 0) change |= IOPL | IF;
  else if (cpl <= (was & IOPL) >>> 12) change |= IF;
  Flags.set((image & change) | (was & ~change & ~RF));
  const now = load<u32>(EFLAGS_REST);
  if ((was ^ now) & AC) updateAccess();
  const opened = now & ~was & IF;
  if (now & TF || (opened && (load<u32>(INTR) || load<u32>(NMI_PENDING)))) leaveAfter(i, EXIT_EVENT);
}
