/**
 * Zstandard (RFC 8878) as a stream of frames: one block goes in, its at most 128 KiB come out, so the consumer can stop a
 * bomb in time. Dictionaries are refused; the frame's checksum is passed over, since every consumer checks a digest.
 *
 * Why not npm's fzstd: it copies a match before it looks whether the block has room for it, so one hostile block
 * of 128 KiB kept it busy for three minutes; and it allocates whatever window a frame asks for, up to 2 GB.
 */
import { badImage, overLimit, showBytes } from '../fail.ts';
import { BLOCK_MAX_BYTES, BlockDecoder } from './block.ts';
import { History } from './history.ts';

const FRAME_MAGIC = 0xfd2fb528; // RFC 8878 §3.1.1
const SKIPPABLE_MAGIC = 0x184d2a50; // §3.1.2; the low four bits are free
const SKIPPABLE_MASK = 0xfffffff0;
const MAGIC_BYTES = 4;
const SKIPPABLE_HEADER_BYTES = 8;
const CHECKSUM_BYTES = 4;
const CHECKSUM_FLAG = 1 << 2; // §3.1.1.1.1
const RESERVED_FLAG = 1 << 3;
const CONTENT_SIZE_BIAS = 256; // §3.1.1.1.4: a content size of two bytes starts there
const BLOCK_HEADER_BYTES = 3; // §3.1.1.2
const BLOCK_TYPE_RAW = 0; // §3.1.1.2.2
const BLOCK_TYPE_RLE = 1;
const BLOCK_TYPE_RESERVED = 3;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]; // §3.1.1.1.3
/** What the reference decoder accepts without being told otherwise (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
const WINDOW_MAX_BYTES = 2 ** 27;

interface FrameHeader {
  readonly byteCount: number;
  readonly windowBytes: number;
  readonly hasChecksum: boolean;
}

/** Gathers input until a wanted number of bytes is there. */
class Gatherer {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** The next bytes without taking them; fewer than `byteCount` only at the end of the input. */
  async peek(byteCount: number): Promise<Uint8Array> {
    if (this.#pending.length >= byteCount) return this.#pending.subarray(0, byteCount);
    const chunks = [this.#pending];
    let have = this.#pending.length;
    while (have < byteCount) {
      const next = await this.#iterator.next();
      if (next.done) break;
      chunks.push(next.value);
      have += next.value.length;
    }
    const joined = new Uint8Array(have);
    let offset = 0;
    for (const chunk of chunks) {
      joined.set(chunk, offset);
      offset += chunk.length;
    }
    this.#pending = joined;
    return joined.subarray(0, byteCount);
  }

  async take(byteCount: number): Promise<Uint8Array> {
    const bytes = await this.peek(byteCount);
    if (bytes.length < byteCount) throw truncated();
    this.#pending = this.#pending.subarray(byteCount);
    return bytes;
  }

  async skip(byteCount: number): Promise<void> {
    for (let left = byteCount; left > 0;) {
      const step = Math.min(left, BLOCK_MAX_BYTES);
      await this.take(step);
      left -= step;
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

function truncated(): Error {
  return badImage('a zstd stream ends early; the image is truncated');
}

function readUint(bytes: Uint8Array, offset: number, byteCount: number): number {
  let value = 0;
  for (let i = byteCount - 1; i >= 0; i--) value = value * 256 + bytes[offset + i]!;
  return value;
}

/** §3.1.1.1: descriptor, window, dictionary and content size. */
async function readFrameHeader(input: Gatherer): Promise<FrameHeader> {
  const descriptor = (await input.peek(MAGIC_BYTES + 1))[MAGIC_BYTES];
  if (descriptor === undefined) throw truncated();
  if ((descriptor & RESERVED_FLAG) !== 0) throw badImage('a zstd stream uses a flag that is not defined');
  const singleSegment = (descriptor >> 5) & 1;
  const dictionaryBytes = DICTIONARY_ID_BYTES[descriptor & 3]!;
  const contentSizeCode = descriptor >> 6;
  const contentSizeBytes = contentSizeCode === 0 ? singleSegment : 1 << contentSizeCode;
  const windowAt = MAGIC_BYTES + 1;
  const dictionaryAt = windowAt + 1 - singleSegment;
  const contentSizeAt = dictionaryAt + dictionaryBytes;
  const byteCount = contentSizeAt + contentSizeBytes;
  const header = await input.peek(byteCount);
  if (header.length < byteCount) throw truncated();
  if (readUint(header, dictionaryAt, dictionaryBytes) !== 0)
    throw badImage('a zstd stream needs a dictionary, which images do not have');
  const windowDescriptor = header[windowAt]!;
  const windowBase = 2 ** (10 + (windowDescriptor >> 3));
  const contentBias = contentSizeBytes === 2 ? CONTENT_SIZE_BIAS : 0;
  const windowBytes = singleSegment
    ? readUint(header, contentSizeAt, contentSizeBytes) + contentBias
    : windowBase + (windowBase / 8) * (windowDescriptor & 7);
  if (windowBytes > WINDOW_MAX_BYTES) {
    throw overLimit(
      `a zstd stream asks for a window of ${showBytes(windowBytes)}, more than the limit of ${showBytes(WINDOW_MAX_BYTES)}`,
    );
  }
  return { byteCount, windowBytes, hasChecksum: (descriptor & CHECKSUM_FLAG) !== 0 };
}

async function* readFrame(input: Gatherer): AsyncGenerator<Uint8Array> {
  const header = await readFrameHeader(input);
  await input.take(header.byteCount);
  const blockMaximumBytes = Math.min(BLOCK_MAX_BYTES, header.windowBytes);
  const history = new History(header.windowBytes, blockMaximumBytes);
  const decoder = new BlockDecoder(history);
  for (let last = false; !last;) {
    const word = readUint(await input.take(BLOCK_HEADER_BYTES), 0, BLOCK_HEADER_BYTES);
    last = (word & 1) === 1;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === BLOCK_TYPE_RESERVED || size > blockMaximumBytes) throw badImage('a zstd stream has an invalid block');
    const content = await input.take(type === BLOCK_TYPE_RLE ? 1 : size);
    history.startBlock();
    if (type === BLOCK_TYPE_RAW) history.append(content);
    else if (type === BLOCK_TYPE_RLE) history.fill(content[0]!, size);
    else decoder.decode(content);
    yield history.finishBlock();
  }
  if (header.hasChecksum) await input.take(CHECKSUM_BYTES);
}

/** Decodes one or more frames. Throws BAD_IMAGE on broken or truncated data, LIMIT on a window over 128 MiB. */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new Gatherer(source);
  try {
    for (;;) {
      const start = await input.peek(MAGIC_BYTES);
      if (start.length === 0) return;
      if (start.length < MAGIC_BYTES) throw truncated();
      const magic = readUint(start, 0, MAGIC_BYTES);
      if (magic === FRAME_MAGIC) {
        yield* readFrame(input);
      } else if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
        const header = await input.take(SKIPPABLE_HEADER_BYTES);
        await input.skip(readUint(header, MAGIC_BYTES, 4));
      } else {
        throw badImage('a zstd stream has an unknown frame');
      }
    }
  } finally {
    await input.close();
  }
}
