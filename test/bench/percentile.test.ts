import { expect, test } from 'vitest';
import { percentile } from '../../bench/support/percentile.ts';

test('a percentile is the nearest rank: one of the values', () => {
  const values = Array.from({ length: 20 }, (_, n) => 20 - n);
  expect([percentile(values, 95), percentile(values, 50), percentile(values, 100)]).toEqual([19, 10, 20]);
});

test('of one value, each percentile is that value', () => {
  expect(percentile([7], 95)).toBe(7);
});
