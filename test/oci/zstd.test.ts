import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { collect } from '../../src/oci/blob.ts';
import { unzstd } from '../../src/oci/zstd/stream.ts';
import { sampleText } from '../support/sample-text.ts';
import { zstdCompressedBlock, zstdSequences } from '../support/zstd-builder.ts';

/** Three blocks: literals in four streams, with and without a tree, described and repeated tables, recent offsets. */
const SAMPLE = readFileSync(new URL('./fixtures/sample-text.zst', import.meta.url));
const MiB = 1024 * 1024; // the window of the frames made here
const MATCH_3 = 0; // match length codes, RFC 8878 §3.1.1.3.2.1.1
const MATCH_LONGEST = 52;
const MATCH_LONGEST_BITS = 16;
const NO_LITERALS = 0;
const REPEATED_OFFSET = 0; // offset code 0 means offset value 1

function decode(bytes: Uint8Array): Promise<Uint8Array> {
  async function* once(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return collect(unzstd(once()), 2 ** 30, 'output');
}

const badImage = (message: RegExp): object =>
  expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) });

describe('zstd', () => {
  test('decodes what the reference encoder makes with all its means', async () => {
    expect(Buffer.compare(await decode(SAMPLE), sampleText(300_000))).toBe(0);
  });

  test('repeats a pattern where a match overlaps itself', async () => {
    const block = zstdSequences(2, { literals: NO_LITERALS, offset: 2, match: MATCH_3 }, 2);

    // Offset code 2 with both bits set is value 7, offset 4; twice three bytes.
    expect(Buffer.from(await decode(zstdCompressedBlock(Buffer.from('abcd'), block))).toString()).toBe('abcdabcdab');
  });

  test('finds a match at the far end of its window after that has moved on', async () => {
    const before = Uint8Array.from({ length: 3 * MiB + 77 }, (_, i) => i ^ (i >> 8) ^ (i >> 16));
    const block = zstdSequences(1, { literals: NO_LITERALS, offset: 19, match: MATCH_3 }, 19);
    const start = before.length - (MiB - 4); // value 2^20 - 1

    expect(
      Buffer.compare(
        await decode(zstdCompressedBlock(before, block)),
        Buffer.concat([before, before.subarray(start, start + 3)]),
      ),
    ).toBe(0);
  });
});

describe('zstd that is hostile', () => {
  test('with sequences that expand to gigabytes is refused at once', async () => {
    const block = zstdSequences(
      64_000,
      { literals: NO_LITERALS, offset: REPEATED_OFFSET, match: MATCH_LONGEST },
      MATCH_LONGEST_BITS,
    );

    await expect(decode(zstdCompressedBlock(Buffer.alloc(100), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with a match from before its start is refused', async () => {
    const block = zstdSequences(1, { literals: NO_LITERALS, offset: 5, match: MATCH_3 }, 5);

    await expect(decode(zstdCompressedBlock(Buffer.from('abc'), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with a match from before its window is refused', async () => {
    // Offset value 2^20 + 0x11111: there, but too far back.
    const block = zstdSequences(1, { literals: NO_LITERALS, offset: 20, match: MATCH_3 }, 20, 0x11);

    await expect(decode(zstdCompressedBlock(new Uint8Array(1.5 * MiB), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with more literals in its sequences than there are is refused', async () => {
    const block = zstdSequences(1, { literals: 5, offset: REPEATED_OFFSET, match: MATCH_3 }, 0);

    await expect(decode(zstdCompressedBlock(Buffer.from('abc'), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with a code that does not exist is refused', async () => {
    const block = zstdSequences(1, { literals: 36, offset: REPEATED_OFFSET, match: MATCH_3 }, 0);

    await expect(decode(zstdCompressedBlock(Buffer.from('abc'), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with bits left over is refused', async () => {
    const block = zstdSequences(1, { literals: NO_LITERALS, offset: REPEATED_OFFSET, match: MATCH_3 }, 9);

    await expect(decode(zstdCompressedBlock(Buffer.from('abcd'), block))).rejects.toEqual(badImage(/corrupt/));
  });

  test('with literals that need a tree from before is refused', async () => {
    await expect(decode(zstdCompressedBlock(Buffer.from('abc'), Uint8Array.of(0b0011, 0, 0, 0)))).rejects.toEqual(
      badImage(/corrupt/),
    );
  });

  test('with a compressed block of nothing is refused', async () => {
    await expect(decode(zstdCompressedBlock(Buffer.from('abc'), new Uint8Array(0)))).rejects.toEqual(
      badImage(/corrupt/),
    );
  });
});
