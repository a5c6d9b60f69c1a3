/** axe-core finds nothing serious in the site's pages, in either colour scheme; what it can't see, the other tests look at. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { serveLab, terminalText } from '../support/served-pages.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';
import { TINY_LAB } from '../support/tiny-lab.ts';

const POLL = { timeout: 30_000, interval: 100 };
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let site: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
beforeEach(async () => {
  // Another origin each time, for what a student has passed is kept.
  site = await serveFolder(SITE);
  serveLab(site, 'tiny', { ...TINY_LAB, 'lab.yaml': `${TINY_LAB['lab.yaml']!}panels: [files, cpu]\n` });
});
afterEach(() => site.close());

/** Faults that shut people out, each with where it is. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} ${String(target)}: ${failureSummary}`),
      );
  });
}

const prompt = (page: Page) => expect.poll(() => terminalText(page).catch(() => ''), POLL).toMatch(/[#$] ?$/);

describe.each(['light', 'dark'] as const)('in the %s colour scheme', (colorScheme) => {
  async function open(path: string): Promise<Page> {
    const page = await browser.open('about:blank');
    await page.emulateMedia({ colorScheme });
    await page.goto(`${site.url}${path}`);
    return page;
  }

  test('the first page has no serious fault', async () => {
    const page = await open('');
    expect(await faults(page)).toEqual([]);
    await page.close();
  });

  test('a lab has none, with all that it can show', async () => {
    const page = await open('lab.html?lab=labs/tiny');
    await prompt(page);
    const button = (name: string) => page.locator(`[data-action=${name}]:visible`).first();
    await button('hint').click();
    await button('check').click();
    await page.locator('.feedback').waitFor();
    expect(await faults(page)).toEqual([]);

    await button('solution').click();
    await button('run-solution').click();
    await page.locator('.passed-line').waitFor();
    await page.getByRole('tab', { name: 'Files' }).click();
    await page.getByRole('treeitem', { name: 'notes.txt' }).click();
    await page.locator('.cm-content').waitFor();
    expect(await faults(page)).toEqual([]);

    await page.getByRole('tab', { name: 'CPU' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    expect(await faults(page)).toEqual([]);

    await button('reset-lab').click();
    expect(await faults(page)).toEqual([]);
    await page.close();
  });

  test('an embedded machine has none, nor has what it says when it fails', async () => {
    const page = await open('embed.html?image=busybox');
    await prompt(page);
    expect(await faults(page)).toEqual([]);
    await page.goto(`${site.url}embed.html?image=none`);
    await page.getByRole('alert').waitFor();
    expect(await faults(page)).toEqual([]);
    await page.close();
  });
});

test('a terminal in screen-reader mode has its text as text', async () => {
  const page = await browser.open(`${site.url}embed.html?image=busybox`);
  await prompt(page);
  await page.locator('viv-machine').evaluate((machine) => machine.setAttribute('screen-reader', ''));
  await page.locator('viv-terminal textarea').focus();
  await page.keyboard.type('echo for-$((40 + 2))-ears\n');

  await expect
    .poll(() => page.locator('viv-terminal .xterm-accessibility').allInnerTexts(), POLL)
    .toEqual([expect.stringContaining('for-42-ears')]);
  await page.close();
});
