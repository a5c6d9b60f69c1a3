/** The embed page in an iframe of another origin's page, which is not isolated. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { serveContents, serveLab } from '../support/served-pages.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';
import { TINY_LAB } from '../support/tiny-lab.ts';

const EMPTY = mkdtempSync(join(tmpdir(), 'vivarium-course-'));
const POLL = { timeout: 30_000, interval: 100 };
interface Message {
  readonly type: string;
  readonly id?: unknown;
  readonly [field: string]: unknown;
}
let browser: Browser;
let site: StaticServer;
let course: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  rmSync(EMPTY, { recursive: true });
});
beforeEach(async () => {
  site = await serveFolder(SITE);
  course = await serveFolder(EMPTY);
  serveLab(site, 'tiny', TINY_LAB);
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
  await site.close();
  await course.close();
});

/** A course page with the embed page in it; it collects what that says. */
async function embed(query: string): Promise<Page> {
  const html = `<!doctype html><html lang="en"><title>Course</title><h1>Course</h1>
<script>window.heard = []; addEventListener('message', (event) => heard.push(event.data));</script>
<iframe title="Lab" src="${site.url}embed.html?${query}" width="800" height="500"></iframe></html>`;
  serveContents(course, new Map([['/course.html', html]]));
  return browser.open(`${course.url}course.html`);
}

const heard = (page: Page): Promise<Message[]> =>
  page.evaluate(() => (window as unknown as { heard: Message[] }).heard);

async function ready(page: Page): Promise<void> {
  await expect.poll(async () => (await heard(page)).map(({ type }) => type), POLL).toContain('vivarium:ready');
}

function say(page: Page, message: object): Promise<void> {
  return page.evaluate((data) => document.querySelector('iframe')!.contentWindow!.postMessage(data, '*'), message);
}

async function answer(page: Page, message: Message): Promise<Message> {
  await say(page, message);
  await expect.poll(async () => (await heard(page)).some(({ id }) => id === message.id), POLL).toBe(true);
  return (await heard(page)).find(({ id }) => id === message.id)!;
}

const own = (): string => `origin=${new URL(course.url).origin}`;

describe('the embed page', () => {
  test('answers the page around it: runs, checks, resets, tells progress', async () => {
    const page = await embed(`lab=labs/tiny&${own()}`);
    await ready(page);

    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect((await heard(page)).find(({ type }) => type === 'vivarium:ready')).toEqual({
      type: 'vivarium:ready',
      version: 1,
      kind: 'lab',
    });
    await expect
      .poll(() => answer(page, { type: 'vivarium:check', id: Math.random() }), POLL)
      .toMatchObject({ type: 'vivarium:result', result: false });
    const run = { type: 'vivarium:run', id: 'r', args: ['sh', '-c', 'cat > /root/hello; echo ok'], input: 'x' };
    expect(await answer(page, run)).toEqual({
      type: 'vivarium:result',
      id: 'r',
      result: { exitCode: 0, stdout: 'ok\n', stderr: '', timedOut: false },
    });
    expect(await answer(page, { type: 'vivarium:check', id: 2 })).toMatchObject({ result: true });
    expect(await answer(page, { type: 'vivarium:progress', id: 3 })).toEqual({
      type: 'vivarium:result',
      id: 3,
      result: { passed: 1, total: 3, step: 'greet', isComplete: false },
    });
    expect(await heard(page)).toContainEqual({
      type: 'vivarium:progress',
      passed: 1,
      total: 3,
      step: 'greet',
      isComplete: false,
    });
    expect(await answer(page, { type: 'vivarium:reset', id: 4 })).toMatchObject({ result: null });
    expect(await answer(page, { type: 'vivarium:progress', id: 5 })).toMatchObject({ result: { passed: 0 } });
    expect(await heard(page)).toContainEqual({ type: 'vivarium:resize', height: expect.any(Number) });
  });

  test('answers what it does not know, or what is wrong, with a sentence', async () => {
    const page = await embed(`image=busybox&${own()}`);
    await ready(page);

    expect(await answer(page, { type: 'vivarium:explode', id: 1 })).toEqual({
      type: 'vivarium:error',
      id: 1,
      code: 'USAGE',
      message: 'there is no message "vivarium:explode" in version 1 of this interface',
    });
    expect(await answer(page, { type: 'vivarium:check', id: 2 })).toMatchObject({
      code: 'USAGE',
      message: 'this page shows a machine without a lab; name a lab by ?lab= in its address',
    });
    expect(await answer(page, { type: 'vivarium:run', id: 3, args: ['no-such-program'] })).toMatchObject({
      type: 'vivarium:error',
      message: expect.stringContaining('no-such-program'),
    });
  });

  test('starts at the step of its address', async () => {
    const page = await embed(`lab=labs/tiny&step=think&${own()}`);
    await ready(page);
    await expect
      .poll(() => answer(page, { type: 'vivarium:progress', id: Math.random() }), POLL)
      .toMatchObject({ result: { step: 'think' } });
  });

  test.each([
    ['that the address does not name', ''],
    ['other than the address names', 'origin=https://course.example'],
  ])('says nothing to a page of an origin %s', async (_, query) => {
    const page = await embed(`image=busybox&${query}`);
    await page.frameLocator('iframe').locator('viv-terminal textarea').waitFor({ state: 'attached' });
    await say(page, { type: 'vivarium:run', id: 1, args: ['true'] });
    await say(page, { type: 'vivarium:nonsense', id: 2 });
    await page.waitForTimeout(1000);

    expect(await heard(page)).toEqual([]);
  });

  test('tells the page around it when there is no such lab', async () => {
    const page = await embed(`lab=labs/none&${own()}`);
    await expect
      .poll(() => heard(page), POLL)
      .toContainEqual(
        expect.objectContaining({ type: 'vivarium:error', id: null, message: expect.stringContaining('labs/none') }),
      );
  });
});
