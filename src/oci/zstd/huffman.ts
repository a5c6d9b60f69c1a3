/** Huffman-coded literals of Zstandard (RFC 8878 §4.2): the tree's description and decoding of streams. */
import { BackwardBits, corrupt } from './bits.ts';
import { nextState, readFseTable } from './fse.ts';

/** For each value of the next `maximumBits` bits: the symbol, and how many of the bits are its code. */
export interface HuffmanTable {
  readonly maximumBits: number;
  readonly symbols: Uint8Array;
  readonly bitCounts: Uint8Array;
}

const MAXIMUM_BITS = 11; // §4.2.1
const MAXIMUM_WEIGHTS = 255; // the weight of the last symbol is implied
const WEIGHT_ACCURACY_LOG = 6; // §4.2.1.2
const DIRECT_WEIGHTS = 128; // §4.2.1.1: from here on the header byte counts weights of four bits each
const MAXIMUM_WEIGHT_SYMBOL = 15;

/** Reads a tree's description. `byteLength` is what it took. */
export function readHuffmanTable(bytes: Uint8Array): { table: HuffmanTable; byteLength: number } {
  const header = bytes[0];
  if (header === undefined) throw corrupt();
  const direct = header >= DIRECT_WEIGHTS;
  const weightCount = header - DIRECT_WEIGHTS + 1;
  const byteLength = 1 + (direct ? (weightCount + 1) >> 1 : header);
  if (byteLength > bytes.length) throw corrupt();
  const body = bytes.subarray(1, byteLength);
  const weights = direct
    ? Array.from({ length: weightCount }, (_, i) => (i % 2 === 0 ? body[i >> 1]! >> 4 : body[i >> 1]! & 0xf))
    : readCodedWeights(body);
  return { table: buildHuffmanTable(weights), byteLength };
}

/** Two FSE states take turns until the bits are used up (§4.2.1.2). */
function readCodedWeights(bytes: Uint8Array): number[] {
  const { table, byteLength } = readFseTable(bytes, WEIGHT_ACCURACY_LOG, MAXIMUM_WEIGHT_SYMBOL);
  const bits = new BackwardBits(bytes.subarray(byteLength));
  const weights: number[] = [];
  let current = bits.read(table.accuracyLog);
  let other = bits.read(table.accuracyLog);
  if (bits.remaining < 0) throw corrupt();
  for (;;) {
    weights.push(table.symbols[current]!);
    current = nextState(table, current, bits);
    if (bits.remaining < 0) {
      weights.push(table.symbols[other]!);
      break;
    }
    [current, other] = [other, current];
    if (weights.length >= MAXIMUM_WEIGHTS) throw corrupt(); // also ends a table whose states need no bits
  }
  if (weights.length > MAXIMUM_WEIGHTS) throw corrupt();
  return weights;
}

/** A weight w takes 2^(w-1) places of the table; the last symbol takes what is left up to a power of two. */
function buildHuffmanTable(weights: readonly number[]): HuffmanTable {
  const used = weights.reduce((sum, weight) => sum + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (used === 0) throw corrupt();
  const maximumBits = Math.floor(Math.log2(used)) + 1;
  if (maximumBits > MAXIMUM_BITS) throw corrupt();
  const left = 2 ** maximumBits - used;
  const lastWeight = Math.log2(left) + 1;
  if (!Number.isInteger(lastWeight)) throw corrupt();
  const all = [...weights, lastWeight];
  const symbols = new Uint8Array(1 << maximumBits);
  const bitCounts = new Uint8Array(1 << maximumBits);
  let position = 0;
  for (let weight = 1; weight <= maximumBits; weight++) {
    all.forEach((symbolWeight, symbol) => {
      if (symbolWeight !== weight) return;
      const end = position + (1 << (weight - 1));
      symbols.fill(symbol, position, end);
      bitCounts.fill(maximumBits + 1 - weight, position, end);
      position = end;
    });
  }
  return { maximumBits, symbols, bitCounts };
}

/** Fills `output` from one stream, which must be used up exactly (§4.2.2). */
export function decodeHuffmanStream(table: HuffmanTable, stream: Uint8Array, output: Uint8Array): void {
  const bits = new BackwardBits(stream);
  const { maximumBits, symbols, bitCounts } = table;
  let remaining = bits.remaining;
  let done = 0;
  // A code lies in three bytes; those behind the stream count as 0 and are masked away.
  const mask = (1 << maximumBits) - 1;
  for (; done < output.length && remaining >= maximumBits; done++) {
    const start = remaining - maximumBits;
    const at = start >> 3;
    const code = ((stream[at]! | (stream[at + 1]! << 8) | (stream[at + 2]! << 16)) >> (start & 7)) & mask;
    output[done] = symbols[code]!;
    remaining -= bitCounts[code]!;
  }
  bits.remaining = remaining;
  for (; done < output.length; done++) {
    const code = bits.peek(maximumBits);
    output[done] = symbols[code]!;
    bits.remaining -= bitCounts[code]!;
  }
  if (bits.remaining !== 0) throw corrupt();
}
