/**
 * One descriptor chain as two byte streams: what the driver wrote for the device, and what the device may write.
 * Virtio 1.2, §2.7.4 (message framing: devices don't depend on how buffers are split). Ranges were checked by the queue.
 */
import type { GuestMemory } from '../bus.ts';

export class DescriptorChain {
  /** Index of the first descriptor: the driver's name for this chain. */
  head = 0;
  /** Which life of the queue the chain belongs to. */
  generation = 0;
  /** Total bytes of each stream. */
  readableBytes = 0;
  writableBytes = 0;
  readonly #memory: GuestMemory;
  // Parallel arrays, readable buffers first; reused from chain to chain.
  readonly #addresses: number[] = [];
  readonly #lengths: number[] = [];
  #readableCount = 0;
  #count = 0;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** For the queue: starts over. */
  begin(head: number, generation: number): void {
    this.head = head;
    this.generation = generation;
    this.readableBytes = 0;
    this.writableBytes = 0;
    this.#readableCount = 0;
    this.#count = 0;
  }

  /** For the queue: adds a buffer. False when a readable one follows a writable one, which §2.7.4.2 forbids. */
  append(address: number, length: number, writable: boolean): boolean {
    if (!writable && this.#count !== this.#readableCount) return false;
    this.#addresses[this.#count] = address;
    this.#lengths[this.#count] = length;
    this.#count++;
    if (writable) this.writableBytes += length;
    else {
      this.readableBytes += length;
      this.#readableCount++;
    }
    return true;
  }

  get bufferCount(): number {
    return this.#count;
  }

  /** Copies readable bytes from `offset` into `target`; returns how many there were. */
  read(offset: number, target: Uint8Array): number {
    let done = 0;
    this.forEachReadable(offset, target.length, (bytes) => {
      target.set(bytes, done);
      done += bytes.length;
    });
    return done;
  }

  /**
   * `byteCount` readable bytes from `offset` as one live view if a single buffer holds them all, else undefined. The view
   * is for reading, before the chain is given back, within the current call.
   */
  viewReadable(offset: number, byteCount: number): Uint8Array | undefined {
    let skip = offset;
    for (let i = 0; i < this.#readableCount; i++) {
      const length = this.#lengths[i]!;
      if (skip < length)
        return skip + byteCount <= length ? this.#memory.view(this.#addresses[i]! + skip, byteCount) : undefined;
      skip -= length;
    }
    return undefined;
  }

  /** Visits at most `byteCount` readable bytes from `offset` as live views, in order. */
  forEachReadable(offset: number, byteCount: number, visit: (bytes: Uint8Array) => void): void {
    let skip = offset;
    let left = byteCount;
    for (let i = 0; i < this.#readableCount && left > 0; i++) {
      const length = this.#lengths[i]!;
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const take = Math.min(length - skip, left);
      visit(this.#memory.view(this.#addresses[i]! + skip, take));
      skip = 0;
      left -= take;
    }
  }

  /** Copies bytes into the writable stream at `offset`; returns how many fitted. */
  write(offset: number, bytes: Uint8Array): number {
    let skip = offset;
    let done = 0;
    for (let i = this.#readableCount; i < this.#count && done < bytes.length; i++) {
      const length = this.#lengths[i]!;
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const take = Math.min(length - skip, bytes.length - done);
      this.#memory.write(
        this.#addresses[i]! + skip,
        done === 0 && take === bytes.length ? bytes : bytes.subarray(done, done + take),
      );
      skip = 0;
      done += take;
    }
    return done;
  }
}
