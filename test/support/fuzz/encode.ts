/**
 * Random instructions out of the instruction tables, biased so that memory operands mostly reach what a program's address
 * registers point to. Branches are not made here: test/support/fuzz/program.ts places them.
 */
import * as L from '../../../assembly/layout.ts';
import { compileRows, type CompiledRow } from '../../../assembly/isa/compile.ts';
import { TABLES } from '../../../assembly/isa/tables.ts';
import { decode, type CodeMode } from '../../../src/core/disasm/decode.ts';
import type { Random } from '../random.ts';

/** How instructions of a program are chosen. */
export interface Style {
  readonly bits: CodeMode;
  /** Groups of the instruction tables (assembly/isa/<group>.table.ts), each as often as its number says. */
  readonly groups: Readonly<Record<string, number>>;
  /** Addresses for operands without a base register: anywhere in the first 2 GiB, or the first 64 KiB of a segment. */
  readonly absolute: (random: Random) => number;
  /** How often an operand names a segment. */
  readonly segments: number;
  /** How often a displacement is far away. */
  readonly wild: number;
}

const RSP = 4;
/** Registers that hold addresses, seldom written; see Program. */
export const POINTERS = [3, 5, 6, 7, 13, 14, 15];
/** These go where their operand says, or stop or reconfigure the machine: rare, and only where chosen by their group. */
const CONTROL =
  /^(JMP|CALL|RET|IRET|JCC|LOOP.*|JECXZ|J.*CXZ|HLT|CLI|UD[012]|LGDT|LIDT|LMSW|LTR|LLDT|INT.*|SYS.*|WRMSR|XSETBV|INVD|BOUND)/;
const CONTROL_CHANCE = 0.04;
const GROUP_TRIES = 400;

const rowsOf = new Map<string, CompiledRow[]>();
/** Rows of a group that exist in this mode and are no relative branches. */
function rowsFor(group: string, bits: CodeMode): CompiledRow[] {
  const key = `${group} ${bits}`;
  let rows = rowsOf.get(key);
  if (rows === undefined) {
    const mode = 1 << (L.ROW_MODE_SHIFT + { 16: 0, 32: 1, 64: 2 }[bits]);
    rows = compileRows(TABLES).filter(
      (r) =>
        r.table.group === group &&
        r.map < 4 &&
        r.words[0]! & mode &&
        r.immediate !== L.IMM_REL8 &&
        r.immediate !== L.IMM_RELZ,
    );
    rowsOf.set(key, rows);
  }
  return rows;
}

export const le = (value: number | bigint, byteCount: number): number[] =>
  Array.from({ length: byteCount }, (_, n) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * n)) & 255n));

/** A register for an operand that may be written. */
function register(random: Random): number {
  const n = random.below(8);
  return (n === RSP || POINTERS.includes(n)) && random.chance(0.88) ? register(random) : n;
}

function displacement(random: Random, style: Style, byteCount: number): number {
  if (byteCount === 1) return random.chance(0.7) ? random.below(8) * 8 : random.below(256);
  if (random.chance(style.wild)) return random.pick([0x7fffffff, -0x80000000, random.u32(), 0x1000, -0x1000]);
  return random.chance(0.5) ? random.below(64) * 8 : random.below(0x400) - 0x200;
}

/** ModRM, SIB and displacement of a memory operand. */
function memoryOperand(random: Random, style: Style, reg: number, addressSize: 16 | 32 | 64): number[] {
  const field = reg << 3;
  if (addressSize === 16) {
    const rm = random.below(8);
    const mod = random.below(3);
    if (mod === 0) return rm === 6 ? [field | 6, ...le(style.absolute(random), 2)] : [field | rm];
    return [(mod << 6) | field | rm, ...le(displacement(random, style, mod), mod)];
  }
  const base = random.pick([3, 5, 6, 7]);
  switch (random.below(8)) {
    case 0:
      // A displacement alone: with a SIB byte in 64-bit code, where without one it counts from RIP.
      return style.bits === 64
        ? [field | 4, 0x25, ...le(style.absolute(random), 4)]
        : [field | 5, ...le(style.absolute(random), 4)];
    case 1:
      return style.bits === 64
        ? [field | 5, ...le(random.below(0x1800) - 0xc00, 4)]
        : [0x80 | field | base, ...le(displacement(random, style, 4), 4)];
    case 2:
      return [0x80 | field | base, ...le(displacement(random, style, 4), 4)];
    case 3: {
      const index = random.chance(0.7) ? random.pick([1, 4]) : random.below(8);
      return [0x40 | field | 4, (random.below(4) << 6) | (index << 3) | base, displacement(random, style, 1)];
    }
    case 4:
      return [0x40 | field | 4, 0x24, displacement(random, style, 1)]; // rSP
    case 5:
      return base === 5 ? [0x40 | field | base, 0] : [field | base];
    default:
      return [0x40 | field | base, displacement(random, style, 1)];
  }
}

const MANDATORY: [bit: number, byte: number[]][] = [
  [L.ROW_PREFIX_NP, []],
  [L.ROW_PREFIX_66, [0x66]],
  [L.ROW_PREFIX_F3, [0xf3]],
  [L.ROW_PREFIX_F2, [0xf2]],
];
const ANY_PREFIX = 15;
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x64, 0x65];
const LENGTH_OF_ANY = 10;

/** One encoding of the row, or undefined when these random choices give none. */
function encodeRow(random: Random, style: Style, row: CompiledRow): Uint8Array | undefined {
  const { bits } = style;
  const out: number[] = [];
  const match = row.words[0]!;
  const { osz } = row.row.options;
  if (random.chance(style.segments)) out.push(random.pick(SEGMENT_PREFIXES));
  let addressSize: 16 | 32 | 64 = bits;
  if (random.chance(0.03)) {
    out.push(0x67);
    addressSize = bits === 32 ? 16 : 32;
  }
  if (row.prefixMask !== ANY_PREFIX) out.push(...random.pick(MANDATORY.filter(([bit]) => row.prefixMask & bit))[1]);
  const wide =
    osz === undefined ? random.chance(bits === 16 ? 0.35 : 0.12) : osz !== (bits === 16 ? 16 : 32) && osz !== 64;
  if (wide && row.prefixMask === ANY_PREFIX) out.push(0x66);
  const memory = row.hasModrm && (match & L.ROW_MEM) !== 0 && (!(match & L.ROW_REG) || random.chance(0.5));
  if (row.row.options.lock && memory && random.chance(0.12)) out.push(0xf0);
  if (row.table.group === 'string' && random.chance(0.5)) out.push(random.pick([0xf2, 0xf3, 0xf3]));
  if (bits === 64) {
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
  const reg = row.regField < 8 ? row.regField : register(random);
  if (row.fixedModrm !== undefined) out.push(row.fixedModrm);
  else if (memory) out.push(...memoryOperand(random, style, reg, addressSize));
  else if (row.hasModrm) out.push(0xc0 | (reg << 3) | register(random));
  if (row.immediate === L.IMM_MOFFS) out.push(...le(style.absolute(random), addressSize / 8));
  for (let n = 0; n < LENGTH_OF_ANY; n++)
    out.push(random.pick([0, 1, 0xff, 0x80, 0x7f, random.below(256), random.below(256), random.below(32)]));
  const bytes = Uint8Array.from(out);
  const d = decode(bytes, bits);
  if (d === undefined || d.row.row !== row.row) return undefined;
  return bytes.subarray(0, d.length);
}

/** A random instruction of the style's groups. */
export function randomInstruction(random: Random, style: Style): Uint8Array {
  const names = Object.keys(style.groups);
  const total = names.reduce((sum, name) => sum + style.groups[name]!, 0);
  for (let n = 0; n < GROUP_TRIES; n++) {
    let at = random.below(total);
    const group = names.find((name) => (at -= style.groups[name]!) < 0)!;
    const rows = rowsFor(group, style.bits);
    if (rows.length === 0) continue;
    const row = random.pick(rows);
    if (CONTROL.test(row.row.name) && !random.chance(CONTROL_CHANCE)) continue;
    const bytes = encodeRow(random, style, row);
    if (bytes !== undefined) return bytes;
  }
  return Uint8Array.of(0x90);
}
