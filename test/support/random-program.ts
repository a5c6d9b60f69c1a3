/**
 * Random user-mode programs out of the instruction tables, for comparing two CPUs: straight code with jumps forward,
 * ended by UD2, and a state in which most of its memory operands reach the vectors' memory map.
 */
import * as L from '../../assembly/layout.ts';
import { compileRows, type CompiledRow } from '../../assembly/isa/compile.ts';
import { TABLES } from '../../assembly/isa/tables.ts';
import { decode, type CodeMode } from '../../src/core/disasm/decode.ts';
import { CODE_LINEAR, IMAGE_BYTES, IMAGE_DATA, type UserState } from './native.ts';
import type { Random } from './random.ts';

export interface Program {
  mode: CodeMode;
  /** Bytes of each instruction; the last is UD2. */
  instructions: Uint8Array[];
  rows: CompiledRow['row'][];
  state: UserState;
}

const DATA = 0x20000000;
const DATA_BYTES = 0x2000;
const READ_ONLY = 0x20002000;
const STACK = 0x30000000;
const HIGH = 0x600000000000n;
const CODE_OFFSET = 0x100;
const UD2 = Uint8Array.of(0x0f, 0x0b);

/** Groups that hold nothing for user-mode programs, or nothing that two CPUs can agree on. */
const OTHER_GROUPS = ['system', 'io', 'xsave'];
/** Results that depend on the processor or on what is around it: time, randomness, pointers, approximations, exact flag images. */
const OTHER_NAMES =
  /^(RDRAND|RDSEED|POPF|INTO|RCP[PS]S|RSQRT[PS]S|FNSTENV|FNSAVE|FLDENV|FRSTOR|FSIN|FCOS|FSINCOS|FPTAN|FPATAN|F2XM1|FYL2X|FYL2XP1|UD[012])$/;

const ROWS = compileRows(TABLES).filter((r) => !OTHER_GROUPS.includes(r.table.group) && !OTHER_NAMES.test(r.row.name));
const GROUPS = [...new Set(ROWS.map((r) => r.table.group))];

/** Registers that hold addresses; seldom written. */
const POINTERS_64 = [3, 5, 6, 7, 13, 14, 15];
const POINTERS_32 = [3, 5, 6, 7];
const RSP = 4;

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
];

function random64(random: Random): bigint {
  const whole = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return random.pick([random.pick(EDGES), whole, whole & 0xffffffffn, whole & 0xffn]);
}

function pointer(random: Random, mode: CodeMode): bigint {
  const at = random.chance(0.8) ? random.below(DATA_BYTES / 16 - 32) * 16 + 128 : random.below(DATA_BYTES);
  if (mode === 64 && random.chance(0.1)) return HIGH + BigInt(at & 0xfff);
  if (random.chance(0.05)) return BigInt(READ_ONLY + (at & 0xfff));
  return BigInt(random.chance(0.1) ? STACK + (at & 0xfff) : DATA + at);
}

function modrmWithMemory(random: Random, mode: CodeMode, row: CompiledRow): number[] {
  const reg = (row.regField < 8 ? row.regField : register(random, mode)) << 3;
  const displacement = random.chance(0.8) ? random.below(8) * 16 : random.below(256);
  const absolute = DATA + (random.chance(0.9) ? random.below(DATA_BYTES / 16) * 16 : random.below(DATA_BYTES));
  const bytes = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
  const base = random.pick([3, 5, 6, 7]);
  switch (random.below(6)) {
    case 0:
      return [reg | 4, 0x25, ...bytes(absolute)]; // SIB without base and index
    case 1:
      return [0x80 | reg | base, ...bytes(random.chance(0.5) ? displacement : -displacement)];
    case 2:
      return [0x40 | reg | 4, (random.below(4) << 6) | (random.below(8) << 3) | base, displacement & 0x7f];
    case 3:
      return [0x40 | reg | 4, 0x24, displacement & 0x7f]; // rSP
    default:
      return [0x40 | reg | base, displacement & 0xff];
  }
}

function register(random: Random, mode: CodeMode): number {
  const avoided = mode === 64 ? [RSP, 3, 5, 6, 7] : [RSP, ...POINTERS_32];
  const n = random.below(8);
  return avoided.includes(n) && random.chance(0.85) ? register(random, mode) : n;
}

const PREFIXES: [bit: number, byte: number[]][] = [
  [L.ROW_PREFIX_NP, []],
  [L.ROW_PREFIX_66, [0x66]],
  [L.ROW_PREFIX_F3, [0xf3]],
  [L.ROW_PREFIX_F2, [0xf2]],
];
const ANY_PREFIX = 15;

/** One encoding of `row`, or undefined when these random choices give none. */
function encode(random: Random, mode: CodeMode, row: CompiledRow): Uint8Array | undefined {
  const out: number[] = [];
  const match = row.words[0]!;
  const { osz } = row.row.options;
  if (mode === 64 && random.chance(0.02)) out.push(0x65);
  if (random.chance(0.02)) out.push(0x67);
  if (row.prefixMask !== ANY_PREFIX) out.push(...random.pick(PREFIXES.filter(([bit]) => row.prefixMask & bit))[1]);
  if (osz === 16 || (row.prefixMask === ANY_PREFIX && random.chance(0.15))) out.push(0x66);
  const memory = row.hasModrm && (match & L.ROW_MEM) !== 0 && (!(match & L.ROW_REG) || random.chance(0.5));
  if (row.row.options.lock && memory && random.chance(0.15)) out.push(0xf0);
  if (row.map >= 4) return undefined;
  if (mode === 64) {
    const wMask = (match >> L.ROW_W_SHIFT) & 3;
    const w = wMask === 2 || osz === 64 || (wMask === 3 && osz === undefined && random.chance(0.4)) ? 8 : 0;
    const extended = random.chance(0.4) ? random.below(8) & (memory ? 4 : 7) : 0;
    if (w || extended || random.chance(0.1)) out.push(0x40 | w | extended);
  }
  if (row.map > 0) out.push(0x0f);
  if (row.map > 1) out.push(row.map === 2 ? 0x38 : 0x3a);
  out.push(
    random.pick(row.opcodes.length > 1 ? row.opcodes.filter((_, n) => n !== RSP || random.chance(0.1)) : row.opcodes),
  );
  if (row.fixedModrm !== undefined) out.push(row.fixedModrm);
  else if (memory) out.push(...modrmWithMemory(random, mode, row));
  else if (row.hasModrm)
    out.push(0xc0 | ((row.regField < 8 ? row.regField : register(random, mode)) << 3) | register(random, mode));
  const moffs = row.immediate === L.IMM_MOFFS ? DATA + random.below(DATA_BYTES) : undefined;
  for (let n = 0; n < 10; n++) {
    if (moffs !== undefined) out.push(n < 4 ? (moffs >> (n * 8)) & 255 : 0);
    else out.push(random.pick([0, 1, 0xff, 0x80, 0x7f, random.below(256), random.below(256), random.below(32)]));
  }
  const bytes = Uint8Array.from(out);
  const d = decode(bytes, mode);
  if (d === undefined || d.row.row !== row.row) return undefined;
  return bytes.subarray(0, d.length);
}

function isJump(row: CompiledRow): boolean {
  return row.immediate === L.IMM_REL8 || row.immediate === L.IMM_RELZ;
}

/** Points relative branches at one of the next instructions. */
function link(random: Random, instructions: Uint8Array[], rows: CompiledRow[]): void {
  for (const [n, row] of rows.entries()) {
    if (!isJump(row)) continue;
    const over = random.below(Math.min(3, rows.length - n));
    let distance = 0;
    for (let k = n + 1; k <= n + over; k++) distance += instructions[k]!.length;
    const bytes = instructions[n]!;
    const width = row.immediate === L.IMM_REL8 ? 1 : bytes.includes(0x66) ? 2 : 4;
    for (let k = 0; k < width; k++) bytes[bytes.length - width + k] = k === 0 ? distance : 0;
  }
}

const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  3,
  1e10,
  -1e-10,
  1e300,
  1e-310,
  65504,
  2147483648,
  -2147483648.5,
  Infinity,
  -Infinity,
  NaN,
];

/** Random bytes with runs of numbers that are interesting to integer and floating-point instructions. */
function fillData(random: Random, bytes: Uint8Array): void {
  random.fill(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const kind = random.below(5);
    if (kind === 0) {
      for (let n = 0; n < 16; n += 4)
        view.setFloat32(at + n, random.pick(FLOATS) * (random.chance(0.5) ? 1 : random.u32()), true);
    } else if (kind === 1) {
      for (let n = 0; n < 16; n += 8)
        view.setFloat64(at + n, random.pick(FLOATS) * (random.chance(0.5) ? 1 : random.u32()), true);
    } else if (kind === 2) {
      for (let n = 0; n < 16; n += 8) view.setBigUint64(at + n, random64(random), true);
    } else if (kind === 3) {
      // f80 near one, with its integer bit
      view.setUint8(at + 7, view.getUint8(at + 7) | 0x80);
      view.setUint16(at + 8, (random.below(2) << 15) | (0x3fff + random.below(100) - 50), true);
    }
  }
}

function randomState(random: Random, mode: CodeMode, code: Uint8Array): UserState {
  const long = mode === 64;
  const pointers = long ? POINTERS_64 : POINTERS_32;
  const gpr = Array.from({ length: 16 }, (_, n) => {
    if (!long && n >= 8) return 0n;
    if (n === RSP) return BigInt(STACK + 0x800 + random.below(4) * 8);
    if (pointers.includes(n) && random.chance(0.95)) return pointer(random, mode);
    if (n === 1 && random.chance(0.7)) return BigInt(random.below(40));
    return long ? random64(random) : random64(random) & 0xffffffffn;
  });
  const image = new Uint8Array(IMAGE_BYTES);
  fillData(random, image.subarray(IMAGE_DATA));
  image.set(code, CODE_OFFSET);
  const data = new Uint8Array(16 * 16 + 8 * 16);
  fillData(random, data);
  const ymm = new Uint8Array(512);
  for (let n = 0; n < (long ? 16 : 8); n++) ymm.set(data.subarray(n * 16, n * 16 + 16), n * 32);
  const st = data.slice(256, 384);
  for (let n = 0; n < 128; n += 16) st.fill(0, n + 10, n + 16);
  const depth = random.below(9);
  const fsw = ((8 - depth) & 7) << 11;
  return {
    mode: long ? 0 : 1,
    gpr,
    rip: CODE_LINEAR + BigInt(CODE_OFFSET),
    eflags: 0x202 | (random.u32() & 0x8d5) | (random.chance(0.1) ? 0x400 : 0),
    mxcsr:
      (random.chance(0.9) ? 0x1f80 : random.below(64) << 7) |
      (random.below(4) << 13) |
      (random.chance(0.3) ? 0x20 : 0) |
      (random.chance(0.1) ? 0x8040 : 0),
    fcw:
      (random.chance(0.9) ? 0x7f : 0x40 | random.below(64)) |
      (random.pick([0, 2, 3, 3]) << 8) |
      (random.below(4) << 10),
    fsw,
    // Valid from the top down, in physical order.
    ftw: depth === 0 ? 0 : (0xff00 >> depth) & 0xff,
    st,
    ymm,
    image,
  };
}

export interface ProgramOptions {
  length: number;
  /** Only rows of these groups. */
  groups?: string[] | undefined;
  /** Put a CMP after instructions that leave flags undefined. */
  defineFlags: boolean;
}

export function randomProgram(
  random: Random,
  mode: CodeMode,
  { length, groups = GROUPS, defineFlags }: ProgramOptions,
): Program {
  const instructions: Uint8Array[] = [];
  const rows: CompiledRow[] = [];
  const define = ROWS.find((r) => r.row.name === 'CMP')!;
  while (instructions.length < length) {
    const group = random.pick(groups);
    const row = random.pick(ROWS.filter((r) => r.table.group === group));
    const bytes = encode(random, mode, row);
    if (bytes === undefined) continue;
    instructions.push(bytes);
    rows.push(row);
    if (!defineFlags || row.row.options.undef === undefined) continue;
    instructions.push(Uint8Array.of(0x38, 0xc0 | random.below(64)));
    rows.push(define);
  }
  link(random, instructions, rows);
  instructions.push(UD2);
  const code = Uint8Array.from(instructions.flatMap((i) => [...i]));
  return { mode, instructions, rows: rows.map((r) => r.row), state: randomState(random, mode, code) };
}

/** The same program ending before instruction `count`. */
export function truncated(program: Program, count: number): UserState {
  const image = program.state.image.slice();
  let at = CODE_OFFSET;
  program.instructions.forEach((bytes, n) => {
    if (n >= count) image.set(UD2.subarray(0, bytes.length), at);
    at += bytes.length;
  });
  return { ...program.state, image };
}
