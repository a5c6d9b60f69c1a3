import { expect, test } from 'vitest';
import { signalNumber } from '../../src/container/signals.ts';

test.each([
  ['SIGTERM', 15],
  ['term', 15],
  ['9', 9],
  [28, 28],
  ['SIGRTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['rtmax-1', 63],
])('signal %j is number %i', (signal, number) => {
  expect(signalNumber(signal)).toBe(number);
});

test.each(['', 'SIGNOTHING', '0', '65', '-1', 'SIGRTMIN-1', 'SIGRTMAX+1', 'constructor'])(
  'there is no signal %j',
  (signal) => {
    expect(() => signalNumber(signal)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);
