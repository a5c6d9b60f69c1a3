/** The site's service worker: a visit without a network, headers where the host has none, and one version at a time. */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finishSite } from '../../src/sandbox/node-site.ts';
import { startChromium, type Browser } from '../support/chromium.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

let site: string;
let browser: Browser;
let server: StaticServer;
beforeEach(async () => {
  site = mkdtempSync(join(tmpdir(), 'vivarium-offline-'));
  cpSync(SITE, site, { recursive: true });
  browser = await startChromium();
  server = await serveFolder(site);
});
afterEach(async () => {
  await browser.close();
  await server.close();
  rmSync(site, { recursive: true });
});

async function untilReady(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('viv-machine')?.state === 'running', undefined, {
    timeout: 60_000,
  });
}

/** What the system of the page's machine calls itself. */
function systemName(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const { stdout } = await document.querySelector('viv-machine')!.computer!.run({ args: ['uname', '-sm'] });
    return new TextDecoder().decode(stdout);
  });
}

async function untilKept(page: Page): Promise<void> {
  await page.waitForFunction(async () => {
    const { active } = await navigator.serviceWorker.ready;
    return active?.state === 'activated' && navigator.serviceWorker.controller !== null;
  });
}

test('a second visit needs no server, and runs a program', async () => {
  const page = await browser.open(server.url);
  await untilReady(page);
  await untilKept(page);
  // What was fetched is written down in the background.
  await page.waitForTimeout(2000);
  await server.close();

  await page.reload();
  await untilReady(page);

  expect(await systemName(page)).toBe('Linux x86_64\n');
});

test('a page of a host without headers is isolated once the worker is in place', async () => {
  const page = await browser.open(server.url);
  await untilKept(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);

  await page.reload();
  await untilReady(page);

  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
});

test('parts of a file that is kept are given from there', async () => {
  const page = await browser.open(server.url);
  await untilKept(page);

  const answer = await page.evaluate(async () => {
    const response = await fetch('assets.json', { headers: { range: 'bytes=2-7' } });
    return [response.status, response.headers.get('content-range'), await response.text()];
  });

  const whole = await (await fetch(`${server.url}assets.json`)).text();
  expect(answer).toEqual([206, `bytes 2-7/${whole.length}`, whole.slice(2, 8)]);
});

test('a site that is half replaced is not taken; the version before stays until it is whole', async () => {
  const page = await browser.open(server.url);
  await untilKept(page);
  const text = (): Promise<string> => page.evaluate(async () => (await fetch('index.html')).text());
  const before = await text();
  const update = (): Promise<void> =>
    page.evaluate(async () => {
      const registration = (await navigator.serviceWorker.getRegistration())!;
      await registration.update().catch(() => {});
      const coming = registration.installing ?? registration.waiting;
      if (coming === null) return;
      await new Promise<void>((resolve) => {
        const settled = (): void => {
          if (coming.state === 'installed' || coming.state === 'redundant') resolve();
        };
        coming.addEventListener('statechange', settled);
        settled();
      });
    });

  appendFileSync(join(site, 'index.html'), '<!-- new -->');
  await finishSite(site);
  appendFileSync(join(site, 'index.html'), '<!-- newer than the list -->');
  await update();
  expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.waiting)).toBeNull();
  expect(await text()).toBe(before);

  await finishSite(site);
  await update();
  expect(await text()).toBe(before);
  await page.goto('about:blank');
  const later = await browser.open(server.url);
  await page.close();
  await later.reload();
  expect(await later.evaluate(async () => (await fetch('index.html')).text())).toMatch(/new --><!-- newer/);
});
