/** Who may use the I/O ports: IOPL and the task-state segment's permission bitmap. SDM Vol. 1, 18.5. */
import { CPL, CR0, EFLAGS_REST, SEG_BASE, SEG_FLAGS, SEG_LIMIT, TR } from '../layout';
import { Insn } from '../engine/backend';
import { IOPL, VM } from '../engine/flags';
import { systemRead } from '../mmu/access';
import { CR0_PE } from './control';
import { segmentAt, typeOf } from './descriptor';
import { faultAt, GP } from './fault';

/** Offset in a 32- or 64-bit TSS of the bitmap's own offset; a segment without this field permits nothing. */
const TSS_IO_MAP: u32 = 102;
/** Type of a 32- or 64-bit TSS, busy bit aside. */
const TYPE_TSS: u32 = 9;
const TYPE_BUSY: u32 = 2;

/** Raises #GP(0) when the program may not access ports `port` to `port + size - 1`. */
export function checkPort(i: Insn, port: u32, size: u32): void {
  if (!(load<u64>(CR0) & CR0_PE)) return;
  const rest = load<u32>(EFLAGS_REST);
  if (!(rest & VM) && load<u32>(CPL) <= (rest & IOPL) >>> 12) return;
  const task = segmentAt(TR);
  const limit = load<u32>(task, SEG_LIMIT);
  if ((typeOf(load<u32>(task, SEG_FLAGS)) & ~TYPE_BUSY) != TYPE_TSS || limit < TSS_IO_MAP + 1) faultAt(i, GP);
  const base = load<u64>(task, SEG_BASE);
  // Two bytes are read, so that an access may straddle; the second must be within the limit too.
  const at = <u32>systemRead(base + TSS_IO_MAP, 2) + (port >>> 3);
  if (at + 1 > limit) faultAt(i, GP);
  const denied = (<u32>systemRead(base + at, 2)) >>> (port & 7);
  if (denied & ((1 << size) - 1)) faultAt(i, GP);
}
