/**
 * System instructions. All but MOV from a segment register are helpers: rare, and most change mode or control.
 * SDM Vol. 2, the page of each name; Vol. 3A chapters 2, 5, 6.
 */
import {
  CPL,
  CR0,
  CR3,
  CR4,
  CR8,
  CR2,
  CS,
  DR,
  DS,
  EFER,
  EFLAGS_REST,
  ES,
  EXIT_EVENT,
  EXIT_HALT,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  GS,
  HALTED,
  IDTR_BASE,
  IDTR_LIMIT,
  INTR,
  LDTR,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MSR_KERNEL_GS_BASE,
  NMI_PENDING,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_SELECTOR,
  SEG_SIZE,
  SHADOW_STACK,
  SHUTDOWN,
  SS,
  STACK_MASK,
  TR,
  COUNT,
  CURRENT,
  START,
  STOP_RECORD,
  XCR0,
  MSR_TSC_AUX,
  RIP,
  R_DISP,
} from '../layout';
import { core, Insn, M, R0, R1 } from '../engine/backend';
import { arrive, continueAfter, ipAfter, ipOf, leaveAfter, settleBefore } from '../engine/cache';
import { AC, Flags, IF, ZF } from '../engine/flags';
import { Interp } from '../engine/interp';
import { castShadow } from '../engine/run';
import { isCanonical } from '../mmu/access';
import { flushPage, flushTlb } from '../mmu/tlb';
import { note, readTpr, writeTpr } from '../host';
import { readTsc } from '../system/time';
import { CR0_PE, CR0_TS, CR4_FSGSBASE, CR4_OSXSAVE, CR4_PCIDE, CR4_TSD, CR4_UMIP, CR4_DE } from '../system/control';
import { cpuid } from '../system/cpuid';
import { writeCr0, writeCr3, writeCr4, XCR0_SUPPORTED } from '../system/crwrite';
import {
  dplOf,
  high,
  inLongMode,
  isRealOrV86,
  limitOf,
  loadLdt,
  loadSegment,
  loadTask,
  low,
  selectorOf,
  tryReadDescriptor,
  typeOf,
} from '../system/descriptor';
import { BP, DB, fault, GP, OF_VECTOR, trap, UD } from '../system/fault';
import { farCall, farJump, farReturn, interruptReturn } from '../system/far';
import { beginSoftware, deliver, endSoftware, setSingleStep, SOFTWARE, TRAP } from '../system/interrupt';
import { updateAccess, updateDataSegment, updateMode } from '../system/mode';
import { readMsr, writeMsr } from '../system/msr';
import { FLAG_CODE, FLAG_EXPAND_DOWN, FLAG_P, FLAG_S, FLAG_WRITABLE } from '../system/segment';
import { sysenter, sysexit, syscallEnter, sysret } from '../system/syscall';

const RAX: usize = GPR;
const RCX: usize = GPR + 8;
const RDX: usize = GPR + 16;
const RBX: usize = GPR + 24;

export function requireRing0(): void {
  if (load<u32>(CPL) != 0) fault(GP, 0);
}
/** UMIP: SGDT, SIDT, SLDT, STR, SMSW outside ring 0. */
function requireUmip(): void {
  if (load<u64>(CR4) & CR4_UMIP && load<u32>(CPL) != 0) fault(GP, 0);
}
function requireProtected(): void {
  if (isRealOrV86()) fault(UD, 0);
}
function is64(): bool {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64;
}
/** Interrupts may have become deliverable: leave the run when one waits. */
function afterUnmask(i: Insn): void {
  if (load<u32>(INTR) || load<u32>(NMI_PENDING)) leaveAfter(i, EXIT_EVENT);
}

// ---- segment registers -----------------------------------------------------------------------------------------------

/** MOV r/m, Sreg: a memory destination takes 16 bits, a register is zero-extended. */
export function MOV_FROM_SEGMENT<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  e.writeSelector<W, D, S>(i);
}

/** MOV Sreg, r/m16. A load of SS holds interrupts for one instruction. */
export function MOV_TO_SEGMENT<K>(i: Insn): void {
  const segment = (<u32>i.r0) >> 3;
  if (segment == CS || segment > 5) fault(UD, 0);
  loadAndContinue(i, segment, core<Interp>().read<u16, K>(i));
}

function loadAndContinue(i: Insn, segment: u32, selector: u32): void {
  loadSegment(segment, selector);
  segmentLoaded(i, segment);
}
function segmentLoaded(i: Insn, segment: u32): void {
  if (segment == SS) {
    updateMode();
    stackLoaded(i);
  } else if (updateDataSegment(segment)) continueAfter(i);
}
/** MOV SS and POP SS: interrupts and the single-step trap wait for one instruction. SDM Vol. 3A, 6.8.3. */
function stackLoaded(i: Insn): void {
  castShadow(changetype<usize>(i), SHADOW_STACK);
  if (load<u32>(INTR) || load<u32>(NMI_PENDING)) leaveAfter(i, EXIT_EVENT);
  else continueAfter(i);
}

function pushSegment<W>(i: Insn, segment: u32): void {
  const e = core<Interp>();
  // In 32-bit mode processors write only 16 bits of a 4-byte slot; the vectors' CPU writes zero-extended.
  e.push<W>(i, <W>selectorOf(segment));
}
export function PUSH_SEGMENT_ES<W>(i: Insn): void {
  pushSegment<W>(i, ES);
}
export function PUSH_SEGMENT_CS<W>(i: Insn): void {
  pushSegment<W>(i, CS);
}
export function PUSH_SEGMENT_SS<W>(i: Insn): void {
  pushSegment<W>(i, SS);
}
export function PUSH_SEGMENT_DS<W>(i: Insn): void {
  pushSegment<W>(i, DS);
}
export function PUSH_SEGMENT_FS<W>(i: Insn): void {
  pushSegment<W>(i, FS);
}
export function PUSH_SEGMENT_GS<W>(i: Insn): void {
  pushSegment<W>(i, GS);
}
function popSegment<W>(i: Insn, segment: u32): void {
  const e = core<Interp>();
  const selector = <u32>(e.top<W>(i) & 0xffff);
  // The pointer moves by the stack width in force before the load.
  const mask = load<u64>(STACK_MASK);
  loadSegment(segment, selector);
  const sp = load<u64>(GPR + 32);
  store<u64>(GPR + 32, (sp & ~mask) | ((sp + sizeof<W>()) & mask));
  segmentLoaded(i, segment);
}
export function POP_SEGMENT_ES<W>(i: Insn): void {
  popSegment<W>(i, ES);
}
export function POP_SEGMENT_SS<W>(i: Insn): void {
  popSegment<W>(i, SS);
}
export function POP_SEGMENT_DS<W>(i: Insn): void {
  popSegment<W>(i, DS);
}
export function POP_SEGMENT_FS<W>(i: Insn): void {
  popSegment<W>(i, FS);
}
export function POP_SEGMENT_GS<W>(i: Insn): void {
  popSegment<W>(i, GS);
}

/** Offset and selector of a far pointer in memory. */
let farOffset: u64 = 0;
let farSelector: u32 = 0;
function readFarPointer<W>(i: Insn): void {
  const e = core<Interp>();
  const linear = e.linear(i, sizeof<W>() + 2);
  farOffset = <u64>e.loadAt<W>(i, linear);
  farSelector = e.loadAt<u16>(i, linear + sizeof<W>());
}
function loadFar<W>(i: Insn, segment: u32): void {
  readFarPointer<W>(i);
  loadSegment(segment, farSelector);
  core<Interp>().write<W, R0>(i, <W>farOffset);
  updateMode();
  continueAfter(i);
}
export function LOAD_FAR_ES<W>(i: Insn): void {
  loadFar<W>(i, ES);
}
export function LOAD_FAR_DS<W>(i: Insn): void {
  loadFar<W>(i, DS);
}
export function LOAD_FAR_SS<W>(i: Insn): void {
  loadFar<W>(i, SS);
}
export function LOAD_FAR_FS<W>(i: Insn): void {
  loadFar<W>(i, FS);
}
export function LOAD_FAR_GS<W>(i: Insn): void {
  loadFar<W>(i, GS);
}

// ---- far transfers -------------------------------------------------------------------------------------------------------
/**
 * The offset of a direct far pointer. Read as u32: the optimiser turns <u64><u32> of a signed field into a load that
 * sign-extends (Binaryen 131).
 */
function farTarget(i: Insn): u64 {
  return <u64>load<u32>(changetype<usize>(i), R_DISP);
}
export function JMP_FAR<W>(i: Insn): void {
  farJump(i, (<u32>i.imm) & 0xffff, farTarget(i), sizeof<W>());
}
export function CALL_FAR<W>(i: Insn): void {
  farCall(i, (<u32>i.imm) & 0xffff, farTarget(i), sizeof<W>());
}
export function JMP_FAR_M<W>(i: Insn): void {
  readFarPointer<W>(i);
  farJump(i, farSelector, farOffset, sizeof<W>());
}
export function CALL_FAR_M<W>(i: Insn): void {
  readFarPointer<W>(i);
  farCall(i, farSelector, farOffset, sizeof<W>());
}
export function RET_FAR<W>(i: Insn): void {
  farReturn(i, sizeof<W>(), 0);
}
export function RET_FAR_I<W>(i: Insn): void {
  farReturn(i, sizeof<W>(), (<u32>i.imm) & 0xffff);
}
export function IRET<W>(i: Insn): void {
  interruptReturn(i, sizeof<W>());
}

// ---- interrupts ------------------------------------------------------------------------------------------------------------
/** Leaves the instruction behind: count and RIP say that it is done. A software interrupt's fault takes that back. */
function retire(i: Insn): void {
  const ip = ipAfter(i);
  settleBefore(changetype<usize>(i));
  store<i64>(COUNT, load<i64>(COUNT) - 1);
  store<u32>(START, STOP_RECORD);
  store<u64>(RIP, ip);
  store<u32>(CURRENT, 0);
  setSingleStep(false); // delivery clears TF and takes the trap's place
}
/** INT n: delivered directly, as system calls of 32-bit programs come this way. */
function softwareInterrupt(i: Insn, vector: u32): void {
  const start = ipOf(changetype<usize>(i));
  retire(i);
  beginSoftware(start);
  deliver(vector, SOFTWARE, 0, false);
  endSoftware();
  const ip = load<u64>(RIP);
  arrive(load<i64>(COUNT) <= 0 || load<u32>(SHUTDOWN) != 0, ip);
}
/** INT3, INTO, INT1: through the host, so that a debugger sees them. */
function softwareTrap(i: Insn, vector: u32, kind: u32): void {
  const start = ipOf(changetype<usize>(i));
  retire(i);
  if (kind == SOFTWARE) beginSoftware(start);
  trap(vector, kind);
}

export function INT3(i: Insn): void {
  softwareTrap(i, BP, SOFTWARE);
}
export function INT(i: Insn): void {
  softwareInterrupt(i, (<u32>i.imm) & 0xff);
}
/** INTO: #OF as a trap when OF is set. */
export function INTO(i: Insn): void {
  if (Flags.of()) softwareTrap(i, OF_VECTOR, SOFTWARE);
}
export function INT1(i: Insn): void {
  softwareTrap(i, DB, TRAP);
}

export function CLI<B>(i: Insn): void {
  const e = core<B>();
  e.requireIopl(i);
  e.changeFlags(IF, 0);
}
/** STI: interrupts stay held for the next instruction when they were off. */
export function STI<B>(i: Insn): void {
  const e = core<B>();
  e.requireIopl(i);
  e.enableInterrupts(i);
}
export function HLT(i: Insn): void {
  requireRing0();
  store<u32>(HALTED, 1);
  leaveAfter(i, EXIT_HALT);
}

// ---- system calls --------------------------------------------------------------------------------------------------------------
export function SYSCALL(i: Insn): void {
  syscallEnter(i);
}
export function SYSRET<W>(i: Insn): void {
  sysret(i, sizeof<W>() == 8);
}
export function SYSENTER(i: Insn): void {
  sysenter(i);
}
export function SYSEXIT<W>(i: Insn): void {
  sysexit(i, sizeof<W>() == 8);
}

// ---- descriptor tables --------------------------------------------------------------------------------------------------------
export function SLDT_R<W>(i: Insn): void {
  requireProtected();
  requireUmip();
  core<Interp>().write<W, R0>(i, <W>selectorOf(LDTR));
}
export function SLDT_M(i: Insn): void {
  requireProtected();
  requireUmip();
  core<Interp>().write<u16, M>(i, <u16>selectorOf(LDTR));
}
export function STR_R<W>(i: Insn): void {
  requireProtected();
  requireUmip();
  core<Interp>().write<W, R0>(i, <W>selectorOf(TR));
}
export function STR_M(i: Insn): void {
  requireProtected();
  requireUmip();
  core<Interp>().write<u16, M>(i, <u16>selectorOf(TR));
}
export function LLDT<K>(i: Insn): void {
  requireProtected();
  requireRing0();
  loadLdt(core<Interp>().read<u16, K>(i));
}
export function LTR<K>(i: Insn): void {
  requireProtected();
  requireRing0();
  loadTask(core<Interp>().read<u16, K>(i));
}
function setZf(zf: bool): void {
  const flags = Flags.get();
  Flags.setArithmetic(zf ? flags | ZF : flags & ~ZF);
}
/** Can the selector be read (written) from here? */
function verify(selector: u32, write: bool): bool {
  if (!(selector & 0xfffc) || !tryReadDescriptor(selector)) return false;
  if (!(high & FLAG_S)) return false;
  const code = (high & FLAG_CODE) != 0;
  const conforming = code && (high & FLAG_EXPAND_DOWN) != 0;
  const dpl = dplOf(high);
  if (!conforming && (dpl < load<u32>(CPL) || dpl < (selector & 3))) return false;
  if (write) return !code && (high & FLAG_WRITABLE) != 0;
  return !code || (high & FLAG_WRITABLE) != 0;
}
export function VERR<K>(i: Insn): void {
  requireProtected();
  setZf(verify(core<Interp>().read<u16, K>(i), false));
}
export function VERW<K>(i: Insn): void {
  requireProtected();
  setZf(verify(core<Interp>().read<u16, K>(i), true));
}
/** Descriptor visible to LAR and LSL, and of a type they know (bit n of `types`: system type n). */
function visible(selector: u32, types: u32): bool {
  if (!(selector & 0xfffc) || !tryReadDescriptor(selector)) return false;
  const dpl = dplOf(high);
  if (high & FLAG_S) {
    const conforming = (high & (FLAG_CODE | FLAG_EXPAND_DOWN)) == (FLAG_CODE | FLAG_EXPAND_DOWN);
    return conforming || (dpl >= load<u32>(CPL) && dpl >= (selector & 3));
  }
  if (!((types >> typeOf(high)) & 1)) return false;
  return dpl >= load<u32>(CPL) && dpl >= (selector & 3);
}
// SDM Vol. 2A, LAR: valid types. 16-bit kinds do not exist in long mode.
const LAR_TYPES: u32 = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 9) | (1 << 11) | (1 << 12);
const LAR_TYPES_LONG: u32 = (1 << 2) | (1 << 9) | (1 << 11) | (1 << 12);
const LSL_TYPES: u32 = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 9) | (1 << 11);
const LSL_TYPES_LONG: u32 = (1 << 2) | (1 << 9) | (1 << 11);
export function LAR<W, K>(i: Insn): void {
  requireProtected();
  const ok = visible(core<Interp>().read<u16, K>(i), inLongMode() ? LAR_TYPES_LONG : LAR_TYPES);
  if (ok) core<Interp>().write<W, R0>(i, <W>(high & 0xffff00));
  setZf(ok);
}
export function LSL<W, K>(i: Insn): void {
  requireProtected();
  const ok = visible(core<Interp>().read<u16, K>(i), inLongMode() ? LSL_TYPES_LONG : LSL_TYPES);
  if (ok) core<Interp>().write<W, R0>(i, <W>limitOf(low, high));
  setZf(ok);
}

function storeTable(i: Insn, base: u64, limit: u32): void {
  requireUmip();
  const e = core<Interp>();
  const linear = e.linearForWrite(i, is64() ? 10 : 6);
  e.storeAt<u16>(i, linear, <u16>limit);
  if (is64()) e.storeAt<u64>(i, linear + 2, base);
  else e.storeAt<u32>(i, linear + 2, <u32>base);
}
export function SGDT(i: Insn): void {
  storeTable(i, load<u64>(GDTR_BASE), load<u32>(GDTR_LIMIT));
}
export function SIDT(i: Insn): void {
  storeTable(i, load<u64>(IDTR_BASE), load<u32>(IDTR_LIMIT));
}
let tableBase: u64 = 0;
let tableLimit: u32 = 0;
function loadTable(i: Insn): void {
  requireRing0();
  const e = core<Interp>();
  const linear = e.linear(i, is64() ? 10 : 6);
  tableLimit = e.loadAt<u16>(i, linear);
  if (is64()) {
    tableBase = e.loadAt<u64>(i, linear + 2);
    if (!isCanonical(tableBase)) fault(GP, 0);
  } else tableBase = <u64>e.loadAt<u32>(i, linear + 2);
}
export function LGDT(i: Insn): void {
  loadTable(i);
  store<u64>(GDTR_BASE, tableBase);
  store<u32>(GDTR_LIMIT, tableLimit);
}
export function LIDT(i: Insn): void {
  loadTable(i);
  store<u64>(IDTR_BASE, tableBase);
  store<u32>(IDTR_LIMIT, tableLimit);
}
export function SMSW_R<W>(i: Insn): void {
  requireUmip();
  core<Interp>().write<W, R0>(i, <W>load<u64>(CR0));
}
export function SMSW_M(i: Insn): void {
  requireUmip();
  core<Interp>().write<u16, M>(i, <u16>load<u64>(CR0));
}
/** LMSW: sets PE, MP, EM, TS; can't clear PE. */
export function LMSW<K>(i: Insn): void {
  requireRing0();
  const value = <u64>core<Interp>().read<u16, K>(i);
  const cr0 = load<u64>(CR0);
  writeCr0((cr0 & ~0xe) | (value & 0xf) | (cr0 & CR0_PE));
  continueAfter(i);
}
export function INVLPG(i: Insn): void {
  requireRing0();
  const linear = core<Interp>().linear(i, 1);
  if (!is64() || isCanonical(linear)) flushPage(linear);
  continueAfter(i);
}
export function INVPCID(i: Insn): void {
  requireRing0();
  const e = core<Interp>();
  const type = is64() ? e.gpr<u64>(i.r0) : <u64>e.gpr<u32>(i.r0);
  const linear = e.linear(i, 16);
  const pcid = e.loadAt<u64>(i, linear);
  const address = e.loadAt<u64>(i, linear + 8);
  if (type > 3) fault(GP, 0);
  if (type < 2 && pcid >> 12) fault(GP, 0);
  if (type == 0 && !isCanonical(address)) fault(GP, 0);
  if (type < 2 && !(load<u64>(CR4) & CR4_PCIDE) && pcid) fault(GP, 0);
  if (type == 0) flushPage(address);
  else flushTlb(type == 2);
  continueAfter(i);
}
export function SWAPGS(i: Insn): void {
  requireRing0();
  const at: usize = SEG + GS * SEG_SIZE;
  const base = load<u64>(at, SEG_BASE);
  store<u64>(at, load<u64>(MSR_KERNEL_GS_BASE), SEG_BASE);
  store<u64>(MSR_KERNEL_GS_BASE, base);
}
export function CLTS(i: Insn): void {
  requireRing0();
  store<u64>(CR0, load<u64>(CR0) & ~CR0_TS);
  updateMode();
  continueAfter(i);
}
/** Caches are not modelled. */
export function INVD(i: Insn): void {
  requireRing0();
}
export function WBINVD(i: Insn): void {
  requireRing0();
}
export function CLAC(i: Insn): void {
  if (load<u32>(CPL) != 0) fault(UD, 0);
  store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) & ~AC);
  updateAccess();
}
export function STAC(i: Insn): void {
  if (load<u32>(CPL) != 0) fault(UD, 0);
  store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) | AC);
  updateAccess();
}

// ---- control and debug registers -----------------------------------------------------------------------------------------------
function setWide(code: u8, value: u64): void {
  store<u64>(GPR + <usize>code, is64() ? value : value & 0xffffffff);
}
function getWide(code: u8): u64 {
  const value = load<u64>(GPR + <usize>code);
  return is64() ? value : value & 0xffffffff;
}
export function MOV_FROM_CR(i: Insn): void {
  const n = (<u32>i.r1) >> 3;
  if (!(n == 0 || n == 2 || n == 3 || n == 4 || n == 8)) fault(UD, 0);
  requireRing0();
  if (n == 0) setWide(i.r0, load<u64>(CR0));
  else if (n == 2) setWide(i.r0, load<u64>(CR2));
  else if (n == 3) setWide(i.r0, load<u64>(CR3));
  else if (n == 4) setWide(i.r0, load<u64>(CR4));
  else setWide(i.r0, <u64>readTpr());
}
export function MOV_TO_CR(i: Insn): void {
  const n = (<u32>i.r0) >> 3;
  if (!(n == 0 || n == 2 || n == 3 || n == 4 || n == 8)) fault(UD, 0);
  requireRing0();
  const value = getWide(i.r1);
  if (n == 0) writeCr0(value);
  else if (n == 2) store<u64>(CR2, value);
  else if (n == 3) writeCr3(value);
  else if (n == 4) writeCr4(value);
  else {
    if (value >> 4) fault(GP, 0);
    writeTpr(<u32>value);
    leaveAfter(i, EXIT_EVENT);
    return;
  }
  continueAfter(i);
}
/** DR4 and DR5 are DR6 and DR7 unless CR4.DE. */
function debugNumber(n: u32): u32 {
  if (n > 7) fault(UD, 0);
  if (n == 4 || n == 5) {
    if (load<u64>(CR4) & CR4_DE) fault(UD, 0);
    return n + 2;
  }
  return n;
}
const DR6_BD: u64 = 1 << 13;
const DR7_GD: u64 = 1 << 13;
function checkDebugAccess(): void {
  requireRing0();
  if (load<u64>(DR + 7 * 8) & DR7_GD) {
    store<u64>(DR + 6 * 8, load<u64>(DR + 6 * 8) | DR6_BD);
    fault(DB, 0);
  }
}
export function MOV_FROM_DR(i: Insn): void {
  const n = debugNumber((<u32>i.r1) >> 3);
  checkDebugAccess();
  setWide(i.r0, load<u64>(DR + ((<usize>n) << 3)));
}
const DR6_FIXED: u64 = 0xffff0ff0;
const DR6_WRITABLE: u64 = 0xe00f;
/** L0 to L3 and G0 to G3: the addresses in DR0 to DR3 are kept, but not watched yet. */
const DR7_ENABLES: u64 = 0xff;
const NOTE_BREAKPOINT: u32 = 5;
const DR7_FIXED: u64 = 0x400;
const DR7_WRITABLE: u64 = 0xffff2bff;
export function MOV_TO_DR(i: Insn): void {
  const n = debugNumber((<u32>i.r0) >> 3);
  checkDebugAccess();
  let value = getWide(i.r1);
  if (n >= 6 && value >> 32) fault(GP, 0);
  if (n == 6) value = (value & DR6_WRITABLE) | DR6_FIXED;
  else if (n == 7) {
    value = (value & DR7_WRITABLE) | DR7_FIXED;
    if (value & DR7_ENABLES) note(NOTE_BREAKPOINT, <f64>(value & DR7_ENABLES));
  }
  store<u64>(DR + ((<usize>n) << 3), value);
}

// ---- model-specific registers, counters, identification --------------------------------------------------------------------------
function setPair(value: u64): void {
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
}
export function RDMSR(i: Insn): void {
  requireRing0();
  settleBefore(changetype<usize>(i));
  setPair(readMsr(load<u32>(RCX)));
}
export function WRMSR(i: Insn): void {
  requireRing0();
  settleBefore(changetype<usize>(i));
  writeMsr(load<u32>(RCX), ((<u64>load<u32>(RDX)) << 32) | (<u64>load<u32>(RAX)));
  updateMode();
  leaveAfter(i, EXIT_EVENT);
}
function requireTsc(): void {
  if (load<u64>(CR4) & CR4_TSD && load<u32>(CPL) != 0) fault(GP, 0);
}
export function RDTSC(i: Insn): void {
  requireTsc();
  settleBefore(changetype<usize>(i));
  setPair(readTsc());
}
export function RDTSCP(i: Insn): void {
  requireTsc();
  settleBefore(changetype<usize>(i));
  setPair(readTsc());
  store<u64>(RCX, load<u64>(MSR_TSC_AUX) & 0xffffffff);
}
/** No performance counters exist: every index is out of range. */
export function RDPMC(i: Insn): void {
  fault(GP, 0);
}
export function CPUID(i: Insn): void {
  cpuid(load<u32>(RAX), load<u32>(RCX));
}
export function XGETBV(i: Insn): void {
  if (!(load<u64>(CR4) & CR4_OSXSAVE)) fault(UD, 0);
  if (load<u32>(RCX) != 0) fault(GP, 0);
  setPair(load<u64>(XCR0));
}
export function XSETBV(i: Insn): void {
  if (!(load<u64>(CR4) & CR4_OSXSAVE)) fault(UD, 0);
  requireRing0();
  const value = ((<u64>load<u32>(RDX)) << 32) | (<u64>load<u32>(RAX));
  if (load<u32>(RCX) != 0 || value & ~XCR0_SUPPORTED || !(value & 1)) fault(GP, 0);
  store<u64>(XCR0, value);
  updateMode();
  continueAfter(i);
}

function requireFsGsBase(): void {
  if (!(load<u64>(CR4) & CR4_FSGSBASE)) fault(UD, 0);
}
export function RDFSBASE<W>(i: Insn): void {
  requireFsGsBase();
  core<Interp>().write<W, R0>(i, <W>load<u64>(SEG + FS * SEG_SIZE, SEG_BASE));
}
export function RDGSBASE<W>(i: Insn): void {
  requireFsGsBase();
  core<Interp>().write<W, R0>(i, <W>load<u64>(SEG + GS * SEG_SIZE, SEG_BASE));
}
function writeBase(segment: u32, value: u64): void {
  requireFsGsBase();
  if (!isCanonical(value)) fault(GP, 0);
  store<u64>(SEG + <usize>segment * SEG_SIZE, value, SEG_BASE);
}
export function WRFSBASE<W>(i: Insn): void {
  writeBase(FS, <u64>core<Interp>().read<W, R0>(i));
}
export function WRGSBASE<W>(i: Insn): void {
  writeBase(GS, <u64>core<Interp>().read<W, R0>(i));
}
