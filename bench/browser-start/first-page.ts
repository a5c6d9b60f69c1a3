/**
 * A page of the site in Chromium whose machine starts by itself: when its shell has answered a command, how long a key takes to its
 * echo, and what the page fetched to get there. Node only; not for the product.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { startChromium, type Browser } from '../../test/support/chromium.ts';
import type { StaticServer } from '../../test/support/static-server.ts';
import type { Page } from 'playwright-core';

/** A machine alone, with a terminal. */
const PAGE = 'embed.html?image=busybox';
const PROMPT = '[#$] ?$';
const COMMAND = 'echo $((6 * 7))';
const ANSWER = '\n42\n';
const TIMEOUT_MS = 60_000;
/** What the service worker writes down after the first load. */
const SETTLE_MS = 3000;
/** Between two keys, as a fast typist has. */
const KEY_PAUSE_MS = 80;
const KEYS = 'abcdefghijklmnopqrstuvwxyz';
/** Core, scripts, styles and the page itself; not the guest, nor what is described in JSON. */
const IS_PART = /^\/(guest\/core-.*|.*\.(js|css|html))$/;
const CORE = '/guest/core-';
/** Starts processes, reads and writes, and computes, as a compiler does; images have no compiler. */
const BUSY = '(while :; do gzip -c /bin/busybox | gunzip -c | md5sum; done) >/dev/null 2>&1 &';

/** In the page: what the terminal shows, and the time when the shell has answered. Text, as it is evaluated there. */
const WATCH = `
  globalThis.terminalText = () => {
    const find = (root) => {
      for (const element of root.querySelectorAll('*')) {
        if (element.localName === 'viv-terminal') return element;
        const found = element.shadowRoot && find(element.shadowRoot);
        if (found) return found;
      }
    };
    globalThis.theTerminal = find(document);
    return globalThis.theTerminal?.text ?? '';
  };
  addEventListener('DOMContentLoaded', () => {
    let typed = false;
    const look = () => {
      const text = terminalText();
      if (!typed && /${PROMPT}/.test(text)) {
        typed = true;
        theTerminal.type(${JSON.stringify(`${COMMAND}\r`)});
      }
      if (text.includes(${JSON.stringify(ANSWER)})) globalThis.answeredMs = performance.now();
      else requestAnimationFrame(look);
    };
    look();
  });`;

export interface FirstPage {
  readonly page: Page;
  /** From navigation to the answer. */
  readonly answeredMs: number;
}

/** Loads it and waits until its shell has answered. Rejects after a minute, with what the page shows. */
export async function loadFirstPage(browser: Browser, server: StaticServer): Promise<FirstPage> {
  const page = await browser.context.newPage();
  await page.addInitScript(WATCH);
  await page.goto(`${server.url}${PAGE}`, { waitUntil: 'commit' });
  await page
    .waitForFunction('globalThis.answeredMs', undefined, { timeout: TIMEOUT_MS, polling: 50 })
    .catch(async (cause: unknown) => {
      const text = await page.evaluate<string>('document.body.innerText + terminalText()');
      throw new Error(`the first page's shell has not answered; it shows: ${text}`, { cause });
    });
  return { page, answeredMs: await page.evaluate<number>('globalThis.answeredMs') };
}

/** Milliseconds from navigation to the shell's answer, of loads after one that fills the caches. */
export async function timeLoads(browser: Browser, server: StaticServer, count: number): Promise<number[]> {
  const first = await loadFirstPage(browser, server);
  await first.page.waitForTimeout(SETTLE_MS);
  await first.page.close();
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const { page, answeredMs } = await loadFirstPage(browser, server);
    times.push(answeredMs);
    await page.close();
  }
  return times;
}

/** Milliseconds from a key to the frame in which the terminal has its echo, while the guest is busy. */
export async function timeKeys(browser: Browser, server: StaticServer, count: number): Promise<number[]> {
  const { page } = await loadFirstPage(browser, server);
  try {
    await page.bringToFront();
    await page.evaluate('theTerminal.focus()');
    await page.keyboard.type(`${BUSY}\n`);
    await page.keyboard.type('clear\n');
    await page.waitForFunction(`/^[^\\n]*${PROMPT}/.test(terminalText())`, undefined, { timeout: TIMEOUT_MS });
    await page.waitForTimeout(SETTLE_MS);
    await page.evaluate(`
      globalThis.echoMs = [];
      addEventListener('keydown', (event) => {
        const before = terminalText().length;
        const look = () => {
          if (terminalText().length > before) echoMs.push(performance.now() - event.timeStamp);
          else requestAnimationFrame(look);
        };
        look();
      }, { capture: true });`);
    for (let n = 0; n < count; n++) {
      await page.keyboard.press(KEYS[n % KEYS.length]!);
      await page.waitForFunction(`echoMs.length > ${n}`, undefined, { timeout: TIMEOUT_MS, polling: 10 });
      await page.waitForTimeout(KEY_PAUSE_MS);
    }
    return await page.evaluate<number[]>('echoMs');
  } finally {
    await page.close();
  }
}

/** Bytes that go over the wire from a host that compresses, by path: what the page had asked for when its shell answered. */
export async function firstPageSizes(server: StaticServer, site: string): Promise<ReadonlyMap<string, number>> {
  // Its service worker asks for the rest of the site, which the page does not wait for.
  const browser = await startChromium({ serviceWorkers: 'block' });
  try {
    server.requests.length = 0;
    await loadFirstPage(browser, server);
    const paths = new Set(server.requests.map(({ path }) => path).filter((path) => IS_PART.test(path)));
    return new Map([...paths].map((path) => [path, wireBytes(path, readFileSync(join(site, path)))]));
  } finally {
    await browser.close();
  }
}

/** The core is stored compressed. */
function wireBytes(path: string, bytes: Buffer): number {
  return path.startsWith(CORE) ? bytes.length : gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length;
}
