/**
 * Names of the Linux kernel's functions out of the table that a kernel with CONFIG_KALLSYMS carries in its own read-only
 * data. The layout is that of scripts/kallsyms.c in Linux 4.20 to 6.3 on 64-bit machines, each part aligned to 8 bytes:
 *
 *   offsets      i32 × count      relative to the base, sorted by address
 *   base         u64
 *   count        u32
 *   names        count × { length (7 bits a byte), tokens }: the first character is the symbol's type
 *   markers      u32 × ⌈count / 256⌉: where in the names every 256th begins
 *   sequence     3 bytes × count: the order of the names, in newer kernels
 *   tokens       256 strings, each with a zero behind
 *   token index  u16 × 256: where in the tokens each begins
 *
 * Nothing points to it, so it is found by the tokens, among which the digits stand in a row as tokens of one character,
 * and from there backwards by a count that all the rest fits.
 * The guest's memory is hostile: whatever does not fit makes this no table.
 */
import type { SymbolPlace } from './types.ts';

const TOKENS = 256;
const MARKER_SPAN = 256;
const COUNT_MAX = 1 << 20;
const NAME_BYTES_MAX = 512;
/** Of everything before the tokens. */
const TABLE_BYTES_MAX = 32 << 20;
const SEQUENCE_BYTES = 3;
const ALIGNMENT = 8;
/** A symbol's length takes two bytes from here on, since 6.1. */
const LENGTH_BIG = 0x80;
const DIGIT_0 = 0x30;
const DIGITS = 10;
/** Farther behind a symbol than this, an address is not of it: the last one has no end. */
const OFFSET_MAX = 1 << 20;

export class KernelSymbols {
  /** Sorted. */
  readonly #addresses: BigUint64Array;
  readonly #names: readonly string[];
  readonly #byName: ReadonlyMap<string, bigint>;

  /** @param addresses sorted; @param names of the same length. */
  constructor(addresses: BigUint64Array, names: readonly string[]) {
    this.#addresses = addresses;
    this.#names = names;
    this.#byName = new Map(names.map((name, n) => [name, addresses[n]!]));
  }

  get count(): number {
    return this.#names.length;
  }
  /** The function that an address is in. */
  at(linear: bigint): SymbolPlace | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= linear) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    // Of several names for one place the first is the usual one.
    let first = low - 1;
    while (first > 0 && this.#addresses[first - 1] === this.#addresses[low - 1]) first--;
    const offset = linear - this.#addresses[first]!;
    return offset < OFFSET_MAX ? { name: this.#names[first]!, offset: Number(offset) } : undefined;
  }
  named(name: string): bigint | undefined {
    return this.#byName.get(name);
  }
}

/** Finds the table in a piece of memory and reads it; undefined when there is none. */
export function findKernelSymbols(bytes: Uint8Array): KernelSymbols | undefined {
  for (let at = findDigits(bytes, 0); at >= 0; at = findDigits(bytes, at + 1)) {
    const found = new Table(bytes).readAt(at);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where "0", "1" … "9", each with its zero, stand from `from` on, or -1. */
function findDigits(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(DIGIT_0, from); at >= 0; at = bytes.indexOf(DIGIT_0, at + 1)) {
    let n = 0;
    while (n < DIGITS && bytes[at + 2 * n] === DIGIT_0 + n && bytes[at + 2 * n + 1] === 0) n++;
    if (n === DIGITS) return at;
  }
  return -1;
}

const alignUp = (at: number): number => Math.ceil(at / ALIGNMENT) * ALIGNMENT;

class Table {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #tokens: readonly string[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @param digits where the token "0", which is number 48, stands. */
  readAt(digits: number): KernelSymbols | undefined {
    const start = this.#tokensStart(digits);
    if (start === undefined || !this.#readTokens(start)) return undefined;
    const earliest = Math.max(2 * ALIGNMENT, start - TABLE_BYTES_MAX);
    for (let at = start - ALIGNMENT; at >= earliest; at -= ALIGNMENT) {
      const count = this.#view.getUint32(at, true);
      if (count < MARKER_SPAN || count > COUNT_MAX || this.#view.getUint32(at + 4, true) !== 0) continue;
      for (const end of [start, start - alignUp(SEQUENCE_BYTES * count)]) {
        const found = this.#readNames(at, count, end);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** Goes back over the 48 tokens before the digits. */
  #tokensStart(digits: number): number | undefined {
    let at = digits;
    for (let n = 0; n < DIGIT_0; n++) {
      if (at < 2 || this.#bytes[at - 1] !== 0) return undefined;
      at = this.#bytes.lastIndexOf(0, at - 2) + 1;
    }
    // Zeros before it are padding; the table itself is aligned.
    return at % ALIGNMENT === 0 ? at : undefined;
  }

  #readTokens(start: number): boolean {
    const bytes = this.#bytes;
    const starts: number[] = [];
    const tokens: string[] = [];
    let at = start;
    for (let n = 0; n < TOKENS; n++) {
      const end = bytes.indexOf(0, at);
      if (end < 0 || end - at > NAME_BYTES_MAX) return false;
      starts.push(at - start);
      tokens.push(String.fromCharCode(...bytes.subarray(at, end)));
      at = end + 1;
    }
    const index = alignUp(at);
    if (index + 2 * TOKENS > bytes.length) return false;
    this.#tokens = tokens;
    return starts.every((offset, n) => this.#view.getUint16(index + 2 * n, true) === offset);
  }

  /** The names that follow a count, if the markers that end at `markersEnd` are theirs. */
  #readNames(countAt: number, count: number, markersEnd: number): KernelSymbols | undefined {
    const bytes = this.#bytes;
    const start = countAt + ALIGNMENT;
    const end = markersEnd - alignUp(4 * Math.ceil(count / MARKER_SPAN));
    if (end <= start || this.#view.getUint32(end, true) !== 0) return undefined;
    const names: string[] = [];
    let at = start;
    for (let n = 0; n < count; n++) {
      if (n % MARKER_SPAN === 0 && at - start !== this.#view.getUint32(end + (4 * n) / MARKER_SPAN, true))
        return undefined;
      let length = bytes[at++]!;
      if (length & LENGTH_BIG) length = (length & ~LENGTH_BIG) | (bytes[at++]! << 7);
      if (length === 0 || length > NAME_BYTES_MAX || at + length > end) return undefined;
      let name = '';
      for (let k = 0; k < length; k++) name += this.#tokens[bytes[at + k]!]!;
      at += length;
      names.push(name.slice(1));
    }
    if (alignUp(at) !== end) return undefined;
    const addresses = this.#addresses(countAt, count);
    return addresses === undefined ? undefined : sorted(addresses, names);
  }

  /** They end where the base is, which is before the count. */
  #addresses(countAt: number, count: number): BigUint64Array | undefined {
    const baseAt = countAt - ALIGNMENT;
    const offsetsAt = baseAt - alignUp(4 * count);
    if (offsetsAt < 0) return undefined;
    const base = this.#view.getBigUint64(baseAt, true);
    const offsets = Array.from({ length: count }, (_, n) => this.#view.getInt32(offsetsAt + 4 * n, true));
    // With CONFIG_KALLSYMS_ABSOLUTE_PERCPU a negative offset is −1 − distance from the base, others are addresses.
    const absolute = offsets.filter((offset) => offset < 0).length > count / 2;
    return BigUint64Array.from(offsets, (offset) => {
      if (!absolute) return BigInt.asUintN(64, base + BigInt(offset >>> 0));
      return offset < 0 ? BigInt.asUintN(64, base - 1n - BigInt(offset)) : BigInt(offset);
    });
  }
}

function sorted(addresses: BigUint64Array, names: readonly string[]): KernelSymbols {
  const order = names.map((_, n) => n).sort((a, b) => Number(addresses[a]! - addresses[b]!) || a - b);
  return new KernelSymbols(
    BigUint64Array.from(order, (n) => addresses[n]!),
    order.map((n) => names[n]!),
  );
}
