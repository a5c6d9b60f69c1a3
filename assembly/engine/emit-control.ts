/**
 * Where control goes after an instruction that is being emitted: noted in the dry run, when the region is being discovered,
 * and written by the region's writer later. Also what else an instruction needs to know of its region.
 */
import { LINEAR_PAGE, RECORD_SIZE } from '../layout';
import { Insn } from './backend';
import { pushBase, conditions, pageOffset } from './emit-memory';
import { isInsideRegion, writeGoIndirect, writeGoTo } from './region-writer';
import { c32, c64, dry, I64_ADD, op, storeOp } from './wasm';

/** What the instruction does with control: seen in the dry run. */
export let branches: bool = false;
export let target: i32 = 0;
export let goesIndirect: bool = false;
/** Control does not fall through. */
export let ends: bool = false;

export function beginControl(): void {
  branches = goesIndirect = ends = false;
}
export function endHere(): void {
  ends = true;
}

/** Control goes to an offset from the region's base. */
export function goTo(offset: i32): void {
  branches = true;
  target = offset;
  if (!conditions) ends = true;
  if (!dry) writeGoTo(offset);
}
/** Control goes to the instruction pointer in a value (i64). */
export function goIndirect(ip: i32): void {
  goesIndirect = true;
  if (!conditions) ends = true;
  writeGoIndirect(ip);
}
/** Is the offset a block of this region? In the dry run nobody knows: the answer is what makes more code. */
export function isInside(offset: i32): bool {
  return !dry && isInsideRegion(offset);
}

// ---- records that translated code hands to functions of the core ------------------------------------------------------
/** Regions span pages: functions of the core are told which one this is. */
let severalPages: bool = false;
export function setSeveralPages(value: bool): void {
  severalPages = value;
}
export function tellPage(): void {
  if (!severalPages) return;
  c32(0);
  pushBase();
  c64(<i64>pageOffset);
  op(I64_ADD);
  storeOp<u64>(LINEAR_PAGE);
}
/**
 * Pointers into the arena of exits. What is looked at rarely is allocated from its beginning, what is looked at whenever control passes from
 * region to region from its end: close together, in as few of the host's cache lines as can be.
 */
export let arena: usize = 0;
export let arenaEnd: usize = 0;
export function setArena(at: usize, end: usize): void {
  arena = at;
  arenaEnd = end;
}
/** Room for one that is looked at often; `byteCount` is a power of two. */
export function allocateBusyExitSpace(byteCount: usize): usize {
  arenaEnd = (arenaEnd - byteCount) & ~(byteCount - 1);
  return arenaEnd;
}
export function allocateExitSpace(byteCount: usize): usize {
  const at = arena;
  arena += (byteCount + 15) & ~15;
  return at;
}
/** Room left in the arena. */
export function exitSpaceLeft(): usize {
  return arenaEnd - arena;
}
/** A copy of the record that lives as long as the region. */
export function recordCopy(i: Insn): usize {
  if (dry) return 0;
  const at = allocateExitSpace(RECORD_SIZE);
  memory.copy(at, changetype<usize>(i), RECORD_SIZE);
  return at;
}
