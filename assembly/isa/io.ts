/** Port input and output. A 64-bit operand size means 32 bits. SDM Vol. 2, IN and OUT. */
import { GPR } from '../layout';
import { Insn } from '../engine/backend';
import { settleBefore } from '../engine/cache';
import { portRead, portWrite } from '../host';
import { checkPort } from '../system/io';

const DX: usize = GPR + 16;

function input<W>(i: Insn, port: u32): void {
  const size: u32 = sizeof<W>() > 4 ? 4 : sizeof<W>();
  checkPort(i, port, size);
  // Devices look at the clock, so the count must be exact.
  settleBefore(changetype<usize>(i));
  const value = portRead(port, size);
  if (sizeof<W>() < 4) store<W>(GPR, <W>value);
  else store<u64>(GPR, <u64>value);
}
function output<W>(i: Insn, port: u32): void {
  const size: u32 = sizeof<W>() > 4 ? 4 : sizeof<W>();
  checkPort(i, port, size);
  settleBefore(changetype<usize>(i));
  portWrite(port, size, sizeof<W>() < 4 ? <u32>load<W>(GPR) : load<u32>(GPR));
}

/** IN: accumulator ← port. */
export function IN_I<W>(i: Insn): void {
  input<W>(i, (<u32>i.imm) & 0xff);
}
export function IN_DX<W>(i: Insn): void {
  input<W>(i, load<u16>(DX));
}
/** OUT: port ← accumulator. */
export function OUT_I<W>(i: Insn): void {
  output<W>(i, (<u32>i.imm) & 0xff);
}
export function OUT_DX<W>(i: Insn): void {
  output<W>(i, load<u16>(DX));
}
