#!/bin/sh
//bin/sh -c : && exec node -- "$0" "$@"
/**
 * The `viv` command: starts the compiled command line, or says what is missing. The first two lines are for a shell, which hides the
 * words from Node: Node 20 takes --env-file for itself wherever it is, unless there is -- before. Not every env(1) has -S for that.
 */
import { existsSync, statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

const here = (path) => new URL(path, import.meta.url);
const bundle = here('../dist/bundle/viv.js');
const modules = here('../dist/src/cli/main.js');
const modifiedMs = (url) => (existsSync(url) ? statSync(url).mtimeMs : 0);

/** A worker takes as long to start as the command line does, so both begin together when a machine is going to be wanted. */
function startWorker(commandLine) {
  const worker = new Worker(new URL('machine-worker.js', commandLine), { stdout: false, stderr: false });
  worker.unref(); // until it is used it keeps no process alive
  return worker;
}

// While somebody works on it (npm run watch), what the compiler wrote last is newer than the bundle.
const isStale = modifiedMs(here('../build/dist.tsbuildinfo')) > modifiedMs(bundle);
const compiled = existsSync(bundle) && !isStale ? bundle : modules;
if (existsSync(compiled)) {
  const [, , command, ...words] = process.argv;
  const hasMachine = command === 'supervise' || (command === 'run' && words.includes('--rm'));
  const worker = hasMachine ? startWorker(compiled) : undefined;
  const { main } = await import(compiled.href);
  await main(worker);
} else {
  process.stderr.write('viv: NOT_BUILT: the command line is not compiled yet: run npm run build\n');
  process.exitCode = 125;
}
