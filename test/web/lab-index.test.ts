/** lab.json, which may be anybody's. */
import { describe, expect, test } from 'vitest';
import { readIndex } from '../../web/lab/load-lab.ts';

const HASH = 'a'.repeat(64);
const index = (more: object): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({
      format: 'vivarium-lab',
      version: 1,
      files: { 'lab.yaml': { bytes: 3, sha256: HASH } },
      images: { busybox: '../images/busybox.json' },
      ...more,
    }),
  );

describe('the index of a lab', () => {
  test('says which files and images there are', () => {
    expect(readIndex(index({}))).toEqual({
      files: new Map([['lab.yaml', { byteCount: 3, sha256: HASH }]]),
      images: new Map([['busybox', '../images/busybox.json']]),
    });
  });

  test.each([
    ['another version', { version: 2 }, 'is not of version 1'],
    ['a file that is not in its folder', { files: { '../x': { bytes: 1, sha256: HASH } } }, 'names the file "../x"'],
    ['an absolute file', { files: { '/x': { bytes: 1, sha256: HASH } } }, 'names the file "/x"'],
    ['a file without a hash', { files: { x: { bytes: 1, sha256: 'no' } } }, 'has no SHA-256 of "x"'],
    ['a size that is none', { files: { x: { bytes: -1, sha256: HASH } } }, "can't be read"],
    ['no files', { files: 5 }, "can't be read"],
  ])('with %s is refused with a remedy', (_, more, message) => {
    const act = (): unknown => readIndex(index(more));
    expect(act).toThrow(message);
    expect(act).toThrow('build the lab again with viv lab build');
  });
});
