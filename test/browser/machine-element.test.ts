/** <viv-machine> and its terminals, with a real machine, in a page of another origin than its site. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PHONE, startChromium, type Browser } from '../support/chromium.ts';
import { serveContents, terminalText } from '../support/served-pages.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

const EMPTY = mkdtempSync(join(tmpdir(), 'vivarium-course-'));
const POLL = { timeout: 30_000, interval: 100 };
let browser: Browser;
let site: StaticServer;
/** Another origin, without isolation. */
let course: StaticServer;
beforeAll(async () => {
  browser = await startChromium();
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
});
afterAll(async () => {
  await browser.close();
  rmSync(EMPTY, { recursive: true });
});
beforeEach(async () => {
  site = await serveFolder(SITE);
  course = await serveFolder(EMPTY);
});
afterEach(async () => {
  for (const page of browser.context.pages().slice(1)) await page.close();
  await site.close();
  await course.close();
});

async function open(element: string): Promise<Page> {
  const page = `<!doctype html><html lang="en"><title>Course</title><script type="module" src="${site.url}viv.js"></script><h1>Course</h1>${element}</html>`;
  serveContents(course, new Map([['/course.html', page]]));
  return browser.open(`${course.url}course.html`);
}

async function shell(page: Page): Promise<void> {
  await expect.poll(() => page.locator('viv-terminal').count(), POLL).toBe(1);
  await expect.poll(() => terminalText(page), POLL).toMatch(/[#$] ?$/);
  await page.locator('viv-terminal textarea').focus();
}

describe('a machine that a page has by a script tag', () => {
  test('starts, takes what is typed, opens another terminal, and shows a new shell after the end of one', async () => {
    const page = await open('<viv-machine image="busybox" autostart></viv-machine>');
    await shell(page);

    await page.keyboard.type('echo $((6 * 7)) in $TERM\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\n42 in xterm-256color');

    await page.getByRole('button', { name: 'New terminal' }).click();
    await expect.poll(() => page.getByRole('tab').allInnerTexts(), POLL).toEqual(['1', '2']);
    await expect.poll(() => terminalText(page), POLL).toMatch(/[#$] ?$/);
    expect(await terminalText(page)).not.toContain('42');

    await page.keyboard.type('exit 5\n');
    await expect
      .poll(() => terminalText(page), POLL)
      .toContain('[The program has ended with status 5; press Enter for a new one.]');
    await page.keyboard.press('Enter');
    await page.keyboard.type('echo again\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\nagain');

    await page.getByRole('tab', { name: '1', exact: true }).click();
    expect(await terminalText(page)).toContain('42 in');
  });

  test('has a size that programs see, and they are told when it changes', async () => {
    const page = await open('<viv-machine cols="60" rows="10" autostart></viv-machine>');
    await shell(page);

    await page.keyboard.type('stty size\n');
    await expect.poll(() => terminalText(page), POLL).toMatch(/\n\d+ \d+\n/);
    const [, rows, columns] = /\n(\d+) (\d+)\n/.exec(await terminalText(page))!.map(Number);
    await page.locator('viv-machine').evaluate((machine) => (machine.style.width = '350px'));
    await page.keyboard.type('clear; stty size\n');

    expect([rows, columns]).toEqual([10, 60]);
    await expect
      .poll(async () => Number(/\n\d+ (\d+)\n[^\n]*$/.exec(await terminalText(page))?.[1]), POLL)
      .toBeLessThan(columns! - 10);
  });

  test('pastes, copies what is selected, and finds text', async () => {
    const page = await open('<viv-machine autostart renderer="dom"></viv-machine>');
    await shell(page);

    await page.evaluate(() => navigator.clipboard.writeText('echo pasted-$((1 + 1))'));
    await page.keyboard.press('Control+v');
    await page.keyboard.press('Enter');
    await expect.poll(() => terminalText(page), POLL).toContain('\npasted-2');

    await page.keyboard.press('Control+Shift+f');
    await page.getByRole('searchbox').fill('pasted-2');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+c');
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText()), POLL).toBe('pasted-2');
  });

  test('lets the keyboard out by Control F6', async () => {
    const page = await open('<viv-machine autostart></viv-machine><button>After it</button>');
    await shell(page);

    await page.keyboard.press('Tab');
    const inside = await page.evaluate(() => document.activeElement?.tagName);
    await page.keyboard.press('Control+F6');
    await page.keyboard.press('Tab');

    expect(inside).toBe('VIV-MACHINE');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('After it');
  });

  test('says why it does not start, and starts when that is over', async () => {
    const page = await open('<viv-machine image="busybox"></viv-machine>');
    site.intercept = (request, response) => {
      if (!request.url!.includes('assets.json')) return false;
      response.writeHead(404).end();
      return true;
    };

    await page.getByRole('button', { name: 'Start the machine' }).click();
    const sentence = await page.getByRole('alert').innerText();
    site.intercept = undefined;
    await page.getByRole('button', { name: 'Try again' }).click();
    await shell(page);

    expect(sentence).toMatch(/^[A-Z].*assets\.json.*\.$/);
  });

  test('says which images there are when it is given none of them', async () => {
    const page = await open('<viv-machine image="no-such-image" autostart></viv-machine>');
    await expect
      .poll(() => page.getByRole('alert').allInnerTexts(), POLL)
      .toEqual([expect.stringMatching(/no-such-image.*busybox/)]);
  });

  test('runs programs for the page, and tells of itself by events', async () => {
    const page = await open('<viv-machine></viv-machine>');

    const result = await page.evaluate(async () => {
      const machine = document.querySelector('viv-machine') as HTMLElement & {
        run(options: { args: string[] }): Promise<{ stdout: Uint8Array; exit: { exitCode: number } }>;
        close(): Promise<void>;
        readonly computer: unknown;
        readonly state: string;
      };
      const events: string[] = [];
      for (const type of ['viv-ready', 'viv-exit', 'viv-error'])
        machine.addEventListener(type, () => events.push(type));
      const { stdout, exit } = await machine.run({ args: ['sh', '-c', 'echo out; exit 3'] });
      const hadComputer = machine.computer !== undefined;
      await machine.close();
      return { text: new TextDecoder().decode(stdout), exit, events, hadComputer, state: machine.state };
    });

    expect(result).toEqual({
      text: 'out\n',
      exit: { kind: 'exited', exitCode: 3 },
      events: ['viv-ready'],
      hadComputer: true,
      state: 'idle',
    });
  });
});

test('on a touch screen there is a key bar, whose Ctrl is for the next key', async () => {
  const phone = await startChromium(PHONE);
  try {
    const page = await phone.open(`${site.url}embed.html?image=busybox`);
    await shell(page);

    await page.keyboard.type('cat\n');
    await page.getByRole('button', { name: 'Ctrl' }).tap();
    await page.keyboard.type('c');
    await page.keyboard.type('echo one');
    await page.getByRole('button', { name: 'Pipe' }).tap();
    await page.keyboard.type('tr o 0\n');
    await expect.poll(() => terminalText(page), POLL).toContain('\n0ne');
    await page.getByRole('button', { name: 'Up', exact: true }).tap();
    await page.keyboard.type('\n');

    await expect.poll(async () => (await terminalText(page)).match(/\n0ne/g)?.length, POLL).toBe(2);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  } finally {
    await phone.close();
  }
});

describe('a machine whose worker loads while the site is opened', () => {
  const alert = (page: Page): Promise<string> => page.getByRole('alert').innerText({ timeout: POLL.timeout });

  test('leaves no worker behind when the site can’t be opened, and says why', async () => {
    let workerLoads!: () => void;
    const loading = new Promise<void>((resolve) => (workerLoads = resolve));
    site.intercept = (request, response) => {
      if (request.url!.includes('/machine-worker-')) workerLoads();
      if (!request.url!.endsWith('/assets.json')) return false;
      void loading.then(() => response.writeHead(404, { 'access-control-allow-origin': '*' }).end());
      return true;
    };

    const page = await open('<viv-machine image="busybox" autostart></viv-machine>');

    expect(await alert(page)).toMatch(/^The server has no file .*assets\.json \(404\); check the address/);
    await expect.poll(() => page.workers().length, POLL).toBe(0);
  });

  test('says that its script does not load, also when that was known before the machine could start', async () => {
    let isRefused = false;
    site.intercept = (request, response) => {
      if (request.url!.includes('/machine-worker-')) {
        isRefused = true;
        response.writeHead(404, { 'access-control-allow-origin': '*' }).end();
        return true;
      }
      if (!request.url!.endsWith('/assets.json') || isRefused) return false;
      response.writeHead(503, { 'access-control-allow-origin': '*' }).end(); // it is asked for again, later
      return true;
    };

    const page = await open('<viv-machine image="busybox" autostart></viv-machine>');

    expect(await alert(page)).toMatch(/^The machine's worker failed: /);
    expect(page.workers()).toEqual([]);
  });
});
