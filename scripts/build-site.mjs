#!/usr/bin/env node
/**
 * Builds the site into dist/site: pages and scripts by Vite, and what they fetch, which stays in build/site for the dev server
 * too. Usage: node scripts/build-site.mjs [--assets]   (--assets: only what pages fetch)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { ensureBenchGuest } from '../bench/guest/build.mjs';
import { cacheDir } from './lib/cache.mjs';
import { main } from './lib/run.mjs';
import { PROJECT, stamped, timed } from './lib/steps.mjs';

const ASSETS_FOLDER = 'build/site';
const SITE_FOLDER = 'dist/site';

const CACHE = cacheDir();
const BENCH_IMAGE = 'bench-programs';
const BENCH_REPORT = 'build/bench/browser-page.json';

/** Of what is compiled. */
const compiled = (path) => import(pathToFileURL(join(PROJECT, 'dist', path)).href);

/** The image of the benchmark page, which is not the set-up's: it takes a package that nothing else needs. */
async function ensureBenchImage() {
  const guest = ensureBenchGuest('amd64');
  const [benchPath, busyboxPath] = ['bench', 'busybox'].map((name) => join(guest.folder, name));
  const output = `build/images/${BENCH_IMAGE}`;
  const outputFolder = join(PROJECT, output);
  const inputs = ['images/bench-programs', 'images/busybox', 'src/oci'];
  await stamped(`image ${BENCH_IMAGE}`, { inputs, facts: [guest.manifest.key], output }, async () => {
    const { buildBenchImage } = await compiled(`images/${BENCH_IMAGE}/build.js`);
    await buildBenchImage({ busyboxPath, benchPath, outputFolder });
  });
  return { benchPath, busyboxPath, outputFolder };
}

/** Labs, and what the benchmark page compares with: small, and made anew each time. */
async function writeSmallAssets({ benchPath, busyboxPath }) {
  const { writeLabs } = await compiled('scripts/site/labs.js');
  await writeLabs(join(PROJECT, 'labs'), join(PROJECT, ASSETS_FOLDER), CACHE);
  const { makePageFigures } = await compiled('scripts/site/page-figures.js');
  const figures = await makePageFigures({ benchPath, busyboxPath, reportPath: join(PROJECT, BENCH_REPORT) });
  writeFileSync(join(PROJECT, ASSETS_FOLDER, 'bench.json'), `${JSON.stringify(figures)}\n`);
}

/** Makes build/site unless it is as new as what it is made of. */
export async function ensureSiteAssets() {
  const built = JSON.parse(readFileSync(join(PROJECT, 'build/assets.json'), 'utf8'));
  const bench = await ensureBenchImage();
  const images = { ...built.images, ...built.labImages, [BENCH_IMAGE]: bench.outputFolder };
  const inputs = ['src', 'scripts/site', 'assembly', 'build/images', 'package-lock.json'];
  const facts = [built.kernel, built.initramfs];
  await stamped('site assets', { inputs, facts, output: `${ASSETS_FOLDER}/assets.json` }, async () => {
    const { writeSiteAssets } = await compiled('src/cli/site/write-assets.js');
    await writeSiteAssets({
      folder: join(PROJECT, ASSETS_FOLDER),
      core: join(PROJECT, 'build/core.wasm'),
      kernel: built.kernel,
      initramfs: built.initramfs,
      images,
      worker: pathToFileURL(join(PROJECT, 'dist/bundle/machine-worker.js')),
      cacheFolder: CACHE,
      tell: (line) => process.stderr.write(`  ${line}\n`),
      signal: new AbortController().signal,
    });
  });
  await writeSmallAssets(bench);
}

/** Builds pages and scripts, copies what they fetch, and completes the site. */
export async function buildPages() {
  const { build } = await import('vite');
  await timed('pages', () => build({ configFile: join(PROJECT, 'vite.config.ts'), logLevel: 'warn' }));
  const { finishSite } = await compiled('src/sandbox/node-site.js');
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
