/**
 * The usual cases of the common x87 instructions: nothing pending, registers that hold something (or are free for a push),
 * normal numbers or zeros, results in the normal range, and for arithmetic the control word that everybody uses. Each function
 * here either does its instruction up to the pointers, exactly as x87/operations would, or changes nothing and says so.
 */
import { FCW, FPR, FSW, FTW } from '../layout';
import { restFraction, sqrtCore } from '../fpu/core';
import { BIAS, C0, C1, C2, C3, EXP_MAX, FLAG_PE, Fp, INTEGER_BIT, RC_DOWN, RC_NEAREST, RC_UP } from '../fpu/state';
import { divide128by64, mulHigh, U128 } from '../fpu/u128';

/** All exceptions masked, 64 bits of precision, to nearest; of the bits of FCW that say so. SDM Vol. 1, 8.1.5. */
const CONTROL_USUAL: u32 = 0x033f;
const CONTROL_BITS: u32 = 0x0f3f;
const FCW_RC_SHIFT: u32 = 10;
const FSW_ES: u32 = 0x80;
const FSW_TOP: u32 = 0x3800;
const FSW_TOP_SHIFT: u32 = 11;
const C1_SHIFT: u32 = 9;
const PE_SHIFT: u32 = 5;
const CODES: u32 = C0 | C1 | C2 | C3;
const SIGN: u32 = 0x8000;
const EXP_MASK: u32 = 0x7fff;
const HALF: u64 = 0x8000000000000000;
/** How many exponents normal numbers have: from 1 on. */
const EXP_COUNT: u32 = EXP_MAX - 1;

/** As numbered by x87/operations. */
const MUL: u32 = 1;
const COM: u32 = 2;
const SUB: u32 = 4;
const SUBR: u32 = 5;
const DIV: u32 = 6;
const DIVR: u32 = 7;

/** What compareToFlags() returns when it did nothing. */
export const FLAGS_NOT_DONE: u32 = 0xffffffff;
/** What a computation returns that is none of the usual cases; otherwise it returns PE and C1 as they come out. */
const NOT_DONE: u32 = 0xffffffff;

/** Status and tags after a store to memory: FSW, then FTW in bits 16 to 23. 0 when the usual case did not apply. */
export const AFTER_STORE: usize = memory.data(8);
/** Tells a state from 0. */
export const AFTER_STORE_VALID: u32 = 1 << 31;

@final
class Stack {
  @inline static top(fsw: u32): u32 {
    return (fsw >> FSW_TOP_SHIFT) & 7;
  }
  /** Physical number of ST(n). */
  @inline static number(fsw: u32, n: u32): u32 {
    return ((fsw >> FSW_TOP_SHIFT) + n) & 7;
  }
  @inline static at(number: u32): usize {
    return FPR + ((<usize>number) << 4);
  }
  @inline static holds(ftw: u32, number: u32): bool {
    return ((ftw >> number) & 1) != 0;
  }
  /** FSW with TOP + 1. */
  @inline static popped(fsw: u32): u32 {
    return (fsw & ~FSW_TOP) | ((fsw + (1 << FSW_TOP_SHIFT)) & FSW_TOP);
  }
  /** Notes the status, and pops if asked. `fsw` has TOP as before. */
  @inline static end(fsw: u32, ftw: u32, pops: u32): void {
    if (pops) {
      store<u8>(FTW, ftw & ~(1 << Stack.top(fsw)));
      store<u16>(FSW, Stack.popped(fsw));
    } else store<u16>(FSW, fsw);
  }
  /** Nothing pending. */
  @inline static isCalm(fsw: u32): bool {
    return (fsw & FSW_ES) == 0;
  }
  @inline static isUsualControl(): bool {
    return (load<u16>(FCW) & CONTROL_BITS) == CONTROL_USUAL;
  }
  @inline static isNormal(hi: u32, lo: u64): bool {
    return <i64>lo < 0 && (hi & EXP_MASK) - 1 < EXP_COUNT;
  }
  @inline static isZero(hi: u32, lo: u64): bool {
    return ((hi & EXP_MASK) | (<u32>(lo != 0))) == 0;
  }
  /** Register ← ±hi:lo at exponent `exp`, rounded to nearest; `sign` is bit 15. Nothing if the exponent is not normal then. */
  @inline static round(at: usize, sign: u32, exp: u32, hi: u64, lo: u64): u32 {
    const up = <u64>(lo > HALF - (hi & 1));
    hi += up;
    if (hi == 0) {
      hi = INTEGER_BIT;
      exp++;
    }
    if (exp - 1 >= EXP_COUNT) return NOT_DONE;
    store<u64>(at, hi);
    store<u16>(at, sign | exp, 8);
    return ((<u32>(lo != 0)) << PE_SHIFT) | ((<u32>up) << C1_SHIFT);
  }
  @inline static put(at: usize, hi: u32, lo: u64): u32 {
    store<u64>(at, lo);
    store<u16>(at, hi, 8);
    return 0;
  }
}

// ---- computations: the register at `at` ← a op b ------------------------------------------------------------------------
/** The two that translated code has functions of their own for, so that a call is all. */
@final
class Compute {
  @inline static add(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
    if (!Stack.isNormal(aHi, aLo) || !Stack.isNormal(bHi, bLo)) return addZero(at, aHi, aLo, bHi, bLo);
    // No branches where data decide: they would be mispredicted half of the time.
    let gap = <i32>(aHi & EXP_MASK) - <i32>(bHi & EXP_MASK);
    const swap = (<i32>(gap < 0)) | ((<i32>(gap == 0)) & (<i32>(bLo > aLo)));
    const large = select<u32>(bHi, aHi, swap);
    const significand = select<u64>(bLo, aLo, swap);
    let small = select<u64>(aLo, bLo, swap);
    gap = select<i32>(0 - gap, gap, swap);
    // The smaller operand, aligned: small and its fraction.
    let lo: u64 = 0;
    if (gap < 64) {
      lo = (small << 1) << (63 - gap);
      small >>= gap;
    } else {
      if (gap >= 128) lo = 1;
      else {
        lo = small >> (gap - 64);
        lo |= <u64>(lo << (gap - 64) != small);
      }
      small = 0;
    }
    // With other signs the smaller one is negated.
    const differ = <u64>((aHi ^ bHi) >> 15);
    const mask = 0 - differ;
    lo = (lo ^ mask) + differ;
    let hi = significand + (small ^ mask) + (differ & (<u64>(lo == 0)));
    const carry = (<u64>(hi < significand)) & (differ ^ 1);
    let exp = large & EXP_MASK;
    if ((hi | carry) == 0) {
      if (lo == 0) return Stack.put(at, 0, 0);
      const zeros = clz(lo);
      hi = lo << zeros;
      lo = 0;
      exp -= 64 + <u32>zeros;
    } else {
      const zeros = clz(hi) & (carry - 1);
      const rest = lo;
      lo = ((rest >> carry) | (rest & carry) | ((hi & carry) << 63)) << zeros;
      hi = (((hi >> carry) | (carry << 63)) << zeros) | ((rest >> 1) >> (63 - zeros));
      exp += <u32>carry - <u32>zeros;
    }
    return Stack.round(at, large & SIGN, exp, hi, lo);
  }
  @inline static multiply(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
    const sign = (aHi ^ bHi) & SIGN;
    if (!Stack.isNormal(aHi, aLo) || !Stack.isNormal(bHi, bLo)) return multiplyZero(at, aHi, aLo, bHi, bLo);
    const product = mulHigh(aLo, bLo);
    const low = aLo * bLo;
    const zeros = clz(product); // 0 or 1
    const hi = (product << zeros) | ((low >> 1) >> (63 - zeros));
    const lo = low << zeros;
    const exp = (aHi & EXP_MASK) + (bHi & EXP_MASK) - <u32>(BIAS - 1) - <u32>zeros;
    return Stack.round(at, sign, exp, hi, lo);
  }
}
/** At least one is not normal. */
function multiplyZero(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  const zero = Stack.isZero(aHi, aLo)
    ? Stack.isNormal(bHi, bLo) || Stack.isZero(bHi, bLo)
    : Stack.isZero(bHi, bLo) && Stack.isNormal(aHi, aLo);
  return zero ? Stack.put(at, (aHi ^ bHi) & SIGN, 0) : NOT_DONE;
}
function addZero(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  if (Stack.isZero(aHi, aLo)) {
    if (Stack.isNormal(bHi, bLo)) return Stack.put(at, bHi, bLo);
    return Stack.isZero(bHi, bLo) ? Stack.put(at, aHi & bHi, 0) : NOT_DONE;
  }
  return Stack.isZero(bHi, bLo) && Stack.isNormal(aHi, aLo) ? Stack.put(at, aHi, aLo) : NOT_DONE;
}

function add(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  return Compute.add(at, aHi, aLo, bHi, bLo);
}
function multiply(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  return Compute.multiply(at, aHi, aLo, bHi, bLo);
}
function divide(at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  if (!Stack.isNormal(bHi, bLo)) return NOT_DONE;
  const sign = (aHi ^ bHi) & SIGN;
  if (!Stack.isNormal(aHi, aLo)) return Stack.isZero(aHi, aLo) ? Stack.put(at, sign, 0) : NOT_DONE;
  const fits = aLo >= bLo;
  const hi = fits ? divide128by64(aLo >> 1, aLo << 63, bLo) : divide128by64(aLo, 0, bLo);
  const exp = (aHi & EXP_MASK) - (bHi & EXP_MASK) + <u32>(BIAS - 1) + <u32>fits;
  return Stack.round(at, sign, exp, hi, restFraction(U128.rest, bLo));
}

function compute(op: u32, at: usize, aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  if (op == MUL) return multiply(at, aHi, aLo, bHi, bLo);
  if (op == DIV) return divide(at, aHi, aLo, bHi, bLo);
  if (op == DIVR) return divide(at, bHi, bLo, aHi, aLo);
  return add(at, op == SUBR ? aHi ^ SIGN : aHi, aLo, op == SUB ? bHi ^ SIGN : bHi, bLo);
}

/** Condition codes of a compared with b. */
function order(aHi: u32, aLo: u64, bHi: u32, bLo: u64): u32 {
  if (!Stack.isNormal(aHi, aLo) || !Stack.isNormal(bHi, bLo)) {
    const aZero = Stack.isZero(aHi, aLo);
    const bZero = Stack.isZero(bHi, bLo);
    if (aZero && bZero) return C3;
    if (!(aZero || Stack.isNormal(aHi, aLo)) || !(bZero || Stack.isNormal(bHi, bLo))) return NOT_DONE;
  }
  const negative = (aHi & SIGN) != 0;
  if ((aHi ^ bHi) & SIGN) return negative ? C0 : 0;
  if (aHi == bHi && aLo == bLo) return C3;
  const less = aHi < bHi || (aHi == bHi && aLo < bLo);
  return less != negative ? C0 : 0;
}

// ---- instructions; false when there is more to it ------------------------------------------------------------------------
/** ST(0) op hi:lo, which is normal or zero. */
function withValue(op: u32, hi: u32, lo: u64): bool {
  const fsw: u32 = load<u16>(FSW);
  const ftw: u32 = load<u8>(FTW);
  const number = Stack.top(fsw);
  if (!(Stack.holds(ftw, number) && Stack.isCalm(fsw))) return false;
  const at = Stack.at(number);
  if ((op & 6) == COM) {
    const codes = order(load<u16>(at, 8), load<u64>(at), hi, lo);
    if (codes == NOT_DONE) return false;
    Stack.end((fsw & ~CODES) | codes, ftw, op & 1);
    return true;
  }
  if (!Stack.isUsualControl()) return false;
  const bits = compute(op, at, load<u16>(at, 8), load<u64>(at), hi, lo);
  if (bits == NOT_DONE) return false;
  store<u16>(FSW, (fsw & ~C1) | bits);
  return true;
}
/** An i64 as an 80-bit number: its significand. */
function significandOf(value: i64): u64 {
  const magnitude = <u64>(value < 0 ? 0 - value : value);
  return magnitude << clz(magnitude);
}
function exponentOf(value: i64): u32 {
  if (value == 0) return 0;
  const magnitude = <u64>(value < 0 ? 0 - value : value);
  return (value < 0 ? SIGN : 0) | (<u32>(BIAS + 63) - <u32>clz(magnitude));
}

function push(hi: u32, lo: u64): bool {
  const fsw: u32 = load<u16>(FSW);
  const ftw: u32 = load<u8>(FTW);
  const number = Stack.number(fsw, 7);
  if (Stack.holds(ftw, number) || !Stack.isCalm(fsw)) return false;
  Stack.put(Stack.at(number), hi, lo);
  store<u8>(FTW, ftw | (1 << number));
  store<u16>(FSW, (fsw & ~(FSW_TOP | C1)) | (number << FSW_TOP_SHIFT));
  return true;
}

@final
export class Fast {
  /** ST(0) op m32fp (u32) or m64fp (u64). */
  @inline static real<W>(op: u32, bits: W): bool {
    const field = Fast.field<W>(bits);
    if (field - 1 >= Fast.fieldCount<W>()) {
      if (<W>(bits << 1) != 0) return false;
      return withValue(op, Fast.sign<W>(bits), 0);
    }
    return withValue(op, Fast.sign<W>(bits) | (field + Fast.rebias<W>()), Fast.significand<W>(bits));
  }
  @inline static pushReal<W>(bits: W): bool {
    const field = Fast.field<W>(bits);
    if (field - 1 >= Fast.fieldCount<W>()) {
      if (<W>(bits << 1) != 0) return false;
      return push(Fast.sign<W>(bits), 0);
    }
    return push(Fast.sign<W>(bits) | (field + Fast.rebias<W>()), Fast.significand<W>(bits));
  }
  @inline static sign<W>(bits: W): u32 {
    return sizeof<W>() == 8 ? (<u32>((<u64>bits) >> 48)) & SIGN : ((<u32>bits) >> 16) & SIGN;
  }
  @inline static field<W>(bits: W): u32 {
    return sizeof<W>() == 8 ? (<u32>((<u64>bits) >> 52)) & 0x7ff : ((<u32>bits) >> 23) & 0xff;
  }
  /** Exponent fields of normal numbers. */
  @inline static fieldCount<W>(): u32 {
    return sizeof<W>() == 8 ? 0x7fe : 0xfe;
  }
  @inline static rebias<W>(): u32 {
    return sizeof<W>() == 8 ? BIAS - 1023 : BIAS - 127;
  }
  @inline static significand<W>(bits: W): u64 {
    return INTEGER_BIT | (sizeof<W>() == 8 ? (<u64>bits) << 11 : (<u64>bits) << 40);
  }

  /** ST(0) op an integer. */
  @inline static integer(op: u32, value: i64): bool {
    return withValue(op, exponentOf(value), significandOf(value));
  }
  @inline static pushInteger(value: i64): bool {
    return push(exponentOf(value), significandOf(value));
  }
  @inline static pushExtended(hi: u32, lo: u64): bool {
    return push(hi, lo);
  }
  /** ST(n) or ST(0) ← ST(0) op ST(n). */
  static registers(op: u32, n: u32, toN: u32, pops: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.number(fsw, n);
    if (!(Stack.holds(ftw, Stack.top(fsw)) && Stack.holds(ftw, number))) return false;
    if (!(Stack.isCalm(fsw) && Stack.isUsualControl())) return false;
    const a = Stack.at(Stack.top(fsw));
    const b = Stack.at(number);
    const bits = compute(op, toN ? b : a, load<u16>(a, 8), load<u64>(a), load<u16>(b, 8), load<u64>(b));
    if (bits == NOT_DONE) return false;
    Stack.end((fsw & ~C1) | bits, ftw, pops);
    return true;
  }
  /** The same for sums, with signs changed before, and for products. */
  @inline static addRegisters(n: u32, aFlip: u32, bFlip: u32, toN: u32, pops: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.number(fsw, n);
    if (!(Stack.holds((ftw >> Stack.top(fsw)) & (ftw >> number), 0) && Stack.isCalm(fsw))) return false;
    if (!Stack.isUsualControl()) return false;
    const a = Stack.at(Stack.top(fsw));
    const b = Stack.at(number);
    const bits = Compute.add(
      toN ? b : a,
      (<u32>load<u16>(a, 8)) ^ aFlip,
      load<u64>(a),
      (<u32>load<u16>(b, 8)) ^ bFlip,
      load<u64>(b),
    );
    if (bits == NOT_DONE) return false;
    Stack.end((fsw & ~C1) | bits, ftw, pops);
    return true;
  }
  @inline static multiplyRegisters(n: u32, toN: u32, pops: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.number(fsw, n);
    if (!(Stack.holds((ftw >> Stack.top(fsw)) & (ftw >> number), 0) && Stack.isCalm(fsw))) return false;
    if (!Stack.isUsualControl()) return false;
    const a = Stack.at(Stack.top(fsw));
    const b = Stack.at(number);
    const bits = Compute.multiply(toN ? b : a, load<u16>(a, 8), load<u64>(a), load<u16>(b, 8), load<u64>(b));
    if (bits == NOT_DONE) return false;
    Stack.end((fsw & ~C1) | bits, ftw, pops);
    return true;
  }
  /** The same with an m64fp that is normal. */
  @inline static addDouble(bits: u64, aFlip: u32, bFlip: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const number = Stack.top(fsw);
    const field = Fast.field<u64>(bits);
    if (field - 1 >= Fast.fieldCount<u64>() || !Stack.holds(load<u8>(FTW), number)) return false;
    if (!(Stack.isCalm(fsw) && Stack.isUsualControl())) return false;
    const at = Stack.at(number);
    const hi = (Fast.sign<u64>(bits) | (field + Fast.rebias<u64>())) ^ bFlip;
    const done = Compute.add(at, (<u32>load<u16>(at, 8)) ^ aFlip, load<u64>(at), hi, Fast.significand<u64>(bits));
    if (done == NOT_DONE) return false;
    store<u16>(FSW, (fsw & ~C1) | done);
    return true;
  }
  @inline static multiplyDouble(bits: u64): bool {
    const fsw: u32 = load<u16>(FSW);
    const number = Stack.top(fsw);
    const field = Fast.field<u64>(bits);
    if (field - 1 >= Fast.fieldCount<u64>() || !Stack.holds(load<u8>(FTW), number)) return false;
    if (!(Stack.isCalm(fsw) && Stack.isUsualControl())) return false;
    const at = Stack.at(number);
    const hi = Fast.sign<u64>(bits) | (field + Fast.rebias<u64>());
    const done = Compute.multiply(at, load<u16>(at, 8), load<u64>(at), hi, Fast.significand<u64>(bits));
    if (done == NOT_DONE) return false;
    store<u16>(FSW, (fsw & ~C1) | done);
    return true;
  }
  /** Condition codes of ST(0) compared with ST(n), if both are normal or zero. */
  @inline static orderOf(fsw: u32, ftw: u32, n: u32): u32 {
    const number = Stack.number(fsw, n);
    if (!(Stack.holds(ftw, Stack.top(fsw)) && Stack.holds(ftw, number) && Stack.isCalm(fsw))) return NOT_DONE;
    const a = Stack.at(Stack.top(fsw));
    const b = Stack.at(number);
    return order(load<u16>(a, 8), load<u64>(a), load<u16>(b, 8), load<u64>(b));
  }
  /** FCOM, FUCOM ST(n). */
  static compare(n: u32, pops: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const codes = Fast.orderOf(fsw, ftw, n);
    if (codes == NOT_DONE) return false;
    const next = (fsw & ~CODES) | codes;
    if (pops < 2) Stack.end(next, ftw, pops);
    else {
      Stack.end(next, ftw, 1);
      Stack.end(load<u16>(FSW), load<u8>(FTW), 1);
    }
    return true;
  }
  /** FCOMI, FUCOMI ST(n): CF, PF and ZF as an image of EFLAGS, or all ones. */
  static compareToFlags(n: u32, pops: u32): u32 {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const codes = Fast.orderOf(fsw, ftw, n);
    if (codes == NOT_DONE) return NOT_DONE;
    Stack.end(fsw & ~C1, ftw, pops);
    return codes >> 8;
  }

  /** FLD ST(n). */
  static pushRegister(n: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const number = Stack.number(fsw, n);
    const at = Stack.at(number);
    return Stack.holds(load<u8>(FTW), number) && push(load<u16>(at, 8), load<u64>(at));
  }
  /** FST, FSTP ST(n). */
  static copy(n: u32, pops: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    if (!(Stack.holds(ftw, Stack.top(fsw)) && Stack.isCalm(fsw))) return false;
    const a = Stack.at(Stack.top(fsw));
    const number = Stack.number(fsw, n);
    const tags = ftw | (1 << number);
    Stack.put(Stack.at(number), load<u16>(a, 8), load<u64>(a));
    store<u8>(FTW, tags);
    Stack.end(fsw & ~C1, tags, pops);
    return true;
  }
  /** FXCH ST(n). */
  static exchange(n: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.number(fsw, n);
    if (!(Stack.holds(ftw, Stack.top(fsw)) && Stack.holds(ftw, number) && Stack.isCalm(fsw))) return false;
    const a = Stack.at(Stack.top(fsw));
    const b = Stack.at(number);
    const lo = load<u64>(a);
    const hi = load<u16>(a, 8);
    Stack.put(a, load<u16>(b, 8), load<u64>(b));
    Stack.put(b, hi, lo);
    store<u16>(FSW, fsw & ~C1);
    return true;
  }
  /** FCHS, FABS: sign and exponent of ST(0) & keep ^ flip. */
  static changeSign(keep: u32, flip: u32): bool {
    const fsw: u32 = load<u16>(FSW);
    const number = Stack.top(fsw);
    if (!(Stack.holds(load<u8>(FTW), number) && Stack.isCalm(fsw))) return false;
    const at = Stack.at(number);
    store<u16>(at, (load<u16>(at, 8) & keep) ^ flip, 8);
    store<u16>(FSW, fsw & ~C1);
    return true;
  }
  static squareRoot(): bool {
    const fsw: u32 = load<u16>(FSW);
    const number = Stack.top(fsw);
    const at = Stack.at(number);
    const hi: u32 = load<u16>(at, 8);
    const lo = load<u64>(at);
    if (!(Stack.holds(load<u8>(FTW), number) && Stack.isCalm(fsw) && Stack.isUsualControl())) return false;
    if (!Stack.isNormal(hi, lo) || hi & SIGN) return false;
    sqrtCore(hi, lo);
    const bits = Stack.round(at, 0, Fp.exp, Fp.sigHi, Fp.sigLo);
    store<u16>(FSW, (fsw & ~C1) | bits);
    return true;
  }

  // ---- stores to memory: the value, with the state after it in AFTER_STORE ---------------------------------------------------
  /** Notes the state after a store that raises `bits` (PE, C1) and pops. */
  @inline static after(fsw: u32, ftw: u32, bits: u32, pops: u32): void {
    let next = (fsw & ~C1) | bits;
    let tags = ftw;
    if (pops) {
      tags &= ~(1 << Stack.top(fsw));
      next = Stack.popped(next);
    }
    store<u32>(AFTER_STORE, AFTER_STORE_VALID | (tags << 16) | next);
  }
  /** Makes it the state. */
  @inline static commitStore(): void {
    const next = load<u32>(AFTER_STORE);
    store<u16>(FSW, next);
    store<u8>(FTW, next >> 16);
  }
  /** Whether `rest`, a fraction of 2⁶⁴ that is cut off, rounds away from zero. */
  @inline static roundsUp(rc: u32, sign: u32, odd: u64, rest: u64): u32 {
    if (rc == RC_NEAREST) return <u32>(rest > HALF - odd);
    return <u32>(rc == (sign ? RC_DOWN : RC_UP));
  }
  /** ST(0) as a single or double. */
  @inline static toReal<W>(pops: u32): W {
    store<u32>(AFTER_STORE, 0);
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.top(fsw);
    if (!(Stack.holds(ftw, number) && Stack.isCalm(fsw))) return <W>0;
    const at = Stack.at(number);
    const hi: u32 = load<u16>(at, 8);
    const lo = load<u64>(at);
    const signBit: u64 = sizeof<W>() == 8 ? (<u64>(hi >> 15)) << 63 : (<u64>(hi >> 15)) << 31;
    if (!Stack.isNormal(hi, lo)) {
      if (!Stack.isZero(hi, lo)) return <W>0;
      Fast.after(fsw, ftw, 0, pops);
      return <W>signBit;
    }
    const field = (hi & EXP_MASK) - Fast.rebias<W>();
    if (field - 1 >= Fast.fieldCount<W>()) return <W>0;
    const fractionBits: u64 = sizeof<W>() == 8 ? 52 : 23;
    let magnitude = ((<u64>(field - 1)) << fractionBits) + (lo >> (63 - fractionBits));
    const rest = lo << (fractionBits + 1);
    let bits: u32 = 0;
    if (rest != 0) {
      const fcw: u32 = load<u16>(FCW);
      if (!(fcw & FLAG_PE)) return <W>0;
      const up = Fast.roundsUp((fcw >> FCW_RC_SHIFT) & 3, hi & SIGN, magnitude & 1, rest);
      magnitude += up;
      if (magnitude >> fractionBits > <u64>Fast.fieldCount<W>()) return <W>0;
      bits = FLAG_PE | (up << C1_SHIFT);
    }
    Fast.after(fsw, ftw, bits, pops);
    return <W>(signBit | magnitude);
  }
  /** ST(0) as an integer of W's width. */
  @inline static toInteger<W>(truncate: u32, pops: u32): W {
    store<u32>(AFTER_STORE, 0);
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.top(fsw);
    if (!(Stack.holds(ftw, number) && Stack.isCalm(fsw))) return <W>0;
    const at = Stack.at(number);
    const hi: u32 = load<u16>(at, 8);
    const lo = load<u64>(at);
    if (!Stack.isNormal(hi, lo)) {
      if (Stack.isZero(hi, lo)) Fast.after(fsw, ftw, 0, pops);
      return <W>0;
    }
    const shift = BIAS + 63 - <i32>(hi & EXP_MASK);
    if (shift <= 0) return <W>0;
    let magnitude: u64 = 0;
    let rest: u64 = 1;
    if (shift < 64) {
      magnitude = lo >> shift;
      rest = lo << (64 - shift);
    } else if (shift == 64) rest = lo;
    let bits: u32 = 0;
    if (rest != 0) {
      const fcw: u32 = load<u16>(FCW);
      if (!(fcw & FLAG_PE)) return <W>0;
      const up = truncate ? 0 : Fast.roundsUp((fcw >> FCW_RC_SHIFT) & 3, hi & SIGN, magnitude & 1, rest);
      magnitude += up;
      bits = FLAG_PE | (up << C1_SHIFT);
    }
    const negative = hi >> 15;
    const top: u64 = sizeof<W>() * 8 - 1;
    const limit: u64 = (<u64>1) << top;
    if (magnitude > limit - 1 + <u64>negative) return <W>0;
    Fast.after(fsw, ftw, bits, pops);
    return <W>(negative ? 0 - magnitude : magnitude);
  }
  /** ST(0) as it is, to be stored and popped: its place, or 0. */
  static toExtended(): usize {
    store<u32>(AFTER_STORE, 0);
    const fsw: u32 = load<u16>(FSW);
    const ftw: u32 = load<u8>(FTW);
    const number = Stack.top(fsw);
    if (!(Stack.holds(ftw, number) && Stack.isCalm(fsw))) return 0;
    Fast.after(fsw, ftw, 0, 1);
    return Stack.at(number);
  }
}
