#!/usr/bin/env node
/** The `viv` command: starts the compiled command line, or says what is missing. */
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write('viv: NOT_BUILT: the command line is not compiled yet: run npm run build\n');
  process.exitCode = 125;
}
