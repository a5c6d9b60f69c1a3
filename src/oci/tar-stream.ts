/** The tar reader (tar.ts) over a stream, for archives that are read once: copies of files, what a user pipes in. */
import { badImage } from './fail.ts';
import { type TarEntry, type TarOptions, parseTar, truncated } from './tar.ts';
import { type TarFile, tarEnd, tarPadding, writeTarHead } from './tar-writer.ts';

const EMPTY = new Uint8Array(0);
/** Archives are filled up to a record, seldom more than 10 KiB; what is longer is something else. */
const TRAILING_BYTES_MAX = 1024 * 1024;

export interface StreamedEntry {
  readonly entry: TarEntry;
  /** Its bytes, once, before the next entry is asked for; what is not read is passed over. */
  readonly data: AsyncIterable<Uint8Array>;
}

/** Takes bytes off a stream from a place that only moves forward. */
class Source {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Uint8Array = EMPTY;
  #at = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** Some of the next bytes; empty at the end. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#held.length === 0) {
      const next = await this.#iterator.next();
      if (next.done) return EMPTY;
      this.#held = next.value;
    }
    const bytes = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(bytes.length);
    this.#at += bytes.length;
    return bytes;
  }

  /** Moves to an offset; false when the stream ends before. */
  async skipTo(offset: number): Promise<boolean> {
    while (this.#at < offset) if ((await this.some(offset - this.#at)).length === 0) return false;
    return true;
  }

  /** The next bytes in one piece; fewer at the end. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const piece = await this.some(length - filled);
      if (piece.length === 0) break;
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/**
 * All entries in the order of the archive. The stream is read to its end, so that what its source has to say then is heard.
 * Throws BAD_IMAGE or LIMIT at the first thing that is wrong.
 */
export async function* streamTar(
  stream: AsyncIterable<Uint8Array>,
  options: TarOptions,
): AsyncGenerator<StreamedEntry> {
  const source = new Source(stream);
  try {
    const parser = parseTar({ requireEnd: true, ...options });
    for (let step = parser.next(EMPTY); !step.done;) {
      if (!(await source.skipTo(step.value.offset))) throw truncated(options.what);
      if ('length' in step.value) {
        step = parser.next(await source.take(step.value.length));
      } else {
        const { size } = step.value;
        const data = dataOf(source, size, options.what);
        yield { entry: step.value, data };
        if (size > 0) for await (const _ of data); // what the consumer left
        step = parser.next(EMPTY);
      }
    }
    let trailing = 0;
    for (
      let piece = await source.some(TRAILING_BYTES_MAX);
      piece.length > 0;
      piece = await source.some(TRAILING_BYTES_MAX)
    ) {
      trailing += piece.length;
      if (trailing > TRAILING_BYTES_MAX) throw badImage(`${options.what} goes on after its end`);
    }
  } finally {
    await source.close();
  }
}

/** One generator for all who read it: each takes what is left. */
function dataOf(source: Source, size: number, what: string): AsyncIterable<Uint8Array> {
  let left = size;
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        if (left === 0) return { done: true, value: undefined };
        const value = await source.some(left);
        if (value.length === 0) throw truncated(what);
        left -= value.length;
        return { done: false, value };
      },
    }),
  };
}

/** An entry as it is written again, under the same or another name. */
export function tarFileOf(entry: TarEntry, change: Partial<TarFile> = {}): TarFile {
  return { ...entry, path: entry.path.replace(/\/+$/, '') || '.', ...change };
}

/** Writes entries again, in the one dialect that we write. */
export async function* rewriteTar(
  entries: AsyncIterable<StreamedEntry>,
  change: Partial<TarFile> = {},
): AsyncGenerator<Uint8Array> {
  for await (const { entry, data } of entries) {
    yield* writeTarHead(tarFileOf(entry, change), entry.size);
    yield* data;
    yield tarPadding(entry.size);
  }
  yield tarEnd();
}
