import { expect, test } from 'vitest';
import { parseVolume } from '../../src/cli/volumes.ts';

test('a volume has a path on each side, and may be read-only', () => {
  expect(parseVolume('/a/b:/c/../d:ro')).toEqual({ hostPath: '/a/b', guestPath: '/d', readOnly: true });
});

test("a volume's path on the host may begin at the current folder", () => {
  expect(parseVolume('./x:/y')).toEqual({ hostPath: `${process.cwd()}/x`, guestPath: '/y', readOnly: false });
});

test.each(['', '/a', ':/b', '/a:', '/a:b', 'a:/b', '/a:/b:no', '/a:/b:ro:z', '/a:/b/..'])('%j is no volume', (text) => {
  expect(() => parseVolume(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
