/**
 * Pushes that the CPU makes on a stack which may not be the program's own: the frames of interrupts and of calls to
 * inner levels. SDM Vol. 3A, 6.12 and 5.8.5. Nothing but memory below the stack changes here.
 */
import { CPL, SEG, SEG_BASE, SEG_FLAGS, SEG_LIMIT, SEG_SIZE, SS, STACK_MASK } from '../layout';
import { systemWrite } from '../mmu/access';
import { fault, SS_VECTOR } from './fault';
import { FLAG_DB, FLAG_EXPAND_DOWN } from './segment';

let base: u64 = 0;
let mask: u64 = 0;
let limited: bool = false;
let flags: u32 = 0;
let limit: u64 = 0;
let stackError: u32 = 0;
let asUser: bool = false;
/** Stack pointer after the pushes so far. */
export let frameTop: u64 = 0;
/** Mask of the stack pointer on that stack. */
export function frameMask(): u64 {
  return mask;
}

/** A 64-bit stack: no segment. `level` is the privilege level of the code that will use it. */
export function beginFrame64(sp: u64, level: u32): void {
  base = 0;
  mask = u64.MAX_VALUE;
  limited = false;
  asUser = level == 3;
  frameTop = sp;
}
/** A stack segment; a slot outside it raises #SS(`error`). */
export function beginFrame(
  stackBase: u64,
  stackLimit: u32,
  stackFlags: u32,
  stackMask: u64,
  sp: u64,
  error: u32,
  level: u32,
): void {
  base = stackBase;
  mask = stackMask;
  limited = true;
  flags = stackFlags;
  limit = <u64>stackLimit;
  stackError = error;
  asUser = level == 3;
  frameTop = sp;
}
/** The stack in use. */
export function beginFrameHere(sp: u64, error: u32): void {
  const at: usize = SEG + SS * SEG_SIZE;
  beginFrame(
    load<u64>(at, SEG_BASE),
    load<u32>(at, SEG_LIMIT),
    load<u32>(at, SEG_FLAGS),
    load<u64>(STACK_MASK),
    sp,
    error,
    load<u32>(CPL),
  );
}

/** Pushes the low `size` bytes of `value`. */
export function framePush(size: u32, value: u64): void {
  const down = (frameTop - size) & mask;
  if (limited) {
    const last = down + size - 1;
    if (flags & FLAG_EXPAND_DOWN) {
      const top: u64 = flags & FLAG_DB ? 0xffffffff : 0xffff;
      if (down <= limit || last > top) fault(SS_VECTOR, stackError);
    } else if (last > limit) fault(SS_VECTOR, stackError);
  }
  systemWrite(base + down, size, value, asUser);
  frameTop = down;
}
