import { crc32 as native } from 'node:zlib';
import { expect, test } from 'vitest';
import { crc32 } from '../../../src/machine/snapshot-file/crc32.ts';

test('the check value of ISO 3309', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});

test.each([0, 1, 7, 8, 9, 4096, 100_003])("%i bytes give what zlib's does", (length) => {
  const bytes = Uint8Array.from({ length }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 13);

  expect(crc32(bytes)).toBe(native(bytes));
});
