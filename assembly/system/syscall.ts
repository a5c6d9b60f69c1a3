/** SYSCALL/SYSRET and SYSENTER/SYSEXIT. SDM Vol. 2B; AMD64 Vol. 3 (SYSCALL also works in compatibility mode). */
import {
  CPL,
  CS,
  DR,
  EFER,
  EFLAGS_REST,
  GPR,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MODE_PROTECTED,
  MSR_CSTAR,
  MSR_FMASK,
  MSR_LSTAR,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  SS,
  INTR,
  NMI_PENDING,
  EXIT_EVENT,
} from '../layout';
import { Insn } from '../engine/backend';
import { ipAfter, jump, leaveAt } from '../engine/cache';
import { Flags, IF, RF, TF, VM } from '../engine/flags';
import { isCanonical } from '../mmu/access';
import { EFER_SCE } from './control';
import { inLongMode, setSegment } from './descriptor';
import { DB, fault, GP, trap, UD } from './fault';
import { setSingleStep, TRAP } from './interrupt';
import { updateMode } from './mode';
import { FLAG_CODE, FLAG_DB, FLAG_DPL_SHIFT, FLAG_G, FLAG_L, FLAG_P, FLAG_S, FLAG_WRITABLE } from './segment';

const RCX: usize = GPR + 8;
const RDX: usize = GPR + 16;
const RSP: usize = GPR + 32;
const R11: usize = GPR + 88;
const FLAT_DATA: u32 = FLAG_P | FLAG_S | FLAG_WRITABLE | (1 << 8) | FLAG_DB | FLAG_G;
const FLAT_CODE: u32 = FLAG_P | FLAG_S | FLAG_CODE | FLAG_WRITABLE | (1 << 8) | FLAG_G;

function is64(): bool {
  return (load<u32>(MODE) & MODE_CODE_MASK) == MODE_64;
}
function flatCode(selector: u32, cpl: u32, long: bool): void {
  setSegment(CS, selector, 0, 0xffffffff, FLAT_CODE | (cpl << FLAG_DPL_SHIFT) | (long ? FLAG_L : FLAG_DB));
  store<u32>(CPL, cpl);
}
function flatStack(selector: u32, cpl: u32): void {
  setSegment(SS, selector, 0, 0xffffffff, FLAT_DATA | (cpl << FLAG_DPL_SHIFT));
}

/** Continue at `ip`, or leave the run when an interrupt waits and can be taken now. */
export function resumeAt(i: Insn, ip: u64): void {
  const open = (load<u32>(EFLAGS_REST) & IF) != 0;
  const trap = (load<u32>(EFLAGS_REST) & TF) != 0;
  if (trap || (open && load<u32>(INTR)) || load<u32>(NMI_PENDING)) leaveAt(i, ip, EXIT_EVENT);
  else jump(changetype<usize>(i), ip);
}

const DR6: usize = DR + 6 * 8;
export const DR6_BS: u64 = 1 << 14;
/** Raises the single-step trap at RIP. Never returns. */
function raiseSingleStep(): void {
  store<u64>(DR6, load<u64>(DR6) | DR6_BS);
  trap(DB, TRAP);
}

export function syscallEnter(i: Insn): void {
  if (!(load<u64>(EFER) & EFER_SCE)) fault(UD, 0);
  const star = load<u64>(MSR_STAR);
  const selector = (<u32>(star >> 32)) & 0xfffc;
  let target: u64;
  if (inLongMode()) {
    store<u64>(RCX, ipAfter(i));
    store<u64>(R11, <u64>(Flags.get() & ~RF));
    target = is64() ? load<u64>(MSR_LSTAR) : load<u64>(MSR_CSTAR);
    Flags.set(Flags.get() & ~(<u32>load<u64>(MSR_FMASK)) & ~RF);
    flatCode(selector, 0, true);
  } else {
    // Legacy mode: only ECX is saved, IF and VM are cleared.
    store<u64>(RCX, ipAfter(i));
    target = star & 0xffffffff;
    store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) & ~(IF | VM | RF));
    flatCode(selector, 0, false);
  }
  flatStack(selector + 8, 0);
  updateMode();
  // It traps by the TF that it leaves, not by the one at its start.
  setSingleStep((load<u32>(EFLAGS_REST) & TF) != 0);
  resumeAt(i, target);
}

export function sysret(i: Insn, wide: bool): void {
  if (!(load<u64>(EFER) & EFER_SCE)) fault(UD, 0);
  if (!(load<u32>(MODE) & MODE_PROTECTED) || load<u32>(CPL) != 0) fault(GP, 0);
  const star = load<u64>(MSR_STAR);
  const selector = (<u32>(star >> 48)) & 0xffff;
  let target = load<u64>(RCX);
  if (inLongMode()) {
    if (wide) {
      // Non-canonical RCX faults in ring 0 on Intel; AMD faults after the switch. We fault first: safer for a guest.
      if (!isCanonical(target)) fault(GP, 0);
      flatCode((selector + 16) | 3, 3, true);
    } else {
      target &= 0xffffffff;
      flatCode(selector | 3, 3, false);
    }
    Flags.set((((<u32>load<u64>(R11)) & 0x3c7fd7) | 2) & ~(RF | VM));
  } else {
    target &= 0xffffffff;
    flatCode(selector | 3, 3, false);
    store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) | IF);
  }
  flatStack((selector + 8) | 3, 3);
  updateMode();
  // The TF that it loads traps before the first instruction of the program, unlike IRET's.
  if (load<u32>(EFLAGS_REST) & TF) {
    setSingleStep(false);
    leaveAt(i, target, EXIT_EVENT);
    raiseSingleStep();
  }
  resumeAt(i, target);
}

/** AMD: SYSENTER and SYSEXIT do not exist in long mode (#UD). */
export function sysenter(i: Insn): void {
  if (!(load<u32>(MODE) & MODE_PROTECTED)) fault(GP, 0);
  if (inLongMode()) fault(UD, 0);
  const selector = (<u32>load<u64>(MSR_SYSENTER_CS)) & 0xfffc;
  if (!selector) fault(GP, 0);
  store<u32>(EFLAGS_REST, load<u32>(EFLAGS_REST) & ~(IF | VM));
  flatCode(selector, 0, false);
  flatStack(selector + 8, 0);
  store<u64>(RSP, load<u64>(MSR_SYSENTER_ESP) & 0xffffffff);
  updateMode();
  jump(changetype<usize>(i), load<u64>(MSR_SYSENTER_EIP) & 0xffffffff);
}
export function sysexit(i: Insn, wide: bool): void {
  if (load<u32>(CPL) != 0) fault(GP, 0); // also in long mode: seen on hardware
  if (inLongMode()) fault(UD, 0);
  const selector = (<u32>load<u64>(MSR_SYSENTER_CS)) & 0xfffc;
  if (!selector || !(load<u32>(MODE) & MODE_PROTECTED) || wide) fault(GP, 0);
  flatCode((selector + 16) | 3, 3, false);
  flatStack((selector + 24) | 3, 3);
  const target = load<u64>(RDX) & 0xffffffff;
  store<u64>(RSP, load<u64>(RCX) & 0xffffffff);
  updateMode();
  resumeAt(i, target);
}
