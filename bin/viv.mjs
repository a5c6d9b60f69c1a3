#!/usr/bin/env node
/** The `viv` command: starts the compiled command line, or says what is missing. */
import { existsSync, statSync } from 'node:fs';

const here = (path) => new URL(path, import.meta.url);
const bundle = here('../dist/bundle/viv.js');
const modules = here('../dist/src/cli/main.js');
const modifiedMs = (url) => (existsSync(url) ? statSync(url).mtimeMs : 0);

// While somebody works on it (npm run dev), what the compiler wrote last is newer than the bundle.
const isStale = modifiedMs(here('../build/dist.tsbuildinfo')) > modifiedMs(bundle);
const compiled = existsSync(bundle) && !isStale ? bundle : modules;
if (existsSync(compiled)) {
  const { main } = await import(compiled.href);
  await main();
} else {
  process.stderr.write('viv: NOT_BUILT: the command line is not compiled yet: run npm run build\n');
  process.exitCode = 125;
}
