/** Debian's Firefox, driven by Puppeteer over WebDriver BiDi, with a profile of its own. Node only. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Page } from 'puppeteer-core';

const EXECUTABLE = process.env['VIVARIUM_FIREFOX'] ?? '/usr/bin/firefox-esr';
/** One call may start a machine. */
const PROTOCOL_TIMEOUT_MS = 100_000;
/** Firefox asks its makers for news at every start; a test has no use for them. */
const PREFERENCES = {
  'app.update.auto': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.systemAddon.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': '',
};

export interface Firefox {
  readonly version: string;
  /** A new page; what its scripts print or leave uncaught is printed in the test. */
  open(url: string): Promise<Page>;
  close(): Promise<void>;
}

export async function startFirefox(): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), 'vivarium-firefox-'));
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: EXECUTABLE,
    userDataDir: profile,
    headless: true,
    protocolTimeout: PROTOCOL_TIMEOUT_MS,
    extraPrefsFirefox: PREFERENCES,
  });
  return {
    version: await browser.version(),
    open: async (url) => {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(`page error: ${String(error)}`));
      page.on('console', (message) => console.error(`page: ${message.text()}`));
      await page.goto(url);
      return page;
    },
    close: async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
