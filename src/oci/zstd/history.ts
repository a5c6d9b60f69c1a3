/**
 * What a Zstandard frame has given so far, as far back as matches may reach (RFC 8878 §3.1.1.1.2, Window_Size). It grows
 * with the content, so a frame that only asks for much memory does not get it.
 */
import { corrupt } from './bits.ts';

const FIRST_CAPACITY = 512 * 1024;
/** Room behind the window, so that it is not moved for every block. */
const LEAST_ROOM = 1024 * 1024;
const MOST_ROOM = 8 * 1024 * 1024;
/** From this length on, copying by the engine beats copying in a loop. */
const BULK_BYTES = 48;

export class History {
  readonly #windowBytes: number;
  readonly #blockMaximumBytes: number;
  readonly #maximumCapacity: number;
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #end = 0;
  #blockStart = 0;

  constructor(windowBytes: number, blockMaximumBytes: number) {
    this.#windowBytes = windowBytes;
    this.#blockMaximumBytes = blockMaximumBytes;
    this.#maximumCapacity = windowBytes + Math.max(LEAST_ROOM, Math.min(windowBytes, MOST_ROOM));
  }

  /** Makes room for a block. */
  startBlock(): void {
    const needed = this.#end + this.#blockMaximumBytes;
    if (needed > this.#bytes.length) this.#makeRoom(needed);
    this.#blockStart = this.#end;
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#maximumCapacity) {
      const grown = new Uint8Array(Math.min(this.#maximumCapacity, Math.max(needed, this.#bytes.length * 2)));
      grown.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = grown;
    } else {
      const kept = Math.min(this.#end, this.#windowBytes);
      this.#bytes.copyWithin(0, this.#end - kept, this.#end);
      this.#end = kept;
    }
  }

  /** A copy of what came since `startBlock`. */
  finishBlock(): Uint8Array {
    return this.#bytes.slice(this.#blockStart, this.#end);
  }

  #claim(count: number): number {
    const at = this.#end;
    if (at + count - this.#blockStart > this.#blockMaximumBytes) throw corrupt();
    this.#end = at + count;
    return at;
  }

  /** Appends a range of `source`, which must have it. */
  append(source: Uint8Array, from = 0, count = source.length): void {
    const at = this.#claim(count);
    if (count >= BULK_BYTES) {
      this.#bytes.set(source.subarray(from, from + count), at);
    } else {
      const bytes = this.#bytes;
      for (let i = 0; i < count; i++) bytes[at + i] = source[from + i]!;
    }
  }

  fill(value: number, count: number): void {
    const at = this.#claim(count);
    this.#bytes.fill(value, at, at + count);
  }

  /** Appends `count` bytes from `offset` bytes back; the two may overlap, which repeats a pattern. */
  repeat(offset: number, count: number): void {
    if (offset <= 0 || offset > this.#end || offset > this.#windowBytes) throw corrupt();
    const bytes = this.#bytes;
    const at = this.#claim(count);
    if (offset >= count && count >= BULK_BYTES) {
      bytes.copyWithin(at, at - offset, at - offset + count);
    } else if (offset === 1) {
      bytes.fill(bytes[at - 1]!, at, at + count);
    } else {
      for (let i = 0; i < count; i++) bytes[at + i] = bytes[at + i - offset]!;
    }
  }
}
