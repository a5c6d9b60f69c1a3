import { describe, expect, it } from 'vitest';
import { parseMemorySize, parseSize } from '../../src/cli/sizes.ts';

describe('sizes', () => {
  it('have units of 1024', () => {
    expect([
      parseSize('16k', 'x'),
      parseSize('512M', 'x'),
      parseSize('2G', 'x'),
      parseSize('1.5GiB', 'x'),
      parseSize('77', 'x'),
    ]).toEqual([16384, 536870912, 2147483648, 1610612736, 77]);
  });

  it('are refused when they are none', () => {
    expect(() => parseSize('lots', 'the memory size')).toThrow(
      'the memory size "lots" is no size; write one like 512M or 2G',
    );
    expect(() => parseSize('-5M', 'the memory size')).toThrow('is no size');
    expect(() => parseSize('', 'the memory size')).toThrow('is no size');
  });

  it('of memory are whole pages', () => {
    expect(parseMemorySize('16777217')).toBe(16777216);
  });
});
