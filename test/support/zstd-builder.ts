/** Writes Zstandard frames (RFC 8878) of raw and run-length blocks, which need no compressor, and wrong ones. */
import { Buffer } from 'node:buffer';

const FRAME_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const WINDOW_1_MIB = 0x50; // §3.1.1.1.2: exponent 10, mantissa 0
export const BLOCK_MAX = 128 * 1024;

function block(type: number, size: number, content: Uint8Array, last: boolean): Buffer {
  const word = (size << 3) | (type << 1) | Number(last);
  return Buffer.concat([Buffer.from([word & 0xff, (word >> 8) & 0xff, word >> 16]), content]);
}

/** A frame of the given blocks; `window` is its window descriptor byte. */
function frame(blocks: Buffer[], window = WINDOW_1_MIB): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.from([...FRAME_MAGIC, 0, window]), ...blocks]));
}

function storedBlocks(bytes: Uint8Array, last: boolean): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / BLOCK_MAX));
  return Array.from({ length: count }, (_, index) => {
    const piece = bytes.subarray(index * BLOCK_MAX, (index + 1) * BLOCK_MAX);
    return block(0, piece.length, piece, last && index === count - 1);
  });
}

/** Stores bytes as they are. */
export function zstdStore(bytes: Uint8Array): Uint8Array {
  return frame(storedBlocks(bytes, true));
}

/** `count` blocks of 128 KiB of zeros, four bytes each. */
export function zstdBomb(count: number): Uint8Array {
  return frame(Array.from({ length: count }, (_, index) => block(1, BLOCK_MAX, Uint8Array.of(0), index === count - 1)));
}

/** A frame with one empty block and this window descriptor. */
export function zstdWindow(window: number): Uint8Array {
  return frame([block(0, 0, new Uint8Array(0), true)], window);
}

/** A frame that decoders pass over. */
export function zstdSkippable(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50, 0);
  header.writeUInt32LE(content.length, 4);
  return new Uint8Array(Buffer.concat([header, content]));
}

/** Stored bytes and then a compressed block with this content. */
export function zstdCompressedBlock(before: Uint8Array, content: Uint8Array): Uint8Array {
  return frame([...storedBlocks(before, false), block(2, content.length, content, true)]);
}

/**
 * Content of a compressed block without literals whose sequences all have the same codes: a literals length code, an
 * offset code and a match length code (§3.1.1.3.2.1, RLE_Mode). The bytes of their extra bits are all `fill`.
 */
export function zstdSequences(
  count: number,
  codes: { literals: number; offset: number; match: number },
  bitsEach: number,
  fill = 0xff,
): Uint8Array {
  const streamBits = count * bitsEach;
  const stream = Buffer.alloc((streamBits >> 3) + 1, fill);
  const mark = 1 << (streamBits & 7); // one bit above the last
  stream[stream.length - 1] = (fill & (mark - 1)) | mark;
  const header =
    count < 0x7f00 ? [(count >> 8) + 128, count & 0xff] : [255, (count - 0x7f00) & 0xff, (count - 0x7f00) >> 8];
  return new Uint8Array(
    Buffer.concat([Buffer.from([0, ...header, 0b01010100, codes.literals, codes.offset, codes.match]), stream]),
  );
}
