/** The key bar of touch screens. */
import { describe, expect, test } from 'vitest';
import { BAR_KEYS, keyText, withControl } from '../../web/terminal/keys.ts';

const key = (name: string) => BAR_KEYS.find((one) => one.name === name)!;

describe('the key bar', () => {
  test('sends arrows as the program has asked for them', () => {
    expect(keyText(key('Up'), false)).toBe('\x1b[A');
    expect(keyText(key('Up'), true)).toBe('\x1bOA');
  });

  test('sends characters as they are', () => {
    expect(BAR_KEYS.filter(({ arrow }) => arrow === undefined).map((one) => keyText(one, true))).toEqual([
      '\x1b',
      '\t',
      '|',
      '~',
      '/',
      '-',
    ]);
  });

  test.each([
    ['c', '\x03'],
    ['C', '\x03'],
    ['[', '\x1b'],
    [' ', '\0'],
    ['?', '\x7f'],
    ['1', '1'],
    ['\x1b[A', '\x1b[A'],
  ])('Ctrl makes %j of it', (text, controlled) => {
    expect(withControl(text)).toBe(controlled);
  });
});
