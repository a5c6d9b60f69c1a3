/**
 * x87 instructions. The common ones are staged: the backend takes the usual case of each by itself (x87/fast). The rest are
 * helpers. The stack is in x87/stack, arithmetic in x87/operations and fpu/. SDM Vol. 2.
 */
import { FSW } from '../layout';
import { core, Insn, M } from '../engine/backend';
import { Interp } from '../engine/interp';
import { Flags } from '../engine/flags';
import { f80Examine, f80Extract, f80RoundToIntegral, f80Scale } from '../fpu/f80-arith';
import { f80Constant } from '../fpu/f80-constants';
import { f80FromBcd, f80ToBcd } from '../fpu/f80-convert';
import { f80Remainder, f80RemainderNearest } from '../fpu/f80-rem';
import { f80Exp2Minus1, f80YLog2X, f80YLog2XPlus1 } from '../fpu/logexp';
import { BIAS, C0, C1, C2, C3, FLAGS_ALL, Fp, INTEGER_BIT, mustNotWrite, setF80 } from '../fpu/state';
import { f80ArcTangent, f80Cosine, f80Sine, f80SineCosine, f80Tangent } from '../fpu/trig';
import { isNaN80 } from '../fpu/unpack';
import { probeWrite } from '../mmu/access';
import {
  buildEnvironment,
  buildRegisters,
  environmentSize,
  probeBlock,
  readBlock,
  saveSize,
  takeEnvironment,
  takeRegisters,
  writeBlock,
} from '../x87/images';
import { compare, stored, stores } from '../x87/operations';
import {
  begin,
  finish,
  hiOf,
  initialise,
  isEmpty,
  loOf,
  moveTop,
  pop,
  push,
  pushes,
  pushResult,
  put,
  reads,
  readsAndPushes,
  readsBoth,
  replace,
  setControl,
  setEmpty,
  wait,
} from '../x87/stack';

const SIGN: u32 = 0x8000;
const CODES: u32 = C0 | C1 | C2 | C3;
const EXTENDED_BYTES: u32 = 10;

/** Number of ST(i). REX.B does not reach it. */
function number(i: Insn): u32 {
  return ((<u32>i.r0) >> 3) & 7;
}
/** The ModRM byte, which decoding leaves in the immediate. */
function modrm(i: Insn): u32 {
  return (<u32>i.imm) & 0xff;
}
/** The reg field: which arithmetic operation. */
function operation(i: Insn): u32 {
  return ((<u32>i.imm) >> 3) & 7;
}

// ---- memory operands ------------------------------------------------------------------------------------------------
/** FADD, FMUL, FCOM, FCOMP, FSUB, FSUBR, FDIV, FDIVR with m32fp or m64fp. */
export function ARITHMETIC_REAL<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Real<W>(i, operation(i), e.read<W, M>(i));
}
/** FIADD … FIDIVR with m16int or m32int. */
export function ARITHMETIC_INTEGER<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Integer<W>(i, operation(i), e.read<W, M>(i));
}
/** FLD m32fp, m64fp. With DE unmasked a denormal is not pushed (SDM Vol. 1, 8.5.2); AMD processors push it. */
export function FLD_REAL<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87PushReal<W>(i, e.read<W, M>(i));
}
/** FILD m16int, m32int, m64int. */
export function FILD<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87PushInteger<W>(i, e.read<W, M>(i));
}
/** FST m32fp, m64fp. An unmasked exception stores nothing; a fault of the store changes nothing. */
export function FST_REAL<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const v = e.x87ToReal<W>(i, 0);
  if (e.begin(e.x87Stores())) {
    e.write<W, M>(i, v);
  }
  e.end();
  e.x87Stored(i, 0);
}
/** FSTP m32fp, m64fp. */
export function FSTP_REAL<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const v = e.x87ToReal<W>(i, 1);
  if (e.begin(e.x87Stores())) {
    e.write<W, M>(i, v);
  }
  e.end();
  e.x87Stored(i, 1);
}
/** FIST: rounded by the control in force. */
export function FIST<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const v = e.x87ToInteger<W>(i, 0, 0);
  if (e.begin(e.x87Stores())) {
    e.write<W, M>(i, v);
  }
  e.end();
  e.x87Stored(i, 0);
}
/** FISTP. */
export function FISTP<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const v = e.x87ToInteger<W>(i, 0, 1);
  if (e.begin(e.x87Stores())) {
    e.write<W, M>(i, v);
  }
  e.end();
  e.x87Stored(i, 1);
}
/** FISTTP: truncated, and popped. */
export function FISTTP<B, W>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const v = e.x87ToInteger<W>(i, 1, 1);
  if (e.begin(e.x87Stores())) {
    e.write<W, M>(i, v);
  }
  e.end();
  e.x87Stored(i, 1);
}

/** FLD m80fp: no exception but stack overflow, not even for a signalling NaN. */
export function FLD_EXTENDED<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87LoadExtended(i);
}
/** FBLD: packed decimal. */
export function FBLD(i: Insn): void {
  begin(i);
  loadExtended(i);
  if (pushes()) f80FromBcd(Fp.hi, Fp.lo);
  pushResult();
}
/** FSTP m80fp. The helper for what is not usual, such as a stack fault. */
export function FSTP_EXTENDED<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  const place = e.x87ToExtended();
  if (e.usually(place)) e.x87StoreExtended(i, place);
  if (e.rarely(place)) storeRegister(i);
}
function storeRegister(i: Insn): void {
  if (reads(i)) setF80(hiOf(0), loOf(0));
  storeExtended(i);
}
/** FBSTP: packed decimal; its indefinite has the bits of the QNaN indefinite. */
export function FBSTP(i: Insn): void {
  if (reads(i)) f80ToBcd(hiOf(0), loOf(0));
  storeExtended(i);
}
/** Result ← 10 bytes of memory. */
function loadExtended(i: Insn): void {
  const e = core<Interp>();
  const linear = e.linear(i, EXTENDED_BYTES);
  const lo = e.loadAt<u64>(i, linear);
  setF80(e.loadAt<u16>(i, linear + 8), lo);
}
/** 10 bytes of memory ← result, and a pop. */
function storeExtended(i: Insn): void {
  if (stores()) {
    const e = core<Interp>();
    const linear = e.linearForWrite(i, EXTENDED_BYTES);
    probeWrite(i, linear, 8);
    probeWrite(i, linear + 8, 2);
    e.storeAt<u64>(i, linear, Fp.lo);
    e.storeAt<u16>(i, linear + 8, <u16>Fp.hi);
  }
  stored(1);
}

// ---- between registers --------------------------------------------------------------------------------------------------
/** ST(0) ← ST(0) op ST(i). */
export function ARITHMETIC_ST0<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Registers(i, operation(i), number(i), 0, 0);
}
/** ST(i) ← ST(0) op ST(i): hence SUB and SUBR, DIV and DIVR have changed names. */
export function ARITHMETIC_STI<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Registers(i, operation(i), number(i), 1, 0);
}
/** The same, and a pop. */
export function ARITHMETIC_STI_POP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Registers(i, operation(i), number(i), 1, 1);
}

/** FCOM ST(i): a NaN is invalid. */
export function FCOM<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, number(i), 0, 0);
}
export function FCOMP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, number(i), 0, 1);
}
export function FCOMPP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, 1, 0, 2);
}
/** FUCOM ST(i): only a signalling NaN is invalid. */
export function FUCOM<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, number(i), 1, 0);
}
export function FUCOMP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, number(i), 1, 1);
}
export function FUCOMPP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Compare(i, 1, 1, 2);
}
/** FTST: with +0. */
export function FTST(i: Insn): void {
  compare(reads(i), 0, 0, false, 0);
}

/**
 * EFLAGS as compared: C0, C2 and C3 are at the distance of CF, PF and ZF. OF, SF and AF are cleared. The flags change even if an
 * unmasked exception was found, as AMD processors do; SDM Vol. 2 (FCOMI) leaves them alone then. C1 is cleared, as the SDM says,
 * while AMD processors keep it.
 */
export function FCOMI<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.setArithmetic(e.x87CompareToFlags(i, number(i), 0, 0));
}
export function FCOMIP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.setArithmetic(e.x87CompareToFlags(i, number(i), 0, 1));
}
export function FUCOMI<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.setArithmetic(e.x87CompareToFlags(i, number(i), 1, 0));
}
export function FUCOMIP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.setArithmetic(e.x87CompareToFlags(i, number(i), 1, 1));
}
/** FXAM: class of ST(0), with its sign in C1 even when empty. */
export function FXAM(i: Insn): void {
  begin(i);
  finish(isEmpty(0) ? C3 | C0 | (hiOf(0) & SIGN ? C1 : 0) : f80Examine(hiOf(0), loOf(0)), CODES);
}

export function FLD<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87PushRegister(i, number(i));
}
export function FST<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Copy(i, number(i), 0);
}
export function FSTP<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Copy(i, number(i), 1);
}
/** FSTPNCE, D9 D8+i: FSTP without stack check. An empty ST(0) is no exception: ST(i) stays and TOP moves. */
export function FSTPNCE(i: Insn): void {
  begin(i);
  if (!isEmpty(0)) put(number(i), hiOf(0), loOf(0));
  pop();
  finish(0, C1);
}
export function FXCH<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87Exchange(i, number(i));
}
/** FCMOVcc: both registers must hold something whatever the condition. C1 stays but for a stack fault. */
export function FCMOV<C>(i: Insn): void {
  const n = number(i);
  const valid = readsBoth(i, n);
  if (valid && Flags.condition(changetype<C>(0).code)) setF80(hiOf(n), loOf(n));
  else if (valid) setF80(hiOf(0), loOf(0));
  if (!mustNotWrite()) put(0, Fp.hi, Fp.lo);
  finish(0, valid ? 0 : C1);
}
export function FLD1<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87PushExtended(i, e.k32(BIAS), e.k<u64>(INTEGER_BIT));
}
export function FLDZ<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87PushExtended(i, e.k32(0), e.k<u64>(0));
}
/** FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, which are rounded as FCW says. */
export function LOAD_CONSTANT(i: Insn): void {
  begin(i);
  if (pushes()) f80Constant(modrm(i) & 7);
  pushResult();
}

// ---- of ST(0) -------------------------------------------------------------------------------------------------------------
export function FCHS<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87ChangeSign(i, 0xffff, SIGN);
}
export function FABS<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87ChangeSign(i, 0x7fff, 0);
}
export function FSQRT<B>(i: Insn): void {
  const e = core<B>();
  e.x87Begin(i);
  e.x87SquareRoot(i);
}
export function FRNDINT(i: Insn): void {
  if (reads(i)) f80RoundToIntegral(hiOf(0), loOf(0));
  replace(0, 0);
}
export function F2XM1(i: Insn): void {
  if (reads(i)) f80Exp2Minus1(hiOf(0), loOf(0));
  replace(0, 0);
}
/** Result of an instruction that tells an operand out of range by C2. */
function replaceOrRefuse(): void {
  if (!mustNotWrite()) put(0, Fp.hi, Fp.lo);
  finish(Fp.codes, C1 | C2);
}
export function FSIN(i: Insn): void {
  if (reads(i)) f80Sine(hiOf(0), loOf(0));
  replaceOrRefuse();
}
export function FCOS(i: Insn): void {
  if (reads(i)) f80Cosine(hiOf(0), loOf(0));
  replaceOrRefuse();
}
/** ST(0) ← second result, then pushes the first; C2 refuses. */
function replaceAndPush(): void {
  if (!mustNotWrite() && !(Fp.codes & C2)) {
    put(0, Fp.hi2, Fp.lo2);
    push(Fp.hi, Fp.lo);
  }
  finish(Fp.codes, C1 | C2);
}
export function FSINCOS(i: Insn): void {
  if (readsAndPushes(i)) f80SineCosine(hiOf(0), loOf(0));
  replaceAndPush();
}
export function FPTAN(i: Insn): void {
  if (readsAndPushes(i)) f80Tangent(hiOf(0), loOf(0));
  replaceAndPush();
}
/** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
export function FXTRACT(i: Insn): void {
  if (readsAndPushes(i)) f80Extract(hiOf(0), loOf(0));
  replaceAndPush();
}

// ---- of ST(0) and ST(1) -----------------------------------------------------------------------------------------------------
export function FSCALE(i: Insn): void {
  if (readsBoth(i, 1)) f80Scale(hiOf(0), loOf(0), hiOf(1), loOf(1));
  replace(0, 0);
}
/** Result of a remainder: quotient bits in C0, C3, C1 and "not done" in C2. A NaN as result leaves C0 and C3 alone. */
function replaceByRemainder(): void {
  const none = mustNotWrite() || isNaN80(Fp.hi, Fp.lo);
  if (!mustNotWrite()) put(0, Fp.hi, Fp.lo);
  finish(Fp.codes, none ? C1 | C2 : CODES);
}
/** FPREM: the quotient is truncated. */
export function FPREM(i: Insn): void {
  if (readsBoth(i, 1)) f80Remainder(hiOf(0), loOf(0), hiOf(1), loOf(1));
  replaceByRemainder();
}
/** FPREM1: the quotient is rounded to nearest. */
export function FPREM1(i: Insn): void {
  if (readsBoth(i, 1)) f80RemainderNearest(hiOf(0), loOf(0), hiOf(1), loOf(1));
  replaceByRemainder();
}
export function FYL2X(i: Insn): void {
  if (readsBoth(i, 1)) f80YLog2X(hiOf(0), loOf(0), hiOf(1), loOf(1));
  replace(1, 1);
}
export function FYL2XP1(i: Insn): void {
  if (readsBoth(i, 1)) f80YLog2XPlus1(hiOf(0), loOf(0), hiOf(1), loOf(1));
  replace(1, 1);
}
export function FPATAN(i: Insn): void {
  if (readsBoth(i, 1)) f80ArcTangent(hiOf(1), loOf(1), hiOf(0), loOf(0));
  replace(1, 1);
}

// ---- the stack and control ------------------------------------------------------------------------------------------------------
export function FNOP(i: Insn): void {
  begin(i);
  finish(0, 0);
}
export function FINCSTP(i: Insn): void {
  begin(i);
  moveTop(1);
  finish(0, C1);
}
export function FDECSTP(i: Insn): void {
  begin(i);
  moveTop(7);
  finish(0, C1);
}
export function FFREE(i: Insn): void {
  begin(i);
  setEmpty(number(i));
  finish(0, C1);
}
/** FFREEP: FFREE, then TOP + 1. */
export function FFREEP(i: Insn): void {
  begin(i);
  setEmpty(number(i));
  pop();
  finish(0, C1);
}
/** FENI, FDISI, FSETPM. */
export function FNOP_CONTROL(i: Insn): void {}

/** FWAIT: raises a pending exception. */
export function FWAIT<B>(i: Insn): void {
  const e = core<B>();
  e.x87Wait(i);
}
/** FLDCW. Unmasking an exception whose flag is set makes it pending. */
export function FLDCW<B>(i: Insn): void {
  const e = core<B>();
  e.x87Wait(i);
  e.x87SetControl(e.read<u16, M>(i));
}
export function FNSTCW<B>(i: Insn): void {
  const e = core<B>();
  e.write<u16, M>(i, e.x87Control());
}
/** FNSTSW m16 or AX. */
export function FNSTSW<B, D>(i: Insn): void {
  const e = core<B>();
  e.write<u16, D>(i, e.x87Status());
}
/** Exception flags, SF, ES and B; the condition codes and TOP stay. SDM Vol. 2, FCLEX. */
const FSW_CLEARED: u32 = 0x80ff;
export function FNCLEX(i: Insn): void {
  store<u16>(FSW, (<u32>load<u16>(FSW)) & ~FSW_CLEARED);
}
export function FNINIT(i: Insn): void {
  initialise();
}

/** FLDENV: control, status, tags and pointers. */
export function FLDENV<W>(i: Insn): void {
  wait(i);
  readBlock<W>(i, core<Interp>().linear(i, environmentSize<W>()), 0, environmentSize<W>());
  takeEnvironment<W>();
}
/** FNSTENV, which then masks all exceptions. */
export function FNSTENV<W>(i: Insn): void {
  const linear = core<Interp>().linearForWrite(i, environmentSize<W>());
  probeBlock<W>(i, linear, environmentSize<W>());
  buildEnvironment<W>();
  writeBlock<W>(i, linear, 0, environmentSize<W>());
  setControl(core<Interp>().x87Control() | FLAGS_ALL);
}
/** FRSTOR: environment and registers. */
export function FRSTOR<W>(i: Insn): void {
  wait(i);
  readBlock<W>(i, core<Interp>().linear(i, saveSize<W>()), 0, saveSize<W>());
  takeEnvironment<W>();
  takeRegisters<W>();
}
/** FNSAVE: environment and registers, then FNINIT. */
export function FNSAVE<W>(i: Insn): void {
  const linear = core<Interp>().linearForWrite(i, saveSize<W>());
  probeBlock<W>(i, linear, saveSize<W>());
  buildEnvironment<W>();
  buildRegisters<W>();
  writeBlock<W>(i, linear, 0, saveSize<W>());
  initialise();
}
