/**
 * SSE floating point: shapes around the operations of float-operations.ts, conversions, compares, dot products. The fast
 * path is taken when MXCSR is settled and every lane is ordinary; else the exact one. SDM Vol. 1, 10.2.3 and 11.5.
 */
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { convertLanes, dotProduct, reciprocal, reciprocalRoot } from './float-exact';
import { operation } from './simd';

// ---- arithmetic with a fast path -------------------------------------------------------------------------------------
/** DEST ← OP(DEST, SRC) in all lanes; T is u32 for singles, u64 for doubles. */
export function FLOAT_PACKED<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  const a = e.xmm<D>(i);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const fast = e.both(e.mxcsrSettled(), e.allPlain<OP, T>(a, b, r));
  if (e.usually(fast)) e.setXmm<D>(i, r);
  if (e.rarely(fast)) e.exactPacked<OP, T, D>(i, a, b);
}
/** The same for adjacent lanes: even lanes of DEST and SRC with odd ones (HADDPS, HSUBPS). */
export function FLOAT_PAIRS<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const y = e.xmmAligned<S>(i);
  const x = e.xmm<D>(i);
  const a = e.evens<T>(x, y);
  const b = e.odds<T>(x, y);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const fast = e.both(e.mxcsrSettled(), e.allPlain<OP, T>(a, b, r));
  if (e.usually(fast)) e.setXmm<D>(i, r);
  if (e.rarely(fast)) e.exactPacked<OP, T, D>(i, a, b);
}
/** DEST[lane 0] ← OP(DEST, SRC); the other lanes stay. Computed in all lanes, which are copies. */
export function FLOAT_SCALAR<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.lowSplat<T, S>(i);
  const a = e.lowSplat<T, D>(i);
  const r = sizeof<T>() == 8 ? operation<OP>().packed64(e, a, b) : operation<OP>().packed32(e, a, b);
  const fast = e.both(e.mxcsrSettled(), e.allPlain<OP, T>(a, b, r));
  if (e.usually(fast)) e.setLowOf<T, D>(i, r);
  if (e.rarely(fast)) e.exactScalar<OP, T, D>(i, e.first<T>(a), e.first<T>(b));
}
/** CMPPS, CMPPD: without denormals and NaNs there is nothing to report. */
export function COMPARE_PACKED<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  const a = e.xmm<D>(i);
  const imm = (<u32>i.imm) & 7;
  const r = sizeof<T>() == 8 ? operation<OP>().mask64(e, a, b, imm) : operation<OP>().mask32(e, a, b, imm);
  const fast = e.i32x4_all_true(sizeof<T>() == 8 ? operation<OP>().usual64(e, a, b) : operation<OP>().usual32(e, a, b));
  if (e.usually(fast)) e.setXmm<D>(i, r);
  if (e.rarely(fast)) e.exactPacked<OP, T, D>(i, a, b);
}
/** CMPSS, CMPSD. */
export function COMPARE_SCALAR<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.lowSplat<T, S>(i);
  const a = e.lowSplat<T, D>(i);
  const imm = (<u32>i.imm) & 7;
  const r = sizeof<T>() == 8 ? operation<OP>().mask64(e, a, b, imm) : operation<OP>().mask32(e, a, b, imm);
  const fast = e.i32x4_all_true(sizeof<T>() == 8 ? operation<OP>().usual64(e, a, b) : operation<OP>().usual32(e, a, b));
  if (e.usually(fast)) e.setLowOf<T, D>(i, r);
  if (e.rarely(fast)) e.exactScalar<OP, T, D>(i, e.first<T>(a), e.first<T>(b));
}
/** ROUNDPS, ROUNDPD. */
export function ROUND_PACKED<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.xmmAligned<S>(i);
  const imm = (<u32>i.imm) & 15;
  const r = sizeof<T>() == 8 ? operation<OP>().whole64(e, b, imm) : operation<OP>().whole32(e, b, imm);
  const usual = e.i32x4_all_true(sizeof<T>() == 8 ? operation<OP>().usual64(e, b) : operation<OP>().usual32(e, b));
  const exact = e.i32x4_all_true(sizeof<T>() == 8 ? e.f64x2_eq(r, b) : e.f32x4_eq(r, b));
  const fast = e.both(usual, e.either(operation<OP>().silent(e, imm), exact));
  if (e.usually(fast)) e.setXmm<D>(i, r);
  if (e.rarely(fast)) e.exactPacked<OP, T, D>(i, b, b);
}
/** ROUNDSS, ROUNDSD. */
export function ROUND_SCALAR<B, OP, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.lowSplat<T, S>(i);
  const imm = (<u32>i.imm) & 15;
  const r = sizeof<T>() == 8 ? operation<OP>().whole64(e, b, imm) : operation<OP>().whole32(e, b, imm);
  const usual = e.i32x4_all_true(sizeof<T>() == 8 ? operation<OP>().usual64(e, b) : operation<OP>().usual32(e, b));
  const exact = e.i32x4_all_true(sizeof<T>() == 8 ? e.f64x2_eq(r, b) : e.f32x4_eq(r, b));
  const fast = e.both(usual, e.either(operation<OP>().silent(e, imm), exact));
  if (e.usually(fast)) e.setLowOf<T, D>(i, r);
  if (e.rarely(fast)) e.exactScalar<OP, T, D>(i, e.first<T>(b), e.first<T>(b));
}
/** COMISS, COMISD: ZF, PF, CF of the comparison; any NaN is invalid. */
export function COMIS<B, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.low<T, S>(i);
  const a = e.low<T, D>(i);
  const fast = e.both(e.isUsual<T>(a), e.isUsual<T>(b));
  if (e.usually(fast)) e.flagsZfCf(e.floatEqual<T>(a, b), e.floatLess<T>(a, b));
  if (e.rarely(fast)) e.exactOrder<T>(i, a, b, true);
}
/** UCOMISS, UCOMISD: only a signalling NaN is invalid. */
export function UCOMIS<B, T, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.low<T, S>(i);
  const a = e.low<T, D>(i);
  const fast = e.both(e.isUsual<T>(a), e.isUsual<T>(b));
  if (e.usually(fast)) e.flagsZfCf(e.floatEqual<T>(a, b), e.floatLess<T>(a, b));
  if (e.rarely(fast)) e.exactOrder<T>(i, a, b, false);
}
/** DPPS, DPPD: a helper, always exact. */
export function DOT_PRODUCT<T, D, S>(i: Insn): void {
  const e = core<Interp>();
  const b = e.xmmAligned<S>(i);
  e.setXmm<D>(i, dotProduct<T>(i, e.xmm<D>(i), b));
}

// ---- conversions ---------------------------------------------------------------------------------------------------------
/** CVTPS2PD: exact for what is neither denormal nor NaN nor infinite. The upper lanes are zeros. */
export function CVTPS2PD<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.lowZero<u64, S>(i);
  const fast = e.i32x4_all_true(operation<OP>().finite32(e, source));
  if (e.usually(fast)) e.setXmm<D>(i, e.f64x2_promote_low_f32x4(source));
  if (e.rarely(fast)) e.exactConvert<OP, u32, u64, D>(i, source);
}
/** CVTPD2PS: the fast path wants results in the normal range of singles, or zero from zero. */
export function CVTPD2PS<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.xmmAligned<S>(i);
  const r = e.f32x4_demote_f64x2_zero(source);
  const fast = e.both(e.mxcsrSettled(), e.i32x4_all_true(operation<OP>().plain(e, source, r)));
  if (e.usually(fast)) e.setXmm<D>(i, r);
  if (e.rarely(fast)) e.exactConvert<OP, u64, u32, D>(i, source);
}
/** CVTSS2SD. */
export function CVTSS2SD<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.low<u32, S>(i);
  const fast = e.isFiniteUsual<u32>(source);
  if (e.usually(fast)) e.setLow<u64, D>(i, e.widen(source));
  if (e.rarely(fast)) e.exactConvertScalar<OP, u32, u64, D>(i, source);
}
/** CVTSD2SS. */
export function CVTSD2SS<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.low<u64, S>(i);
  const r = e.narrow(source);
  const size = e.and<u32>(r, e.k32(0x7fffffff));
  const normal = e.below<u32>(e.sub<u32>(size, e.k32(ABOVE_LEAST_NORMAL)), e.k32(INFINITY_SINGLE - ABOVE_LEAST_NORMAL));
  const zero = e.isZero<u64>(e.shl<u64>(source, e.k32(1)));
  const fast = e.both(e.mxcsrSettled(), e.either(normal, zero));
  if (e.usually(fast)) e.setLow<u32, D>(i, r);
  if (e.rarely(fast)) e.exactConvertScalar<OP, u64, u32, D>(i, source);
}
const ABOVE_LEAST_NORMAL: u32 = 0x00800001;
const INFINITY_SINGLE: u32 = 0x7f800000;
/** CVTDQ2PD: exact. */
export function CVTDQ2PD<B, D, S>(i: Insn): void {
  const e = core<B>();
  e.setXmm<D>(i, e.f64x2_convert_low_i32x4_s(e.lowZero<u64, S>(i)));
}
/** CVTDQ2PS. */
export function CVTDQ2PS<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.xmmAligned<S>(i);
  const fast = e.mxcsrSettled();
  if (e.usually(fast)) e.setXmm<D>(i, e.f32x4_convert_i32x4_s(source));
  if (e.rarely(fast)) e.exactConvert<OP, u32, u32, D>(i, source);
}
/** CVTPS2DQ, CVTTPS2DQ: the fast path wants every lane in range. */
export function CONVERT_PS_TO_DQ<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.xmmAligned<S>(i);
  const whole = operation<OP>().whole32(e, source);
  const silent = e.either(operation<OP>().silent(e), e.i32x4_all_true(e.f32x4_eq(whole, source)));
  const fast = e.both(silent, e.i32x4_all_true(operation<OP>().fits32(e, whole)));
  if (e.usually(fast)) e.setXmm<D>(i, e.i32x4_trunc_sat_f32x4_s(whole));
  if (e.rarely(fast)) e.exactConvert<OP, u32, u32, D>(i, source);
}
/** CVTPD2DQ, CVTTPD2DQ. */
export function CONVERT_PD_TO_DQ<B, OP, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.xmmAligned<S>(i);
  const whole = operation<OP>().whole64(e, source);
  const silent = e.either(operation<OP>().silent(e), e.i32x4_all_true(e.f64x2_eq(whole, source)));
  const fast = e.both(silent, e.i32x4_all_true(operation<OP>().fits64(e, whole)));
  if (e.usually(fast)) e.setXmm<D>(i, e.i32x4_trunc_sat_f64x2_s_zero(whole));
  if (e.rarely(fast)) e.exactConvert<OP, u64, u32, D>(i, source);
}
/** CVTSI2SS, CVTSI2SD: DEST[lane 0] ← integer of width W. A doubleword as double is exact. */
export function CONVERT_FROM_GPR<B, W, T, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.read<W, S>(i);
  const fast = sizeof<T>() > sizeof<W>() ? e.k32(1) : e.mxcsrSettled();
  if (e.usually(fast)) e.setLow<T, D>(i, e.floatFromInteger<W, T>(source));
  if (e.rarely(fast)) e.exactFromInteger<W, T, D>(i, source);
}
/** CVTSS2SI, CVTSD2SI: rounded by MXCSR, which an integer needs not. The least integer itself takes the exact path. */
export function CONVERT_TO_GPR<B, W, F, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.low<F, S>(i);
  const silent = e.either(e.mxcsrSettled(), e.isWhole<F>(source));
  const fast = e.both(silent, e.fitsInteger<W, F>(source, false));
  if (e.usually(fast)) e.write<W, D>(i, e.integerFromFloat<W, F>(source, false));
  if (e.rarely(fast)) e.exactToInteger<W, F, D>(i, source, false);
}
/** CVTTSS2SI, CVTTSD2SI: truncated. */
export function TRUNCATE_TO_GPR<B, W, F, D, S>(i: Insn): void {
  const e = core<B>();
  const source = e.low<F, S>(i);
  const silent = e.either(e.inexactSilent(), e.isWhole<F>(source));
  const fast = e.both(silent, e.fitsInteger<W, F>(source, true));
  if (e.usually(fast)) e.write<W, D>(i, e.integerFromFloat<W, F>(source, true));
  if (e.rarely(fast)) e.exactToInteger<W, F, D>(i, source, true);
}

// ---- helpers: conversions with MMX registers, always exact --------------------------------------------------------------
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
