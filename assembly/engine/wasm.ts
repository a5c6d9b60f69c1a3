/**
 * Appends one WebAssembly function to the code buffer: opcodes, constants, locals and value handles. Knows nothing of x86.
 * WebAssembly core specification 2.0, section 5.4. A function is written twice: the dry run writes nothing and only counts
 * what it needs (temporaries), so that the second run can give out local indices without gaps.
 *
 * A value is a handle: a local, or a constant that never gets one. Values of u8, u16 and u32 are i32, zero-extended; u64 is
 * i64; vectors are v128. A plain number where a handle belongs is caught when it is used.
 */
import { EMIT_CODE, EMIT_CODE_SIZE } from '../layout';

// ---- opcodes -------------------------------------------------------------------------------------------------------
export const UNREACHABLE = 0x00;
export const BLOCK = 0x02;
export const LOOP = 0x03;
export const IF = 0x04;
export const ELSE = 0x05;
export const END = 0x0b;
export const BR = 0x0c;
export const BR_IF = 0x0d;
export const BR_TABLE = 0x0e;
export const RETURN = 0x0f;
export const CALL = 0x10;
export const SELECT = 0x1b;
export const LOCAL_GET = 0x20;
export const LOCAL_SET = 0x21;
export const LOCAL_TEE = 0x22;
export const I32_CONST = 0x41;
export const I64_CONST = 0x42;
export const VOID = 0x40;
export const I32_EQZ = 0x45;
export const I32_EQ = 0x46;
export const I32_NE = 0x47;
export const I32_LT_S = 0x48;
export const I32_LT_U = 0x49;
export const I32_GT_S = 0x4a;
export const I32_GT_U = 0x4b;
export const I32_LE_S = 0x4c;
export const I32_LE_U = 0x4d;
export const I32_GE_S = 0x4e;
export const I32_GE_U = 0x4f;
export const I64_EQZ = 0x50;
export const I64_EQ = 0x51;
export const I64_NE = 0x52;
export const I64_LT_S = 0x53;
export const I64_LT_U = 0x54;
export const I64_GT_S = 0x55;
export const I64_GT_U = 0x56;
export const I64_LE_S = 0x57;
export const I64_GE_S = 0x59;
/** A comparison of i64 is its i32 sibling's opcode plus this. */
export const WIDE_COMPARISON = 0x0b;
export const I32_CLZ = 0x67;
export const I32_CTZ = 0x68;
export const I32_POPCNT = 0x69;
export const I64_CLZ = 0x79;
export const I64_CTZ = 0x7a;
export const I64_POPCNT = 0x7b;
export const I32_ADD = 0x6a;
export const I32_SUB = 0x6b;
export const I32_MUL = 0x6c;
export const I32_DIV_S = 0x6d;
export const I32_DIV_U = 0x6e;
export const I32_AND = 0x71;
export const I32_OR = 0x72;
export const I32_XOR = 0x73;
export const I32_SHL = 0x74;
export const I32_SHR_S = 0x75;
export const I32_SHR_U = 0x76;
export const I32_ROTL = 0x77;
export const I32_ROTR = 0x78;
export const I64_ADD = 0x7c;
export const I64_SUB = 0x7d;
export const I64_MUL = 0x7e;
export const I64_AND = 0x83;
export const I64_OR = 0x84;
export const I64_XOR = 0x85;
export const I64_SHL = 0x86;
export const I64_SHR_S = 0x87;
export const I64_SHR_U = 0x88;
/** An i64 operation is its i32 sibling's opcode plus this, for the arithmetic block 0x6a…0x78. */
export const WIDE_ARITHMETIC = 0x12;
export const I32_WRAP_I64 = 0xa7;
export const I64_EXTEND_I32_S = 0xac;
export const I64_EXTEND_I32_U = 0xad;
export const I32_EXTEND8_S = 0xc0;
export const I32_EXTEND16_S = 0xc1;
export const I64_EXTEND8_S = 0xc2;
export const I64_EXTEND16_S = 0xc3;
export const I64_EXTEND32_S = 0xc4;
export const SIMD = 0xfd;
const TYPE_I32 = 0x7f;
const TYPE_I64 = 0x7e;
const TYPE_V128 = 0x7b;

// ---- locals --------------------------------------------------------------------------------------------------------
/** Parameter 0: which block to start with. */
export const ENTRY: i32 = 0;
/** Fixed locals of each type, and where the temporaries begin. Names are given by who uses them (engine/emit.ts). */
export const FIXED_I32: i32 = 24;
export const FIXED_I64: i32 = 20;
export const FIXED_V128: i32 = 16;

let temporaries32: i32 = 0;
let temporaries64: i32 = 0;
let temporariesV128: i32 = 0;
let next32: i32 = 0;
let next64: i32 = 0;
let nextV128: i32 = 0;
/** The dry run: nothing is written, temporaries are counted. */
export let dry: bool = false;

/** Where the locals of each type begin. While they are being counted they stand far apart. */
let first64: i32 = 0;
let firstV128: i32 = 0;
const DRY_64: i32 = 1000;
const DRY_V128: i32 = 2000;
/** Temporaries that are declared beyond the count: the second run may leave out code, but never needs many more. */
const SLACK: i32 = 2;

// Which fixed locals are used, as seen in the dry run (bits), and how many: the others are not declared, for every local costs
// V8 something wherever control meets.
let used32: u32 = 0;
let used64: u32 = 0;
let usedV128: u32 = 0;
let count32: i32 = 0;
let count64: i32 = 0;
let countV128: i32 = 0;
function rank(used: u32, n: i32): i32 {
  if (!(used & (1 << n))) unreachable();
  return popcnt<u32>(used & ((1 << n) - 1));
}
export function local32(n: i32): i32 {
  if (dry) {
    used32 |= 1 << n;
    return 1 + n;
  }
  return 1 + rank(used32, n);
}
export function local64(n: i32): i32 {
  if (dry) {
    used64 |= 1 << n;
    return first64 + n;
  }
  return first64 + rank(used64, n);
}
export function localV128(n: i32): i32 {
  if (dry) {
    usedV128 |= 1 << n;
    return firstV128 + n;
  }
  return firstV128 + rank(usedV128, n);
}
/** Temporary number n of each type. */
function temporary32(n: i32): i32 {
  return 1 + (dry ? FIXED_I32 : count32) + n;
}
function temporary64(n: i32): i32 {
  return first64 + (dry ? FIXED_I64 : count64) + n;
}
function temporaryV128(n: i32): i32 {
  return firstV128 + (dry ? FIXED_V128 : countV128) + n;
}

// ---- handles -------------------------------------------------------------------------------------------------------
export const HANDLE: i32 = 0x10000;
const CONSTANT_32: i32 = 0x20000;
const CONSTANT_64: i32 = 0x30000;
const CONSTANTS_MAX: i32 = 256;
const constants: usize = memory.data(CONSTANTS_MAX * 8);
let constantCount: i32 = 0;

export function isConstant(handle: i32): bool {
  return handle >= CONSTANT_32;
}
export function constantOf(handle: i32): i64 {
  return load<i64>(constants + ((<usize>(handle & 0xffff)) << 3));
}
function constant(value: i64, kind: i32): i32 {
  if (constantCount >= CONSTANTS_MAX) unreachable();
  store<i64>(constants + ((<usize>constantCount) << 3), value);
  return kind + constantCount++;
}
/** A constant of width W. */
export function constantHandle<W>(value: i64): i32 {
  if (sizeof<W>() == 8) return constant(value, CONSTANT_64);
  return constant(
    <i64>(sizeof<W>() == 1 ? (<i32>value) & 0xff : sizeof<W>() == 2 ? (<i32>value) & 0xffff : <i32>value),
    CONSTANT_32,
  );
}

// ---- the buffer ----------------------------------------------------------------------------------------------------
export let at: usize = EMIT_CODE;
/** Room for the declarations, which are known in the end. */
const HEADER: usize = 32;

export function op(code: i32): void {
  if (!dry) store<u8>(at++, <u8>code);
}
export function unsigned(value: u32): void {
  if (dry) return;
  do {
    const low = value & 0x7f;
    value >>= 7;
    store<u8>(at++, <u8>(value ? low | 0x80 : low));
  } while (value);
}
export function signed(value: i64): void {
  if (dry) return;
  while (true) {
    const low = <i32>(value & 0x7f);
    value >>= 7;
    if ((value == 0 && !(low & 0x40)) || (value == -1 && low & 0x40)) {
      store<u8>(at++, <u8>low);
      return;
    }
    store<u8>(at++, <u8>(low | 0x80));
  }
}
export function c32(value: i32): void {
  op(I32_CONST);
  signed(value);
}
export function c64(value: i64): void {
  op(I64_CONST);
  signed(value);
}
export function simd(code: u32): void {
  op(SIMD);
  unsigned(code);
}
/** 16 bytes of a v128.const. */
export function bytes16(low: u64, high: u64): void {
  if (dry) return;
  store<u64>(at, low);
  store<u64>(at, high, 8);
  at += 16;
}
export function getLocal(index: i32): void {
  op(LOCAL_GET);
  unsigned(<u32>index);
}
export function setLocal(index: i32): void {
  op(LOCAL_SET);
  unsigned(<u32>index);
}
export function teeLocal(index: i32): void {
  op(LOCAL_TEE);
  unsigned(<u32>index);
}
/** Pushes a value. A number that is no handle is a semantic function's mistake. */
export function get(handle: i32): void {
  if (handle < HANDLE) unreachable();
  if (handle < CONSTANT_32) getLocal(current(handle - HANDLE));
  else if (handle < CONSTANT_64) c32(<i32>constantOf(handle));
  else c64(constantOf(handle));
}
/** Pops the stack's top into a fresh temporary of the type. */
export function set32(): i32 {
  const index = temporary32(next32++);
  if (next32 > temporaries32) {
    if (!dry) unreachable();
    temporaries32 = next32;
  }
  setLocal(index);
  return HANDLE + index;
}
export function set64(): i32 {
  const index = temporary64(next64++);
  if (next64 > temporaries64) {
    if (!dry) unreachable();
    temporaries64 = next64;
  }
  setLocal(index);
  return HANDLE + index;
}
export function setV128(): i32 {
  const index = temporaryV128(nextV128++);
  if (nextV128 > temporariesV128) {
    if (!dry) unreachable();
    temporariesV128 = nextV128;
  }
  setLocal(index);
  return HANDLE + index;
}
export function setOf<W>(): i32 {
  return sizeof<W>() == 8 ? set64() : set32();
}
/** Cuts the i32 on the stack to the width. */
export function cut<W>(): void {
  if (sizeof<W>() == 1) {
    c32(0xff);
    op(I32_AND);
  } else if (sizeof<W>() == 2) {
    c32(0xffff);
    op(I32_AND);
  }
}
/** Alignment 0 (a hint only) and offset. */
export function memarg(offset: u32): void {
  op(0);
  unsigned(offset);
}
export function loadOp<W>(offset: u32): void {
  op(sizeof<W>() == 8 ? 0x29 : sizeof<W>() == 4 ? 0x28 : sizeof<W>() == 2 ? 0x2f : 0x2d);
  memarg(offset);
}
export function storeOp<W>(offset: u32): void {
  op(sizeof<W>() == 8 ? 0x37 : sizeof<W>() == 4 ? 0x36 : sizeof<W>() == 2 ? 0x3b : 0x3a);
  memarg(offset);
}
/** Pushes a field of the CPU block. */
export function loadFrom<W>(address: u32): void {
  c32(0);
  loadOp<W>(address);
}
export function call(import_: u32): void {
  op(CALL);
  unsigned(import_);
}
export function binary<W>(a: i32, b: i32, code: i32): i32 {
  get(a);
  get(b);
  op(sizeof<W>() == 8 ? code + WIDE_ARITHMETIC : code);
  cut<W>();
  return setOf<W>();
}

// ---- values that are a fixed local (a guest register) as long as nobody changes it --------------------------------------
const ALIASES_MAX: i32 = 32;
const aliases: usize = memory.data(ALIASES_MAX * 8); // u32 local, u32 local that keeps its old value or 0
let aliasCount: i32 = 0;

function findAlias(index: i32): usize {
  for (let n: i32 = 0; n < aliasCount; n++) {
    const at = aliases + ((<usize>n) << 3);
    if (load<i32>(at) == index) return at;
  }
  return 0;
}
/** The local that has the value a handle was given for. */
function current(index: i32): i32 {
  const found = findAlias(index);
  return found && load<i32>(found, 4) ? load<i32>(found, 4) : index;
}
/** A handle for what fixed local `index` holds now, without a copy. */
export function alias(index: i32): i32 {
  const found = findAlias(index);
  if (!found) {
    if (aliasCount >= ALIASES_MAX) unreachable();
    const at = aliases + ((<usize>aliasCount) << 3);
    aliasCount++;
    store<i32>(at, index);
    store<i32>(at, 0, 4);
  } else if (load<i32>(found, 4)) {
    // Changed since: the new value needs a place of its own.
    getLocal(index);
    return index >= firstV128 ? setV128() : set64();
  }
  return HANDLE + index;
}
/** Call before fixed local `index` changes: handles to its old value stay good. */
export function beforeSet(index: i32): void {
  const found = findAlias(index);
  if (!found || load<i32>(found, 4)) return;
  getLocal(index);
  store<i32>(found, (index >= firstV128 ? setV128() : set64()) - HANDLE, 4);
}
/** Call before code that is executed on a condition: what changes in there must not be copied only there. */
export function freezeAliases(): void {
  for (let n: i32 = 0; n < aliasCount; n++) beforeSet(load<i32>(aliases + ((<usize>n) << 3)));
}

// ---- one function --------------------------------------------------------------------------------------------------
export function beginDryRun(): void {
  dry = true;
  temporaries32 = temporaries64 = temporariesV128 = 0;
  used32 = used64 = usedV128 = 0;
  first64 = DRY_64;
  firstV128 = DRY_V128;
  beginValues();
}
export function beginWriting(): void {
  dry = false;
  at = EMIT_CODE + HEADER;
  hintCount = 0;
  temporaries32 += SLACK;
  temporaries64 += SLACK;
  if (temporariesV128) temporariesV128 += SLACK;
  count32 = popcnt<u32>(used32);
  count64 = popcnt<u32>(used64);
  countV128 = popcnt<u32>(usedV128);
  first64 = 1 + count32 + temporaries32;
  firstV128 = first64 + count64 + temporaries64;
  beginValues();
}
/** Temporaries and constants of the instruction before are free again. */
export function beginValues(): void {
  next32 = next64 = nextV128 = 0;
  constantCount = 0;
  aliasCount = 0;
}
/** Positions of branches that are hardly ever taken, for the section metadata.code.branch_hint: u32 each, from the body's start. */
export const HINTS: usize = EMIT_CODE + 0xc0000;
const HINTS_MAX: u32 = 0xffff;
export let hintCount: u32 = 0;
/** A br_if that is hardly ever taken. */
export function brIfRarely(label: u32): void {
  if (!dry && hintCount < HINTS_MAX) {
    store<u32>(HINTS + ((<usize>hintCount) << 2), <u32>at);
    hintCount++;
  }
  op(BR_IF);
  unsigned(label);
}
/** Is the buffer so full that another instruction may not fit? */
export function isFull(): bool {
  return at > HINTS - 0x10000;
}
/** Puts the declarations in front. Returns where the body begins; it ends at `at`. */
export function finishFunction(): usize {
  const end = at;
  const vectors = countV128 + temporariesV128;
  at = EMIT_CODE;
  op(vectors ? 3 : 2);
  unsigned(<u32>(count32 + temporaries32));
  op(TYPE_I32);
  unsigned(<u32>(count64 + temporaries64));
  op(TYPE_I64);
  if (vectors) {
    unsigned(<u32>vectors);
    op(TYPE_V128);
  }
  const size = at - EMIT_CODE;
  const start = EMIT_CODE + HEADER - size;
  memory.copy(start, EMIT_CODE, size);
  for (let n: u32 = 0; n < hintCount; n++) {
    const hint: usize = HINTS + ((<usize>n) << 2);
    store<u32>(hint, load<u32>(hint) - <u32>start);
  }
  at = end;
  return start;
}
