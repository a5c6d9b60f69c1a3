/** The built site, and what a page that uses its script does. Node only. */
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import type { Browser } from './chromium.ts';
import type { StaticServer } from './static-server.ts';

/** Made by npm run build:site, which npm test has done before. */
export const SITE = fileURLToPath(new URL('../../dist/site', import.meta.url));
/** A file of the site that browsers show as a document in which no script runs. */
export const BLANK = 'assets.json';

/** What the site's script gives to pages. */
export type Vivarium = typeof import('../../web/viv.ts');

/** A page of Playwright or of Puppeteer. */
export interface ScriptedPage {
  evaluate(script: string): Promise<unknown>;
}

/** Opens a document of the site in which no script runs. */
export function openBlank(browser: Browser, server: StaticServer): Promise<Page> {
  return browser.open(`${server.url}${BLANK}`);
}

/** Runs a function in the page with what the script gives. It is sent as text, so it can use nothing from around it. */
export async function useVivarium<T, A = undefined>(
  page: ScriptedPage,
  action: (vivarium: Vivarium, argument: A) => Promise<T>,
  argument?: A,
): Promise<T> {
  const body = `(async (argument) => (${action.toString()})(await import(new URL('./viv.js', location.href).href), argument))`;
  return (await page.evaluate(`${body}(${JSON.stringify(argument)})`)) as T;
}
