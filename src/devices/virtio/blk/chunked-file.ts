/**
 * A file that is fetched piece by piece as it is read: in chunks, each checked against its SHA-256, kept in a cache, and
 * inflated if it is compressed. Requests for the same chunk share one fetch; reading on and on fetches ahead. Where the
 * bytes come from and where they are kept is injected.
 */
import { assert, ErrorCodes, VivariumError } from '../../../util/errors.ts';
import { inflateInto } from '../../../util/inflate.ts';

/** What the file consists of. Chunks are stored without gaps, as raw DEFLATE (RFC 1951) where that is shorter. */
export interface ChunkedFileShape {
  /** Of the content. */
  readonly byteCount: number;
  /** Of each chunk's content; the last one may have less. */
  readonly chunkBytes: number;
  readonly chunks: readonly ChunkShape[];
}

export interface ChunkShape {
  /** Its length as it is stored. As long as its content: it is not compressed. */
  readonly storedBytes: number;
  /** Of what is stored, in lower-case hexadecimal. */
  readonly sha256: string;
}

/** Where the stored bytes are. */
export interface ByteSource {
  /**
   * Bytes from `offset` on; who has no ranges gives the whole file instead. Rejects, here or on the way, when it is not to be
   * had. `fresh`: what is kept on the way from there was damaged.
   */
  open(offset: number, byteCount: number, fresh: boolean): Promise<OpenedBytes>;
}
export interface OpenedBytes {
  /** These are all bytes of the file, from its beginning. */
  readonly isWhole: boolean;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Keeps stored chunks by their SHA-256. What it gives is checked again, so it may be shared with anybody. */
export interface ChunkCache {
  get(sha256: string): Promise<Uint8Array | undefined>;
  put(sha256: string, stored: Uint8Array): Promise<void>;
}

export interface ChunkedFileOptions {
  readonly file: ChunkedFileShape;
  /** What errors call it. */
  readonly name: string;
  readonly source: ByteSource;
  readonly cache: ChunkCache;
  readonly sha256: (bytes: Uint8Array) => Promise<string>;
  /** So many more bytes have come from the source. */
  readonly onFetched?: (byteCount: number) => void;
}

/** Inflated chunks that are kept at hand: the guest caches what it read, so these are for its neighbours. */
const AT_HAND_BYTES = 8 << 20;
/** Reading ahead starts with so many chunks and doubles. */
const AHEAD_FIRST = 1;
const AHEAD_MAX = 16;

/** Chunks that are on their way into the cache at once. */
const PUTS_MAX = 8;

interface Pending {
  readonly content: Promise<Uint8Array>;
  readonly resolve: (content: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

export class ChunkedFile {
  readonly byteCount: number;
  readonly #options: ChunkedFileOptions;
  /** Where each chunk begins in the stored file, and where the last one ends. */
  readonly #offsets: readonly number[];
  readonly #atHand = new Map<number, Uint8Array>();
  readonly #pending = new Map<number, Pending>();
  #nextSequential = -1;
  #ahead = 0;
  /** Up to which chunk was fetched ahead. */
  #aheadEnd = 0;
  /** Resolves when the source has answered for the first time: then it is known whether it has ranges. */
  #firstAnswer: Promise<unknown> | undefined;
  /** The whole file is on its way. */
  #whole: Promise<void> | undefined;

  constructor(options: ChunkedFileOptions) {
    const { byteCount, chunkBytes, chunks } = options.file;
    assert(chunks.length === Math.ceil(byteCount / chunkBytes), 'a file has as many chunks as its size takes');
    this.byteCount = byteCount;
    this.#options = options;
    const offsets = [0];
    for (const { storedBytes } of chunks) offsets.push(offsets.at(-1)! + storedBytes);
    this.#offsets = offsets;
  }

  /** Fills `target` from an offset of the content; the range is inside the file. Rejects when it can't be had. */
  read(offset: number, target: Uint8Array): void | Promise<void> {
    if (target.length === 0) return;
    const { chunkBytes } = this.#options.file;
    const first = Math.floor(offset / chunkBytes);
    const last = Math.floor((offset + target.length - 1) / chunkBytes);
    const wanted = this.#want(first, last);
    const pieces = wanted.map(({ content }, index) => ({ content, start: (first + index) * chunkBytes }));
    const copy = (bytes: Uint8Array, start: number): void => {
      const from = Math.max(offset, start);
      const until = Math.min(offset + target.length, start + bytes.length);
      target.set(bytes.subarray(from - start, until - start), from - offset);
    };
    if (pieces.every(({ content }) => content instanceof Uint8Array)) {
      for (const { content, start } of pieces) copy(content as Uint8Array, start);
      return;
    }
    return Promise.all(pieces.map(async ({ content, start }) => copy(await content, start))).then(() => {});
  }

  /** Fetches what is not in the cache yet, some chunks at a time, until all is there or the signal says so. */
  async fetchAll(signal: AbortSignal): Promise<void> {
    const { cache, file } = this.#options;
    let missing: number[] = [];
    const fetchMissing = async (): Promise<void> => {
      signal.throwIfAborted();
      await Promise.all(this.#claim(missing).map(({ content }) => content));
      missing = [];
    };
    for (const [index, { sha256 }] of file.chunks.entries()) {
      signal.throwIfAborted();
      if ((await cache.get(sha256)) === undefined) missing.push(index);
      if (missing.length === AHEAD_MAX) await fetchMissing();
    }
    await fetchMissing();
  }

  /** The chunks of a read, at hand or on their way, and those after them if reading goes on. */
  #want(first: number, last: number): { content: Uint8Array | Promise<Uint8Array> }[] {
    const end = Math.min(this.#options.file.chunks.length, this.#readAhead(first, last));
    const missing: number[] = [];
    for (let index = first; index < end; index++)
      if (!this.#atHand.has(index) && !this.#pending.has(index)) missing.push(index);
    this.#claim(missing);
    return Array.from({ length: last - first + 1 }, (_, at) => {
      const index = first + at;
      const content = this.#atHand.get(index);
      if (content === undefined) return this.#pending.get(index)!;
      this.#atHand.delete(index); // used last
      this.#atHand.set(index, content);
      return { content };
    });
  }

  /** Up to which chunk to fetch for a read. When reading goes on, half a window is there before the next one is asked for. */
  #readAhead(first: number, last: number): number {
    const isSame = first === this.#nextSequential - 1;
    const goesOn = first === this.#nextSequential || (isSame && last > first);
    this.#nextSequential = last + 1;
    if (!goesOn) {
      if (!isSame) this.#ahead = this.#aheadEnd = 0;
      return last + 1;
    }
    this.#ahead = Math.min(AHEAD_MAX, Math.max(AHEAD_FIRST, this.#ahead * 2));
    if (last + 1 + this.#ahead / 2 <= this.#aheadEnd) return last + 1;
    this.#aheadEnd = last + 1 + this.#ahead;
    return this.#aheadEnd;
  }

  /** Begins to get chunks, unless they are on their way. */
  #claim(indices: readonly number[]): Pending[] {
    const claimed = indices.filter((index) => !this.#pending.has(index));
    for (const index of claimed) this.#pending.set(index, makePending());
    const all = indices.map((index) => this.#pending.get(index)!);
    if (claimed.length > 0) void this.#fill(claimed);
    return all;
  }

  async #fill(indices: readonly number[]): Promise<void> {
    const cached = await Promise.all(indices.map((index) => this.#fromCache(index)));
    const missing = indices.filter((_, at) => !cached[at]);
    for (let start = 0; start < missing.length;) {
      let end = start + 1;
      while (missing[end] === missing[end - 1]! + 1) end++;
      void this.#fetch(missing[start]!, missing[end - 1]! + 1);
      start = end;
    }
  }

  /** Whether it was there. */
  async #fromCache(index: number): Promise<boolean> {
    const { cache, file, sha256 } = this.#options;
    const chunk = file.chunks[index]!;
    try {
      const stored = await cache.get(chunk.sha256);
      if (stored === undefined || (await sha256(stored)) !== chunk.sha256) return false;
      await this.#have(index, stored);
      return true;
    } catch {
      return false; // fetching it says what is wrong, if anything is
    }
  }

  async #fetch(first: number, end: number): Promise<void> {
    try {
      if (this.#firstAnswer !== undefined) await this.#firstAnswer.catch(() => {}); // it rejects for whoever asked
      if (this.#whole === undefined) {
        await this.#fetchRun(first, end, false);
        return;
      }
      await this.#whole;
      const left = Array.from({ length: end - first }, (_, at) => first + at).filter((index) =>
        this.#pending.has(index),
      );
      for (const index of left) if (!(await this.#fromCache(index))) await this.#fetchRun(index, index + 1, false);
    } catch (error) {
      for (let index = first; index < end; index++) this.#settle(index)?.reject(error);
    }
  }

  async #fetchRun(first: number, end: number, fresh: boolean): Promise<void> {
    const { source, file } = this.#options;
    const offset = this.#offsets[first]!;
    const opening = source.open(offset, this.#offsets[end]! - offset, fresh);
    this.#firstAnswer ??= opening;
    const { isWhole, pieces } = await opening;
    if (!isWhole) return this.#receive(pieces, first, end, fresh);
    this.#whole = this.#receive(pieces, 0, file.chunks.length, fresh).finally(() => (this.#whole = undefined));
    return this.#whole;
  }

  /** Takes chunks in as they come, and gives each to those who wait for it. */
  async #receive(pieces: AsyncIterable<Uint8Array>, first: number, end: number, fresh: boolean): Promise<void> {
    const { cache, file, name, sha256, onFetched } = this.#options;
    const assembler = new Assembler();
    const puts = new Set<Promise<void>>();
    let index = first;
    for await (const piece of pieces) {
      onFetched?.(piece.length);
      assembler.push(piece);
      for (; index < end; index++) {
        const { storedBytes, sha256: expected } = file.chunks[index]!;
        const stored = assembler.take(storedBytes);
        if (stored === undefined) break;
        if ((await sha256(stored)) !== expected) {
          if (!fresh) return this.#fetchRun(index, end, true);
          throw new VivariumError(
            ErrorCodes.DIGEST_MISMATCH,
            `the server's file ${name} is damaged, or not the one that this site was built with; upload the whole site again`,
          );
        }
        await this.#have(index, stored);
        const put = cache.put(expected, stored).catch(() => {}); // it is fetched again when it is needed again
        puts.add(put);
        void put.then(() => puts.delete(put));
        if (puts.size >= PUTS_MAX) await Promise.race(puts);
      }
      if (index === end) {
        await Promise.all(puts);
        return;
      }
    }
    throw new VivariumError(
      ErrorCodes.NETWORK,
      `the server's file ${name} is shorter than it should be; upload the whole site again`,
    );
  }

  /** A checked chunk is there. */
  async #have(index: number, stored: Uint8Array): Promise<void> {
    const { chunkBytes, byteCount } = this.#options.file;
    const contentBytes = Math.min(chunkBytes, byteCount - index * chunkBytes);
    let content = stored;
    if (stored.length !== contentBytes) {
      content = new Uint8Array(contentBytes);
      await inflateInto(stored, content);
    }
    this.#atHand.set(index, content);
    const countMax = Math.max(1, Math.floor(AT_HAND_BYTES / chunkBytes));
    for (const oldest of this.#atHand.keys()) {
      if (this.#atHand.size <= countMax) break;
      this.#atHand.delete(oldest);
    }
    this.#settle(index)?.resolve(content);
  }

  #settle(index: number): Pending | undefined {
    const pending = this.#pending.get(index);
    this.#pending.delete(index);
    return pending;
  }
}

function makePending(): Pending {
  let resolve!: (content: Uint8Array) => void;
  let reject!: (error: unknown) => void;
  const content = new Promise<Uint8Array>((settle, refuse) => {
    resolve = settle;
    reject = refuse;
  });
  content.catch(() => {}); // of one that was fetched ahead nobody may wait
  return { content, resolve, reject };
}

/** Cuts pieces of any length into those that are asked for. */
class Assembler {
  #pieces: Uint8Array[] = [];
  #byteCount = 0;

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
  }

  /** The next bytes, copied, once there are so many. */
  take(byteCount: number): Uint8Array | undefined {
    if (this.#byteCount < byteCount) return undefined;
    const taken = new Uint8Array(byteCount);
    let done = 0;
    while (done < byteCount) {
      const piece = this.#pieces[0]!;
      const count = Math.min(piece.length, byteCount - done);
      taken.set(piece.subarray(0, count), done);
      done += count;
      if (count === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(count);
    }
    this.#byteCount -= byteCount;
    return taken;
  }
}
