/** <viv-lab> on its page, with a real machine: a student's way through a small lab. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PHONE, startChromium, type Browser } from '../support/chromium.ts';
import { serveContents, serveLab, terminalText } from '../support/served-pages.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';
import { TINY_LAB } from '../support/tiny-lab.ts';

const POLL = { timeout: 30_000, interval: 100 };
let browser: Browser;
let site: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
beforeEach(async () => {
  site = await serveFolder(SITE);
  serveLab(site, 'tiny', TINY_LAB);
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
  await site.close();
});

const open = (hash = ''): Promise<Page> => browser.open(`${site.url}lab.html?lab=labs/tiny${hash}`);
const action = (page: Page, name: string) => page.locator(`[data-action=${name}]:visible`).first();
const announced = (page: Page) => page.locator('viv-lab [aria-live=polite]').first().innerText();
const step = (page: Page, title: string) => page.locator('li.step', { hasText: title });
const passedCount = (page: Page) => page.locator('.passed-count').innerText();

async function ready(page: Page): Promise<void> {
  await expect.poll(() => terminalText(page).catch(() => ''), POLL).toMatch(/[#$] ?$/);
  await expect.poll(() => action(page, 'check').getAttribute('aria-disabled'), POLL).toBe('false');
}

describe('a lab', () => {
  test('is worked through: a check fails, a hint and the solution help, what is passed stays', async () => {
    const page = await open();
    await ready(page);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('A tiny lab');
    expect(page.url()).toContain('#step=greet');

    await action(page, 'check').click();
    await expect.poll(() => announced(page), POLL).toBe('Not yet. There is no file /root/hello.');
    expect(await step(page, 'Make a file').locator('.feedback').innerText()).toContain('There is no file /root/hello.');
    expect(await passedCount(page)).toContain('0 of 3');

    await action(page, 'hint').click();
    expect(await page.getByRole('region', { name: 'Hint 1' }).locator('strong').innerText()).toBe('touch');
    await action(page, 'solution').click();
    await action(page, 'run-solution').click();
    await expect.poll(() => passedCount(page), POLL).toContain('1 of 3');
    expect(await announced(page)).toBe('Step passed: Make a file.');
    expect(await step(page, 'Make a file').locator('.status').innerText()).toBe('passed');

    await action(page, 'next').click();
    await action(page, 'confirm').click();
    await expect.poll(() => passedCount(page), POLL).toContain('2 of 3');
    await page.reload();
    await expect.poll(() => passedCount(page), POLL).toContain('2 of 3');
    expect(page.url()).toContain('#step=think');
  });

  test('checks by itself while the student works in the terminal, and ends with a page that says so', async () => {
    const page = await open();
    await ready(page);
    await page.locator('viv-terminal textarea').focus();

    await page.keyboard.type('touch hello\n');
    await expect.poll(() => announced(page), POLL).toBe('Step passed: Make a file.');
    await page.getByRole('button', { name: 'Next step' }).click();
    await action(page, 'confirm').click();
    await action(page, 'next').click();
    await page.locator('viv-terminal textarea').focus();
    await page.keyboard.type('rm hello\n');

    await expect.poll(() => passedCount(page), POLL).toContain('3 of 3');
    expect(await page.getByRole('heading', { name: 'You have finished this lab' }).isVisible()).toBe(true);
    expect(await announced(page)).toBe('You have passed every step of this lab.');
  });

  test('shows Markdown as text, runs code in the terminal, and follows links to steps', async () => {
    const page = await open();
    await ready(page);

    expect(await page.locator('.text b').count()).toBe(0);
    expect(await page.locator('.text').first().innerText()).toContain('<b>this</b>');
    await page.getByRole('button', { name: /^Run in the terminal/ }).click();
    await expect.poll(() => terminalText(page), POLL).toContain('\nclicked-42');
    await page.getByRole('link', { name: 'the last step' }).click();
    await expect.poll(() => page.url(), POLL).toContain('#step=');
    expect(await step(page, 'Remove it').locator('.note').innerText()).toBe(
      'This step opens when you have passed “Make a file” and “Think about it”.',
    );
  });

  test('goes to the step that the address names', async () => {
    const page = await open('#step=think');
    await expect
      .poll(() => page.locator('li.step.current .title').allInnerTexts(), POLL)
      .toEqual([expect.stringContaining('Think about it')]);
  });

  test('brings a step and the lab back', async () => {
    const page = await open();
    await ready(page);
    await page.locator('viv-terminal textarea').focus();
    await page.keyboard.type('rm notes.txt; echo lost > more; echo done\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\ndone');

    await action(page, 'reset').click();
    await expect.poll(() => announced(page), POLL).toBe('The step is as it was when you came to it.');
    await page.locator('viv-terminal textarea').focus();
    await page.keyboard.type('\necho $(ls); touch hello\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\nnotes.txt\n');
    await expect.poll(() => passedCount(page), POLL).toContain('1 of 3');

    await action(page, 'reset-lab').click();
    await page.getByRole('button', { name: 'Keep everything' }).click();
    expect(await passedCount(page)).toContain('1 of 3');
    await action(page, 'reset-lab').click();
    await action(page, 'reset-lab-yes').click();
    await expect.poll(() => passedCount(page), POLL).toContain('0 of 3');
    await ready(page);
    await page.locator('viv-terminal textarea').focus();
    await page.keyboard.type('clear; ls /root\n');
    await expect.poll(() => terminalText(page), POLL).toMatch(/notes\.txt/);
  });

  test('gives progress away as a file and takes it from one, but no other file', async () => {
    const page = await open();
    await ready(page);
    await action(page, 'solution').click();
    await action(page, 'run-solution').click();
    await expect.poll(() => passedCount(page), POLL).toContain('1 of 3');

    const [file] = await Promise.all([page.waitForEvent('download'), action(page, 'export').click()]);
    await action(page, 'reset-lab').click();
    await action(page, 'reset-lab-yes').click();
    await expect.poll(() => passedCount(page), POLL).toContain('0 of 3');
    const upload = page.locator('input[type=file]');
    await upload.setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"a":1}') });
    await expect
      .poll(() => page.locator('.message').allInnerTexts(), POLL)
      .toEqual([expect.stringContaining("This is no file of a lab's progress")]);
    await upload.setInputFiles(await file.path());

    await expect.poll(() => passedCount(page), POLL).toContain('1 of 3');
    expect(JSON.parse(await readFile(await file.path(), 'utf8'))).toMatchObject({ format: 'vivarium-lab-progress' });
    expect(file.suggestedFilename()).toBe('tiny-progress.json');
  });
});

describe('a lab that is not as it should be', () => {
  const problem = (page: Page) => page.getByRole('alert').first().innerText();

  test('tells its mistakes with their lines', async () => {
    serveLab(site, 'bad', { ...TINY_LAB, 'lab.yaml': TINY_LAB['lab.yaml']!.replace('summary:', 'sumary:') });
    const page = await browser.open(`${site.url}lab.html?lab=labs/bad`);
    await expect.poll(() => problem(page), POLL).toMatch(/lab\.yaml:4.*"sumary".*"summary"/);
  });

  test.each([
    ['?lab=labs/none', /labs\/none\/lab\.json/],
    ['', /does not say which lab/],
    ['?lab=https://elsewhere.example/lab', /is not of this site/],
    ['?lab=//elsewhere.example/lab', /is not of this site/],
  ])('lab.html%s says what is wrong', async (query, sentence) => {
    const page = await browser.open(`${site.url}lab.html${query}`);
    await expect.poll(() => problem(page), POLL).toMatch(sentence);
  });

  test('is not taken when a file is not what it was built with', async () => {
    serveContents(site, new Map([['/labs/tiny/greet.md', 'Other words.']]));
    const page = await open();
    await expect.poll(() => problem(page), POLL).toContain('is not what the lab was built with');
  });
});

test('on a phone, text and machine take turns, and code that is run shows the machine', async () => {
  const phone = await startChromium(PHONE);
  try {
    const page = await phone.open(`${site.url}lab.html?lab=labs/tiny`);
    await expect.poll(() => action(page, 'check').getAttribute('aria-disabled'), POLL).toBe('false');
    expect(await page.locator('.work').isVisible()).toBe(false);

    await page.getByRole('button', { name: /^Run in the terminal/ }).tap();
    await expect.poll(() => terminalText(page).catch(() => ''), POLL).toContain('\nclicked-42');
    expect(await page.locator('.reading').isVisible()).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  } finally {
    await phone.close();
  }
});
