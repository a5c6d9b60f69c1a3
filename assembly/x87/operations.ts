/**
 * Arithmetic, compares, loads and stores of the x87 between its registers and operands that the instruction layer has
 * read or will write. SDM Vol. 1, 8.3; Vol. 2, the page of each instruction. Memory itself is not touched here.
 */
import { f80Add, f80Compare, f80Div, f80FromI64, f80Mul, f80Sqrt, f80Sub } from '../fpu/f80-arith';
import { f80FromF32, f80FromF64, f80ToF32, f80ToF64, f80ToI16, f80ToI32, f80ToI64 } from '../fpu/f80-convert';
import {
  C0,
  C1,
  C2,
  C3,
  EXP_MAX,
  FLAG_DE,
  FLAG_OE,
  FLAG_UE,
  Fp,
  INTEGER_BIT,
  mustNotWrite,
  setF80,
} from '../fpu/state';
import {
  isNaN80,
  isUnsupported,
  isZero,
  narrowExponent,
  narrowField,
  narrowFraction,
  narrowSign,
  narrowSignificand,
} from '../fpu/unpack';
import {
  finish,
  hiOf,
  holds,
  holdsBoth,
  INDEFINITE_HI,
  INDEFINITE_LO,
  isEmpty,
  loOf,
  pop,
  pushes,
  pushResult,
  put,
  replace,
  statusAfter,
  underflow,
} from './stack';

/** Operations as numbered by the reg field of D8, DA, DC and DE. SDM Vol. 2D, A.5. */
export const ADD: u32 = 0;
export const MUL: u32 = 1;
export const COM: u32 = 2;
export const COMP: u32 = 3;
export const SUB: u32 = 4;
export const SUBR: u32 = 5;
export const DIV: u32 = 6;
export const DIVR: u32 = 7;

const CODES: u32 = C0 | C2 | C3;

/** Result ← a op b. */
export function compute(op: u32, aHi: u32, aLo: u64, bHi: u32, bLo: u64): void {
  if (op == ADD) f80Add(aHi, aLo, bHi, bLo);
  else if (op == MUL) f80Mul(aHi, aLo, bHi, bLo);
  else if (op == SUB) f80Sub(aHi, aLo, bHi, bLo);
  else if (op == SUBR) f80Sub(bHi, bLo, aHi, aLo);
  else if (op == DIV) f80Div(aHi, aLo, bHi, bLo);
  else f80Div(bHi, bLo, aHi, aLo);
}

/** Compares ST(0) with b, or says unordered after a stack fault (`valid` false). Ends the instruction. */
export function compare(valid: bool, hi: u32, lo: u64, quiet: bool, pops: u32): void {
  const codes = valid ? f80Compare(hiOf(0), loOf(0), hi, lo, quiet) : CODES;
  if (!mustNotWrite()) {
    if (pops > 0) pop();
    if (pops > 1) pop();
  }
  finish(codes, CODES | C1);
}

/** ST(0) ← ST(0) op the operand in Fp.hi and Fp.lo; or a compare. */
function withOperand(op: u32, valid: bool): void {
  const hi = Fp.hi;
  const lo = Fp.lo;
  if (op == COM || op == COMP) {
    compare(valid, hi, lo, false, op - COM);
    return;
  }
  if (valid && !mustNotWrite()) compute(op, hiOf(0), loOf(0), hi, lo);
  replace(0, 0);
}

/** Operand ← a single (W = u32) or double (W = u64). A signalling NaN stays one, so that the operation can tell. */
function widen<W>(op: u32, bits: W): void {
  const sign = narrowSign<W>(bits) << 15;
  const field = narrowField<W>(bits);
  const fraction = narrowFraction<W>(bits);
  const maximum: i32 = sizeof<W>() == 8 ? 0x7ff : 0xff;
  const toTop: u64 = sizeof<W>() == 8 ? 11 : 40;
  if (field == maximum) setF80(sign | EXP_MAX, (fraction << toTop) | INTEGER_BIT);
  else if (field == 0 && fraction == 0) setF80(sign, 0);
  else {
    if (field == 0 && denormalCounts(op, hiOf(0), loOf(0))) Fp.flags |= FLAG_DE;
    setF80(sign | narrowExponent<W>(bits), narrowSignificand<W>(bits));
  }
}

/** Whether a denormal operand raises DE: a NaN in ST(0) and a division by zero go before it. */
function denormalCounts(op: u32, hi: u32, lo: u64): bool {
  return !isNaN80(hi, lo) && !isUnsupported(hi, lo) && !(op == DIVR && isZero(hi, lo));
}

/** ST(0) op m32fp or m64fp. */
export function withReal<W>(op: u32, bits: W): void {
  const valid = !isEmpty(0);
  if (valid) widen<W>(op, bits);
  else underflow();
  withOperand(op, valid);
}
/** ST(0) op m16int or m32int. */
export function withInteger(op: u32, value: i64): void {
  const valid = !isEmpty(0);
  if (valid) f80FromI64(value);
  else underflow();
  withOperand(op, valid);
}

/** FLD m32fp, m64fp. */
export function pushReal<W>(bits: W): void {
  if (pushes()) {
    if (sizeof<W>() == 8) f80FromF64(<u64>bits);
    else f80FromF32(<u32>bits);
  }
  pushResult();
}
/** FILD. */
export function pushInteger(value: i64): void {
  if (pushes()) f80FromI64(value);
  pushResult();
}

/** An 80-bit number: no exception but stack overflow, not even for a signalling NaN. */
export function pushExtended(hi: u32, lo: u64): void {
  setF80(hi, lo);
  pushes();
  pushResult();
}

// ---- between registers --------------------------------------------------------------------------------------------------
/** ST(n), if `toN`, or ST(0) ← ST(0) op ST(n). */
export function withRegister(op: u32, n: u32, toN: u32, pops: u32): void {
  if (holdsBoth(n)) compute(op, hiOf(0), loOf(0), hiOf(n), loOf(n));
  replace(toN ? n : 0, pops);
}
/** FCOM, FUCOM ST(n). */
export function compareRegister(n: u32, quiet: u32, pops: u32): void {
  const valid = holdsBoth(n);
  compare(valid, hiOf(n), loOf(n), quiet != 0, pops);
}
/** FCOMI, FUCOMI: CF, PF and ZF as an image of EFLAGS. */
export function compareToFlags(n: u32, quiet: u32, pops: u32): u32 {
  const codes = holdsBoth(n) ? f80Compare(hiOf(0), loOf(0), hiOf(n), loOf(n), quiet != 0) : CODES;
  if (pops && !mustNotWrite()) pop();
  finish(0, C1);
  return codes >> 8;
}
/** FLD ST(n). An empty source goes before a full stack, so C1 tells of underflow then. */
export function pushRegister(n: u32): void {
  if (isEmpty(n)) underflow();
  else if (pushes()) setF80(hiOf(n), loOf(n));
  pushResult();
}
/** FST, FSTP ST(n). */
export function copyTo(n: u32, pops: u32): void {
  if (holds()) setF80(hiOf(0), loOf(0));
  replace(n, pops);
}
/** FXCH: an empty register is first filled with the indefinite. */
export function exchange(n: u32): void {
  holdsBoth(n);
  if (!mustNotWrite()) {
    const hi = isEmpty(0) ? INDEFINITE_HI : hiOf(0);
    const lo = isEmpty(0) ? INDEFINITE_LO : loOf(0);
    put(0, isEmpty(n) ? INDEFINITE_HI : hiOf(n), isEmpty(n) ? INDEFINITE_LO : loOf(n));
    put(n, hi, lo);
  }
  finish(0, C1);
}
/** FCHS, FABS: sign and exponent of ST(0) & keep ^ flip. */
export function changeSign(keep: u32, flip: u32): void {
  if (holds()) setF80((hiOf(0) & keep) ^ flip, loOf(0));
  replace(0, 0);
}
/** FSQRT. */
export function squareRoot(): void {
  if (holds()) f80Sqrt(hiOf(0), loOf(0));
  replace(0, 0);
}

// ---- stores -----------------------------------------------------------------------------------------------------------------
/** ST(0) as a single or double, to be stored if stores() says so. */
export function toReal<W>(): W {
  if (isEmpty(0)) {
    underflow();
    return <W>(sizeof<W>() == 8 ? 0xfff8000000000000 : 0xffc00000);
  }
  if (sizeof<W>() == 8) return <W>f80ToF64(hiOf(0), loOf(0));
  return <W>f80ToF32(hiOf(0), loOf(0));
}
/** ST(0) as an integer of W's width, to be stored if stores() says so. */
export function toInteger<W>(truncate: bool): W {
  if (isEmpty(0)) {
    underflow();
    const top: u64 = sizeof<W>() * 8 - 1;
    return <W>((<u64>1) << top);
  }
  if (sizeof<W>() == 8) return <W>f80ToI64(hiOf(0), loOf(0), truncate);
  if (sizeof<W>() == 4) return <W>f80ToI32(hiOf(0), loOf(0), truncate);
  return <W>f80ToI16(hiOf(0), loOf(0), truncate);
}
/** Whether a store to memory happens: not after an unmasked exception other than precision. SDM Vol. 1, 8.5.4 and 8.5.5. */
export function stores(): bool {
  return !mustNotWrite() && (Fp.flags & ~Fp.masks & (FLAG_OE | FLAG_UE)) == 0;
}
/** What statusAfterStore() says of a store that does not happen, or leaves an exception pending. */
export const NOT_STORED: u32 = 0xffffffff;
/** FSW after a store, its pop apart. */
export function statusAfterStore(): u32 {
  return Fp.flags & ~Fp.masks ? NOT_STORED : statusAfter(0, C1);
}
/** After the store: pops if asked. Ends the instruction. */
export function stored(pops: u32): void {
  if (pops && stores()) pop();
  finish(0, C1);
}
