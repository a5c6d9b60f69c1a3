/** Placeholders: what they match, what they do not, and that they keep what they met. */
import { expect, test } from 'vitest';
import { type Bindings, matches } from '../support/session/pattern.ts';

const ID = 'ab12'.repeat(16);
const OTHER = 'cd34'.repeat(16);

function bound(values: Record<string, string> = {}): Bindings {
  return new Map(Object.entries(values));
}

test.each([
  ['<id>', ID],
  ['<short> x', 'ab12ab12ab12 x'],
  ['<digest>', `sha256:${ID}`],
  ['at <time>', 'at 2024-01-02T03:04:05.678901234Z'],
  ['<time>', '2024-01-02T03:04:05+01:00'],
  ['<gotime>', '2024-01-02 03:04:05 +0000 UTC'],
  ['Up <duration>', 'Up Less than a second'],
  ['Exited (0) <duration> ago', 'Exited (0) 2 minutes ago'],
  ['<duration>', 'About an hour'],
  ['<size> / 64MiB', '452KiB / 64MiB'],
  ['<size>', '0B'],
  ['<percent>', '0.00%'],
  ['<name>', 'happy_turing'],
  ['a.b*c [x] (y) $ ^ | \\', 'a.b*c [x] (y) $ ^ | \\'],
  ['<none> <missing>', '<none> <missing>'],
])('%j matches %j', (expected, actual) => {
  expect(matches(expected, actual, bound())).toBe(true);
});

test.each([
  ['text', 'Text'],
  ['text', 'text '],
  ['text', 'more text'],
  ['a  b', 'a   b'],
  ['a.c', 'abc'],
  ['<id>', ID.slice(1)],
  ['<id>', `${ID}0`],
  ['<short>', ID],
  ['<digest>', ID],
  ['<time>', '2024-01-02 03:04:05'],
  ['Up <duration>', 'Up 2'],
  ['<size>', '12'],
  ['<percent>', '1%'],
  ['<name>', 'happy'],
  ['<none>', 'none'],
])('%j does not match %j', (expected, actual) => {
  expect(matches(expected, actual, bound())).toBe(false);
});

test('what met a name must be the same from then on', () => {
  const bindings = bound();

  expect(matches('<id:web>', ID, bindings)).toBe(true);
  expect(matches('<id:web>', OTHER, bindings)).toBe(false);
  expect(matches('<id:db> is not <id:web>', `${OTHER} is not ${ID}`, bindings)).toBe(true);
  expect(matches('<short:web> <digest:db>', `${ID.slice(0, 12)} sha256:${OTHER}`, bindings)).toBe(true);
  expect(matches('<short:web>', OTHER.slice(0, 12), bindings)).toBe(false);
});

test('an ID may be met by its first digits first', () => {
  const bindings = bound();

  expect(matches('<short:web>', ID.slice(0, 12), bindings)).toBe(true);
  expect(matches('<id:web>', OTHER, bindings)).toBe(false);
  expect(matches('<id:web>', ID, bindings)).toBe(true);
  expect(bindings.get('web')).toBe(ID);
});

test('one name twice in a line is one value', () => {
  expect(matches('<id:a> <id:a>', `${ID} ${OTHER}`, bound())).toBe(false);
  expect(matches('<id:a> <id:a>', `${ID} ${ID}`, bound())).toBe(true);
});

test('a line that does not match binds nothing', () => {
  const bindings = bound();

  expect(matches('<id:a> end', `${ID} END`, bindings)).toBe(false);
  expect(matches('<id:a> <id:a>', `${ID} ${OTHER}`, bindings)).toBe(false);
  expect(bindings.size).toBe(0);
});

test('a name that is known beforehand stands for its value', () => {
  const bindings = bound({ registry: '127.0.0.1:5000' });

  expect(matches('<registry>/tool', '127.0.0.1:5000/tool', bindings)).toBe(true);
  expect(matches('<registry>/tool', '127.0.0.1x5000/tool', bindings)).toBe(false);
  expect(matches('<unknown>/tool', '127.0.0.1:5000/tool', bindings)).toBe(false);
});

test('elastic columns may move, single spaces may not', () => {
  expect(matches('a  b c', 'a     b c', bound(), { elastic: true })).toBe(true);
  expect(matches('a  b c', 'a b c', bound(), { elastic: true })).toBe(false);
  expect(matches('a  b c', 'a  b  c', bound(), { elastic: true })).toBe(false);
});

test('a fragment is found anywhere, in any case and over lines', () => {
  expect(matches('no such thing', 'Error: No such\n  thing here', bound(), { fragment: true })).toBe(true);
  expect(matches('no such thing', 'Error: no such', bound(), { fragment: true })).toBe(false);
  expect(matches('<id:a>', `of ${OTHER}.`, bound({ a: ID }), { fragment: true })).toBe(false);
});
