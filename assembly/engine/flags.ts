/**
 * Lazy arithmetic flags. Two words hold all six: FLAG_RESULT (the last result, sign-extended) and FLAG_AUX (the
 * carry-out vector's two top bits and bit 3, and two correction fields). See layout.ts. SDM Vol. 1, 3.4.3.1.
 */
import { EFLAGS_REST, FLAG_AUX, FLAG_RESULT } from '../layout';

export const CF: u32 = 1 << 0;
export const PF: u32 = 1 << 2;
export const AF: u32 = 1 << 4;
export const ZF: u32 = 1 << 6;
export const SF: u32 = 1 << 7;
export const TF: u32 = 1 << 8;
export const IF: u32 = 1 << 9;
export const DF: u32 = 1 << 10;
export const OF: u32 = 1 << 11;
export const IOPL: u32 = 3 << 12;
export const NT: u32 = 1 << 14;
export const RF: u32 = 1 << 16;
export const VM: u32 = 1 << 17;
export const AC: u32 = 1 << 18;
export const VIF: u32 = 1 << 19;
export const VIP: u32 = 1 << 20;
export const ID: u32 = 1 << 21;
export const ARITHMETIC: u32 = CF | PF | AF | ZF | SF | OF;

const AUX_TOP: u32 = 0xc0000000;
const AUX_CF: u32 = 0x80000000;
const AUX_AF: u32 = 8;

@final
export class Flags {
  @inline static cf(): u32 {
    return load<u32>(FLAG_AUX) >>> 31;
  }
  @inline static zf(): u32 {
    return u32(load<u64>(FLAG_RESULT) == 0);
  }
  @inline static sf(): u32 {
    return (<u32>(load<u64>(FLAG_RESULT) >>> 63)) ^ (load<u32>(FLAG_AUX) & 1);
  }
  @inline static of(): u32 {
    const x = load<u32>(FLAG_AUX);
    return (x ^ (x << 1)) >>> 31;
  }
  @inline static pf(): u32 {
    const x = (load<u8>(FLAG_RESULT) ^ load<u8>(FLAG_AUX + 1)) as u32;
    return (popcnt(x) & 1) ^ 1;
  }
  @inline static af(): u32 {
    return (load<u32>(FLAG_AUX) >>> 3) & 1;
  }

  /** All of EFLAGS. */
  static get(): u32 {
    return (
      load<u32>(EFLAGS_REST) |
      Flags.cf() |
      (Flags.pf() << 2) |
      (Flags.af() << 4) |
      (Flags.zf() << 6) |
      (Flags.sf() << 7) |
      (Flags.of() << 11)
    );
  }
  /** Sets the six arithmetic flags from an EFLAGS image. */
  static setArithmetic(value: u32): void {
    const zf = value & ZF;
    const cf = value & 1;
    const ov = (value >>> 11) & 1;
    store<u64>(FLAG_RESULT, zf ? 0 : 1);
    // Natural parity of the low byte: result 0 gives PF 1, result 1 gives PF 0.
    const parityDelta = ((value >>> 2) & 1) ^ (zf ? 1 : 0);
    store<u32>(
      FLAG_AUX,
      (cf << 31) | ((cf ^ ov) << 30) | (((value >>> 4) & 1) << 3) | ((value >>> 7) & 1) | (parityDelta << 8),
    );
  }
  /** ZF and CF given, the other four clear. PF is corrected when the result is zero. */
  @inline static setZfCf(zf: u32, cf: u32): void {
    store<u64>(FLAG_RESULT, <u64>(zf ^ 1));
    store<u32>(FLAG_AUX, (cf << 31) | (cf << 30) | (zf << 8));
  }
  /** Sets all of EFLAGS; the caller has masked what may change. */
  static set(value: u32): void {
    Flags.setArithmetic(value);
    store<u32>(EFLAGS_REST, (value & ~ARITHMETIC) | 2);
  }
  @inline static setCf(cf: u32): void {
    const x = load<u32>(FLAG_AUX);
    // Keeping OF means flipping both top bits together.
    const flip = (x >>> 31) ^ cf;
    store<u32>(FLAG_AUX, x ^ (flip << 31) ^ (flip << 30));
  }
  /** CF and OF new, the others unchanged (rotates). */
  @inline static setCfOf(cf: u32, ov: u32): void {
    store<u32>(FLAG_AUX, (load<u32>(FLAG_AUX) & ~AUX_TOP) | (cf << 31) | ((cf ^ ov) << 30));
  }
  @inline static setAf(af: u32): void {
    store<u32>(FLAG_AUX, (load<u32>(FLAG_AUX) & ~AUX_AF) | (af << 3));
  }
  /** Places the two top bits and bit 3 of a W-wide carry vector. */
  @inline static aux<W>(carries: W): u32 {
    if (sizeof<W>() == 8) return ((<u32>((<u64>carries) >>> 32)) & AUX_TOP) | ((<u32>carries) & AUX_AF);
    if (sizeof<W>() == 4) return (<u32>carries) & (AUX_TOP | AUX_AF);
    if (sizeof<W>() == 2) return (((<u32>carries) & 0xc000) << 16) | ((<u32>carries) & AUX_AF);
    return (((<u32>carries) & 0xc0) << 24) | ((<u32>carries) & AUX_AF);
  }
  /** Sign-extends a W-wide result to 64 bits. */
  @inline static extend<W>(r: W): u64 {
    if (sizeof<W>() == 8) return <u64>r;
    if (sizeof<W>() == 4) return <u64>(<i64>(<i32>r));
    if (sizeof<W>() == 2) return <u64>(<i64>(<i16>r));
    return <u64>(<i64>(<i8>r));
  }
  @inline static add<W>(a: W, b: W, r: W): void {
    store<u64>(FLAG_RESULT, Flags.extend<W>(r));
    store<u32>(FLAG_AUX, Flags.aux<W>(<W>((a & b) | ((a | b) & ~r))));
  }
  @inline static sub<W>(a: W, b: W, r: W): void {
    store<u64>(FLAG_RESULT, Flags.extend<W>(r));
    store<u32>(FLAG_AUX, Flags.aux<W>(<W>((~a & b) | (~(a ^ b) & r))));
  }
  @inline static logic<W>(r: W): void {
    store<u64>(FLAG_RESULT, Flags.extend<W>(r));
    store<u32>(FLAG_AUX, 0);
  }
  /** SF ZF PF from the result, CF and OF given, AF clear. */
  @inline static result<W>(r: W, cf: u32, ov: u32): void {
    store<u64>(FLAG_RESULT, Flags.extend<W>(r));
    store<u32>(FLAG_AUX, (cf << 31) | ((cf ^ ov) << 30));
  }
  /** Left shifts: CF and OF ^ CF are the two top bits of `last`, the operand before the final shift by one. */
  @inline static shl<W>(last: W, r: W): void {
    store<u64>(FLAG_RESULT, Flags.extend<W>(r));
    store<u32>(FLAG_AUX, Flags.aux<W>(last) & AUX_TOP);
  }
  /** INC and DEC: as ADD or SUB, but CF stays. */
  @inline static keepCf(old: u32): void {
    const x = load<u32>(FLAG_AUX);
    const ov = (x ^ (x << 1)) & AUX_CF;
    const cf = old & AUX_CF;
    store<u32>(FLAG_AUX, cf | ((cf ^ ov) >>> 1) | (x & AUX_AF));
  }
  /** A condition code of SDM Vol. 2 table B-1; `code` is a compile-time constant where it matters. */
  @inline static condition(code: i32): bool {
    if (code == 0) return Flags.of() != 0;
    if (code == 1) return Flags.of() == 0;
    if (code == 2) return <i32>load<u32>(FLAG_AUX) < 0;
    if (code == 3) return <i32>load<u32>(FLAG_AUX) >= 0;
    if (code == 4) return load<u64>(FLAG_RESULT) == 0;
    if (code == 5) return load<u64>(FLAG_RESULT) != 0;
    if (code == 6) return <i32>load<u32>(FLAG_AUX) < 0 || load<u64>(FLAG_RESULT) == 0;
    if (code == 7) return <i32>load<u32>(FLAG_AUX) >= 0 && load<u64>(FLAG_RESULT) != 0;
    if (code == 8) return Flags.sf() != 0;
    if (code == 9) return Flags.sf() == 0;
    if (code == 10) return Flags.pf() != 0;
    if (code == 11) return Flags.pf() == 0;
    if (code == 12) return Flags.sf() != Flags.of();
    if (code == 13) return Flags.sf() == Flags.of();
    if (code == 14) return load<u64>(FLAG_RESULT) == 0 || Flags.sf() != Flags.of();
    return load<u64>(FLAG_RESULT) != 0 && Flags.sf() == Flags.of();
  }
}
