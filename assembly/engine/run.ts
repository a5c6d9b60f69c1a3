/** The run loop's inner half: one budget of instructions, single steps, and what happens when a fault unwound us. */
import {
  CODE_BASE, COUNT, CURRENT, EFLAGS_REST, EXIT_BUDGET, EXIT_HALT, EXIT_REASON, EXIT_SHUTDOWN, FAULT_ERROR, FAULT_HAS_ERROR,
  FAULT_KIND, FAULT_VECTOR, HALTED, ICOUNT_BASE, INTR, LINEAR_MASK, NMI_BLOCKED, NMI_PENDING, OP_END, OP_RESYNC, OP_STOP, OP_STRADDLE,
  RECORD_SIZE, RIP, R_DISP, R_IMM, R_WHERE, SHADOW, SHUTDOWN, START, STATS, STAT_FAULTS, STEP_RECORDS, STOP_RECORD,
} from '../layout';
import { dispatch } from '../generated/dispatch';
import { Insn } from './backend';
import { IF, TF } from './flags';
import { enter, ipOf, next, setNext, straddle } from './cache';
import { acknowledge } from '../host';
import { DB, NMI } from '../system/fault';
import { deliver, EXTERNAL, TRAP } from '../system/interrupt';

export function initRun(): void {
  store<u16>(STOP_RECORD, OP_STOP);
}

/** Instructions retired since reset. */
export function instructionCount(): i64 {
  return load<i64>(ICOUNT_BASE) - load<i64>(COUNT);
}
/** The same, exact inside a run, at record `i`. */
export function instructionCountAt(record: usize): i64 {
  return instructionCount() + <i64>((record - load<u32>(START)) >> 4);
}

function setBudget(budget: i64): void {
  store<i64>(ICOUNT_BASE, instructionCount() + budget);
  store<i64>(COUNT, budget);
}

/** An event that ends HLT and can be taken now? */
function interruptReady(): bool {
  if (load<u32>(NMI_PENDING) && !load<u32>(NMI_BLOCKED)) return true;
  return load<u32>(INTR) != 0 && (load<u32>(EFLAGS_REST) & IF) != 0;
}

/** Takes at most one pending interrupt. */
function takeInterrupt(): void {
  if (load<u32>(NMI_PENDING) && !load<u32>(NMI_BLOCKED)) {
    store<u32>(NMI_PENDING, 0);
    store<u32>(HALTED, 0);
    store<u32>(NMI_BLOCKED, 1);
    store<u32>(CURRENT, 0);
    deliver(NMI, EXTERNAL, 0, false);
    return;
  }
  const vector = acknowledge();
  if (vector < 0) return;
  store<u32>(HALTED, 0);
  store<u32>(CURRENT, 0);
  deliver(<u32>vector, EXTERNAL, 0, false);
}

/** Runs up to about `budget` instructions (whole runs of records; see RUN_MAX). Returns EXIT_*. */
export function run(budget: i32): i32 {
  if (load<u32>(SHUTDOWN)) return EXIT_SHUTDOWN;
  setBudget(budget);
  store<u32>(EXIT_REASON, EXIT_BUDGET);
  if (load<u32>(SHADOW)) {
    stepOne();
    store<u32>(SHADOW, 0);
    if (load<i64>(COUNT) <= 0 || load<u32>(SHUTDOWN) || load<u32>(HALTED)) return load<u32>(EXIT_REASON);
  }
  if (interruptReady()) takeInterrupt();
  if (load<u32>(HALTED)) return EXIT_HALT;
  if (load<u32>(EFLAGS_REST) & TF) {
    stepTrapped();
    return load<u32>(EXIT_REASON);
  }
  resume();
  dispatch();
  return load<u32>(EXIT_REASON);
}

function resume(): void {
  store<u32>(CURRENT, 0);
  const record = enter((load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK));
  store<usize>(START, record);
  setNext(record);
}

/** Executes exactly one instruction (one iteration chunk of a REP). The budget is charged for it. */
function stepOne(): void {
  const left = load<i64>(COUNT) - 1;
  store<i64>(COUNT, 1);
  store<i64>(ICOUNT_BASE, load<i64>(ICOUNT_BASE) - left);
  resume();
  let record = next;
  while (load<u16>(record) == OP_END || load<u16>(record) == OP_RESYNC) {
    resume();
    record = next;
  }
  if (load<u16>(record) == OP_STRADDLE) {
    straddle(changetype<Insn>(record));
    record = next;
    if (load<u16>(record) == OP_STRADDLE) record += RECORD_SIZE;
  }
  memory.copy(STEP_RECORDS, record, RECORD_SIZE);
  const end = STEP_RECORDS + RECORD_SIZE;
  const where = <u32>load<u16>(STEP_RECORDS, R_WHERE);
  store<u16>(end, OP_END);
  store<u16>(end, 0, R_WHERE);
  store<u32>(end, 0, R_DISP);
  store<u32>(end, (where & 0xfff) + (where >> 12), R_IMM);
  store<u32>(START, STEP_RECORDS);
  setNext(STEP_RECORDS);
  dispatch();
  // Back to the caller's budget.
  store<i64>(ICOUNT_BASE, load<i64>(ICOUNT_BASE) + left);
  store<i64>(COUNT, load<i64>(COUNT) + left);
}

/** One instruction with EFLAGS.TF set at its start: a single-step trap follows. SDM Vol. 3B, 17.3.1.4. */
function stepTrapped(): void {
  stepOne();
  store<u32>(CURRENT, 0);
  if (load<u32>(SHUTDOWN)) return;
  raiseSingleStep();
}
function raiseSingleStep(): void {
  store<u64>(DR6, load<u64>(DR6) | DR6_BS);
  deliver(DB, TRAP, 0, false);
}
const DR6: usize = 0x10e8 + 6 * 8;
const DR6_BS: u64 = 1 << 14;

/** One instruction, for tests and debuggers. No interrupt is taken. */
export function step(): i32 {
  if (load<u32>(SHUTDOWN)) return EXIT_SHUTDOWN;
  setBudget(1);
  store<u32>(EXIT_REASON, EXIT_BUDGET);
  stepOne();
  return load<u32>(EXIT_REASON);
}

/** The host caught raise(): settle the count, find the faulting instruction's address. */
export function settleFault(): void {
  store<u64>(STATS + STAT_FAULTS, load<u64>(STATS + STAT_FAULTS) + 1);
  const record: usize = load<u32>(CURRENT);
  if (record) {
    store<i64>(COUNT, load<i64>(COUNT) - <i64>((record - load<u32>(START)) >> 4));
    store<u64>(RIP, ipOf(record));
    store<u32>(CURRENT, 0);
    store<u32>(START, STOP_RECORD);
  }
  store<u32>(SHADOW, 0);
}

/** Delivers the fault noted in FAULT_*. May raise again; the host then calls it again, which makes a double fault. */
export function deliverFault(): void {
  settleFault();
  deliver(load<u32>(FAULT_VECTOR), load<u32>(FAULT_KIND), load<u32>(FAULT_ERROR), load<u32>(FAULT_HAS_ERROR) != 0);
}
