/** Finite State Entropy tables of Zstandard (RFC 8878 §4.1): their description in a block, and how they decode. */
import { type BackwardBits, ForwardBits, corrupt } from './bits.ts';

/** For each state: the symbol it stands for, and how many bits to read and add to `baseline` for the next state. */
export interface FseTable {
  readonly accuracyLog: number;
  readonly symbols: Uint8Array;
  readonly bitCounts: Uint8Array;
  readonly baselines: Uint16Array;
}

const LEAST_ACCURACY_LOG = 5;
const LESS_THAN_ONE = -1; // §4.1.1: a probability so small that it gets one state at the end of the table

/** A table that always gives the same symbol and needs no bits (§3.1.1.3.2.1, RLE_Mode). */
export function singleSymbolTable(symbol: number): FseTable {
  return {
    accuracyLog: 0,
    symbols: Uint8Array.of(symbol),
    bitCounts: new Uint8Array(1),
    baselines: new Uint16Array(1),
  };
}

/** Reads a table's description. `byteLength` is what it took. */
export function readFseTable(
  bytes: Uint8Array,
  maximumAccuracyLog: number,
  maximumSymbol: number,
): { table: FseTable; byteLength: number } {
  const bits = new ForwardBits(bytes);
  const accuracyLog = bits.read(4) + LEAST_ACCURACY_LOG;
  if (accuracyLog > maximumAccuracyLog) throw corrupt();
  const probabilities: number[] = [];
  let remaining = 1 << accuracyLog;
  while (remaining > 0) {
    if (probabilities.length > maximumSymbol) throw corrupt();
    const probability = readProbability(bits, remaining);
    probabilities.push(probability);
    remaining -= Math.abs(probability);
    if (probability === 0) readZeros(bits, probabilities, maximumSymbol);
  }
  if (remaining < 0) throw corrupt();
  return { table: buildFseTable(probabilities, accuracyLog), byteLength: bits.byteLength() };
}

/** A value from 0 to `remaining` + 1, in as few bits as tell it apart; the probability is one less. */
function readProbability(bits: ForwardBits, remaining: number): number {
  const highest = remaining + 1;
  const bitCount = 32 - Math.clz32(highest);
  const shortCount = (1 << bitCount) - 1 - highest; // so many low values need one bit less
  const low = bits.peek(bitCount - 1);
  if (low < shortCount) {
    bits.skip(bitCount - 1);
    return low - 1;
  }
  const value = bits.read(bitCount);
  return (value < 1 << (bitCount - 1) ? value : value - shortCount) - 1;
}

/** After a zero, pairs of bits say how many more follow; 3 means that another pair does too. */
function readZeros(bits: ForwardBits, probabilities: number[], maximumSymbol: number): void {
  for (let more = 3; more === 3;) {
    more = bits.read(2);
    for (let i = 0; i < more; i++) probabilities.push(0);
    if (probabilities.length > maximumSymbol + 1) throw corrupt();
  }
}

/** Spreads symbols over the states (§4.1.1, "From normalized distribution to decoding tables"). */
export function buildFseTable(probabilities: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog;
  const symbols = new Uint8Array(size);
  const occurrences = probabilities.map((probability) => Math.abs(probability));
  let end = size;
  probabilities.forEach((probability, symbol) => {
    if (probability === LESS_THAN_ONE) symbols[--end] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  probabilities.forEach((probability, symbol) => {
    for (let i = 0; i < probability; i++) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= end);
    }
  });
  const bitCounts = new Uint8Array(size);
  const baselines = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const occurrence = occurrences[symbols[state]!]!++;
    const bitCount = accuracyLog - (31 - Math.clz32(occurrence));
    bitCounts[state] = bitCount;
    baselines[state] = (occurrence << bitCount) - size;
  }
  return { accuracyLog, symbols, bitCounts, baselines };
}

/** The state after `state`. */
export function nextState(table: FseTable, state: number, bits: BackwardBits): number {
  return table.baselines[state]! + bits.read(table.bitCounts[state]!);
}
