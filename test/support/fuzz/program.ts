/**
 * A random program as a list of items, the unit in which a failing one is shrunk: instructions and jumps between blocks. Jumps
 * go forwards, backwards and in loops; blocks call others and return; some jumps go through a table in memory.
 */
import type { Random } from '../random.ts';
import { le } from '../little-endian.ts';
import { randomInstruction, type Style } from './instructions.ts';

export type Item =
  | { readonly bytes: readonly number[] }
  /** A branch to the beginning of a block: its short and near forms without displacement. */
  | { readonly short: readonly number[] | undefined; readonly near: readonly number[]; readonly block: number };

export interface Program {
  /** Items of each block. */
  readonly blocks: Item[][];
}
/** A program at its place. */
export interface Assembled {
  readonly bytes: Uint8Array;
  /** Offset of each block from the beginning. */
  readonly blocks: readonly number[];
  /** Offset and length of each item, in order. */
  readonly items: readonly (readonly [offset: number, length: number])[];
}

/** What a kind puts between random instructions. */
export type Piece = (random: Random) => Item[];

export interface ProgramOptions {
  readonly style: Style;
  readonly blockCount: number;
  /** Instructions of a block, at most. */
  readonly blockLength: number;
  readonly pieces: readonly Piece[];
  /** How often there is a piece instead of an instruction. */
  readonly pieceChance: number;
  /** Where an indirect jump finds addresses of blocks: a table of this many, at this linear address or offset. */
  readonly table: { readonly at: number; readonly count: number };
}

const NEAR_BYTES = { 16: 2, 32: 4, 64: 4 } as const;
const one = (bytes: readonly number[]): Item => ({ bytes });

function condition(random: Random, block: number): Item {
  const cc = random.below(16);
  return { short: [0x70 | cc], near: [0x0f, 0x80 | cc], block };
}
function jump(block: number): Item {
  return { short: [0xeb], near: [0xe9], block };
}

/** How a block ends. */
function ending(random: Random, { style, blockCount, table }: ProgramOptions, self: number): Item[] {
  const { bits } = style;
  const any = () => random.below(blockCount);
  const next = () => Math.min(blockCount - 1, self + 1 + random.below(3));
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2: {
      // A loop that counts: dec ecx; jnz
      const dec = bits === 64 ? [0xff, 0xc9] : [0x49];
      return [one(dec), { short: [0x75], near: [0x0f, 0x85], block: random.chance(0.6) ? self : any() }];
    }
    case 3:
      return [{ short: undefined, near: [0xe8], block: any() }];
    case 4:
      return [one([0xc3])];
    case 5: {
      // jmp or call through the table
      const at = table.at + random.below(table.count) * (bits / 8);
      const reg = random.pick([4, 4, 2]) << 3;
      const operand =
        bits === 64 ? [reg | 4, 0x25, ...le(at, 4)] : bits === 32 ? [reg | 5, ...le(at, 4)] : [reg | 6, ...le(at, 2)];
      return [one([0xff, ...operand])];
    }
    case 6: {
      // The address of a block in a register, through memory.
      const at = table.at + random.below(table.count) * (bits / 8);
      const load =
        bits === 64
          ? [0x48, 0x8b, 0x14, 0x25, ...le(at, 4)]
          : bits === 32
            ? [0x8b, 0x15, ...le(at, 4)]
            : [0x8b, 0x16, ...le(at, 2)];
      return [one(load), one([0xff, random.pick([0xe2, 0xe2, 0xd2])])];
    }
    case 7:
      return [jump(random.chance(0.5) ? next() : any())];
    case 8:
      return [condition(random, random.chance(0.5) ? next() : any())];
    case 9:
      return random.chance(0.5)
        ? [{ short: [random.pick([0xe0, 0xe1, 0xe2, 0xe3])], near: [], block: self }]
        : [condition(random, next()), condition(random, next())];
    case 10:
      return [condition(random, self)];
    default:
      return random.chance(0.5) ? [condition(random, next())] : [];
  }
}

export function randomProgram(random: Random, options: ProgramOptions): Program {
  const { style, pieces, pieceChance } = options;
  const blocks = Array.from({ length: options.blockCount }, (_, n) => {
    const items: Item[] = [];
    for (let left = random.below(options.blockLength); left >= 0; left--) {
      if (pieces.length > 0 && random.chance(pieceChance)) items.push(...random.pick(pieces)(random));
      else if (random.chance(0.08))
        items.push(condition(random, Math.min(options.blockCount - 1, n + 1 + random.below(2))));
      else items.push(one([...randomInstruction(random, style)]));
    }
    items.push(...ending(random, options, n));
    return items;
  });
  blocks.push([jump(0)]);
  return { blocks };
}

const SHORT_REACH = 100;

/** Places items one after the other; those whose number is in `dropped` become NOPs of the same length. */
export function assemble(program: Program, bits: 16 | 32 | 64, dropped: ReadonlySet<number> = new Set()): Assembled {
  const size = NEAR_BYTES[bits];
  const items = program.blocks.flat();
  const firsts: number[] = [];
  let count = 0;
  for (const block of program.blocks) {
    firsts.push(count);
    count += block.length;
  }
  const lengthOf = (item: Item, isShort: boolean): number =>
    'bytes' in item ? item.bytes.length : isShort ? item.short!.length + 1 : item.near.length + size;
  // Near forms first; then what is close becomes short, which brings everything closer still.
  const place = (shorts: readonly boolean[]) => {
    const offsets: number[] = [];
    let at = 0;
    items.forEach((item, n) => {
      offsets.push(at);
      at += lengthOf(item, shorts[n]!);
    });
    return [...offsets, at];
  };
  const onlyShort = items.map((item) => !('bytes' in item) && item.near.length === 0);
  const offsets = place(onlyShort);
  const shorts = items.map((item, n) => {
    if ('bytes' in item || item.short === undefined) return false;
    const distance = offsets[firsts[item.block]!]! - offsets[n]!;
    return onlyShort[n]! || Math.abs(distance) < SHORT_REACH;
  });
  const final = place(shorts);
  const bytes = new Uint8Array(final[items.length]!);
  items.forEach((item, n) => {
    const at = final[n]!;
    const end = final[n + 1]!;
    if (dropped.has(n)) bytes.fill(0x90, at, end);
    else if ('bytes' in item) bytes.set(item.bytes, at);
    else {
      const by = final[firsts[item.block]!]! - end;
      const head = shorts[n] ? item.short! : item.near;
      // A short one that does not reach goes to the next instruction.
      const reach = shorts[n] && (by < -128 || by > 127) ? 0 : by;
      bytes.set([...head, ...le(reach, shorts[n] ? 1 : size)], at);
    }
  });
  return {
    bytes,
    blocks: firsts.map((n) => final[n]!),
    items: items.map((_, n) => [final[n]!, final[n + 1]! - final[n]!] as const),
  };
}
