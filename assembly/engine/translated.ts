/**
 * Executes translated code: enters a region, settles what its exit left open, and goes on with the next region as long as there
 * is one. The table of functions belongs to this module's instance; the host sets its slots.
 */
import {
  CODE_BASE,
  COUNT,
  CURRENT,
  FLAG_AUX,
  FLAG_RESULT,
  GPR,
  ICOUNT_BASE,
  IP_MASK,
  LINEAR_MASK,
  LINEAR_PAGE,
  OP_ENTER,
  RECORD_SIZE,
  RIP,
  R_DISP,
  R_IMM,
  R_R1,
  R_R0,
  R_WHERE,
  STACK_MASK,
  START,
  STOP_RECORD,
  TIER_INTERPRET,
  TIER_TRANSLATE,
  TS_DECLINED,
  TS_DROPPED,
  TS_ENTERED,
  TS_EXIT_BUDGET,
  TS_EXIT_HELPER,
  TS_EXIT_INDIRECT,
  TS_EXIT_JUMP,
  TS_EXIT_LEAVE,
  TS_LOOKUP_MISS,
  TS_RETIRED,
  TS_UNTRANSLATED,
  T_BASE,
  T_FLAG_A,
  T_FLAG_B,
  T_FLAG_KIND,
  T_GENERATION,
  T_KEY,
  T_KEY_GLOBAL,
  T_LEAVES_MANY,
  T_PASSED_MANY,
  T_THRESHOLD,
  T_TIER,
} from '../layout';
import { cold } from '../generated/dispatch';
import { Insn } from './backend';
import { addStub, arrive, enter, ipAfter, next, setNext } from './cache';
import { FLAGS_ADD, FLAGS_DEC, FLAGS_DYNAMIC, FLAGS_INC, FLAGS_READY, FLAGS_SUB } from './emit-flags';
import { troubleAt } from './emit-memory';
import { isFullOfRegions, translate } from './region';
import {
  COLD_FOR_EVER,
  countStatistic,
  E_BLOCK,
  E_GENERATION,
  E_KEY,
  E_OFFSET,
  E_READS_FLAGS,
  E_REGION,
  E_SLOT,
  entryFor,
  epoch,
  EXIT_INDIRECT,
  EXIT_LEAVE,
  EXIT_SWITCH,
  heatOf,
  isGoodAt,
  isNow,
  newGeneration,
  pageOf,
  linkOf,
  R_ALIVE,
  R_ENTRIES,
  R_ENTRY_COUNT,
  R_FLAGS,
  R_LEAVES,
  R_PAGES,
  R_SEED,
  R_SLOT,
  R_VALID_GENERATION,
  REGION_CALLS,
  REGION_LEARNT,
  regionAt,
  regionCount,
  X_BLOCK,
  X_COUNT,
  X_FLAGS,
  X_GENERATION,
  X_KIND,
  X_OFFSET,
  X_PASSED,
  X_READS_FLAGS,
  X_REGION,
  X_SINCE,
  X_SLOT,
  X_TARGET,
  X_TO_OFFSET,
} from './regions';
import { learnTarget } from './targets';

/** A stub's immediate: region << BLOCK_BITS | block. */
const BLOCK_BITS: u32 = 8;
const TROUBLE_MAX: u32 = 2;
/** Low bits of X_FLAGS. */
const FLAG_KIND_MASK: u32 = 15;
/** Translated, but the module is not there yet. */
const WAITING: u32 = 65534;

// ---- flags ----------------------------------------------------------------------------------------------------------
/**
 * Makes the second word of the lazy flags from what translated code left, for whoever knows only the two words. The same sums as
 * emit-flags.ts, at run time.
 */
function commitFlags(): void {
  const code = load<u32>(T_FLAG_KIND);
  const kind = code & 15;
  if (kind == FLAGS_READY) return;
  store<u32>(T_FLAG_KIND, FLAGS_READY);
  const top: u64 = <u64>((8 << (code >> 4)) - 1); // number of the sign bit
  const a = load<u64>(T_FLAG_A);
  const r = load<u64>(FLAG_RESULT);
  if (kind == FLAGS_ADD || kind == FLAGS_SUB) {
    const b = load<u64>(T_FLAG_B);
    const carries = kind == FLAGS_ADD ? (a & b) | ((a | b) & ~r) : (~a & b) | (~(a ^ b) & r);
    store<u32>(FLAG_AUX, (((<u32>(carries >> (top - 1))) & 3) << 30) | ((<u32>carries) & 8));
  } else if (kind == FLAGS_INC || kind == FLAGS_DEC) {
    const least = (<u64>1) << top;
    const cf = load<u32>(FLAG_AUX) >>> 31;
    const ov = u32(a == (kind == FLAGS_INC ? least - 1 : least));
    store<u32>(FLAG_AUX, (cf << 31) | ((cf ^ ov) << 30) | (((<u32>(a ^ r)) >>> 1) & 8));
  } else store<u32>(FLAG_AUX, ((<u32>(a >> (top - 1))) & 3) << 30);
}

// ---- entering -------------------------------------------------------------------------------------------------------
/** In 32-bit stacks the upper half of RSP is taken for zero. */
function isStackPlain(): bool {
  return load<u64>(STACK_MASK) != 0xffffffff || load<u32>(GPR + 32, 4) == 0;
}
/** Is the stub's region one of those that there are now? */
function isOfNow(stub: usize): bool {
  return load<u16>(stub, R_R1) == <u16>epoch && load<u32>(stub, R_IMM) >> BLOCK_BITS < regionCount;
}
/** The stub's region at the page being executed, or 0: its base then is in T_BASE. */
function regionOf(stub: usize): usize {
  const index = load<u32>(stub, R_IMM) >> BLOCK_BITS;
  const region = regionAt(index);
  if (!isOfNow(stub) || !load<u32>(region, R_ALIVE) || !load<u32>(region, R_SLOT)) return 0;
  const base = (load<u64>(LINEAR_PAGE) - ((<u64>(<i64>load<i32>(stub, R_DISP))) << 12)) & load<u64>(LINEAR_MASK);
  if (!isGoodAt(region, base, pageOf(region, load<i32>(stub, R_DISP))) || !isStackPlain()) {
    countStatistic(TS_DECLINED, 1);
    return 0;
  }
  store<u64>(T_BASE, base);
  return region;
}

/** OP_ENTER: goes on in translated code if it can; sets `next`. COUNT is exact here. */
export function enterTranslated(i: Insn): void {
  const stub = changetype<usize>(i);
  const region = load<i64>(COUNT) > 0 && load<u32>(T_TIER) != TIER_INTERPRET ? regionOf(stub) : 0;
  if (!region) {
    // The instruction itself follows.
    store<u32>(START, <u32>(stub + RECORD_SIZE));
    setNext(stub + RECORD_SIZE);
    return;
  }
  countStatistic(TS_ENTERED, 1);
  const before = load<i64>(ICOUNT_BASE) - load<i64>(COUNT);
  store<u32>(T_FLAG_KIND, FLAGS_READY);
  store<u32>(CURRENT, 0);
  runRegions(region, load<u32>(stub, R_IMM) & ((1 << BLOCK_BITS) - 1));
  // A repetition may have taken more of the caller's budget into COUNT.
  countStatistic(TS_RETIRED, <u64>(load<i64>(ICOUNT_BASE) - load<i64>(COUNT) - before));
}

/** The last part of the budget ended in translated code. */
export let endedTranslated: bool = false;
export function forgetEnd(): void {
  endedTranslated = false;
}

/** Runs region after region; sets `next`. */
function runRegions(first: usize, firstBlock: u32): void {
  let block = firstBlock;
  let slot: u32 = load<u32>(first, R_SLOT);
  while (true) {
    const x: usize = call_indirect<u32>(slot, block);
    if (!x) {
      countStatistic(TS_EXIT_HELPER, 1);
      const region = regionAfterHelper();
      if (!region) return;
      block = load<u32>(next, R_IMM) & ((1 << BLOCK_BITS) - 1);
      slot = load<u32>(region, R_SLOT);
      continue;
    }
    const kind: u32 = load<u8>(x, X_KIND);
    const flags: u32 = load<u8>(x, X_FLAGS);
    if ((flags & FLAG_KIND_MASK) < <u32>FLAGS_DYNAMIC) store<u32>(T_FLAG_KIND, flags);
    if (kind == EXIT_LEAVE) {
      store<i64>(COUNT, load<i64>(COUNT) + <i64>load<u16>(x, X_COUNT));
      setRip(x);
      commitFlags();
      countStatistic(TS_EXIT_LEAVE, 1);
      noteLeave(regionAt(load<u16>(x, X_REGION)));
      interpretNext();
      return;
    }
    const base = load<u64>(T_BASE);
    const at = base + <u64>(<i64>load<i32>(x, X_OFFSET));
    const linear = (kind < EXIT_INDIRECT ? at : load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK);
    if (load<i64>(COUNT) <= 0) {
      if (kind < EXIT_INDIRECT) setRip(x);
      commitFlags();
      countStatistic(TS_EXIT_BUDGET, 1);
      endedTranslated = true;
      arrive(true, load<u64>(RIP));
      return;
    }
    countStatistic(kind >= EXIT_INDIRECT ? TS_EXIT_INDIRECT : TS_EXIT_JUMP, 1);
    const passed: u32 = <u32>load<u16>(x, X_PASSED) + 1;
    store<u16>(x, <u16>passed, X_PASSED);
    if (passed < load<u32>(T_PASSED_MANY)) {
      const when = load<u32>(x, X_GENERATION);
      if (load<u64>(x, X_TARGET) == linear && isNow(when)) {
        // The mode is as it was, so the stack still is plain.
        block = load<u8>(x, X_BLOCK);
        slot = load<u16>(x, X_SLOT);
        store<u64>(LINEAR_PAGE, linear & ~0xfff);
        store<u64>(T_BASE, linear - <u64>(<i64>load<i32>(x, X_TO_OFFSET)));
        if (load<u8>(x, X_READS_FLAGS)) commitFlags();
        continue;
      }
    } else notePasses(x, passed);
    // The next region.
    if (kind < EXIT_INDIRECT) setRip(x);
    else if (kind == EXIT_SWITCH && learnTarget(at, linear)) {
      const region = regionAt(load<u16>(x, X_REGION));
      store<u32>(region, load<u32>(region, R_FLAGS) | REGION_LEARNT, R_FLAGS);
    }
    const entry = entryFor(linear);
    const when = load<u64>(entry, E_KEY);
    if (load<u64>(entry) != linear || (when != load<u64>(T_KEY) && when != load<u64>(T_KEY_GLOBAL))) {
      commitFlags();
      countStatistic(TS_LOOKUP_MISS, 1);
      if (!findEntry(entry, linear)) return;
    }
    block = load<u8>(entry, E_BLOCK);
    slot = load<u32>(entry, E_SLOT);
    store<u64>(LINEAR_PAGE, linear & ~0xfff);
    store<u64>(T_BASE, linear - <u64>(<i64>load<i32>(entry, E_OFFSET)));
    if (load<u8>(entry, E_READS_FLAGS)) commitFlags();
    // Next time it is known here.
    store<u16>(x, <u16>slot, X_SLOT);
    store<u8>(x, <u8>block, X_BLOCK);
    store<u8>(x, load<u8>(entry, E_READS_FLAGS), X_READS_FLAGS);
    store<u64>(x, linear, X_TARGET);
    store<u32>(x, load<u32>(entry, E_GENERATION), X_GENERATION);
    store<i32>(x, load<i32>(entry, E_OFFSET), X_TO_OFFSET);
  }
}
/** A helper changed control and set `next`: the region that goes on there, or 0 when tier 0 does. */
function regionAfterHelper(): usize {
  store<u32>(T_FLAG_KIND, FLAGS_READY);
  if (load<u16>(next) != OP_ENTER) {
    const linear = (load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK);
    // Not where the budget ended, or in the middle of a repetition.
    if (next == STOP_RECORD || linear != (load<u64>(LINEAR_PAGE) | ((<u64>load<u16>(next, R_WHERE)) & 0xfff))) return 0;
    warm(linear, 1);
    setNext(enter(linear));
    store<u32>(START, <u32>next);
    if (load<u16>(next) != OP_ENTER) return 0;
  }
  return load<i64>(COUNT) > 0 ? regionOf(next) : 0;
}
/** Sets RIP to where an exit goes that is not indirect. T_BASE is that of its region. */
function setRip(x: usize): void {
  const at = load<u64>(T_BASE) + <u64>(<i64>load<i32>(x, X_OFFSET));
  store<u64>(RIP, (at - load<u64>(CODE_BASE)) & load<u64>(IP_MASK));
}
/** Fills the entry for `linear`, which is where RIP is. Returns false when tier 0 goes on there: `next` is set then. */
function findEntry(entry: usize, linear: u64): bool {
  let record = enter(linear);
  if (load<u16>(record) != OP_ENTER) {
    warm(linear, 1);
    record = enter(linear);
  }
  if (load<u16>(record) == OP_ENTER) {
    const region = regionOf(record);
    if (region) {
      store<u64>(entry, linear);
      store<u32>(entry, load<u32>(T_KEY), E_KEY);
      store<u32>(entry, load<u32>(region, R_VALID_GENERATION), E_GENERATION);
      store<u32>(entry, load<u32>(region, R_SLOT), E_SLOT);
      store<u8>(entry, <u8>(load<u32>(record, R_IMM) & ((1 << BLOCK_BITS) - 1)), E_BLOCK);
      store<u8>(entry, load<u8>(record, R_R0), E_READS_FLAGS);
      store<u32>(entry, <u32>region, E_REGION);
      store<i32>(entry, <i32>(linear - load<u64>(T_BASE)), E_OFFSET);
      return true;
    }
    if (!isTranslated(record)) warm(linear, 1);
    record += RECORD_SIZE;
  } else countStatistic(TS_UNTRANSLATED, 1);
  store<u32>(START, <u32>record);
  setNext(record);
  return false;
}
/** Tier 0 does the instruction at RIP, whatever translated code there is. */
function interpretNext(): void {
  let record = enter((load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK));
  if (load<u16>(record) == OP_ENTER) record += RECORD_SIZE;
  store<u32>(START, <u32>record);
  setNext(record);
}

/** A region left in the middle. When that happens often, the code is written in another way next time. */
function noteLeave(region: usize): void {
  const leaves: u32 = <u32>load<u16>(region, R_LEAVES) + 1;
  store<u16>(region, <u16>leaves, R_LEAVES);
  if (leaves != load<u32>(T_LEAVES_MANY)) return;
  const trouble = troubleAt((load<u64>(RIP) + load<u64>(CODE_BASE)) & load<u64>(LINEAR_MASK));
  if (load<u8>(trouble) >= <u8>TROUBLE_MAX) return;
  store<u8>(trouble, load<u8>(trouble) + 1);
  store<u32>(region, 0, R_ALIVE);
  countStatistic(TS_DROPPED, 1);
  newGeneration(true);
}
/** Guest instructions for each time that control passes on, at most, where time is spent on nothing else. */
const PASS_SPAN: u32 = 100;
/** An exit was taken often. In a short time? Otherwise the code is merely used much, and more of it in one place would only crowd caches. */
function notePasses(x: usize, passed: u32): void {
  const now: u32 = epochs();
  const span = (now - <u32>load<u16>(x, X_SINCE)) & 0xffff;
  store<u16>(x, <u16>now, X_SINCE);
  store<u16>(x, 0, X_PASSED);
  if (span <= (passed * PASS_SPAN) >> 16) takeInCallees(regionAt(load<u16>(x, X_REGION)));
}
/** Instructions retired, in units of 65,536. */
function epochs(): u32 {
  return <u32>((load<i64>(ICOUNT_BASE) - load<i64>(COUNT)) >> 16);
}
/** A region passes control on so often that what it calls should be part of it, or where its indirect jumps go by now. */
function takeInCallees(region: usize): void {
  const flags = load<u32>(region, R_FLAGS);
  if ((flags & REGION_CALLS && !(flags & REGION_LEARNT)) || isFullOfRegions()) return;
  store<u32>(region, flags & ~REGION_LEARNT, R_FLAGS);
  translate(load<u64>(region, R_SEED), true);
}
// ---- heat -------------------------------------------------------------------------------------------------------------
/** Control came to `linear`, which is not translated; when that happens often it is. */
export function warm(linear: u64, by: u32): void {
  const tier = load<u32>(T_TIER);
  if (tier == TIER_INTERPRET) return;
  const heat = heatOf(linear);
  const now: u32 = load<u16>(heat);
  if (now == WAITING || (now == COLD_FOR_EVER && tier != TIER_TRANSLATE)) return;
  if (now + by < load<u32>(T_THRESHOLD)) {
    store<u16>(heat, <u16>(now + by));
    return;
  }
  if (isFullOfRegions()) return; // the run loop drops everything soon
  // The host may link it at once.
  store<u16>(heat, <u16>WAITING);
  if (!translate(linear, false)) store<u16>(heat, <u16>COLD_FOR_EVER);
}

/** Does a live region begin at `linear` for the mode as it is? Its record is there. */
export function isTranslated(record: usize): bool {
  if (load<u16>(record) != OP_ENTER) return false;
  return isOfNow(record) && load<u32>(regionAt(load<u32>(record, R_IMM) >> BLOCK_BITS), R_ALIVE) != 0;
}

/** The region's function is in `slot` of the table: control may enter it now. */
export function linkRegion(index: u32, slot: u32): void {
  if (index >= regionCount) return;
  const region = regionAt(index);
  store<u16>(heatOf(load<u64>(region, R_SEED)), 0);
  if (!load<u32>(region, R_ALIVE)) return;
  store<u32>(region, slot, R_SLOT);
  // What it replaces must not be found any more.
  if (load<u32>(region, R_FLAGS) & REGION_CALLS) newGeneration(true);
  const entries: usize = load<u32>(region, R_ENTRIES);
  const count: usize = load<u32>(region, R_ENTRY_COUNT);
  const pages = load<i32>(region, R_PAGES);
  for (let n: usize = 0; n < count; n++) {
    const block: u32 = load<u16>(entries + (n << 3));
    const reads: u32 = load<u16>(entries + (n << 3), 2);
    const offset = load<i32>(entries + (n << 3), 4);
    for (let p: i32 = 0; p < pages; p++) {
      const link = linkOf(region, p);
      if (load<i32>(link) != offset >> 12) continue;
      addStub(load<u32>(link, 4), (<u32>offset) & 0xfff, (index << BLOCK_BITS) | block, offset >> 12, reads);
    }
  }
}

// ---- what translated code calls -------------------------------------------------------------------------------------------
/** An instruction without an emitted form. Returns 1 when control does not simply go on behind it: `next` is set then. */
export function callHelper(record: usize): u32 {
  store<u32>(CURRENT, <u32>record);
  store<u32>(START, <u32>record);
  const after = record + RECORD_SIZE;
  setNext(after);
  const generation = load<u32>(T_GENERATION);
  const key = load<u32>(T_KEY);
  cold(changetype<Insn>(record));
  store<u32>(CURRENT, 0);
  if (next != after) return 1;
  store<i64>(COUNT, load<i64>(COUNT) - <i64>((after - load<u32>(START)) >> 4));
  store<u32>(START, <u32>after);
  if (generation == load<u32>(T_GENERATION) && key == load<u32>(T_KEY)) return 0;
  // The mode or the mapping changed: what follows is looked up anew.
  arrive(load<i64>(COUNT) <= 0, ipAfter(changetype<Insn>(record)));
  return 1;
}
/** An instruction between x87 registers. */
export function callX87(record: usize): void {
  cold(changetype<Insn>(record));
}
