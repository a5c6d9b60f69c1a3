#!/usr/bin/env node
/**
 * `npm run bench`: set-up, then the workloads of bench/ one after the other, with a table of figures against targets and
 * peers; each writes build/bench/<name>.json. Built-ins only.
 *
 *   npm run bench -- [name…] [--runs N] [--arch i386|amd64|both] [--peers qemu,v86|none] [--quick]
 *
 * A name is a workload (programs, interpreter, mixed, boot, tier-up, warm, browser, browser-start), or a program or kind of
 * program of bench/guest.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBenchGuest } from '../bench/guest/build.mjs';
import { ensureKernel } from '../images/kernel/build.mjs';
import { bootstrap } from './bootstrap.mjs';
import { buildSite } from './build-site.mjs';
import { cacheDir, hashParts, temporaryFolder } from './lib/cache.mjs';
import { ensurePackages } from './lib/debian.mjs';
import { startProgress } from './lib/progress.mjs';
import { main, run, runStreaming, SetupError } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const KIND = 'bench';
const SUITE = 'bookworm';
const PACKAGES = ['python3'];
const KEY_LENGTH = 16;
const ASSETS = 'build/bench-assets.json';
/** The kernel recipe by the programs' architecture. */
const KERNELS = { i386: 'i386', amd64: 'x86_64' };
const PEER_PACKAGES = { qemu: 'qemu-system-x86', v86: 'seabios' };
/** Those of bench/main.ts that need nothing of the programs. */
const OTHER_WORKLOADS = ['interpreter', 'mixed', 'boot', 'tier-up', 'warm', 'browser', 'browser-start'];

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

/** The programs' guests with their kernels, for bench/programs.ts. */
async function ensurePrograms(architectures, peers) {
  try {
    ensurePackages(
      peers.map((peer) => PEER_PACKAGES[peer]),
      'the peers in the benchmarks',
    );
  } catch (error) {
    process.stderr.write(`${error.message}\n`); // the comparison goes on without it, and says so
  }
  const assets = {};
  for (const [name, kernelName] of Object.entries(KERNELS).filter(([name]) => architectures.includes(name))) {
    const kernel = await ensureKernel({ arch: kernelName });
    const guest = ensureBenchGuest(name);
    const bzImage = join(kernel.folder, 'bzImage');
    assets[name] = {
      bench: join(guest.folder, 'bench'),
      busybox: join(guest.folder, 'busybox'),
      initramfs: join(guest.folder, 'initramfs.cpio'),
      kernel: join(kernel.folder, 'vmlinux'),
      ...(existsSync(bzImage) ? { bzImage } : {}),
    };
  }
  writeFileSync(join(PROJECT, ASSETS), `${JSON.stringify(assets, null, 2)}\n`);
}

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      arch: { type: 'string', default: 'both' },
      peers: { type: 'string', default: Object.keys(PEER_PACKAGES).join(',') },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  const architectures = Object.keys(KERNELS).filter((name) => values.arch === 'both' || values.arch === name);
  const peers = Object.keys(PEER_PACKAGES).filter((name) => values.peers.split(',').includes(name));
  if (architectures.length === 0) throw new SetupError(`--arch is i386, amd64 or both, not ${values.arch}`);
  if (values.peers !== 'none' && peers.length !== values.peers.split(',').length)
    throw new SetupError(`--peers is a list of qemu and v86, or none, not ${values.peers}`);
  if (values.runs !== undefined && !(Number(values.runs) >= 1)) throw new SetupError('--runs is a number from 1');
  await bootstrap();
  const all = positionals.length === 0;
  if (all || positionals.some((name) => !OTHER_WORKLOADS.includes(name))) await ensurePrograms(architectures, peers);
  const rootfs = (all && !values.quick) || positionals.includes('mixed') ? ['--rootfs', await ensureRootfs()] : [];
  if ((all && !values.quick) || ['browser', 'browser-start'].some((name) => positionals.includes(name))) {
    ensurePackages(['chromium'], 'the benchmark of the site');
    await buildSite();
  }
  const words = [join(PROJECT, 'dist/bench/main.js'), ...rootfs, ...process.argv.slice(2)];
  const child = spawn(process.execPath, words, { cwd: PROJECT, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
});
