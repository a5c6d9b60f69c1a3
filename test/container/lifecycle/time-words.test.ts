import { describe, expect, test } from 'vitest';
import { parseDuration, parseMoment } from '../../../src/container/lifecycle/time-words.ts';
import { formatTime, parseTime } from '../../../src/util/time.ts';

const NOW = parseTime('2024-01-02T03:04:05.5Z')!;

describe('a time', () => {
  test.each([
    ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05.000000000Z'],
    ['2024-01-02T03:04:05.123456789Z', '2024-01-02T03:04:05.123456789Z'],
    ['2024-01-02T03:04:05.1+02:00', '2024-01-02T01:04:05.100000000Z'],
    ['2024-01-02T03:04Z', '2024-01-02T03:04:00.000000000Z'],
    ['1704164645', '2024-01-02T03:04:05.000000000Z'],
    ['1704164645.25', '2024-01-02T03:04:05.250000000Z'],
    ['0', '1970-01-01T00:00:00.000000000Z'],
    ['10m', '2024-01-02T02:54:05.500000000Z'],
    ['1h30m5s', '2024-01-02T01:34:00.500000000Z'],
    ['1.5s', '2024-01-02T03:04:04.000000000Z'],
    ['500ms', '2024-01-02T03:04:05.000000000Z'],
    ['-1m', '2024-01-02T03:05:05.500000000Z'],
  ])('%s is %s', (text, expected) => {
    expect(formatTime(parseMoment(text, '--since', NOW))).toBe(expected);
  });

  test.each(['2024-01-02T03:04:05', '2024-01-02T03:04', '2024-01-02T03', '2024-01-02'])(
    '%s is in the zone of the host',
    (text) => {
      const local = new Date(2024, 0, 2, ...[3, 4, 5].slice(0, text.split(/[T:]/).length - 1));

      expect(parseMoment(text, '--since', NOW)).toBe(BigInt(local.getTime()) * 1_000_000n);
    },
  );

  test.each(['yesterday', '', '10x', '2024-13-01', '1m30', '2024-01-02T25:00:00Z'])('%j is none', (text) => {
    expect(() => parseMoment(text, '--since', NOW)).toThrow(/is no time for --since/);
  });

  test('before the epoch is written as well', () => {
    expect([formatTime(-1n), parseTime('0001-01-01T00:00:00Z')! < 0n]).toEqual([
      '1969-12-31T23:59:59.999999999Z',
      true,
    ]);
  });
});

test.each([
  ['0', 0n],
  ['2h', 7_200_000_000_000n],
  ['-1.5h', -5_400_000_000_000n],
  ['3us', 3000n],
  ['3µs2ns', 3002n],
  ['1', undefined],
  ['s', undefined],
])('the duration %s has %s nanoseconds', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});
