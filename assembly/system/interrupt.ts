/**
 * Delivery of interrupts and exceptions through the IDT or the real-mode vector table. SDM Vol. 3A, chapter 6;
 * long mode 6.14. Leaves out task gates (a machine check of ours: they shut the CPU down with a note) and virtual-8086
 * mode's redirection. State changes only after everything that can fault has been done.
 */
import {
  COUNT,
  CPL,
  CR0,
  CS,
  DELIVERING,
  DR,
  EXIT_REASON,
  EXIT_SHUTDOWN,
  GPR,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  RIP,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_SIZE,
  SHUTDOWN,
  SS,
  STACK_MASK,
  EFLAGS_REST,
} from '../layout';
import { AC, Flags, IF, NT, RF, TF, VM } from '../engine/flags';
import { note } from '../host';
import { isCanonical, systemRead, systemWrite } from '../mmu/access';
import { CR0_PE } from './control';
import {
  baseOf,
  dplOf,
  high,
  inLongMode,
  limitOf,
  low,
  readInnerStack,
  selectorOf,
  setAccessed,
  setSegment,
  tryReadDescriptor,
  tssInterruptStack,
  tssStack,
  tssStackSelector,
  typeOf,
} from './descriptor';
import { DB, DE, DF_VECTOR, fault, GP, NP, PF_VECTOR, SS_VECTOR, TS } from './fault';
import { updateMode } from './mode';
import { beginFrame, beginFrame64, beginFrameHere, frameMask, framePush, frameTop } from './frame';
import { FLAG_CODE, FLAG_DB, FLAG_DPL_SHIFT, FLAG_EXPAND_DOWN, FLAG_L, FLAG_P, FLAG_S, FLAG_WRITABLE } from './segment';

// Kinds of event
export const FAULT: u32 = 0;
/** Exception reported after its instruction (#DB single step). */
export const TRAP: u32 = 1;
/** INT n, INT3, INTO. */
export const SOFTWARE: u32 = 2;
/** External interrupt or NMI. */
export const EXTERNAL: u32 = 3;

const DR7: usize = DR + 7 * 8;
const DR7_GD: u64 = 1 << 13;
const NOTHING: u32 = 0xffffffff;
const NOTE_TASK_GATE: u32 = 1;
const NOTE_TRIPLE_FAULT: u32 = 2;
const RSP: usize = GPR + 32;

const GATE_TASK: u32 = 5;
const GATE_INTERRUPT_16: u32 = 6;
const GATE_INTERRUPT_32: u32 = 14;

/** The single-step trap that is due after the instruction under way; an instruction may call it off or ask for it. */
export let singleStep: bool = false;
export function setSingleStep(due: bool): void {
  singleStep = due;
}

// A software interrupt whose delivery faults is not done: the fault is at its own address. SDM Vol. 3A, 6.12.1.
let softwareAt: u64 = 0;
let inSoftware: bool = false;
/** The event about to be delivered belongs to the instruction at `ip`, which has been retired. */
export function beginSoftware(ip: u64): void {
  softwareAt = ip;
  inSoftware = true;
}
export function endSoftware(): void {
  inSoftware = false;
}
/** A fault came up: takes back the software interrupt that was being delivered, if any. */
export function takeBackSoftware(): void {
  if (!inSoftware) return;
  inSoftware = false;
  store<u64>(RIP, softwareAt);
  store<i64>(COUNT, load<i64>(COUNT) + 1);
}

export function initDelivery(): void {
  inSoftware = false;
  store<u32>(DELIVERING, NOTHING);
}

/** Contributory exceptions: SDM Vol. 3A, table 6-4. */
function isContributory(vector: u32): bool {
  return vector == DE || (vector >= TS && vector <= GP);
}

function shutdown(): void {
  store<u32>(SHUTDOWN, 1);
  store<u32>(EXIT_REASON, EXIT_SHUTDOWN);
  store<u32>(DELIVERING, NOTHING);
}

/** Delivers an event at RIP. A fault on the way unwinds and comes back here as another event. */
export function deliver(vector: u32, kind: u32, error: u32, hasError: bool): void {
  const before = load<u32>(DELIVERING);
  if (before != NOTHING && kind == FAULT) {
    const pageFaultOrWorse = isContributory(vector) || vector == PF_VECTOR;
    if (before == DF_VECTOR && pageFaultOrWorse) {
      note(NOTE_TRIPLE_FAULT, <f64>vector);
      shutdown();
      return;
    }
    if ((isContributory(before) && isContributory(vector)) || (before == PF_VECTOR && pageFaultOrWorse)) {
      vector = DF_VECTOR;
      error = 0;
      hasError = true;
    }
  }
  store<u32>(DELIVERING, kind == FAULT ? vector : 0x100);
  if (!(load<u64>(CR0) & CR0_PE)) deliverReal(vector);
  else if (inLongMode()) deliverLong(vector, kind, error, hasError);
  else deliverProtected(vector, kind, error, hasError);
  store<u32>(DELIVERING, NOTHING);
  store<u32>(HALTED, 0);
  // The handler may use the debug registers. SDM Vol. 3B, 17.2.4.
  if (vector == DB && kind != SOFTWARE) store<u64>(DR7, load<u64>(DR7) & ~DR7_GD);
}

/** EXT bit of an error code: the event is not a software interrupt. */
function ext(kind: u32): u32 {
  return kind == SOFTWARE ? 0 : 1;
}

function savedFlags(kind: u32): u32 {
  const flags = Flags.get();
  // A fault pushes RF set so that the instruction restarts without its breakpoint. SDM Vol. 3B, 17.3.1.1.
  return kind == FAULT ? flags | RF : flags & ~RF;
}

function deliverReal(vector: u32): void {
  if (vector * 4 + 3 > load<u32>(IDTR_LIMIT)) fault(GP, 0);
  const entry = <u32>systemRead(load<u64>(IDTR_BASE) + vector * 4, 4);
  const stackBase = load<u64>(SEG + SS * SEG_SIZE, SEG_BASE);
  let sp = (<u32>load<u64>(RSP)) & 0xffff;
  sp = (sp - 2) & 0xffff;
  systemWrite(stackBase + sp, 2, <u64>(Flags.get() & 0xffff));
  sp = (sp - 2) & 0xffff;
  systemWrite(stackBase + sp, 2, <u64>selectorOf(CS));
  sp = (sp - 2) & 0xffff;
  systemWrite(stackBase + sp, 2, load<u64>(RIP) & 0xffff);
  store<u16>(RSP, <u16>sp);
  const selector = entry >>> 16;
  const at: usize = SEG + CS * SEG_SIZE;
  setSegment(CS, selector, (<u64>selector) << 4, 0xffff, load<u32>(at, SEG_FLAGS) & ~FLAG_DB);
  store<u64>(RIP, <u64>(entry & 0xffff));
  store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) & ~(IF | TF | AC | RF));
  updateMode();
}

function deliverLong(vector: u32, kind: u32, error: u32, hasError: bool): void {
  const idtError = vector * 8 + 2 + ext(kind);
  if (vector * 16 + 15 > load<u32>(IDTR_LIMIT)) fault(GP, idtError);
  const gateAt = load<u64>(IDTR_BASE) + vector * 16;
  const gate = systemRead(gateAt, 8);
  const gateHigh = systemRead(gateAt + 8, 8);
  const hi = <u32>(gate >> 32);
  const type = typeOf(hi);
  if (hi & FLAG_S || (type != 14 && type != 15)) fault(GP, idtError);
  const cpl = load<u32>(CPL);
  if (kind == SOFTWARE && dplOf(hi) < cpl) fault(GP, idtError);
  if (!(hi & FLAG_P)) fault(NP, idtError);
  const selector = (<u32>(gate >> 16)) & 0xffff;
  const target = (gate & 0xffff) | ((gate >> 32) & 0xffff0000) | (gateHigh << 32);
  if (!(selector & 0xfffc)) fault(GP, ext(kind));
  readCodeForGate(selector, kind);
  if (!(high & FLAG_L) || high & FLAG_DB) fault(GP, (selector & 0xfffc) | ext(kind));
  const conforming = (high & FLAG_EXPAND_DOWN) != 0;
  const newCpl = conforming ? cpl : dplOf(high);
  const ist = hi & 7;
  const codeLow = low;
  const codeHigh = high;
  const sp = ist ? tssInterruptStack(ist, ext(kind)) : newCpl < cpl ? tssStack(newCpl, ext(kind)) : load<u64>(RSP);
  if (!isCanonical(sp)) fault(SS_VECTOR, ext(kind));
  beginFrame64(sp & ~0xf, newCpl);
  framePush(8, <u64>selectorOf(SS));
  framePush(8, load<u64>(RSP));
  framePush(8, <u64>savedFlags(kind));
  framePush(8, <u64>selectorOf(CS));
  framePush(8, load<u64>(RIP));
  if (hasError) framePush(8, <u64>error);
  if (!isCanonical(target)) fault(GP, ext(kind));
  // Nothing can fault from here on.
  setSegment(CS, (selector & 0xfffc) | newCpl, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
  store<u32>(CPL, newCpl);
  if (newCpl < cpl) setSegment(SS, newCpl, 0, 0, newCpl << FLAG_DPL_SHIFT);
  store<u64>(RSP, frameTop);
  store<u64>(RIP, target);
  let rest = load<u32>(EFLAGS_REST) & ~(TF | NT | RF | VM);
  if (type == 14) rest &= ~IF;
  store<u32>(EFLAGS_REST, rest);
  updateMode();
}

/** The gate's code segment: present, code, not less privileged. */
function readCodeForGate(selector: u32, kind: u32): void {
  const error = (selector & 0xfffc) | ext(kind);
  if (!tryReadDescriptor(selector)) fault(GP, error);
  if ((high & (FLAG_S | FLAG_CODE)) != (FLAG_S | FLAG_CODE) || dplOf(high) > load<u32>(CPL)) fault(GP, error);
  if (!(high & FLAG_P)) fault(NP, error);
  setAccessed();
}
function deliverProtected(vector: u32, kind: u32, error: u32, hasError: bool): void {
  const idtError = vector * 8 + 2 + ext(kind);
  if (vector * 8 + 7 > load<u32>(IDTR_LIMIT)) fault(GP, idtError);
  const gate = systemRead(load<u64>(IDTR_BASE) + vector * 8, 8);
  const hi = <u32>(gate >> 32);
  const type = typeOf(hi);
  if (hi & FLAG_S || !(type == GATE_TASK || (type & 7) == 6 || (type & 7) == 7)) fault(GP, idtError);
  const cpl = load<u32>(CPL);
  if (kind == SOFTWARE && dplOf(hi) < cpl) fault(GP, idtError);
  if (!(hi & FLAG_P)) fault(NP, idtError);
  if (type == GATE_TASK) {
    note(NOTE_TASK_GATE, <f64>vector);
    shutdown();
    return;
  }
  const wide = (type & 8) != 0;
  const selector = (<u32>(gate >> 16)) & 0xffff;
  const target: u64 = wide ? (gate & 0xffff) | ((gate >> 32) & 0xffff0000) : gate & 0xffff;
  if (!(selector & 0xfffc)) fault(GP, ext(kind));
  readCodeForGate(selector, kind);
  const conforming = (high & FLAG_EXPAND_DOWN) != 0;
  const newCpl = conforming ? cpl : dplOf(high);
  const codeLow = low;
  const codeHigh = high;
  if (target > <u64>limitOf(codeLow, codeHigh)) fault(GP, ext(kind));
  const size: u32 = wide ? 4 : 2;
  const flags = savedFlags(kind);
  const oldSp = load<u64>(RSP);
  const oldSs = selectorOf(SS);
  const v86 = (load<u32>(EFLAGS_REST) & VM) != 0;
  if (v86) fault(GP, 0); // virtual-8086 mode comes with the whole PC; nothing can set VM yet
  let stackLow: u32 = 0;
  let stackHigh: u32 = 0;
  let stackSelector: u32 = 0;
  if (newCpl < cpl) {
    const sp = tssStack(newCpl, ext(kind));
    stackSelector = tssStackSelector;
    const stackError = (stackSelector & 0xfffc) | ext(kind);
    readInnerStack(stackSelector, newCpl, stackError);
    stackLow = low;
    stackHigh = high;
    beginFrame(
      baseOf(low, high),
      limitOf(low, high),
      high,
      high & FLAG_DB ? 0xffffffff : 0xffff,
      sp,
      stackError,
      newCpl,
    );
    framePush(size, <u64>oldSs);
    framePush(size, oldSp);
  } else beginFrameHere(oldSp, ext(kind));
  framePush(size, <u64>flags);
  framePush(size, <u64>selectorOf(CS));
  framePush(size, load<u64>(RIP));
  if (hasError) framePush(size, <u64>error);
  const mask = frameMask();
  if (newCpl < cpl) setSegment(SS, stackSelector, baseOf(stackLow, stackHigh), limitOf(stackLow, stackHigh), stackHigh);
  setSegment(CS, (selector & 0xfffc) | newCpl, baseOf(codeLow, codeHigh), limitOf(codeLow, codeHigh), codeHigh);
  store<u32>(CPL, newCpl);
  store<u64>(RSP, (load<u64>(RSP) & ~mask) | (frameTop & mask));
  store<u64>(RIP, target);
  let rest = load<u32>(EFLAGS_REST) & ~(TF | NT | RF | VM);
  if (type == GATE_INTERRUPT_32 || type == GATE_INTERRUPT_16) rest &= ~IF;
  store<u32>(EFLAGS_REST, rest);
  updateMode();
}
