/**
 * Compressed blocks of Zstandard (RFC 8878 §3.1.1.3): literals, then sequences of "so many literals, then a match". What a
 * block may expand to is checked before every copy, so a block costs no more than 128 KiB of work however it lies.
 */
import { BackwardBits, corrupt } from './bits.ts';
import { type FseTable, buildFseTable, nextState, readFseTable, singleSymbolTable } from './fse.ts';
import { type HuffmanTable, decodeHuffmanStream, readHuffmanTable } from './huffman.ts';
import type { History } from './history.ts';

export const BLOCK_MAX_BYTES = 128 * 1024; // §3.1.1.2.4

const LITERALS_RAW = 0; // §3.1.1.3.1.1
const LITERALS_RLE = 1;
const LITERALS_TREELESS = 3;
const STREAM_COUNT = 4;
const JUMP_TABLE_BYTES = 6; // §3.1.1.3.1.6

/** What one of the three kinds of code in a sequence may look like (§3.1.1.3.2.1). */
interface CodeKind {
  readonly maximumAccuracyLog: number;
  readonly maximumSymbol: number;
  readonly predefined: FseTable;
}

// §3.1.1.3.2.2: predefined distributions.
const LITERALS_LENGTH: CodeKind = {
  maximumAccuracyLog: 9,
  maximumSymbol: 35,
  predefined: buildFseTable(
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  ),
};
const MATCH_LENGTH: CodeKind = {
  maximumAccuracyLog: 9,
  maximumSymbol: 52,
  predefined: buildFseTable(
    [1, 4, 3, 2, 2, 2, 2, 2, 2, ...new Array<number>(37).fill(1), -1, -1, -1, -1, -1, -1, -1],
    6,
  ),
};
const OFFSET: CodeKind = {
  maximumAccuracyLog: 8,
  maximumSymbol: 31,
  predefined: buildFseTable([1, 1, 1, 1, 1, 1, 2, 2, 2, ...new Array<number>(15).fill(1), -1, -1, -1, -1, -1], 5),
};

// §3.1.1.3.2.1.1: extra bits of each length code; a code starts where the one before it ends.
const LITERALS_LENGTH_BITS = Uint8Array.of(
  ...new Uint8Array(16),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const MATCH_LENGTH_BITS = Uint8Array.of(
  ...new Uint8Array(32),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
);
const LEAST_MATCH = 3;
const LITERALS_LENGTH_BASES = bases(LITERALS_LENGTH_BITS, 0);
const MATCH_LENGTH_BASES = bases(MATCH_LENGTH_BITS, LEAST_MATCH);

function bases(bitCounts: Uint8Array, first: number): Uint32Array {
  let base = first;
  return Uint32Array.from(bitCounts, (bitCount) => {
    const own = base;
    base += 2 ** bitCount;
    return own;
  });
}

const LONG_SEQUENCE_COUNT = 0x7f00; // §3.1.1.3.2.1: added to the two bytes after 255
const REPEAT_OFFSETS = 3;

/** Takes bytes off the front; there must be as many. */
class Input {
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get rest(): Uint8Array {
    return this.#bytes;
  }

  take(count: number): Uint8Array {
    if (count > this.#bytes.length) throw corrupt();
    const bytes = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return bytes;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  /** Little-endian, at most five bytes. */
  uint(count: number): number {
    return this.take(count).reduceRight((value, byte) => value * 256 + byte, 0);
  }
}

/** Decodes the compressed blocks of one frame; tables and offsets carry over from block to block. */
export class BlockDecoder {
  readonly #history: History;
  #huffman: HuffmanTable | undefined;
  #literalsLength: FseTable | undefined;
  #matchLength: FseTable | undefined;
  #offset: FseTable | undefined;
  // The three latest offsets and what they start as (§3.1.1.5).
  #offset1 = 1;
  #offset2 = 4;
  #offset3 = 8;

  constructor(history: History) {
    this.#history = history;
  }

  /** Appends what the block stands for to the history. */
  decode(block: Uint8Array): void {
    const input = new Input(block);
    const literals = this.#readLiterals(input);
    this.#decodeSequences(input, literals);
  }

  #readLiterals(input: Input): Uint8Array {
    const first = input.rest[0] ?? 0;
    const type = first & 3;
    const sizeFormat = (first >> 2) & 3;
    if (type === LITERALS_RAW || type === LITERALS_RLE) {
      // One, two or three bytes of header, of which the size has all but the low three or four bits.
      const size = sizeFormat === 1 ? input.uint(2) >> 4 : sizeFormat === 3 ? input.uint(3) >> 4 : input.uint(1) >> 3;
      if (size > BLOCK_MAX_BYTES) throw corrupt();
      return type === LITERALS_RAW ? input.take(size) : new Uint8Array(size).fill(input.byte());
    }
    const sizeBits = sizeFormat <= 1 ? 10 : sizeFormat === 2 ? 14 : 18;
    const header = Math.floor(input.uint((4 + 2 * sizeBits) >> 3) / 16);
    const size = header % 2 ** sizeBits;
    if (size > BLOCK_MAX_BYTES) throw corrupt();
    const compressed = new Input(input.take(Math.floor(header / 2 ** sizeBits)));
    if (type !== LITERALS_TREELESS) {
      const { table, byteLength } = readHuffmanTable(compressed.rest);
      compressed.take(byteLength);
      this.#huffman = table;
    }
    if (this.#huffman === undefined) throw corrupt();
    return decodeLiterals(this.#huffman, compressed, size, sizeFormat === 0 ? 1 : STREAM_COUNT);
  }

  #decodeSequences(input: Input, literals: Uint8Array): void {
    let count = input.byte();
    if (count === 255) count = input.uint(2) + LONG_SEQUENCE_COUNT;
    else if (count >= 128) count = ((count - 128) << 8) + input.byte();
    const literalsLeft = count === 0 ? literals : this.#runSequences(input, count, literals);
    if (count === 0 && input.rest.length > 0) throw corrupt();
    this.#history.append(literalsLeft);
  }

  /** Returns the literals after the last match. */
  #runSequences(input: Input, count: number, literals: Uint8Array): Uint8Array {
    const modes = input.byte();
    if ((modes & 3) !== 0) throw corrupt();
    const literalsLengths = (this.#literalsLength = readTable(
      input,
      modes >> 6,
      LITERALS_LENGTH,
      this.#literalsLength,
    ));
    const offsets = (this.#offset = readTable(input, (modes >> 4) & 3, OFFSET, this.#offset));
    const matchLengths = (this.#matchLength = readTable(input, (modes >> 2) & 3, MATCH_LENGTH, this.#matchLength));
    const bits = new BackwardBits(input.rest);
    let literalsLengthState = bits.read(literalsLengths.accuracyLog);
    let offsetState = bits.read(offsets.accuracyLog);
    let matchLengthState = bits.read(matchLengths.accuracyLog);
    let literalsAt = 0;
    for (let left = count; left > 0; left--) {
      const offsetCode = offsets.symbols[offsetState]!;
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode);
      const matchCode = matchLengths.symbols[matchLengthState]!;
      const matchLength = MATCH_LENGTH_BASES[matchCode]! + bits.read(MATCH_LENGTH_BITS[matchCode]!);
      const literalsCode = literalsLengths.symbols[literalsLengthState]!;
      const literalsLength = LITERALS_LENGTH_BASES[literalsCode]! + bits.read(LITERALS_LENGTH_BITS[literalsCode]!);
      if (literalsAt + literalsLength > literals.length) throw corrupt();
      this.#history.append(literals, literalsAt, literalsLength);
      literalsAt += literalsLength;
      this.#history.repeat(this.#resolveOffset(offsetValue, literalsLength), matchLength);
      if (left > 1) {
        literalsLengthState = nextState(literalsLengths, literalsLengthState, bits);
        matchLengthState = nextState(matchLengths, matchLengthState, bits);
        offsetState = nextState(offsets, offsetState, bits);
      }
      if (bits.remaining < 0) throw corrupt();
    }
    if (bits.remaining !== 0) throw corrupt();
    return literals.subarray(literalsAt);
  }

  /** Values 1 to 3 mean recent offsets; after no literals they mean the next older ones (§3.1.1.5). */
  #resolveOffset(value: number, literalsLength: number): number {
    const choice = literalsLength === 0 && value <= REPEAT_OFFSETS ? value + 1 : value;
    if (choice === 1) return this.#offset1;
    let offset: number;
    if (value > REPEAT_OFFSETS) offset = value - REPEAT_OFFSETS;
    else if (choice === 2) offset = this.#offset2;
    else if (choice === 3) offset = this.#offset3;
    else offset = this.#offset1 - 1;
    if (choice !== 2) this.#offset3 = this.#offset2;
    this.#offset2 = this.#offset1;
    this.#offset1 = offset;
    return offset;
  }
}

function decodeLiterals(table: HuffmanTable, input: Input, size: number, streamCount: number): Uint8Array {
  const literals = new Uint8Array(size);
  if (streamCount === 1) {
    decodeHuffmanStream(table, input.rest, literals);
    return literals;
  }
  const jumps = new Input(input.take(JUMP_TABLE_BYTES));
  const part = (size + 3) >> 2;
  if (part * 3 > size) throw corrupt();
  for (let stream = 0; stream < STREAM_COUNT; stream++) {
    const last = stream === STREAM_COUNT - 1;
    const bytes = last ? input.rest : input.take(jumps.uint(2));
    decodeHuffmanStream(table, bytes, literals.subarray(stream * part, last ? size : (stream + 1) * part));
  }
  return literals;
}

const MODE_PREDEFINED = 0; // §3.1.1.3.2.1
const MODE_RLE = 1;
const MODE_FSE = 2;

function readTable(input: Input, mode: number, kind: CodeKind, previous: FseTable | undefined): FseTable {
  if (mode === MODE_PREDEFINED) return kind.predefined;
  if (mode === MODE_RLE) {
    const symbol = input.byte();
    if (symbol > kind.maximumSymbol) throw corrupt();
    return singleSymbolTable(symbol);
  }
  if (mode === MODE_FSE) {
    const { table, byteLength } = readFseTable(input.rest, kind.maximumAccuracyLog, kind.maximumSymbol);
    input.take(byteLength);
    return table;
  }
  if (previous === undefined) throw corrupt();
  return previous;
}
