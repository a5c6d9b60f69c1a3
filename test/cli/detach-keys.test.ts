import { describe, expect, test } from 'vitest';
import { DetachFilter, parseDetachKeys } from '../../src/cli/detach-keys.ts';

describe('detach keys', () => {
  test.each([
    ['ctrl-p,ctrl-q', [0x10, 0x11]],
    ['ctrl-A,x', [0x01, 0x78]],
    ['ctrl-\\', [0x1c]],
    ['ctrl-@,ctrl-_', [0x00, 0x1f]],
  ])('%s are bytes', (keys, bytes) => {
    expect([...parseDetachKeys(keys)]).toEqual(bytes);
  });

  test.each(['', 'ctrl-', 'ctrl-1', 'ctrl-pp', 'ab', 'ctrl-p,,x', 'é'])('%j are none', (keys) => {
    expect(() => parseDetachKeys(keys)).toThrow(/detach keys/);
  });
});

/** What comes of keystrokes, one after the other. */
function type(...strokes: string[]): string[] {
  const filter = new DetachFilter(parseDetachKeys('ctrl-p,ctrl-q'));
  return strokes.map((stroke) => {
    const { bytes, isDetached } = filter.filter(new TextEncoder().encode(stroke));
    return new TextDecoder().decode(bytes) + (isDetached ? '!' : '');
  });
}

describe('typing', () => {
  test('the keys leaves, at once or one by one', () => {
    expect([type('ab\x10\x11cd'), type('\x10', '\x11')]).toEqual([['ab!'], ['', '!']]);
  });

  test('only the first of them is passed on with what follows', () => {
    expect(type('\x10', 'a')).toEqual(['', '\x10a']);
  });

  test('the first of them twice passes one on', () => {
    expect(type('\x10\x10', '\x11')).toEqual(['\x10', '!']);
  });

  test('anything else is passed on', () => {
    expect(type('\x11ab\n')).toEqual(['\x11ab\n']);
  });
});
