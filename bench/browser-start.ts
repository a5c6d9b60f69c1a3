/**
 * The site as a student meets it, in Chromium on loopback: how soon the shell of a page answers from warm caches, how soon a
 * key shows while the guest is busy, and how much the page is.
 */
import { join } from 'node:path';
import { percentile } from './support/percentile.ts';
import type { Report } from './support/report.ts';
import { PROJECT_FOLDER } from './support/sides.ts';

const SITE = join(PROJECT_FOLDER, 'dist/site');
/** With five runs: 20 loads and 100 keys. */
const LOADS_PER_RUN = 4;
const KEYS_PER_RUN = 20;
const FIRST_COMMAND_MS_MAX = 2000;
const ECHO_MS_MAX = 50;
const PAGE_BYTES_MAX = 1e6;
const PERCENT = 95;

/** @param site the built site's folder. */
export async function browserStart(runs: number, site = SITE): Promise<Report> {
  // No other workload needs a browser.
  const { startChromium } = await import('../test/support/chromium.ts');
  const { serveFolder } = await import('../test/support/static-server.ts');
  const { firstPageSizes, timeKeys, timeLoads } = await import('./browser-start/first-page.ts');
  const server = await serveFolder(site, { isolated: true });
  const browser = await startChromium();
  try {
    const sizes = await firstPageSizes(server, site);
    const loads = await timeLoads(browser, server, runs * LOADS_PER_RUN);
    const keys = await timeKeys(browser, server, runs * KEYS_PER_RUN);
    const byteCount = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const last = `${PERCENT}th percentile`;
    return {
      workload: 'browser-start',
      figures: [
        { name: 'first command', unit: 'ms', values: loads },
        {
          name: `first command, ${last}`,
          unit: 'ms',
          atMost: FIRST_COMMAND_MS_MAX,
          values: [percentile(loads, PERCENT)],
        },
        { name: 'echo while busy', unit: 'ms', values: keys },
        { name: `echo while busy, ${last}`, unit: 'ms', atMost: ECHO_MS_MAX, values: [percentile(keys, PERCENT)] },
        { name: 'core and page, compressed', unit: 'bytes', atMost: PAGE_BYTES_MAX, values: [byteCount] },
      ],
      checks: [{ name: 'the core and scripts of the page are counted', passed: hasCoreAndScripts([...sizes.keys()]) }],
      notes: [...sizes].map(([path, size]) => `${size} bytes: ${path}`),
    };
  } finally {
    await browser.close();
    await server.close();
  }
}

function hasCoreAndScripts(paths: readonly string[]): boolean {
  return (
    paths.some((path) => path.startsWith('/guest/core')) &&
    paths.some((path) => path.includes('/machine-worker')) &&
    paths.some((path) => path.includes('/embed'))
  );
}
