/**
 * Compression of layers and archives: recognised by the first bytes (RFC 1952 §2.3.1, RFC 8878 §3.1.1), undone as a
 * stream, and stopped when the output grows past its limits, in total or for what went in (a "zip bomb").
 */
import { VivariumError } from '../util/errors.ts';
import type { Codec } from './codec.ts';
import { badImage, overLimit, showBytes } from './fail.ts';
import type { Compression } from './spec.ts';
import { unzstd } from './zstd/stream.ts';

export const MAGIC_BYTES = 4;
const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A skippable frame may come first; only the high 28 bits of its magic are fixed. */
const ZSTD_SKIPPABLE_MAGIC = [0x2a, 0x4d, 0x18];

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

/** How content that starts with these bytes is compressed. */
export function detectCompression(start: Uint8Array): Compression {
  if (startsWith(start, GZIP_MAGIC)) return 'gzip';
  if (startsWith(start, ZSTD_MAGIC)) return 'zstd';
  if ((start[0]! & 0xf0) === 0x50 && startsWith(start.subarray(1), ZSTD_SKIPPABLE_MAGIC)) return 'zstd';
  return 'none';
}

export interface DecompressLimits {
  /** Most bytes that may come out. */
  readonly maximumBytes: number;
  readonly compressionRatio: number;
  readonly compressionGraceBytes: number;
}

export interface DecompressOptions {
  readonly codec: Codec;
  readonly limits: DecompressLimits;
  /** Names the stream in errors. */
  readonly what: string;
  /** What the stream is labelled as; anything else inside is an error. Without it the content decides. */
  readonly expect?: Compression;
}

/** Undoes whatever compression the content shows. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array> {
  const { codec, limits, what, expect } = options;
  const meter = new Meter(source);
  const found = detectCompression(await meter.start());
  if (expect !== undefined && found !== expect) {
    await meter.close();
    throw badImage(`${what} is labelled ${describe(expect)} but holds ${describe(found)} data`);
  }
  const plain = found === 'gzip' ? codec.gunzip(meter.all()) : found === 'zstd' ? unzstd(meter.all()) : meter.all();
  let outputBytes = 0;
  try {
    for await (const chunk of plain) {
      outputBytes += chunk.length;
      if (outputBytes > limits.maximumBytes) {
        throw overLimit(`${what} expands to more than the limit of ${showBytes(limits.maximumBytes)}`);
      }
      if (outputBytes > limits.compressionGraceBytes && outputBytes > meter.inputBytes * limits.compressionRatio) {
        throw overLimit(`${what} expands more than ${limits.compressionRatio} times; it looks like a compression bomb`);
      }
      yield chunk;
    }
  } catch (error) {
    // Errors of the source and of the limits say what they mean; what is left is the decoder's.
    if (error instanceof VivariumError || error === meter.error) throw error;
    throw badImage(`${what} is not valid ${found} data; the image is truncated or corrupt`, error);
  }
}

function describe(compression: Compression): string {
  return compression === 'none' ? 'uncompressed' : compression;
}

/** Counts what is read, and lets the first bytes be looked at before the rest. */
class Meter {
  inputBytes = 0;
  /** What the source threw, if it did. */
  error: unknown;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      const next = await this.#iterator.next();
      return next.done ? undefined : next.value;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }

  async start(): Promise<Uint8Array> {
    while (this.#held.length < MAGIC_BYTES) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      const joined = new Uint8Array(this.#held.length + chunk.length);
      joined.set(this.#held);
      joined.set(chunk, this.#held.length);
      this.#held = joined;
    }
    return this.#held;
  }

  async *all(): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk: Uint8Array | undefined = this.#held; chunk !== undefined; chunk = await this.#next()) {
        this.inputBytes += chunk.length;
        if (chunk.length > 0) yield chunk;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
