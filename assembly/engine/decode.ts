/**
 * The decoder: instruction bytes to records, driven by the generated row tables. SDM Vol. 2A, chapter 2.
 * Runs are decoded ahead until control certainly leaves, a page ends or known code begins; only the first
 * instruction of a run may fault (a fetch from the next page).
 */
import {
  CODE_BYTES,
  CODE_LINEAR_PAGE,
  CODE_ZERO,
  EA_LONG,
  EA_SEGMENT,
  FS,
  IMM_IB,
  IMM_IS4,
  IMM_IV,
  IMM_IW,
  IMM_IWIB,
  IMM_IZ,
  IMM_MOFFS,
  IMM_NONE,
  IMM_ONE,
  IMM_PTR,
  IMM_REL8,
  IMM_RELZ,
  LINEAR_MASK,
  LINEAR_PAGE,
  MODE,
  MODE_16,
  MODE_32,
  MODE_64,
  MODE_CODE_MASK,
  MODE_FLAT,
  MODE_NO_AVX,
  MODE_NO_MMX,
  MODE_NO_SSE,
  MODE_NO_X87,
  MODE_TS,
  MODE_WAIT,
  OP_END,
  OP_INVALID,
  OP_RAISE,
  OP_STRADDLE,
  RAM_BASE,
  RECORD_SIZE,
  RIP,
  ROW_D64,
  ROW_ENDS,
  ROW_FIXED_MODRM,
  ROW_HAS_MODRM,
  ROW_IGNORE66,
  ROW_IGNORE_MOD,
  ROW_IMPLICIT_MEMORY,
  ROW_IMM_SHIFT,
  ROW_LOCK,
  ROW_L_SHIFT,
  ROW_MEM,
  ROW_MMX,
  ROW_MODE_SHIFT,
  ROW_MODRM_SHIFT,
  ROW_NO_REX_B,
  ROW_OSZ_SHIFT,
  ROW_PREFIX_66,
  ROW_PREFIX_F2,
  ROW_PREFIX_F3,
  ROW_PREFIX_NP,
  ROW_REG,
  ROW_REG_SHIFT,
  ROW_SIZE,
  ROW_UNIT_SHIFT,
  ROW_VVVV,
  ROW_WIDTH_SHIFT,
  ROW_W_SHIFT,
  SLOT_R0,
  SLOT_R1,
  SLOT_R2,
  SOURCE_BYTE,
  SOURCE_FIXED,
  SOURCE_IS4,
  SOURCE_OPCODE,
  SOURCE_REG,
  SOURCE_RM,
  SOURCE_VVVV,
  SS,
  STATS,
  STAT_DECODED,
  UNIT_AVX,
  UNIT_MMX,
  UNIT_SSE,
  UNIT_WAIT,
  UNIT_X87,
  U_FRAME,
  MODE_CS_EDGE,
  U_MAP,
  U_MODE,
  WIDTH_V,
  WIDTH_Y,
  CODE_BASE,
} from '../layout';
import { FORMS, MAPS, ROWS } from '../generated/rows';
import { Insn } from './backend';
import { addRun, addTail, allocate, fetchPhysical, giveBack } from './cache';
import { isRam } from '../mmu/physical';
import { fault, GP, NM, UD } from '../system/fault';

/** Records per run at most; also the longest stretch between two checks of the budget. */
const RUN_MAX: u32 = 48;
const LENGTH_MAX: u32 = 15;

// State of the instruction being decoded
let at: usize = 0; // next byte
let start: usize = 0;
let mode: u32 = 0;
let codeMode: u32 = 0;
let rex: u32 = 0;
let segment: i32 = 0;
let rm: u32 = 0;
let rmReg: u32 = 0;
let ends: bool = false;

function byte(): u32 {
  return load<u8>(at++);
}

/** Decodes one instruction at wasm address `from` into record `i`. Returns its length, or 0 when it is too long. */
export function decodeOne(from: usize, i: Insn, pageOffset: u32): u32 {
  start = at = from;
  mode = load<u32>(MODE);
  codeMode = mode & MODE_CODE_MASK;
  rex = 0;
  segment = -1;
  ends = false;
  let operand16 = false;
  let addressToggle = false;
  let lock = false;
  let prefix: u32 = 0; // the last of F3, F2
  i.op = <u16>OP_INVALID;
  i.r0 = 0;
  i.r1 = <u8>CODE_ZERO;
  i.index = 16;
  i.ea = 0;
  i.disp = 0;
  i.imm = 0;
  i.where = <u16>pageOffset;

  // Prefixes: SDM Vol. 2A, 2.1.1 and 2.2.1. REX counts only directly before the opcode.
  let opcode: u32 = 0;
  while (true) {
    if (<u32>(at - start) >= LENGTH_MAX) return tooLong(i);
    opcode = byte();
    if (opcode == 0x66) operand16 = true;
    else if (opcode == 0x67) addressToggle = true;
    else if (opcode == 0xf0) lock = true;
    else if (opcode == 0xf2) prefix = ROW_PREFIX_F2;
    else if (opcode == 0xf3) prefix = ROW_PREFIX_F3;
    else if (opcode == 0x26 || opcode == 0x2e || opcode == 0x36 || opcode == 0x3e) {
      // In 64-bit mode these have no effect, and do not cancel FS or GS.
      if (codeMode != MODE_64) segment = (opcode >> 3) & 3;
    } else if (opcode == 0x64 || opcode == 0x65) segment = FS + (opcode & 1);
    else if (codeMode == MODE_64 && (opcode & 0xf0) == 0x40) {
      rex = opcode;
      continue;
    } else break;
    rex = 0;
  }

  let map: u32 = 0;
  let vex = false;
  let vexL: u32 = 0;
  let vvvv: u32 = 0;
  let w: u32 = (rex >> 3) & 1;
  if (opcode == 0x0f) {
    opcode = byte();
    map = 1;
    if (opcode == 0x38) {
      map = 2;
      opcode = byte();
    } else if (opcode == 0x3a) {
      map = 3;
      opcode = byte();
    }
  } else if ((opcode == 0xc4 || opcode == 0xc5) && (codeMode == MODE_64 || load<u8>(at) >= 0xc0)) {
    // VEX: SDM Vol. 2A, 2.3. Not in real and virtual-8086 mode (those have no CS.L or D with PE).
    if (rex || operand16 || prefix || lock) return invalid(i);
    vex = true;
    const p1 = byte();
    rex = ((p1 >> 5) & 4) ^ 4;
    let p2 = p1;
    if (opcode == 0xc4) {
      rex = (~p1 >> 5) & 7;
      map = p1 & 31;
      p2 = byte();
      w = p2 >> 7;
      if (map < 1 || map > 3) return invalid(i);
    } else {
      map = 1;
      w = 0;
    }
    map += 3;
    if (codeMode != MODE_64) rex = 0;
    vvvv = (~p2 >> 3) & 15;
    if (codeMode != MODE_64) vvvv &= 7;
    vexL = (p2 >> 2) & 1;
    const pp = p2 & 3;
    operand16 = pp == 1;
    prefix = pp == 2 ? ROW_PREFIX_F3 : pp == 3 ? ROW_PREFIX_F2 : 0;
    rex |= w << 3;
    opcode = byte();
  }
  const mandatory: u32 = prefix ? prefix : operand16 ? ROW_PREFIX_66 : ROW_PREFIX_NP;
  const operandSize: u32 =
    codeMode == MODE_64 ? (w ? 2 : operand16 ? 0 : 1) : (codeMode == MODE_32) != operand16 ? 1 : 0;
  const addressSize: u32 =
    codeMode == MODE_64 ? (addressToggle ? 1 : 0) : (codeMode == MODE_32) != addressToggle ? 1 : 2;

  // Find the row.
  const entry = MAPS + ((map << 8) + opcode) * 4;
  let row: usize = ROWS + <usize>load<u16>(entry) * ROW_SIZE;
  let left: u32 = load<u16>(entry, 2);
  const modrm: u32 = load<u8>(at);
  const isMemory = modrm < 0xc0;
  const modeBit: u32 = (codeMode == MODE_64 ? 4 : codeMode == MODE_32 ? 2 : 1) << ROW_MODE_SHIFT;
  const wBit: u32 = (1 << w) << ROW_W_SHIFT;
  const lBit: u32 = (1 << vexL) << ROW_L_SHIFT;
  const must: u32 = mandatory | modeBit | wBit | lBit;
  let found = false;
  while (left > 0) {
    const match = load<u32>(row);
    const attributes = load<u32>(row, 4);
    const size: u32 = attributes & ROW_D64 && codeMode == MODE_64 && operandSize == 1 ? 2 : operandSize;
    if ((match & must) == must && match & ((1 << size) << ROW_OSZ_SHIFT)) {
      if (!(attributes & ROW_HAS_MODRM)) found = !(attributes & ROW_NO_REX_B && rex & 1);
      else {
        const reg = (match >> ROW_REG_SHIFT) & 15;
        if ((reg == 8 || reg == ((modrm >> 3) & 7)) && match & (isMemory ? ROW_MEM : ROW_REG)) {
          found = !(match & ROW_FIXED_MODRM) || ((match >> ROW_MODRM_SHIFT) & 255) == modrm;
        }
      }
    }
    if (found) break;
    row += ROW_SIZE;
    left--;
  }
  if (!found) {
    // The bytes that belong to it are fetched all the same, so a fetch fault wins over #UD.
    const similar: u32 = load<u16>(entry, 2)
      ? load<u32>(ROWS + <usize>load<u16>(entry) * ROW_SIZE, 4)
      : map
        ? ROW_HAS_MODRM
        : 0;
    if (similar & ROW_HAS_MODRM) {
      at++;
      if (isMemory) skipAddress(i, modrm, addressSize);
    }
    decodeImmediate(i, map == 3 || map == 6 ? <u32>IMM_IB : (similar >> ROW_IMM_SHIFT) & 15, operandSize, addressSize);
    return invalid(i);
  }

  const attributes = load<u32>(row, 4);
  const hasModrm = (attributes & ROW_HAS_MODRM) != 0;
  const memory = hasModrm && isMemory && !(attributes & ROW_IGNORE_MOD);
  let size = operandSize;
  if (attributes & ROW_D64 && codeMode == MODE_64 && size == 1) size = 2;
  let relative: i32 = -1; // offset of the address within the record when page-relative
  i.ea = <u8>addressSize;
  if (hasModrm) {
    at++;
    rmReg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    rm = (modrm & 7) | ((rex & 1) << 3);
    if (memory) relative = addressSize == 2 ? decodeAddress16(i, modrm) : decodeAddress(i, modrm);
  }
  const immediate = (attributes >> ROW_IMM_SHIFT) & 15;
  decodeImmediate(i, immediate, size, addressSize);
  const length = <u32>(at - start);
  if (length > LENGTH_MAX) return tooLong(i);
  if (lock && !(memory && attributes & ROW_LOCK)) return invalid(i);
  if (vex && vvvv && !(attributes & ROW_VVVV)) return invalid(i);
  i.where = <u16>(pageOffset | (length << 12));
  if (immediate == IMM_REL8 || immediate == IMM_RELZ) i.imm += <i32>(pageOffset + length);
  if (relative >= 0) {
    const target: i64 = <i64>i.disp + <i64>(pageOffset + length);
    if (target == <i64>(<i32>target)) i.disp = <i32>target;
    else i.ea |= <u8>(EA_LONG | EA_SEGMENT);
  }

  // Is the unit enabled? SDM Vol. 2A, 2.4 and 2.5 (exception classes), Vol. 3A 2.5.
  const unit = (attributes >> ROW_UNIT_SHIFT) & 7;
  if (unit) {
    const vector = unavailable(unit, (attributes & ROW_MMX) != 0);
    if (vector) return raising(i, vector, length);
    // The x87 opcode as FOP holds it: the low bits of the escape byte and ModRM. SDM Vol. 1, 8.1.9.
    if (unit == UNIT_X87) i.imm = <i32>(((opcode & 7) << 8) | modrm);
  }

  decodeOperands(i, row, memory, opcode, vvvv);
  const width = (attributes >> ROW_WIDTH_SHIFT) & 3;
  const widthIndex: u32 = width == WIDTH_V ? size : width == WIDTH_Y ? (size == 2 ? 1 : 0) : 0;
  i.op = load<u16>(FORMS + (load<u32>(row, 8) + widthIndex * 2 + (memory ? 1 : 0)) * 2);
  ends = (attributes & ROW_ENDS) != 0;
  if (memory || immediate == IMM_MOFFS || !hasModrm || attributes & ROW_IMPLICIT_MEMORY) setSegment(i, memory);
  return length;
}

/** Vector raised instead, or 0. */
function unavailable(unit: u32, mmx: bool): u32 {
  if (unit == UNIT_X87) return mode & MODE_NO_X87 ? NM : 0;
  if (unit == UNIT_WAIT) return mode & MODE_WAIT ? NM : 0;
  if (unit == UNIT_AVX && mode & MODE_NO_AVX) return UD;
  if (unit == UNIT_SSE && mode & MODE_NO_SSE) return UD;
  if ((unit == UNIT_MMX || mmx) && mode & MODE_NO_MMX) return UD;
  return mode & MODE_TS ? NM : 0;
}

function skipAddress(i: Insn, modrm: u32, addressSize: u32): void {
  if (addressSize == 2) decodeAddress16(i, modrm);
  else decodeAddress(i, modrm);
}

function invalid(i: Insn): u32 {
  return raising(i, UD, <u32>(at - start));
}
function raising(i: Insn, vector: u32, length: u32): u32 {
  ends = true;
  i.op = <u16>OP_RAISE;
  i.r0 = <u8>vector;
  if (length > LENGTH_MAX) length = LENGTH_MAX;
  i.where = <u16>(((<u32>i.where) & 0xfff) | (length << 12));
  return length;
}
/** More than 15 bytes: #GP(0). SDM Vol. 3A, 6.15. */
function tooLong(i: Insn): u32 {
  return raising(i, GP, LENGTH_MAX);
}

function setSegment(i: Insn, memory: bool): void {
  let s = segment;
  const base = i.r1;
  if (s < 0) s = memory && addressBaseIsStack(base) ? SS : 3;
  let flags: u32 = (<u32>i.ea) | ((<u32>s) << 4);
  if (codeMode == MODE_64) {
    if (s >= FS) flags |= EA_SEGMENT;
  } else if (s >= FS || s == 1 || !(mode & MODE_FLAT)) flags |= EA_SEGMENT;
  i.ea = <u8>flags;
}

/** RSP (4) and RBP (5) as base select SS. */
function addressBaseIsStack(base: u32): bool {
  return base == 32 || base == 40;
}

/** 32- and 64-bit ModRM and SIB. SDM Vol. 2A, tables 2-2 and 2-3. Returns 0 when relative to the next instruction, else -1. */
function decodeAddress(i: Insn, modrm: u32): i32 {
  const mod = modrm >> 6;
  let base = modrm & 7;
  let relative = -1;
  if (base == 4) {
    const sib = byte();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index != 4) i.index = <u8>(index | ((sib >> 6) << 5));
    base = sib & 7;
    if (base == 5 && mod == 0) {
      i.disp = load<i32>(at);
      at += 4;
    } else i.r1 = <u8>((base | ((rex & 1) << 3)) << 3);
  } else if (base == 5 && mod == 0) {
    i.disp = load<i32>(at);
    at += 4;
    if (codeMode == MODE_64) {
      i.r1 = <u8>CODE_LINEAR_PAGE;
      relative = 0;
    }
  } else i.r1 = <u8>((base | ((rex & 1) << 3)) << 3);
  if (mod == 1) i.disp = load<i8>(at++);
  else if (mod == 2) {
    i.disp = load<i32>(at);
    at += 4;
  }
  return relative;
}

/** 16-bit ModRM. SDM Vol. 2A, table 2-1. */
function decodeAddress16(i: Insn, modrm: u32): i32 {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  const BX: u32 = 3;
  const BP: u32 = 5;
  const SI: u32 = 6;
  const DI: u32 = 7;
  if (rm == 6 && mod == 0) {
    i.disp = load<i16>(at);
    at += 2;
    return -1;
  }
  const base: u32 = rm == 2 || rm == 3 || rm == 6 ? BP : rm == 4 ? SI : rm == 5 ? DI : BX;
  i.r1 = <u8>(base << 3);
  if (rm < 4) i.index = <u8>(rm & 1 ? DI : SI);
  if (mod == 1) i.disp = load<i8>(at++);
  else if (mod == 2) {
    i.disp = load<i16>(at);
    at += 2;
  }
  return -1;
}

function decodeImmediate(i: Insn, kind: u32, size: u32, addressSize: u32): void {
  if (kind == IMM_NONE) return;
  if (kind == IMM_IB || kind == IMM_REL8) i.imm = load<i8>(at++);
  else if (kind == IMM_ONE) i.imm = 1;
  else if (kind == IMM_IS4) i.imm = load<u8>(at++);
  else if (kind == IMM_IW) {
    i.imm = load<u16>(at);
    at += 2;
  } else if (kind == IMM_IZ || kind == IMM_RELZ) {
    // 66 makes near branches 16-bit ones in 64-bit mode too: AMD64 Vol. 3, JMP (Near). Intel ignores it.
    if (size == 0) {
      i.imm = load<i16>(at);
      at += 2;
    } else {
      i.imm = load<i32>(at);
      at += 4;
    }
  } else if (kind == IMM_IV) {
    if (size == 0) {
      i.imm = load<i16>(at);
      at += 2;
    } else if (size == 1) {
      i.imm = load<i32>(at);
      at += 4;
    } else {
      i.disp = load<i32>(at);
      i.imm = load<i32>(at, 4);
      at += 8;
    }
  } else if (kind == IMM_MOFFS) {
    i.r1 = <u8>CODE_ZERO;
    if (addressSize == 2) {
      i.disp = load<u16>(at);
      at += 2;
    } else if (addressSize == 1) {
      i.disp = load<i32>(at);
      at += 4;
    } else {
      i.disp = load<i32>(at);
      i.imm = load<i32>(at, 4);
      at += 8;
      i.ea |= <u8>(EA_LONG | EA_SEGMENT);
    }
  } else if (kind == IMM_IWIB) {
    i.imm = <i32>((<u32>load<u16>(at)) | ((<u32>load<u8>(at, 2)) << 16));
    at += 3;
  } else if (kind == IMM_PTR) {
    if (size == 0) {
      i.disp = load<u16>(at);
      at += 2;
    } else {
      i.disp = load<i32>(at);
      at += 4;
    }
    i.imm = load<u16>(at);
    at += 2;
  }
}

function decodeOperands(i: Insn, row: usize, memory: bool, opcode: u32, vvvv: u32): void {
  const slots: u32 = load<u32>(row, 20) >> (memory ? 16 : 0);
  for (let n: u32 = 0; n < 4; n++) {
    const slot = (slots >> (n << 2)) & 15;
    if (slot > <u32>SLOT_R2) continue;
    const how: u32 = load<u8>(row + n, 12);
    const source = how & 15;
    let number: u32 = 0;
    if (source == SOURCE_REG) number = rmReg;
    else if (source == SOURCE_RM) number = rm;
    else if (source == SOURCE_OPCODE) number = (opcode & 7) | ((rex & 1) << 3);
    else if (source == SOURCE_VVVV) number = vvvv;
    else if (source == SOURCE_IS4) {
      number = ((<u32>i.imm) >> 4) & (codeMode == MODE_64 ? 15 : 7);
      i.imm &= 15;
    }
    let code = number << 3;
    if (source == SOURCE_FIXED) code = load<u8>(row + n, 16);
    else if (how & SOURCE_BYTE && !rex && number >= 4) code = ((number - 4) << 3) | 1;
    if (slot == SLOT_R0) i.r0 = <u8>code;
    else if (slot == SLOT_R1) i.r1 = <u8>code;
    else i.imm = (i.imm & ~0xff00) | (<i32>(code << 8));
  }
}

/** Decodes from `offset` of the unit's page until control leaves. Returns the first record. May raise a fetch fault at RIP. */
export function decodeRun(unit: usize, offset: u32): usize {
  const page: usize = RAM_BASE + ((<usize>load<u32>(unit, U_FRAME)) << 12);
  const header = allocate((RUN_MAX + 4) * RECORD_SIZE);
  let record = header + RECORD_SIZE;
  const first = record;
  let position = offset;
  let count: u32 = 0;
  const most: u32 = load<u32>(unit, U_MODE) & MODE_CS_EDGE ? 1 : RUN_MAX;
  let decoded: u64 = 0;
  while (true) {
    const i = changetype<Insn>(record);
    if (
      position >= 4096 ||
      count >= most ||
      (position != offset && load<u32>(unit + ((<usize>position) << 2), U_MAP))
    ) {
      endRun(record, position);
      count++;
      break;
    }
    const available: u32 = 4096 - position;
    let from = page + position;
    if (available < LENGTH_MAX) {
      memory.fill(CODE_BYTES, 0, 32);
      memory.copy(CODE_BYTES, from, available);
      from = CODE_BYTES;
    }
    let length = decodeOne(from, i, position);
    if (length > available) {
      if (position != offset) {
        // Whether the next page can be fetched is found out when control really gets here.
        endRun(record, position);
        count++;
        break;
      }
      const linear = (load<u64>(LINEAR_PAGE) + 4096) & load<u64>(LINEAR_MASK);
      const physical = fetchPhysical(linear);
      // No device answers a fetch.
      if (!isRam(physical)) fault(UD, 0);
      memory.copy(CODE_BYTES + available, <usize>physical + RAM_BASE, LENGTH_MAX);
      const frame = <u32>(physical >> 12);
      addTail(frame, unit);
      i.op = <u16>OP_STRADDLE;
      i.where = <u16>position;
      i.imm = <i32>frame;
      store<u32>(unit + ((<usize>position) << 2), <u32>record, U_MAP);
      record += RECORD_SIZE;
      length = decodeOne(CODE_BYTES, changetype<Insn>(record), position);
      decoded++;
      record += RECORD_SIZE;
      endRun(record, position + length);
      position += length;
      count += 3;
      break;
    }
    store<u32>(unit + ((<usize>position) << 2), <u32>record, U_MAP);
    record += RECORD_SIZE;
    position += length;
    count++;
    decoded++;
    if (ends) break;
  }
  store<u64>(STATS + STAT_DECODED, load<u64>(STATS + STAT_DECODED) + decoded);
  giveBack(header + (RUN_MAX + 4) * RECORD_SIZE, header + (count + 1) * RECORD_SIZE);
  addRun(unit, header, count, offset, position);
  return first;
}

export function endRun(record: usize, position: u32): void {
  const i = changetype<Insn>(record);
  i.op = <u16>OP_END;
  i.where = <u16>(position & 0xfff);
  i.r0 = 0;
  i.disp = 0;
  i.imm = <i32>position;
}
