/** The run loop's inner half: one budget of instructions, single steps, and what happens when a fault unwound us. */
import {
  CODE_BASE,
  COUNT,
  CURRENT,
  DR,
  EFLAGS_REST,
  EXIT_BUDGET,
  EXIT_EVENT,
  EXIT_HALT,
  EXIT_REASON,
  EXIT_SHUTDOWN,
  FAULT_ERROR,
  FAULT_HAS_ERROR,
  FAULT_KIND,
  FAULT_VECTOR,
  HALTED,
  ICOUNT_BASE,
  INTR,
  LINEAR_MASK,
  NMI_BLOCKED,
  NMI_PENDING,
  OP_END,
  OP_ENTER,
  OP_RESYNC,
  OP_STOP,
  OP_STRADDLE,
  RECORD_SIZE,
  RIP,
  R_DISP,
  R_IMM,
  R_WHERE,
  SHADOW,
  SHADOW_COUNT,
  SHADOW_STACK,
  SHUTDOWN,
  START,
  STATS,
  STAT_FAULTS,
  STEP_RECORDS,
  STOP_RECORD,
  T_LEFT,
  T_TIER,
  TIER_MIXED,
  TIER_TRANSLATE,
} from '../layout';
import { dispatch } from '../generated/dispatch';
import { Insn } from './backend';
import { IF, TF } from './flags';
import { enter, flushCode, ipOf, isArenaLow, next, setNext, straddle } from './cache';
import { isFullOfRegions } from './region';
import { dropAllRegions, forgive } from './regions';
import { endedTranslated, forgetEnd, isTranslated, warm } from './translated';
import { acknowledge } from '../host';
import { DB, NMI } from '../system/fault';
import {
  deliver,
  endSoftware,
  EXTERNAL,
  FAULT,
  setSingleStep,
  singleStep,
  takeBackSoftware,
  TRAP,
} from '../system/interrupt';

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

/** The instruction that comes is the one after STI, MOV SS or POP SS: interrupts wait. */
function inShadow(): bool {
  return load<u32>(SHADOW) != 0 && load<i64>(SHADOW_COUNT) == instructionCount();
}
/** Interrupts are held for the instruction after record `i`. */
export function castShadow(record: usize, kind: u32): void {
  store<u32>(SHADOW, kind);
  store<i64>(SHADOW_COUNT, instructionCountAt(record) + 1);
}

/** Runs up to about `budget` instructions (whole runs of records; see RUN_MAX). Returns EXIT_*. */
export function run(budget: i32): i32 {
  if (load<u32>(SHUTDOWN)) return EXIT_SHUTDOWN;
  setBudget(budget);
  store<u32>(EXIT_REASON, EXIT_BUDGET);
  const shadow = inShadow();
  if (!shadow && interruptReady()) takeInterrupt();
  if (load<u32>(SHUTDOWN)) return EXIT_SHUTDOWN;
  if (load<u32>(HALTED)) return EXIT_HALT;
  if (shadow || load<u32>(EFLAGS_REST) & TF) {
    stepTrapped();
    // One instruction only: the caller comes back at once.
    return exitReason(EXIT_EVENT);
  }
  store<i64>(T_LEFT, budget);
  if (load<u32>(T_TIER) == TIER_MIXED) warmHere(1);
  do {
    nextPart();
    if (load<u32>(T_TIER) == TIER_TRANSLATE) translateHere();
    resume();
    dispatch();
  } while (load<u32>(EXIT_REASON) == EXIT_BUDGET && sample());
  return exitReason(EXIT_BUDGET);
}

/** Translates at first sight. */
function translateHere(): void {
  if (isFullOfRegions()) dropAllRegions();
  if (isArenaLow()) flushCode();
  warmHere(SAMPLE_HEAT);
}
function warmHere(by: u32): void {
  const linear = (load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK);
  store<u32>(CURRENT, 0);
  if (!isTranslated(enter(linear))) warm(linear, by);
}

// ---- what is hot: where the interpreter is when a part of the budget ends ------------------------------------------------
/** Instructions of a part: while the interpreter works, and while translated code does. */
const PART_INTERPRETED: i64 = 1200;
const PART_TRANSLATED: i64 = 30000;
/** What a sample adds to an address's heat. */
const SAMPLE_HEAT: u32 = 10;
/** Parts differ in length, so that no loop always ends them in the same place. */
let jitter: u32 = 1;

/** Sets the budget to a part of what is left of the caller's. */
function nextPart(): void {
  const left = load<i64>(T_LEFT);
  const tier = load<u32>(T_TIER);
  let part = left;
  if (tier == TIER_MIXED) {
    jitter = jitter * 1103515245 + 12345;
    part = endedTranslated ? PART_TRANSLATED : PART_INTERPRETED + <i64>((jitter >>> 16) & 511);
  } else if (tier == TIER_TRANSLATE && !endedTranslated) part = 1;
  if (part > left) part = left;
  store<i64>(T_LEFT, left - part);
  setBudget(part);
  forgetEnd();
}
/** A part is used up: notes what is hot. Returns whether there is another. */
function sample(): bool {
  // What this part did too much.
  const left = load<i64>(T_LEFT) + load<i64>(COUNT);
  store<i64>(T_LEFT, left);
  if (left <= 0) return false;
  if (!endedTranslated && load<u32>(T_TIER) == TIER_MIXED) {
    warmHere(SAMPLE_HEAT);
  }
  if (isFullOfRegions()) dropAllRegions();
  if (isArenaLow()) flushCode();
  const period = instructionCount() >> FORGIVE_SHIFT;
  if (period != forgiven) {
    forgiven = period;
    forgive();
  }
  return true;
}
/** Each 64 M instructions. */
const FORGIVE_SHIFT: i64 = 26;
let forgiven: i64 = 0;

/** Why the run ended: `usual` unless something else is noted. */
function exitReason(usual: u32): u32 {
  const reason = load<u32>(EXIT_REASON);
  // An interrupt came up while the instructions before HLT ran.
  if (reason == EXIT_HALT && interruptReady()) return EXIT_EVENT;
  return reason == EXIT_BUDGET ? usual : reason;
}

function resume(): void {
  store<u32>(CURRENT, 0);
  const record = enter((load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK));
  store<usize>(START, record);
  setNext(record);
}

/** Executes exactly one instruction (one iteration chunk of a REP). The budget is charged for it. */
function stepOne(): void {
  // A fault may have ended the run before with a part of its budget left: a repetition must not take it.
  store<i64>(T_LEFT, 0);
  const left = load<i64>(COUNT) - 1;
  store<i64>(COUNT, 1);
  store<i64>(ICOUNT_BASE, load<i64>(ICOUNT_BASE) - left);
  resume();
  let record = next;
  while (load<u16>(record) == OP_END || load<u16>(record) == OP_RESYNC) {
    resume();
    record = next;
  }
  if (load<u16>(record) == OP_ENTER) record += RECORD_SIZE;
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

/** One instruction; a single-step trap follows when EFLAGS.TF was set at its start. SDM Vol. 3B, 17.3.1.4. */
function stepTrapped(): void {
  setSingleStep((load<u32>(EFLAGS_REST) & TF) != 0);
  stepOne();
  store<u32>(CURRENT, 0);
  if (!singleStep || load<u32>(SHUTDOWN)) return;
  // A load of SS holds the trap until the next instruction is done. SDM Vol. 3A, 6.8.3.
  if (load<u32>(SHADOW) == SHADOW_STACK && inShadow()) return;
  if (load<u32>(HALTED)) store<u32>(EXIT_REASON, EXIT_EVENT);
  store<u64>(DR6, load<u64>(DR6) | DR6_BS);
  deliver(DB, TRAP, 0, false);
}
const DR6: usize = DR + 6 * 8;
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
  takeBackSoftware();
  store<u32>(SHADOW, 0);
}

/** Delivers the fault noted in FAULT_*. May raise again; the host then calls it again, which makes a double fault. */
export function deliverFault(): void {
  const kind = load<u32>(FAULT_KIND);
  // A trap's own instruction is done; a fault while it is delivered comes back here as a fault.
  if (kind == FAULT) settleFault();
  deliver(load<u32>(FAULT_VECTOR), kind, load<u32>(FAULT_ERROR), load<u32>(FAULT_HAS_ERROR) != 0);
  endSoftware();
}
