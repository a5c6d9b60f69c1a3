#!/usr/bin/env node
/**
 * Builds the guest's initramfs: the agent, the init of containers and viv-files (this folder's C, static with musl), crun
 * (crun.mjs) and busybox from Debian's package. Kept with a manifest in the cache. Built-ins only: runs on a bare clone.
 *
 *   node images/guest/build.mjs [--update] [--force]
 *
 * Prints the initramfs's path. It is a cpio archive that is not compressed: unpacking gzip in an emulated machine
 * costs some ten instructions a byte, copying next to none. --update asks the archive for newer packages.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findEntries, hashParts, publish, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { cpio } from '../../scripts/lib/cpio.mjs';
import {
  candidateVersion,
  ensurePackages,
  installedSource,
  packageSources,
  unpackPackages,
} from '../../scripts/lib/debian.mjs';
import { startProgress } from '../../scripts/lib/progress.mjs';
import { firstLine, main, run } from '../../scripts/lib/run.mjs';
import { ensureCrun } from './crun.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const RECIPE = 'guest-3';
const BUILD_PACKAGES = ['gcc', 'musl-tools', 'linux-libc-dev', 'binutils'];
/** Linked into the agent, viv-files and the init of containers. */
const C_LIBRARY = 'musl-dev';
const SOURCES = ['agent.c', 'disks.c', 'files.c', 'port.c', 'process.c', 'system.c'];
const CONTAINER_INIT = 'init.c';
const HEADERS = ['agent.h', 'protocol.h'];
const FILES_SOURCES = [
  'archive.c',
  'changes.c',
  'edit.c',
  'extract.c',
  'main.c',
  'root.c',
  'tar-read.c',
  'tar-write.c',
].map((name) => `files/${name}`);
const FILES_HEADERS = ['files/files.h'];
const GUEST_PACKAGES = ['busybox-static'];

/** A static program. */
function compile(sources, output) {
  const includes = ['/usr/include', '/usr/include/x86_64-linux-gnu'].flatMap((path) => ['-idirafter', path]);
  const flags = [
    '-static',
    '-O2',
    '-std=c11',
    '-D_GNU_SOURCE',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-s',
    '-Wl,--build-id=none',
  ];
  run('musl-gcc', [...flags, ...includes, '-o', output, ...sources], { cwd: HERE });
  return readFileSync(output);
}

/** Entries of the initramfs, folders before their content. */
function initramfsEntries({ agent, fileTool, containerInit, busybox, crun }) {
  const folder = (path) => ({ path, mode: 0o40755 });
  const program = (path, data) => ({ path, mode: 0o100755, data });
  const link = (path, target) => ({ path, mode: 0o120777, data: Buffer.from(target) });
  return [
    ...['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'usr', 'usr/bin', 'usr/libexec'].map(folder),
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    { path: 'root/null', mode: 0o20666, device: [1, 3] },
    program('init', agent),
    program('bin/busybox', busybox),
    link('bin/sh', 'busybox'),
    program('usr/bin/crun', crun),
    program('usr/bin/viv-files', fileTool),
    program('usr/libexec/container-init', containerInit),
  ];
}

/** The entry { folder, manifest } of the initramfs, built when the cache has none. */
export async function ensureInitramfs({ update = false, force = false } = {}) {
  const sources = [
    ...[...SOURCES, CONTAINER_INIT, ...HEADERS],
    ...[...FILES_SOURCES, ...FILES_HEADERS, 'build.mjs', 'crun.mjs'],
  ].map((name) => readFileSync(join(HERE, name)));
  const sourceHash = hashParts(RECIPE, ...sources);
  if (!update && !force) {
    const [entry] = findEntries('guest', (manifest) => manifest.sourceHash === sourceHash);
    if (entry) return entry;
  }
  ensurePackages(BUILD_PACKAGES, 'the guest agent');
  const versions = Object.fromEntries(GUEST_PACKAGES.map((name) => [name, candidateVersion(name)]));
  const crun = await ensureCrun({ update });
  const toolchain = firstLine('gcc', ['--version']);
  const key = hashParts(sourceHash, JSON.stringify(versions), crun.manifest.key, toolchain).slice(0, 16);
  const [existing] = findEntries('guest', (manifest) => manifest.key === key);
  if (existing && !force) return existing;

  const progress = startProgress('guest initramfs');
  const folder = temporaryFolder('guest');
  try {
    const agent = compile(SOURCES, join(folder, 'agent'));
    const fileTool = compile(FILES_SOURCES, join(folder, 'viv-files'));
    const containerInit = compile([CONTAINER_INIT], join(folder, 'container-init'));
    const root = unpackPackages(versions, folder);
    const busybox = readFileSync(join(root, 'bin/busybox'));
    const programs = { agent, fileTool, containerInit, busybox, crun: readFileSync(join(crun.folder, 'crun')) };
    const archive = cpio(initramfsEntries(programs));
    const copyrights = [
      ...readdirSync(join(root, 'usr/share/doc'))
        .sort()
        .map((name) => join(root, 'usr/share/doc', name, 'copyright')),
      join('/usr/share/doc', C_LIBRARY, 'copyright'),
    ];
    const notices = copyrights
      .filter((path) => existsSync(path))
      .map((path) => `==== ${path.slice(path.indexOf('usr/share'))}\n${readFileSync(path, 'utf8')}\n`);
    notices.push(readFileSync(join(crun.folder, 'notices'), 'utf8'));
    const files = { 'initramfs.cpio': archive, agent, busybox, notices: Buffer.from(notices.join('')) };
    const { source, version, builtUsing } = crun.manifest;
    const origins = {
      ...packageSources(folder),
      crun: { source, version, builtUsing },
      [C_LIBRARY]: installedSource(C_LIBRARY),
    };
    const facts = { recipe: RECIPE, sourceHash, packages: versions, origins, toolchain };
    const entry = publish('guest', key, files, facts, ['agent', 'busybox']);
    progress.end(
      `built, ${(archive.length / 1e6).toFixed(1)} MB, of it the agent ${Math.round(agent.length / 1e3)} kB`,
    );
    return entry;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({ options: { update: { type: 'boolean' }, force: { type: 'boolean' } } });
    const entry = await ensureInitramfs(values);
    process.stdout.write(`${join(entry.folder, 'initramfs.cpio')}\n`);
  });
}
