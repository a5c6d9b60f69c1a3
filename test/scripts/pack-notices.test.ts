/** The licences of the npm packages inside ours, of those that are installed here. */
import { expect, test } from 'vitest';
import { npmNotices } from '../../scripts/lib/pack-notices.mjs';

test('each package has the whole text of its licence', () => {
  const notices = npmNotices();

  expect(notices.length).toBeGreaterThan(10);
  const without = notices.filter((notice) => !/WITHOUT WARRANT|"AS IS"/i.test(notice) || !/copyright/i.test(notice));
  expect(without).toEqual([]);
  expect(notices.filter((notice) => /sirv 3/.test(notice))).toEqual([expect.stringMatching(/Luke Edwards/)]);
});
