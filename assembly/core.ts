/**
 * Every export of the core: with host.ts, this is the ABI. Linear memory is imported; its layout is layout.ts.
 * 64-bit values cross as f64 (counts, physical addresses) or through EXCHANGE.
 */
import { CODE_BYTES, COUNT, CURRENT, EXCHANGE, ICOUNT_BASE, PAGE_FLAGS, PAGE_HAS_CODE } from './layout';
import { core, Insn } from './engine/backend';
import { branchIndirect, branchRelative, codeWritten, flushCode as flushDecodedCode } from './engine/cache';
import { decodeOne } from './engine/decode';
import { Interp } from './engine/interp';
import { afterEmitted as settleEmitted, emitAt, emittedInsns } from './engine/translate';
import { callHelper as helper } from './generated/emit-dispatch';
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
import { withReal } from './x87/operations';
import { begin as beginX87 } from './x87/stack';

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
/** Writes a function for up to `count` instructions at RIP to EMIT_CODE: its size in bytes, or 0 when the first has no emitted form. */
export function emit(count: i32): u32 {
  return emitAt(count);
}
/** Instructions that the last emit() took in. */
export function emittedCount(): i32 {
  return emittedInsns();
}
/** After an emitted function returned `done`: RIP is that of the first instruction not done. */
export function afterEmitted(done: i32): void {
  settleEmitted(done);
}
/** Imports of emitted functions. */
export function callHelper(record: usize): void {
  helper(changetype<Insn>(record));
}
export function branchTo(record: usize, ip: u64): void {
  branchIndirect(changetype<Insn>(record), ip);
}
export function branch(record: usize, mask: u64): void {
  branchRelative(changetype<Insn>(record), mask);
}
export function x87Begin(record: usize): void {
  store<usize>(CURRENT, record);
  beginX87(changetype<Insn>(record));
}
export function x87Single(operation: u32, bits: u32): void {
  withReal<u32>(operation, bits);
}
export function x87Double(operation: u32, bits: u64): void {
  withReal<u64>(operation, bits);
}
export function divideWide(high: u64, low: u64, divisor: u64): u64 {
  return core<Interp>().divWide(high, low, divisor);
}
// ---- tests --------------------------------------------------------------------------------------------------------------
/** Decodes the instruction in CODE_BYTES in the current MODE into a record at EXCHANGE. Returns its length. */
export function decodeLength(): u32 {
  return decodeOne(CODE_BYTES, changetype<Insn>(EXCHANGE), 0);
}
