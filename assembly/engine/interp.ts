/**
 * Backend that does the work at once (tier 0). Every method is inlined into the instruction that uses it; what is
 * rare (TLB misses, odd segments, page crossings) is a call. Values are plain Wasm numbers.
 */
import {
  CODE_LINEAR_PAGE,
  CPL,
  CR0,
  EA_LONG,
  EFLAGS_REST,
  EXIT_EVENT,
  INTR,
  NMI_PENDING,
  SHADOW_STI,
  EA_MASK,
  EA_SEGMENT,
  FLAG_AUX,
  GPR,
  LINEAR_PAGE,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  SCRATCH,
  SEG,
  SEG_SELECTOR,
  STACK_FLAT,
  STACK_MASK,
  TLB_ADDEND,
  TLB_ENTRIES,
  TLB_READ,
  TLB_WRITE,
  XMM,
  FCW,
  FPR,
  FSW,
  FTW,
  MXCSR,
} from '../layout';
import {
  commitPlace,
  nextIsStack,
  placeSlow,
  probeWrite,
  read128Slow,
  readSlow,
  stackDone,
  write128Slow,
  writeSlow,
} from '../mmu/access';
import { bank } from '../mmu/tlb';
import { checkWritable, segmentLinear, stackLinear } from '../system/segment';
import { CR0_PE } from '../system/control';
import { faultAt, GP } from '../system/fault';
import { Insn, KIND_I, KIND_I64, KIND_M, KIND_R0, KIND_R1, KIND_R2 } from './backend';
import {
  Branch,
  branchIndirect,
  branchIndirect64,
  checkRelative,
  checkTarget,
  ipAfter,
  leaveAfter,
  setNext,
} from './cache';
import { Flags, IF } from './flags';
import { castShadow } from './run';
import { mulHigh } from '../fpu/u128';
import { divWide64, divWideSigned64, mulHighSigned64, mulOverflows64 } from './wide';
import { InterpPacked } from './interp-packed';
import { AFTER_STORE, Fast, FLAGS_NOT_DONE } from '../x87/fast';
import * as x87 from '../x87/operations';
import { setControl, setPointers, start as startX87, wait } from '../x87/stack';
import {
  convertLanes,
  convertOne,
  exactFromInteger,
  exactOrder,
  exactPacked,
  exactScalar,
  exactToInteger,
} from '../isa/float-exact';

const FSW_TOP: u16 = 0x3800;
const EXTENDED_BYTES: u32 = 10;
/** MXCSR without the sticky flags other than PE; and the value of that which the fast path wants. SDM Vol. 1, 10.2.3. */
export const MXCSR_CONTROL_AND_PE: u32 = 0xffe0;
export const MXCSR_SETTLED: u32 = 0x1fa0;
/** PM and PE. */
export const MXCSR_PM_PE: u32 = 0x1020;

/** Segments, long displacements: everything that the two flat cases do not cover. */
export function addressGeneral(i: Insn, size: u32): u64 {
  const mask = load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  let offset: u64;
  if (i.ea & EA_LONG) {
    if (i.r1 == CODE_LINEAR_PAGE) offset = load<u64>(LINEAR_PAGE) + <u64>(i.offset + i.length) + <u64>(<i64>i.disp);
    else offset = load<u64>(changetype<usize>(i) + 8);
  } else {
    offset =
      load<u64>(GPR + <usize>i.r1) +
      (load<u64>(GPR + (((<usize>i.index) & 31) << 3)) << ((<u64>i.index) >> 5)) +
      <u64>(<i64>i.disp);
  }
  return segmentLinear(i, (<u32>i.ea) >> 4, offset & mask, size);
}

/** The same for an operand that is written: in protected mode its segment must be writable. */
export function addressWritable(i: Insn, size: u32): u64 {
  checkWritable(i, (<u32>i.ea) >> 4);
  return addressGeneral(i, size);
}

@unmanaged
@final
export class Interp extends InterpPacked {
  // ---- addresses --------------------------------------------------------------------------------------------------
  /** Linear address of the memory operand. */
  @inline linear(i: Insn, size: u32): u64 {
    if (i.ea & EA_SEGMENT) return addressGeneral(i, size);
    return (
      (load<u64>(GPR + <usize>i.r1) +
        (load<u64>(GPR + (((<usize>i.index) & 31) << 3)) << ((<u64>i.index) >> 5)) +
        <u64>(<i64>i.disp)) &
      load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3))
    );
  }
  /** The same for an operand that is written. */
  @inline linearForWrite(i: Insn, size: u32): u64 {
    if (i.ea & EA_SEGMENT) return addressWritable(i, size);
    return (
      (load<u64>(GPR + <usize>i.r1) +
        (load<u64>(GPR + (((<usize>i.index) & 31) << 3)) << ((<u64>i.index) >> 5)) +
        <u64>(<i64>i.disp)) &
      load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3))
    );
  }
  /** Effective address without its segment (LEA). */
  @inline effective(i: Insn): u64 {
    let offset: u64;
    if (i.ea & EA_LONG) offset = load<u64>(LINEAR_PAGE) + <u64>(i.offset + i.length) + <u64>(<i64>i.disp);
    else
      offset =
        load<u64>(GPR + <usize>i.r1) +
        (load<u64>(GPR + (((<usize>i.index) & 31) << 3)) << ((<u64>i.index) >> 5)) +
        <u64>(<i64>i.disp);
    return offset & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  }
  /** Linear address of `offset` (already masked) in the memory operand's segment, for operands that are not a plain ModRM address. */
  @inline operandLinear(i: Insn, offset: u64, size: u32): u64 {
    return i.ea & EA_SEGMENT ? segmentLinear(i, (<u32>i.ea) >> 4, offset, size) : offset;
  }
  @inline operandLinearForWrite(i: Insn, offset: u64, size: u32): u64 {
    if (i.ea & EA_SEGMENT) checkWritable(i, (<u32>i.ea) >> 4);
    return this.operandLinear(i, offset, size);
  }

  // ---- memory at a linear address ------------------------------------------------------------------------------------
  @inline loadAt<W>(i: Insn, linear: u64): W {
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_READ)) <= 4096 - sizeof<W>())
      return load<W>(<usize>linear + load<usize>(entry, TLB_ADDEND));
    return <W>readSlow(i, linear, sizeof<W>());
  }
  @inline storeAt<W>(i: Insn, linear: u64, value: W): void {
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_WRITE)) <= 4096 - sizeof<W>())
      store<W>(<usize>linear + load<usize>(entry, TLB_ADDEND), value);
    else writeSlow(i, linear, sizeof<W>(), <u64>value);
  }
  @inline load128At(i: Insn, linear: u64): v128 {
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_READ)) <= 4080) return v128.load(<usize>linear + load<usize>(entry, TLB_ADDEND));
    return read128Slow(i, linear);
  }
  @inline store128At(i: Insn, linear: u64, value: v128): void {
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_WRITE)) <= 4080)
      v128.store(<usize>linear + load<usize>(entry, TLB_ADDEND), value);
    else write128Slow(i, linear, value);
  }

  // ---- integer operands -----------------------------------------------------------------------------------------------
  /** Value of an operand of kind K. */
  @inline read<W, K>(i: Insn): W {
    if (offsetof<K>() == KIND_R0) return load<W>(GPR + <usize>i.r0);
    if (offsetof<K>() == KIND_R1) return load<W>(GPR + <usize>i.r1);
    if (offsetof<K>() == KIND_R2) return load<W>(GPR + <usize>load<u8>(changetype<usize>(i), 13));
    // Read at its own width: asc widens a field cast to u32 by its declared sign.
    if (offsetof<K>() == KIND_I) return sizeof<W>() == 4 ? <W>load<u32>(changetype<usize>(i), 12) : <W>i.imm;
    if (offsetof<K>() == KIND_I64) return <W>load<u64>(changetype<usize>(i) + 8);
    return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
  }
  /** Writes an operand; a 32-bit register is zero-extended. */
  @inline write<W, K>(i: Insn, value: W): void {
    if (offsetof<K>() == KIND_R0) this.setGpr<W>(<usize>i.r0, value);
    else if (offsetof<K>() == KIND_R1) this.setGpr<W>(<usize>i.r1, value);
    else if (offsetof<K>() == KIND_R2) this.setGpr<W>(<usize>load<u8>(changetype<usize>(i), 13), value);
    else this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
  }
  /** General register by code (number * 8). */
  @inline gpr<W>(code: usize): W {
    return load<W>(GPR + code);
  }
  @inline setGpr<W>(code: usize, value: W): void {
    if (sizeof<W>() == 4) store<u64>(GPR + code, <u64>(<u32>value));
    else store<W>(GPR + code, value);
  }

  // ---- read-modify-write: a place is where the operand's bytes are, checked for writing ----------------------------------
  @inline place<W, K>(i: Insn): usize {
    if (offsetof<K>() == KIND_R0) return GPR + <usize>i.r0;
    if (offsetof<K>() == KIND_R1) return GPR + <usize>i.r1;
    return this.placeAt<W>(i, this.linearForWrite(i, sizeof<W>()));
  }
  @inline placeAt<W>(i: Insn, linear: u64): usize {
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_WRITE)) <= 4096 - sizeof<W>())
      return <usize>linear + load<usize>(entry, TLB_ADDEND);
    return placeSlow(i, linear, sizeof<W>());
  }
  @inline get<W>(place: usize): W {
    return load<W>(place);
  }
  @inline put<W, K>(i: Insn, place: usize, value: W): void {
    if (offsetof<K>() == KIND_M) this.putAt<W>(i, place, value);
    else if (sizeof<W>() == 4) store<u64>(place, <u64>(<u32>value));
    else store<W>(place, value);
  }
  @inline putAt<W>(i: Insn, place: usize, value: W): void {
    store<W>(place, value);
    if (place == SCRATCH) commitPlace(i, sizeof<W>());
  }

  /** Memory destinations only: writes the old value back, as locked instructions do even when nothing changes. */
  @inline rewrite<W, K>(i: Insn, place: usize, value: W): void {
    if (offsetof<K>() == KIND_M) this.put<W, K>(i, place, value);
  }

  // ---- the stack ---------------------------------------------------------------------------------------------------------
  /** Linear address of stack offset `offset` (already masked). */
  @inline stackAddress(i: Insn, offset: u64, size: u32): u64 {
    return load<u32>(STACK_FLAT) ? offset : stackLinear(i, offset, size);
  }
  @inline push<W>(i: Insn, value: W): void {
    const mask = load<u64>(STACK_MASK);
    const sp = load<u64>(GPR + 32);
    const down = (sp - sizeof<W>()) & mask;
    const linear = this.stackAddress(i, down, sizeof<W>());
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_WRITE)) <= 4096 - sizeof<W>())
      store<W>(<usize>linear + load<usize>(entry, TLB_ADDEND), value);
    else {
      nextIsStack();
      writeSlow(i, linear, sizeof<W>(), <u64>value);
      stackDone();
    }
    store<u64>(GPR + 32, (sp & ~mask) | down);
  }
  /** Value on top of the stack; the pointer stays. */
  @inline top<W>(i: Insn): W {
    const linear = this.stackAddress(i, load<u64>(GPR + 32) & load<u64>(STACK_MASK), sizeof<W>());
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_READ)) <= 4096 - sizeof<W>())
      return load<W>(<usize>linear + load<usize>(entry, TLB_ADDEND));
    nextIsStack();
    const value = <W>readSlow(i, linear, sizeof<W>());
    stackDone();
    return value;
  }
  /** Value at RBP taken as stack pointer (LEAVE). */
  @inline frameTop<W>(i: Insn): W {
    const linear = this.stackAddress(i, load<u64>(GPR + 40) & load<u64>(STACK_MASK), sizeof<W>());
    const entry = bank + (((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) << 5);
    if ((linear ^ load<u64>(entry, TLB_READ)) <= 4096 - sizeof<W>())
      return load<W>(<usize>linear + load<usize>(entry, TLB_ADDEND));
    nextIsStack();
    const value = <W>readSlow(i, linear, sizeof<W>());
    stackDone();
    return value;
  }
  /** Stack pointer ← RBP + by, within its width. */
  @inline leaveFrame(by: u64): void {
    const mask = load<u64>(STACK_MASK);
    store<u64>(GPR + 32, (load<u64>(GPR + 32) & ~mask) | ((load<u64>(GPR + 40) + by) & mask));
  }
  @inline bswap<W>(a: W): W {
    if (sizeof<W>() == 2) return <W>((((<u32>a) << 8) | ((<u32>a) >>> 8)) & 0xffff);
    return <W>bswap<W>(a);
  }
  /** Adds to the stack pointer within its width. */
  @inline moveStack(by: u64): void {
    const mask = load<u64>(STACK_MASK);
    const sp = load<u64>(GPR + 32);
    store<u64>(GPR + 32, (sp & ~mask) | ((sp + by) & mask));
  }

  // ---- arithmetic -----------------------------------------------------------------------------------------------------------
  @inline k<W>(value: i64): W {
    return <W>value;
  }
  @inline add<W>(a: W, b: W): W {
    return <W>(a + b);
  }
  @inline sub<W>(a: W, b: W): W {
    return <W>(a - b);
  }
  @inline mul<W>(a: W, b: W): W {
    return <W>(a * b);
  }
  /** High half of the double-width product. */
  @inline mulHigh<W>(a: W, b: W): W {
    if (sizeof<W>() == 8) return <W>mulHigh(<u64>a, <u64>b);
    return <W>((<u64>a * <u64>b) >> (sizeof<W>() * 8));
  }
  @inline mulHighSigned<W>(a: W, b: W): W {
    if (sizeof<W>() == 8) return <W>mulHighSigned64(<u64>a, <u64>b);
    return <W>((this.sext<W, i64>(a) * this.sext<W, i64>(b)) >> (sizeof<W>() * 8));
  }
  /** 1 when the signed product does not fit the width. */
  @inline mulOverflows<W>(a: W, b: W): u32 {
    if (sizeof<W>() == 8) return mulOverflows64(<u64>a, <u64>b);
    const r = this.sext<W, i64>(a) * this.sext<W, i64>(b);
    return u32(r != this.sext<W, i64>(<W>r));
  }
  /** Quotients; the caller has excluded what has none. */
  @inline divu<W>(a: W, b: W): W {
    return <W>(a / b);
  }
  @inline divs<W>(a: W, b: W): W {
    if (sizeof<W>() == 8) return <W>(<u64>(<i64>a / <i64>b));
    return <W>(<u32>(<i32>a / <i32>b));
  }
  /** (high:low) / d; the unsigned one for high < d, the signed one raises #DE itself. */
  @inline divWide(high: u64, low: u64, d: u64): u64 {
    return divWide64(high, low, d);
  }
  @inline divWideSigned(i: Insn, high: u64, low: u64, d: u64): u64 {
    return divWideSigned64(i, high, low, d);
  }
  @inline and<W>(a: W, b: W): W {
    return <W>(a & b);
  }
  @inline or<W>(a: W, b: W): W {
    return <W>(a | b);
  }
  @inline xor<W>(a: W, b: W): W {
    return <W>(a ^ b);
  }
  @inline not<W>(a: W): W {
    return <W>~a;
  }
  /** Shifts by n modulo 64 (64-bit values) or modulo 32 (all narrower ones). */
  @inline shl<W>(a: W, n: u32): W {
    if (sizeof<W>() < 4) return <W>((<u32>a) << n);
    return <W>(a << (<W>n));
  }
  @inline shr<W>(a: W, n: u32): W {
    if (sizeof<W>() < 4) return <W>((<u32>a) >>> n);
    return <W>(a >>> (<W>n));
  }
  @inline sar<W>(a: W, n: u32): W {
    if (sizeof<W>() == 8) return <W>(<u64>((<i64>a) >> (<i64>n)));
    if (sizeof<W>() == 4) return <W>(<u32>((<i32>a) >> (<i32>n)));
    if (sizeof<W>() == 2) return <W>(<u16>((<i32>(<i16>a)) >> (<i32>n)));
    return <W>(<u8>((<i32>(<i8>a)) >> (<i32>n)));
  }
  /** Rotations by n modulo the width. */
  @inline rotl<W>(a: W, n: u32): W {
    if (sizeof<W>() >= 4) return <W>rotl<W>(a, <W>n);
    const m = n & (sizeof<W>() * 8 - 1);
    return <W>(((<u32>a) << m) | ((<u32>a) >>> (sizeof<W>() * 8 - m)));
  }
  @inline rotr<W>(a: W, n: u32): W {
    if (sizeof<W>() >= 4) return <W>rotr<W>(a, <W>n);
    const m = n & (sizeof<W>() * 8 - 1);
    const wide = <u32>a;
    const rest: u32 = sizeof<W>() * 8 - m;
    return <W>((wide >>> m) | (wide << rest));
  }
  /** Bit n as 0 or 1. */
  @inline bit<W>(a: W, n: u32): u32 {
    if (sizeof<W>() == 8) return (<u32>((<u64>a) >>> (<u64>n))) & 1;
    return ((<u32>a) >>> n) & 1;
  }
  @inline isZero<W>(a: W): u32 {
    return u32(a == 0);
  }
  @inline equal<W>(a: W, b: W): u32 {
    return u32(a == b);
  }
  @inline below<W>(a: W, b: W): u32 {
    return u32(a < b);
  }
  @inline select<W>(condition: u32, a: W, b: W): W {
    return condition ? a : b;
  }
  /** Zero- and sign-extension and truncation from width F to T. */
  @inline zext<F, T>(a: F): T {
    return <T>a;
  }
  @inline sext<F, T>(a: F): T {
    if (sizeof<F>() == 8) return <T>a;
    if (sizeof<F>() == 4) return <T>(<i64>(<i32>a));
    if (sizeof<F>() == 2) return <T>(<i64>(<i16>a));
    return <T>(<i64>(<i8>a));
  }
  /** Zero bits at the top and at the bottom; the width when a is 0. */
  @inline clz<W>(a: W): W {
    if (sizeof<W>() < 4) return <W>(clz<u32>(<u32>a) - (32 - sizeof<W>() * 8));
    return <W>clz<W>(a);
  }
  @inline ctz<W>(a: W): W {
    const end: u32 = sizeof<W>() < 4 ? 1 << (<u32>sizeof<W>() * 8) : 0;
    if (sizeof<W>() < 4) return <W>ctz<u32>((<u32>a) | end);
    return <W>ctz<W>(a);
  }
  @inline popcount<W>(a: W): W {
    if (sizeof<W>() == 8) return <W>popcnt<u64>(<u64>a);
    return <W>popcnt<u32>(<u32>a);
  }
  // 32-bit helpers for counts and flag bits
  @inline k32(value: u32): u32 {
    return value;
  }
  @inline count<W>(a: W, mask: u32): u32 {
    return (<u32>a) & mask;
  }

  // ---- flags ------------------------------------------------------------------------------------------------------------------
  @inline flagsAdd<W>(a: W, b: W, r: W): void {
    Flags.add<W>(a, b, r);
  }
  @inline flagsSub<W>(a: W, b: W, r: W): void {
    Flags.sub<W>(a, b, r);
  }
  @inline flagsLogic<W>(r: W): void {
    Flags.logic<W>(r);
  }
  @inline flagsResult<W>(r: W, cf: u32, ov: u32): void {
    Flags.result<W>(r, cf, ov);
  }
  /** Left shifts: `last` is the operand before the final shift by one, so its two top bits are CF and SF. */
  @inline flagsShl<W>(last: W, r: W): void {
    Flags.shl<W>(last, r);
  }
  /** As ADD 1, SUB 1, but CF keeps its value. */
  @inline flagsInc<W>(a: W, r: W): void {
    const old = load<u32>(FLAG_AUX);
    Flags.add<W>(a, 1, r);
    Flags.keepCf(old);
  }
  @inline flagsDec<W>(a: W, r: W): void {
    const old = load<u32>(FLAG_AUX);
    Flags.sub<W>(a, 1, r);
    Flags.keepCf(old);
  }
  @inline setCf(cf: u32): void {
    Flags.setCf(cf);
  }
  @inline setCfOf(cf: u32, ov: u32): void {
    Flags.setCfOf(cf, ov);
  }
  /** ZF and CF given, the others clear. */
  @inline flagsZfCf(zf: u32, cf: u32): void {
    Flags.setZfCf(zf, cf);
  }
  /** All six arithmetic flags from an EFLAGS image. */
  @inline setArithmetic(value: u32): void {
    Flags.setArithmetic(value);
  }
  /** Flags outside the arithmetic six that need no further action (DF). */
  @inline changeFlags(clear: u32, set: u32): void {
    store<u32>(EFLAGS_REST, (load<u32>(EFLAGS_REST) & ~clear) | set);
  }
  @inline cf(): u32 {
    return Flags.cf();
  }
  @inline of(): u32 {
    return Flags.of();
  }
  @inline condition<C>(): u32 {
    return u32(Flags.condition(changetype<C>(0).code));
  }

  // ---- interrupts ----------------------------------------------------------------------------------------------------------------
  /** CLI and STI need a level that IOPL allows. SDM Vol. 2A, CLI; Vol. 2B, STI. */
  requireIopl(i: Insn): void {
    if (load<u64>(CR0) & CR0_PE && load<u32>(CPL) > ((load<u32>(EFLAGS_REST) >>> 12) & 3)) faultAt(i, GP);
  }
  /** Sets IF. What waits comes after the next instruction, if it was clear. */
  enableInterrupts(i: Insn): void {
    const was = load<u32>(EFLAGS_REST);
    store<u32>(EFLAGS_REST, was | IF);
    if (was & IF) return;
    castShadow(changetype<usize>(i), SHADOW_STI);
    if (load<u32>(INTR) || load<u32>(NMI_PENDING)) leaveAfter(i, EXIT_EVENT);
  }

  // ---- control ------------------------------------------------------------------------------------------------------------------
  /** Body runs when the condition holds: `if (e.begin(c)) { … } e.end();` */
  @inline begin(condition: u32): bool {
    return condition != 0;
  }
  @inline end(): void {}
  /**
   * `if (e.usually(c)) …; if (e.rarely(c)) …;`: the fast and the exact way. Emitted code has the first one only; it leaves to
   * tier 0 when c is 0, so nothing may have been written yet.
   */
  @inline usually(condition: u32): bool {
    return condition != 0;
  }
  @inline rarely(condition: u32): bool {
    return condition == 0;
  }
  /** Raises `vector` (error code 0) when the condition holds; nothing may have been written yet. */
  @inline faultIf(i: Insn, condition: u32, vector: u32): void {
    if (condition) faultAt(i, vector);
  }
  /** Raises what a relative branch would raise. */
  @inline checkBranch<W>(i: Insn): void {
    if (i.disp <= 0) checkRelative(i, sizeof<W>() == 8 ? u64.MAX_VALUE : sizeof<W>() == 4 ? 0xffffffff : 0xffff);
  }
  @inline checkTarget<W>(i: Insn, target: W): void {
    if (sizeof<W>() != 8 || !Branch.isCanonical(<u64>target)) checkTarget(changetype<usize>(i), <u64>target);
  }
  /** rCX of the address size, and that minus one. */
  @inline addressCount(i: Insn): u64 {
    return load<u64>(GPR + 8) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  }
  @inline loopCount(i: Insn): u64 {
    return (load<u64>(GPR + 8) - 1) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  }
  @inline setLoopCount(i: Insn, count: u64): void {
    if ((i.ea & 3) == 2) store<u16>(GPR + 8, <u16>count);
    else store<u64>(GPR + 8, count);
  }
  @inline isNonZero64(a: u64): u32 {
    return u32(a != 0);
  }
  @inline isNonZero<W>(a: W): u32 {
    return u32(a != 0);
  }
  @inline zf(): u32 {
    return Flags.zf();
  }
  /** Near relative branch, taken; W is the operand size, which masks the instruction pointer. */
  @inline branch<W>(i: Insn): void {
    setNext(Branch.follow(i, sizeof<W>() == 8 ? u64.MAX_VALUE : sizeof<W>() == 4 ? 0xffffffff : 0xffff));
  }
  @inline branchTo<W>(i: Insn, target: W): void {
    if (sizeof<W>() == 8) branchIndirect64(i, <u64>target);
    else branchIndirect(i, <u64>target);
  }
  /** Instruction pointer of the next instruction. */
  @inline nextIp<W>(i: Insn): W {
    return <W>ipAfter(i);
  }

  /** Selector of the segment register in S: 16 bits to memory, zero-extended to a register. */
  @inline writeSelector<W, D, S>(i: Insn): void {
    if (offsetof<D>() == KIND_M) {
      this.storeAt<u16>(i, this.linear(i, 2), load<u16>(SEG + ((<usize>i.r0) << 2), SEG_SELECTOR));
    } else this.setGpr<W>(<usize>i.r0, <W>load<u16>(SEG + ((<usize>i.r1) << 2), SEG_SELECTOR));
  }

  // ---- vector registers -----------------------------------------------------------------------------------------------------------
  @inline xmm<K>(i: Insn): v128 {
    if (offsetof<K>() == KIND_R0) return v128.load(XMM + ((<usize>i.r0) << 2));
    if (offsetof<K>() == KIND_R1) return v128.load(XMM + ((<usize>i.r1) << 2));
    if (offsetof<K>() == KIND_R2) return v128.load(XMM + ((<usize>load<u8>(changetype<usize>(i), 13)) << 2));
    return this.load128At(i, this.linear(i, 16));
  }
  /** The same for a memory operand that must be 16-byte aligned, else #GP(0) (legacy SSE). */
  @inline xmmAligned<K>(i: Insn): v128 {
    if (offsetof<K>() == KIND_M) {
      const linear = this.linear(i, 16);
      if (linear & 15) faultAt(i, 13);
      return this.load128At(i, linear);
    }
    return this.xmm<K>(i);
  }
  @inline setXmm<K>(i: Insn, value: v128): void {
    if (offsetof<K>() == KIND_R0) v128.store(XMM + ((<usize>i.r0) << 2), value);
    else if (offsetof<K>() == KIND_R1) v128.store(XMM + ((<usize>i.r1) << 2), value);
    else this.store128At(i, this.linearForWrite(i, 16), value);
  }
  @inline setXmmAligned<K>(i: Insn, value: v128): void {
    if (offsetof<K>() == KIND_M) {
      const linear = this.linearForWrite(i, 16);
      if (linear & 15) faultAt(i, 13);
      this.store128At(i, linear, value);
    } else this.setXmm<K>(i, value);
  }
  /** Low 64, 32 (…) bits of a vector operand, or a memory operand of that size. */
  @inline low<W, K>(i: Insn): W {
    if (offsetof<K>() == KIND_R0) return load<W>(XMM + ((<usize>i.r0) << 2));
    if (offsetof<K>() == KIND_R1) return load<W>(XMM + ((<usize>i.r1) << 2));
    return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
  }
  /** The same, zero-extended, or in all lanes. */
  @inline lowZero<W, K>(i: Insn): v128 {
    return this.v128_low(<u64>this.low<W, K>(i));
  }
  @inline lowSplat<W, K>(i: Insn): v128 {
    return v128.splat<W>(this.low<W, K>(i));
  }
  /** The same of a vector is written. */
  @inline setLowOf<W, K>(i: Insn, value: v128): void {
    this.setLow<W, K>(i, v128.extract_lane<W>(value, 0));
  }
  @inline setLow<W, K>(i: Insn, value: W): void {
    if (offsetof<K>() == KIND_R0) store<W>(XMM + ((<usize>i.r0) << 2), value);
    else if (offsetof<K>() == KIND_R1) store<W>(XMM + ((<usize>i.r1) << 2), value);
    else this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
  }
  /** XMM register n, for implicit operands. */
  @inline xmmNumber(n: usize): v128 {
    return v128.load(XMM + (n << 5));
  }
  @inline setXmmNumber(n: usize, value: v128): void {
    v128.store(XMM + (n << 5), value);
  }
  /** The upper 64 bits of a vector register. */
  @inline high<K>(i: Insn): u64 {
    if (offsetof<K>() == KIND_R0) return load<u64>(XMM + ((<usize>i.r0) << 2), 8);
    return load<u64>(XMM + ((<usize>i.r1) << 2), 8);
  }
  @inline setHigh<K>(i: Insn, value: u64): void {
    if (offsetof<K>() == KIND_R0) store<u64>(XMM + ((<usize>i.r0) << 2), value, 8);
    else store<u64>(XMM + ((<usize>i.r1) << 2), value, 8);
  }

  // ---- MMX registers: the significands of the x87 registers. REX does not reach them (SDM Vol. 2A, 2.2.1.2). ---------------------
  /** Raises a pending x87 exception, as every MMX instruction does before anything else. */
  @inline mmxBegin(i: Insn): void {
    wait(i);
  }
  /** MMX register, or the low W of a memory operand, zero-extended. */
  @inline mmx<W, K>(i: Insn): u64 {
    if (offsetof<K>() == KIND_R0) return load<u64>(FPR + (((<usize>i.r0) & 56) << 1));
    if (offsetof<K>() == KIND_R1) return load<u64>(FPR + (((<usize>i.r1) & 56) << 1));
    return <u64>this.loadAt<W>(i, this.linear(i, sizeof<W>()));
  }
  /** The exponent field of a written register becomes all ones (SDM Vol. 1, 9.6.2). */
  @inline setMmx<K>(i: Insn, value: u64): void {
    const at: usize = FPR + ((offsetof<K>() == KIND_R0 ? (<usize>i.r0) & 56 : (<usize>i.r1) & 56) << 1);
    store<u64>(at, value);
    store<u16>(at, 0xffff, 8);
  }
  /** What every MMX instruction but EMMS does to the x87 state: TOP = 0, all tags valid (SDM Vol. 1, 9.6.2). */
  @inline mmxEnd(): void {
    store<u16>(FSW, load<u16>(FSW) & ~FSW_TOP);
    store<u8>(FTW, 0xff);
  }

  // ---- SSE controls -------------------------------------------------------------------------------------------
  /** 1 when MXCSR is such that ordinary results can change nothing in it: masked, to nearest, no DAZ or FTZ, PE already set. */
  @inline mxcsrSettled(): u32 {
    return u32((load<u32>(MXCSR) & MXCSR_CONTROL_AND_PE) == MXCSR_SETTLED);
  }
  /** 1 when precision exceptions are masked and PE is set: an inexact result that needs no rounding mode changes nothing. */
  @inline inexactSilent(): u32 {
    return u32((load<u32>(MXCSR) & MXCSR_PM_PE) == MXCSR_PM_PE);
  }
  /** DEST ← OP(a, b) by soft float, with flags and #XM; T is u32 or u64, the lanes' width. */
  @inline exactPacked<OP, T, D>(i: Insn, a: v128, b: v128): void {
    this.setXmm<D>(i, exactPacked<OP, T>(i, a, b));
  }
  @inline exactScalar<OP, T, D>(i: Insn, a: T, b: T): void {
    this.setLow<T, D>(i, exactScalar<OP, T>(i, a, b));
  }
  /** ZF, PF, CF of a comparison. `signalling`: a quiet NaN is invalid too. */
  @inline exactOrder<T>(i: Insn, a: T, b: T, signalling: bool): void {
    Flags.setArithmetic(exactOrder<T>(i, a, b, signalling));
  }
  /** Conversions of all lanes, of one, from and to a general register. */
  @inline exactConvert<OP, F, T, D>(i: Insn, source: v128): void {
    this.setXmm<D>(i, convertLanes<OP, F, T>(i, source));
  }
  @inline exactConvertScalar<OP, F, T, D>(i: Insn, source: F): void {
    this.setLow<T, D>(i, convertOne<OP, F, T>(i, source));
  }
  @inline exactFromInteger<W, T, D>(i: Insn, source: W): void {
    this.setLow<T, D>(i, exactFromInteger<T>(i, <i64>this.sext<W, u64>(source)));
  }
  @inline exactToInteger<W, F, D>(i: Insn, source: F, truncate: bool): void {
    this.write<W, D>(i, exactToInteger<W, F>(i, source, truncate));
  }

  // ---- x87 ------------------------------------------------------------------------------------------------------------------------
  /** Raises a pending x87 exception: the start of a waiting control instruction. */
  @inline x87Wait(i: Insn): void {
    wait(i);
  }
  /** The same for an arithmetic instruction, which one of the operations below then does: the usual case, or exactly. */
  @inline x87Begin(i: Insn): void {
    wait(i);
  }
  /** What is not usual begins with this. */
  @inline x87Start(i: Insn): void {
    startX87(changetype<usize>(i));
  }
  /** ST(0) op a single or double. */
  @inline x87Real<W>(i: Insn, op: u32, bits: W): void {
    if (Fast.real<W>(op, bits)) setPointers(i);
    else {
      this.x87Start(i);
      x87.withReal<W>(op, bits);
    }
  }
  /** ST(0) op a signed integer. */
  @inline x87Integer<W>(i: Insn, op: u32, value: W): void {
    const wide = <i64>this.sext<W, u64>(value);
    if (Fast.integer(op, wide)) setPointers(i);
    else {
      this.x87Start(i);
      x87.withInteger(op, wide);
    }
  }
  @inline x87PushReal<W>(i: Insn, bits: W): void {
    if (Fast.pushReal<W>(bits)) setPointers(i);
    else {
      this.x87Start(i);
      x87.pushReal<W>(bits);
    }
  }
  @inline x87PushInteger<W>(i: Insn, value: W): void {
    const wide = <i64>this.sext<W, u64>(value);
    if (Fast.pushInteger(wide)) setPointers(i);
    else {
      this.x87Start(i);
      x87.pushInteger(wide);
    }
  }
  @inline x87PushExtended(i: Insn, hi: u32, lo: u64): void {
    if (Fast.pushExtended(hi, lo)) setPointers(i);
    else {
      this.x87Start(i);
      x87.pushExtended(hi, lo);
    }
  }
  @inline x87LoadExtended(i: Insn): void {
    const linear = this.linear(i, EXTENDED_BYTES);
    const lo = this.loadAt<u64>(i, linear);
    this.x87PushExtended(i, this.loadAt<u16>(i, linear + 8), lo);
  }
  /** ST(n), if `toN`, or ST(0) ← ST(0) op ST(n). */
  @inline x87Registers(i: Insn, op: u32, n: u32, toN: u32, pops: u32): void {
    if (Fast.registers(op, n, toN, pops)) setPointers(i);
    else {
      this.x87Start(i);
      x87.withRegister(op, n, toN, pops);
    }
  }
  @inline x87Compare(i: Insn, n: u32, quiet: u32, pops: u32): void {
    if (Fast.compare(n, pops)) setPointers(i);
    else {
      this.x87Start(i);
      x87.compareRegister(n, quiet, pops);
    }
  }
  /** CF, PF and ZF of the comparison, as an image of EFLAGS. */
  @inline x87CompareToFlags(i: Insn, n: u32, quiet: u32, pops: u32): u32 {
    const image = Fast.compareToFlags(n, pops);
    if (image != FLAGS_NOT_DONE) {
      setPointers(i);
      return image;
    }
    this.x87Start(i);
    return x87.compareToFlags(n, quiet, pops);
  }
  @inline x87PushRegister(i: Insn, n: u32): void {
    if (Fast.pushRegister(n)) setPointers(i);
    else {
      this.x87Start(i);
      x87.pushRegister(n);
    }
  }
  @inline x87Copy(i: Insn, n: u32, pops: u32): void {
    if (Fast.copy(n, pops)) setPointers(i);
    else {
      this.x87Start(i);
      x87.copyTo(n, pops);
    }
  }
  @inline x87Exchange(i: Insn, n: u32): void {
    if (Fast.exchange(n)) setPointers(i);
    else {
      this.x87Start(i);
      x87.exchange(n);
    }
  }
  /** Sign and exponent of ST(0) & keep ^ flip. */
  @inline x87ChangeSign(i: Insn, keep: u32, flip: u32): void {
    if (Fast.changeSign(keep, flip)) setPointers(i);
    else {
      this.x87Start(i);
      x87.changeSign(keep, flip);
    }
  }
  @inline x87SquareRoot(i: Insn): void {
    if (Fast.squareRoot()) setPointers(i);
    else {
      this.x87Start(i);
      x87.squareRoot();
    }
  }
  /** ST(0) as it is stored to memory, if x87Stores() says so; x87Stored() ends the instruction. */
  @inline x87ToReal<W>(i: Insn, pops: u32): W {
    const value = Fast.toReal<W>(pops);
    if (load<u32>(AFTER_STORE)) return value;
    this.x87Start(i);
    return x87.toReal<W>();
  }
  @inline x87ToInteger<W>(i: Insn, truncate: u32, pops: u32): W {
    const value = Fast.toInteger<W>(truncate, pops);
    if (load<u32>(AFTER_STORE)) return value;
    this.x87Start(i);
    return x87.toInteger<W>(truncate != 0);
  }
  /** Where ST(0) lies, to be stored as it is and popped; 0 when that is not the usual case. */
  @inline x87ToExtended(): u32 {
    return Fast.toExtended();
  }
  @inline x87StoreExtended(i: Insn, place: u32): void {
    const linear = this.linearForWrite(i, EXTENDED_BYTES);
    if (((<u32>linear) & 0xfff) > 0x1000 - EXTENDED_BYTES) {
      probeWrite(i, linear, 8);
      probeWrite(i, linear + 8, 2);
    }
    this.storeAt<u64>(i, linear, load<u64>(<usize>place));
    this.storeAt<u16>(i, linear + 8, load<u16>(<usize>place, 8));
    Fast.commitStore();
    setPointers(i);
  }
  @inline x87Stores(): u32 {
    return load<u32>(AFTER_STORE) ? 1 : u32(x87.stores());
  }
  @inline x87Stored(i: Insn, pops: u32): void {
    if (load<u32>(AFTER_STORE)) {
      Fast.commitStore();
      setPointers(i);
    } else x87.stored(pops);
  }
  @inline x87Control(): u16 {
    return load<u16>(FCW);
  }
  @inline x87SetControl(value: u16): void {
    setControl(value);
  }
  @inline x87Status(): u16 {
    return load<u16>(FSW);
  }
}
