/**
 * Writes a region as one WebAssembly function. Blocks come in the order of their addresses; a branch forwards is a `br` to the
 * block's label, one backwards goes to the head of a `loop`. A stretch of blocks (the whole region, or a loop) that control can
 * enter elsewhere than at its beginning starts with a `br_table`. All exits share one tail that stores what the region changed.
 */
import {
  CODE_BASE,
  COUNT,
  ENTRIES,
  ENTRIES_MAX,
  FSW,
  ICOUNT_BASE,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  RIP,
  T_FLAG_KIND,
} from '../layout';
import { emitInsn, FORM_RETURN, FORM_SWITCH } from '../generated/emit-dispatch';
import { Insn } from './backend';
import { beginEmit, forgetSettled, IMPORT_HELPER, IMPORT_X87_CALL } from './emit';
import { beginControl, ends, recordCopy, setSeveralPages, tellPage } from './emit-control';
import {
  beginFlags,
  commitFlags,
  FLAG_KIND_LOCAL,
  flagCode,
  FLAGS_DYNAMIC,
  FLAGS_ADD,
  FLAGS_DEC,
  FLAGS_DYNAMIC_CF,
  FLAGS_INC,
  FLAGS_SHL,
  FLAGS_SUB,
  flagKind,
  loadAllFlags,
  storeAux,
  storeOperandA,
  storeOperandB,
  storeResult,
  takeFlagsOut,
  FLAGS_READY,
  flagsAhead,
  flagsHeld,
  flagState,
  forgetFlags,
  holdBoth,
  holdFlags,
  isCfReady,
  LIVE_ALL,
  LIVE_CF,
  LIVE_REST,
  noteFlagUse,
  OPERAND_A_LOCAL,
  OPERAND_B_LOCAL,
  RESULT_LOCAL,
  setFlagState,
  storeAllFlags,
  storeFlags,
  tellState,
} from './emit-flags';
import {
  beforeLeave,
  beginMemory,
  beginWindows,
  closeWindows,
  depth,
  EXIT_LOCAL,
  leaveExit,
  leaveIf,
  NO_EXIT,
  pushBase,
  offerLeaveExit,
  setDepth,
  setLeaveLevel,
  beginBlockWindows,
  saveWindows,
} from './emit-memory';
import {
  enterScope,
  leaveScope,
  resumeScope,
  forgetRegisters,
  inLocals,
  knowRegisters,
  registersKnown,
  reloadRegisters,
  spillRegisters,
} from './emit-registers';
import {
  B_COUNT,
  B_DISPATCH,
  B_ENTRY,
  B_EXITS,
  B_FIRST,
  B_GPR_USED,
  B_GPR_WRITTEN,
  B_XMM_USED,
  B_XMM_WRITTEN,
  B_HELD,
  B_LOOP_END,
  B_NEEDS,
  B_REGISTERS,
  B_STATE,
  B_STATE_KNOWN,
  B_TARGETED,
  blockAt,
  blockCount,
  BLOCKS_MAX,
  endOf,
  findBlock,
  findPage,
  firstInsn,
  followsCalls,
  formOf,
  I_LEAVES,
  I_LENGTH,
  I_OFFSET,
  I_ON_CONDITION,
  I_PAGE,
  I_WANTED,
  INSN_ENDS,
  INSN_RETURN,
  insnInOrder,
  isCall,
  kindOf,
  lastInsn,
  pageCount,
  pageOffsetOf,
  knownFrom,
  scopeOf,
} from './region-blocks';
import {
  E_BLOCK,
  E_GENERATION,
  E_OFFSET,
  E_REGION,
  EXIT_INDIRECT,
  EXIT_JUMP,
  EXIT_LEAVE,
  EXIT_SWITCH,
  newExit,
  R_MASK,
  R_VALID_GENERATION,
  X_COUNT,
  X_FLAGS,
  X_OFFSET,
} from './regions';
import {
  at,
  beginValues,
  beginWriting,
  BLOCK,
  BR,
  brIfRarely,
  BR_TABLE,
  c32,
  c64,
  call,
  dry,
  END,
  ENTRY,
  finishFunction,
  getLocal,
  I32_ADD,
  I32_AND,
  I32_EQ,
  I32_EQZ,
  I32_GT_S,
  I32_SHL,
  I32_SUB,
  I32_WRAP_I64,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_EQ,
  I64_SHR_U,
  I64_SUB,
  IF,
  get,
  loadOp,
  set32,
  set64,
  I64_EXTEND_I32_S,
  isFull,
  loadFrom,
  local32,
  local64,
  LOOP,
  op,
  RETURN,
  setLocal,
  storeOp,
  UNREACHABLE,
  unsigned,
  VOID,
  I32_LE_S,
} from './wasm';

/** Fixed i32 locals, with those of emit-memory.ts and emit-flags.ts. */
const COUNT_LOCAL: i32 = 1; // instructions left of the budget, less those of the block under way
const TARGET_LOCAL: i32 = 2; // which block control goes to where a br_table decides

export let writtenStart: usize = 0;
export let writtenEnd: usize = 0;

// ---- exits -----------------------------------------------------------------------------------------------------------
/** Sets the exit local for an exit at the end of the block. */
function chooseExit(kind: u32, offset: i32): void {
  let x: usize = 0;
  if (!dry) {
    x = newExit(kind, regionBeingWritten);
    store<u8>(x, <u8>flagCode(), X_FLAGS);
    store<i32>(x, offset, X_OFFSET);
  }
  c32(<i32>x);
  setLocal(local32(EXIT_LOCAL));
}
/** Where exits end when all is right in memory. */
let exitLevel: i32 = 0;
/** The same when flags are to be stored first, by what they are made of. */
let resultLevel: i32 = 0;
let operandLevel: i32 = 0;
let operandsLevel: i32 = 0;
let stepLevel: i32 = 0;
let readyLevel: i32 = 0;
/** The same of the scope that is being written. */
let scopeLevel: i32 = 0;
let helperLevel: i32 = 0;
function outLevel(): i32 {
  if (inLocals) return scopeLevel;
  if (!flagsAhead) return exitLevel;
  const kind = flagKind();
  if (kind == FLAGS_READY) return readyLevel;
  if (kind == FLAGS_ADD || kind == FLAGS_SUB) return operandsLevel;
  if (kind == FLAGS_SHL) return operandLevel;
  if (kind != FLAGS_INC && kind != FLAGS_DEC) unreachable();
  return stepLevel;
}
function openTails(): void {
  exitLevel = openConstruct(BLOCK);
  resultLevel = openConstruct(BLOCK);
  operandLevel = openConstruct(BLOCK);
  operandsLevel = openConstruct(BLOCK);
  stepLevel = openConstruct(BLOCK);
  readyLevel = openConstruct(BLOCK);
}
function writeTails(): void {
  closeConstruct();
  storeAux();
  branchTo(resultLevel);
  closeConstruct();
  storeAux();
  branchTo(operandLevel);
  closeConstruct();
  storeOperandB();
  closeConstruct();
  storeOperandA();
  closeConstruct();
  storeResult();
  closeConstruct();
}
function branchTo(level: i32): void {
  op(BR);
  unsigned(<u32>(depth - level));
}

// ---- structure ---------------------------------------------------------------------------------------------------------
/** Level of the label at which each block can be reached from before it, in the stretches that are open now. */
const labels: usize = memory.data(BLOCKS_MAX * 4);
/** Level of the loop that begins with each block. */
const heads: usize = memory.data(BLOCKS_MAX * 4);

function openConstruct(code: i32): i32 {
  op(code);
  op(VOID);
  setDepth(depth + 1);
  return depth;
}
function closeConstruct(): void {
  op(END);
  setDepth(depth - 1);
}
function loopEnd(block: i32): i32 {
  return load<i32>(blockAt(block), B_LOOP_END);
}
/** Writes blocks `from` to `to`, of which the first is the head of the loop around them, if there is one. */
function writeStretch(from: i32, to: i32, isLoop: bool, dispatches: bool): void {
  // The items are blocks and inner loops. A label for each, the last one outermost.
  let items: i32 = 0;
  for (let b = from; b <= to; b = nextItem(b, from, isLoop)) items++;
  let level = depth + items;
  for (let n: i32 = 0; n < items; n++) openConstruct(BLOCK);
  for (let b = from; b <= to; b = nextItem(b, from, isLoop)) {
    store<i32>(labels + ((<usize>b) << 2), level--);
  }
  // With a single item there is nothing to choose.
  if (dispatches && items > 1) {
    const nowhere = openConstruct(BLOCK);
    getLocal(local32(TARGET_LOCAL));
    c32(from);
    op(I32_SUB);
    op(BR_TABLE);
    unsigned(<u32>(to - from + 1));
    for (let b = from; b <= to; b = nextItem(b, from, isLoop)) {
      const end = nextItem(b, from, isLoop);
      const label = load<i32>(labels + ((<usize>b) << 2));
      // Compilers keep values alive along every way that control might take: a block must not look as if it could be entered here.
      for (let k = b; k < end; k++) unsigned(<u32>(depth - (isTargeted(k) ? label : nowhere)));
    }
    unsigned(<u32>(depth - nowhere));
    closeConstruct();
    op(UNREACHABLE);
  }
  for (let b = from; b <= to;) {
    closeConstruct();
    const end = nextItem(b, from, isLoop);
    if (loopEnd(b) >= 0 && !(isLoop && b == from)) {
      const label = labels + ((<usize>b) << 2);
      const outside = load<i32>(label);
      const isScope = scopeOf(b) == b;
      if (isScope) beginScope(b, end - 1);
      store<i32>(heads + ((<usize>b) << 2), openConstruct(LOOP));
      writeStretch(b, end - 1, true, load<u8>(blockAt(b), B_DISPATCH) != 0);
      closeConstruct();
      if (isScope) endScope();
      store<i32>(label, outside);
    } else writeBlock(b);
    b = end;
  }
}
/** Does control come to a block by way of a br_table? */
function isTargeted(block: i32): bool {
  const at = blockAt(block);
  return (load<u8>(at, B_ENTRY) | load<u8>(at, B_TARGETED)) != 0;
}
/** Wherever control enters the loop, it comes by here. */
function beginScope(from: i32, to: i32): void {
  let used: u32 = 0;
  let written: u32 = 0;
  for (let b = from; b <= to; b++) {
    const at = blockAt(b);
    used |= (<u32>load<u16>(at, B_GPR_USED)) | ((<u32>load<u16>(at, B_XMM_USED)) << 16);
    written |= (<u32>load<u16>(at, B_GPR_WRITTEN)) | ((<u32>load<u16>(at, B_XMM_WRITTEN)) << 16);
  }
  enterScope(used, written);
  reloadRegisters(true);
  loadAllFlags();
  scopeLevel = openConstruct(BLOCK);
}
function endScope(): void {
  op(UNREACHABLE);
  closeConstruct();
  spillRegisters();
  storeAllFlags();
  storeFlagKind();
  branchTo(exitLevel);
  leaveScope();
}
/** The item after the one that begins with `block`. */
function nextItem(block: i32, from: i32, isLoop: bool): i32 {
  if (isLoop && block == from) return block + 1;
  const end = loopEnd(block);
  return end < 0 ? block + 1 : end + 1;
}
/** The outermost loop that holds `to` but not `from`, by its head; -1 if there is none. */
function enteredLoop(from: i32, to: i32): i32 {
  for (let h: i32 = 0; h <= to; h++) {
    const end = loopEnd(h);
    if (end >= to && (from < h || from > end)) return h;
  }
  return -1;
}
/** Whether any loop entered on the way to `to` has a br_table. */
function dispatchedOnTheWay(from: i32, to: i32): bool {
  for (let h: i32 = 0; h <= to; h++) {
    const end = loopEnd(h);
    if (end >= to && (from < h || from > end || h == to) && load<u8>(blockAt(h), B_DISPATCH)) return true;
  }
  return false;
}

// ---- edges ---------------------------------------------------------------------------------------------------------------
let current: i32 = 0;

/** Puts the flags in the state that the block expects. */
function settleFlagsFor(block: i32): void {
  const b = blockAt(block);
  if (knownFrom(block) == current) {
    store<u8>(b, 1, B_STATE_KNOWN);
    store<i32>(b, flagState, B_STATE);
    store<u8>(b, <u8>flagsHeld(), B_HELD);
    store<u32>(b, registersKnown(), B_REGISTERS);
    return;
  }
  const needs: u32 = load<u8>(b, B_NEEDS);
  if (needs & LIVE_REST) commitFlags();
  else if (needs & LIVE_CF && !isCfReady()) commitFlags();
  // Nobody sees them any more?
  if (!(needs | load<u8>(b, B_EXITS))) return;
  if (!(needs & LIVE_REST)) tellState();
  storeFlags();
}
/** Leaves to a block of another page if that page is not known to be still mapped there. */
function checkPageOf(to: i32): void {
  const page = <i32>load<u8>(firstInsn(to), I_PAGE);
  if (page == <i32>load<u8>(insn_, I_PAGE)) return;
  chooseExit(EXIT_JUMP, load<i32>(firstInsn(to), I_OFFSET));
  c32(0);
  loadOp<u32>(<u32>regionBeingWritten + <u32>R_MASK);
  c32(1 << page);
  op(I32_AND);
  op(I32_EQZ);
  brIfRarely(<u32>(depth - outLevel()));
}
/** An instruction that crosses into the next page leaves if that page is not known to be still mapped there. */
export function checkNextPage(): void {
  const offset = load<i32>(insn_, I_OFFSET);
  const last = offset + <i32>load<u8>(insn_, I_LENGTH) - 1;
  if (offset >> 12 == last >> 12) return;
  const page = findPage(last >> 12);
  beforeLeave();
  c32(0);
  loadOp<u32>(<u32>regionBeingWritten + <u32>R_MASK);
  c32(1 << page);
  op(I32_AND);
  op(I32_EQZ);
  leaveIf();
}
/** Control passes to a block. `falls`: it is what follows in the code. */
function goToBlock(to: i32, falls: bool): void {
  const before = flagState;
  const heldBefore = flagsHeld();
  const leavesScope = inLocals && scopeOf(to) != scopeOf(current);
  if (leavesScope) {
    spillRegisters();
    leaveScope();
    takeFlagsOut();
  }
  settleFlagsFor(to);
  checkPageOf(to);
  if (to <= current) {
    leaveWhenUsedUp(to);
    if (load<u8>(blockAt(to), B_DISPATCH)) setTarget(to);
    branchTo(load<i32>(heads + ((<usize>to) << 2)));
  } else {
    const loop = enteredLoop(current, to);
    if (dispatchedOnTheWay(current, to)) setTarget(to);
    // Behind a scope's last block comes its tail.
    if (!falls || leavesScope) branchTo(load<i32>(labels + ((<usize>(loop >= 0 ? loop : to)) << 2)));
  }
  if (leavesScope) resumeScope();
  setFlagState(before);
  holdFlags(heldBefore, true);
}
/** Before control goes back to a block: leaves if the budget is used up. */
function leaveWhenUsedUp(to: i32): void {
  chooseExit(EXIT_JUMP, load<i32>(firstInsn(to), I_OFFSET));
  getLocal(local32(COUNT_LOCAL));
  c32(0);
  op(I32_LE_S);
  brIfRarely(<u32>(depth - outLevel()));
}
function setTarget(block: i32): void {
  c32(block);
  setLocal(local32(TARGET_LOCAL));
}
export function isInsideRegion(offset: i32): bool {
  return findBlock(offset) >= 0;
}
export function writeGoTo(offset: i32): void {
  const to = isCall(current) && !followsCalls ? -1 : findBlock(offset);
  if (to >= 0 && to <= current && isCall(current)) goToOuter(to);
  else if (to >= 0) goToBlock(to, false);
  else {
    chooseExit(EXIT_JUMP, offset);
    branchTo(outLevel());
  }
}
/** Control passes to a block by way of the br_table at the function's beginning. */
function goToOuter(to: i32): void {
  const before = flagState;
  const heldBefore = flagsHeld();
  settleFlagsFor(to);
  checkPageOf(to);
  leaveWhenUsedUp(to);
  setTarget(to);
  branchTo(outerLevel);
  setFlagState(before);
  holdFlags(heldBefore, true);
}
/** Puts the flags in a state that every block which control may come to by an address can begin with. */
function settleFlagsForEntries(): void {
  let needs: u32 = 0;
  for (let b: i32 = 0; b < blockCount; b++) if (load<u8>(blockAt(b), B_ENTRY)) needs |= load<u8>(blockAt(b), B_NEEDS);
  if (needs & LIVE_REST || (needs & LIVE_CF && !isCfReady())) commitFlags();
  tellState();
  storeFlags();
}
/** Returns are compared with the places behind the region's calls, if these are few. */
const RETURNS_MAX: i32 = 6;
/** Goes to the instruction pointer in a value: to a block of the region if it is one that is known, else out. */
export function writeGoIndirect(ip: i32): void {
  if (!followsCalls) {
    leaveTo(ip, EXIT_INDIRECT);
    return;
  }
  const form = formOf(insn_);
  const before = flagState;
  const heldBefore = flagsHeld();
  if (!dry) settleFlagsForEntries();
  getLinear(ip);
  const linear = set64();
  get(linear);
  pushBase();
  op(I64_SUB);
  const offset = set64();
  let returns: i32 = 0;
  for (let b: i32 = 0; b < blockCount; b++) if (isReturn(b)) returns++;
  if (form & FORM_RETURN && returns <= RETURNS_MAX) {
    for (let b: i32 = 0; b < blockCount; b++) {
      if (!isReturn(b)) continue;
      get(offset);
      c64(<i64>load<i32>(firstInsn(b), I_OFFSET));
      op(I64_EQ);
      openConstruct(IF);
      if (!dry) goToOuter(b);
      closeConstruct();
    }
  } else {
    // The cache of entries knows the block.
    get(linear);
    op(I32_WRAP_I64);
    get(linear);
    c64(14);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
    op(I32_XOR);
    c32(ENTRIES_MAX - 1);
    op(I32_AND);
    c32(ENTRY_SIZE_SHIFT);
    op(I32_SHL);
    const entry = set32();
    get(entry);
    loadOp<u32>(ENTRIES + <u32>E_REGION);
    c32(<i32>regionBeingWritten);
    op(I32_EQ);
    get(entry);
    loadOp<u32>(ENTRIES + <u32>E_OFFSET);
    op(I64_EXTEND_I32_S);
    get(offset);
    op(I64_EQ);
    op(I32_AND);
    // Was its page looked at since the mapping changed?
    get(entry);
    loadOp<u32>(ENTRIES + <u32>E_GENERATION);
    c32(0);
    loadOp<u32>(<u32>regionBeingWritten + <u32>R_VALID_GENERATION);
    op(I32_EQ);
    op(I32_AND);
    getLocal(local32(COUNT_LOCAL));
    c32(0);
    op(I32_GT_S);
    op(I32_AND);
    openConstruct(IF);
    get(entry);
    loadOp<u8>(ENTRIES + <u32>E_BLOCK);
    setLocal(local32(TARGET_LOCAL));
    if (!dry) branchTo(outerLevel);
    closeConstruct();
  }
  leaveTo(ip, form & FORM_SWITCH ? EXIT_SWITCH : EXIT_INDIRECT);
  setFlagState(before);
  holdFlags(heldBefore, true);
}
const ENTRY_SIZE_SHIFT: i32 = 5;
function isReturn(b: i32): bool {
  return (kindOf(firstInsn(b)) & INSN_RETURN) != 0;
}
/** Pushes the linear address of an instruction pointer. */
function getLinear(ip: i32): void {
  get(ip);
  if ((load<u32>(MODE) & MODE_CODE_MASK) == MODE_64) return;
  loadFrom<u64>(CODE_BASE);
  op(I64_ADD);
  c64(0xffffffff);
  op(I64_AND);
}
/** Leaves to the instruction pointer in a value. */
function leaveTo(ip: i32, kind: u32): void {
  c32(0);
  get(ip);
  storeOp<u64>(RIP);
  if (dry) return;
  chooseExit(kind, load<i32>(insn_, I_OFFSET));
  branchTo(outLevel());
}

// ---- blocks --------------------------------------------------------------------------------------------------------------
/** The first state of a block's flags. */
function firstState(block: i32): i32 {
  const b = blockAt(block);
  if (load<u8>(b, B_STATE_KNOWN)) return load<i32>(b, B_STATE);
  const needs: u32 = load<u8>(b, B_NEEDS);
  return needs & LIVE_REST ? FLAGS_READY : needs & LIVE_CF ? FLAGS_DYNAMIC_CF : FLAGS_DYNAMIC;
}
let remaining: i32 = 0;
/** The instruction being written. */
let insn_: usize = 0;
export function setInsnAtHand(insn: usize): void {
  insn_ = insn;
}
let regionBeingWritten: usize = 0;
let baseBeingWritten: u64 = 0;
let outerLevel: i32 = 0;
function writeBlock(block: i32): void {
  const b = blockAt(block);
  const first = load<i32>(b, B_FIRST);
  const count = load<i32>(b, B_COUNT);
  current = block;
  setFlagState(firstState(block));
  beginBlockWindows(block);
  forgetRegisters();
  forgetFlags();
  if (load<u8>(b, B_STATE_KNOWN)) {
    knowRegisters(load<u32>(b, B_REGISTERS));
    holdFlags(load<u8>(b, B_HELD), true);
  }
  forgetSettled();
  getLocal(local32(COUNT_LOCAL));
  c32(count);
  op(I32_SUB);
  setLocal(local32(COUNT_LOCAL));
  for (let k: i32 = 0; k < count; k++) {
    remaining = count - k;
    writeInsn(insnInOrder(first + k));
  }
  saveWindows(block);
  const last = lastInsn(block);
  if (kindOf(last) & INSN_ENDS) {
    if (!ends) op(UNREACHABLE);
    return;
  }
  const after = endOf(last);
  const to = findBlock(after);
  if (to >= 0) goToBlock(to, to == block + 1);
  else {
    chooseExit(EXIT_JUMP, after);
    branchTo(outLevel());
  }
}
function writeInsn(insn: usize): void {
  const i = changetype<Insn>(insn);
  const wanted: u32 = load<u8>(insn, I_WANTED);
  insn_ = insn;
  beginValues();
  beginEmit();
  beginMemory(
    pageOffsetOf(<i32>load<u8>(insn, I_PAGE)) << 12,
    baseBeingWritten + <u64>(<i64>load<i32>(insn, I_OFFSET)),
  );
  beginControl();
  if (load<u8>(insn, I_ON_CONDITION) && wanted) {
    commitFlags();
    holdBoth();
  }
  const state = flagCode();
  setLeaveLevel(outLevel());
  beginFlags(wanted);
  if (load<u8>(insn, I_LEAVES)) {
    const x = newExit(EXIT_LEAVE, regionBeingWritten);
    store<u8>(x, <u8>state, X_FLAGS);
    store<u16>(x, <u16>remaining, X_COUNT);
    store<i32>(x, load<i32>(insn, I_OFFSET), X_OFFSET);
    offerLeaveExit(<i32>x);
  } else offerLeaveExit(NO_EXIT);
  checkNextPage();
  emitInsn(i);
  if (leaveExit == NO_EXIT) unreachable();
}

// ---- what is not emitted: the function that both tiers share ---------------------------------------------------------------
/** `vectors`: it may touch XMM registers. */
export function emitHelper(i: Insn, vectors: bool): void {
  noteFlagUse(LIVE_ALL, 0);
  closeWindows();
  if (dry) return;
  commitFlags();
  // All of it: the helper may raise a fault, and then only memory counts.
  spill();
  storeCount(remaining);
  tellPage();
  c32(<i32>recordCopy(i));
  call(IMPORT_HELPER);
  brIfRarely(<u32>(depth - helperLevel));
  reload(vectors);
  loadCount(remaining - 1);
}
/** Summary bit of FSW: an unmasked exception waits. SDM Vol. 1, 8.1.3.3. */
const FSW_ES: i32 = 0x80;
/** An instruction between x87 registers: it neither fails, once nothing is pending, nor touches anything else. */
export function emitX87Call(i: Insn): void {
  beforeLeave();
  loadFrom<u16>(FSW);
  c32(FSW_ES);
  op(I32_AND);
  leaveIf();
  tellPage();
  c32(<i32>recordCopy(i));
  call(IMPORT_X87_CALL);
}

// ---- registers between locals and memory -------------------------------------------------------------------------------------
function storeCount(left: i32): void {
  c32(0);
  getLocal(local32(COUNT_LOCAL));
  if (left) {
    c32(-left);
    op(I32_SUB);
  }
  op(I64_EXTEND_I32_S);
  storeOp<u64>(COUNT);
}
function loadCount(left: i32): void {
  loadFrom<u64>(COUNT);
  op(I32_WRAP_I64);
  if (left) {
    c32(left);
    op(I32_SUB);
  }
  setLocal(local32(COUNT_LOCAL));
}
/** Pushes how many instructions will have retired `extra` instructions from the one being written. */
export function pushInstructionCount(extra: i32): void {
  loadFrom<u64>(ICOUNT_BASE);
  getLocal(local32(COUNT_LOCAL));
  c32(remaining - extra);
  op(I32_ADD);
  op(I64_EXTEND_I32_S);
  op(I64_SUB);
}
/** Before a function of the core is called; flags are in state FLAGS_READY. */
function spill(): void {
  spillRegisters();
  if (inLocals) storeAllFlags();
  else storeFlags();
}
function reload(vectors: bool): void {
  reloadRegisters(vectors);
  forgetFlags();
  if (inLocals) loadAllFlags();
}

/** In the dry run: what the function needs whatever its instructions are. */
export function useFixedLocals(): void {
  for (let n: i32 = 0; n < FIXED_HERE; n++) local32(n);
  local64(RESULT_LOCAL);
  local64(OPERAND_A_LOCAL);
  local64(OPERAND_B_LOCAL);
}
/** i32 locals that every region has: those of the exit, the count, the target and the flags. */
const FIXED_HERE: i32 = 5;

function storeFlagKind(): void {
  c32(0);
  getLocal(local32(FLAG_KIND_LOCAL));
  storeOp<u32>(T_FLAG_KIND);
}

/** Writes the whole function. False when it got too big. */
export function writeRegion(region: usize, base: u64): bool {
  regionBeingWritten = region;
  baseBeingWritten = base;
  beginWriting();
  beginWindows();
  setSeveralPages(pageCount > 1);
  setDepth(0);
  loadCount(0);
  helperLevel = openConstruct(BLOCK);
  openTails();
  let entries: i32 = 0;
  for (let b: i32 = 0; b < blockCount; b++) if (load<u8>(blockAt(b), B_ENTRY)) entries++;
  const dispatches = entries > 1 || !load<u8>(blockAt(0), B_ENTRY);
  getLocal(ENTRY);
  setLocal(local32(TARGET_LOCAL));
  if (followsCalls) outerLevel = openConstruct(LOOP);
  writeStretch(0, blockCount - 1, false, dispatches || followsCalls);
  if (followsCalls) {
    op(UNREACHABLE);
    closeConstruct();
  }
  op(UNREACHABLE);
  writeTails();
  if (isFull()) return false;
  storeCount(0);
  getLocal(local32(EXIT_LOCAL));
  op(RETURN);
  closeConstruct();
  c32(0);
  op(END);
  writtenStart = finishFunction();
  writtenEnd = at;
  return true;
}
