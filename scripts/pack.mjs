#!/usr/bin/env node
/**
 * What `npm pack` runs first (prepack): builds what is missing, puts what the package has besides into build/package, and refuses when
 * a file is not there. `npm publish` refuses by itself: package.json says private. Usage: npm pack
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { kernelLicence } from '../images/kernel/build.mjs';
import { bootstrap } from './bootstrap.mjs';
import { readBundled } from './lib/bundled-packages.mjs';
import { readEntry } from './lib/cache.mjs';
import { checkDependencies, checkPromises } from './lib/pack-checks.mjs';
import { packGuest } from './lib/pack-guest.mjs';
import { notices, sources } from './lib/pack-notices.mjs';
import { packPages } from './lib/pack-pages.mjs';
import { packTypes } from './lib/pack-types.mjs';
import { main, SetupError } from './lib/run.mjs';
import { PROJECT, stamped } from './lib/steps.mjs';

const STAGE = 'build/package';

const read = (path) => JSON.parse(readFileSync(join(PROJECT, path), 'utf8'));

/** The cache's entry that a built file is of, with its files checked against their hashes. */
function entryOf(path) {
  const entry = readEntry(dirname(path));
  if (entry === null) throw new SetupError(`${basename(path)} is not as it was built: run npm run build`);
  return entry;
}

await main(async () => {
  await bootstrap();
  const manifest = read('package.json');
  checkDependencies(manifest);
  const assets = read('build/assets.json');
  const [kernel, guest] = [entryOf(assets.kernel), entryOf(assets.initramfs)];
  const licence = kernelLicence(kernel);
  const { list, archive } = packGuest(assets, {
    kernelVersion: licence.origin.version,
    packages: guest.manifest.packages,
  });
  mkdirSync(join(PROJECT, STAGE), { recursive: true });
  const write = (name, content) => writeFileSync(join(PROJECT, STAGE, name), content);
  write(list.archive, archive);
  write('guest.json', `${JSON.stringify(list, null, 2)}\n`);
  const pages = ['web', 'src', 'assembly', 'vite.config.ts', 'scripts/lib/pack-pages.mjs', 'package-lock.json'];
  await stamped('pages for the package', { inputs: pages, output: `${STAGE}/site` }, packPages);
  write('NOTICES.txt', notices(licence, guest, readBundled('bundle', 'pages')));
  write('SOURCES.md', sources(licence, guest));
  const inputs = [
    'src',
    'assembly',
    'scripts/lib/pack-types.mjs',
    'tsconfig.json',
    'tsconfig.types.json',
    'package-lock.json',
  ];
  const output = `${STAGE}/types`;
  await stamped('declarations', { inputs, output }, () => packTypes(join(PROJECT, output), 'src/node-api.d.ts'));
  checkPromises(manifest, (path) => existsSync(join(PROJECT, path)));
});
