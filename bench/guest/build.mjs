#!/usr/bin/env node
/**
 * Builds the benchmark's guest program for an architecture, static with glibc, and an initramfs with it as /init and
 * with Debian's static busybox. Kept with a manifest in the cache. Built-ins only.
 *
 *   node bench/guest/build.mjs [--arch i386|amd64]
 *
 * Prints the folder with bench, busybox and initramfs.cpio.
 */
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findEntries, hashParts, publish, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { cpio } from '../../scripts/lib/cpio.mjs';
import { ensurePackages, unpackForeignPackage } from '../../scripts/lib/debian.mjs';
import { firstLine, main, run, SetupError } from '../../scripts/lib/run.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD_PACKAGES = ['gcc', 'gcc-multilib', 'libc6-dev'];
const TARGETS = { i386: ['-m32', '-march=i686'], amd64: ['-m64'] };
/** What the source says is what runs: no loop becomes SIMD or a call of memcpy, nothing is fused. */
const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fno-pie',
  '-ffp-contract=off',
  '-fexcess-precision=standard',
  '-fno-tree-vectorize',
  '-fno-tree-loop-distribute-patterns',
];
const SSE2 = ['-msse2', '-mfpmath=sse'];
/** Object files: [source, flags]. A call in calls.c must stay one. */
const OBJECTS = [
  ['main.c', []],
  ['integer.c', []],
  ['calls.c', ['-fno-inline', '-fno-optimize-sibling-calls', '-fno-ipa-icf', '-fno-ipa-cp']],
  ['rewriting.c', []],
  ['scalar.c', ['-mfpmath=387', '-DX87']],
  ['scalar.c', SSE2],
  ['packed.c', SSE2],
  ['memory.c', []],
  ['system.c', []],
  ['work.c', []],
];
const FORMAT = 'bench-1';
const KEY_LENGTH = 16;

function compile(arch, folder) {
  const flags = [...FLAGS, ...TARGETS[arch]];
  const objects = OBJECTS.map(([source, extra], n) => {
    const object = join(folder, `${n}.o`);
    run('gcc', [...flags, ...extra, '-c', join(HERE, source), '-o', object]);
    return object;
  });
  const output = join(folder, 'bench');
  run('gcc', [...TARGETS[arch], '-static', '-no-pie', '-s', '-Wl,--build-id=none', '-o', output, ...objects]);
  return readFileSync(output);
}

function initramfs(bench, busybox) {
  return cpio([
    ...['bin', 'dev', 'proc', 'tmp'].map((path) => ({ path, mode: 0o40755 })),
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    { path: 'bin/busybox', mode: 0o100755, data: busybox },
    { path: 'init', mode: 0o100755, data: bench },
  ]);
}

/** The entry { folder, manifest }, built when the cache has none. */
export function ensureBenchGuest(arch) {
  if (!(arch in TARGETS)) throw new SetupError(`no benchmark for ${arch}: use i386 or amd64`);
  ensurePackages(BUILD_PACKAGES, 'the benchmarks');
  const sources = readdirSync(HERE).sort();
  const toolchain = firstLine('gcc', ['--version']);
  const inputs = sources.flatMap((name) => [name, readFileSync(join(HERE, name))]);
  const key = `${arch}-${hashParts(FORMAT, toolchain, ...inputs).slice(0, KEY_LENGTH)}`;
  const [existing] = findEntries('bench-guest', (manifest) => manifest.key === key);
  if (existing) return existing;
  const folder = temporaryFolder('bench-guest');
  try {
    const bench = compile(arch, folder);
    const { root, version } = unpackForeignPackage('busybox-static', arch, folder);
    const busybox = readFileSync(join(root, 'bin/busybox'));
    const files = { bench, busybox, 'initramfs.cpio': initramfs(bench, busybox) };
    return publish('bench-guest', key, files, { arch, toolchain, busybox: version }, ['bench', 'busybox']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({ options: { arch: { type: 'string', default: 'i386' } } });
    process.stdout.write(`${ensureBenchGuest(values.arch).folder}\n`);
  });
}
