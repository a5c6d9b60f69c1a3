/**
 * Decoded code by physical page. A unit is one physical page in one mode; it maps page offsets to 16-byte records
 * that lie in straight runs. Units and runs come from one arena that is flushed whole when full. When bytes under a
 * unit change, its records are overwritten with RESYNC, so stale pointers heal themselves at the next instruction.
 */
import {
  CODE_ARENA,
  CODE_ARENA_END,
  CODE_BASE,
  COUNT,
  CPL,
  CURRENT,
  EXIT_REASON,
  FETCH_ENTRIES,
  IP_MASK,
  LINEAR_PAGE,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  FETCH_EDGE,
  MODE_CS_EDGE,
  MODE_CS_LIMIT,
  MODE_STUB,
  OP_END,
  OP_ENTER,
  OP_FIRST,
  OP_RESYNC,
  OP_STRADDLE,
  PAGE_COUNT_MAX,
  PAGE_FLAGS,
  PAGE_HAS_CODE,
  PAGE_UNITS,
  RECORD_SIZE,
  RIP,
  R_DISP,
  R_IMM,
  R_OP,
  R_R0,
  R_R1,
  R_WHERE,
  SEG,
  SEG_LIMIT,
  SEG_SIZE,
  CS,
  START,
  STATS,
  STAT_INVALIDATIONS,
  STOP_RECORD,
  UNIT,
  U_DEAD,
  U_DEPENDENT,
  U_FRAME,
  U_LINES,
  U_MAP,
  U_MODE,
  U_NEXT,
  U_RUNS,
  U_SIZE,
} from '../layout';
import { Insn } from './backend';
import { decodeRun, endRun } from './decode';
import { dropUnit, fetchBank, fillFetch, flushFetch, protectFrame } from '../mmu/tlb';
import { ACCESS_FETCH, currentAccess, walk, walkedFlags } from '../mmu/walk';
import { isCanonical } from '../mmu/access';
import { isRam, ramSize } from '../mmu/physical';
import { fault, GP, UD } from '../system/fault';
import { dropAllRegions, dropRegionsOf, epoch } from './regions';

/** Next record to execute: set by everything that changes control. */
export let next: usize = 0;
export function setNext(record: usize): void {
  next = record;
}

let arena: usize = CODE_ARENA;
/** Nothing above was ever written. */
let used: usize = CODE_ARENA;
/** Counts whole flushes, so that a caller can tell that its record is gone. */
let generation: u32 = 0;
const RESERVE: usize = U_SIZE + 4096;

/** Little is left: whoever wants more than a run should flush first. */
export function isArenaLow(): bool {
  return arena + 4 * RESERVE > <usize>CODE_ARENA_END;
}
/** Makes sure a unit and a run fit; flushes all decoded code otherwise. */
function reserve(): void {
  if (arena + 2 * RESERVE <= <usize>CODE_ARENA_END) return;
  flushCode();
}
export function allocate(size: usize): usize {
  const at = arena;
  arena += (size + 15) & ~15;
  if (arena > used) used = arena;
  return at;
}

/** Returns the unused end of the newest allocation. */
export function giveBack(end: usize, start: usize): void {
  if (arena == end) arena = start;
}

export function flushCode(): void {
  dropAllRegions();
  generation++;
  arena = CODE_ARENA;
  const pages = <usize>(ramSize >> 12);
  memory.fill(PAGE_UNITS, 0, pages << 2);
  for (let p: usize = 0; p < pages; p++) {
    const flags: usize = PAGE_FLAGS + p;
    store<u8>(flags, load<u8>(flags) & ~PAGE_HAS_CODE);
  }
  flushFetch();
}

function newUnit(frame: u32, mode: u32): usize {
  const size = mode == MODE_STUB ? U_MAP : U_SIZE;
  const before = used;
  const unit = allocate(size);
  // Memory that was never used holds zeros already, and touching it costs the host a page each.
  if (unit < before) memory.fill(unit, 0, min<usize>(before - unit, size));
  store<u32>(unit, frame, U_FRAME);
  store<u32>(unit, mode, U_MODE);
  const head: usize = PAGE_UNITS + ((<usize>frame) << 2);
  store<u32>(unit, load<u32>(head), U_NEXT);
  store<u32>(head, <u32>unit);
  const flags: usize = PAGE_FLAGS + frame;
  if (!(load<u8>(flags) & PAGE_HAS_CODE)) {
    store<u8>(flags, load<u8>(flags) | PAGE_HAS_CODE);
    protectFrame(frame);
  }
  return unit;
}

/** The page `frame` holds the tail of an instruction of `unit`: writing its first bytes must drop that unit. */
export function addTail(frame: u32, unit: usize): void {
  let old: usize = load<u32>(PAGE_UNITS + ((<usize>frame) << 2));
  while (old) {
    if (load<u32>(old, U_MODE) == MODE_STUB && load<u32>(load<u32>(old, U_DEPENDENT), U_DEAD)) {
      // Its unit is gone: it serves this one.
      store<u32>(old, <u32>unit, U_DEPENDENT);
      return;
    }
    if (load<u32>(old, U_MODE) == MODE_STUB && load<u32>(old, U_DEPENDENT) == <u32>unit) return;
    old = load<u32>(old, U_NEXT);
  }
  const stub = newUnit(frame, MODE_STUB);
  store<u64>(stub, 1, U_LINES);
  store<u32>(stub, <u32>unit, U_DEPENDENT);
}

function kill(unit: usize): void {
  if (load<u32>(unit, U_DEAD)) return;
  store<u32>(unit, 1, U_DEAD);
  store<u64>(STATS + STAT_INVALIDATIONS, load<u64>(STATS + STAT_INVALIDATIONS) + 1);
  // Unlink from the page's list.
  const frame = load<u32>(unit, U_FRAME);
  let link: usize = PAGE_UNITS + ((<usize>frame) << 2);
  while (load<u32>(link) && load<u32>(link) != <u32>unit) link = load<u32>(link) + U_NEXT;
  if (load<u32>(link)) store<u32>(link, load<u32>(unit, U_NEXT));
  if (load<u32>(unit, U_MODE) == MODE_STUB) {
    kill(load<u32>(unit, U_DEPENDENT));
    return;
  }
  let run: usize = load<u32>(unit, U_RUNS);
  while (run) {
    const count = load<u32>(run, R_IMM);
    let record = run + RECORD_SIZE;
    for (let k: u32 = 0; k < count; k++) {
      // An END does not depend on the page's bytes, but its cached target does.
      if (load<u16>(record) == OP_END) store<u32>(record, 0, R_DISP);
      else store<u16>(record, OP_RESYNC);
      record += RECORD_SIZE;
    }
    run = load<u32>(run, R_DISP);
  }
  dropUnit(unit);
  dropRegionsOf(unit);
}

/** RAM at [physical, +size) is about to change and its page holds code. */
export function codeWritten(physical: u64, size: u32): void {
  const frame = <u32>(physical >> 12);
  const first = ((<u32>physical) & 0xfff) >> 6;
  const last = (((<u32>physical) & 0xfff) + size - 1) >> 6;
  const lines: u64 = last >= 63 ? (<u64>-1) << first : (((<u64>1) << (last + 1)) - 1) & ((<u64>-1) << first);
  const head: usize = PAGE_UNITS + ((<usize>frame) << 2);
  let unit: usize = load<u32>(head);
  while (unit) {
    const after: usize = load<u32>(unit, U_NEXT);
    if (load<u64>(unit, U_LINES) & lines) kill(unit);
    unit = after;
  }
  if (!load<u32>(head)) {
    const flags: usize = PAGE_FLAGS + frame;
    store<u8>(flags, load<u8>(flags) & ~PAGE_HAS_CODE);
  }
}

/** Translates an instruction address; the fault is the program's, at RIP. Code outside RAM can't be executed: #UD. */
export function fetchPhysical(linear: u64): u64 {
  if ((load<u32>(MODE) & MODE_CODE_MASK) == MODE_64 && !isCanonical(linear)) fault(GP, 0);
  const physical = walk(linear, currentAccess() | ACCESS_FETCH);
  if (!isRam(physical)) fault(UD, 0);
  return physical;
}

// ---- the limit of the code segment ------------------------------------------------------------------------------------
// Branches are checked one by one (checkTarget). Where a page holds the limit, or an instruction could reach it from
// there, units of their own (MODE_CS_EDGE) have one instruction per run, so that each comes through enter().
const INSTRUCTION_MAX: u64 = 15;

/** Is the limit in the page of `linear`, or right behind it? Raises #GP(0) when `linear` itself is beyond. */
function atEdge(linear: u64): bool {
  const ip = (linear - load<u64>(CODE_BASE)) & 0xffffffff;
  const limit: u64 = load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT);
  if (ip > limit) {
    store<u32>(CURRENT, 0);
    fault(GP, 0);
  }
  return ip + (0xfff - (linear & 0xfff)) + INSTRUCTION_MAX > limit;
}
/** Raises #GP(0) when the instruction of `record` does not end inside the limit. */
function checkEdge(record: usize, linear: u64): void {
  const ip = (linear - load<u64>(CODE_BASE)) & 0xffffffff;
  const at = load<u16>(record) == OP_STRADDLE ? record + RECORD_SIZE : record;
  if (ip + ((<u64>load<u16>(at, R_WHERE)) >> 12) - 1 <= <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) return;
  store<u32>(CURRENT, 0);
  fault(GP, 0);
}

/** Unit for the page at `linear`, through the page tables. */
function fetchUnit(linear: u64, tag: u64, edge: bool): usize {
  store<u32>(CURRENT, 0);
  const mode = load<u32>(MODE) | (edge ? <u32>MODE_CS_EDGE : 0);
  const physical = fetchPhysical(linear);
  const flags = walkedFlags;
  const frame = <u32>(physical >> 12);
  let unit: usize = load<u32>(PAGE_UNITS + ((<usize>frame) << 2));
  while (unit && load<u32>(unit, U_MODE) != mode) unit = load<u32>(unit, U_NEXT);
  if (!unit) {
    reserve();
    unit = newUnit(frame, mode);
  }
  fillFetch(linear, tag, unit, frame, flags);
  return unit;
}

/** The unit that the fetch TLB has for an address, or 0. */
export function unitAt(linear: u64): usize {
  const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  return load<u64>(entry) == ((linear & ~0xfff) | (<u64>load<u32>(MODE))) ? <usize>load<u32>(entry, 8) : 0;
}

/**
 * Has control at `offset` of a unit come to translated code first: a stub there leads to it, and goes on with the
 * instruction's own record when it can't be used. `place` is region and block, `page` the distance of its page from the base.
 */
export function addStub(unit: usize, offset: u32, place: u32, page: i32, readsFlags: u32): void {
  const map = unit + ((<usize>offset) << 2) + U_MAP;
  const old: usize = load<u32>(map);
  if (!old) return;
  if (load<u16>(old) == OP_ENTER) {
    store<u8>(old, <u8>readsFlags, R_R0);
    store<u16>(old, <u16>epoch, R_R1);
    store<i32>(old, page, R_DISP);
    store<u32>(old, place, R_IMM);
    return;
  }
  if (load<u16>(old) < <u16>OP_FIRST || arena + 2 * RESERVE > <usize>CODE_ARENA_END) return;
  const length = (<u32>load<u16>(old, R_WHERE)) >> 12;
  const header = allocate(4 * RECORD_SIZE);
  const stub = header + RECORD_SIZE;
  memory.copy(stub + RECORD_SIZE, old, RECORD_SIZE);
  memory.copy(stub, old, RECORD_SIZE);
  store<u16>(stub, OP_ENTER);
  store<u8>(stub, <u8>readsFlags, R_R0);
  store<u16>(stub, <u16>epoch, R_R1);
  store<i32>(stub, page, R_DISP);
  store<u32>(stub, place, R_IMM);
  endRun(stub + 2 * RECORD_SIZE, offset + length);
  addRun(unit, header, 3, offset, offset + length);
  // Whoever knows the old record looks the address up again.
  store<u16>(old, OP_RESYNC);
  store<u32>(map, <u32>stub);
}

/** Finds or makes the record for linear address `linear`; RIP must already hold it, for faults. */
export function enter(linear: u64): usize {
  const page = linear & ~0xfff;
  const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  const mode = load<u32>(MODE);
  const edge = mode & MODE_CS_LIMIT ? atEdge(linear) : false;
  const tag = page | (<u64>mode) | (edge ? (<u64>FETCH_EDGE) << 32 : 0);
  const unit: usize = load<u64>(entry) == tag ? <usize>load<u32>(entry, 8) : fetchUnit(linear, tag, edge);
  store<u64>(LINEAR_PAGE, page);
  store<u32>(UNIT, <u32>unit);
  let record: usize = load<u32>(unit + (((<usize>linear) & 0xfff) << 2), U_MAP);
  if (!record) record = decodeAt(unit, (<u32>linear) & 0xfff);
  if (edge) checkEdge(record, linear);
  return record;
}

function decodeAt(unit: usize, offset: u32): usize {
  store<u32>(CURRENT, 0);
  if (arena + 2 * RESERVE > <usize>CODE_ARENA_END) {
    flushCode();
    return enter(load<u64>(LINEAR_PAGE) + offset);
  }
  const record = decodeRun(unit, offset);
  // Fetching may set an accessed bit in a page table that lies in this very page.
  if (load<u32>(unit, U_DEAD)) return enter(load<u64>(LINEAR_PAGE) + offset);
  return record;
}

/** Links a finished run into its unit. `count` records follow the header. */
export function addRun(unit: usize, header: usize, count: u32, firstOffset: u32, endOffset: u32): void {
  store<u32>(header, load<u32>(unit, U_RUNS), R_DISP);
  store<u32>(header, count, R_IMM);
  store<u32>(unit, <u32>header, U_RUNS);
  const last: u32 = (endOffset > 4096 ? <u32>4096 : endOffset) - 1;
  let lines: u64 = 0;
  for (let line = firstOffset >> 6; line <= last >> 6; line++) lines |= (<u64>1) << line;
  store<u64>(unit, load<u64>(unit, U_LINES) | lines, U_LINES);
}

// ---- control transfers ----------------------------------------------------------------------------------------------

/** Settles COUNT up to and with `record`; true when the run's budget is used up. */
function settle(record: usize, extra: i64): bool {
  const left = load<i64>(COUNT) - <i64>((record - load<u32>(START)) >> 4) - extra;
  store<i64>(COUNT, left);
  return left <= 0;
}

/** Settles the count of the instructions before `record`, for code that needs the exact time. */
export function settleBefore(record: usize): void {
  settle(record, 0);
  store<usize>(START, record);
}

/** Goes to instruction pointer `ip` (already masked and checked); `from` is the branch. */
export function jump(from: usize, ip: u64): void {
  const stop = settle(from, 1);
  arrive(stop, ip);
}

/** Settled already: continue at `ip`. */
export function arrive(stop: bool, ip: u64): void {
  store<u64>(RIP, ip);
  if (stop) {
    next = STOP_RECORD;
    store<u32>(START, STOP_RECORD);
    return;
  }
  const record = enter((ip + load<u64>(CODE_BASE)) & linearMask());
  store<usize>(START, record);
  next = record;
}

function linearMask(): u64 {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64 ? u64.MAX_VALUE : 0xffffffff;
}

/** Instruction pointer of a record of the page being executed. */
export function ipOf(record: usize): u64 {
  return (
    (load<u64>(LINEAR_PAGE) + <u64>((<u32>load<u16>(record, R_WHERE)) & 0xfff) - load<u64>(CODE_BASE)) &
    load<u64>(IP_MASK)
  );
}
/** Instruction pointer after a record. */
export function ipAfter(i: Insn): u64 {
  return (load<u64>(LINEAR_PAGE) + <u64>(i.offset + i.length) - load<u64>(CODE_BASE)) & load<u64>(IP_MASK);
}

/** SDM Vol. 2, JMP: a near target outside the code segment's limit, or not canonical, raises #GP(0) at the branch. */
export function checkTarget(from: usize, ip: u64): void {
  const mode = load<u32>(MODE);
  if ((mode & MODE_CODE_MASK) == MODE_64) {
    if (isCanonical(ip)) return;
  } else if (ip <= <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) return;
  store<usize>(CURRENT, from);
  fault(GP, 0);
}

/** Raises what a relative branch would raise (a CALL checks before it pushes). */
export function checkRelative(i: Insn, mask: u64): void {
  checkTarget(changetype<usize>(i), (load<u64>(LINEAR_PAGE) + <u64>(<i64>i.imm) - load<u64>(CODE_BASE)) & mask);
}

/** What the interpreter inlines at every branch and return. */
@final
export class Branch {
  /**
   * Near relative branch, taken; returns the record to go on with. imm is the target's offset from the page's start; disp
   * caches the target: its record in the same page, or with OTHER_PAGE set its record in another one, whose unit then
   * stands in the fields that a relative branch has no use for.
   */
  @inline static follow(i: Insn, mask: u64): usize {
    const cached = i.disp;
    if (cached > 0) {
      const left = load<i64>(COUNT) - <i64>((changetype<usize>(i) - load<u32>(START)) >> 4) - 1;
      if (left > 0) {
        store<i64>(COUNT, left);
        store<u32>(START, cached);
        return cached;
      }
    }
    followFurther(i, mask);
    return next;
  }
  /** Is `ip` canonical? */
  @inline static isCanonical(ip: u64): bool {
    return <u64>(((<i64>ip) >> 47) + 1) <= 1;
  }
}
export function branchRelative(i: Insn, mask: u64): void {
  next = Branch.follow(i, mask);
}
const OTHER_PAGE: u32 = 0x80000000;
/** Where the unit of a target in another page is noted in the branch's record, divided by 16: in r0, r1 and index. */
const TARGET_UNIT: usize = 4;

/** The rest of it, after the short cut: sets `next`. */
function followFurther(i: Insn, mask: u64): void {
  const record = changetype<usize>(i);
  const ip = (load<u64>(LINEAR_PAGE) + <u64>(<i64>i.imm) - load<u64>(CODE_BASE)) & mask;
  const cached: u32 = i.disp;
  if (cached & OTHER_PAGE) {
    // Still the unit that is mapped there? Then the target was checked, too.
    const linear = (ip + load<u64>(CODE_BASE)) & linearMask();
    const page = linear & ~0xfff;
    const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
    const unit = (load<u32>(record, TARGET_UNIT) & 0xffffff) << 4;
    if (load<u64>(entry) == (page | (<u64>load<u32>(MODE))) && load<u32>(entry, 8) == unit) {
      if (settle(record, 1)) {
        arrive(true, ip);
        return;
      }
      const target: u32 = cached & ~OTHER_PAGE;
      store<u64>(LINEAR_PAGE, page);
      store<u32>(UNIT, unit);
      store<u32>(START, target);
      next = target;
      return;
    }
  } else if (cached) {
    // The short cut found the budget used up.
    settle(record, 1);
    arrive(true, ip);
    return;
  }
  checkTarget(record, ip);
  const before = generation;
  const from = load<u32>(UNIT);
  const page = load<u64>(LINEAR_PAGE);
  jump(record, ip);
  if (before != generation || load<u32>(from, U_DEAD) || next == STOP_RECORD || load<u32>(MODE) & MODE_CS_LIMIT) return;
  const unit = load<u32>(UNIT);
  if (unit == from && load<u64>(LINEAR_PAGE) == page && <u32>i.imm < 4096) i.disp = <i32>next;
  else if (<u32>i.imm >= 4096) {
    store<u16>(record, <u16>(unit >> 4), TARGET_UNIT);
    store<u8>(record, <u8>(unit >> 20), TARGET_UNIT + 2);
    i.disp = <i32>((<u32>next) | OTHER_PAGE);
  }
}

/** Near indirect branch outside of 64-bit mode. */
export function branchIndirect(i: Insn, ip: u64): void {
  checkTarget(changetype<usize>(i), ip);
  jump(changetype<usize>(i), ip);
}
/** Near indirect branch in 64-bit mode; the target was checked. */
export function branchIndirect64(i: Insn, ip: u64): void {
  const left = load<i64>(COUNT) - <i64>((changetype<usize>(i) - load<u32>(START)) >> 4) - 1;
  store<i64>(COUNT, left);
  const page = ip & ~0xfff;
  const entry = fetchBank + (((<usize>(ip >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  if (left > 0 && load<u64>(entry) == (page | (<u64>load<u32>(MODE)))) {
    const unit: usize = load<u32>(entry, 8);
    const record = load<u32>(unit + (((<usize>ip) & 0xfff) << 2), U_MAP);
    if (record) {
      store<u64>(LINEAR_PAGE, page);
      store<u32>(UNIT, <u32>unit);
      store<u32>(START, record);
      next = record;
      return;
    }
  }
  arrive(left <= 0, ip);
}

/** END: the run goes on at page offset imm. */
export function goOn(i: Insn): void {
  const record = changetype<usize>(i);
  const stop = settle(record, 0);
  const cached: usize = i.disp;
  if (cached && !stop) {
    store<usize>(START, cached);
    next = cached;
    return;
  }
  const before = generation;
  const unit = load<u32>(UNIT);
  // Not masked to 16 bits: running on at the end of 64 KiB leaves the segment.
  arrive(stop, (load<u64>(LINEAR_PAGE) + <u64>(<u32>i.imm) - load<u64>(CODE_BASE)) & linearMask());
  // Where the segment's limit is near, every instruction comes through enter().
  if (
    <u32>i.imm < 4096 &&
    before == generation &&
    load<u32>(UNIT) == unit &&
    !load<u32>(unit, U_DEAD) &&
    next != STOP_RECORD &&
    !(load<u32>(MODE) & MODE_CS_LIMIT)
  ) {
    i.disp = <i32>next;
  }
}

/** RESYNC: the record's unit was dropped. */
export function resync(i: Insn): void {
  const ip = ipOf(changetype<usize>(i));
  arrive(settle(changetype<usize>(i), 0), ip);
}

/** STRADDLE: the next record's instruction crosses a page; go on if the next page still is the one decoded. */
export function straddle(i: Insn): void {
  const record = changetype<usize>(i);
  const ip = ipOf(record);
  store<u64>(RIP, ip);
  store<u32>(CURRENT, 0);
  const stop = settle(record, 0);
  store<usize>(START, record + RECORD_SIZE);
  if (stop) {
    next = STOP_RECORD;
    store<u32>(START, STOP_RECORD);
    return;
  }
  const linear = load<u64>(LINEAR_PAGE) + 4096;
  const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  const hit = load<u64>(entry) == (linear | (<u64>load<u32>(MODE))); // else, as near a limit, the page tables say
  const frame = hit ? load<u32>(entry, 12) : <u32>(fetchPhysical(linear & linearMask()) >> 12);
  if (frame == <u32>i.imm) {
    next = record + RECORD_SIZE;
    return;
  }
  // Another page is mapped there now: decode again.
  const unit: usize = load<u32>(UNIT);
  const offset = (<u32>load<u16>(record, R_WHERE)) & 0xfff;
  store<u32>(unit + ((<usize>offset) << 2), 0, U_MAP);
  next = enter(load<u64>(LINEAR_PAGE) + offset);
  store<usize>(START, next);
}

/** After an instruction that changed mode, paging or interrupt state: look the following instruction up again. */
export function continueAfter(i: Insn): void {
  const ip = ipAfter(i);
  jump(changetype<usize>(i), ip);
}
/** The same, but leave the run so that the host sees pending events. */
export function leaveAfter(i: Insn, reason: u32): void {
  leaveAt(i, ipAfter(i), reason);
}
export function leaveAt(i: Insn, ip: u64, reason: u32): void {
  settle(changetype<usize>(i), 1);
  store<u32>(EXIT_REASON, reason);
  arrive(true, ip);
}
