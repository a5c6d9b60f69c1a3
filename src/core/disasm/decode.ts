/**
 * Instruction bytes to the table row that they encode, with its fields: what assembly/engine/decode.ts does, for people
 * instead of the interpreter. SDM Vol. 2A, chapter 2. Both follow the same rows; a test holds them together. Whether
 * the processor's state allows the instruction (CR0.EM, CR4.OSFXSR, privilege) is not asked here.
 */
import * as L from '../../../assembly/layout.ts';
import { byOpcode, compileRows, type CompiledRow } from '../../../assembly/isa/compile.ts';
import { TABLES } from '../../../assembly/isa/tables.ts';

export type CodeMode = 16 | 32 | 64;

/** A memory operand as ModRM and SIB or a moffs give it. */
export interface MemoryOperand {
  /** General register numbers; undefined when absent. */
  base: number | undefined;
  index: number | undefined;
  scale: number;
  /** Signed, or the unsigned offset of a moffs. */
  displacement: bigint;
  /** The displacement counts from the next instruction. */
  relative: boolean;
}

export interface Decoded {
  row: CompiledRow;
  /** In bytes. */
  length: number;
  mode: CodeMode;
  opcode: number;
  /** Operand and address size in bits. */
  operandSize: 16 | 32 | 64;
  addressSize: 16 | 32 | 64;
  /** REX, or the same bits out of a VEX prefix; 0 without. */
  rex: number;
  lock: boolean;
  /** 0xf2 or 0xf3 when such a prefix came last, else 0. */
  repeat: number;
  /** Segment register of an override that counts, else undefined. */
  segment: number | undefined;
  /** ModRM.reg, ModRM.rm, VEX.vvvv and the register in an is4 byte, extended. */
  reg: number;
  rm: number;
  vvvv: number;
  is4: number;
  /** VEX.L: 256-bit vectors. */
  wide: boolean;
  memory: MemoryOperand | undefined;
  /** Sign-extended immediate or branch displacement; offset of a far pointer. */
  immediate: bigint;
  /** Selector of a far pointer; nesting level of ENTER. */
  second: number;
}

const LENGTH_MAX = 15; // SDM Vol. 2A, 2.3.11

const PREFIX_OPERAND_SIZE = 0x66;
const PREFIX_ADDRESS_SIZE = 0x67;
const PREFIX_LOCK = 0xf0;
const PREFIX_REPNE = 0xf2;
const PREFIX_REP = 0xf3;
const PREFIX_ES = 0x26;
const PREFIX_CS = 0x2e;
const PREFIX_SS = 0x36;
const PREFIX_DS = 0x3e;
const PREFIX_FS = 0x64;
const PREFIX_GS = 0x65;
const REX_B = 1;
const REX_X = 2;
const REX_R = 4;
const REX_W = 8;
const ESCAPE_0F = 0x0f;
const ESCAPE_38 = 0x38;
const ESCAPE_3A = 0x3a;
const VEX_3 = 0xc4;
const VEX_2 = 0xc5;
const MOD_REGISTER = 0xc0;
const BITS = [16, 32, 64] as const;

let lists: CompiledRow[][] | undefined;

/** Thrown inside decode() only: the bytes end too early, or there are too many. */
const UNREADABLE = new Error('not an instruction');

class Bytes {
  at = 0;
  private readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  peek(): number {
    return this.bytes[this.at] ?? 0;
  }
  u8(): number {
    if (this.at >= LENGTH_MAX || this.at >= this.bytes.length) throw UNREADABLE;
    return this.bytes[this.at++]!;
  }
  /** Unsigned, little endian. */
  unsigned(byteCount: number): bigint {
    let value = 0n;
    for (let n = 0; n < byteCount; n++) value |= BigInt(this.u8()) << BigInt(n * 8);
    return value;
  }
  signed(byteCount: number): bigint {
    return BigInt.asIntN(byteCount * 8, this.unsigned(byteCount));
  }
}

/** The instruction at the beginning of `bytes`; undefined when there is none. */
export function decode(bytes: Uint8Array, mode: CodeMode): Decoded | undefined {
  try {
    return decodeFrom(new Bytes(bytes), mode);
  } catch (e) {
    if (e === UNREADABLE) return undefined;
    throw e;
  }
}

function decodeFrom(from: Bytes, mode: CodeMode): Decoded | undefined {
  const long = mode === 64;
  let operand16 = false;
  let addressToggle = false;
  let lock = false;
  let repeat = 0;
  let segment: number | undefined;
  let rex = 0;
  let opcode = from.u8();
  // SDM Vol. 2A, 2.1.1 and 2.2.1: REX counts only directly before the opcode.
  for (; ; opcode = from.u8()) {
    if (long && (opcode & 0xf0) === 0x40) {
      rex = opcode;
      continue;
    }
    if (opcode === PREFIX_OPERAND_SIZE) operand16 = true;
    else if (opcode === PREFIX_ADDRESS_SIZE) addressToggle = true;
    else if (opcode === PREFIX_LOCK) lock = true;
    else if (opcode === PREFIX_REPNE || opcode === PREFIX_REP) repeat = opcode;
    else if (opcode === PREFIX_FS || opcode === PREFIX_GS) segment = L.FS + (opcode & 1);
    else if (opcode === PREFIX_ES || opcode === PREFIX_CS || opcode === PREFIX_SS || opcode === PREFIX_DS) {
      // Without effect in 64-bit mode, where they do not cancel FS or GS either.
      if (!long) segment = (opcode >> 3) & 3;
    } else break;
    rex = 0;
  }

  let map = 0;
  let vvvv = 0;
  let vex = false;
  let wide = false;
  if (opcode === ESCAPE_0F) {
    opcode = from.u8();
    map = opcode === ESCAPE_38 ? 2 : opcode === ESCAPE_3A ? 3 : 1;
    if (map > 1) opcode = from.u8();
  } else if ((opcode === VEX_3 || opcode === VEX_2) && (long || from.peek() >= MOD_REGISTER)) {
    // SDM Vol. 2A, 2.3
    if (rex !== 0 || operand16 || repeat !== 0 || lock) return undefined;
    vex = true;
    const first = from.u8();
    let last = first;
    if (opcode === VEX_3) {
      map = first & 31;
      if (map < 1 || map > 3) return undefined;
      last = from.u8();
      rex = ((~first >> 5) & (REX_R | REX_X | REX_B)) | (last >> 7 ? REX_W : 0);
    } else {
      map = 1;
      rex = (~first >> 5) & REX_R;
    }
    map += 3;
    vvvv = (~last >> 3) & (long ? 15 : 7);
    if (!long) rex &= REX_W;
    wide = (last & 4) !== 0;
    operand16 = (last & 3) === 1;
    repeat = [0, 0, PREFIX_REP, PREFIX_REPNE][last & 3]!;
    opcode = from.u8();
  }
  const w = rex & REX_W ? 1 : 0;
  const narrow = (mode === 16) !== operand16;
  const size = long ? (w ? 2 : operand16 ? 0 : 1) : narrow ? 0 : 1;
  const addressSize = long ? (addressToggle ? 32 : 64) : (mode === 16) !== addressToggle ? 16 : 32;
  const mandatory =
    repeat === PREFIX_REP
      ? L.ROW_PREFIX_F3
      : repeat === PREFIX_REPNE
        ? L.ROW_PREFIX_F2
        : operand16
          ? L.ROW_PREFIX_66
          : L.ROW_PREFIX_NP;

  const modrm = from.peek();
  const isMemory = modrm < MOD_REGISTER;
  const sizeOf = (row: CompiledRow) => (row.words[1]! & L.ROW_D64 && long && size === 1 ? 2 : size);
  const bit = (shift: number, n: number) => 1 << (shift + n);
  const must =
    mandatory | bit(L.ROW_MODE_SHIFT, BITS.indexOf(mode)) | bit(L.ROW_W_SHIFT, w) | bit(L.ROW_L_SHIFT, wide ? 1 : 0);
  const matches = (row: CompiledRow): boolean => {
    const match = row.words[0]!;
    if ((match & must) !== must || !(match & bit(L.ROW_OSZ_SHIFT, sizeOf(row)))) return false;
    if (!row.hasModrm) return !(row.words[1]! & L.ROW_NO_REX_B && rex & REX_B);
    if (row.regField !== 8 && row.regField !== ((modrm >> 3) & 7)) return false;
    return (match & (isMemory ? L.ROW_MEM : L.ROW_REG)) !== 0 && (row.fixedModrm ?? modrm) === modrm;
  };
  lists ??= byOpcode(compileRows(TABLES));
  const row = lists[(map << 8) | opcode]!.find(matches);
  if (row === undefined) return undefined;
  const attributes = row.words[1]!;
  const hasMemory = row.hasModrm && isMemory && !(attributes & L.ROW_IGNORE_MOD);
  if (lock && !(hasMemory && attributes & L.ROW_LOCK)) return undefined;
  if (vex && vvvv !== 0 && !(attributes & L.ROW_VVVV)) return undefined;

  const decoded: Decoded = {
    row,
    length: 0,
    mode,
    opcode,
    operandSize: BITS[sizeOf(row)]!,
    addressSize,
    rex,
    lock,
    repeat,
    segment,
    reg: ((modrm >> 3) & 7) | ((rex & REX_R) << 1),
    rm: (modrm & 7) | ((rex & REX_B) << 3),
    vvvv,
    is4: 0,
    wide,
    memory: undefined,
    immediate: 0n,
    second: 0,
  };
  if (row.hasModrm) from.u8();
  if (hasMemory) decoded.memory = addressSize === 16 ? memory16(from, modrm) : memory(from, modrm, rex, long);
  readImmediate(from, decoded);
  decoded.length = from.at;
  return decoded;
}

/** SDM Vol. 2A, tables 2-2 and 2-3. */
function memory(from: Bytes, modrm: number, rex: number, long: boolean): MemoryOperand {
  const mod = modrm >> 6;
  const operand: MemoryOperand = { base: modrm & 7, index: undefined, scale: 1, displacement: 0n, relative: false };
  let bytes = [0, 1, 4][mod]!;
  if (operand.base === 4) {
    const sib = from.u8();
    const index = ((sib >> 3) & 7) | ((rex & REX_X) << 2);
    if (index !== 4) operand.index = index;
    operand.scale = 1 << (sib >> 6);
    operand.base = sib & 7;
    if (operand.base === 5 && mod === 0) {
      operand.base = undefined;
      bytes = 4;
    }
  } else if (operand.base === 5 && mod === 0) {
    operand.base = undefined;
    operand.relative = long;
    bytes = 4;
  }
  if (operand.base !== undefined) operand.base |= (rex & REX_B) << 3;
  operand.displacement = from.signed(bytes);
  return operand;
}

const BX = 3;
const BP = 5;
const SI = 6;
const DI = 7;
/** Base and index by ModRM.rm. SDM Vol. 2A, table 2-1. */
const PAIRS: [base: number, index?: number][] = [[BX, SI], [BX, DI], [BP, SI], [BP, DI], [SI], [DI], [BP], [BX]];

function memory16(from: Bytes, modrm: number): MemoryOperand {
  const mod = modrm >> 6;
  const absolute = mod === 0 && (modrm & 7) === 6;
  const [base, index] = PAIRS[modrm & 7]!;
  return {
    base: absolute ? undefined : base,
    index,
    scale: 1,
    displacement: from.signed(absolute ? 2 : mod),
    relative: false,
  };
}

function readImmediate(from: Bytes, decoded: Decoded): void {
  const wordSize = decoded.operandSize === 16 ? 2 : 4;
  switch (decoded.row.immediate) {
    case L.IMM_IB:
    case L.IMM_REL8:
      decoded.immediate = from.signed(1);
      break;
    case L.IMM_ONE:
      decoded.immediate = 1n;
      break;
    case L.IMM_IS4: {
      const byte = from.u8();
      decoded.is4 = (byte >> 4) & (decoded.mode === 64 ? 15 : 7);
      decoded.immediate = BigInt(byte & 15);
      break;
    }
    case L.IMM_IW:
      decoded.immediate = from.unsigned(2);
      break;
    case L.IMM_IZ:
    case L.IMM_RELZ:
      decoded.immediate = from.signed(wordSize);
      break;
    case L.IMM_IV:
      decoded.immediate = from.signed(decoded.operandSize / 8);
      break;
    case L.IMM_MOFFS: {
      const displacement = from.unsigned(decoded.addressSize / 8);
      decoded.memory = { base: undefined, index: undefined, scale: 1, displacement, relative: false };
      break;
    }
    case L.IMM_IWIB:
      decoded.immediate = from.unsigned(2);
      decoded.second = from.u8();
      break;
    case L.IMM_PTR:
      decoded.immediate = from.unsigned(wordSize);
      decoded.second = Number(from.unsigned(2));
      break;
  }
}
