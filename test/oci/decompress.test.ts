import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { collect } from '../../src/oci/blob.ts';
import type { Codec } from '../../src/oci/codec.ts';
import { decompress, detectCompression } from '../../src/oci/decompress.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import type { Compression } from '../../src/oci/spec.ts';
import { webCodec } from '../../src/oci/web-codec.ts';
import { BLOCK_MAX, zstdBomb, zstdSkippable, zstdStore, zstdWindow } from '../support/zstd-builder.ts';

const MiB = 1024 * 1024;
/** 7400 bytes of repeating text by `zstd -19`, with matches, entropy-coded literals and a checksum. */
const ZSTD_TEXT =
  'KLUv/WToGw0CALICChCg7QDBt8IipareahogqvEjxxQyBEDL8KrwaefXZ3of/WZRa6iZWgEIAOJrsHoAzQUkC0gJyAtIFhBRJKgnvh8PSw==';
const ZSTD_TEXT_SHA256 = 'bcc3ad4a010bac7d791e6b4e8148db9f4fd35b17079fa30cef597bff28176160';
/** `abc` by `zstd --no-check`: a single-segment frame. */
const ZSTD_ABC = 'KLUv/QBYGQAAYWJj';

interface Options {
  codec?: Codec;
  expect?: Compression;
  maximumBytes?: number;
  chunkBytes?: number;
}

async function* pieces(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

function undo(
  bytes: Uint8Array,
  { codec = nodeCodec, maximumBytes = 1024 * MiB, chunkBytes = 1000, ...more }: Options = {},
): Promise<Uint8Array> {
  const limits = { maximumBytes, compressionRatio: 100, compressionGraceBytes: MiB };
  return collect(
    decompress(pieces(bytes, chunkBytes), { codec, limits, what: 'the layer', ...more }),
    1024 * MiB,
    'output',
  );
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const fromBase64 = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const badImage = (message: RegExp): object =>
  expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) });
const limit = (message: RegExp): object =>
  expect.objectContaining({ code: 'LIMIT', message: expect.stringMatching(message) });

describe('decompression', () => {
  test('passes on what is not compressed', async () => {
    expect(text(await undo(Buffer.from('plain')))).toBe('plain');
  });

  test('passes on what is shorter than any magic', async () => {
    expect(text(await undo(Buffer.from('x')))).toBe('x');
  });

  test('inflates gzip with Node', async () => {
    expect(text(await undo(gzipSync('text')))).toBe('text');
  });

  test('inflates gzip with web APIs', async () => {
    expect(text(await undo(gzipSync('text'), { codec: webCodec }))).toBe('text');
  });

  test('inflates gzip given byte by byte', async () => {
    expect(text(await undo(gzipSync('text'), { chunkBytes: 1 }))).toBe('text');
  });

  test('inflates several gzip members with Node', async () => {
    expect(text(await undo(Buffer.concat([gzipSync('one '), gzipSync('two')])))).toBe('one two');
  });

  test('decodes a zstd frame with matches and a checksum', async () => {
    expect(
      createHash('sha256')
        .update(await undo(fromBase64(ZSTD_TEXT)))
        .digest('hex'),
    ).toBe(ZSTD_TEXT_SHA256);
  });

  test('decodes a zstd frame given byte by byte', async () => {
    expect((await undo(fromBase64(ZSTD_TEXT), { chunkBytes: 1 })).length).toBe(7400);
  });

  test('decodes a single-segment zstd frame', async () => {
    expect(text(await undo(fromBase64(ZSTD_ABC)))).toBe('abc');
  });

  test('decodes zstd blocks of the largest size', async () => {
    const bytes = new Uint8Array(3 * BLOCK_MAX + 5).map((_, index) => index * 7);

    expect(Buffer.compare(await undo(zstdStore(bytes), { chunkBytes: 50_000 }), bytes)).toBe(0);
  });

  test('decodes several zstd frames and passes over skippable ones', async () => {
    const stream = Buffer.concat([
      zstdSkippable(Buffer.from('note')),
      fromBase64(ZSTD_ABC),
      zstdSkippable(new Uint8Array(0)),
      zstdStore(Buffer.from('def')),
    ]);

    expect(text(await undo(stream))).toBe('abcdef');
  });

  test('tells compressions apart by their first bytes', () => {
    expect(detectCompression(gzipSync(''))).toBe('gzip');
    expect(detectCompression(zstdStore(Buffer.from('x')))).toBe('zstd');
    expect(detectCompression(zstdSkippable(Buffer.from('x')))).toBe('zstd');
    expect(detectCompression(Buffer.from('ustar'))).toBe('none');
  });
});

describe('decompression of bad input', () => {
  test('refuses content that is labelled otherwise', async () => {
    await expect(undo(gzipSync('x'), { expect: 'zstd' })).rejects.toEqual(badImage(/labelled zstd but holds gzip/));
    await expect(undo(Buffer.from('plain'), { expect: 'gzip' })).rejects.toEqual(
      badImage(/labelled gzip but holds uncompressed/),
    );
  });

  test('refuses gzip that is cut off', async () => {
    await expect(undo(gzipSync('x'.repeat(1000)).subarray(0, 20))).rejects.toEqual(badImage(/not valid gzip/));
    await expect(undo(gzipSync('x'.repeat(1000)).subarray(0, 20), { codec: webCodec })).rejects.toEqual(
      badImage(/not valid gzip/),
    );
  });

  test('refuses gzip with a wrong checksum', async () => {
    const bytes = gzipSync('some text');
    bytes[bytes.length - 6]! ^= 1;

    await expect(undo(bytes)).rejects.toEqual(badImage(/not valid gzip/));
  });

  test('refuses zstd that is cut off, wherever', async () => {
    const bytes = fromBase64(ZSTD_TEXT);

    await expect(undo(bytes.subarray(0, 5))).rejects.toEqual(badImage(/ends early/));
    await expect(undo(bytes.subarray(0, 8))).rejects.toEqual(badImage(/ends early/));
    await expect(undo(bytes.subarray(0, 40))).rejects.toEqual(badImage(/ends early/));
    await expect(undo(bytes.subarray(0, bytes.length - 1))).rejects.toEqual(badImage(/ends early/));
  });

  test('refuses zstd with a corrupt block', async () => {
    const bytes = fromBase64(ZSTD_TEXT);
    bytes.fill(0xff, 12, 60);

    await expect(undo(bytes)).rejects.toEqual(badImage(/corrupt|not valid zstd/));
  });

  test('refuses rubbish after a zstd frame', async () => {
    await expect(undo(Buffer.concat([fromBase64(ZSTD_ABC), Buffer.from('rubbish')]))).rejects.toEqual(
      badImage(/unknown frame/),
    );
  });

  test('refuses a zstd window over 128 MiB before allocating it', async () => {
    await expect(undo(zstdWindow(0xa0))).rejects.toEqual(limit(/window of 1 GiB/));
  });

  test('stops a gzip bomb by its ratio', async () => {
    await expect(undo(gzipSync(new Uint8Array(8 * MiB)))).rejects.toEqual(limit(/more than 100 times/));
  });

  test('stops a zstd bomb by its ratio', async () => {
    await expect(undo(zstdBomb(1000))).rejects.toEqual(limit(/more than 100 times/));
  });

  test('lets a high ratio pass while it is small', async () => {
    expect(await undo(gzipSync(new Uint8Array(512 * 1024)))).toHaveLength(512 * 1024);
  });

  test('stops at the limit of bytes', async () => {
    await expect(undo(gzipSync(Buffer.from('0123456789')), { maximumBytes: 9 })).rejects.toEqual(
      limit(/limit of 9 bytes/),
    );
    await expect(undo(Buffer.from('0123456789'), { maximumBytes: 9 })).rejects.toEqual(limit(/limit of 9 bytes/));
  });

  test('passes on an error of the source as it is', async () => {
    const failure = new Error('disk');
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield gzipSync('x'.repeat(100)).subarray(0, 12);
      throw failure;
    }
    const limits = { maximumBytes: MiB, compressionRatio: 100, compressionGraceBytes: MiB };

    await expect(collect(decompress(broken(), { codec: nodeCodec, limits, what: 'x' }), MiB, 'x')).rejects.toBe(
      failure,
    );
  });
});
