/** The first page, the documents and the benchmark page of the built site in Chromium. Needs the build. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';
import type { Page } from 'playwright-core';

const POLL = { timeout: 60_000, interval: 100 };
let browser: Browser;
let server: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
  server = await serveFolder(SITE, { isolated: true });
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

function terminalText(page: Page): Promise<string> {
  return page
    .locator('viv-terminal')
    .first()
    .evaluate((terminal) => (terminal as unknown as { text: string }).text);
}

describe('the first page', () => {
  test('starts its machine by itself, and answers what is typed and what its buttons type', async () => {
    const page = await browser.open(server.url);
    await expect.poll(() => page.locator('viv-terminal').count(), POLL).toBe(1);
    await expect.poll(() => terminalText(page), POLL).toContain('root@vivarium:');

    await page.locator('viv-terminal textarea').focus();
    await page.keyboard.type('echo $((6 * 7))\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\n42\n');
    await page.getByRole('button', { name: 'uname -a' }).click();

    await expect.poll(() => terminalText(page), POLL).toContain('Linux vivarium');
  });

  test('asks no other origin for anything', async () => {
    const page = await browser.context.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(server.url);
    await expect.poll(() => page.locator('viv-terminal').count(), POLL).toBe(1);

    const others = asked.filter((url) => !url.startsWith(server.url) && !/^(blob|data):/.test(url));

    expect(asked.length).toBeGreaterThan(5);
    expect(others).toEqual([]);
  });

  test('leads to pages that are there', async () => {
    const page = await browser.open(server.url);
    const links = await page.locator('a').evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
    expect(links.length).toBeGreaterThanOrEqual(9);

    for (const link of links) {
      await page.goto(link);
      await expect.poll(() => page.getByRole('heading').first().textContent(), POLL).not.toBe('');
      expect([link, await page.getByRole('alert').allTextContents()]).toEqual([link, []]);
      expect([link, await page.getByText('There is no document').count()]).toEqual([link, 0]);
    }
  });
});

test('the benchmark page shows a chart, and a row with the right result for each program', async () => {
  const page = await browser.open(`${server.url}bench.html?quick`);

  await page.getByRole('button', { name: 'Measure' }).click();

  await expect.poll(() => page.getByRole('button', { name: 'Measure again' }).count(), POLL).toBe(1);
  expect(await page.locator('.figures tbody th').allTextContents()).toEqual([
    expect.stringContaining('crc32'),
    expect.stringContaining('sort'),
    expect.stringContaining('gzip'),
  ]);
  expect(await page.locator('.figures td:last-child').allTextContents()).toEqual(['✓ right', '✓ right', '✓ right']);
  const medians = (await page.locator('.figures td:nth-child(2)').allTextContents()).map(Number);
  expect(medians.filter((median) => median > 0)).toHaveLength(3);
  const isDrawn = await page
    .locator('.chart canvas')
    .evaluate((canvas) =>
      new Uint8Array(
        (canvas as HTMLCanvasElement)
          .getContext('2d')!
          .getImageData(0, 0, (canvas as HTMLCanvasElement).width, (canvas as HTMLCanvasElement).height).data,
      ).some((byte) => byte !== 0),
    );
  expect(isDrawn).toBe(true);
});
