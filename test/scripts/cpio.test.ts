import { expect, test } from 'vitest';
import { cpio } from '../../scripts/lib/cpio.mjs';

const S_IFREG = 0o100000;
const HEADER = 110;

/** One of the header's hexadecimal fields: 0 is the inode, 1 the mode, 6 the size, 9 and 10 the device, 11 the name's size. */
function field(archive: Buffer, member: number, index: number): number {
  return parseInt(archive.toString('latin1', member + 6 + index * 8, member + 14 + index * 8), 16);
}

test('a file has its mode, size, name and bytes, each part padded to four', () => {
  const archive = cpio([{ path: 'etc/a', mode: S_IFREG | 0o644, data: Buffer.from('hello') }]);
  expect(archive.toString('latin1', 0, 6)).toBe('070701');
  expect([field(archive, 0, 1), field(archive, 0, 6), field(archive, 0, 11)]).toEqual([0o100644, 5, 6]);
  expect(archive.toString('latin1', HEADER, HEADER + 14)).toBe('etc/a\0hello\0\0\0');
});

test('a device node has its numbers', () => {
  const archive = cpio([{ path: 'dev/console', mode: 0o20600, device: [5, 1] }]);
  expect([field(archive, 0, 9), field(archive, 0, 10)]).toEqual([5, 1]);
});

test('the archive ends with the trailer', () => {
  expect(cpio([]).toString('latin1')).toMatch(/^070701[0-9A-Fa-f]+TRAILER!!!\0+$/);
});

test('the same entries give the same bytes', () => {
  const entries = [{ path: 'a', mode: S_IFREG | 0o644, data: Buffer.from('x') }];
  expect(cpio(entries).equals(cpio(entries))).toBe(true);
});
