/**
 * Reading and writing 9P messages: little-endian integers, counted strings, QIDs (9P2000 intro(5), 9P2000.L as in Linux's
 * net/9p). The reader never throws: a field past the end reads as 0 and marks the message bad.
 */
import { assert } from '../../../util/errors.ts';
import { decodeName, encodeName } from './names.ts';

/** size[4] type[1] tag[2] */
export const HEADER_LENGTH = 7;
export const QID_LENGTH = 13;

export class MessageReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bad = false;

  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#bad = false;
  }

  /** Everything was there and nothing is left over. */
  get complete(): boolean {
    return !this.#bad && this.#at === this.#bytes.length;
  }
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(byteCount: number): number {
    const at = this.#at;
    if (at + byteCount > this.#bytes.length) {
      this.#bad = true;
      return -1;
    }
    this.#at = at + byteCount;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#bytes[at]!;
  }
  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }
  u32(): number {
    const at = this.#take(4);
    if (at < 0) return 0;
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }
  /** As a double: exact below 2^53, and above still too large for any limit. */
  u64(): number {
    const low = this.u32();
    return low + this.u32() * 2 ** 32;
  }
  /** Two's complement; exact for safe integers. */
  i64(): number {
    const low = this.u32();
    return low + (this.u32() | 0) * 2 ** 32;
  }
  string(): string {
    const length = this.u16();
    const at = this.#take(length);
    return at < 0 ? '' : decodeName(this.#bytes.subarray(at, at + length));
  }
}

export class MessageWriter {
  #bytes: Uint8Array = new Uint8Array(512);
  #at = 0;

  /** Starts a message, leaving room for its header. */
  begin(): void {
    this.#at = HEADER_LENGTH;
  }
  get length(): number {
    return this.#at;
  }
  /** Drops what was written after `length`. */
  truncate(length: number): void {
    this.#at = length;
  }

  #reserve(byteCount: number): number {
    const at = this.#at;
    const end = at + byteCount;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#at = end;
    return at;
  }

  u8(value: number): void {
    this.#bytes[this.#reserve(1)] = value;
  }
  u16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
  }
  u32(value: number): void {
    this.#put32(this.#reserve(4), value);
  }
  #put32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }
  /** A safe integer; negative ones (times before 1970) as two's complement. */
  u64(value: number): void {
    const at = this.#reserve(8);
    const high = Math.floor(value / 2 ** 32);
    this.#put32(at, value - high * 2 ** 32);
    this.#put32(at + 4, high);
  }
  string(text: string): void {
    const bytes = encodeName(text);
    this.u16(bytes.length);
    this.bytes(bytes);
  }
  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }
  qid(qid: { qidType: number; qidVersion: number; qidPath: number }): void {
    this.u8(qid.qidType);
    this.u32(qid.qidVersion);
    this.u64(qid.qidPath);
  }
  /** Overwrites a 32-bit field written before. */
  patch32(at: number, value: number): void {
    assert(at + 4 <= this.#at, '9P field patched past the end of its message');
    this.#put32(at, value);
  }

  /** Fills in the header for a message with `payloadLength` more bytes after this buffer, and returns what was written. */
  finish(type: number, tag: number, payloadLength: number): Uint8Array {
    this.#put32(0, this.#at + payloadLength);
    this.#bytes[4] = type;
    this.#bytes[5] = tag;
    this.#bytes[6] = tag >>> 8;
    return this.#bytes.subarray(0, this.#at);
  }
}
