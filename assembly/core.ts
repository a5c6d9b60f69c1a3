/**
 * Every export of the core: with host.ts, this is the ABI. Linear memory is imported; its layout is layout.ts.
 * 64-bit values cross as f64 (counts, physical addresses) or through EXCHANGE.
 */
import { CODE_BYTES, COUNT, EXCHANGE, ICOUNT_BASE, PAGE_FLAGS, PAGE_HAS_CODE, T_LEFT } from './layout';
import { core, Insn } from './engine/backend';
import { branchIndirect, branchRelative, codeWritten, flushCode as flushDecodedCode } from './engine/cache';
import { decodeOne } from './engine/decode';
import { Interp } from './engine/interp';
import { dropAllRegions } from './engine/regions';
import { callHelper as helper, callX87 as x87, linkRegion as link } from './engine/translated';
import { Flags } from './engine/flags';
import {
  instructionCount as count,
  run as runBudget,
  step as stepOne,
  deliverFault as deliverNoted,
  initRun,
} from './engine/run';
import { ramSize, setRamSize } from './mmu/physical';
import { dropWriteTags, flushTlb as flushAllTlb } from './mmu/tlb';
import { probe as probeLinear } from './mmu/walk';
import { resetCpu } from './system/reset';
import { updateMode as update } from './system/mode';
import { mulHigh as multiplyHigh } from './fpu/u128';
import { mulHighSigned64, mulOverflows64 } from './engine/wide';

/** Sets the RAM size in bytes and puts the CPU into its reset state (real mode at F000:FFF0). */
export function configure(ramBytes: f64): void {
  setRamSize(<u64>ramBytes);
  initRun();
  flushDecodedCode();
  resetCpu();
}
/** Processor reset: registers and caches, not memory. */
export function reset(): void {
  flushDecodedCode();
  resetCpu();
}
/** Runs about `budget` instructions. Returns EXIT_*. Unwinds through raise() on a guest fault: then call deliverFault() and run() again. */
export function run(budget: i32): i32 {
  return runBudget(budget);
}
/** Executes one instruction; no interrupt is taken. Unwinds as run() does. */
export function step(): i32 {
  return stepOne();
}
/** Delivers the fault that raise() unwound for. May unwind again (then call it again). */
export function deliverFault(): void {
  deliverNoted();
}
/** Makes a run() in progress return at the next control transfer (called from inside a host import). */
export function requestExit(): void {
  store<i64>(ICOUNT_BASE, load<i64>(ICOUNT_BASE) - load<i64>(COUNT));
  store<i64>(COUNT, 0);
  store<i64>(T_LEFT, 0);
}
/** Instructions retired since configure(). */
export function instructionCount(): f64 {
  return <f64>count();
}
/** Call after state in the CPU block was changed by the host (registers of control, segments, flags). */
export function updateMode(): void {
  update();
}
export function flushTlb(): void {
  flushAllTlb(true);
}
export function flushCode(): void {
  flushDecodedCode();
}
/** Forgets all translated code. Between runs; no guest can tell. */
export function dropTranslations(): void {
  dropAllRegions();
}
/** The host is about to change RAM at [physical, +byteCount): drops decoded code there. The caller sets PAGE_DIRTY. */
export function invalidate(physical: f64, byteCount: f64): void {
  let at = <u64>physical;
  const end = at + <u64>byteCount;
  while (at < end) {
    const pageEnd = (at | 0xfff) + 1;
    const stop = pageEnd < end ? pageEnd : end;
    if (at < ramSize && load<u8>(PAGE_FLAGS + <usize>(at >> 12)) & PAGE_HAS_CODE) codeWritten(at, <u32>(stop - at));
    at = stop;
  }
}
/** After the host cleared PAGE_DIRTY flags: the next store to each page sets its flag again. */
export function restartDirtyTracking(): void {
  dropWriteTags();
}
export function eflags(): u32 {
  return Flags.get();
}
export function setEflags(value: u32): void {
  Flags.set(value);
  update();
}
/** Physical address of the linear address in EXCHANGE (u64), into EXCHANGE; all ones when unmapped. Changes nothing. */
export function probe(): void {
  store<u64>(EXCHANGE, probeLinear(load<u64>(EXCHANGE)));
}

// ---- translated code ----------------------------------------------------------------------------------------------------
/** The function of region `region` (see translated() in host.ts) is in `slot` of the exported table. */
export function linkRegion(region: u32, slot: u32): void {
  link(region, slot);
}
// Imports of translated modules, in the order of IMPORT_* in engine/emit.ts. Records are copies that live with the region.
export function callHelper(record: usize): u32 {
  return helper(record);
}
export function divideWide(high: u64, low: u64, divisor: u64): u64 {
  return core<Interp>().divWide(high, low, divisor);
}
export function mulHigh(a: u64, b: u64): u64 {
  return multiplyHigh(a, b);
}
export function mulHighSigned(a: u64, b: u64): u64 {
  return mulHighSigned64(a, b);
}
export function mulOverflows(a: u64, b: u64): u32 {
  return mulOverflows64(a, b);
}
/** An x87 instruction between registers that has no function of its own below. */
export function x87Call(record: usize): void {
  x87(record);
}
export {
  x87Single,
  x87Double,
  x87Integer,
  x87PushSingle,
  x87PushDouble,
  x87PushInteger,
  x87PushExtended,
  x87Registers,
  x87Compare,
  x87CompareToFlags,
  x87PushRegister,
  x87Copy,
  x87Exchange,
  x87ChangeSign,
  x87SquareRoot,
  x87ToSingle,
  x87ToDouble,
  x87ToInteger16,
  x87ToInteger32,
  x87ToInteger64,
  x87ToExtended,
  x87SetControl,
  x87AddRegisters,
  x87MultiplyRegisters,
  x87AddDouble,
  x87MultiplyDouble,
} from './x87/translated';
// ---- tests --------------------------------------------------------------------------------------------------------------
/** Decodes the instruction in CODE_BYTES in the current MODE into a record at EXCHANGE. Returns its length. */
export function decodeLength(): u32 {
  return decodeOne(CODE_BYTES, changetype<Insn>(EXCHANGE), 0);
}
