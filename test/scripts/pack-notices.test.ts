/** The licences of the npm packages inside ours, of those that are installed here. */
import { expect, test } from 'vitest';
import { npmNotices } from '../../scripts/lib/pack-notices.mjs';

const NAMES = [
  'yaml',
  '@codemirror/view',
  '@xterm/xterm',
  'lit',
  'mrmime',
  'punycode.js',
  '@polka/url',
  'sirv',
  'uc.micro',
];

test('each package, and the one in the core, has the whole text of its licence', () => {
  const notices = npmNotices(NAMES);

  expect(notices).toHaveLength(NAMES.length + 1);
  const without = notices.filter((notice) => !/WITHOUT WARRANT|"AS IS"/i.test(notice) || !/copyright/i.test(notice));
  expect(without).toEqual([]);
  expect(notices.filter((notice) => /sirv 3/.test(notice))).toEqual([expect.stringMatching(/Luke Edwards/)]);
  expect(notices.filter((notice) => /assemblyscript 0/.test(notice))).toEqual([
    expect.stringMatching(/Apache License/),
  ]);
});

test('a package without the text of its licence stops packing', () => {
  expect(() => npmNotices(['puppeteer-core'])).toThrow(
    /puppeteer-core comes without the text of its licence: say in .*pack-notices/,
  );
});
