/** Bits of a Zstandard block: forwards for table descriptions, backwards for entropy-coded streams (RFC 8878 §4). */
import { badImage } from '../fail.ts';

export function corrupt(): Error {
  return badImage('a zstd stream is corrupt');
}

/** Reads from low bits to high, from the first byte on (§4.1.1). */
export class ForwardBits {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** At most 16 bits; those after the end are 0, and `byteLength` tells. */
  peek(count: number): number {
    const at = this.#position >> 3;
    const word = (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8) | ((this.#bytes[at + 2] ?? 0) << 16);
    return (word >> (this.#position & 7)) & ((1 << count) - 1);
  }

  skip(count: number): void {
    this.#position += count;
  }

  read(count: number): number {
    const value = this.peek(count);
    this.skip(count);
    return value;
  }

  /** Whole bytes that were touched. Throws when they are more than there are. */
  byteLength(): number {
    const length = (this.#position + 7) >> 3;
    if (length > this.#bytes.length) throw corrupt();
    return length;
  }
}

/** Reads from the last byte's highest set bit, which is a mark and not data, down to the first bit. */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  /** Bits that are left; negative once more was read than there is. */
  remaining: number;

  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1];
    if (last === undefined || last === 0) throw corrupt();
    this.#bytes = bytes;
    this.remaining = (bytes.length - 1) * 8 + (31 - Math.clz32(last));
  }

  /** At most 24 bits without taking them; those before the first are 0. */
  peek(count: number): number {
    const start = this.remaining - count;
    if (start < 0) return start <= -count ? 0 : (this.#at(0) & ((1 << this.remaining) - 1)) << -start;
    return (this.#at(start >> 3) >>> (start & 7)) & ((1 << count) - 1);
  }

  /** At most 31 bits. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return (high << 16) | this.read(16);
    }
    const value = this.peek(count);
    this.remaining -= count;
    return value;
  }

  #at(index: number): number {
    const bytes = this.#bytes;
    return (bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24)) >>> 0; // beyond the end: undefined counts as 0
  }
}
