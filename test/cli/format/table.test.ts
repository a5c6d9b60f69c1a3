import { describe, expect, test } from 'vitest';
import { goTime, humanDuration, humanSize, since } from '../../../src/cli/format/human.ts';
import { formatList, type ListFormat } from '../../../src/cli/format/table.ts';

const FORMAT: ListFormat<[string, number]> = {
  headings: { Name: 'NAME', Size: 'SIZE' },
  defaultTemplate: '{{.Name}}\t{{.Size}}',
  quietTemplate: '{{.Name}}',
  fields: ([Name, Size]) => ({ Name, Size }),
};
const ITEMS: Array<[string, number]> = [
  ['a', 1],
  ['a long name', 22],
];

describe('a list', () => {
  test('is a table with columns of ten or more', () => {
    expect(formatList(ITEMS, FORMAT)).toBe('NAME          SIZE\na             1\na long name   22\n');
    expect(formatList([], FORMAT)).toBe('NAME      SIZE\n');
  });

  test('has columns of choice', () => {
    expect(formatList(ITEMS, FORMAT, { template: 'table {{.Size}}\\t{{.Name}}' })).toBe(
      'SIZE      NAME\n1         a\n22        a long name\n',
    );
    expect(formatList(ITEMS, FORMAT, { template: '{{.Size}}\\t{{.Name}}' })).toBe('1\ta\n22\ta long name\n');
  });

  test('is JSON, an object a line, with its keys in order', () => {
    const format = { ...FORMAT, fields: ([Name, Size]: [string, number]) => ({ Size, Name }) };
    expect(formatList(ITEMS, format, { template: 'json' })).toBe(
      '{"Name":"a","Size":1}\n{"Name":"a long name","Size":22}\n',
    );
  });

  test('is quiet unless a template says what to show', () => {
    expect(formatList(ITEMS, FORMAT, { quiet: true })).toBe('a\na long name\n');
    expect(formatList(ITEMS, FORMAT, { quiet: true, template: '{{.Size}}' })).toBe('1\n22\n');
  });
});

test.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [7_812_345, '7.812MB'],
  [123_456_789_012, '123.5GB'],
])('%i bytes are %s', (bytes, text) => {
  expect(humanSize(bytes)).toBe(text);
});

const S = 1000;
const H = 3600 * S;
test.each([
  [10, 'Less than a second'],
  [S, '1 second'],
  [59 * S, '59 seconds'],
  [90 * S, 'About a minute'],
  [59 * 60 * S, '59 minutes'],
  [H, 'About an hour'],
  [47 * H, '47 hours'],
  [13 * 24 * H, '13 days'],
  [15 * 24 * H, '2 weeks'],
  [61 * 24 * H, '2 months'],
  [800 * 24 * H, '2 years'],
])('%i ms are %s', (milliseconds, text) => {
  expect(humanDuration(milliseconds)).toBe(text);
});

test('a time is shown as Go shows it, and when it is not known as N/A', () => {
  expect(goTime('2024-01-02T03:04:05.678Z')).toBe('2024-01-02 03:04:05 +0000 UTC');
  expect([goTime(undefined), since(undefined, 0), since('soon', 0)]).toEqual(['N/A', 'N/A', 'N/A']);
  expect(since('2024-01-02T00:00:00Z', Date.parse('2024-01-02T03:00:00Z'))).toBe('3 hours ago');
});
