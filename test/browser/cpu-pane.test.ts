/** The pane on a machine's CPU in a real browser, on a machine of a few instructions. Needs the core and Chromium. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { CORE_PATH } from '../support/core-module.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Look inside</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body style="margin: 0"><main><viv-cpu></viv-cpu></main><script type="module" src="page.js"></script></body></html>`;
const PHONE = { width: 360, height: 740 };

let folder: string;
let server: StaticServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-pane-'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('../..', import.meta.url)),
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: 'es2022',
      lib: { entry: 'test/support/cpu-pane-page.ts', formats: ['es'], fileName: () => 'page.js' },
    },
  });
  writeFileSync(join(folder, 'index.html'), PAGE);
  copyFileSync(CORE_PATH, join(folder, 'core.wasm'));
  server = await serveFolder(folder);
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  page = await browser.open(server.url);
  await page.getByRole('group', { name: /RFLAGS/ }).waitFor();
});
afterEach(() => page.close());

const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
const status = (text: RegExp): Locator => page.getByRole('status').filter({ hasText: text });
const tab = (name: string): Locator => page.getByRole('tab', { name });
const register = (name: string): Locator =>
  page.locator('.registers > div').filter({ hasText: new RegExp(`^${name}`) });

describe('the CPU pane', () => {
  test('steps, and marks what has changed in words, too', async () => {
    await button('Step').click();
    await status(/One step done. Next: 0x100007, ring 0/).waitFor();
    await button('Step').click();
    await status(/Next: 0x10000a/).waitFor();

    expect(await register('rax').innerText()).toMatch(/00000000 00000001\s+changed/);
    expect(await register('rcx').innerText()).not.toContain('changed');
  });

  test('steps over a call', async () => {
    await button('Step over').click();

    await status(/One step done. Next: 0x100005/).waitFor();
    expect(await register('rax').innerText()).toContain('00000001');
  });

  test('runs, is paused, and shows registers meanwhile', async () => {
    await button('Continue').click();
    await status(/^Running/).waitFor();
    const digits = async (): Promise<string> => /[0-9a-f]{8} [0-9a-f]{8}/.exec(await register('rax').innerText())![0];
    const first = await digits();
    await vi.waitFor(async () => expect(await digits()).not.toBe(first), 10_000);
    await button('Pause').click();

    await status(/^Paused/).waitFor();
    expect(await button('Step').isEnabled()).toBe(true);
  });

  test('stops at a breakpoint that was set in the code, each time around', async () => {
    await tab('Code').click();
    await button('Breakpoint at 0x100005').click();
    await page.getByRole('list', { name: 'Breakpoints' }).waitFor();
    await button('Continue').click();
    await status(/Stopped at the breakpoint 0x100005/).waitFor();
    expect(await page.locator('.code .next').innerText()).toContain('jmp 0x100000');

    await button('Remove the breakpoint at 0x100005').click();
    await page.getByRole('list', { name: 'Breakpoints' }).waitFor({ state: 'detached' });
  });

  test('shows memory and page tables of an address that is typed, and says what is none', async () => {
    await tab('Memory').click();
    await page.getByLabel('From').fill('rip + 1');
    await button('Show').click();
    expect(await page.locator('.dump th').first().innerText()).toBe('00100001');

    await tab('Page tables').click();
    await page.getByLabel('Translate').fill('800000000000');
    await button('Show').click();
    await page.getByText('Not mapped: the address is not canonical').waitFor();

    await page.getByLabel('Translate').fill('nowhere');
    await button('Show').click();
    expect(await page.getByRole('alert').innerText()).toContain('"nowhere" is no address');
  });

  test('shows TLB, counts, devices and the memory map', async () => {
    await button('Step').click();
    await tab('TLB and translator').click();
    await page.getByText(/supervisor code: 1 of 4096/).waitFor({ state: 'attached' });
    await tab('Devices').click();

    expect(await page.getByRole('region', { name: 'Virtio queues' }).innerText()).toContain('entropy');
    expect(await page.getByRole('region', { name: 'Physical memory' }).innerText()).toContain('I/O APIC');
  });

  test('is worked by the keyboard alone', async () => {
    await tab('Registers').focus();
    await page.keyboard.press('ArrowRight');
    expect(await tab('Code').getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('End');
    expect(await tab('Devices').getAttribute('aria-selected')).toBe('true');

    await page.keyboard.press('F9');
    await status(/0x100007/).waitFor();
    await page.keyboard.press('F8');
    await status(/^Running/).waitFor();
  });

  test('fits a phone: only tables scroll, sideways and by themselves', async () => {
    await page.setViewportSize(PHONE);
    const names = ['Registers', 'Code', 'Memory', 'Page tables', 'TLB and translator', 'Devices'];
    const widths: number[] = [];
    for (const name of names) {
      await tab(name).click();
      await page.getByRole('tabpanel', { name }).locator('*').first().waitFor();
      widths.push(await page.evaluate(() => document.documentElement.scrollWidth));
    }

    expect(widths).toEqual(names.map(() => PHONE.width));
  });

  test('says that the machine has ended', async () => {
    await page.evaluate(() => (globalThis as unknown as { machine: { stop(): void } }).machine.stop());

    await status(/The machine has ended/).waitFor();
    expect(await button('Step').isDisabled()).toBe(true);
  });
});
