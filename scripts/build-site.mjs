#!/usr/bin/env node
/**
 * Builds the site into dist/site: pages and scripts by Vite, and what they fetch, which stays in build/site for the dev server
 * too. Usage: node scripts/build-site.mjs [--assets]   (--assets: only what pages fetch)
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { main } from './lib/run.mjs';
import { PROJECT, stamped, timed } from './lib/steps.mjs';

const ASSETS_FOLDER = 'build/site';
const SITE_FOLDER = 'dist/site';
/** Machines of other sizes boot. */
const MEMORY_MIB = [512];

/** Makes build/site unless it is as new as what it is made of. */
export async function ensureSiteAssets() {
  const built = JSON.parse(readFileSync(join(PROJECT, 'build/assets.json'), 'utf8'));
  const inputs = ['src', 'scripts/site', 'assembly', 'build/images', 'package-lock.json'];
  const facts = [built.kernel, built.initramfs];
  await stamped('site assets', { inputs, facts, output: `${ASSETS_FOLDER}/assets.json` }, async () => {
    const { writeSiteAssets } = await import(pathToFileURL(join(PROJECT, 'dist/scripts/site/assets.js')).href);
    await writeSiteAssets({
      folder: join(PROJECT, ASSETS_FOLDER),
      core: join(PROJECT, 'build/core.wasm'),
      kernel: built.kernel,
      initramfs: built.initramfs,
      images: built.images,
      memoryMib: MEMORY_MIB,
      cacheFolder:
        process.env.VIVARIUM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'vivarium'),
      tell: (line) => process.stderr.write(`  ${line}\n`),
    });
  });
}

/** Builds pages and scripts, copies what they fetch, and completes the site. */
export async function buildPages() {
  const { build } = await import('vite');
  await timed('pages', () => build({ configFile: join(PROJECT, 'vite.config.ts'), logLevel: 'warn' }));
  const { finishSite } = await import(pathToFileURL(join(PROJECT, 'dist/src/sandbox/node-site.js')).href);
  await finishSite(join(PROJECT, SITE_FOLDER));
}

/** The whole site, once the set-up is done. */
export async function buildSite() {
  await ensureSiteAssets();
  await buildPages();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(async () => {
    const { values } = parseArgs({ options: { assets: { type: 'boolean', default: false } } });
    await bootstrap();
    await (values.assets ? ensureSiteAssets() : buildSite());
  });
