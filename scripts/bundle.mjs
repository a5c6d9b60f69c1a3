#!/usr/bin/env node
/**
 * Makes one file each of the command line, the library and the machine's worker, in dist/bundle: Node takes a fifth of a second to
 * load the hundred modules that they are. The packages that they use are inside, so that ours needs none; build/bundled/bundle.json is
 * which.
 * Usage: node scripts/bundle.mjs
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { collectPackages, writeBundled } from './lib/bundled-packages.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const ENTRIES = {
  viv: 'src/cli/main.ts',
  'node-api': 'src/node-api.ts',
  'machine-worker': 'src/cli/machine-worker.ts',
};

const packages = new Set();
for (const [name, entry] of Object.entries(ENTRIES)) {
  await build({
    root: PROJECT,
    configFile: false,
    logLevel: 'warn',
    plugins: [collectPackages(packages)],
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      outDir: 'dist/bundle',
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rolldownOptions: {
        output: {
          entryFileNames: `${name}.js`,
          codeSplitting: false,
          comments: { legal: true, annotation: false, jsdoc: false },
        },
      },
    },
  });
}
writeBundled('bundle', packages);
