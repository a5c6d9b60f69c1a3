/** A pending x87 exception, raised by the next waiting x87 or MMX instruction. SDM Vol. 1, 8.7; Vol. 3A, 2.5 (CR0.NE). */
import { CR0 } from '../layout';
import { Insn } from '../engine/backend';
import { CR0_NE } from './control';
import { faultAt, MF } from './fault';

/** #MF at instruction `i` when errors are reported natively; with CR0.NE clear the PC reports them by IRQ 13, which is not wired. */
export function raisePendingX87(i: Insn): void {
  if (load<u64>(CR0) & CR0_NE) faultAt(i, MF);
}
