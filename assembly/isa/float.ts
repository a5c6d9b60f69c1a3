/**
 * SSE floating point: shapes around the operations of float-operations.ts, conversions, compares, dot products. The fast
 * path is taken when MXCSR is settled and every lane is ordinary; else the exact one. SDM Vol. 1, 10.2.3 and 11.5.
 */
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { ORDER_EQUAL, ORDER_GREATER, ORDER_LESS, sseCompare, sseFromInteger, sseToI32, sseToI64 } from '../fpu/sse';
import {
  beginFloat,
  convertLanes,
  dotProduct,
  endFloat,
  exactPacked,
  exactScalar,
  isFiniteUsual,
  isInexactSilent,
  isUsual,
  reciprocal,
  reciprocalRoot,
} from './float-exact';
import { operation } from './simd';

// ---- arithmetic with a fast path -------------------------------------------------------------------------------------
/** DEST ← OP(DEST, SRC) in all lanes; T is u32 for singles, u64 for doubles. */
export function FLOAT_PACKED<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  const a = e.xmm<D>(i);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const lanes = sizeof<T>() == 8 ? operation<OP>().plain64(e, a, b, r) : operation<OP>().plain32(e, a, b, r);
  const fast = e.and<u32>(e.mxcsrSettled(), e.i32x4_all_true(lanes));
  if (e.begin(fast)) e.setXmm<D>(i, r);
  e.end();
  if (e.begin(e.isZero<u32>(fast))) e.exactPacked<OP, T, D>(i, a, b);
  e.end();
}
/** The same for adjacent lanes: even lanes of DEST and SRC with odd ones (HADDPS, HSUBPS). */
export function FLOAT_PAIRS<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const y = e.xmmAligned<S>(i);
  const x = e.xmm<D>(i);
  const a = e.evens<T>(x, y);
  const b = e.odds<T>(x, y);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const lanes = sizeof<T>() == 8 ? operation<OP>().plain64(e, a, b, r) : operation<OP>().plain32(e, a, b, r);
  const fast = e.and<u32>(e.mxcsrSettled(), e.i32x4_all_true(lanes));
  if (e.begin(fast)) e.setXmm<D>(i, r);
  e.end();
  if (e.begin(e.isZero<u32>(fast))) e.exactPacked<OP, T, D>(i, a, b);
  e.end();
}
/** DEST[lane 0] ← OP(DEST, SRC); the other lanes stay. Computed in all lanes, which are copies. */
export function FLOAT_SCALAR<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const y = e.low<T, S>(i);
  const x = e.low<T, D>(i);
  const b = e.splat<T>(y);
  const a = e.splat<T>(x);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const lanes = sizeof<T>() == 8 ? operation<OP>().plain64(e, a, b, r) : operation<OP>().plain32(e, a, b, r);
  const fast = e.and<u32>(e.mxcsrSettled(), e.i32x4_all_true(lanes));
  if (e.begin(fast)) e.setLow<T, D>(i, e.first<T>(r));
  e.end();
  if (e.begin(e.isZero<u32>(fast))) e.exactScalar<OP, T, D>(i, x, y);
  e.end();
}

// ---- helpers: always exact ---------------------------------------------------------------------------------------------
/** DEST ← OP(DEST, SRC, imm8) in all lanes. */
export function EXACT_PACKED<OP, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, exactPacked<OP, T>(i, e.xmm<D>(i), b));
}
/** DEST[lane 0] ← OP(DEST, SRC, imm8). */
export function EXACT_SCALAR<OP, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const b = e.low<T, S>(i);
  e.setLow<T, D>(i, exactScalar<OP, T>(i, e.low<T, D>(i), b));
}
/** CMPSS, CMPSD: without denormals and NaNs there is nothing to report. Predicates: SDM Vol. 2A, CMPPD, table 3-1. */
export function COMPARE_SCALAR<OP, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const b = e.low<T, S>(i);
  const a = e.low<T, D>(i);
  if (!isUsual<T>(a) || !isUsual<T>(b)) {
    e.setLow<T, D>(i, exactScalar<OP, T>(i, a, b));
    return;
  }
  const x = sizeof<T>() == 8 ? reinterpret<f64>(<u64>a) : <f64>reinterpret<f32>(<u32>a);
  const y = sizeof<T>() == 8 ? reinterpret<f64>(<u64>b) : <f64>reinterpret<f32>(<u32>b);
  const how = (<u32>i.imm) & 3;
  const holds = how == 0 ? x == y : how == 1 ? x < y : how == 2 ? x <= y : false;
  e.setLow<T, D>(i, <T>(0 - <T>(u32(holds) ^ (((<u32>i.imm) >> 2) & 1))));
}
/** DPPS, DPPD. */
export function DOT_PRODUCT<T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, dotProduct<T>(i, e.xmm<D>(i), b));
}

/** EFLAGS images of compares: ZF PF CF. SDM Vol. 2A, COMISD. */
const FLAGS_EQUAL: u32 = 0x40;
const FLAGS_LESS: u32 = 0x01;
const FLAGS_UNORDERED: u32 = 0x45;
function compare<T>(i: Insn, a: T, b: T, signalling: bool): void {
  if (isUsual<T>(a) && isUsual<T>(b)) {
    const x = sizeof<T>() == 8 ? reinterpret<f64>(<u64>a) : <f64>reinterpret<f32>(<u32>a);
    const y = sizeof<T>() == 8 ? reinterpret<f64>(<u64>b) : <f64>reinterpret<f32>(<u32>b);
    core<Interp>().setArithmetic(x == y ? FLAGS_EQUAL : x < y ? FLAGS_LESS : 0);
    return;
  }
  beginFloat();
  const order = sseCompare<T>(a, b, signalling);
  endFloat(i);
  const flags: u32 =
    order == ORDER_EQUAL
      ? FLAGS_EQUAL
      : order == ORDER_LESS
        ? FLAGS_LESS
        : order == ORDER_GREATER
          ? 0
          : FLAGS_UNORDERED;
  core<Interp>().setArithmetic(flags);
}
/** COMISS, COMISD: flags of the comparison; any NaN is invalid. */
export function COMIS<T, D, S>(i: Insn): void {
  compare<T>(i, core<Interp>().low<T, D>(i), core<Interp>().low<T, S>(i), true);
}
/** UCOMISS, UCOMISD: only a signalling NaN is invalid. */
export function UCOMIS<T, D, S>(i: Insn): void {
  compare<T>(i, core<Interp>().low<T, D>(i), core<Interp>().low<T, S>(i), false);
}

// ---- conversions ---------------------------------------------------------------------------------------------------------
/** DEST ← lanes of SRC (128 bits), converted from F to T; what is left of DEST is cleared. */
export function CONVERT<OP, F, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.setXmm<D>(i, convertLanes<OP, F, T>(i, e.xmmAligned<S>(i)));
}
/** The same from the low half of SRC (64 bits of memory). */
export function CONVERT_LOW<OP, F, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.setXmm<D>(i, convertLanes<OP, F, T>(i, e.v128_low(e.low<u64, S>(i))));
}
/** CVTSS2SD: exact for what is neither denormal nor NaN nor infinite. */
export function CVTSS2SD<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  const source = e.low<u32, S>(i);
  if (isFiniteUsual<u32>(source)) e.setLow<u64, D>(i, reinterpret<u64>(<f64>reinterpret<f32>(source)));
  else e.setLow<u64, D>(i, convertOne<OP, u32, u64>(i, source));
}
/** CVTSD2SS: the fast path wants a result in the normal range of singles, or zero from zero. */
export function CVTSD2SS<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  const source = e.low<u64, S>(i);
  const result = <f32>reinterpret<f64>(source);
  const size = abs<f32>(result);
  const ordinary = (size > LEAST_NORMAL_SINGLE && size < f32.POSITIVE_INFINITY) || source << 1 == 0;
  if (ordinary && e.mxcsrSettled()) e.setLow<u32, D>(i, reinterpret<u32>(result));
  else e.setLow<u32, D>(i, convertOne<OP, u64, u32>(i, source));
}
const LEAST_NORMAL_SINGLE: f32 = 1.1754943508222875e-38;
function convertOne<OP, F, T>(i: Insn, source: F): T {
  beginFloat();
  const result = operation<OP>().convert<F, T>(source);
  endFloat(i);
  return result;
}
/** CVTDQ2PD: exact. */
export function CVTDQ2PD<D, S>(i: Insn): void {
  const e = core<Interp>();
  e.setXmm<D>(i, f64x2.convert_low_i32x4_s(e.v128_low(e.low<u64, S>(i))));
}
/** CVTDQ2PS. */
export function CVTDQ2PS<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  const source = e.xmmAligned<S>(i);
  if (e.mxcsrSettled()) e.setXmm<D>(i, f32x4.convert_i32x4_s(source));
  else e.setXmm<D>(i, convertLanes<OP, u32, u32>(i, source));
}
/** CVTTPS2DQ: the fast path wants every lane in range. */
export function CVTTPS2DQ<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  const source = e.xmmAligned<S>(i);
  const inRange = f32x4.lt(f32x4.abs(source), f32x4.splat(<f32>TWO_TO_31));
  if (isInexactSilent() && i32x4.all_true(inRange)) e.setXmm<D>(i, i32x4.trunc_sat_f32x4_s(source));
  else e.setXmm<D>(i, convertLanes<OP, u32, u32>(i, source));
}
/** CVTSI2SS, CVTSI2SD: DEST[lane 0] ← integer of width W. */
export function CONVERT_FROM_GPR<W, T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const source = <i64>e.sext<W, u64>(e.read<W, S>(i));
  if (sizeof<T>() == 8 && sizeof<W>() == 4) {
    // Exact.
    e.setLow<u64, D>(i, reinterpret<u64>(<f64>source));
    return;
  }
  if (e.mxcsrSettled()) {
    if (sizeof<T>() == 8) e.setLow<u64, D>(i, reinterpret<u64>(<f64>source));
    else e.setLow<u32, D>(i, reinterpret<u32>(<f32>source));
    return;
  }
  beginFloat();
  const result = sseFromInteger<T>(source);
  endFloat(i);
  e.setLow<T, D>(i, result);
}
const TWO_TO_31: f64 = 2147483648.0;
const TWO_TO_63: f64 = 9223372036854775808.0;
function toGpr<W, F, D>(i: Insn, source: F, truncate: bool): void {
  const value = sizeof<F>() == 8 ? reinterpret<f64>(<u64>source) : <f64>reinterpret<f32>(<u32>source);
  const limit: f64 = sizeof<W>() == 8 ? TWO_TO_63 : TWO_TO_31;
  // A NaN compares false. The least integer itself takes the exact path.
  if (truncate ? isInexactSilent() : core<Interp>().mxcsrSettled() != 0) {
    const whole = truncate ? trunc<f64>(value) : nearest<f64>(value);
    if (abs<f64>(whole) < limit) {
      core<Interp>().write<W, D>(i, <W>(<i64>whole));
      return;
    }
  }
  beginFloat();
  const result = sizeof<W>() == 8 ? <u64>sseToI64<F>(source, truncate) : <u64>(<u32>sseToI32<F>(source, truncate));
  endFloat(i);
  core<Interp>().write<W, D>(i, <W>result);
}
/** CVTSS2SI, CVTSD2SI: rounded by MXCSR. */
export function CONVERT_TO_GPR<W, F, D, S>(i: Insn): void {
  toGpr<W, F, D>(i, core<Interp>().low<F, S>(i), false);
}
/** CVTTSS2SI, CVTTSD2SI: truncated. */
export function TRUNCATE_TO_GPR<W, F, D, S>(i: Insn): void {
  toGpr<W, F, D>(i, core<Interp>().low<F, S>(i), true);
}
/** CVTPI2PS: low half of DEST ← two doublewords of an MMX register. */
export function CVTPI2PS<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.mmxBegin(i);
  e.setLow<u64, D>(i, e.first<u64>(convertLanes<OP, u32, u32>(i, e.v128_low(e.mmx<u64, S>(i)))));
  e.mmxEnd();
}
/** CVTPI2PS from memory: processors leave the x87 state alone (seen on hardware; the SDM says so of CVTPI2PD only). */
export function CVTPI2PS_M<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.setLow<u64, D>(i, e.first<u64>(convertLanes<OP, u32, u32>(i, e.v128_low(e.mmx<u64, S>(i)))));
}
/** CVTPI2PD from an MMX register. */
export function CVTPI2PD<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.mmxBegin(i);
  e.setXmm<D>(i, convertLanes<OP, u32, u64>(i, e.v128_low(e.mmx<u64, S>(i))));
  e.mmxEnd();
}
/** CVTPI2PD from memory does not touch the x87 state (SDM Vol. 2A, CVTPI2PD). */
export function CVTPI2PD_M<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.setXmm<D>(i, convertLanes<OP, u32, u64>(i, e.v128_low(e.mmx<u64, S>(i))));
}
/** CVTPS2PI, CVTTPS2PI: two singles to an MMX register. */
export function CONVERT_PS_TO_MMX<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.first<u64>(convertLanes<OP, u32, u32>(i, e.v128_low(e.low<u64, S>(i)))));
  e.mmxEnd();
}
/** CVTPD2PI, CVTTPD2PI: two doubles to an MMX register. */
export function CONVERT_PD_TO_MMX<OP, D, S>(i: Insn): void {
  const e = core<Interp>();
  e.mmxBegin(i);
  e.setMmx<D>(i, e.first<u64>(convertLanes<OP, u64, u32>(i, e.xmmAligned<S>(i))));
  e.mmxEnd();
}

// ---- approximations ------------------------------------------------------------------------------------------------------
/** RCPSS. */
export function RCPSS<D, S>(i: Insn): void {
  core<Interp>().setLow<u32, D>(i, reciprocal(core<Interp>().low<u32, S>(i)));
}
/** RSQRTSS. */
export function RSQRTSS<D, S>(i: Insn): void {
  core<Interp>().setLow<u32, D>(i, reciprocalRoot(core<Interp>().low<u32, S>(i)));
}
/** RCPPS. */
export function RCPPS<D, S>(i: Insn): void {
  const x = core<Interp>().xmmAligned<S>(i);
  const low = i32x4.replace_lane(
    i32x4.splat(reciprocal(i32x4.extract_lane(x, 0))),
    1,
    reciprocal(i32x4.extract_lane(x, 1)),
  );
  const result = i32x4.replace_lane(
    i32x4.replace_lane(low, 2, reciprocal(i32x4.extract_lane(x, 2))),
    3,
    reciprocal(i32x4.extract_lane(x, 3)),
  );
  core<Interp>().setXmm<D>(i, result);
}
/** RSQRTPS. */
export function RSQRTPS<D, S>(i: Insn): void {
  const x = core<Interp>().xmmAligned<S>(i);
  const low = i32x4.replace_lane(
    i32x4.splat(reciprocalRoot(i32x4.extract_lane(x, 0))),
    1,
    reciprocalRoot(i32x4.extract_lane(x, 1)),
  );
  const result = i32x4.replace_lane(
    i32x4.replace_lane(low, 2, reciprocalRoot(i32x4.extract_lane(x, 2))),
    3,
    reciprocalRoot(i32x4.extract_lane(x, 3)),
  );
  core<Interp>().setXmm<D>(i, result);
}
