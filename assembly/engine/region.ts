/**
 * Makes a region: finds the blocks that belong together from one hot address, sees what each instruction needs (dry runs of
 * the code writer), which flags are alive where, and which loops there are; then has it written and handed to the host.
 * Only code that is decoded already takes part, which is nearly what has been executed.
 */
import {
  LINEAR_MASK,
  MODE,
  MODE_16,
  MODE_CODE_MASK,
  MODE_CS_EDGE,
  OP_ENTER,
  OP_FIRST,
  OP_STRADDLE,
  RECORD_SIZE,
  R_IMM,
  REGIONS_MAX,
  TS_BLOCKS,
  TS_BYTES,
  TS_INSTRUCTIONS,
  TS_REGIONS,
  T_INSNS_MAX,
  T_KEY,
  T_TIER,
  TIER_TRANSLATE,
  U_FRAME,
  U_MAP,
  U_MODE,
} from '../layout';
import { emitInsn, FORM_CALL, FORM_ENDS, FORM_RETURN, FORM_SWITCH, formFlags } from '../generated/emit-dispatch';
import { translated } from '../host';
import { Insn } from './backend';
import { unitAt } from './cache';
import { beginEmit, forgetSettled } from './emit';
import {
  allocateExitSpace,
  arenaEnd,
  beginControl,
  branches,
  ends,
  exitSpaceLeft,
  goesIndirect,
  setArena,
  target,
} from './emit-control';
import {
  beginFlags,
  flagPasses,
  flagReads,
  flagsOnCondition,
  FLAGS_READY,
  flagWrites,
  LIVE_ALL,
  setFlagState,
} from './emit-flags';
import {
  beginBlockWindows,
  beginMemory,
  beginWindows,
  closeWindows,
  mayLeave,
  offerLeaveExit,
  saveWindows,
} from './emit-memory';
import { clearUse, gprUsed, gprWritten, leaveScope, xmmUsed, xmmWritten } from './emit-registers';
import {
  addKind,
  addPage,
  B_COUNT,
  B_DISPATCH,
  B_ENTRY,
  B_EXITS,
  B_FIRST,
  B_GPR_USED,
  B_GPR_WRITTEN,
  B_LOOP_END,
  B_NEEDS,
  B_PREDECESSOR,
  B_PREDECESSORS,
  B_SCOPE,
  B_TARGETED,
  B_XMM_USED,
  B_XMM_WRITTEN,
  blockAt,
  blockCount,
  BLOCKS_MAX,
  branchTarget,
  clearRegion,
  endOf,
  fallThrough,
  followsCalls,
  formOf,
  findInsn,
  findPage,
  firstInsn,
  I_BLOCK,
  I_FORM,
  I_KIND,
  I_LEAVES,
  I_LENGTH,
  I_OFFSET,
  I_ON_CONDITION,
  I_PAGE,
  I_PASSES,
  I_READS,
  I_TARGET,
  I_WANTED,
  I_WRITES,
  insnAt,
  INSN_BRANCHES,
  INSN_CALL,
  INSN_ENDS,
  INSN_ENTRY,
  INSN_INDIRECT,
  INSN_RETURN,
  INSN_LEADER,
  insnCount,
  insnInOrder,
  isCall,
  INSNS_MAX,
  kindOf,
  lastInsn,
  newBlock,
  newInsn,
  pageCount,
  pageOffsetOf,
  setFollowsCalls,
  setInsn,
  setOrder,
  unitOf,
} from './region-blocks';
import { checkNextPage, setInsnAtHand, useFixedLocals, writeRegion, writtenEnd, writtenStart } from './region-writer';
import {
  countStatistic,
  indexOf,
  isOutOfGenerations,
  isRewritten,
  linkPage,
  newRegion,
  PAGE_LINK_SIZE,
  R_ALIVE,
  R_END,
  R_ENTRIES,
  R_ENTRY_COUNT,
  R_FLAGS,
  R_KEY,
  R_LEAST,
  R_LINKS,
  R_PAGES,
  R_SEED,
  REGION_16_BIT,
  REGION_CALLS,
  regionCount,
} from './regions';
import { targetCount, targetDistance } from './targets';
import { beginDryRun, beginValues, hintCount, HINTS } from './wasm';

/** A region with so many instructions takes in no more callees. */
const CALLEES_MAX: i32 = 240;
/** Room that one region may need in the arena of exits. */
const EXIT_SPACE: usize = 0x20000;

// ---- discovery -------------------------------------------------------------------------------------------------------
const PENDING_MAX: i32 = 256;
const pending: usize = memory.data(PENDING_MAX * 4);
let pendingCount: i32 = 0;
let leaders: i32 = 0;
let insnLimit: i32 = 0;
/** Linear address of the first block's page. */
let base: u64 = 0;

/** The record of the instruction at an offset, or 0 when it is not decoded or not for translated code. */
function recordAt(page: i32, offset: i32): usize {
  let record: usize = load<u32>(unitOf(page) + ((<usize>(offset & 0xfff)) << 2), U_MAP);
  if (record && load<u16>(record) == OP_ENTER) record += RECORD_SIZE;
  if (record && load<u16>(record) == OP_STRADDLE) {
    // It crosses into the next page, which then has to be part of the region, and still the one that was decoded.
    const next = pageFor((offset | 0xfff) + 1);
    if (next < 0 || load<u32>(unitOf(next), U_FRAME) != load<u32>(record, R_IMM)) return 0;
    record += RECORD_SIZE;
  }
  return record && load<u16>(record) >= <u16>OP_FIRST ? record : 0;
}
/** Number of the offset's page, which joins the region if it may; -1 when it can't. */
function pageFor(offset: i32): i32 {
  const inPages = offset >> 12;
  const known = findPage(inPages);
  if (known >= 0) return known;
  const unit = unitAt((base + ((<u64>(<i64>inPages)) << 12)) & load<u64>(LINEAR_MASK));
  if (!unit || load<u32>(unit, U_MODE) & MODE_CS_EDGE) return -1;
  if (isRewritten(load<u32>(unit, U_FRAME)) && load<u32>(T_TIER) != TIER_TRANSLATE) return -1;
  return addPage(inPages, unit);
}
/** Marks an offset as the beginning of a block, if it can be one. */
function lead(offset: i32, kind: u32): void {
  const known = findInsn(offset);
  if (known >= 0) {
    const insn = insnAt(known);
    if (!(kindOf(insn) & INSN_LEADER)) {
      if (leaders >= BLOCKS_MAX - 2) return;
      leaders++;
    }
    addKind(insn, INSN_LEADER | kind);
    return;
  }
  if (leaders >= BLOCKS_MAX - 2 || insnCount >= insnLimit || pendingCount >= PENDING_MAX) return;
  const page = pageFor(offset);
  if (page < 0 || !recordAt(page, offset)) return;
  take(page, offset, INSN_LEADER | kind);
  leaders++;
  store<i32>(pending + ((<usize>pendingCount) << 2), offset);
  pendingCount++;
}
/** Takes the instruction at an offset into the region: a dry run tells what it does with control. */
function take(page: i32, offset: i32, kind: u32): usize {
  const n = insnCount;
  const insn = newInsn();
  memory.copy(insn, recordAt(page, offset), RECORD_SIZE);
  store<i32>(insn, offset, I_OFFSET);
  store<u8>(insn, <u8>page, I_PAGE);
  const i = changetype<Insn>(insn);
  store<u8>(insn, <u8>i.length, I_LENGTH);
  setInsn(page, offset, n);
  closeWindows();
  dryRun(insn);
  let what = kind;
  if (branches) what |= INSN_BRANCHES;
  if (goesIndirect) what |= INSN_INDIRECT;
  const flags: u32 = formFlags(<u32>i.op);
  store<u8>(insn, <u8>flags, I_FORM);
  if (flags & FORM_CALL) what |= INSN_CALL;
  if (ends || flags & FORM_ENDS) what |= INSN_ENDS;
  store<i32>(insn, target, I_TARGET);
  store<u8>(insn, <u8>what, I_KIND);
  return insn;
}
function dryRun(insn: usize): void {
  const i = changetype<Insn>(insn);
  beginValues();
  beginEmit();
  beginMemory(pageOffsetOf(<i32>load<u8>(insn, I_PAGE)) << 12, base + <u64>(<i64>load<i32>(insn, I_OFFSET)));
  beginControl();
  beginFlags(LIVE_ALL);
  setFlagState(FLAGS_READY);
  offerLeaveExit(0);
  setInsnAtHand(insn);
  checkNextPage();
  emitInsn(i);
}

/** Places that the indirect jump at an offset went to. */
function leadToTargets(offset: i32): void {
  const source = base + <u64>(<i64>offset);
  const count = targetCount(source);
  for (let n: u32 = 0; n < count; n++) lead(offset + targetDistance(source, n), INSN_ENTRY);
}
/** Another page may have to be looked up when control comes to it: from outside, then. */
function entryFrom(from: i32, to: i32): u32 {
  return from >> 12 == to >> 12 ? 0 : INSN_ENTRY;
}
/** Follows control from an instruction that is taken until it is certain to leave, or meets what is taken. */
function follow(from: i32): void {
  let offset = from;
  while (true) {
    const insn = insnAt(findInsn(offset));
    const kind = kindOf(insn);
    const after = endOf(insn);
    if (formOf(insn) & FORM_SWITCH && followsCalls) leadToTargets(load<i32>(insn, I_OFFSET));
    if (kind & INSN_CALL) {
      lead(after, INSN_ENTRY);
      if (kind & INSN_BRANCHES && followsCalls && insnCount < CALLEES_MAX) lead(load<i32>(insn, I_TARGET), INSN_ENTRY);
      return;
    }
    if (kind & INSN_BRANCHES) {
      const to = load<i32>(insn, I_TARGET);
      // A branch backwards is where time is spent: loops can be entered at their head.
      lead(to, to <= load<i32>(insn, I_OFFSET) ? INSN_ENTRY : entryFrom(offset, to));
      if (!(kind & INSN_ENDS)) lead(after, entryFrom(offset, after));
      return;
    }
    if (kind & INSN_ENDS) return;
    if (findInsn(after) >= 0 || entryFrom(offset, after)) {
      lead(after, entryFrom(offset, after));
      return;
    }
    if (insnCount >= insnLimit) return;
    const page = pageFor(after);
    if (page < 0 || !recordAt(page, after)) return;
    take(page, after, 0);
    offset = after;
  }
}

/** Puts instructions in order and cuts them into blocks. */
function cut(): void {
  // Pages in the order of their addresses, then every offset of each.
  let k: i32 = 0;
  let from: i32 = i32.MIN_VALUE;
  while (true) {
    let next: i32 = i32.MAX_VALUE;
    for (let p: i32 = 0; p < pageCount; p++) {
      const o = pageOffsetOf(p);
      if (o > from && o < next) next = o;
    }
    if (next == i32.MAX_VALUE) break;
    from = next;
    for (let o: i32 = 0; o < 4096; o++) {
      const n = findInsn((next << 12) + o);
      if (n >= 0) setOrder(k++, n);
    }
  }
  let block: i32 = -1;
  let expected: i32 = 0;
  for (let n: i32 = 0; n < k; n++) {
    const insn = insnInOrder(n);
    const offset = load<i32>(insn, I_OFFSET);
    if (block < 0 || kindOf(insn) & INSN_LEADER || offset != expected) {
      block = newBlock(n);
      store<i16>(insn, <i16>block, I_BLOCK);
      if (kindOf(insn) & INSN_ENTRY) store<u8>(blockAt(block), 1, B_ENTRY);
    }
    store<i32>(blockAt(block), load<i32>(blockAt(block), B_COUNT) + 1, B_COUNT);
    if (kindOf(insn) & INSN_CALL) {
      const back = findInsn(endOf(insn));
      if (back >= 0) addKind(insnAt(back), INSN_RETURN);
    }
    expected = kindOf(insn) & (INSN_ENDS | INSN_BRANCHES | INSN_CALL) ? i32.MIN_VALUE : endOf(insn);
  }
}

// ---- loops -------------------------------------------------------------------------------------------------------------
function noteEdge(from: i32, to: i32): void {
  if (to < 0) return;
  const at = blockAt(to);
  store<i16>(at, <i16>from, B_PREDECESSOR);
  if (load<u8>(at, B_PREDECESSORS) < 255) store<u8>(at, load<u8>(at, B_PREDECESSORS) + 1, B_PREDECESSORS);
  if (to <= from && !isCall(from)) {
    store<i32>(at, max<i32>(load<i32>(at, B_LOOP_END), from), B_LOOP_END);
    store<u8>(at, 1, B_ENTRY);
  }
}
/** Loops are stretches of blocks that begin at the target of a branch backwards; where two overlap, the outer one grows. */
function findLoops(): void {
  for (let b: i32 = 0; b < blockCount; b++) {
    noteEdge(b, branchTarget(b));
    noteEdge(b, fallThrough(b));
  }
  let changed = true;
  while (changed) {
    changed = false;
    for (let a: i32 = 0; a < blockCount; a++) {
      const end = load<i32>(blockAt(a), B_LOOP_END);
      for (let b = a + 1; b <= end; b++) {
        const inner = load<i32>(blockAt(b), B_LOOP_END);
        if (inner > end) {
          store<i32>(blockAt(a), inner, B_LOOP_END);
          changed = true;
          break;
        }
      }
    }
  }
  // A loop that control enters elsewhere than at its head needs to know where.
  for (let h: i32 = 0; h < blockCount; h++) {
    const end = load<i32>(blockAt(h), B_LOOP_END);
    for (let b = h + 1; b <= end; b++) if (load<u8>(blockAt(b), B_ENTRY)) store<u8>(blockAt(h), 1, B_DISPATCH);
  }
  for (let b: i32 = 0; b < blockCount; b++) {
    noteEntrance(b, branchTarget(b));
    noteEntrance(b, fallThrough(b));
  }
}
function noteEntrance(from: i32, to: i32): void {
  // Heads of loops are entries already.
  if (to < 0 || to <= from) return;
  for (let h: i32 = 0; h < to; h++) {
    const end = load<i32>(blockAt(h), B_LOOP_END);
    if (end < to || (from >= h && from <= end)) continue;
    store<u8>(blockAt(h), 1, B_DISPATCH);
    store<u8>(blockAt(to), 1, B_TARGETED);
  }
}

/** Innermost loops that control leaves only at their ends have their registers in locals. See emit-registers.ts. */
function findScopes(): void {
  for (let h: i32 = 0; h < blockCount; h++) {
    const end = load<i32>(blockAt(h), B_LOOP_END);
    let fits = end >= 0;
    for (let b = h; b <= end && fits; b++) {
      const kind = kindOf(lastInsn(b));
      fits = (b == h || load<i32>(blockAt(b), B_LOOP_END) < 0) && !(kind & (INSN_CALL | INSN_INDIRECT));
    }
    if (!fits) continue;
    for (let b = h; b <= end; b++) store<i16>(blockAt(b), <i16>h, B_SCOPE);
  }
}

// ---- flags ---------------------------------------------------------------------------------------------------------------
/** What a block needs of the flags at its start, from what its successors need. True when that grew. */
function flow(b: i32): bool {
  let needs: u32 = 0;
  let exits: u32 = 0;
  const last = lastInsn(b);
  const through = fallThrough(b);
  const taken = branchTarget(b);
  if (through >= 0) {
    needs |= load<u8>(blockAt(through), B_NEEDS);
    exits |= through <= b ? LIVE_ALL : <u32>load<u8>(blockAt(through), B_EXITS);
  } else if (!(kindOf(last) & INSN_ENDS)) exits = LIVE_ALL;
  if (taken >= 0) {
    needs |= load<u8>(blockAt(taken), B_NEEDS);
    exits |= taken <= b ? LIVE_ALL : <u32>load<u8>(blockAt(taken), B_EXITS);
  } else if (kindOf(last) & (INSN_BRANCHES | INSN_INDIRECT | INSN_ENDS)) exits = LIVE_ALL;
  if (followsCalls && formOf(last) & (FORM_RETURN | FORM_SWITCH)) needs |= needsOfEntries();
  const at = blockAt(b);
  const first = load<i32>(at, B_FIRST);
  for (let k = first + load<i32>(at, B_COUNT) - 1; k >= first; k--) {
    const insn = insnInOrder(k);
    const live = needs | exits;
    store<u8>(insn, <u8>live, I_WANTED);
    const writes: u32 = load<u8>(insn, I_WRITES);
    const onCondition = load<u8>(insn, I_ON_CONDITION) != 0;
    if (!onCondition && writes & live) {
      const passes = load<u8>(insn, I_PASSES) & live;
      needs = (needs & ~writes) | passes;
      exits &= ~writes;
    }
    if (onCondition && live) needs |= LIVE_ALL;
    needs |= load<u8>(insn, I_READS);
    if (load<u8>(insn, I_LEAVES)) exits = LIVE_ALL;
  }
  const grew = (needs | (exits << 8)) != ((<u32>load<u8>(at, B_NEEDS)) | ((<u32>load<u8>(at, B_EXITS)) << 8));
  store<u8>(at, <u8>needs, B_NEEDS);
  store<u8>(at, <u8>exits, B_EXITS);
  return grew;
}
/** What any block needs that control may come to by an address. */
function needsOfEntries(): u32 {
  let needs: u32 = 0;
  for (let b: i32 = 0; b < blockCount; b++) if (load<u8>(blockAt(b), B_ENTRY)) needs |= load<u8>(blockAt(b), B_NEEDS);
  return needs;
}
function findLiveFlags(): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (let b = blockCount - 1; b >= 0; b--) if (flow(b)) changed = true;
  }
}
/** The dry run in the order of writing: windows, temporaries, and what each instruction does with flags. */
function surveyBlocks(): void {
  beginDryRun();
  beginWindows();
  useFixedLocals();
  for (let b: i32 = 0; b < blockCount; b++) {
    beginBlockWindows(b);
    clearUse();
    forgetSettled();
    const at = blockAt(b);
    const first = load<i32>(at, B_FIRST);
    for (let k = first; k < first + load<i32>(at, B_COUNT); k++) {
      const insn = insnInOrder(k);
      dryRun(insn);
      store<u8>(insn, <u8>flagReads, I_READS);
      store<u8>(insn, <u8>flagWrites, I_WRITES);
      store<u8>(insn, <u8>flagPasses, I_PASSES);
      store<u8>(insn, flagsOnCondition ? 1 : 0, I_ON_CONDITION);
      store<u8>(insn, mayLeave ? 1 : 0, I_LEAVES);
    }
    saveWindows(b);
    store<u16>(at, <u16>gprUsed, B_GPR_USED);
    store<u16>(at, <u16>gprWritten, B_GPR_WRITTEN);
    store<u16>(at, <u16>xmmUsed, B_XMM_USED);
    store<u16>(at, <u16>xmmWritten, B_XMM_WRITTEN);
  }
}

// ---- all of it -------------------------------------------------------------------------------------------------------------
/**
 * Translates the code at `linear`, which is executable now and decoded. Returns false when it can't be: then it never can, as long
 * as its page stays as it is. What fills up is said by isFullOfRegions().
 * `withCalls`: callees become part of the region, too.
 */
export function translate(linear: u64, withCalls: bool): bool {
  leaveScope();
  clearRegion();
  setFollowsCalls(withCalls);
  pendingCount = leaders = 0;
  insnLimit = load<i32>(T_INSNS_MAX);
  if (insnLimit <= 0 || insnLimit >= INSNS_MAX) insnLimit = INSNS_MAX - 1;
  base = linear & ~0xfff;
  const seed = <i32>(linear & 0xfff);
  beginDryRun();
  lead(seed, INSN_ENTRY);
  // An instruction that crosses a page can be part of a region, but has no stub that leads there.
  if (!insnCount || (endOf(insnAt(0)) - 1) >> 12 != seed >> 12) return false;
  for (let n: i32 = 0; n < pendingCount; n++) follow(load<i32>(pending + ((<usize>n) << 2)));
  cut();
  findLoops();
  findScopes();
  surveyBlocks();
  findLiveFlags();

  const region = newRegion();
  const space = allocateExitSpace(0);
  const busySpace = arenaEnd;
  if (!writeRegion(region, base)) {
    setArena(space, busySpace);
    return false;
  }
  let entryCount: u32 = 0;
  for (let b: i32 = 0; b < blockCount; b++) if (load<u8>(blockAt(b), B_ENTRY)) entryCount++;
  const entries = allocateExitSpace((<usize>entryCount) << 3);
  let entry = entries;
  for (let b: i32 = 0; b < blockCount; b++) {
    if (!load<u8>(blockAt(b), B_ENTRY)) continue;
    store<u16>(entry, <u16>b);
    store<u16>(entry, load<u8>(blockAt(b), B_NEEDS) ? 1 : 0, 2);
    store<i32>(entry, load<i32>(firstInsn(b), I_OFFSET), 4);
    entry += 8;
  }
  store<u32>(region, load<u32>(T_KEY), R_KEY);
  store<u32>(region, <u32>entries, R_ENTRIES);
  store<u32>(region, entryCount, R_ENTRY_COUNT);
  let flags: u32 = (load<u32>(MODE) & MODE_CODE_MASK) == MODE_16 ? REGION_16_BIT : 0;
  if (withCalls) flags |= REGION_CALLS;
  store<u32>(region, flags, R_FLAGS);
  store<i32>(region, load<i32>(insnInOrder(0), I_OFFSET), R_LEAST);
  store<i32>(region, endOf(insnInOrder(insnCount - 1)), R_END);
  store<u32>(region, <u32>pageCount, R_PAGES);
  store<u32>(region, <u32>allocateExitSpace(<usize>pageCount * PAGE_LINK_SIZE), R_LINKS);
  for (let p: i32 = 0; p < pageCount; p++) linkPage(region, p, pageOffsetOf(p), unitOf(p));
  store<u64>(region, linear, R_SEED);
  store<u32>(region, 1, R_ALIVE);
  countStatistic(TS_REGIONS, 1);
  countStatistic(TS_BLOCKS, <u64>blockCount);
  countStatistic(TS_INSTRUCTIONS, <u64>insnCount);
  countStatistic(TS_BYTES, <u64>(writtenEnd - writtenStart));
  translated(indexOf(region), <u32>writtenStart, <u32>(writtenEnd - writtenStart), <u32>HINTS, hintCount);
  return true;
}
/** No room for another region: all decoded and translated code must go first. */
export function isFullOfRegions(): bool {
  return exitSpaceLeft() < EXIT_SPACE || regionCount >= <u32>REGIONS_MAX || isOutOfGenerations();
}
