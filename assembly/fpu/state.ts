/**
 * State of the soft-float library: the rounding and exception controls that a caller sets before
 * an operation, and the results and exception flags that it reads afterwards (SDM Vol. 1, 4.9,
 * 8.1.3, 8.1.5, 10.2.3). All of it is scratch: nothing here survives an instruction.
 */

/** Exception flags; the same bits in FSW, MXCSR and (as masks) FCW. */
export const FLAG_IE: u32 = 0x01;
export const FLAG_DE: u32 = 0x02;
export const FLAG_ZE: u32 = 0x04;
export const FLAG_OE: u32 = 0x08;
export const FLAG_UE: u32 = 0x10;
export const FLAG_PE: u32 = 0x20;
export const FLAGS_ALL: u32 = 0x3f;
/** Exceptions detected before the computation: an unmasked one leaves the destination alone. */
export const FLAGS_PRE: u32 = FLAG_IE | FLAG_DE | FLAG_ZE;

/** Rounding control, as encoded in FCW and MXCSR. */
export const RC_NEAREST: u32 = 0;
export const RC_DOWN: u32 = 1;
export const RC_UP: u32 = 2;
export const RC_ZERO: u32 = 3;

/** FSW condition codes (SDM Vol. 1, 8.1.3). */
export const C0: u32 = 0x0100;
export const C1: u32 = 0x0200;
export const C2: u32 = 0x0400;
export const C3: u32 = 0x4000;

const FCW_RC_SHIFT: u32 = 10;
const FCW_PC_SHIFT: u32 = 8;
const MXCSR_DAZ: u32 = 1 << 6;
const MXCSR_MASK_SHIFT: u32 = 7;
const MXCSR_RC_SHIFT: u32 = 13;
const MXCSR_FTZ: u32 = 1 << 15;

/** Bias of the 80-bit format, and of every unpacked exponent in this library. */
export const BIAS: i32 = 16383;
/** All-ones exponent field of the 80-bit format. */
export const EXP_MAX: i32 = 0x7fff;
/** The explicit integer bit of an 80-bit significand. */
export const INTEGER_BIT: u64 = 0x8000000000000000;
/** The bit that tells a quiet NaN. */
export const QUIET_BIT: u64 = 0x4000000000000000;

/** Controls, results and the unpacked intermediate. */
export class Fp {
  /** Exceptions raised since clearFlags(); operations only add to it. */
  static flags: u32 = 0;
  /** Last rounding went away from zero: C1 of the x87. */
  static roundedUp: bool = false;
  /** Exceptions that are masked. */
  static masks: u32 = FLAGS_ALL;
  /** Rounding control. */
  static rc: u32 = RC_NEAREST;
  /** Significand bits of x87 results: 24, 53 or 64. */
  static precision: u32 = 64;
  /** Denormal operands are zeros (MXCSR.DAZ). */
  static daz: bool = false;
  /** Tiny results are zeros while underflow is masked (MXCSR.FTZ). */
  static ftz: bool = false;

  /** 80-bit result: significand. */
  static lo: u64 = 0;
  /** 80-bit result: sign and exponent, 16 bits. */
  static hi: u32 = 0;
  /** Second 80-bit result, of FXTRACT, FSINCOS and FPTAN: what ends up in ST(1). */
  static lo2: u64 = 0;
  static hi2: u32 = 0;
  /** Condition codes C0, C2, C3 (and C1 of FPREM and FXAM) in their FSW positions. */
  static codes: u32 = 0;

  /** Unpacked intermediate: sign (0 or 1), exponent in 80-bit bias, 128-bit significand. */
  static sign: u32 = 0;
  static exp: i32 = 0;
  static sigHi: u64 = 0;
  static sigLo: u64 = 0;
}

/** Takes rounding, precision and masks from an x87 control word. */
export function useX87Control(fcw: u32): void {
  Fp.rc = (fcw >> FCW_RC_SHIFT) & 3;
  Fp.masks = fcw & FLAGS_ALL;
  const pc = (fcw >> FCW_PC_SHIFT) & 3;
  Fp.precision = pc == 0 ? 24 : pc == 2 ? 53 : 64;
  Fp.daz = false;
  Fp.ftz = false;
}

/** Takes rounding, masks, DAZ and FTZ from MXCSR. */
export function useSseControl(mxcsr: u32): void {
  Fp.rc = (mxcsr >> MXCSR_RC_SHIFT) & 3;
  Fp.masks = (mxcsr >> MXCSR_MASK_SHIFT) & FLAGS_ALL;
  Fp.daz = (mxcsr & MXCSR_DAZ) != 0;
  Fp.ftz = (mxcsr & MXCSR_FTZ) != 0;
}

/** Forgets flags, rounding direction and condition codes: call it before each instruction. */
export function clearFlags(): void {
  Fp.flags = 0;
  Fp.roundedUp = false;
  Fp.codes = 0;
}

/** True if an unmasked exception was detected before the computation, so nothing may be written. */
export function mustNotWrite(): bool {
  return (Fp.flags & ~Fp.masks & FLAGS_PRE) != 0;
}

/**
 * Flags that a (packed) SSE instruction adds to MXCSR: an unmasked pre-computation exception in
 * any element suppresses the post-computation ones of all (SDM Vol. 1, 11.5.2 and 11.5.3).
 */
export function sseFlags(): u32 {
  return mustNotWrite() ? Fp.flags & FLAGS_PRE : Fp.flags;
}

/** True if the flags raised include an unmasked one. */
export function hasUnmasked(): bool {
  return (Fp.flags & ~Fp.masks) != 0;
}

/** Sets the 80-bit result. */
export function setF80(hi: u32, lo: u64): void {
  Fp.hi = hi;
  Fp.lo = lo;
}

/** Sets the unpacked intermediate. */
export function setUnpacked(sign: u32, exp: i32, sigHi: u64, sigLo: u64): void {
  Fp.sign = sign;
  Fp.exp = exp;
  Fp.sigHi = sigHi;
  Fp.sigLo = sigLo;
}
