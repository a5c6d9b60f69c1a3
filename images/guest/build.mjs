#!/usr/bin/env node
/**
 * Builds the guest's initramfs: the agent (this folder's C, static with musl), crun with its libraries and busybox
 * from Debian's packages. Kept with a manifest in the cache. Built-ins only: runs on a bare clone.
 *
 *   node images/guest/build.mjs [--update] [--force]
 *
 * Prints the initramfs's path. It is a cpio archive that is not compressed: unpacking gzip in an emulated machine
 * costs some ten instructions a byte, copying next to none. --update asks the archive for newer packages.
 */
import { existsSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
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
import { firstLine, main, run, SetupError } from '../../scripts/lib/run.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const RECIPE = 'guest-2';
const BUILD_PACKAGES = ['gcc', 'musl-tools', 'linux-libc-dev', 'binutils'];
/** Linked into the agent. */
const AGENT_LIBRARY = 'musl-dev';
const SOURCES = ['agent.c', 'disks.c', 'port.c', 'process.c', 'system.c'];
const HEADERS = ['agent.h', 'protocol.h'];
/** crun and the packages of all libraries it loads; the build fails if a library is missing. */
const GUEST_PACKAGES = [
  'crun',
  'busybox-static',
  'libc6',
  'libcap2',
  'libseccomp2',
  'libsystemd0',
  'libyajl2',
  'libgcrypt20',
  'libgpg-error0',
  'liblzma5',
  'libzstd1',
  'liblz4-1',
];
const LIBRARY_FOLDERS = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'];
const LOADER = 'lib64/ld-linux-x86-64.so.2';

function compileAgent(folder) {
  const output = join(folder, 'agent');
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
  run('musl-gcc', [...flags, ...includes, '-o', output, ...SOURCES], { cwd: HERE });
  return readFileSync(output);
}

/** Names of the shared libraries that an ELF file asks for. */
function neededLibraries(path) {
  return [...run('readelf', ['-d', path]).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]);
}

/** All libraries that a program loads: name → path in the unpacked packages. */
function libraryClosure(root, program) {
  const found = new Map();
  const queue = [program];
  while (queue.length > 0) {
    for (const name of neededLibraries(queue.pop())) {
      if (found.has(name) || LOADER.endsWith(name)) continue;
      const path = LIBRARY_FOLDERS.map((folder) => join(root, folder, name)).find((candidate) => existsSync(candidate));
      if (!path) throw new SetupError(`crun needs ${name}, and none of the guest's packages has it`);
      found.set(name, path);
      queue.push(path);
    }
  }
  return found;
}

/** Entries of the initramfs, folders before their content. */
function initramfsEntries(agent, root) {
  const crun = join(root, 'usr/bin/crun');
  const libraries = [...libraryClosure(root, crun)].sort(([a], [b]) => (a < b ? -1 : 1));
  const folder = (path) => ({ path, mode: 0o40755 });
  const program = (path, data) => ({ path, mode: 0o100755, data });
  const link = (path, target) => ({ path, mode: 0o120777, data: Buffer.from(target) });
  return [
    ...['bin', 'dev', 'etc', 'lib', 'lib/x86_64-linux-gnu', 'lib64', 'proc', 'root', 'run', 'sys', 'tmp', 'usr'].map(
      folder,
    ),
    folder('usr/bin'),
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    { path: 'root/null', mode: 0o20666, device: [1, 3] },
    program('init', agent),
    program('bin/busybox', readFileSync(join(root, 'bin/busybox'))),
    link('bin/sh', 'busybox'),
    program('usr/bin/crun', readFileSync(crun)),
    program(LOADER, readFileSync(realpathSync(join(root, LIBRARY_FOLDERS[0], 'ld-linux-x86-64.so.2')))),
    ...libraries.map(([name, path]) => program(`lib/x86_64-linux-gnu/${name}`, readFileSync(realpathSync(path)))),
  ];
}

/** The entry { folder, manifest } of the initramfs, built when the cache has none. */
export async function ensureInitramfs({ update = false, force = false } = {}) {
  const sources = [...SOURCES, ...HEADERS, 'build.mjs'].map((name) => readFileSync(join(HERE, name)));
  const sourceHash = hashParts(RECIPE, ...sources);
  if (!update && !force) {
    const [entry] = findEntries('guest', (manifest) => manifest.sourceHash === sourceHash);
    if (entry) return entry;
  }
  ensurePackages(BUILD_PACKAGES, 'the guest agent');
  const versions = Object.fromEntries(GUEST_PACKAGES.map((name) => [name, candidateVersion(name)]));
  const toolchain = firstLine('gcc', ['--version']);
  const key = hashParts(sourceHash, JSON.stringify(versions), toolchain).slice(0, 16);
  const [existing] = findEntries('guest', (manifest) => manifest.key === key);
  if (existing && !force) return existing;

  const progress = startProgress('guest initramfs');
  const folder = temporaryFolder('guest');
  try {
    const agent = compileAgent(folder);
    const root = unpackPackages(versions, folder);
    const archive = cpio(initramfsEntries(agent, root));
    const copyrights = [
      ...readdirSync(join(root, 'usr/share/doc'))
        .sort()
        .map((name) => join(root, 'usr/share/doc', name, 'copyright')),
      join('/usr/share/doc', AGENT_LIBRARY, 'copyright'),
    ];
    const notices = copyrights
      .filter((path) => existsSync(path))
      .map((path) => `==== ${path.slice(path.indexOf('usr/share'))}\n${readFileSync(path, 'utf8')}\n`);
    const origins = { ...packageSources(folder), [AGENT_LIBRARY]: installedSource(AGENT_LIBRARY) };
    const busybox = readFileSync(join(root, 'bin/busybox'));
    const files = { 'initramfs.cpio': archive, agent, busybox, notices: Buffer.from(notices.join('')) };
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
