#!/usr/bin/env node
/**
 * `npm run bench`: set-up, then the workloads of bench/ one after the other, with a table of figures against targets and
 * peers; each writes build/bench/<name>.json. Usage: npm run bench -- [name…] [--runs N]. Built-ins only.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { cacheDir, hashParts, temporaryFolder } from './lib/cache.mjs';
import { ensurePackages } from './lib/debian.mjs';
import { startProgress } from './lib/progress.mjs';
import { main, run, runStreaming } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const KIND = 'bench';
const SUITE = 'bookworm';
const PACKAGES = ['python3'];
const KEY_LENGTH = 16;

/** A folder with a Debian system and python3 in it, kept in the cache. */
async function ensureRootfs() {
  const folder = join(cacheDir(), KIND, hashParts('root', SUITE, ...PACKAGES).slice(0, KEY_LENGTH));
  if (existsSync(folder)) return join(folder, 'root');
  ensurePackages(['mmdebstrap'], 'the benchmarks');
  const progress = startProgress('Debian root');
  const staging = temporaryFolder(KIND);
  try {
    const tarball = join(staging, 'root.tar');
    const options = [
      '--variant=minbase',
      '--skip=check/qemu',
      '--architectures=amd64',
      `--include=${PACKAGES.join(',')}`,
    ];
    await runStreaming('mmdebstrap', [...options, SUITE, tarball], () => {});
    mkdirSync(join(staging, 'root'));
    // Device nodes need rights that a benchmark does not.
    run('tar', ['-C', join(staging, 'root'), '--exclude=./dev/*', '-xf', tarball]);
    rmSync(tarball);
    renameSync(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  progress.end('made');
  return join(folder, 'root');
}

await main(async () => {
  await bootstrap();
  const words = [join(PROJECT, 'dist/bench/main.js'), '--rootfs', await ensureRootfs(), ...process.argv.slice(2)];
  const child = spawn(process.execPath, words, { cwd: PROJECT, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
});
