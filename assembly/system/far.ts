/** Far jumps, calls and returns, call gates, IRET. SDM Vol. 2 (JMP, CALL, RET, IRET) and Vol. 3A, 5.8. Leaves out task switches. */
import {
  CPL,
  CR0,
  CS,
  GPR,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  NMI_BLOCKED,
  SEG,
  SEG_FLAGS,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
  STACK_MASK,
} from '../layout';
import { ipAfter } from '../engine/cache';
import { AC, ARITHMETIC, DF, Flags, ID, IF, IOPL, NT, TF, VIF, VIP, VM } from '../engine/flags';
import { Interp } from '../engine/interp';
import { core, Insn } from '../engine/backend';
import { isCanonical, nextIsStack, probeWrite, stackDone, writeSlow } from '../mmu/access';
import { note } from '../host';
import { CR0_PE } from './control';
import {
  baseOf,
  dplOf,
  dropInnerSegments,
  high,
  inLongMode,
  isRealOrV86,
  limitOf,
  loadStack,
  low,
  readDescriptor,
  readInnerStack,
  readUpper,
  selectorOf,
  setAccessed,
  setCode,
  setSegment,
  tssStack,
  tssStackSelector,
  typeOf,
} from './descriptor';
import { fault, GP, NP, SS_VECTOR, TS } from './fault';
import { beginFrame, beginFrame64, frameMask, framePush, frameTop } from './frame';
import { updateMode } from './mode';
import { FLAG_CODE, FLAG_DB, FLAG_DPL_SHIFT, FLAG_EXPAND_DOWN, FLAG_L, FLAG_P, FLAG_S, FLAG_WRITABLE } from './segment';
import { resumeAt } from './syscall';

const RSP: usize = GPR + 32;
const TYPE_CALL_GATE_16: u32 = 4;
const TYPE_CALL_GATE_32: u32 = 12;
const NOTE_TASK_SWITCH: u32 = 3;

function is64(): bool {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64;
}

/** Reads a stack slot at byte offset `at` above the pointer, as the running program. */
function peek(i: Insn, at: u32, size: u32): u64 {
  const e = core<Interp>();
  const offset = (load<u64>(RSP) + at) & load<u64>(STACK_MASK);
  const linear = e.stackAddress(i, offset, size);
  nextIsStack();
  let value: u64;
  if (size == 2) value = <u64>e.loadAt<u16>(i, linear);
  else if (size == 4) value = <u64>e.loadAt<u32>(i, linear);
  else value = e.loadAt<u64>(i, linear);
  stackDone();
  return value;
}
/** Pushes two values; both slots are checked before either is written. */
function pushes(i: Insn, size: u32, first: u64, second: u64): void {
  const e = core<Interp>();
  const mask = load<u64>(STACK_MASK);
  const sp = load<u64>(RSP);
  const one = e.stackAddress(i, (sp - size) & mask, size);
  const two = e.stackAddress(i, (sp - 2 * size) & mask, size);
  nextIsStack();
  probeWrite(i, one, size);
  probeWrite(i, two, size);
  writeSlow(i, one, size, first);
  writeSlow(i, two, size, second);
  stackDone();
  store<u64>(RSP, (sp & ~mask) | ((sp - 2 * size) & mask));
}

function setRealCode(selector: u32): void {
  const at: usize = SEG + CS * SEG_SIZE;
  const flags = load<u32>(at, SEG_FLAGS);
  // A far jump in real mode leaves limit and size bits alone ("unreal" code keeps them).
  setSegment(
    CS,
    selector,
    (<u64>selector) << 4,
    load<u32>(at, SEG_LIMIT),
    flags & FLAG_P ? flags : FLAG_P | FLAG_S | FLAG_CODE | FLAG_WRITABLE | (1 << 8),
  );
}

/** Checks the code descriptor in low/high as the target of JMP or CALL at the current level. */
function checkDirectCode(selector: u32): void {
  const error = selector & 0xfffc;
  const cpl = load<u32>(CPL);
  const dpl = dplOf(high);
  if (high & FLAG_EXPAND_DOWN) {
    if (dpl > cpl) fault(GP, error);
  } else if ((selector & 3) > cpl || dpl != cpl) fault(GP, error);
  if (!(high & FLAG_P)) fault(NP, error);
  if (inLongMode() && high & FLAG_L && high & FLAG_DB) fault(GP, error);
}
function checkOffset(ip: u64): void {
  if (inLongMode() && high & FLAG_L) {
    if (!isCanonical(ip)) fault(GP, 0);
  } else if (ip > <u64>limitOf(low, high)) fault(GP, 0);
}

export function farJump(i: Insn, selector: u32, ip: u64, size: u32): void {
  if (isRealOrV86()) {
    if (ip > <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) fault(GP, 0);
    setRealCode(selector);
    updateMode();
    resumeAt(i, ip);
    return;
  }
  if (!(selector & 0xfffc)) fault(GP, 0);
  readDescriptor(selector, GP);
  if (!(high & FLAG_S)) {
    gate(i, selector, false, size);
    return;
  }
  if (!(high & FLAG_CODE)) fault(GP, selector & 0xfffc);
  checkDirectCode(selector);
  checkOffset(ip);
  setAccessed();
  setCode(selector, load<u32>(CPL));
  updateMode();
  resumeAt(i, ip);
}

export function farCall(i: Insn, selector: u32, ip: u64, size: u32): void {
  const back = ipAfter(i);
  if (isRealOrV86()) {
    if (ip > <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) fault(GP, 0);
    pushes(i, size, <u64>selectorOf(CS), back);
    setRealCode(selector);
    updateMode();
    resumeAt(i, ip);
    return;
  }
  if (!(selector & 0xfffc)) fault(GP, 0);
  readDescriptor(selector, GP);
  if (!(high & FLAG_S)) {
    gate(i, selector, true, size);
    return;
  }
  if (!(high & FLAG_CODE)) fault(GP, selector & 0xfffc);
  checkDirectCode(selector);
  checkOffset(ip);
  pushes(i, size, <u64>selectorOf(CS), back);
  setAccessed();
  setCode(selector, load<u32>(CPL));
  updateMode();
  resumeAt(i, ip);
}

/** Call gates; a task gate or TSS as target stops with a note, as task switching is not built yet. */
function gate(i: Insn, selector: u32, call: bool, size: u32): void {
  const error = selector & 0xfffc;
  const type = typeOf(high);
  const long = inLongMode();
  if (!(type == TYPE_CALL_GATE_32 || (type == TYPE_CALL_GATE_16 && !long))) {
    if (!long && (type == 5 || type == 1 || type == 9)) note(NOTE_TASK_SWITCH, <f64>selector);
    fault(GP, error);
  }
  const cpl = load<u32>(CPL);
  if (dplOf(high) < cpl || dplOf(high) < (selector & 3)) fault(GP, error);
  if (!(high & FLAG_P)) fault(NP, error);
  const target = low >>> 16;
  const width: u32 = long ? 8 : type == TYPE_CALL_GATE_32 ? 4 : 2;
  let ip: u64 = <u64>(low & 0xffff);
  if (type == TYPE_CALL_GATE_32) ip |= <u64>(high & 0xffff0000);
  const count = high & 31;
  if (long) {
    const third = readUpper(selector, GP);
    if ((third >> 40) & 31) fault(GP, error);
    ip |= third << 32;
  }
  if (!(target & 0xfffc)) fault(GP, 0);
  readDescriptor(target, GP);
  const codeError = target & 0xfffc;
  if ((high & (FLAG_S | FLAG_CODE)) != (FLAG_S | FLAG_CODE) || dplOf(high) > cpl) fault(GP, codeError);
  if (long && (!(high & FLAG_L) || high & FLAG_DB)) fault(GP, codeError);
  const conforming = (high & FLAG_EXPAND_DOWN) != 0;
  if (!call && !conforming && dplOf(high) != cpl) fault(GP, codeError);
  if (!(high & FLAG_P)) fault(NP, codeError);
  checkOffset(ip);
  const newCpl = call && !conforming ? dplOf(high) : cpl;
  setAccessed();
  const codeLow = low;
  const codeHigh = high;
  const back = ipAfter(i);
  if (!call) setCode(target, cpl);
  else if (newCpl == cpl) {
    pushes(i, width, <u64>selectorOf(CS), back);
    setSegment(CS, (target & 0xfffc) | cpl, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
  } else innerCall(i, target, codeLow, codeHigh, newCpl, width, count, back);
  updateMode();
  resumeAt(i, ip);
}

function innerCall(
  i: Insn,
  target: u32,
  codeLow: u32,
  codeHigh: u32,
  newCpl: u32,
  width: u32,
  count: u32,
  back: u64,
): void {
  const long = inLongMode();
  const sp = tssStack(newCpl, 0);
  let stackSelector: u32 = newCpl;
  let stackLow: u32 = 0;
  let stackHigh: u32 = newCpl << FLAG_DPL_SHIFT;
  if (!long) {
    stackSelector = tssStackSelector;
    readInnerStack(stackSelector, newCpl, stackSelector & 0xfffc);
    stackLow = low;
    stackHigh = high;
    const mask: u64 = high & FLAG_DB ? 0xffffffff : 0xffff;
    beginFrame(baseOf(low, high), limitOf(low, high), high, mask, sp, stackSelector & 0xfffc, newCpl);
  } else {
    if (!isCanonical(sp)) fault(SS_VECTOR, 0);
    beginFrame64(sp, newCpl);
  }
  framePush(width, <u64>selectorOf(SS));
  framePush(width, load<u64>(RSP));
  for (let n: u32 = long ? 0 : count; n > 0; n--) framePush(width, peek(i, (n - 1) * width, width));
  framePush(width, <u64>selectorOf(CS));
  framePush(width, back);
  const mask = frameMask();
  setSegment(
    SS,
    stackSelector,
    long ? 0 : baseOf(stackLow, stackHigh),
    long ? 0 : limitOf(stackLow, stackHigh),
    stackHigh,
  );
  setSegment(CS, (target & 0xfffc) | newCpl, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
  store<u32>(CPL, newCpl);
  store<u64>(RSP, (load<u64>(RSP) & ~mask) | (frameTop & mask));
}

/** Checks the code descriptor of a far return to `selector`, in low/high. */
function readReturnCode(selector: u32): void {
  if (!(selector & 0xfffc)) fault(GP, 0);
  readDescriptor(selector, GP);
  const error = selector & 0xfffc;
  const rpl = selector & 3;
  if ((high & (FLAG_S | FLAG_CODE)) != (FLAG_S | FLAG_CODE) || rpl < load<u32>(CPL)) fault(GP, error);
  if (high & FLAG_EXPAND_DOWN ? dplOf(high) > rpl : dplOf(high) != rpl) fault(GP, error);
  if (!(high & FLAG_P)) fault(NP, error);
  if (inLongMode() && high & FLAG_L && high & FLAG_DB) fault(GP, error);
}

/** Loads SS for a return to level `cpl`; the code segment about to be loaded decides whether a null selector is fine. */
function loadOuterStack(selector: u32, cpl: u32, to64: bool): void {
  if (!(selector & 0xfffc) && to64 && cpl < 3 && (selector & 3) == cpl) {
    setSegment(SS, selector, 0, 0, cpl << FLAG_DPL_SHIFT);
    return;
  }
  if (!(selector & 0xfffc)) fault(GP, 0);
  loadStack(selector, cpl, GP);
}

export function farReturn(i: Insn, size: u32, release: u32): void {
  const ip = peek(i, 0, size);
  const selector = (<u32>peek(i, size, size)) & 0xffff;
  const mask = load<u64>(STACK_MASK);
  if (isRealOrV86()) {
    if (ip > <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) fault(GP, 0);
    setRealCode(selector);
    moveStack(mask, 2 * size + release);
    updateMode();
    resumeAt(i, ip);
    return;
  }
  readReturnCode(selector);
  checkOffset(ip);
  const cpl = load<u32>(CPL);
  const rpl = selector & 3;
  const codeLow = low;
  const codeHigh = high;
  if (rpl == cpl) {
    setAccessed();
    setCode(selector, cpl);
    moveStack(mask, 2 * size + release);
  } else {
    const newSp = peek(i, 2 * size + release, size);
    const newSs = (<u32>peek(i, 3 * size + release, size)) & 0xffff;
    setAccessed();
    loadOuterStack(newSs, rpl, inLongMode() && (codeHigh & FLAG_L) != 0);
    setSegment(CS, selector, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
    store<u32>(CPL, rpl);
    updateMode();
    setOuterPointer(newSp + release);
    dropInnerSegments();
  }
  updateMode();
  resumeAt(i, ip);
}

/** To a 64-bit or 32-bit stack the whole register is written; a 16-bit stack keeps the upper bits. */
function setOuterPointer(sp: u64): void {
  const mask = load<u64>(STACK_MASK);
  store<u64>(RSP, mask == 0xffff ? (load<u64>(RSP) & ~mask) | (sp & mask) : sp & mask);
}

function moveStack(mask: u64, by: u32): void {
  const sp = load<u64>(RSP);
  store<u64>(RSP, (sp & ~mask) | ((sp + by) & mask));
}

/**
 * EFLAGS bits that IRET may change at `cpl` with operand size `size`. Not RF: it holds off instruction breakpoints (which this machine
 * does not have) for the one instruction after IRET and is clear from then on, and until then nothing can read it: PUSHF and SYSCALL
 * save it as 0, a fault as 1. SDM Vol. 3B, 17.3.1.1.
 */
function changeableFlags(size: u32, cpl: u32, iopl: u32): u32 {
  let mask: u32 = ARITHMETIC | TF | DF | NT;
  if (cpl <= iopl) mask |= IF;
  if (cpl == 0) mask |= IOPL;
  if (size > 2) {
    mask |= AC | ID;
    if (cpl == 0) mask |= VIF | VIP;
  }
  return mask;
}

export function interruptReturn(i: Insn, size: u32): void {
  const ip = peek(i, 0, size);
  const selector = (<u32>peek(i, size, size)) & 0xffff;
  const flags = <u32>peek(i, 2 * size, size);
  const mask = load<u64>(STACK_MASK);
  const cpl = load<u32>(CPL);
  const old = Flags.get();
  const iopl = (old >> 12) & 3;
  if (isRealOrV86()) {
    if (load<u64>(CR0) & CR0_PE) fault(GP, 0); // virtual-8086 mode is not built yet, nothing can enter it
    if (ip > <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) fault(GP, 0);
    setRealCode(selector);
    moveStack(mask, 3 * size);
    const may = changeableFlags(size, 0, 3);
    Flags.set((old & ~may) | (flags & may));
    store<u32>(NMI_BLOCKED, 0);
    updateMode();
    resumeAt(i, ip);
    return;
  }
  if (old & NT) {
    note(NOTE_TASK_SWITCH, 0);
    fault(inLongMode() ? GP : TS, 0); // a nested-task return: task switching is not built yet
  }
  if (!inLongMode() && flags & VM && cpl == 0) {
    note(NOTE_TASK_SWITCH, 1); // entry to virtual-8086 mode
    fault(GP, 0);
  }
  readReturnCode(selector);
  checkOffset(ip);
  const rpl = selector & 3;
  const codeLow = low;
  const codeHigh = high;
  const to64 = inLongMode() && (codeHigh & FLAG_L) != 0;
  const may = changeableFlags(size, cpl, iopl);
  if (rpl != cpl || is64()) {
    const newSp = peek(i, 3 * size, size);
    const newSs = (<u32>peek(i, 4 * size, size)) & 0xffff;
    setAccessed();
    loadOuterStack(newSs, rpl, to64);
    setSegment(CS, selector, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
    store<u32>(CPL, rpl);
    Flags.set((old & ~may) | (flags & may));
    updateMode();
    setOuterPointer(newSp);
    if (rpl != cpl) dropInnerSegments();
  } else {
    setAccessed();
    setCode(selector, cpl);
    moveStack(mask, 3 * size);
    Flags.set((old & ~may) | (flags & may));
  }
  store<u32>(NMI_BLOCKED, 0);
  updateMode();
  resumeAt(i, ip);
}
