/** Instructions that 64-bit mode dropped. SDM Vol. 2, the page of each name; Vol. 1, 7.3.5 and 7.3.16. */
import { MODE, MODE_PROTECTED } from '../layout';
import { core, Insn } from '../engine/backend';
import { AF, CF, Flags, ZF } from '../engine/flags';
import { Interp } from '../engine/interp';
import { BR, DE, fault, UD } from '../system/fault';

const AX: usize = 0;
const AL: usize = 0;
const AH: usize = 1;

/** SF, ZF and PF from AL, CF and AF given, OF clear. */
function setDecimalFlags(al: u32, cf: bool, af: bool): void {
  Flags.result<u8>(<u8>al, u32(cf), 0);
  Flags.setAf(u32(af));
}

/** DAA: AL after the addition of two packed decimal numbers. */
export function DAA(i: Insn): void {
  const e = core<Interp>();
  const old: u32 = e.gpr<u8>(AL);
  const oldCf = Flags.cf() != 0;
  let al = old;
  const af = (old & 15) > 9 || Flags.af() != 0;
  if (af) al += 6;
  const cf = oldCf || old > 0x99;
  if (cf) al += 0x60;
  e.setGpr<u8>(AL, <u8>al);
  setDecimalFlags(al & 0xff, cf, af);
}
/** DAS: AL after their subtraction. A borrow out of the low digit's correction also sets CF. */
export function DAS(i: Insn): void {
  const e = core<Interp>();
  const old: u32 = e.gpr<u8>(AL);
  const oldCf = Flags.cf() != 0;
  let al = old;
  const af = (old & 15) > 9 || Flags.af() != 0;
  if (af) al -= 6;
  const borrow = af && old < 6;
  const high = oldCf || old > 0x99;
  if (high) al -= 0x60;
  e.setGpr<u8>(AL, <u8>al);
  setDecimalFlags(al & 0xff, high || borrow, af);
}

function setCarries(adjusted: bool): void {
  Flags.setArithmetic((Flags.get() & ~(AF | CF)) | (adjusted ? AF | CF : 0));
}
/** AAA: AX after the addition of two unpacked decimal digits. */
export function AAA(i: Insn): void {
  const e = core<Interp>();
  const ax: u32 = e.gpr<u16>(AX);
  const adjust = (ax & 15) > 9 || Flags.af() != 0;
  e.setGpr<u16>(AX, <u16>((adjust ? ax + 0x106 : ax) & 0xff0f));
  setCarries(adjust);
}
/** AAS: AX after their subtraction. */
export function AAS(i: Insn): void {
  const e = core<Interp>();
  const ax: u32 = e.gpr<u16>(AX);
  const adjust = (ax & 15) > 9 || Flags.af() != 0;
  e.setGpr<u16>(AX, <u16>((adjust ? ax - 0x106 : ax) & 0xff0f));
  setCarries(adjust);
}
/** AAM: AL to two digits of base imm8 in AH and AL; base 0 raises #DE. */
export function AAM(i: Insn): void {
  const e = core<Interp>();
  const base = (<u32>i.imm) & 0xff;
  if (base == 0) fault(DE);
  const al: u32 = e.gpr<u8>(AL);
  e.setGpr<u8>(AH, <u8>(al / base));
  e.setGpr<u8>(AL, <u8>(al % base));
  setDecimalFlags(al % base, false, false);
}
/** AAD: two digits of base imm8 in AH and AL to AL. */
export function AAD(i: Insn): void {
  const e = core<Interp>();
  const base = (<u32>i.imm) & 0xff;
  const al = (<u32>e.gpr<u8>(AL) + <u32>e.gpr<u8>(AH) * base) & 0xff;
  e.setGpr<u16>(AX, <u16>al);
  setDecimalFlags(al, false, false);
}
/** SALC: AL ← CF ? FF : 0; no flags. */
export function SALC(i: Insn): void {
  core<Interp>().setGpr<u8>(AL, Flags.cf() ? 0xff : 0);
}

/** BOUND: #BR unless the signed index lies between the two bounds in memory. */
export function BOUND<W, S>(i: Insn): void {
  const e = core<Interp>();
  const linear = e.linear(i, sizeof<W>() * 2);
  const lower = e.sext<W, i64>(e.loadAt<W>(i, linear));
  const upper = e.sext<W, i64>(e.loadAt<W>(i, (linear + sizeof<W>()) & 0xffffffff));
  const index = e.sext<W, i64>(e.read<W, S>(i));
  if (index < lower || index > upper) fault(BR);
}

/** ARPL: raises the selector's requested privilege level to SRC's; ZF tells. Not in real and virtual-8086 mode. */
export function ARPL<D, S>(i: Insn): void {
  if (!(load<u32>(MODE) & MODE_PROTECTED)) fault(UD);
  const e = core<Interp>();
  const b = e.read<u16, S>(i);
  // Memory is written only when it changes: a fault is that of a read before.
  const a = e.read<u16, D>(i);
  const raise = (a & 3) < (b & 3);
  if (raise) e.write<u16, D>(i, <u16>((a & 0xfffc) | (b & 3)));
  Flags.setArithmetic((Flags.get() & ~ZF) | (raise ? ZF : 0));
}
