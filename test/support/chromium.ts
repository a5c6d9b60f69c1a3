/** Debian's Chromium, driven by Playwright, with a profile of its own. Node only. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';

const EXECUTABLE = process.env['VIVARIUM_CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser {
  readonly context: BrowserContext;
  /** A new page that throws, in the test, what its scripts leave uncaught. */
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

/** What Playwright needs to know of a telephone. */
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

export async function startChromium(options: BrowserContextOptions = {}): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'vivarium-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    headless: true,
    args: FLAGS,
    ...options,
  });
  return {
    context,
    open: async (url) => {
      const page = await context.newPage();
      page.on('pageerror', (error) => console.error(`page error: ${error.stack ?? error.message}`));
      page.on('console', (message) => console.error(`page: ${message.text()}`));
      await page.goto(url);
      return page;
    },
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
