/** Each of our labs on the built site, worked through from its first step to the page that says that it is finished. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

const POLL = { timeout: 60_000, interval: 100 };
const LABS = readdirSync(fileURLToPath(new URL('../../labs', import.meta.url)));
let browser: Browser;
let site: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
  site = await serveFolder(SITE);
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

const action = (page: Page, name: string) => page.locator(`[data-action=${name}]:visible`).first();

async function passedOf(page: Page): Promise<{ passed: number; steps: number }> {
  const [passed, steps] = (await page.locator('.passed-count').innerText()).match(/\d+/g)!.map(Number);
  return { passed: passed!, steps: steps! };
}

test.each(LABS)('the lab %s', async (name) => {
  const page = await browser.open(`${site.url}lab.html?lab=labs/${name}`);
  await expect.poll(() => action(page, 'check').getAttribute('aria-disabled'), POLL).toBe('false');
  const { passed, steps } = await passedOf(page);
  expect(passed).toBe(0);
  expect(steps).toBeGreaterThan(4);
  // Its parts scroll; the page as a whole would take the heading away.
  expect(await page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);

  await action(page, 'check').click();
  await page.locator('li.step.current .feedback').waitFor({ timeout: POLL.timeout });
  expect((await passedOf(page)).passed).toBe(0);
  for (let done = 1; done <= steps; done++) {
    await action(page, 'solution').click();
    await action(page, 'run-solution').click();
    await expect.poll(() => passedOf(page), POLL).toEqual({ passed: done, steps });
    if (done < steps) await action(page, 'next').click();
  }
  await page.getByRole('heading', { name: 'You have finished this lab' }).waitFor();
  await page.close();
});
