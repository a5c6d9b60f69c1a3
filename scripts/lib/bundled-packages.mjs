/**
 * Which npm packages have code in what Vite writes, as Vite itself tells it: build/bundled/NAME.json, a list of names. NOTICES.txt is made of
 * these lists (pack-notices.mjs).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './run.mjs';
import { PROJECT } from './steps.mjs';

const FOLDER = 'build/bundled';
const IN_PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//s;

/** The name of the package that a module is of, or undefined for a module of ours. */
export function packageOf(moduleId) {
  return IN_PACKAGE.exec(moduleId.replaceAll('\\', '/'))?.[1];
}

/** A plugin that adds the names of packages to a set. Workers have plugins of their own (`worker.plugins`), so it goes there too. */
export function collectPackages(names) {
  return {
    name: 'collect-packages',
    generateBundle(_options, bundle) {
      for (const output of Object.values(bundle)) {
        for (const id of Object.keys(output.modules ?? {})) {
          const name = packageOf(id);
          if (name !== undefined) names.add(name);
        }
      }
    },
  };
}

const pathOf = (name) => join(PROJECT, FOLDER, `${name}.json`);

/** Keeps a list. */
export function writeBundled(name, packages) {
  mkdirSync(dirname(pathOf(name)), { recursive: true });
  writeFileSync(pathOf(name), `${JSON.stringify([...packages].sort())}\n`);
}

/** The names in several lists, each once. Stops when a list is not there. */
export function readBundled(...lists) {
  const names = lists.flatMap((list) => {
    try {
      return JSON.parse(readFileSync(pathOf(list), 'utf8'));
    } catch {
      throw new SetupError(
        `which packages are in ${list} is not known: remove the folders dist and build/package, then run npm pack`,
      );
    }
  });
  return [...new Set(names)].sort();
}
