/**
 * A current Node beside the one that runs us (package.json's engines name the oldest). Kept out of node_modules, where
 * its `node` would take the place of the installed one in every npm script.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { firstLine, run } from './run.mjs';
import { PROJECT } from './steps.mjs';

const VERSION = '26.10.0';

/** Path of the executable; installs it from npm the first time. Throws SetupError when that fails. */
export function currentNode() {
  const prefix = join(PROJECT, 'build/current-node');
  const executable = join(prefix, 'node_modules/node/bin/node');
  if (!existsSync(executable) || firstLine(executable, ['--version']) !== `v${VERSION}`) {
    process.stdout.write(`installing Node ${VERSION} beside the running ${process.version}\n`);
    run('npm', ['install', '--prefix', prefix, '--no-save', '--no-package-lock', `node@${VERSION}`]);
  }
  return executable;
}
