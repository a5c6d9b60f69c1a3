/**
 * Memory accesses of translated code. One compare of the address with a TLB tag covers page, permission and crossing; when it
 * fails, tier 0 does the instruction. A window is one such compare for all accesses of a block that are at constant
 * distances from the same register: later ones are plain loads and stores. Windows need to be known before the first access
 * is written, so the dry run collects them.
 */
import {
  CODE_LINEAR_PAGE,
  CODE_ZERO,
  EA_LONG,
  EA_SEGMENT,
  FS,
  MODE,
  MODE_32,
  MODE_64,
  MODE_CODE_MASK,
  MODE_PROTECTED,
  NARROW,
  NARROW_SIZE,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
  STACK_FLAT,
  STACK_MASK,
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_READ,
  TLB_WRITE,
  T_BANK,
  T_BASE,
  T_KEY,
  T_KEY_USER,
} from '../layout';
import { bank } from '../mmu/tlb';
import { FLAG_CODE, FLAG_EXPAND_DOWN, FLAG_P, FLAG_WRITABLE } from '../system/segment';
import { Insn } from './backend';
import { gprLocal, wroteGpr } from './emit-registers';
import { BLOCKS_MAX, knownFrom } from './region-blocks';
import {
  brIfRarely,
  c32,
  c64,
  constantHandle,
  dry,
  get,
  getLocal,
  I32_ADD,
  I32_AND,
  I32_EQ,
  I32_NE,
  I32_SHL,
  I32_WRAP_I64,
  I64_ADD,
  I64_AND,
  I64_EXTEND_I32_U,
  I64_GT_U,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  I64_XOR,
  loadFrom,
  loadOp,
  local32,
  op,
  set32,
  set64,
  setLocal,
} from './wasm';

// ---- the instruction at hand -----------------------------------------------------------------------------------------
/** Local that holds the address of the exit taken. */
export const EXIT_LOCAL: i32 = 0; // fixed i32
/** Host address of each window: fixed i32 locals from here on, by base. */
const WINDOW_LOCAL: i32 = 6;
const BASES: i32 = 18;
const BASE_ABSOLUTE: i32 = 16;
const BASE_CODE: i32 = 17;
const RSP: i32 = 4;

/** Offset of the instruction's page from the region's base, in bytes. */
export let pageOffset: i32 = 0;
/** The instruction may leave: known after its dry run. */
export let mayLeave: bool = false;
/** Address of the exit that leaves before this instruction; -1 until it needs one. */
export let leaveExit: i32 = -1;
/** What offerLeaveExit() is given for an instruction that needs none. */
export const NO_EXIT: i32 = -2;
/** Nesting of Wasm blocks, and that of the block which ends at the exit. */
export let depth: i32 = 0;
/** The same for the exit of an instruction in the middle. */
let leaveLevel: i32 = 0;
/** Inside a condition of the instruction. */
export let conditions: i32 = 0;

export function setDepth(value: i32): void {
  depth = value;
}
export function setLeaveLevel(value: i32): void {
  leaveLevel = value;
}
export function setConditions(value: i32): void {
  conditions = value;
}
/** Experience with the code at hand: 0 none, 1 windows failed often, 2 floating-point arithmetic left often, too. */
let trouble: u32 = 0;
/** Exact arithmetic is the rule here: let tier 0's functions do it. */
export function isStubborn(): bool {
  return trouble >= TROUBLE_EXACT;
}
const TROUBLE_EXACT: u32 = 2;
/** Where experience with the code at a linear address is kept. */
export function troubleAt(linear: u64): usize {
  const piece = <u32>(linear >> 8);
  return NARROW + ((<usize>(piece ^ (piece >> 13))) & (NARROW_SIZE - 1));
}
/** `linear` is the address of the instruction, `page` the offset of its page from the base. */
export function beginMemory(page: i32, linear: u64): void {
  pageOffset = page;
  trouble = load<u8>(troubleAt(linear));
  mayLeave = false;
  leaveExit = -1;
  conditions = 0;
  addressCount = 0;
}

/** Called when an instruction first needs a way to leave: its address. */
let takeLeaveExit: i32 = 0;
export function offerLeaveExit(n: i32): void {
  takeLeaveExit = n;
}
/** Sets the exit local; before whatever pushes the condition to leave. */
function prepareLeave(): void {
  mayLeave = true;
  if (leaveExit == takeLeaveExit && conditions == preparedIn) return;
  leaveExit = takeLeaveExit;
  preparedIn = conditions;
  c32(leaveExit);
  setLocal(local32(EXIT_LOCAL));
}
let preparedIn: i32 = 0;
/** Call before pushing a condition for leaveIf(). */
export function beforeLeave(): void {
  prepareLeave();
}
/** Leaves for tier 0, with nothing written, when the i32 on the stack is not zero. */
export function leaveIf(): void {
  brIfRarely(<u32>(depth - leaveLevel));
}
/** Leaves always. */
export function leave(): void {
  prepareLeave();
  c32(1);
  leaveIf();
}

/** Pushes the linear address of the region's first page. */
export function pushBase(): void {
  loadFrom<u64>(T_BASE);
}

// ---- windows ---------------------------------------------------------------------------------------------------------
const WINDOWS_MAX: i32 = 2048;
/** Bytes that one window may span. */
const SPAN_MAX: i32 = 512;
/** Where windows that wide often cross the end of a page. */
const SPAN_NARROW: i32 = 16;
const windows: usize = memory.data(WINDOWS_MAX * 12); // i32 least, i32 end, i32 written
let windowCount: i32 = 0;
// For each base: its window or -1, the distance of the register's value from that at the window's beginning, the window's
// extent so far (the same in both runs), and whether its host address is there.
const open: usize = memory.data(BASES * 4);
const distance: usize = memory.data(BASES * 4);
const least: usize = memory.data(BASES * 4);
const most: usize = memory.data(BASES * 4);
const ready: usize = memory.data(BASES * 4);
/** Opened in a block before this one: it does not become one for writing, which might fail where nothing is written. */
const inherited: usize = memory.data(BASES * 4);

// What was open at the end of each block, for one that only comes after it.
const TABLE_BYTES: usize = BASES * 4;
const saved: usize = memory.data(BLOCKS_MAX * 5 * BASES * 4);
/** Call at a block's end, in both runs. */
export function saveWindows(block: i32): void {
  const at = saved + <usize>block * 5 * TABLE_BYTES;
  memory.copy(at, open, TABLE_BYTES);
  memory.copy(at + TABLE_BYTES, distance, TABLE_BYTES);
  memory.copy(at + 2 * TABLE_BYTES, least, TABLE_BYTES);
  memory.copy(at + 3 * TABLE_BYTES, most, TABLE_BYTES);
  memory.copy(at + 4 * TABLE_BYTES, ready, TABLE_BYTES);
}
/** Call at a block's beginning, in both runs. */
export function beginBlockWindows(block: i32): void {
  const from = knownFrom(block);
  if (from < 0) {
    closeWindows();
    return;
  }
  const at = saved + <usize>from * 5 * TABLE_BYTES;
  memory.copy(open, at, TABLE_BYTES);
  memory.copy(distance, at + TABLE_BYTES, TABLE_BYTES);
  memory.copy(least, at + 2 * TABLE_BYTES, TABLE_BYTES);
  memory.copy(most, at + 3 * TABLE_BYTES, TABLE_BYTES);
  memory.copy(ready, at + 4 * TABLE_BYTES, TABLE_BYTES);
  for (let n: usize = 0; n < <usize>BASES; n++) store<i32>(inherited + (n << 2), 1);
}

/** At the start of both runs. */
export function beginWindows(): void {
  windowCount = 0;
  closeWindows();
}
/** The TLB may change, or control came from elsewhere. */
export function closeWindows(): void {
  for (let n: usize = 0; n < <usize>BASES; n++) store<i32>(open + (n << 2), -1);
}
/** The register gets a value that nothing is known of. */
export function closeWindow(base: i32): void {
  store<i32>(open + ((<usize>base) << 2), -1);
}
/** The register's value grows by a constant. */
export function moveWindow(base: i32, by: i32): void {
  const at = distance + ((<usize>base) << 2);
  const far = load<i32>(at) + by;
  if (far > 0x100000 || far < -0x100000) closeWindow(base);
  else store<i32>(at, far);
}

/** The window that serves [base + displacement, + size), or -1. */
function windowFor(base: i32, displacement: i32, size: i32, write: bool): i32 {
  // With the distance it stays an i32.
  if (displacement > 0x7fe00000 || displacement < -0x7fe00000) return -1;
  const b: usize = (<usize>base) << 2;
  let n = load<i32>(open + b);
  const offset = displacement + (n < 0 ? 0 : load<i32>(distance + b));
  if (base >= BASE_ABSOLUTE && (offset & 0xfff) + size > 4096) return -1;
  let fits = n >= 0;
  const span = trouble ? SPAN_NARROW : SPAN_MAX;
  if (fits) {
    const low = min<i32>(offset, load<i32>(least + b));
    const high = max<i32>(offset + size, load<i32>(most + b));
    // They may be more than 2 GiB apart.
    fits = base >= BASE_ABSOLUTE ? offset >> 12 == load<i32>(least + b) >> 12 : <u32>(high - low) <= <u32>span;
    if (write && load<i32>(inherited + b) && !load<i32>(windows + <usize>n * 12, 8)) fits = false;
  }
  if (!fits) {
    // Not where it might not be executed.
    if (conditions || windowCount >= WINDOWS_MAX) return -1;
    n = windowCount++;
    store<i32>(open + b, n);
    store<i32>(inherited + b, 0);
    store<i32>(distance + b, 0);
    store<i32>(least + b, displacement);
    store<i32>(most + b, displacement + size);
    store<i32>(ready + b, 0);
    if (dry) {
      const w = windows + <usize>n * 12;
      store<i32>(w, displacement);
      store<i32>(w, displacement + size, 4);
      store<i32>(w, write ? 1 : 0, 8);
    }
    return n;
  }
  store<i32>(least + b, min<i32>(offset, load<i32>(least + b)));
  store<i32>(most + b, max<i32>(offset + size, load<i32>(most + b)));
  if (conditions && !load<i32>(ready + b)) return -1;
  if (dry) {
    const w = windows + <usize>n * 12;
    store<i32>(w, min<i32>(offset, load<i32>(w)));
    store<i32>(w, max<i32>(offset + size, load<i32>(w, 4)), 4);
    if (write) store<i32>(w, 1, 8);
  }
  return n;
}

// ---- addresses -------------------------------------------------------------------------------------------------------
/** Handles of addresses that are a base and a displacement: kept apart until it is clear what they are for. */
const ADDRESS: i32 = 0x40000;
const ADDRESSES_MAX: i32 = 16;
const addresses: usize = memory.data(ADDRESSES_MAX * 8);
let addressCount: i32 = 0;

function addressHandle(base: i32, displacement: i32): i32 {
  if (addressCount >= ADDRESSES_MAX) unreachable();
  const at = addresses + ((<usize>addressCount) << 3);
  store<i32>(at, base);
  store<i32>(at, displacement, 4);
  return ADDRESS + addressCount++;
}
export function isAddress(handle: i32): bool {
  return handle >= ADDRESS;
}
function is64(): bool {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64;
}
/** Pushes base + displacement as the mode wraps it, i64. */
function pushBased(base: i32, displacement: i32): void {
  if (base == BASE_ABSOLUTE) {
    c64(is64() ? <i64>displacement : <i64>(<u32>displacement));
    return;
  }
  if (base == BASE_CODE) {
    pushBase();
    c64(<i64>displacement);
    op(I64_ADD);
    return;
  }
  getLocal(gprLocal(base));
  if (is64()) {
    if (!displacement) return;
    c64(<i64>displacement);
    op(I64_ADD);
    return;
  }
  op(I32_WRAP_I64);
  if (displacement) {
    c32(displacement);
    op(I32_ADD);
  }
  op(I64_EXTEND_I32_U);
}
/** A linear address as a value. */
export function addressValue(handle: i32): i32 {
  if (!isAddress(handle)) return handle;
  const at = addresses + ((<usize>(handle - ADDRESS)) << 3);
  pushBased(load<i32>(at), load<i32>(at, 4));
  return set64();
}

/** The effective address, cut to the address size. */
export function effectiveAddress(i: Insn): i32 {
  const size = (<u32>i.ea) & 3;
  if (i.ea & EA_LONG) {
    if (i.r1 != CODE_LINEAR_PAGE) return constantHandle<u64>(load<i64>(changetype<usize>(i) + 8));
    pushBase();
    c64(<i64>pageOffset + <i64>(i.offset + i.length) + <i64>i.disp);
    op(I64_ADD);
    return set64();
  }
  const hasIndex = i.index != 16;
  if (i.r1 == CODE_ZERO && !hasIndex) {
    const mask: i64 = size == 0 ? -1 : size == 1 ? 0xffffffff : 0xffff;
    return constantHandle<u64>((<i64>i.disp) & mask);
  }
  if (size == 0) {
    let pushed = false;
    if (i.r1 == CODE_LINEAR_PAGE) {
      pushBase();
      c64(<i64>pageOffset + <i64>i.disp);
      op(I64_ADD);
      pushed = true;
    } else if (i.r1 != CODE_ZERO) {
      getLocal(gprLocal(<i32>(i.r1 >> 3)));
      pushed = true;
    }
    if (hasIndex) {
      getLocal(gprLocal(<i32>(i.index & 31)));
      if (i.index >> 5) {
        c64(<i64>(i.index >> 5));
        op(I64_SHL);
      }
      if (pushed) op(I64_ADD);
    }
    if (i.disp && i.r1 != CODE_LINEAR_PAGE) {
      c64(<i64>i.disp);
      op(I64_ADD);
    }
    return set64();
  }
  // 32 and 16 bits
  let pushed = false;
  if (i.r1 == CODE_LINEAR_PAGE) {
    pushBase();
    op(I32_WRAP_I64);
    c32(pageOffset);
    op(I32_ADD);
    pushed = true;
  } else if (i.r1 != CODE_ZERO) {
    getLocal(gprLocal(<i32>(i.r1 >> 3)));
    op(I32_WRAP_I64);
    pushed = true;
  }
  if (hasIndex) {
    getLocal(gprLocal(<i32>(i.index & 31)));
    op(I32_WRAP_I64);
    if (i.index >> 5) {
      c32(<i32>(i.index >> 5));
      op(I32_SHL);
    }
    if (pushed) op(I32_ADD);
  }
  if (i.disp) {
    c32(i.disp);
    op(I32_ADD);
  }
  if (size == 2) {
    c32(0xffff);
    op(I32_AND);
  }
  op(I64_EXTEND_I32_U);
  return set64();
}

/** Linear address of the memory operand; leaves when its segment needs a closer look. */
export function operandAddress(i: Insn, size: u32): i32 {
  const mode = load<u32>(MODE) & MODE_CODE_MASK;
  const natural: u32 = mode == MODE_64 ? 0 : mode == MODE_32 ? 1 : 3;
  if (!(i.ea & (EA_SEGMENT | EA_LONG)) && ((<u32>i.ea) & 3) == natural && i.index == 16) {
    if (i.r1 == CODE_ZERO) return addressHandle(BASE_ABSOLUTE, i.disp);
    if (i.r1 == CODE_LINEAR_PAGE) return addressHandle(BASE_CODE, pageOffset + i.disp);
    return addressHandle(<i32>(i.r1 >> 3), i.disp);
  }
  const offset = effectiveAddress(i);
  return i.ea & EA_SEGMENT ? segmentAddress((<u32>i.ea) >> 4, offset, size) : offset;
}

/** Adds a segment's base. Outside 64-bit mode only the usual kind (present, writable data that grows up) stays here. */
export function segmentAddress(segment: u32, offset: i32, size: u32): i32 {
  const at: u32 = SEG + segment * SEG_SIZE;
  if (is64()) {
    if (segment < <u32>FS) return offset;
    get(offset);
    loadFrom<u64>(at + SEG_BASE);
    op(I64_ADD);
    return set64();
  }
  beforeLeave();
  const isProtected = (load<u32>(MODE) & MODE_PROTECTED) != 0;
  const kinds: u32 = isProtected ? FLAG_P | FLAG_CODE | FLAG_EXPAND_DOWN | FLAG_WRITABLE : FLAG_CODE | FLAG_EXPAND_DOWN;
  loadFrom<u32>(at + SEG_FLAGS);
  c32(<i32>kinds);
  op(I32_AND);
  if (isProtected) {
    c32(<i32>(FLAG_P | FLAG_WRITABLE));
    op(I32_NE);
  } else {
    c32(<i32>FLAG_EXPAND_DOWN);
    op(I32_EQ);
  }
  leaveIf();
  get(offset);
  c64(<i64>(size - 1));
  op(I64_ADD);
  loadFrom<u32>(at + SEG_LIMIT);
  op(I64_EXTEND_I32_U);
  op(I64_GT_U);
  leaveIf();
  get(offset);
  loadFrom<u64>(at + SEG_BASE);
  op(I64_ADD);
  c64(0xffffffff);
  op(I64_AND);
  return set64();
}

/** Linear address `by` bytes from the top of the stack. */
export function stackAddress(by: i32, size: u32): i32 {
  const mask = load<u64>(STACK_MASK);
  const flat = load<u32>(STACK_FLAT) != 0;
  const mode = load<u32>(MODE) & MODE_CODE_MASK;
  if (flat && (mode == MODE_64 || (mode == MODE_32 && mask == 0xffffffff))) return addressHandle(RSP, by);
  getLocal(gprLocal(RSP));
  if (by) {
    c64(<i64>by);
    op(I64_ADD);
  }
  c64(<i64>mask);
  op(I64_AND);
  const offset = set64();
  return flat ? offset : segmentAddress(SS, offset, size);
}
/** The stack pointer grows by a constant within its width. */
export function moveStackPointer(by: i32): void {
  const mask = load<u64>(STACK_MASK);
  const local = gprLocal(RSP);
  if (mask == 0xffff) {
    getLocal(local);
    c64(~0xffff);
    op(I64_AND);
    getLocal(local);
    c64(<i64>by);
    op(I64_ADD);
    c64(0xffff);
    op(I64_AND);
    op(I64_OR);
    closeWindow(RSP);
  } else if (mask == 0xffffffff) {
    // The upper half is zero: who enters translated code sees to that.
    getLocal(local);
    op(I32_WRAP_I64);
    c32(by);
    op(I32_ADD);
    op(I64_EXTEND_I32_U);
    moveWindow(RSP, by);
  } else {
    getLocal(local);
    c64(<i64>by);
    op(I64_ADD);
    moveWindow(RSP, by);
  }
  setLocal(local);
  wroteGpr(RSP);
}

// ---- accesses --------------------------------------------------------------------------------------------------------
/**
 * Where the bank is: a constant for user code, which has one. That of the kernel changes with EFLAGS.AC, and pushEntry() has
 * added it already.
 */
function bankBase(): u32 {
  return load<u32>(T_KEY) & T_KEY_USER ? <u32>bank : 0;
}
/** Pushes the TLB entry's address, less bankBase(), of the linear address in local `linear`. */
function pushEntry(linear: i32): void {
  get(linear);
  c64(7);
  op(I64_SHR_U);
  op(I32_WRAP_I64);
  c32((TLB_ENTRIES - 1) << 5);
  op(I32_AND);
  if (bankBase()) return;
  loadFrom<u32>(T_BANK);
  op(I32_ADD);
}
/** Compares [linear, + size) with a tag of its entry, leaves on a mismatch, and pushes the host's address. */
function pushTranslated(linear: i32, size: u32, write: bool): void {
  beforeLeave();
  pushEntry(linear);
  const entry = set32();
  get(linear);
  get(entry);
  loadOp<u64>(bankBase() + (write ? TLB_WRITE : TLB_READ));
  op(I64_XOR);
  c64(<i64>(4096 - size));
  op(I64_GT_U);
  leaveIf();
  get(linear);
  op(I32_WRAP_I64);
  get(entry);
  loadOp<u32>(bankBase() + TLB_ADDEND);
  op(I32_ADD);
}
/** Offset within the window of the access that hostAddress() was last asked for. */
export let hostOffset: u32 = 0;
/** Pushes a host address: the access is at it + hostOffset. */
export function pushHost(address: i32, size: u32, write: bool): void {
  hostOffset = 0;
  if (!isAddress(address)) {
    pushTranslated(address, size, write);
    return;
  }
  const at = addresses + ((<usize>(address - ADDRESS)) << 3);
  const base = load<i32>(at);
  const displacement = load<i32>(at, 4);
  const window = windowFor(base, displacement, <i32>size, write);
  if (window < 0) {
    pushTranslated(addressValue(address), size, write);
    return;
  }
  const b: usize = (<usize>base) << 2;
  const local = local32(WINDOW_LOCAL + base);
  const w = windows + <usize>window * 12;
  const from = load<i32>(w);
  if (!load<i32>(ready + b)) {
    pushBased(base, from - load<i32>(distance + b));
    pushTranslated(set64(), <u32>(load<i32>(w, 4) - from), load<i32>(w, 8) != 0);
    setLocal(local);
    store<i32>(ready + b, 1);
  }
  hostOffset = <u32>(displacement + load<i32>(distance + b) - from);
  getLocal(local);
}
/** The same as a value: address + hostOffset. */
export function hostAddress(address: i32, size: u32, write: bool): i32 {
  pushHost(address, size, write);
  if (hostOffset) {
    c32(<i32>hostOffset);
    op(I32_ADD);
  }
  return set32();
}
