/**
 * Backend that appends WebAssembly: the code writer of tier 1. Guest registers are kept as engine/emit-registers.ts says,
 * flags are kept as engine/emit-flags.ts says, memory is reached as engine/emit-memory.ts says. Values are handles
 * (engine/wasm.ts).
 *
 * What can fail leaves before anything is written, so tier 0 finds the state as it was before that instruction. Control
 * transfers are noted for the region's writer (engine/region.ts), which knows where blocks are.
 */
import {
  CODE_BASE,
  CPL,
  EA_MASK,
  EFLAGS_REST,
  FCW,
  FPR,
  FSW,
  FTW,
  INTR,
  MODE,
  MODE_32,
  MODE_64,
  MODE_CODE_MASK,
  MODE_CS_LIMIT,
  MODE_PROTECTED,
  MODE_V86,
  MXCSR,
  NMI_PENDING,
  SEG,
  SEG_SELECTOR,
  SHADOW,
  SHADOW_COUNT,
  SHADOW_STI,
  STACK_FLAT,
  STACK_MASK,
} from '../layout';
import { Insn, KIND_I, KIND_I64, KIND_M, KIND_R0, KIND_R1 } from './backend';
import {
  FLAGS_ADD,
  FLAGS_DEC,
  FLAGS_INC,
  FLAGS_SUB,
  flagsArithmetic,
  flagsHeld,
  holdFlags,
  flagsCf,
  flagsCfOf,
  flagsFromImage,
  flagsOfLogic,
  flagsOfResult,
  flagsOfShl,
  flagsOfStep,
  flagsOfZfCf,
  pushCf,
  pushCondition,
  pushOf,
  pushZf,
  setNested,
} from './emit-flags';
import {
  addressValue,
  beforeLeave,
  closeWindow,
  conditions,
  depth,
  effectiveAddress,
  hostAddress,
  hostOffset,
  isStubborn,
  leave,
  leaveIf,
  moveStackPointer,
  operandAddress,
  pageOffset,
  pushBase,
  pushHost,
  segmentAddress,
  setConditions,
  setDepth,
  stackAddress,
} from './emit-memory';
import { MXCSR_CONTROL_AND_PE, MXCSR_PM_PE, MXCSR_SETTLED } from './interp';
import { AFTER_STORE } from '../x87/fast';
import { ADD, MUL, SUB, SUBR } from '../x87/operations';
import { emitChangeSign, emitCopy, emitExchange, emitPush, emitPushRegister, writePointers } from './emit-x87';
import { EmitPacked } from './emit-packed';
import {
  gprLocal,
  gprTarget,
  knowRegisters,
  registersKnown,
  wroteGpr,
  wroteXmm,
  xmmLocal,
  xmmTarget,
} from './emit-registers';
import * as control from './emit-control';
import { IF as INTERRUPT } from './flags';
import { pushInstructionCount } from './region-writer';
import {
  alias,
  beforeSet,
  binary,
  c32,
  c64,
  call,
  constantHandle,
  constantOf,
  cut,
  END,
  freezeAliases,
  get,
  getLocal,
  I32_ADD,
  I32_AND,
  I32_CLZ,
  I32_CTZ,
  I32_DIV_S,
  I32_DIV_U,
  I32_EQ,
  I32_EQZ,
  I32_EXTEND16_S,
  I32_EXTEND8_S,
  I32_GT_U,
  I32_LT_U,
  I32_MUL,
  I32_NE,
  I32_OR,
  I32_POPCNT,
  I32_ROTL,
  I32_ROTR,
  I32_SHL,
  I32_SHR_S,
  I32_SHR_U,
  I32_SUB,
  I32_WRAP_I64,
  I32_XOR,
  I64_ADD,
  I64_AND,
  I64_CLZ,
  I64_CTZ,
  I64_EQZ,
  I64_EXTEND_I32_S,
  I64_EXTEND_I32_U,
  I64_EXTEND8_S,
  I64_EXTEND16_S,
  I64_EXTEND32_S,
  I64_GT_U,
  I64_EQ,
  I64_MUL,
  I64_NE,
  I64_OR,
  I64_POPCNT,
  I64_SHL,
  I64_SHR_S,
  I64_SHR_U,
  I64_SUB,
  IF,
  isConstant,
  loadFrom,
  loadOp,
  memarg,
  op,
  SELECT,
  set32,
  set64,
  setLocal,
  setOf,
  setV128,
  simd,
  storeOp,
  VOID,
  WIDE_ARITHMETIC,
  WIDE_COMPARISON,
} from './wasm';

/** Functions that a module of translated code imports, by index; src/core/translator.ts names them. */
export const IMPORT_HELPER: u32 = 0; // (record: i32) → i32
export const IMPORT_DIV_WIDE: u32 = 1; // (high, low, divisor: i64) → i64
export const IMPORT_MUL_HIGH: u32 = 2; // (a, b: i64) → i64
export const IMPORT_MUL_HIGH_SIGNED: u32 = 3;
export const IMPORT_MUL_OVERFLOWS: u32 = 4; // (a, b: i64) → i32
export const IMPORT_X87_CALL: u32 = 5; // (record: i32): an instruction between x87 registers
// The others return 1 to leave, unless noted otherwise.
export const IMPORT_X87_SINGLE: u32 = 6; // (operation, bits: i32)
export const IMPORT_X87_DOUBLE: u32 = 7; // (operation: i32, bits: i64)
export const IMPORT_X87_INTEGER: u32 = 8; // (operation: i32, value: i64)
export const IMPORT_X87_PUSH_SINGLE: u32 = 9; // (bits: i32)
export const IMPORT_X87_PUSH_DOUBLE: u32 = 10; // (bits: i64)
export const IMPORT_X87_PUSH_INTEGER: u32 = 11; // (value: i64)
export const IMPORT_X87_PUSH_EXTENDED: u32 = 12; // (hi: i32, lo: i64)
export const IMPORT_X87_REGISTERS: u32 = 13; // (operation, n, toN, pops: i32)
export const IMPORT_X87_COMPARE: u32 = 14; // (n, quiet, pops: i32)
export const IMPORT_X87_COMPARE_TO_FLAGS: u32 = 15; // (n, quiet, pops: i32) → i32, all ones to leave
export const IMPORT_X87_PUSH_REGISTER: u32 = 16; // (n: i32)
export const IMPORT_X87_COPY: u32 = 17; // (n, pops: i32)
export const IMPORT_X87_EXCHANGE: u32 = 18; // (n: i32)
export const IMPORT_X87_CHANGE_SIGN: u32 = 19; // (keep, flip: i32)
export const IMPORT_X87_SQUARE_ROOT: u32 = 20; // ()
export const IMPORT_X87_TO_SINGLE: u32 = 21; // (pops: i32) → i32
export const IMPORT_X87_TO_DOUBLE: u32 = 22; // (pops: i32) → i64
export const IMPORT_X87_TO_INTEGER_16: u32 = 23; // (truncate, pops: i32) → i32
export const IMPORT_X87_TO_INTEGER_32: u32 = 24; // (truncate, pops: i32) → i32
export const IMPORT_X87_TO_INTEGER_64: u32 = 25; // (truncate, pops: i32) → i64
export const IMPORT_X87_TO_EXTENDED: u32 = 26; // () → i32, 0 to leave
export const IMPORT_X87_SET_CONTROL: u32 = 27; // (value: i32)
// The same as with an operation, without choosing again; aFlip and bFlip change signs.
export const IMPORT_X87_ADD_REGISTERS: u32 = 28; // (n, aFlip, bFlip, toN, pops: i32)
export const IMPORT_X87_MULTIPLY_REGISTERS: u32 = 29; // (n, toN, pops: i32)
export const IMPORT_X87_ADD_DOUBLE: u32 = 30; // (bits: i64, aFlip, bFlip: i32)
export const IMPORT_X87_MULTIPLY_DOUBLE: u32 = 31; // (bits: i64)

const V128_LOAD32_SPLAT = 0x09;
const V128_LOAD64_SPLAT = 0x0a;
const V128_LOAD32_ZERO = 0x5c;
const V128_LOAD64_ZERO = 0x5d;
const FSW_ES: i32 = 0x80;
const EXTENDED_BYTES: u32 = 10;
const FSW_TOP: i32 = 0x3800;
const SIGN: i32 = 0x8000;
const IOPL_SHIFT: i32 = 12;
const RCX: i32 = 1;
const RBP: i32 = 5;
const RSP: i32 = 4;
const CONDITIONS_MAX: i32 = 16;
/** Conditions that are open: 0 a constant (nothing was written), 1 an `if`. */
const kinds: usize = memory.data(CONDITIONS_MAX);
/** Which registers were known before each. */
const knownBefore: usize = memory.data(CONDITIONS_MAX * 4);
const heldBefore: usize = memory.data(CONDITIONS_MAX);
let open: i32 = 0;

/** MXCSR was found settled in this block. */
let settled: bool = false;
export function forgetSettled(): void {
  settled = false;
}
export function beginEmit(): void {
  open = 0;
}

/** FADD, FSUB or FSUBR. */
function isSum(operation: u32): bool {
  return operation == ADD || operation == SUB || operation == SUBR;
}
function operandCode<K>(i: Insn): usize {
  if (offsetof<K>() == KIND_R0) return <usize>i.r0;
  if (offsetof<K>() == KIND_R1) return <usize>i.r1;
  return <usize>load<u8>(changetype<usize>(i), 13);
}
/** The native width of near branches in the mode: others are left to tier 0. */
function isNativeBranch<W>(): bool {
  const mode = load<u32>(MODE) & MODE_CODE_MASK;
  return sizeof<W>() == (mode == MODE_64 ? 8 : mode == MODE_32 ? 4 : 2);
}

@unmanaged
@final
export class Emit extends EmitPacked {
  // ---- addresses -----------------------------------------------------------------------------------------------------
  linear(i: Insn, size: u32): i32 {
    return operandAddress(i, size);
  }
  linearForWrite(i: Insn, size: u32): i32 {
    return operandAddress(i, size);
  }
  effective(i: Insn): i32 {
    return effectiveAddress(i);
  }
  loadAt<W>(i: Insn, linear: i32): i32 {
    pushHost(linear, sizeof<W>(), false);
    loadOp<W>(hostOffset);
    return setOf<W>();
  }
  storeAt<W>(i: Insn, linear: i32, value: i32): void {
    pushHost(linear, sizeof<W>(), true);
    get(value);
    storeOp<W>(hostOffset);
  }

  // ---- integer operands --------------------------------------------------------------------------------------------------
  read<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_I) return this.k<W>(<i64>i.imm);
    if (offsetof<K>() == KIND_I64) return this.k<W>(load<i64>(changetype<usize>(i) + 8));
    if (offsetof<K>() == KIND_M) return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
    return this.gpr<W>(operandCode<K>(i));
  }
  write<W, K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
    else this.setGpr<W>(operandCode<K>(i), value);
  }
  gpr<W>(code: usize): i32 {
    const local = gprLocal(<i32>(code >> 3));
    if (sizeof<W>() == 8) return alias(local);
    getLocal(local);
    op(I32_WRAP_I64);
    if (sizeof<W>() == 1 && code & 1) {
      c32(8);
      op(I32_SHR_U);
    }
    cut<W>();
    return set32();
  }
  setGpr<W>(code: usize, value: i32): void {
    const n = <i32>(code >> 3);
    const local = sizeof<W>() >= 4 ? gprTarget(n) : gprLocal(n);
    closeWindow(n);
    beforeSet(local);
    if (sizeof<W>() >= 4) {
      get(value);
      if (sizeof<W>() == 4) op(I64_EXTEND_I32_U);
    } else {
      const shift: i64 = sizeof<W>() == 1 && code & 1 ? 8 : 0;
      const mask: i64 = (sizeof<W>() == 1 ? <i64>0xff : <i64>0xffff) << shift;
      getLocal(local);
      c64(~mask);
      op(I64_AND);
      get(value);
      op(I64_EXTEND_I32_U);
      if (shift) {
        c64(shift);
        op(I64_SHL);
      }
      op(I64_OR);
    }
    setLocal(local);
    wroteGpr(n);
  }

  // ---- read-modify-write: a place is a host address, or a register's code -------------------------------------------------
  place<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return hostAddress(this.linearForWrite(i, sizeof<W>()), sizeof<W>(), true);
    return -1 - <i32>operandCode<K>(i);
  }
  placeAt<W>(i: Insn, linear: i32): i32 {
    return hostAddress(linear, sizeof<W>(), true);
  }
  get<W>(place: i32): i32 {
    if (place < 0) return this.gpr<W>(<usize>(-1 - place));
    get(place);
    loadOp<W>(0);
    return setOf<W>();
  }
  put<W, K>(i: Insn, place: i32, value: i32): void {
    if (place < 0) {
      this.setGpr<W>(<usize>(-1 - place), value);
      return;
    }
    get(place);
    get(value);
    storeOp<W>(0);
  }
  rewrite<W, K>(i: Insn, place: i32, value: i32): void {
    if (offsetof<K>() == KIND_M) this.put<W, K>(i, place, value);
  }

  // ---- the stack ----------------------------------------------------------------------------------------------------------------
  push<W>(i: Insn, value: i32): void {
    this.storeAt<W>(i, stackAddress(-(<i32>sizeof<W>()), sizeof<W>()), value);
    this.moveStack(-(<i64>sizeof<W>()));
  }
  top<W>(i: Insn): i32 {
    return this.loadAt<W>(i, stackAddress(0, sizeof<W>()));
  }
  moveStack(by: i64): void {
    beforeSet(gprLocal(RSP));
    moveStackPointer(<i32>by);
  }
  frameTop<W>(i: Insn): i32 {
    getLocal(gprLocal(RBP));
    c64(load<i64>(STACK_MASK));
    op(I64_AND);
    const offset = set64();
    return this.loadAt<W>(i, load<u32>(STACK_FLAT) ? offset : segmentAddress(2, offset, sizeof<W>()));
  }
  leaveFrame(by: i64): void {
    const mask = load<i64>(STACK_MASK);
    const local = mask == 0xffff ? gprLocal(RSP) : gprTarget(RSP);
    closeWindow(RSP);
    beforeSet(local);
    if (mask == 0xffff) {
      getLocal(local);
      c64(~mask);
      op(I64_AND);
    }
    getLocal(gprLocal(RBP));
    c64(by);
    op(I64_ADD);
    if (mask != -1) {
      c64(mask);
      op(I64_AND);
    }
    if (mask == 0xffff) op(I64_OR);
    setLocal(local);
    wroteGpr(RSP);
  }

  // ---- arithmetic -------------------------------------------------------------------------------------------------------------------
  k<W>(value: i64): i32 {
    return constantHandle<W>(value);
  }
  k32(value: u32): i32 {
    return constantHandle<u32>(<i64>value);
  }
  add<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_ADD);
  }
  sub<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 4 && isConstant(a) && isConstant(b)) return this.k32(<u32>constantOf(a) - <u32>constantOf(b));
    return binary<W>(a, b, I32_SUB);
  }
  mul<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_MUL);
  }
  and<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_AND);
  }
  or<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_OR);
  }
  xor<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_XOR);
  }
  not<W>(a: i32): i32 {
    return this.xor<W>(a, this.k<W>(-1));
  }
  mulHigh<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 8) {
      get(a);
      get(b);
      call(IMPORT_MUL_HIGH);
      return set64();
    }
    get(a);
    op(I64_EXTEND_I32_U);
    get(b);
    op(I64_EXTEND_I32_U);
    op(I64_MUL);
    c64(<i64>sizeof<W>() * 8);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
    return set32();
  }
  /** Pushes a value sign-extended to i64. */
  pushSigned<W>(a: i32): void {
    get(a);
    if (sizeof<W>() == 8) return;
    if (sizeof<W>() == 1) op(I32_EXTEND8_S);
    if (sizeof<W>() == 2) op(I32_EXTEND16_S);
    op(I64_EXTEND_I32_S);
  }
  mulHighSigned<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 8) {
      get(a);
      get(b);
      call(IMPORT_MUL_HIGH_SIGNED);
      return set64();
    }
    this.pushSigned<W>(a);
    this.pushSigned<W>(b);
    op(I64_MUL);
    c64(<i64>sizeof<W>() * 8);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
    cut<W>();
    return set32();
  }
  mulOverflows<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 8) {
      get(a);
      get(b);
      call(IMPORT_MUL_OVERFLOWS);
      return set32();
    }
    this.pushSigned<W>(a);
    this.pushSigned<W>(b);
    op(I64_MUL);
    const product = set64();
    get(product);
    if (sizeof<W>() == 1) op(I64_EXTEND8_S);
    if (sizeof<W>() == 2) op(I64_EXTEND16_S);
    if (sizeof<W>() == 4) op(I64_EXTEND32_S);
    get(product);
    op(I64_NE);
    return set32();
  }
  divu<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_DIV_U);
  }
  divs<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_DIV_S);
  }
  divWide(high: i32, low: i32, d: i32): i32 {
    get(high);
    get(low);
    get(d);
    call(IMPORT_DIV_WIDE);
    return set64();
  }
  /** Only tier 0 knows whether this one faults, unless the dividend fits 64 bits. */
  divWideSigned(i: Insn, high: i32, low: i32, d: i32): i32 {
    beforeLeave();
    get(low);
    c64(63);
    op(I64_SHR_S);
    get(high);
    op(I64_NE);
    leaveIf();
    get(d);
    op(I64_EQZ);
    leaveIf();
    get(d);
    c64(-1);
    op(I64_EQ);
    leaveIf();
    get(low);
    get(d);
    op(0x7f); // i64.div_s
    return set64();
  }
  /** Wasm cuts a shift count to the local's width: narrow values see their count as it is, as in the interpreter. */
  shift<W>(a: i32, n: i32, code: i32): i32 {
    get(a);
    get(n);
    if (sizeof<W>() == 8) op(I64_EXTEND_I32_U);
    op(sizeof<W>() == 8 ? code + WIDE_ARITHMETIC : code);
    cut<W>();
    return setOf<W>();
  }
  shl<W>(a: i32, n: i32): i32 {
    return this.shift<W>(a, n, I32_SHL);
  }
  shr<W>(a: i32, n: i32): i32 {
    return this.shift<W>(a, n, I32_SHR_U);
  }
  sar<W>(a: i32, n: i32): i32 {
    if (sizeof<W>() == 8) return this.shift<W>(a, n, I32_SHR_S);
    get(a);
    if (sizeof<W>() == 1) op(I32_EXTEND8_S);
    if (sizeof<W>() == 2) op(I32_EXTEND16_S);
    get(n);
    op(I32_SHR_S);
    cut<W>();
    return set32();
  }
  rotl<W>(a: i32, n: i32): i32 {
    if (sizeof<W>() >= 4) return this.shift<W>(a, n, I32_ROTL);
    return this.rotateNarrow<W>(a, n, I32_SHL, I32_SHR_U);
  }
  rotr<W>(a: i32, n: i32): i32 {
    if (sizeof<W>() >= 4) return this.shift<W>(a, n, I32_ROTR);
    return this.rotateNarrow<W>(a, n, I32_SHR_U, I32_SHL);
  }
  rotateNarrow<W>(a: i32, n: i32, first: i32, second: i32): i32 {
    const bits: i32 = sizeof<W>() * 8;
    get(n);
    c32(bits - 1);
    op(I32_AND);
    const by = set32();
    get(a);
    get(by);
    op(first);
    get(a);
    c32(bits);
    get(by);
    op(I32_SUB);
    op(second);
    op(I32_OR);
    cut<W>();
    return set32();
  }
  bit<W>(a: i32, n: i32): i32 {
    get(a);
    get(n);
    if (sizeof<W>() == 8) {
      op(I64_EXTEND_I32_U);
      op(I64_SHR_U);
      op(I32_WRAP_I64);
    } else op(I32_SHR_U);
    c32(1);
    op(I32_AND);
    return set32();
  }
  bswap<W>(a: i32): i32 {
    if (sizeof<W>() == 2) {
      get(a);
      c32(8);
      op(I32_SHL);
      get(a);
      c32(8);
      op(I32_SHR_U);
      op(I32_OR);
      cut<W>();
      return set32();
    }
    if (sizeof<W>() == 4) {
      // Bytes 0 and 2 turn one way, 1 and 3 the other.
      get(a);
      c32(8);
      op(I32_ROTL);
      c32(0x00ff00ff);
      op(I32_AND);
      get(a);
      c32(8);
      op(I32_ROTR);
      c32(<i32>0xff00ff00);
      op(I32_AND);
      op(I32_OR);
      return set32();
    }
    const low = this.bswap<u32>(this.zext<u64, u32>(a));
    get(a);
    c64(32);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
    const high = this.bswap<u32>(set32());
    get(low);
    op(I64_EXTEND_I32_U);
    c64(32);
    op(I64_SHL);
    get(high);
    op(I64_EXTEND_I32_U);
    op(I64_OR);
    return set64();
  }
  /** Zero bits at the top and at the bottom; the width when a is 0. */
  clz<W>(a: i32): i32 {
    get(a);
    op(sizeof<W>() == 8 ? I64_CLZ : I32_CLZ);
    if (sizeof<W>() < 4) {
      c32(32 - sizeof<W>() * 8);
      op(I32_SUB);
    }
    return setOf<W>();
  }
  ctz<W>(a: i32): i32 {
    get(a);
    if (sizeof<W>() < 4) {
      const bits: i32 = sizeof<W>() * 8;
      c32(1 << bits);
      op(I32_OR);
    }
    op(sizeof<W>() == 8 ? I64_CTZ : I32_CTZ);
    return setOf<W>();
  }
  popcount<W>(a: i32): i32 {
    get(a);
    op(sizeof<W>() == 8 ? I64_POPCNT : I32_POPCNT);
    return setOf<W>();
  }
  count<W>(a: i32, mask: u32): i32 {
    if (isConstant(a)) return this.k32((<u32>constantOf(a)) & mask);
    get(a);
    if (sizeof<W>() == 8) op(I32_WRAP_I64);
    c32(mask);
    op(I32_AND);
    return set32();
  }
  isZero<W>(a: i32): i32 {
    get(a);
    op(sizeof<W>() == 8 ? I64_EQZ : I32_EQZ);
    return set32();
  }
  isNonZero<W>(a: i32): i32 {
    if (isConstant(a)) return this.k32(constantOf(a) ? 1 : 0);
    get(a);
    op(sizeof<W>() == 8 ? I64_EQZ : I32_EQZ);
    op(I32_EQZ);
    return set32();
  }
  isNonZero64(a: i32): i32 {
    return this.isNonZero<u64>(a);
  }
  compare<W>(a: i32, b: i32, code: i32): i32 {
    get(a);
    get(b);
    op(sizeof<W>() == 8 ? code + WIDE_COMPARISON : code);
    return set32();
  }
  equal<W>(a: i32, b: i32): i32 {
    return this.compare<W>(a, b, I32_EQ);
  }
  below<W>(a: i32, b: i32): i32 {
    if (sizeof<W>() == 4 && isConstant(a) && isConstant(b))
      return this.k32(u32(<u32>constantOf(a) < <u32>constantOf(b)));
    return this.compare<W>(a, b, I32_LT_U);
  }
  select<W>(condition: i32, a: i32, b: i32): i32 {
    if (isConstant(condition)) return constantOf(condition) ? a : b;
    get(a);
    get(b);
    get(condition);
    op(SELECT);
    return setOf<W>();
  }
  zext<F, T>(a: i32): i32 {
    if (sizeof<F>() == 8 && sizeof<T>() == 8) return a;
    if (sizeof<F>() == 8) {
      get(a);
      op(I32_WRAP_I64);
      cut<T>();
      return set32();
    }
    if (sizeof<T>() == 8) {
      if (isConstant(a)) return this.k<u64>(<i64>(<u32>constantOf(a)));
      get(a);
      op(I64_EXTEND_I32_U);
      return set64();
    }
    if (sizeof<T>() >= sizeof<F>()) return a;
    get(a);
    cut<T>();
    return set32();
  }
  sext<F, T>(a: i32): i32 {
    if (sizeof<F>() == 8) return this.zext<F, T>(a);
    get(a);
    if (sizeof<F>() == 1) op(I32_EXTEND8_S);
    if (sizeof<F>() == 2) op(I32_EXTEND16_S);
    if (sizeof<T>() == 8) {
      op(I64_EXTEND_I32_S);
      return set64();
    }
    cut<T>();
    return set32();
  }

  // ---- flags ---------------------------------------------------------------------------------------------------------------------
  flagsAdd<W>(a: i32, b: i32, r: i32): void {
    flagsArithmetic<W>(FLAGS_ADD, a, b, r);
  }
  flagsSub<W>(a: i32, b: i32, r: i32): void {
    flagsArithmetic<W>(FLAGS_SUB, a, b, r);
  }
  flagsLogic<W>(r: i32): void {
    flagsOfLogic<W>(r);
  }
  flagsResult<W>(r: i32, cf: i32, ov: i32): void {
    flagsOfResult<W>(r, cf, ov);
  }
  flagsShl<W>(last: i32, r: i32): void {
    flagsOfShl<W>(last, r);
  }
  flagsInc<W>(a: i32, r: i32): void {
    flagsOfStep<W>(FLAGS_INC, a, r);
  }
  flagsDec<W>(a: i32, r: i32): void {
    flagsOfStep<W>(FLAGS_DEC, a, r);
  }
  setCf(cf: i32): void {
    flagsCf(cf);
  }
  setCfOf(cf: i32, ov: i32): void {
    flagsCfOf(cf, ov);
  }
  /** ZF and CF given, the others clear. */
  flagsZfCf(zf: i32, cf: i32): void {
    flagsOfZfCf(zf, cf);
  }
  setArithmetic(value: i32): void {
    flagsFromImage(value);
  }
  changeFlags(clear: u32, set: u32): void {
    c32(0);
    loadFrom<u32>(EFLAGS_REST);
    c32(~clear);
    op(I32_AND);
    c32(set);
    op(I32_OR);
    storeOp<u32>(EFLAGS_REST);
  }
  /** Tier 0 raises the fault. */
  requireIopl(i: Insn): void {
    if (!(load<u32>(MODE) & (MODE_PROTECTED | MODE_V86))) return;
    beforeLeave();
    loadFrom<u32>(CPL);
    loadFrom<u32>(EFLAGS_REST);
    c32(IOPL_SHIFT);
    op(I32_SHR_U);
    c32(3);
    op(I32_AND);
    op(I32_GT_U);
    leaveIf();
  }
  /** When something waits, tier 0 sees to it. */
  enableInterrupts(i: Insn): void {
    beforeLeave();
    loadFrom<u32>(INTR);
    loadFrom<u32>(NMI_PENDING);
    op(I32_OR);
    leaveIf();
    loadFrom<u32>(EFLAGS_REST);
    const was = set32();
    get(was);
    c32(<i32>INTERRUPT);
    op(I32_AND);
    op(I32_EQZ);
    op(IF);
    op(VOID);
    c32(0);
    get(was);
    c32(<i32>INTERRUPT);
    op(I32_OR);
    storeOp<u32>(EFLAGS_REST);
    c32(0);
    c32(SHADOW_STI);
    storeOp<u32>(SHADOW);
    c32(0);
    pushInstructionCount(1);
    storeOp<u64>(SHADOW_COUNT);
    op(END);
  }
  cf(): i32 {
    pushCf();
    return set32();
  }
  of(): i32 {
    pushOf();
    return set32();
  }
  zf(): i32 {
    pushZf();
    return set32();
  }
  condition<C>(): i32 {
    pushCondition(changetype<C>(0).code);
    return set32();
  }

  // ---- control ----------------------------------------------------------------------------------------------------------------------------
  begin(condition: i32): bool {
    if (open >= CONDITIONS_MAX) unreachable();
    if (isConstant(condition)) {
      store<u8>(kinds + open++, 0);
      return constantOf(condition) != 0;
    }
    store<u32>(knownBefore + ((<usize>open) << 2), registersKnown());
    store<u8>(heldBefore + open, <u8>flagsHeld());
    store<u8>(kinds + open++, 1);
    freezeAliases();
    get(condition);
    op(IF);
    op(VOID);
    setDepth(depth + 1);
    setConditions(conditions + 1);
    setNested(true);
    return true;
  }
  end(): void {
    if (!load<u8>(kinds + --open)) return;
    op(END);
    knowRegisters(load<u32>(knownBefore + ((<usize>open) << 2)));
    holdFlags(load<u8>(heldBefore + open), false);
    setDepth(depth - 1);
    setConditions(conditions - 1);
    setNested(conditions > 0);
  }
  /** The fast way; leaves when the condition does not hold. */
  usually(condition: i32): bool {
    if (isConstant(condition) && constantOf(condition)) return true;
    beforeLeave();
    get(condition);
    op(I32_EQZ);
    leaveIf();
    return true;
  }
  rarely(condition: i32): bool {
    return false;
  }
  /** Leaves for tier 0, which raises the fault itself. */
  faultIf(i: Insn, condition: i32, vector: u32): void {
    beforeLeave();
    get(condition);
    leaveIf();
  }
  checkTarget<W>(i: Insn, target: i32): void {
    const mode = load<u32>(MODE);
    if (!isNativeBranch<W>() || mode & MODE_CS_LIMIT) {
      leave();
      return;
    }
    if (sizeof<W>() != 8) return;
    // Canonical: bits 63 to 47 are alike.
    beforeLeave();
    get(target);
    c64(47);
    op(I64_SHR_S);
    c64(1);
    op(I64_ADD);
    c64(1);
    op(I64_GT_U);
    leaveIf();
  }
  checkBranch<W>(i: Insn): void {
    if (!isNativeBranch<W>() || (load<u32>(MODE) & MODE_CS_LIMIT && !control.isInside(pageOffset + i.imm))) leave();
  }
  branchTo<W>(i: Insn, target: i32): void {
    control.goIndirect(this.zext<W, u64>(target));
  }
  branch<W>(i: Insn): void {
    this.checkBranch<W>(i);
    control.goTo(pageOffset + i.imm);
  }
  nextIp<W>(i: Insn): i32 {
    pushBase();
    c64(<i64>pageOffset + <i64>(i.offset + i.length));
    op(I64_ADD);
    if ((load<u32>(MODE) & MODE_CODE_MASK) != MODE_64) {
      loadFrom<u64>(CODE_BASE);
      op(I64_SUB);
    }
    return this.zext<u64, W>(set64());
  }
  addressCount(i: Insn): i32 {
    getLocal(gprLocal(RCX));
    c64(load<i64>(EA_MASK + (((<usize>i.ea) & 3) << 3)));
    op(I64_AND);
    return set64();
  }
  loopCount(i: Insn): i32 {
    getLocal(gprLocal(RCX));
    c64(1);
    op(I64_SUB);
    c64(load<i64>(EA_MASK + (((<usize>i.ea) & 3) << 3)));
    op(I64_AND);
    return set64();
  }
  setLoopCount(i: Insn, count: i32): void {
    if ((i.ea & 3) == 2) this.setGpr<u16>(8, this.zext<u64, u16>(count));
    else this.setGpr<u64>(8, count);
  }
  /** Selector of the segment register in S. */
  writeSelector<W, D, S>(i: Insn): void {
    const segment = offsetof<D>() == KIND_M ? <u32>i.r0 : <u32>i.r1;
    loadFrom<u16>(SEG + (segment << 2) + SEG_SELECTOR);
    const selector = set32();
    if (offsetof<D>() == KIND_M) this.storeAt<u16>(i, this.linear(i, 2), selector);
    else this.setGpr<W>(<usize>i.r0, this.zext<u16, W>(selector));
  }

  // ---- vector registers ---------------------------------------------------------------------------------------------------------------------
  xmm<K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.load128(i, this.linear(i, 16));
    return this.xmmNumber(operandCode<K>(i) >> 3);
  }
  xmmAligned<K>(i: Insn): i32 {
    if (offsetof<K>() != KIND_M) return this.xmm<K>(i);
    return this.load128(i, this.aligned(this.linear(i, 16)));
  }
  /** Leaves when the address is no multiple of 16. */
  aligned(linear: i32): i32 {
    beforeLeave();
    get(addressValue(linear));
    op(I32_WRAP_I64);
    c32(15);
    op(I32_AND);
    leaveIf();
    return linear;
  }
  load128(i: Insn, linear: i32): i32 {
    pushHost(linear, 16, false);
    simd(0);
    memarg(hostOffset);
    return setV128();
  }
  store128(i: Insn, linear: i32, value: i32): void {
    pushHost(linear, 16, true);
    get(value);
    simd(11);
    memarg(hostOffset);
  }
  setXmm<K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) this.store128(i, this.linearForWrite(i, 16), value);
    else this.setXmmNumber(operandCode<K>(i) >> 3, value);
  }
  setXmmAligned<K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) this.store128(i, this.aligned(this.linearForWrite(i, 16)), value);
    else this.setXmm<K>(i, value);
  }
  xmmNumber(n: usize): i32 {
    return alias(xmmLocal(<i32>n));
  }
  setXmmNumber(n: usize, value: i32): void {
    const local = xmmTarget(<i32>n);
    beforeSet(local);
    get(value);
    setLocal(local);
    wroteXmm(<i32>n);
  }
  /** Low 64, 32 (…) bits of a vector operand, or a memory operand of that size. */
  low<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
    getLocal(xmmLocal(<i32>(operandCode<K>(i) >> 3)));
    return this.extractLane<W>(0);
  }
  /** The same, zero-extended, or in all lanes. */
  lowZero<W, K>(i: Insn): i32 {
    if (offsetof<K>() != KIND_M) {
      const numbers: u64 =
        sizeof<W>() == 8 ? 0x0706050403020100 : sizeof<W>() == 4 ? 0x8080808003020100 : 0x8080808080800100;
      return this.choose_bytes(this.xmm<K>(i), numbers, 0x8080808080808080);
    }
    // There is no load of 16 bits that clears the rest.
    if (sizeof<W>() < 4) return this.v128_low(this.zext<W, u64>(this.low<W, K>(i)));
    pushHost(this.linear(i, sizeof<W>()), sizeof<W>(), false);
    simd(sizeof<W>() == 8 ? V128_LOAD64_ZERO : V128_LOAD32_ZERO);
    memarg(hostOffset);
    return setV128();
  }
  lowSplat<W, K>(i: Insn): i32 {
    if (offsetof<K>() != KIND_M) {
      const numbers: u64 = sizeof<W>() == 8 ? 0x0706050403020100 : 0x0302010003020100;
      return this.choose_bytes(this.xmm<K>(i), numbers, numbers);
    }
    pushHost(this.linear(i, sizeof<W>()), sizeof<W>(), false);
    simd(sizeof<W>() == 8 ? V128_LOAD64_SPLAT : V128_LOAD32_SPLAT);
    memarg(hostOffset);
    return setV128();
  }
  /** The low lane of a vector is written: no lane goes through an integer. */
  setLowOf<W, K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) {
      this.setLow<W, K>(i, this.first<W>(value));
      return;
    }
    const low: u64 = sizeof<W>() == 8 ? 0x0706050403020100 : 0x1716151403020100;
    const n = operandCode<K>(i) >> 3;
    this.setXmmNumber(n, this.shuffle_bytes(value, this.xmmNumber(n), low, 0x1f1e1d1c1b1a1918));
  }
  /** Lane of the vector on the stack. */
  extractLane<W>(lane: i32): i32 {
    simd(sizeof<W>() == 8 ? 0x1d : sizeof<W>() == 4 ? 0x1b : sizeof<W>() == 2 ? 0x19 : 0x16);
    op(lane);
    return setOf<W>();
  }
  setLane<W>(n: i32, lane: i32, value: i32): void {
    const local = xmmLocal(n);
    beforeSet(local);
    getLocal(local);
    get(value);
    simd(sizeof<W>() == 8 ? 0x1e : sizeof<W>() == 4 ? 0x1c : sizeof<W>() == 2 ? 0x1a : 0x17);
    op(lane);
    setLocal(local);
    wroteXmm(n);
  }
  setLow<W, K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
    else this.setLane<W>(<i32>(operandCode<K>(i) >> 3), 0, value);
  }
  high<K>(i: Insn): i32 {
    getLocal(xmmLocal(<i32>(operandCode<K>(i) >> 3)));
    return this.extractLane<u64>(1);
  }
  setHigh<K>(i: Insn, value: i32): void {
    this.setLane<u64>(<i32>(operandCode<K>(i) >> 3), 1, value);
  }
  /** Nearest rounding, all exceptions masked, PE set already, neither DAZ nor FTZ; leaves otherwise, so it is asked once a block. */
  mxcsrSettled(): i32 {
    if (settled) return this.k32(1);
    beforeLeave();
    loadFrom<u32>(MXCSR);
    c32(<i32>MXCSR_CONTROL_AND_PE);
    op(I32_AND);
    c32(<i32>MXCSR_SETTLED);
    op(I32_NE);
    leaveIf();
    if (!conditions) settled = true;
    return this.k32(1);
  }
  /** Precision exceptions masked, PE set already. */
  inexactSilent(): i32 {
    if (settled) return this.k32(1);
    loadFrom<u32>(MXCSR);
    c32(<i32>MXCSR_PM_PE);
    op(I32_AND);
    c32(<i32>MXCSR_PM_PE);
    op(I32_EQ);
    return set32();
  }
  // What follows rarely() is tier 0's.
  exactScalar<OP, T, D>(i: Insn, a: i32, b: i32): void {}
  exactPacked<OP, T, D>(i: Insn, a: i32, b: i32): void {}
  exactOrder<T>(i: Insn, a: i32, b: i32, signalling: bool): void {}
  exactConvert<OP, F, T, D>(i: Insn, source: i32): void {}
  exactConvertScalar<OP, F, T, D>(i: Insn, source: i32): void {}
  exactFromInteger<W, T, D>(i: Insn, source: i32): void {}
  exactToInteger<W, F, D>(i: Insn, source: i32, truncate: bool): void {}

  // ---- MMX -----------------------------------------------------------------------------------------------------------------
  mmxBegin(i: Insn): void {
    this.x87Wait(i);
  }
  mmx<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.zext<W, u64>(this.loadAt<W>(i, this.linear(i, sizeof<W>())));
    loadFrom<u64>(FPR + (((<u32>operandCode<K>(i)) & 56) << 1));
    return set64();
  }
  setMmx<K>(i: Insn, value: i32): void {
    const at: u32 = FPR + (((<u32>operandCode<K>(i)) & 56) << 1);
    c32(0);
    get(value);
    storeOp<u64>(at);
    c32(0);
    c32(0xffff);
    storeOp<u16>(at + 8);
  }
  mmxEnd(): void {
    c32(0);
    loadFrom<u16>(FSW);
    c32(~FSW_TOP);
    op(I32_AND);
    storeOp<u16>(FSW);
    c32(0);
    c32(0xff);
    storeOp<u8>(FTW);
  }

  // ---- x87: its state stays in memory; each instruction is a call (x87/translated.ts) -------------------------------------------
  /** A pending exception is tier 0's to raise. */
  x87Wait(i: Insn): void {
    beforeLeave();
    loadFrom<u16>(FSW);
    c32(FSW_ES);
    op(I32_AND);
    leaveIf();
  }
  /** What is called asks for that. */
  x87Begin(i: Insn): void {}
  x87Real<W>(i: Insn, operation: u32, bits: i32): void {
    beforeLeave();
    if (sizeof<W>() == 8 && operation == MUL) {
      get(bits);
      call(IMPORT_X87_MULTIPLY_DOUBLE);
    } else if (sizeof<W>() == 8 && isSum(operation)) {
      get(bits);
      c32(operation == SUBR ? SIGN : 0);
      c32(operation == SUB ? SIGN : 0);
      call(IMPORT_X87_ADD_DOUBLE);
    } else {
      c32(<i32>operation);
      get(bits);
      call(sizeof<W>() == 8 ? IMPORT_X87_DOUBLE : IMPORT_X87_SINGLE);
    }
    leaveIf();
    writePointers(i);
  }
  x87Integer<W>(i: Insn, operation: u32, value: i32): void {
    beforeLeave();
    c32(<i32>operation);
    this.pushSigned<W>(value);
    call(IMPORT_X87_INTEGER);
    leaveIf();
    writePointers(i);
  }
  x87PushReal<W>(i: Insn, bits: i32): void {
    beforeLeave();
    get(bits);
    call(sizeof<W>() == 8 ? IMPORT_X87_PUSH_DOUBLE : IMPORT_X87_PUSH_SINGLE);
    leaveIf();
    writePointers(i);
  }
  x87PushInteger<W>(i: Insn, value: i32): void {
    beforeLeave();
    this.pushSigned<W>(value);
    call(IMPORT_X87_PUSH_INTEGER);
    leaveIf();
    writePointers(i);
  }
  x87PushExtended(i: Insn, hi: i32, lo: i32): void {
    if (!isStubborn()) {
      emitPush(i, hi, lo);
      return;
    }
    beforeLeave();
    get(hi);
    get(lo);
    call(IMPORT_X87_PUSH_EXTENDED);
    leaveIf();
    writePointers(i);
  }
  x87LoadExtended(i: Insn): void {
    const place = hostAddress(this.linear(i, EXTENDED_BYTES), EXTENDED_BYTES, false);
    get(place);
    loadOp<u16>(8);
    const hi = set32();
    get(place);
    loadOp<u64>(0);
    this.x87PushExtended(i, hi, set64());
  }
  x87Registers(i: Insn, operation: u32, n: u32, toN: u32, pops: u32): void {
    beforeLeave();
    if (operation == MUL) {
      c32(<i32>n);
      c32(<i32>toN);
      c32(<i32>pops);
      call(IMPORT_X87_MULTIPLY_REGISTERS);
    } else if (isSum(operation)) {
      c32(<i32>n);
      c32(operation == SUBR ? SIGN : 0);
      c32(operation == SUB ? SIGN : 0);
      c32(<i32>toN);
      c32(<i32>pops);
      call(IMPORT_X87_ADD_REGISTERS);
    } else {
      c32(<i32>operation);
      c32(<i32>n);
      c32(<i32>toN);
      c32(<i32>pops);
      call(IMPORT_X87_REGISTERS);
    }
    leaveIf();
    writePointers(i);
  }
  x87Compare(i: Insn, n: u32, quiet: u32, pops: u32): void {
    beforeLeave();
    c32(<i32>n);
    c32(<i32>quiet);
    c32(<i32>pops);
    call(IMPORT_X87_COMPARE);
    leaveIf();
    writePointers(i);
  }
  x87CompareToFlags(i: Insn, n: u32, quiet: u32, pops: u32): i32 {
    beforeLeave();
    c32(<i32>n);
    c32(<i32>quiet);
    c32(<i32>pops);
    call(IMPORT_X87_COMPARE_TO_FLAGS);
    const image = set32();
    get(image);
    c32(-1);
    op(I32_EQ);
    leaveIf();
    writePointers(i);
    return image;
  }
  x87PushRegister(i: Insn, n: u32): void {
    if (!isStubborn()) {
      emitPushRegister(i, <i32>n);
      return;
    }
    beforeLeave();
    c32(<i32>n);
    call(IMPORT_X87_PUSH_REGISTER);
    leaveIf();
    writePointers(i);
  }
  x87Copy(i: Insn, n: u32, pops: u32): void {
    if (!isStubborn()) {
      emitCopy(i, <i32>n, pops != 0);
      return;
    }
    beforeLeave();
    c32(<i32>n);
    c32(<i32>pops);
    call(IMPORT_X87_COPY);
    leaveIf();
    writePointers(i);
  }
  x87Exchange(i: Insn, n: u32): void {
    if (!isStubborn()) {
      emitExchange(i, <i32>n);
      return;
    }
    beforeLeave();
    c32(<i32>n);
    call(IMPORT_X87_EXCHANGE);
    leaveIf();
    writePointers(i);
  }
  x87ChangeSign(i: Insn, keep: u32, flip: u32): void {
    if (!isStubborn()) {
      emitChangeSign(i, keep, flip);
      return;
    }
    beforeLeave();
    c32(<i32>keep);
    c32(<i32>flip);
    call(IMPORT_X87_CHANGE_SIGN);
    leaveIf();
    writePointers(i);
  }
  x87SquareRoot(i: Insn): void {
    beforeLeave();
    call(IMPORT_X87_SQUARE_ROOT);
    leaveIf();
    writePointers(i);
  }
  /** Leaves unless there is a value to store. */
  x87LeaveUnlessStored(): void {
    loadFrom<u32>(<u32>AFTER_STORE);
    op(I32_EQZ);
    leaveIf();
  }
  x87ToReal<W>(i: Insn, pops: u32): i32 {
    beforeLeave();
    c32(<i32>pops);
    call(sizeof<W>() == 8 ? IMPORT_X87_TO_DOUBLE : IMPORT_X87_TO_SINGLE);
    const value = setOf<W>();
    this.x87LeaveUnlessStored();
    return value;
  }
  x87ToInteger<W>(i: Insn, truncate: u32, pops: u32): i32 {
    beforeLeave();
    c32(<i32>truncate);
    c32(<i32>pops);
    if (sizeof<W>() == 8) call(IMPORT_X87_TO_INTEGER_64);
    else call(sizeof<W>() == 4 ? IMPORT_X87_TO_INTEGER_32 : IMPORT_X87_TO_INTEGER_16);
    const value = setOf<W>();
    this.x87LeaveUnlessStored();
    return value;
  }
  x87Stores(): i32 {
    return this.k32(1);
  }
  x87Stored(i: Insn, pops: u32): void {
    c32(0);
    loadFrom<u16>(<u32>AFTER_STORE);
    storeOp<u16>(FSW);
    c32(0);
    loadFrom<u8>(<u32>AFTER_STORE + 2);
    storeOp<u8>(FTW);
    writePointers(i);
  }
  x87ToExtended(): i32 {
    call(IMPORT_X87_TO_EXTENDED);
    return set32();
  }
  x87StoreExtended(i: Insn, place: i32): void {
    const to = hostAddress(this.linearForWrite(i, EXTENDED_BYTES), EXTENDED_BYTES, true);
    get(to);
    get(place);
    loadOp<u64>(0);
    storeOp<u64>(0);
    get(to);
    get(place);
    loadOp<u16>(8);
    storeOp<u16>(8);
    this.x87Stored(i, 1);
  }
  x87Control(): i32 {
    loadFrom<u16>(FCW);
    return set32();
  }
  x87SetControl(value: i32): void {
    get(value);
    call(IMPORT_X87_SET_CONTROL);
  }
  x87Status(): i32 {
    loadFrom<u16>(FSW);
    return set32();
  }
}
