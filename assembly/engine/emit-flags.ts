/**
 * Arithmetic flags in translated code. The two words of engine/flags.ts are locals; the second one is made only when somebody
 * needs it. Until then a state known at translation says what made the flags, and their operands are kept in locals: a
 * compare and the jump after it become one comparison. SDM Vol. 1, 3.4.3.1.
 */
import {
  c32,
  c64,
  get,
  getLocal,
  I32_AND,
  I32_EQZ,
  I32_EXTEND16_S,
  I32_EXTEND8_S,
  I32_LT_U,
  I32_MUL,
  I32_NE,
  I32_OR,
  I32_POPCNT,
  I32_SHL,
  I32_SHR_U,
  I32_WRAP_I64,
  I32_XOR,
  I64_AND,
  I64_EQ,
  I64_EQZ,
  I64_EXTEND16_S,
  I64_EXTEND32_S,
  I64_EXTEND8_S,
  I64_EXTEND_I32_S,
  I64_EXTEND_I32_U,
  I64_GT_U,
  I64_LE_S,
  I64_LT_S,
  I64_LT_U,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  I64_XOR,
  loadFrom,
  local32,
  local64,
  op,
  setLocal,
  storeOp,
  teeLocal,
} from './wasm';
import { FLAG_AUX, FLAG_RESULT, T_FLAG_A, T_FLAG_B, T_FLAG_KIND } from '../layout';
import { inLocals } from './emit-registers';

/** Fixed locals. */
export const FLAG_KIND_LOCAL: i32 = 3; // i32: the state at run time, where blocks of different states meet
export const AUX_LOCAL: i32 = 4; // i32
export const RESULT_LOCAL: i32 = 16; // i64
export const OPERAND_A_LOCAL: i32 = 17; // i64
export const OPERAND_B_LOCAL: i32 = 18; // i64

// States. The lower byte is what exits tell (settled by commitFlags() of engine/translated.ts): kind, width << 4.
export const FLAGS_READY: i32 = 0;
export const FLAGS_ADD: i32 = 1;
export const FLAGS_SUB: i32 = 2;
export const FLAGS_INC: i32 = 3; // CF is in the second word
export const FLAGS_DEC: i32 = 4;
export const FLAGS_SHL: i32 = 5; // A is the operand before the last step
/** Only the kind local knows. */
export const FLAGS_DYNAMIC: i32 = 14;
/** The same, but CF is in the second word. */
export const FLAGS_DYNAMIC_CF: i32 = 15;
const KIND_MASK: i32 = 15;
const STATE_CODE: i32 = 0xff;
/** A carry came in: the operands alone do not tell CF. */
const CARRIED: i32 = 0x100;
/** FLAGS_READY, and the second word is zero. */
const LOGIC: i32 = 0x200;

/** Groups for liveness: CF, and the other five. */
export const LIVE_CF: u32 = 1;
export const LIVE_REST: u32 = 2;
export const LIVE_ALL: u32 = 3;

export let flagState: i32 = FLAGS_READY;
export function setFlagState(state: i32): void {
  flagState = state;
}
/** FLAGS_*, without the width. */
export function flagKind(): i32 {
  return flagState & KIND_MASK;
}
/** What exits tell of the state. */
export function flagCode(): i32 {
  return flagState & STATE_CODE;
}
/** Are the flags as a block with several predecessors wants them to read CF alone? */
export function isCfReady(): bool {
  const kind = flagState & KIND_MASK;
  return kind == FLAGS_READY || kind == FLAGS_INC || kind == FLAGS_DEC || kind == FLAGS_DYNAMIC_CF;
}

/** What the instruction does with flags: seen in the dry run. */
export let flagReads: u32 = 0;
export let flagWrites: u32 = 0;
/** Groups that it writes in part, or perhaps: the rest must be kept. */
export let flagPasses: u32 = 0;
/** Groups that anybody needs after the instruction. */
export let flagsWanted: u32 = LIVE_ALL;
/** It changes them only on a condition: then they must be committed before. */
export let flagsOnCondition: bool = false;
/** Inside a condition, where no state can be told statically. */
let nested: bool = false;

export function beginFlags(wanted: u32): void {
  flagReads = flagWrites = flagPasses = 0;
  flagsWanted = wanted;
  flagsOnCondition = false;
  nested = false;
}
/** A function of the core reads or writes flags in memory. */
export function noteFlagUse(reads: u32, writes: u32): void {
  flagReads |= reads;
  flagWrites |= writes;
}
export function setNested(now: bool): void {
  nested = now;
}
function writes(groups: u32): void {
  if (nested) flagsOnCondition = true;
  else flagWrites |= groups;
}

// ---- between locals and memory ------------------------------------------------------------------------------------------
// As registers do, flags stay in the CPU block, and locals hold them within a block, except in a scope (emit-registers.ts). Who
// writes them makes the locals newer than the memory; that is settled where the block ends or is left.
const HOLDS_RESULT: u32 = 1;
const HOLDS_AUX: u32 = 2;
/** Which of the two words the locals hold. */
let held: u32 = 0;
/** The flags in memory are out of date: the locals that the state speaks of are not. */
export let flagsAhead: bool = false;

/** Where control may come from elsewhere, or a function of the core was called: memory is right. */
export function forgetFlags(): void {
  held = 0;
  flagsAhead = false;
}
export function flagsHeld(): u32 {
  return held | (flagsAhead ? AHEAD : 0);
}
const AHEAD: u32 = 4;
/** Back to what held before; `all`: whether they are ahead, too. */
export function holdFlags(which: u32, all: bool): void {
  held = which & (HOLDS_RESULT | HOLDS_AUX);
  if (all) flagsAhead = (which & AHEAD) != 0;
}
function holdResult(): void {
  if (inLocals || held & HOLDS_RESULT) return;
  held |= HOLDS_RESULT;
  loadFrom<u64>(FLAG_RESULT);
  setLocal(local64(RESULT_LOCAL));
}
function holdAux(): void {
  if (inLocals || held & HOLDS_AUX) return;
  held |= HOLDS_AUX;
  loadFrom<u32>(FLAG_AUX);
  setLocal(local32(AUX_LOCAL));
}
/** Before what may or may not change them: afterwards the locals hold them either way. The state is FLAGS_READY. */
export function holdBoth(): void {
  holdResult();
  holdAux();
}
/** The locals were written. */
function ahead(which: u32): void {
  held |= which;
  flagsAhead = true;
}
function storeLocal64(local: i32, to: u32): void {
  c32(0);
  getLocal(local64(local));
  storeOp<u64>(to);
}
export function storeAux(): void {
  c32(0);
  getLocal(local32(AUX_LOCAL));
  storeOp<u32>(FLAG_AUX);
}
/** Brings memory up to date, as far as the state speaks of it. */
export function storeFlags(): void {
  if (inLocals || !flagsAhead) return;
  const kind = flagKind();
  storeResult();
  if (kind == FLAGS_READY || kind == FLAGS_INC || kind == FLAGS_DEC) storeAux();
  if (kind != FLAGS_READY) storeOperandA();
  if (kind == FLAGS_ADD || kind == FLAGS_SUB) storeOperandB();
  flagsAhead = false;
}
/** The flags leave a scope: its locals are right, the memory is not. The registers are stored. */
export function takeFlagsOut(): void {
  if ((flagState & KIND_MASK) >= FLAGS_DYNAMIC) {
    storeAllFlags();
    c32(0);
    getLocal(local32(FLAG_KIND_LOCAL));
    storeOp<u32>(T_FLAG_KIND);
    forgetFlags();
  } else holdFlags(HOLDS_RESULT | HOLDS_AUX | AHEAD, true);
}
/** Loads everything that locals can hold. */
export function loadAllFlags(): void {
  loadFrom<u64>(FLAG_RESULT);
  setLocal(local64(RESULT_LOCAL));
  loadFrom<u32>(FLAG_AUX);
  setLocal(local32(AUX_LOCAL));
  loadFrom<u64>(T_FLAG_A);
  setLocal(local64(OPERAND_A_LOCAL));
  loadFrom<u64>(T_FLAG_B);
  setLocal(local64(OPERAND_B_LOCAL));
  loadFrom<u32>(T_FLAG_KIND);
  setLocal(local32(FLAG_KIND_LOCAL));
}
// The parts of what storeFlags() stores, for the tails that exits share.
export function storeResult(): void {
  storeLocal64(RESULT_LOCAL, FLAG_RESULT);
}
export function storeOperandA(): void {
  storeLocal64(OPERAND_A_LOCAL, T_FLAG_A);
}
export function storeOperandB(): void {
  storeLocal64(OPERAND_B_LOCAL, T_FLAG_B);
}
/** Everything, whatever the state is: what it does not speak of may be anything. */
export function storeAllFlags(): void {
  storeResult();
  storeAux();
  storeOperandA();
  storeOperandB();
}

// ---- reading -------------------------------------------------------------------------------------------------------
function result(): void {
  holdResult();
  getLocal(local64(RESULT_LOCAL));
}
function aux(): void {
  holdAux();
  getLocal(local32(AUX_LOCAL));
}
function setAux(): void {
  setLocal(local32(AUX_LOCAL));
  ahead(HOLDS_AUX);
}
function a(): void {
  getLocal(local64(OPERAND_A_LOCAL));
}
function b(): void {
  getLocal(local64(OPERAND_B_LOCAL));
}
function width(): i32 {
  return 1 << ((flagState >> 4) & 3);
}
function topBit(): i64 {
  return <i64>(width() * 8 - 1);
}
/** Leaves bit `n` of the i64 on the stack as i32. */
function bitOf64(n: i64): void {
  c64(n);
  op(I64_SHR_U);
  op(I32_WRAP_I64);
  c32(1);
  op(I32_AND);
}
/** (a AND b) OR ((a OR b) AND NOT r): carries out of each bit of a sum. */
function pushCarries(): void {
  a();
  b();
  if ((flagState & KIND_MASK) == FLAGS_ADD) {
    op(I64_AND);
    a();
    b();
    op(I64_OR);
    result();
    c64(-1);
    op(I64_XOR);
    op(I64_AND);
    op(I64_OR);
    return;
  }
  // (NOT a AND b) OR (NOT (a XOR b) AND r): borrows.
  op(I64_XOR);
  c64(-1);
  op(I64_XOR);
  result();
  op(I64_AND);
  a();
  c64(-1);
  op(I64_XOR);
  b();
  op(I64_AND);
  op(I64_OR);
}
function isFusible(): bool {
  return !(flagState & CARRIED);
}
/** CF as 0 or 1. */
export function pushCf(): void {
  flagReads |= LIVE_CF;
  const kind = flagState & KIND_MASK;
  if (flagState & LOGIC) c32(0);
  else if (kind == FLAGS_SUB && isFusible()) {
    a();
    b();
    op(I64_LT_U);
  } else if (kind == FLAGS_ADD && isFusible()) {
    const bytes = width();
    result();
    if (bytes == 8) {
      a();
      op(I64_LT_U);
    } else {
      op(I32_WRAP_I64);
      if (bytes < 4) {
        c32(bytes == 1 ? 0xff : 0xffff);
        op(I32_AND);
      }
      a();
      op(I32_WRAP_I64);
      op(I32_LT_U);
    }
  } else if (kind == FLAGS_ADD || kind == FLAGS_SUB) {
    pushCarries();
    bitOf64(topBit());
  } else if (kind == FLAGS_SHL) {
    a();
    bitOf64(topBit());
  } else {
    if (kind == FLAGS_DYNAMIC) unreachable();
    aux();
    c32(31);
    op(I32_SHR_U);
  }
}
export function pushZf(): void {
  flagReads |= LIVE_REST;
  const kind = flagState & KIND_MASK;
  if (kind == FLAGS_SUB && isFusible()) {
    a();
    b();
    op(I64_EQ);
    return;
  }
  result();
  op(I64_EQZ);
}
export function pushSf(): void {
  flagReads |= LIVE_REST;
  const kind = flagState & KIND_MASK;
  result();
  if (kind != FLAGS_READY || flagState & LOGIC) {
    c64(0);
    op(I64_LT_S);
    return;
  }
  c64(63);
  op(I64_SHR_U);
  op(I32_WRAP_I64);
  aux();
  c32(1);
  op(I32_AND);
  op(I32_XOR);
}
export function pushOf(): void {
  flagReads |= LIVE_REST;
  const kind = flagState & KIND_MASK;
  if (flagState & LOGIC) c32(0);
  else if (kind == FLAGS_ADD || kind == FLAGS_SUB) {
    a();
    if (kind == FLAGS_ADD) result();
    else b();
    op(I64_XOR);
    if (kind == FLAGS_ADD) b();
    else a();
    result();
    op(I64_XOR);
    op(I64_AND);
    bitOf64(topBit());
  } else if (kind == FLAGS_INC || kind == FLAGS_DEC) {
    // The greatest, or the least signed number.
    const least = (<i64>1) << topBit();
    a();
    c64(kind == FLAGS_INC ? least - 1 : least);
    op(I64_EQ);
  } else if (kind == FLAGS_SHL) {
    a();
    a();
    c64(1);
    op(I64_SHL);
    op(I64_XOR);
    bitOf64(topBit());
  } else {
    aux();
    aux();
    c32(1);
    op(I32_SHL);
    op(I32_XOR);
    c32(31);
    op(I32_SHR_U);
  }
}
export function pushPf(): void {
  flagReads |= LIVE_REST;
  result();
  op(I32_WRAP_I64);
  if ((flagState & KIND_MASK) == FLAGS_READY && !(flagState & LOGIC)) {
    aux();
    c32(8);
    op(I32_SHR_U);
    op(I32_XOR);
  }
  c32(0xff);
  op(I32_AND);
  op(I32_POPCNT);
  c32(1);
  op(I32_AND);
  c32(1);
  op(I32_XOR);
}
/** A signed comparison of the operands of a subtraction. */
function compareSigned(code: i32): void {
  a();
  extendOperand();
  b();
  extendOperand();
  op(code);
}
function extendOperand(): void {
  const bytes = width();
  if (bytes == 1) op(I64_EXTEND8_S);
  else if (bytes == 2) op(I64_EXTEND16_S);
  else if (bytes == 4) op(I64_EXTEND32_S);
}
/** Is the condition the negation of the one with the even code? */
function negateIf(negative: bool): void {
  if (negative) op(I32_EQZ);
}

/** A condition code of SDM Vol. 2 table B-1 as 0 or 1. */
export function pushCondition(code: i32): void {
  const kind = flagState & KIND_MASK;
  const negative = (code & 1) != 0;
  const which = code >> 1;
  const compares = kind == FLAGS_SUB && isFusible();
  if (which == 0) pushOf();
  else if (which == 1) pushCf();
  else if (which == 2) pushZf();
  else if (which == 3) {
    // BE
    flagReads |= LIVE_ALL;
    if (compares) {
      a();
      b();
      op(I64_GT_U);
      op(I32_EQZ);
    } else {
      pushCf();
      pushZf();
      op(I32_OR);
    }
  } else if (which == 4) pushSf();
  else if (which == 5) pushPf();
  else if (which == 6) {
    // L
    flagReads |= LIVE_REST;
    if (compares) compareSigned(I64_LT_S);
    else if (flagState & LOGIC) pushSf();
    else {
      pushSf();
      pushOf();
      op(I32_XOR);
    }
  } else {
    // LE
    flagReads |= LIVE_REST;
    if (compares) compareSigned(I64_LE_S);
    else if (flagState & LOGIC) {
      result();
      c64(0);
      op(I64_LE_S);
    } else {
      pushSf();
      pushOf();
      op(I32_XOR);
      pushZf();
      op(I32_OR);
    }
  }
  negateIf(negative);
}

// ---- the second word -------------------------------------------------------------------------------------------------
const TOP: i32 = 0xc0000000;
/** Makes the second word what the state says. */
export function commitFlags(): void {
  const kind = flagState & KIND_MASK;
  if (kind == FLAGS_READY) {
    flagState = FLAGS_READY;
    return;
  }
  if (kind >= FLAGS_DYNAMIC) unreachable();
  holdResult();
  const bytes = width();
  if (kind == FLAGS_ADD || kind == FLAGS_SUB) {
    pushCarries();
    placeCarries(bytes);
  } else if (kind == FLAGS_SHL) {
    a();
    placeTop(bytes);
  } else {
    // CF stays where it is; OF is its difference from the bit below.
    aux();
    c32(<i32>0x80000000);
    op(I32_AND);
    pushOf();
    c32(31);
    op(I32_SHL);
    aux();
    op(I32_XOR);
    c32(1);
    op(I32_SHR_U);
    c32(0x40000000);
    op(I32_AND);
    op(I32_OR);
    // AF: a carry out of bit 3, or a borrow into it.
    a();
    op(I32_WRAP_I64);
    result();
    op(I32_WRAP_I64);
    op(I32_XOR);
    c32(1);
    op(I32_SHR_U);
    c32(8);
    op(I32_AND);
    op(I32_OR);
  }
  setAux();
  flagState = FLAGS_READY;
}
/** The i64 on the stack: its two top bits (of the width) to bits 31 and 30. */
function placeTop(bytes: i32): void {
  if (bytes == 8) {
    c64(32);
    op(I64_SHR_U);
    op(I32_WRAP_I64);
  } else {
    op(I32_WRAP_I64);
    if (bytes < 4) {
      c32(32 - bytes * 8);
      op(I32_SHL);
    }
  }
  c32(TOP);
  op(I32_AND);
}
/** The same, and its bit 3. */
function placeCarries(bytes: i32): void {
  const index = local64(OPERAND_B_LOCAL); // no longer needed
  teeLocal(index);
  placeTop(bytes);
  getLocal(index);
  op(I32_WRAP_I64);
  c32(8);
  op(I32_AND);
  op(I32_OR);
}

// ---- writing -----------------------------------------------------------------------------------------------------------
/** FLAG_RESULT ← r, sign-extended. */
export function setResult<W>(r: i32): void {
  get(r);
  if (sizeof<W>() == 1) op(I32_EXTEND8_S);
  if (sizeof<W>() == 2) op(I32_EXTEND16_S);
  if (sizeof<W>() != 8) op(I64_EXTEND_I32_S);
  setResultLocal();
}
function setResultLocal(): void {
  setLocal(local64(RESULT_LOCAL));
  ahead(HOLDS_RESULT);
}
function setOperand<W>(index: i32, value: i32): void {
  get(value);
  if (sizeof<W>() != 8) op(I64_EXTEND_I32_U);
  setLocal(local64(index));
}
function widthCode<W>(): i32 {
  return sizeof<W>() == 8 ? 0x30 : sizeof<W>() == 4 ? 0x20 : sizeof<W>() == 2 ? 0x10 : 0;
}
function settle(): void {
  if (nested) commitFlags();
}
/** A sum or difference. `carried`: CF went in. */
export function flagsArithmetic<W>(kind: i32, x: i32, y: i32, r: i32): void {
  const carried = (flagReads & LIVE_CF) != 0;
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  setResult<W>(r);
  setOperand<W>(OPERAND_A_LOCAL, x);
  setOperand<W>(OPERAND_B_LOCAL, y);
  flagState = kind | widthCode<W>() | (carried ? CARRIED : 0);
  settle();
}
export function flagsOfLogic<W>(r: i32): void {
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  setResult<W>(r);
  c32(0);
  setAux();
  flagState = LOGIC;
  settle();
}
/** SF ZF PF from the result; CF and OF given; AF clear. */
export function flagsOfResult<W>(r: i32, cf: i32, ov: i32): void {
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  setResult<W>(r);
  pushTop(cf, ov);
  setAux();
  flagState = FLAGS_READY;
}
/** cf << 31 | (cf ^ ov) << 30. */
function pushTop(cf: i32, ov: i32): void {
  get(cf);
  c32(31);
  op(I32_SHL);
  get(cf);
  get(ov);
  op(I32_XOR);
  c32(30);
  op(I32_SHL);
  op(I32_OR);
}
export function flagsOfShl<W>(last: i32, r: i32): void {
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  setResult<W>(r);
  setOperand<W>(OPERAND_A_LOCAL, last);
  flagState = FLAGS_SHL | widthCode<W>();
  settle();
}
/** INC and DEC: CF stays. */
export function flagsOfStep<W>(kind: i32, x: i32, r: i32): void {
  writes(LIVE_REST);
  flagPasses |= LIVE_CF;
  if (!(flagsWanted & LIVE_REST)) return;
  if (flagsWanted & LIVE_CF) {
    if (isCfReady()) holdAux();
    else {
      pushCf();
      c32(31);
      op(I32_SHL);
      setAux();
    }
  }
  setResult<W>(r);
  setOperand<W>(OPERAND_A_LOCAL, x);
  flagState = kind | widthCode<W>();
  settle();
}
/** CF new, the others stay. */
export function flagsCf(cf: i32): void {
  writes(LIVE_CF);
  flagPasses |= LIVE_REST;
  if (!(flagsWanted & LIVE_CF)) return;
  if (flagsWanted & LIVE_REST) {
    commitFlags();
    holdResult();
    // Both top bits flip together, so that OF stays.
    get(cf);
    aux();
    c32(31);
    op(I32_SHR_U);
    op(I32_NE);
    c32(TOP);
    op(I32_MUL);
    aux();
    op(I32_XOR);
  } else {
    get(cf);
    c32(31);
    op(I32_SHL);
  }
  setAux();
  flagState = FLAGS_READY;
}
/** CF and OF new, the others stay (rotates). */
export function flagsCfOf(cf: i32, ov: i32): void {
  writes(LIVE_CF);
  flagPasses |= LIVE_REST;
  if (!flagsWanted) return;
  if (flagsWanted & LIVE_REST) {
    commitFlags();
    holdResult();
    aux();
    c32(~TOP);
    op(I32_AND);
    pushTop(cf, ov);
    op(I32_OR);
  } else pushTop(cf, ov);
  setAux();
  flagState = FLAGS_READY;
}
/** ZF and CF given, the others clear; PF is corrected when the result is zero. As Flags.setZfCf. */
export function flagsOfZfCf(zf: i32, cf: i32): void {
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  get(zf);
  op(I32_EQZ);
  op(I64_EXTEND_I32_U);
  setResultLocal();
  get(cf);
  c32(TOP);
  op(I32_MUL);
  get(zf);
  c32(8);
  op(I32_SHL);
  op(I32_OR);
  setAux();
  flagState = FLAGS_READY;
}
/** All six from an EFLAGS image, as Flags.setArithmetic. */
export function flagsFromImage(value: i32): void {
  writes(LIVE_ALL);
  if (!flagsWanted) return;
  // FLAG_RESULT ← ZF ? 0 : 1
  get(value);
  c32(6);
  op(I32_SHR_U);
  c32(1);
  op(I32_AND);
  op(I32_EQZ);
  op(I64_EXTEND_I32_U);
  setResultLocal();
  // CF, CF ^ OF
  get(value);
  c32(31);
  op(I32_SHL);
  get(value);
  get(value);
  c32(11);
  op(I32_SHR_U);
  op(I32_XOR);
  c32(1);
  op(I32_AND);
  c32(30);
  op(I32_SHL);
  op(I32_OR);
  // AF
  get(value);
  c32(1);
  op(I32_SHR_U);
  c32(8);
  op(I32_AND);
  op(I32_OR);
  // SF: the result is not negative.
  get(value);
  c32(7);
  op(I32_SHR_U);
  c32(1);
  op(I32_AND);
  op(I32_OR);
  // PF differs from that of the result: 0 has even parity, 1 has not.
  get(value);
  c32(2);
  op(I32_SHR_U);
  get(value);
  c32(6);
  op(I32_SHR_U);
  op(I32_XOR);
  c32(1);
  op(I32_AND);
  c32(8);
  op(I32_SHL);
  op(I32_OR);
  setAux();
  flagState = FLAGS_READY;
}
/** Says at run time what the state is. */
export function tellState(): void {
  if ((flagState & KIND_MASK) >= FLAGS_DYNAMIC) return;
  if (!inLocals) c32(0);
  c32(flagCode());
  if (inLocals) setLocal(local32(FLAG_KIND_LOCAL));
  else storeOp<u32>(T_FLAG_KIND);
}
