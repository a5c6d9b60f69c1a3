/**
 * Entry for tests only: evaluates 64-byte records of the form that test/fpu/native/oracle.c writes,
 * in place, through the exported functions of this library.
 */
import {
  f80Add,
  f80Compare,
  f80Div,
  f80Examine,
  f80Extract,
  f80FromI64,
  f80Mul,
  f80RoundToIntegral,
  f80Scale,
  f80Sqrt,
  f80Sub,
} from './f80-arith.ts';
import {
  f80FromBcd,
  f80FromF32,
  f80FromF64,
  f80ToBcd,
  f80ToF32,
  f80ToF64,
  f80ToI16,
  f80ToI32,
  f80ToI64,
} from './f80-convert.ts';
import { f80Constant } from './f80-constants.ts';
import { f80Remainder, f80RemainderNearest } from './f80-rem.ts';
import { f80Exp2Minus1, f80YLog2X, f80YLog2XPlus1 } from './logexp.ts';
import {
  f32ToF64,
  f64ToF32,
  ORDER_EQUAL,
  ORDER_GREATER,
  ORDER_LESS,
  sseAdd,
  sseCompare,
  sseCompareMask,
  sseDiv,
  sseFma,
  sseFromInteger,
  sseMax,
  sseMin,
  sseMul,
  sseRound,
  sseSqrt,
  sseSub,
  sseToI32,
  sseToI64,
} from './sse.ts';
import {
  C1,
  C2,
  clearFlags,
  FLAG_OE,
  FLAG_UE,
  Fp,
  mustNotWrite,
  sseFlags,
  useSseControl,
  useX87Control,
} from './state.ts';
import { f80ArcTangent, f80Cosine, f80Sine, f80SineCosine, f80Tangent } from './trig.ts';

const RECORD_BYTES: usize = 64;
/** First operation number of SSE. */
const FIRST_SSE: u32 = 40;

/** Address of `count` records' worth of scratch memory; grows the memory as needed. */
export function scratch(count: u32): usize {
  const end = __heap_base + <usize>count * RECORD_BYTES;
  const pages = <i32>((end + 0xffff) >> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
  return __heap_base;
}

/** Evaluates `count` records at `address`: result, second result and status are overwritten. */
export function evaluate(address: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const record = address + <usize>i * RECORD_BYTES;
    const op = <u32>load<u8>(record);
    clearFlags();
    store<u64>(record, 0, 40);
    store<u16>(record, 0, 48);
    store<u16>(record, 0, 54);
    store<u64>(record, 0, 56);
    if (op < FIRST_SSE) evaluateX87(record, op);
    else if (op < 52) evaluateSse<u32>(record, op - FIRST_SSE);
    else if (op < 64) evaluateSse<u64>(record, op - 52);
    else evaluateConversion(record, op);
    if (op >= FIRST_SSE) {
      store<u16>(record, <u16>sseFlags(), 50);
      store<u16>(record, <u16>((sseFlags() & ~Fp.masks) != 0), 4);
    }
  }
}

function evaluateX87(record: usize, op: u32): void {
  const imm = <u32>load<u8>(record, 1);
  const aLo = load<u64>(record, 8);
  const aHi = <u32>load<u16>(record, 16);
  const bLo = load<u64>(record, 24);
  const bHi = <u32>load<u16>(record, 32);
  useX87Control(load<u16>(record, 2));
  Fp.lo = 0;
  Fp.hi = 0;
  Fp.lo2 = 0;
  Fp.hi2 = 0;
  let toMemory = false;
  let codes: u32 = 0;
  switch (op) {
    case 0:
      f80Add(aHi, aLo, bHi, bLo);
      break;
    case 1:
      f80Sub(aHi, aLo, bHi, bLo);
      break;
    case 2:
      f80Mul(aHi, aLo, bHi, bLo);
      break;
    case 3:
      f80Div(aHi, aLo, bHi, bLo);
      break;
    case 4:
      f80Sqrt(aHi, aLo);
      break;
    case 5:
      f80Remainder(aHi, aLo, bHi, bLo);
      break;
    case 6:
      f80RemainderNearest(aHi, aLo, bHi, bLo);
      break;
    case 7:
      f80Scale(aHi, aLo, bHi, bLo);
      break;
    case 8:
      f80Extract(aHi, aLo);
      break;
    case 9:
      f80RoundToIntegral(aHi, aLo);
      break;
    case 10:
      codes = f80Compare(aHi, aLo, bHi, bLo, false);
      Fp.lo = aLo;
      Fp.hi = aHi;
      break;
    case 11:
      codes = f80Compare(aHi, aLo, bHi, bLo, true);
      Fp.lo = aLo;
      Fp.hi = aHi;
      break;
    case 12:
      Fp.lo = <u16>f80ToI16(aHi, aLo, false);
      toMemory = true;
      break;
    case 13:
      Fp.lo = <u32>f80ToI32(aHi, aLo, false);
      toMemory = true;
      break;
    case 14:
      Fp.lo = <u64>f80ToI64(aHi, aLo, false);
      toMemory = true;
      break;
    case 15:
      Fp.lo = <u16>f80ToI16(aHi, aLo, true);
      toMemory = true;
      break;
    case 16:
      Fp.lo = <u32>f80ToI32(aHi, aLo, true);
      toMemory = true;
      break;
    case 17:
      Fp.lo = <u64>f80ToI64(aHi, aLo, true);
      toMemory = true;
      break;
    case 18:
      f80FromI64(<i64>aLo);
      break;
    case 19:
      f80FromF32(<u32>aLo);
      break;
    case 20:
      f80FromF64(aLo);
      break;
    case 21:
      Fp.lo = f80ToF32(aHi, aLo);
      toMemory = true;
      break;
    case 22:
      Fp.lo = f80ToF64(aHi, aLo);
      toMemory = true;
      break;
    case 23:
      f80FromBcd(aHi, aLo);
      break;
    case 24:
      f80ToBcd(aHi, aLo);
      toMemory = true;
      break;
    case 25:
      codes = f80Examine(aHi, aLo);
      Fp.lo = aLo;
      Fp.hi = aHi;
      break;
    case 26:
      f80Exp2Minus1(aHi, aLo);
      break;
    case 27:
      f80YLog2X(aHi, aLo, bHi, bLo);
      break;
    case 28:
      f80YLog2XPlus1(aHi, aLo, bHi, bLo);
      break;
    case 29:
      f80Sine(aHi, aLo);
      break;
    case 30:
      f80Cosine(aHi, aLo);
      break;
    case 31:
      f80SineCosine(aHi, aLo);
      break;
    case 32:
      f80Tangent(aHi, aLo);
      break;
    case 33:
      f80ArcTangent(bHi, bLo, aHi, aLo);
      break;
    default:
      f80Constant(imm);
      break;
  }
  const unmasked = Fp.flags & ~Fp.masks;
  let status = Fp.flags | Fp.codes | codes;
  if (Fp.roundedUp) status |= C1;
  store<u16>(record, <u16>status, 50);
  if (mustNotWrite() || (toMemory && (unmasked & (FLAG_OE | FLAG_UE)) != 0)) return;
  store<u64>(record, Fp.lo, 40);
  if (!toMemory || op == 24) store<u16>(record, <u16>Fp.hi, 48);
  if ((op == 8 || op == 31 || op == 32) && (Fp.codes & C2) == 0) {
    store<u64>(record, Fp.lo2, 56);
    store<u16>(record, <u16>Fp.hi2, 54);
  }
}

function evaluateSse<T>(record: usize, op: u32): void {
  const imm = <u32>load<u8>(record, 1);
  const a = load<T>(record, 8);
  const b = load<T>(record, 24);
  const c = load<T>(record, 16);
  useSseControl(load<u16>(record, 2));
  let result: u64 = 0;
  switch (op) {
    case 0:
      result = <u64>sseAdd<T>(a, b);
      break;
    case 1:
      result = <u64>sseSub<T>(a, b);
      break;
    case 2:
      result = <u64>sseMul<T>(a, b);
      break;
    case 3:
      result = <u64>sseDiv<T>(a, b);
      break;
    case 4:
      result = <u64>sseSqrt<T>(a);
      break;
    case 5:
      result = <u64>sseMin<T>(a, b);
      break;
    case 6:
      result = <u64>sseMax<T>(a, b);
      break;
    case 7:
      result = <u64>sseCompareMask<T>(a, b, imm);
      break;
    case 8:
      result = eflags(sseCompare<T>(a, b, true));
      break;
    case 9:
      result = eflags(sseCompare<T>(a, b, false));
      break;
    case 10:
      result = <u64>sseRound<T>(a, imm);
      break;
    default:
      result = <u64>sseFma<T>(b, a, c);
      break;
  }
  finish(record, result);
}

function evaluateConversion(record: usize, op: u32): void {
  const a = load<u64>(record, 8);
  useSseControl(load<u16>(record, 2));
  let result: u64 = 0;
  switch (op - 64) {
    case 0:
      result = f32ToF64(<u32>a);
      break;
    case 1:
      result = f64ToF32(a);
      break;
    case 2:
      result = sseFromInteger<u32>(<i64>(<i32>a));
      break;
    case 3:
      result = sseFromInteger<u32>(<i64>a);
      break;
    case 4:
      result = sseFromInteger<u64>(<i64>(<i32>a));
      break;
    case 5:
      result = sseFromInteger<u64>(<i64>a);
      break;
    case 6:
      result = <u32>sseToI32<u32>(<u32>a, false);
      break;
    case 7:
      result = sseToI64<u32>(<u32>a, false);
      break;
    case 8:
      result = <u32>sseToI32<u32>(<u32>a, true);
      break;
    case 9:
      result = sseToI64<u32>(<u32>a, true);
      break;
    case 10:
      result = <u32>sseToI32<u64>(a, false);
      break;
    case 11:
      result = sseToI64<u64>(a, false);
      break;
    case 12:
      result = <u32>sseToI32<u64>(a, true);
      break;
    default:
      result = sseToI64<u64>(a, true);
      break;
  }
  finish(record, result);
}

function finish(record: usize, result: u64): void {
  if ((sseFlags() & ~Fp.masks) == 0) store<u64>(record, result, 40);
}

/** ZF, PF and CF as COMISD sets them. */
function eflags(order: u32): u64 {
  if (order == ORDER_EQUAL) return 0x40;
  if (order == ORDER_LESS) return 0x01;
  return order == ORDER_GREATER ? 0 : 0x45;
}

/** Times: `rounds` operations on one pair of operands; the results are folded into the return. */
export function bench(op: u32, aHi: u32, aLo: u64, bHi: u32, bLo: u64, rounds: u32): u64 {
  let sum: u64 = 0;
  useX87Control(0x37f);
  for (let i: u32 = 0; i < rounds; i++) {
    const lo = aLo ^ (<u64>(i & 0xff));
    clearFlags();
    switch (op) {
      case 0:
        f80Add(aHi, lo, bHi, bLo);
        break;
      case 1:
        f80Mul(aHi, lo, bHi, bLo);
        break;
      case 2:
        f80Div(aHi, lo, bHi, bLo);
        break;
      case 3:
        f80Sqrt(aHi, lo);
        break;
      case 4:
        f80Sine(aHi, lo);
        break;
      case 5:
        f80YLog2X(aHi, lo, bHi, bLo);
        break;
      case 6:
        f80ArcTangent(aHi, lo, bHi, bLo);
        break;
      default:
        f80Exp2Minus1(aHi, lo);
        break;
    }
    sum += Fp.lo;
  }
  return sum;
}
