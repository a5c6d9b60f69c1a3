/**
 * The bytes of one file in memory: an immutable source underneath (a file of an image layer), chunks on top where the
 * guest wrote, holes elsewhere. Writing copies only the chunk that it touches.
 */
import { Errno, FsError } from './errno.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Immutable bytes that can be read at once. */
export interface BlobSource {
  readonly size: number;
  /** At most `length` bytes from `offset`; fewer only at the end. The result is not changed by either side. */
  readSync(offset: number, length: number): Uint8Array;
}

const CHUNK_BYTES = 64 * 1024;
const SMALLEST_CHUNK_BYTES = 512;
const EMPTY = new Uint8Array(0);

/** A file's changes, for saving. */
export interface SavedContent {
  size: number;
  sourceBytes: number;
  chunks: { index: number; bytes: Uint8Array }[];
}

/** For answers that are not in one place; reused by the next one. */
let assembly = new Uint8Array(CHUNK_BYTES);

export class FileContent {
  readonly #source: BlobSource | undefined;
  readonly #budget: MemoryBudget;
  /** Bytes of the source that still show where there is no chunk; shrinks for good when the file is cut. */
  #sourceBytes: number;
  #size: number;
  /** By index; a chunk may be shorter than its place, the rest being zero. */
  readonly #chunks = new Map<number, Uint8Array>();
  #chunkBytes = 0;

  constructor(budget: MemoryBudget, source?: BlobSource) {
    this.#budget = budget;
    this.#source = source;
    this.#sourceBytes = source?.size ?? 0;
    this.#size = this.#sourceBytes;
  }

  get size(): number {
    return this.#size;
  }
  /** Bytes that take room somewhere, for st_blocks. */
  get storedBytes(): number {
    return Math.min(this.#sourceBytes + this.#chunkBytes, Math.max(this.#size, this.#chunkBytes));
  }

  /** Up to `byteCount` bytes, valid until the next call on any file. */
  read(offset: number, byteCount: number): Uint8Array {
    const end = Math.min(offset + byteCount, this.#size);
    if (offset >= end) return EMPTY;
    if (this.#chunks.size === 0 && end <= this.#sourceBytes) return this.#readSource(offset, end - offset);
    const first = Math.floor(offset / CHUNK_BYTES);
    const start = offset - first * CHUNK_BYTES;
    const chunk = this.#chunks.get(first);
    if (chunk && start + (end - offset) <= chunk.length) return chunk.subarray(start, start + (end - offset));
    return this.#assemble(offset, end);
  }

  #assemble(offset: number, end: number): Uint8Array {
    const length = end - offset;
    if (assembly.length < length) assembly = new Uint8Array(length);
    const target = assembly.subarray(0, length);
    for (let at = offset; at < end;) {
      const index = Math.floor(at / CHUNK_BYTES);
      const base = index * CHUNK_BYTES;
      const until = Math.min(base + CHUNK_BYTES, end);
      const piece = target.subarray(at - offset, until - offset);
      const chunk = this.#chunks.get(index);
      const bytes = chunk
        ? chunk.subarray(at - base, until - base)
        : at < this.#sourceBytes
          ? this.#readSource(at, Math.min(until, this.#sourceBytes) - at)
          : EMPTY;
      piece.set(bytes);
      piece.fill(0, bytes.length);
      at = until;
    }
    return target;
  }

  #readSource(offset: number, length: number): Uint8Array {
    const bytes = this.#source!.readSync(offset, length);
    if (bytes.length !== length) throw new FsError(Errno.EIO);
    return bytes;
  }

  /** Stores bytes; returns how many fitted into the budget, and throws ENOSPC when none did. */
  write(offset: number, bytes: Uint8Array): number {
    let done = 0;
    try {
      while (done < bytes.length) {
        const at = offset + done;
        const index = Math.floor(at / CHUNK_BYTES);
        const start = at - index * CHUNK_BYTES;
        const take = Math.min(CHUNK_BYTES - start, bytes.length - done);
        this.#chunk(index, start + take).set(take === bytes.length ? bytes : bytes.subarray(done, done + take), start);
        done += take;
      }
    } catch (error) {
      if (!(error instanceof FsError) || done === 0) throw error;
    }
    this.#size = Math.max(this.#size, offset + done);
    return done;
  }

  /** The chunk, with room for `needed` bytes. */
  #chunk(index: number, needed: number): Uint8Array {
    const present = this.#chunks.get(index);
    if (present && present.length >= needed) return present;
    const base = index * CHUNK_BYTES;
    const below = present ? present.length : Math.max(Math.min(this.#sourceBytes - base, CHUNK_BYTES), 0);
    let length = SMALLEST_CHUNK_BYTES;
    while (length < needed || length < below) length *= 2;
    this.#budget.take(length - (present?.length ?? 0));
    const chunk = new Uint8Array(length);
    if (present) chunk.set(present);
    else if (below > 0) chunk.set(this.#readSource(base, below));
    this.#chunkBytes += length - (present?.length ?? 0);
    this.#chunks.set(index, chunk);
    return chunk;
  }

  /** Cuts the file or extends it with a hole. */
  resize(size: number): void {
    if (size < this.#size) {
      for (const [index, chunk] of this.#chunks) {
        const base = index * CHUNK_BYTES;
        if (base >= size) this.#dropChunk(index, chunk);
        else if (base + chunk.length > size) chunk.fill(0, size - base);
      }
      this.#sourceBytes = Math.min(this.#sourceBytes, size);
    }
    this.#size = size;
  }

  #dropChunk(index: number, chunk: Uint8Array): void {
    this.#chunks.delete(index);
    this.#chunkBytes -= chunk.length;
    this.#budget.give(chunk.length);
  }

  /** Gives everything back to the budget. */
  release(): void {
    for (const [index, chunk] of this.#chunks) this.#dropChunk(index, chunk);
  }

  /** Back to the source, as if never written. */
  revert(): void {
    this.release();
    this.#sourceBytes = this.#source?.size ?? 0;
    this.#size = this.#sourceBytes;
  }

  save(): SavedContent {
    return {
      size: this.#size,
      sourceBytes: this.#sourceBytes,
      chunks: [...this.#chunks].map(([index, bytes]) => ({ index, bytes: bytes.slice() })),
    };
  }

  /** `saved` was checked by the caller. */
  load(saved: SavedContent): void {
    this.revert();
    this.#sourceBytes = Math.min(saved.sourceBytes, this.#sourceBytes);
    this.#size = saved.size;
    for (const { index, bytes } of saved.chunks) {
      this.#budget.take(bytes.length);
      this.#chunkBytes += bytes.length;
      this.#chunks.set(index, bytes.slice(0, CHUNK_BYTES));
    }
  }
}
