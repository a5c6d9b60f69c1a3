#!/usr/bin/env node
/**
 * Makes the README's picture, docs/images/lab.png: a lab of the built site at work in Chromium.
 * Usage: node scripts/screenshot.mjs [--lab NAME] [--site FOLDER] [--out FILE]
 * (after npm run build:site)
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensurePackages } from './lib/debian.mjs';
import { main, SetupError } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const SITE_FOLDER = join(PROJECT, 'dist/site');
const VIEWPORT = { width: 1280, height: 800 };
const COMMAND = 'cat /proc/cpuinfo | head -n 5; ls /';
const PROMPT = /[#$] ?$/;
const TIMEOUT_MS = 60_000;
const POLL_MS = 200;
/** What the README may carry along. */
const BYTES_MAX = 200_000;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** Waits for the shell's prompt, has the command typed, and waits for the prompt after its answer. */
async function useShell(page) {
  const terminal = page.locator('viv-terminal:visible').first();
  const text = () => terminal.evaluate((element) => element.text).catch(() => '');
  const untilPrompt = async (lines) => {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      const shown = await text();
      if (PROMPT.test(shown) && shown.split('\n').length > lines) return shown.split('\n').length;
      if (waitedMs > TIMEOUT_MS)
        throw new SetupError('the shell of the lab shows no prompt; see whether the page works');
      await page.waitForTimeout(POLL_MS);
    }
  };
  const lines = await untilPrompt(0);
  await terminal.evaluate((element, typed) => element.type(typed), `${COMMAND}\r`);
  await untilPrompt(lines);
}

await main(async () => {
  const { values } = parseArgs({
    options: {
      site: { type: 'string', default: SITE_FOLDER },
      lab: { type: 'string', default: 'paging' },
      out: { type: 'string', default: join(PROJECT, 'docs/images/lab.png') },
    },
  });
  if (!existsSync(join(values.site, 'labs', values.lab, 'lab.json')))
    throw new SetupError(`the built site has no lab ${values.lab}; run npm run build:site`);
  ensurePackages(['chromium'], 'the picture');
  const { preview } = await import('vite');
  const { chromium } = await import('playwright-core');
  const server = await preview({
    configFile: join(PROJECT, 'vite.config.ts'),
    build: { outDir: resolve(values.site) },
    preview: { port: 0 },
    logLevel: 'warn',
  });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS });
  try {
    const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' });
    await page.goto(`${server.resolvedUrls.local[0]}lab.html?lab=labs/${values.lab}/`);
    await useShell(page);
    const path = resolve(values.out);
    mkdirSync(dirname(path), { recursive: true });
    await page.screenshot({ path });
    const { size } = statSync(path);
    if (size > BYTES_MAX)
      throw new SetupError(`the picture has ${size} bytes, more than ${BYTES_MAX}; choose a plainer one`);
    process.stdout.write(`${path}: ${size} bytes\n`);
  } finally {
    await browser.close();
    await server.close();
  }
});
