import { crc32 as native } from 'node:zlib';
import { expect, test } from 'vitest';
import { CRC16_POLYNOMIAL, CRC32C_POLYNOMIAL, crc32, crcFunction } from '../../src/util/crc.ts';

test('the check value of ISO 3309', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});

test.each([0, 1, 7, 8, 9, 4096, 100_003])("%i bytes give what zlib's does", (length) => {
  const bytes = Uint8Array.from({ length }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 13);

  expect(crc32(bytes)).toBe(native(bytes));
});

test.each([
  [CRC32C_POLYNOMIAL, 0xffffffff, 0x1cf96d7c], // before the inversion: iSCSI's check value is E3069283h
  [CRC16_POLYNOMIAL, 0, 0xbb3d],
])('the check value of the polynomial %x', (polynomial, initial, check) => {
  const crc = crcFunction(polynomial);

  expect(crc(initial, new TextEncoder().encode('123456789'))).toBe(check);
  expect(crc(crc(initial, new TextEncoder().encode('1234')), new TextEncoder().encode('56789'))).toBe(check);
});
