/**
 * Random user-mode programs out of the instruction tables, for comparing two CPUs: straight code with jumps forward,
 * ended by UD2, and a state in which most of its memory operands reach the vectors' memory map.
 */
import * as L from '../../assembly/layout.ts';
import { compileRows, type CompiledRow } from '../../assembly/isa/compile.ts';
import { TABLES } from '../../assembly/isa/tables.ts';
import type { CodeMode } from '../../src/core/disasm/decode.ts';
import { CODE_LINEAR, IMAGE_BYTES, IMAGE_DATA, type UserState } from './native.ts';
import { POINTERS, randomEncoding, type OperandStyle } from './random-encoding.ts';
import { fillValues, random64 } from './random-values.ts';
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

const RSP = 4;
const GS_PREFIX = 0x65;

function pointer(random: Random, mode: CodeMode): bigint {
  const at = random.chance(0.8) ? random.below(DATA_BYTES / 16 - 32) * 16 + 128 : random.below(DATA_BYTES);
  if (mode === 64 && random.chance(0.1)) return HIGH + BigInt(at & 0xfff);
  if (random.chance(0.05)) return BigInt(READ_ONLY + (at & 0xfff));
  return BigInt(random.chance(0.1) ? STACK + (at & 0xfff) : DATA + at);
}

/** GS has a base in the middle of the data. */
function styleOf(mode: CodeMode): OperandStyle {
  return {
    bits: mode,
    absolute: (random) => DATA + (random.chance(0.9) ? random.below(DATA_BYTES / 16) * 16 : random.below(DATA_BYTES)),
    segments: mode === 64 ? 0.02 : 0,
    segmentPrefixes: [GS_PREFIX],
    wild: 0,
    alignment: 16,
    relative: false,
  };
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

function randomState(random: Random, mode: CodeMode, code: Uint8Array): UserState {
  const long = mode === 64;
  const gpr = Array.from({ length: 16 }, (_, n) => {
    if (!long && n >= 8) return 0n;
    if (n === RSP) return BigInt(STACK + 0x800 + random.below(4) * 8);
    if (POINTERS.includes(n) && random.chance(0.95)) return pointer(random, mode);
    if (n === 1 && random.chance(0.7)) return BigInt(random.below(40));
    return long ? random64(random) : random64(random) & 0xffffffffn;
  });
  const image = new Uint8Array(IMAGE_BYTES);
  fillValues(random, image.subarray(IMAGE_DATA));
  image.set(code, CODE_OFFSET);
  const data = new Uint8Array(16 * 16 + 8 * 16);
  fillValues(random, data);
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
  const style = styleOf(mode);
  const define = ROWS.find((r) => r.row.name === 'CMP')!;
  while (instructions.length < length) {
    const group = random.pick(groups);
    const row = random.pick(ROWS.filter((r) => r.table.group === group));
    const bytes = randomEncoding(random, style, row);
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
