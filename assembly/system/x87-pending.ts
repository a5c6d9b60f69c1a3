/** A pending x87 exception, raised by the next waiting x87 or MMX instruction. SDM Vol. 1, 8.7; Vol. 3A, 2.5 (CR0.NE). */
import { CR0, FSW } from '../layout';
import { Insn } from '../engine/backend';
import { note } from '../host';
import { CR0_NE } from './control';
import { faultAt, MF } from './fault';

/** Host note: an x87 exception was to be reported by IRQ 13; the detail is the status word. */
const NOTE_X87_IRQ13: u32 = 4;

/** #MF at instruction `i` when errors are reported natively; with CR0.NE clear the PC reports them by IRQ 13, which is not wired. */
export function raisePendingX87(i: Insn): void {
  if (load<u64>(CR0) & CR0_NE) faultAt(i, MF);
  note(NOTE_X87_IRQ13, <f64>load<u16>(FSW));
}
