/**
 * Reads instruction-table rows: opcode notation and operand letters become what decoders match. The core's decoder
 * tables (scripts/isa/forms.ts adds the semantic functions) and the disassembler both come from here.
 */
import * as L from '../layout.ts';
import type { Row, Table } from './form.ts';

export interface Operand {
  letter: string;
  suffix: string;
  /** Where the decoder finds it; undefined for implicit operands. */
  source: number;
  /** Fixed register code. */
  fixed: number;
  byte: boolean;
  isRegister: boolean;
  canBeMemory: boolean;
  canBeRegister: boolean;
}

export interface CompiledRow {
  row: Row;
  table: Table;
  map: number;
  opcodes: number[];
  operands: Operand[];
  hasModrm: boolean;
  regField: number;
  fixedModrm: number | undefined;
  prefixMask: number;
  specific: number;
  widths: string[];
  immediate: number;
  words: number[];
}

const FIXED: Record<string, [code: number, suffix: string]> = {
  AL: [0, 'b'],
  AX: [0, 'w'],
  rAX: [0, 'v'],
  eAX: [0, 'z'],
  CL: [8, 'b'],
  DX: [16, 'w'],
};
const IMMEDIATES: Record<string, number> = {
  ib: L.IMM_IB,
  iw: L.IMM_IW,
  iz: L.IMM_IZ,
  iv: L.IMM_IV,
  rel8: L.IMM_REL8,
  relz: L.IMM_RELZ,
  moffs: L.IMM_MOFFS,
  iwib: L.IMM_IWIB,
  ptr: L.IMM_PTR,
  is4: L.IMM_IS4,
};
const PREFIXES: Record<string, number> = {
  NP: L.ROW_PREFIX_NP,
  '66': L.ROW_PREFIX_66,
  F3: L.ROW_PREFIX_F3,
  F2: L.ROW_PREFIX_F2,
  NP66: L.ROW_PREFIX_NP | L.ROW_PREFIX_66,
  NPF3: L.ROW_PREFIX_NP | L.ROW_PREFIX_F3,
  NP66F2: L.ROW_PREFIX_NP | L.ROW_PREFIX_66 | L.ROW_PREFIX_F2,
  F3F2: L.ROW_PREFIX_F3 | L.ROW_PREFIX_F2,
};
const UNITS = { integer: L.UNIT_INTEGER, x87: L.UNIT_X87, mmx: L.UNIT_MMX, sse: L.UNIT_SSE, avx: L.UNIT_AVX };

function parseOperand(text: string): Operand {
  const operand: Operand = {
    letter: text,
    suffix: '',
    source: L.SOURCE_NONE,
    fixed: 0,
    byte: false,
    isRegister: false,
    canBeMemory: false,
    canBeRegister: true,
  };
  const fixed = FIXED[text];
  if (fixed)
    return { ...operand, letter: text, suffix: fixed[1], source: L.SOURCE_FIXED, fixed: fixed[0], isRegister: true };
  if (text === '1') return { ...operand, letter: '1' };
  if (text === 'ST0') return { ...operand, letter: text };
  if (text === 'STi') return { ...operand, letter: text, source: L.SOURCE_RM, isRegister: true };
  operand.letter = text[0]!;
  operand.suffix = text.slice(1);
  const register = (source: number, memory: boolean, reg: boolean) => {
    operand.source = source;
    operand.isRegister = reg;
    operand.canBeMemory = memory;
    operand.canBeRegister = reg;
  };
  switch (operand.letter) {
    case 'E':
    case 'W':
    case 'Q':
      register(L.SOURCE_RM, true, true);
      break;
    case 'R':
    case 'U':
    case 'N':
      register(L.SOURCE_RM, false, true);
      break;
    case 'M':
      register(L.SOURCE_RM, true, false);
      break;
    case 'G':
    case 'V':
    case 'P':
    case 'S':
    case 'C':
    case 'D':
      register(L.SOURCE_REG, false, true);
      break;
    case 'Z':
      register(L.SOURCE_OPCODE, false, true);
      break;
    case 'B':
    case 'H':
      register(L.SOURCE_VVVV, false, true);
      break;
    case 'L':
      register(L.SOURCE_IS4, false, true);
      break;
    case 'I':
    case 'J':
    case 'O':
    case 'X':
    case 'Y':
    case 'F':
    case 'A':
      break;
    default:
      throw new Error(`unknown operand letter in ${text}`);
  }
  operand.byte = operand.suffix === 'b' && 'EGRZ'.includes(operand.letter);
  return operand;
}

function compileRow(table: Table, row: Row): CompiledRow {
  const fail = (why: string): never => {
    throw new Error(`${row.name} "${row.opcode}" ${row.operands}: ${why}`);
  };
  const options = row.options;
  const tokens = row.opcode.split(/\s+/);
  let map = 0;
  let prefixMask = 15;
  let specific = 0;
  let wMask = 3;
  let lMask = 3;
  let vex = false;
  let opcode = -1;
  let plusR = false;
  let hasModrm = false;
  let regField = 8;
  let fixedModrm: number | undefined;
  let immediate = L.IMM_NONE;
  for (const [n, token] of tokens.entries()) {
    if (token.startsWith('VEX.')) {
      const [, length, prefix, vexMap, w] = token.split('.');
      vex = true;
      map = { '0F': 4, '0F38': 5, '0F3A': 6 }[vexMap!] ?? fail('VEX map');
      prefixMask = PREFIXES[prefix!] ?? fail('VEX prefix');
      wMask = w === 'W0' ? 1 : w === 'W1' ? 2 : 3;
      lMask = length === '128' ? 1 : length === '256' ? 2 : 3;
    } else if (n === 0 && n < tokens.length - 1 && token in PREFIXES) {
      prefixMask = PREFIXES[token]!;
      specific += 2;
    } else if (opcode < 0 && (token === 'W0' || token === 'W1')) {
      wMask = token === 'W0' ? 1 : 2;
      specific += 1;
    } else if (opcode < 0 && !vex && map === 0 && token === '0F') map = 1;
    else if (opcode < 0 && !vex && map === 1 && (token === '38' || token === '3A') && n < tokens.length - 1) {
      map = token === '38' ? 2 : 3;
    } else if (opcode < 0) {
      const m = /^([0-9A-F]{2})(\+r)?$/.exec(token) ?? fail(`opcode byte ${token}`);
      opcode = parseInt(m[1]!, 16);
      plusR = m[2] !== undefined;
    } else if (token === '/r') hasModrm = true;
    else if (/^\/[0-7]$/.test(token)) {
      hasModrm = true;
      regField = Number(token[1]);
    } else if (/^[0-9A-F]{2}$/.test(token)) {
      hasModrm = true;
      fixedModrm = parseInt(token, 16);
      specific += 4;
    } else immediate = IMMEDIATES[token] ?? fail(`token ${token}`);
  }
  const operands = row.operands === '' ? [] : row.operands.split(/\s+/).map(parseOperand);
  if (operands.some((o) => o.letter === '1')) immediate = L.IMM_ONE;
  const rm = operands.find((o) => o.source === L.SOURCE_RM);
  let mod = 3;
  if (options.ignoreMod) mod = 3;
  else if (fixedModrm !== undefined) mod = 2;
  else if (operands.some((o) => o.letter === 'STi')) mod = 2;
  else if (rm) mod = (rm.canBeMemory ? 1 : 0) | (rm.canBeRegister ? 2 : 0);
  if (mod !== 3) specific += 1;
  const integer = operands.find((o) => 'EGZRIMB'.includes(o.letter) || o.letter in FIXED);
  const wide = operands.some((o) => (o.suffix === 'v' || o.suffix === 'z') && o.letter !== 'J');
  const y = operands.some((o) => o.suffix === 'y');
  const width = wide ? L.WIDTH_V : y ? L.WIDTH_Y : L.WIDTH_ONE;
  const bySuffix: Record<string, string> = { b: 'u8', w: 'u16', d: 'u32', q: 'u64' };
  const widths = wide ? ['u16', 'u32', 'u64'] : y ? ['u32', 'u64'] : [bySuffix[integer?.suffix ?? ''] ?? ''];
  const modes = options.i64 ? 3 : options.o64 ? 4 : 7;
  const osz = options.osz === undefined ? 7 : options.osz === 16 ? 1 : options.osz === 32 ? 2 : 4;
  let mask = prefixMask;
  if (options.ignore66) mask |= mask & L.ROW_PREFIX_NP ? L.ROW_PREFIX_66 : 0;
  const match =
    mask |
    (regField << L.ROW_REG_SHIFT) |
    (mod & 1 ? L.ROW_MEM : 0) |
    (mod & 2 ? L.ROW_REG : 0) |
    (modes << L.ROW_MODE_SHIFT) |
    (wMask << L.ROW_W_SHIFT) |
    (lMask << L.ROW_L_SHIFT) |
    (fixedModrm === undefined ? 0 : L.ROW_FIXED_MODRM | (fixedModrm << L.ROW_MODRM_SHIFT)) |
    (osz << L.ROW_OSZ_SHIFT);
  const usesMmx = table.unit === 'sse' && operands.some((o) => 'PQN'.includes(o.letter));
  const ends = options.end;
  const unit = options.feature === 'WAIT' ? L.UNIT_WAIT : UNITS[table.unit];
  const attributes =
    (hasModrm ? L.ROW_HAS_MODRM : 0) |
    (options.lock ? L.ROW_LOCK : 0) |
    (options.d64 ? L.ROW_D64 : 0) |
    (ends ? L.ROW_ENDS : 0) |
    (operands.some((o) => o.source === L.SOURCE_VVVV) ? L.ROW_VVVV : 0) |
    (immediate << L.ROW_IMM_SHIFT) |
    (unit << L.ROW_UNIT_SHIFT) |
    (width << L.ROW_WIDTH_SHIFT) |
    (options.ignoreMod ? L.ROW_IGNORE_MOD : 0) |
    (options.noRexB ? L.ROW_NO_REX_B : 0) |
    (usesMmx ? L.ROW_MMX : 0) |
    (operands.some((o) => 'XY'.includes(o.letter)) ? L.ROW_IMPLICIT_MEMORY : 0);
  const opcodes = plusR ? Array.from({ length: 8 }, (_, n) => opcode + n) : [opcode];
  return {
    row,
    table,
    map,
    opcodes,
    operands,
    hasModrm,
    regField,
    fixedModrm,
    prefixMask,
    specific,
    widths,
    immediate,
    words: [match >>> 0, attributes >>> 0],
  };
}

export function compileRows(tables: Table[]): CompiledRow[] {
  return tables.flatMap((t) => t.rows.map((r) => compileRow(t, r)));
}

/** Rows by map and opcode byte, in the order in which they are tried; a row with several bytes (+r) is listed once for each. */
export function byOpcode(rows: CompiledRow[]): CompiledRow[][] {
  const lists: CompiledRow[][] = Array.from({ length: L.OPCODE_MAPS * 256 }, () => []);
  for (const r of rows) for (const opcode of r.opcodes) lists[(r.map << 8) | opcode]!.push(r);
  for (const list of lists) list.sort((a, b) => b.specific - a.specific);
  return lists;
}
