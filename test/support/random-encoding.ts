/** Random encodings of rows of the instruction tables, biased so that memory operands mostly reach what address registers point to. */
import * as L from '../../assembly/layout.ts';
import type { CompiledRow } from '../../assembly/isa/compile.ts';
import type { CodeMode } from '../../src/core/disasm/decode.ts';
import { canBeMemory, canBeRegister, encodeRow, isSizedBy66, mandatoryPrefixes, wantedW } from './encode-row.ts';
import { le } from './little-endian.ts';
import type { Random } from './random.ts';

/** How operands are chosen. */
export interface OperandStyle {
  readonly bits: CodeMode;
  /** Addresses for operands without a base register: anywhere in the first 2 GiB, or the first 64 KiB of a segment. */
  readonly absolute: (random: Random) => number;
  /** How often an operand names a segment, and by which prefixes. */
  readonly segments: number;
  readonly segmentPrefixes: readonly number[];
  /** How often a displacement is far away. */
  readonly wild: number;
  /** Displacements are mostly multiples of it. */
  readonly alignment: 8 | 16;
  /** Whether operands may count from RIP. */
  readonly relative: boolean;
}

const RSP = 4;
/** Registers that hold addresses, seldom written. */
export const POINTERS = [3, 5, 6, 7, 13, 14, 15];

/** A register for an operand that may be written. */
function register(random: Random): number {
  const n = random.below(8);
  return (n === RSP || POINTERS.includes(n)) && random.chance(0.88) ? register(random) : n;
}

function displacement(random: Random, style: OperandStyle, byteCount: number): number {
  const { alignment } = style;
  if (byteCount === 1) return random.chance(0.7) ? random.below(128 / alignment) * alignment : random.below(256);
  if (random.chance(style.wild)) return random.pick([0x7fffffff, -0x80000000, random.u32(), 0x1000, -0x1000]);
  return random.chance(0.5) ? random.below(32) * alignment : random.below(0x400) - 0x200;
}

/** ModRM, SIB and displacement of a memory operand. */
function memoryOperand(random: Random, style: OperandStyle, reg: number, addressSize: 16 | 32 | 64): number[] {
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
      return style.bits === 64 && style.relative
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

const MOD_REGISTER = 0xc0;
const LENGTH_OF_ANY = 10;
const REX = 0x40;
const REX_W = 8;
const REX_B_X_R = 7;
/** REX.R alone: the bits of base and index would make other registers of the address. */
const REX_R = 4;

/** One encoding of the row, or undefined when these random choices give none. */
export function randomEncoding(random: Random, style: OperandStyle, row: CompiledRow): Uint8Array | undefined {
  const { bits } = style;
  const { osz, lock } = row.row.options;
  const prefixes: number[] = [];
  if (random.chance(style.segments)) prefixes.push(random.pick(style.segmentPrefixes));
  let addressSize: 16 | 32 | 64 = bits;
  if (random.chance(0.03)) {
    prefixes.push(0x67);
    addressSize = bits === 32 ? 16 : 32;
  }
  prefixes.push(...random.pick(mandatoryPrefixes(row)));
  const toggled =
    osz === undefined ? random.chance(bits === 16 ? 0.35 : 0.12) : osz !== (bits === 16 ? 16 : 32) && osz !== 64;
  if (toggled && isSizedBy66(row)) prefixes.push(0x66);
  const memory = canBeMemory(row) && (!canBeRegister(row) || random.chance(0.5));
  if (lock && memory && random.chance(0.12)) prefixes.push(0xf0);
  if (row.table.group === 'string' && random.chance(0.5)) prefixes.push(random.pick([0xf2, 0xf3, 0xf3]));
  let rex = 0;
  if (bits === 64) {
    const wanted = wantedW(row);
    const w =
      wanted === 1 || osz === 64 || (wanted === 'either' && osz === undefined && random.chance(0.4)) ? REX_W : 0;
    const extended = random.chance(0.4) ? random.below(8) & (memory ? REX_R : REX_B_X_R) : 0;
    if (w || extended || random.chance(0.1)) rex = REX | w | extended;
  }
  // Of opcodes that hold a register, the stack pointer's is rare.
  const opcode = random.pick(
    row.opcodes.length > 1 ? row.opcodes.filter((_, n) => n !== RSP || random.chance(0.1)) : row.opcodes,
  );
  const reg = row.regField < 8 ? row.regField : register(random);
  const modrm = memory
    ? memoryOperand(random, style, reg, addressSize)
    : row.hasModrm
      ? [MOD_REGISTER | (reg << 3) | register(random)]
      : [];
  const rest = row.immediate === L.IMM_MOFFS ? le(style.absolute(random), addressSize / 8) : [];
  for (let n = 0; n < LENGTH_OF_ANY; n++)
    rest.push(random.pick([0, 1, 0xff, 0x80, 0x7f, random.below(256), random.below(256), random.below(32)]));
  return encodeRow(row, bits, { prefixes, rex, opcode, modrm, rest });
}
