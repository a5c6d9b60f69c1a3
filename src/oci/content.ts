/**
 * Bytes that can be read at any offset without waiting: a file's content, an uncompressed layer, an archive. Devices are
 * synchronous, so this is what a root filesystem serves its files from. In Node it is a file on disk (node-content.ts).
 */

export interface ContentSource {
  /** Size in bytes. */
  readonly size: number;
  /** The bytes from `offset`, at most `length` of them; fewer only at the end. The caller may keep but not change them. */
  readSync(offset: number, length: number): Uint8Array;
}

/** Content that holds something open until it is closed. Its slices die with it. */
export interface ClosableContent extends ContentSource {
  close(): void;
}

/** A range of another content. */
export function sliceContent(content: ContentSource, start: number, size: number): ContentSource {
  return {
    size,
    readSync(offset, length) {
      const end = Math.min(size, offset + length);
      return offset >= end ? EMPTY : content.readSync(start + offset, end - offset);
    },
  };
}

export const EMPTY = new Uint8Array(0);
export const EMPTY_CONTENT: ContentSource = { size: 0, readSync: () => EMPTY };

/** Content in memory, as the pieces that a stream gave. */
export class MemoryContent implements ClosableContent {
  readonly size: number;
  readonly #chunks: Uint8Array[];
  readonly #starts: number[];

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = [];
    this.#starts = [];
    let size = 0;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#starts.push(size);
      size += chunk.length;
    }
    this.size = size;
  }

  readSync(offset: number, length: number): Uint8Array {
    const end = Math.min(this.size, offset + length);
    if (offset >= end) return EMPTY;
    let index = this.#chunkAt(offset);
    const first = this.#chunks[index]!.subarray(offset - this.#starts[index]!);
    if (first.length >= end - offset) return first.subarray(0, end - offset);
    const bytes = new Uint8Array(end - offset);
    bytes.set(first);
    for (let filled = first.length; filled < bytes.length;) {
      const chunk = this.#chunks[++index]!.subarray(0, bytes.length - filled);
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }

  close(): void {
    // Nothing is held open; the chunks go with the last reference.
  }

  #chunkAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const STREAM_CHUNK_BYTES = 256 * 1024;

/** Content as a stream of pieces. */
export async function* streamContent(content: ContentSource): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < content.size;) {
    const chunk = content.readSync(offset, STREAM_CHUNK_BYTES);
    if (chunk.length === 0) return;
    yield chunk;
    offset += chunk.length;
  }
}
