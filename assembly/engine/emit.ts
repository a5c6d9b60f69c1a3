/**
 * Backend that appends WebAssembly (tier 1's code writer). This is the minimal one that proves the staged form: guest
 * registers stay in memory, no address is hoisted, no flag is dropped; the translator builds on it.
 *
 * A value is a handle: HANDLE + index of a Wasm local. Handles are typed by W: u8, u16 and u32 values live in i32
 * locals, zero-extended; u64 in i64; vectors in v128. A plain number where a handle belongs is caught when emitting.
 *
 * What can fail leaves before anything is written: the function returns the index of the instruction that tier 0 must
 * redo, so a fault finds the architectural state as it was before that instruction.
 */
import {
  EA_MASK,
  EA_SEGMENT,
  EMIT_CODE,
  FLAG_AUX,
  FLAG_RESULT,
  GPR,
  MXCSR,
  STACK_FLAT,
  STACK_MASK,
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
  XMM,
  LINEAR_PAGE,
} from '../layout';
import { bank } from '../mmu/tlb';
import { MXCSR_CONTROL_AND_PE, MXCSR_SETTLED } from './interp';
import { ipAfter } from './cache';
import { Insn, KIND_I, KIND_I64, KIND_M, KIND_R0, KIND_R1, KIND_R2 } from './backend';

const HANDLE: i32 = 0x10000;
// Local 0 is the instruction index; the pools follow.
const I32_FIRST: i32 = 1;
const I64_FIRST: i32 = 65;
const V128_FIRST: i32 = 129;
const POOL: i32 = 64;

// Functions that an emitted module imports, by index.
const IMPORT_HELPER = 0; // (record: i32)
const IMPORT_BRANCH_TO = 1; // (record: i32, ip: i64)
const IMPORT_BRANCH = 2; // (record: i32, mask: i64)
const IMPORT_DIV_WIDE = 3; // (high, low, divisor: i64) → i64
const IMPORT_X87_BEGIN = 4; // (record: i32)
const IMPORT_X87_SINGLE = 5; // (operation: i32, bits: i32)
const IMPORT_X87_DOUBLE = 6; // (operation: i32, bits: i64)

// Opcodes: WebAssembly core specification 2.0, section 5.4.
const BLOCK = 0x02;
const IF = 0x04;
const END = 0x0b;
const BR_IF = 0x0d;
const RETURN = 0x0f;
const CALL = 0x10;
const SELECT = 0x1b;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const VOID = 0x40;
const I32_EQZ = 0x45;
const I32_EQ = 0x46;
const I32_LT_U = 0x49;
const I64_EQZ = 0x50;
const I64_EQ = 0x51;
const I64_LT_U = 0x54;
const I64_GT_U = 0x56;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const I32_OR = 0x72;
const I32_XOR = 0x73;
const I32_SHL = 0x74;
const I32_SHR_S = 0x75;
const I32_SHR_U = 0x76;
const I64_ADD = 0x7c;
const I64_SUB = 0x7d;
const I64_AND = 0x83;
const I64_OR = 0x84;
const I64_XOR = 0x85;
const I64_SHL = 0x86;
const I64_SHR_U = 0x88;
const I32_WRAP_I64 = 0xa7;
const I64_EXTEND_I32_S = 0xac;
const I64_EXTEND_I32_U = 0xad;
const I32_EXTEND8_S = 0xc0;
const I32_EXTEND16_S = 0xc1;
const SIMD = 0xfd;
/** An i64 operation is its i32 sibling's opcode plus this, for the arithmetic block 0x6a…0x78. */
const WIDE_ARITHMETIC = 0x12;
const I32_SUB = 0x6b;
const I32_MUL = 0x6c;
const I32_DIV_S = 0x6d;
const I32_DIV_U = 0x6e;

let at: usize = EMIT_CODE;
let nextI32: i32 = 0;
let nextI64: i32 = 0;
let nextV128: i32 = 0;
let depth: i32 = 0;
/** A helper or branch ended the function. */
export let ended: bool = false;

function op(code: i32): void {
  store<u8>(at++, <u8>code);
}
function unsigned(value: u32): void {
  do {
    const low = value & 0x7f;
    value >>= 7;
    op(<i32>(value ? low | 0x80 : low));
  } while (value);
}
function signed(value: i64): void {
  while (true) {
    const low = <i32>(value & 0x7f);
    value >>= 7;
    if ((value == 0 && !(low & 0x40)) || (value == -1 && low & 0x40)) {
      op(low);
      return;
    }
    op(low | 0x80);
  }
}
function c32(value: i32): void {
  op(I32_CONST);
  signed(value);
}
function c64(value: i64): void {
  op(I64_CONST);
  signed(value);
}
/** Pushes a value. A number that is no handle is a semantic function's mistake. */
function get(handle: i32): void {
  if (handle < HANDLE) unreachable();
  op(LOCAL_GET);
  unsigned(<u32>(handle - HANDLE));
}
function setLocal(index: i32): i32 {
  op(LOCAL_SET);
  unsigned(<u32>index);
  return HANDLE + index;
}
function set32(): i32 {
  if (nextI32 >= POOL) unreachable();
  return setLocal(I32_FIRST + nextI32++);
}
function set64(): i32 {
  if (nextI64 >= POOL) unreachable();
  return setLocal(I64_FIRST + nextI64++);
}
function setV128(): i32 {
  if (nextV128 >= POOL) unreachable();
  return setLocal(V128_FIRST + nextV128++);
}
function setOf<W>(): i32 {
  return sizeof<W>() == 8 ? set64() : set32();
}
/** Cuts the i32 on the stack to the width. */
function cut<W>(): void {
  if (sizeof<W>() == 1) {
    c32(0xff);
    op(I32_AND);
  } else if (sizeof<W>() == 2) {
    c32(0xffff);
    op(I32_AND);
  }
}
/** Alignment 0 (a hint only) and offset. */
function memarg(offset: u32): void {
  op(0);
  unsigned(offset);
}
function loadOp<W>(offset: u32): void {
  op(sizeof<W>() == 8 ? 0x29 : sizeof<W>() == 4 ? 0x28 : sizeof<W>() == 2 ? 0x2f : 0x2d);
  memarg(offset);
}
function storeOp<W>(offset: u32): void {
  op(sizeof<W>() == 8 ? 0x37 : sizeof<W>() == 4 ? 0x36 : sizeof<W>() == 2 ? 0x3b : 0x3a);
  memarg(offset);
}
function load64From(address: u32): void {
  c32(0);
  loadOp<u64>(address);
}
function binary<W>(a: i32, b: i32, code: i32): i32 {
  get(a);
  get(b);
  op(sizeof<W>() == 8 ? code + WIDE_ARITHMETIC : code);
  cut<W>();
  return setOf<W>();
}
/** Leaves for tier 0 when the i32 on the stack is not zero. */
function leaveIf(): void {
  op(BR_IF);
  unsigned(<u32>depth);
}
function simd(code: u32): void {
  op(SIMD);
  unsigned(code);
}

// ---- one function ------------------------------------------------------------------------------------------------------

export function beginFunction(): void {
  at = EMIT_CODE;
  depth = 0;
  ended = false;
  // Local declarations: (i32 × 1 + POOL), (i64 × POOL), (v128 × POOL)
  op(3);
  unsigned(<u32>(POOL + 1));
  op(0x7f);
  unsigned(POOL);
  op(0x7e);
  unsigned(POOL);
  op(0x7b);
  op(BLOCK);
  op(VOID);
}
/** Every instruction starts with empty pools and its index in local 0. */
export function beginInsn(index: i32): void {
  nextI32 = 0;
  nextI64 = 0;
  nextV128 = 0;
  c32(index);
  setLocal(0);
}
/** Returns the size of the body in bytes. `count` instructions ran when the end is reached. */
export function endFunction(count: i32): u32 {
  c32(count);
  op(RETURN);
  op(END);
  op(LOCAL_GET);
  op(0);
  op(END);
  return <u32>(at - EMIT_CODE);
}
/** A call of the ordinary function that both tiers share; the instruction then is done. */
export function emitHelper(i: Insn, index: i32): void {
  c32(<i32>changetype<usize>(i));
  op(CALL);
  unsigned(IMPORT_HELPER);
  c32(index + 1);
  op(RETURN);
  ended = true;
}

@unmanaged
@final
export class Emit {
  // ---- addresses -----------------------------------------------------------------------------------------------------
  linear(i: Insn, size: u32): i32 {
    if (i.ea & EA_SEGMENT) {
      // Segments go to tier 0 in the proof.
      c32(1);
      leaveIf();
    }
    return this.effective(i);
  }
  linearForWrite(i: Insn, size: u32): i32 {
    return this.linear(i, size);
  }
  effective(i: Insn): i32 {
    load64From(GPR + <u32>i.r1);
    load64From(GPR + (((<u32>i.index) & 31) << 3));
    c64(<i64>(i.index >> 5));
    op(I64_SHL);
    op(I64_ADD);
    c64(<i64>i.disp);
    op(I64_ADD);
    load64From(EA_MASK + (((<u32>i.ea) & 3) << 3));
    op(I64_AND);
    return set64();
  }
  /** Host address of a linear address, or leaves: one compare covers tag, permission and page crossing. */
  translated(linear: i32, size: u32, tag: u32): i32 {
    get(linear);
    c64(12);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
    c32(1023);
    op(I32_AND);
    c32(5);
    op(I32_SHL);
    c32(<i32>bank);
    op(I32_ADD);
    const entry = set32();
    get(linear);
    get(entry);
    loadOp<u64>(tag);
    op(I64_XOR);
    c64(<i64>(4096 - size));
    op(I64_GT_U);
    leaveIf();
    get(linear);
    op(I32_WRAP_I64);
    get(entry);
    loadOp<u32>(TLB_ADDEND);
    op(I32_ADD);
    return set32();
  }
  loadAt<W>(i: Insn, linear: i32): i32 {
    get(this.translated(linear, sizeof<W>(), TLB_READ));
    loadOp<W>(0);
    return setOf<W>();
  }
  storeAt<W>(i: Insn, linear: i32, value: i32): void {
    get(this.translated(linear, sizeof<W>(), TLB_WRITE));
    get(value);
    storeOp<W>(0);
  }

  // ---- integer operands --------------------------------------------------------------------------------------------------
  read<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_R0) return this.gpr<W>(<usize>i.r0);
    if (offsetof<K>() == KIND_R1) return this.gpr<W>(<usize>i.r1);
    if (offsetof<K>() == KIND_R2) return this.gpr<W>(<usize>load<u8>(changetype<usize>(i), 13));
    if (offsetof<K>() == KIND_I) return this.k<W>(<i64>i.imm);
    if (offsetof<K>() == KIND_I64) return this.k<W>(load<i64>(changetype<usize>(i) + 8));
    return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
  }
  write<W, K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_R0) this.setGpr<W>(<usize>i.r0, value);
    else if (offsetof<K>() == KIND_R1) this.setGpr<W>(<usize>i.r1, value);
    else if (offsetof<K>() == KIND_R2) this.setGpr<W>(<usize>load<u8>(changetype<usize>(i), 13), value);
    else this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
  }
  gpr<W>(code: usize): i32 {
    c32(0);
    loadOp<W>(GPR + <u32>code);
    return setOf<W>();
  }
  setGpr<W>(code: usize, value: i32): void {
    c32(0);
    get(value);
    if (sizeof<W>() == 4) {
      op(I64_EXTEND_I32_U);
      storeOp<u64>(GPR + <u32>code);
    } else storeOp<W>(GPR + <u32>code);
  }

  // ---- read-modify-write ------------------------------------------------------------------------------------------------------
  place<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.translated(this.linearForWrite(i, sizeof<W>()), sizeof<W>(), TLB_WRITE);
    c32(GPR + <i32>(offsetof<K>() == KIND_R0 ? i.r0 : i.r1));
    return set32();
  }
  get<W>(place: i32): i32 {
    get(place);
    loadOp<W>(0);
    return setOf<W>();
  }
  put<W, K>(i: Insn, place: i32, value: i32): void {
    get(place);
    get(value);
    if (offsetof<K>() != KIND_M && sizeof<W>() == 4) {
      op(I64_EXTEND_I32_U);
      storeOp<u64>(0);
    } else storeOp<W>(0);
  }
  rewrite<W, K>(i: Insn, place: i32, value: i32): void {
    if (offsetof<K>() == KIND_M) this.put<W, K>(i, place, value);
  }

  // ---- the stack ----------------------------------------------------------------------------------------------------------------
  push<W>(i: Insn, value: i32): void {
    this.requireFlatStack();
    load64From(GPR + 32);
    c64(sizeof<W>());
    op(I64_SUB);
    c64(load<i64>(STACK_MASK));
    op(I64_AND);
    const down = set64();
    this.storeAt<W>(i, down, value);
    this.setStack(down);
  }
  top<W>(i: Insn): i32 {
    this.requireFlatStack();
    load64From(GPR + 32);
    c64(load<i64>(STACK_MASK));
    op(I64_AND);
    return this.loadAt<W>(i, set64());
  }
  moveStack(by: u64): void {
    load64From(GPR + 32);
    c64(<i64>by);
    op(I64_ADD);
    c64(load<i64>(STACK_MASK));
    op(I64_AND);
    this.setStack(set64());
  }
  /** The stack's width and flatness are part of the code's key, so they are constants here. */
  requireFlatStack(): void {
    if (load<u32>(STACK_FLAT)) return;
    c32(1);
    leaveIf();
  }
  setStack(value: i32): void {
    c32(0);
    load64From(GPR + 32);
    c64(~load<i64>(STACK_MASK));
    op(I64_AND);
    get(value);
    op(I64_OR);
    storeOp<u64>(GPR + 32);
  }

  // ---- arithmetic -------------------------------------------------------------------------------------------------------------------
  k<W>(value: i64): i32 {
    if (sizeof<W>() == 8) {
      c64(value);
      return set64();
    }
    c32(sizeof<W>() == 1 ? (<i32>value) & 0xff : sizeof<W>() == 2 ? (<i32>value) & 0xffff : <i32>value);
    return set32();
  }
  k32(value: u32): i32 {
    c32(value);
    return set32();
  }
  add<W>(a: i32, b: i32): i32 {
    return binary<W>(a, b, I32_ADD);
  }
  sub<W>(a: i32, b: i32): i32 {
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
    op(CALL);
    unsigned(IMPORT_DIV_WIDE);
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
  count<W>(a: i32, mask: u32): i32 {
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
    get(a);
    op(sizeof<W>() == 8 ? I64_EQZ : I32_EQZ);
    op(I32_EQZ);
    return set32();
  }
  equal<W>(a: i32, b: i32): i32 {
    get(a);
    get(b);
    op(sizeof<W>() == 8 ? I64_EQ : I32_EQ);
    return set32();
  }
  below<W>(a: i32, b: i32): i32 {
    get(a);
    get(b);
    op(sizeof<W>() == 8 ? I64_LT_U : I32_LT_U);
    return set32();
  }
  select<W>(condition: i32, a: i32, b: i32): i32 {
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

  // ---- flags: the two words of engine/flags.ts, computed by emitted code ---------------------------------------------------------------
  /** The result, sign-extended to 64 bits, into FLAG_RESULT. */
  storeResult<W>(r: i32): void {
    c32(0);
    get(r);
    if (sizeof<W>() == 1) op(I32_EXTEND8_S);
    if (sizeof<W>() == 2) op(I32_EXTEND16_S);
    if (sizeof<W>() != 8) op(I64_EXTEND_I32_S);
    storeOp<u64>(FLAG_RESULT);
  }
  /** Places a carry vector's two top bits and bit 3 into FLAG_AUX. */
  storeCarries<W>(carries: i32): void {
    c32(0);
    get(carries);
    if (sizeof<W>() == 8) {
      c64(32);
      op(I64_SHR_U);
      op(I32_WRAP_I64);
    }
    if (sizeof<W>() < 4) {
      c32(32 - sizeof<W>() * 8);
      op(I32_SHL);
    }
    c32(<i32>0xc0000000);
    op(I32_AND);
    get(carries);
    if (sizeof<W>() == 8) op(I32_WRAP_I64);
    c32(8);
    op(I32_AND);
    op(I32_OR);
    storeOp<u32>(FLAG_AUX);
  }
  flagsAdd<W>(a: i32, b: i32, r: i32): void {
    this.storeResult<W>(r);
    this.storeCarries<W>(this.or<W>(this.and<W>(a, b), this.and<W>(this.or<W>(a, b), this.not<W>(r))));
  }
  flagsSub<W>(a: i32, b: i32, r: i32): void {
    this.storeResult<W>(r);
    this.storeCarries<W>(this.or<W>(this.and<W>(this.not<W>(a), b), this.and<W>(this.not<W>(this.xor<W>(a, b)), r)));
  }
  flagsLogic<W>(r: i32): void {
    this.storeResult<W>(r);
    c32(0);
    c32(0);
    storeOp<u32>(FLAG_AUX);
  }
  flagsResult<W>(r: i32, cf: i32, ov: i32): void {
    this.storeResult<W>(r);
    c32(0);
    get(cf);
    c32(31);
    op(I32_SHL);
    get(cf);
    get(ov);
    op(I32_XOR);
    c32(30);
    op(I32_SHL);
    op(I32_OR);
    storeOp<u32>(FLAG_AUX);
  }
  /** SHL: CF is the top bit of the value one step before the last; OF = CF ^ sign. */
  flagsShl<W>(last: i32, r: i32): void {
    const top = this.k32(sizeof<W>() * 8 - 1);
    const cf = this.bit<W>(last, top);
    this.flagsResult<W>(r, cf, this.xor<u32>(cf, this.bit<W>(r, top)));
  }
  cf(): i32 {
    c32(0);
    loadOp<u32>(FLAG_AUX);
    c32(31);
    op(I32_SHR_U);
    return set32();
  }

  // ---- control ----------------------------------------------------------------------------------------------------------------------------
  begin(condition: i32): bool {
    get(condition);
    op(IF);
    op(VOID);
    depth++;
    return true;
  }
  end(): void {
    op(END);
    depth--;
  }
  /** Leaves for tier 0, which raises the fault itself. */
  faultIf(i: Insn, condition: i32, vector: u32): void {
    get(condition);
    leaveIf();
  }
  checkTarget<W>(i: Insn, target: i32): void {
    if (sizeof<W>() != 8) return; // flat segments: the key says so
    get(target);
    c64(47);
    op(I64_SHR_U);
    op(I64_EQZ);
    op(I32_EQZ);
    leaveIf();
  }
  checkBranch<W>(i: Insn): void {
    // The target is a constant, and the key says that segments are flat: only a 16-bit or non-canonical target can fault.
    const target = <u64>(load<i64>(LINEAR_PAGE) + <i64>i.imm);
    if (sizeof<W>() == 2 || target >> 47) {
      c32(1);
      leaveIf();
    }
  }
  branchTo<W>(i: Insn, target: i32): void {
    c32(<i32>changetype<usize>(i));
    get(this.zext<W, u64>(target));
    op(CALL);
    unsigned(IMPORT_BRANCH_TO);
    this.returnAfterBranch();
  }
  branch<W>(i: Insn): void {
    c32(<i32>changetype<usize>(i));
    c64(sizeof<W>() == 8 ? -1 : sizeof<W>() == 4 ? 0xffffffff : 0xffff);
    op(CALL);
    unsigned(IMPORT_BRANCH);
    this.returnAfterBranch();
  }
  returnAfterBranch(): void {
    op(LOCAL_GET);
    op(0);
    c32(1);
    op(I32_ADD);
    op(RETURN);
    ended = true;
  }
  nextIp<W>(i: Insn): i32 {
    return this.k<W>(<i64>ipAfter(i));
  }

  // ---- vectors --------------------------------------------------------------------------------------------------------------------------------
  xmm<K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.load128(i, this.linear(i, 16));
    c32(0);
    simd(0);
    memarg(XMM + ((<u32>(offsetof<K>() == KIND_R0 ? i.r0 : i.r1)) << 2));
    return setV128();
  }
  xmmAligned<K>(i: Insn): i32 {
    if (offsetof<K>() != KIND_M) return this.xmm<K>(i);
    const linear = this.linear(i, 16);
    get(linear);
    op(I32_WRAP_I64);
    c32(15);
    op(I32_AND);
    leaveIf();
    return this.load128(i, linear);
  }
  load128(i: Insn, linear: i32): i32 {
    get(this.translated(linear, 16, TLB_READ));
    simd(0);
    memarg(0);
    return setV128();
  }
  setXmm<K>(i: Insn, value: i32): void {
    c32(0);
    get(value);
    simd(11);
    memarg(XMM + ((<u32>(offsetof<K>() == KIND_R0 ? i.r0 : i.r1)) << 2));
  }
  /** A value in every lane of width L. */
  splat<L>(value: i32): i32 {
    get(value);
    simd(sizeof<L>() == 1 ? 0x0f : sizeof<L>() == 2 ? 0x10 : sizeof<L>() == 4 ? 0x11 : 0x12);
    return setV128();
  }
  /** A constant that follows from the instruction alone. */
  v128_const(low: u64, high: u64): i32 {
    simd(12);
    store<u64>(at, low);
    store<u64>(at, high, 8);
    at += 16;
    return setV128();
  }
  vector2(a: i32, b: i32, code: u32): i32 {
    get(a);
    get(b);
    simd(code);
    return setV128();
  }
  i8x16_swizzle(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x0e);
  }
  v128_and(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x4e);
  }
  v128_or(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x50);
  }
  v128_xor(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x51);
  }
  f32x4_add(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xe4);
  }
  f32x4_sub(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xe5);
  }
  f32x4_mul(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xe6);
  }
  f32x4_div(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xe7);
  }
  f32x4_eq(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x41);
  }
  f32x4_lt(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x43);
  }
  f32x4_gt(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x44);
  }
  f32x4_ge(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x46);
  }
  f64x2_add(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xf0);
  }
  f64x2_sub(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xf1);
  }
  f64x2_mul(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xf2);
  }
  f64x2_div(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0xf3);
  }
  f64x2_eq(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x47);
  }
  f64x2_lt(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x49);
  }
  f64x2_gt(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x4a);
  }
  f64x2_ge(a: i32, b: i32): i32 {
    return this.vector2(a, b, 0x4c);
  }
  vector1(a: i32, code: u32): i32 {
    get(a);
    simd(code);
    return setV128();
  }
  f32x4_abs(a: i32): i32 {
    return this.vector1(a, 0xe0);
  }
  f64x2_abs(a: i32): i32 {
    return this.vector1(a, 0xec);
  }
  i32x4_all_true(a: i32): i32 {
    get(a);
    simd(0xa3);
    return set32();
  }
  /** Lane 0, of width W (4 or 8 bytes). */
  first<W>(a: i32): i32 {
    get(a);
    simd(sizeof<W>() == 8 ? 0x1d : 0x1b);
    op(0);
    return setOf<W>();
  }
  low<W, K>(i: Insn): i32 {
    if (offsetof<K>() == KIND_M) return this.loadAt<W>(i, this.linear(i, sizeof<W>()));
    c32(0);
    loadOp<W>(XMM + ((<u32>(offsetof<K>() == KIND_R0 ? i.r0 : i.r1)) << 2));
    return setOf<W>();
  }
  setLow<W, K>(i: Insn, value: i32): void {
    if (offsetof<K>() == KIND_M) {
      this.storeAt<W>(i, this.linearForWrite(i, sizeof<W>()), value);
      return;
    }
    c32(0);
    get(value);
    storeOp<W>(XMM + ((<u32>(offsetof<K>() == KIND_R0 ? i.r0 : i.r1)) << 2));
  }
  /** Nearest rounding, all exceptions masked, PE set already, neither DAZ nor FTZ. */
  mxcsrSettled(): i32 {
    c32(0);
    loadOp<u32>(MXCSR);
    c32(<i32>MXCSR_CONTROL_AND_PE);
    op(I32_AND);
    c32(<i32>MXCSR_SETTLED);
    op(I32_EQ);
    return set32();
  }
  /** The exact path is tier 0's: nothing has been written. */
  exactScalar<OP, T, D>(i: Insn, a: i32, b: i32): void {
    c32(1);
    leaveIf();
  }
  exactPacked<OP, T, D>(i: Insn, a: i32, b: i32): void {
    c32(1);
    leaveIf();
  }

  // ---- x87: calls of the functions that both tiers share -----------------------------------------------------------------
  x87Begin(i: Insn): void {
    c32(<i32>changetype<usize>(i));
    op(CALL);
    unsigned(IMPORT_X87_BEGIN);
  }
  x87Real<W>(operation: u32, bits: i32): void {
    c32(<i32>operation);
    get(bits);
    op(CALL);
    unsigned(sizeof<W>() == 8 ? IMPORT_X87_DOUBLE : IMPORT_X87_SINGLE);
  }
}
