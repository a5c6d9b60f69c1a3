import { describe, expect, it } from 'vitest';
import { decodeName, encodeName } from '../../../../src/devices/virtio/p9/names.ts';

describe('names', () => {
  it('decodes UTF-8 as everyone does', () => {
    expect(decodeName(new TextEncoder().encode('naïve 文件 🐧'))).toBe('naïve 文件 🐧');
    expect(encodeName('naïve 文件 🐧')).toEqual(new TextEncoder().encode('naïve 文件 🐧'));
  });

  it('keeps a byte order mark', () => {
    expect(encodeName(decodeName(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)))).toEqual(
      Uint8Array.of(0xef, 0xbb, 0xbf, 0x61),
    );
  });

  it.each([
    ['a stray continuation', [0x61, 0x80, 0x62]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong NUL in three bytes', [0xe0, 0x80, 0x80]],
    ['an encoded surrogate', [0xed, 0xb2, 0x80]],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a cut-off sequence before a good one', [0xe6, 0x96, 0xc3, 0xa9]],
    ['every high byte', Array.from({ length: 128 }, (_, i) => 0x80 + i)],
  ])('keeps %s without loss', (_what, bytes) => {
    expect([...encodeName(decodeName(Uint8Array.from(bytes)))]).toEqual(bytes);
  });

  it('takes shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2));
    shared.set([0xc3, 0xa9]);
    expect(decodeName(shared)).toBe('é');
  });
});
