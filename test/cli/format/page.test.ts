import { expect, test } from 'vitest';
import { formatPage } from '../../../src/cli/format/page.ts';

const PAGE = { Version: '1.0', Store: { Folder: '/s', Size: 3 }, Features: ['a', 'b'], Shared: true };

test('a page is lines of names and values, what is nested further in', () => {
  expect(formatPage(PAGE, undefined)).toBe(
    'Version: 1.0\nStore:\n Folder: /s\n Size: 3\nFeatures: a, b\nShared: true\n',
  );
});

test('a page is JSON or what a template says', () => {
  expect(JSON.parse(formatPage(PAGE, 'json'))).toEqual(PAGE);
  expect(formatPage(PAGE, '{{.Version}} {{.Store.Size}}')).toBe('1.0 3\n');
});

test('a field that is not there is told with those that are', () => {
  expect(() => formatPage(PAGE, '{{.Nothing}}')).toThrow(/there is no field .Nothing; there is .Version, .Store/);
});
