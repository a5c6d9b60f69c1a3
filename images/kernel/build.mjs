#!/usr/bin/env node
/**
 * Builds the guest kernel from Debian's linux-source-6.1 and keeps the stripped vmlinux with a
 * manifest in the cache (scripts/lib/cache.mjs); for i386 the bzImage too. Two builds of one key are byte-identical.
 * Built-ins only: runs on a bare clone.
 *
 *   node images/kernel/build.mjs [--arch x86_64|i386] [--update] [--force]
 *
 * Prints the path of vmlinux. Without --update any cached kernel of these fragments and this toolchain will do; with
 * it the archive's current source version is asked for. --force builds even what is there (to check the hash).
 * Works on Debian 12; the archive serves only the current source version, so that is recorded, never pinned.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findEntries, hashParts, publish, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { candidateVersion, ensurePackages, packageSources, unpackPackages } from '../../scripts/lib/debian.mjs';
import { startProgress } from '../../scripts/lib/progress.mjs';
import { firstLine, main, run, runStreaming, SetupError } from '../../scripts/lib/run.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE_PACKAGE = 'linux-source-6.1';
const BUILD_PACKAGES = [
  'gcc',
  'libc6-dev',
  'make',
  'perl',
  'xz-utils',
  'zstd',
  'bc',
  'flex',
  'bison',
  'libelf-dev',
  'cpio',
  'binutils',
];
/** What goes into the hash besides the fragments: bump when the commands below change what is built. */
const RECIPE = 'kernel-1';
/** What make is asked for besides vmlinux: v86 boots no ELF file. The published name is the file's own. */
const BOOT_IMAGES = { x86_64: {}, i386: { bzImage: 'arch/x86/boot/bzImage' } };
/** Files that make compiles for our configuration, for the progress line only. */
const EXPECTED_FILES = { x86_64: 1494, i386: 1452 };

/** All fragments of an architecture, in the order in which they seed the configuration. */
function seed(arch) {
  return ['common.config', `${arch}.config`].map((name) => readFileSync(join(HERE, name), 'utf8')).join('');
}

function toolchain() {
  const gcc = firstLine('gcc', ['--version']);
  const ld = firstLine('ld', ['--version']);
  return gcc && ld ? `${gcc}; ${ld}` : null;
}

/** Options asked for that Kconfig dropped: a fragment that silently loses an option is a broken recipe. */
function droppedOptions(fragments, config) {
  const have = new Set(config.split('\n'));
  return fragments.split('\n').filter((line) => /^CONFIG_\w+=/.test(line) && !have.has(line));
}

/** The unpacked source package, what its copyright file says, and which source it is. */
function fetchSource(sourceVersion, folder) {
  const root = unpackPackages({ [SOURCE_PACKAGE]: sourceVersion }, folder);
  const { [SOURCE_PACKAGE]: origin } = packageSources(folder);
  rmSync(join(folder, 'debs'), { recursive: true });
  return { root, origin, copyright: readFileSync(join(root, 'usr/share/doc', SOURCE_PACKAGE, 'copyright')) };
}

/**
 * { package, origin, copyright } of a kernel in the cache: Debian package, its source, what its copyright file says. For a kernel that was
 * built before these were kept, the package is asked again.
 */
export function kernelLicence({ folder, manifest }) {
  if (manifest.origin !== undefined)
    return {
      package: manifest.source,
      origin: manifest.origin,
      copyright: readFileSync(join(folder, 'copyright'), 'utf8'),
    };
  const temporary = temporaryFolder('kernel');
  try {
    const { origin, copyright } = fetchSource(manifest.sourceVersion, temporary);
    return { package: manifest.source, origin, copyright: copyright.toString() };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function build(arch, fragments, tools, sourceVersion) {
  setPriority(10); // a long build leaves the machine usable
  const folder = temporaryFolder('kernel');
  const progress = startProgress(`kernel ${arch}`);
  try {
    progress.update(`fetching ${SOURCE_PACKAGE} ${sourceVersion}`);
    const { root, copyright, origin } = fetchSource(sourceVersion, folder);
    progress.update('unpacking the source');
    const source = join(folder, 's');
    const output = join(folder, 'b');
    mkdirSync(source);
    mkdirSync(output);
    const archive = readdirSync(join(root, 'usr/src')).find(
      (name) => name.startsWith('linux-source') && name.endsWith('.tar.xz'),
    );
    await runStreaming('tar', ['-C', source, '--strip-components=1', '-xf', join(root, 'usr/src', archive)], () => {});
    rmSync(root, { recursive: true });

    const seedFile = join(folder, 'seed');
    writeFileSync(seedFile, fragments);
    const env = {
      PATH: process.env.PATH,
      LC_ALL: 'C',
      KCONFIG_ALLCONFIG: seedFile,
      KBUILD_BUILD_TIMESTAMP: '2024-01-01',
      KBUILD_BUILD_USER: 'b',
      KBUILD_BUILD_HOST: 'b',
      KBUILD_BUILD_VERSION: '1',
    };
    const make = ['-C', source, `O=${output}`, `ARCH=${arch}`];
    run('make', [...make, 'allnoconfig'], { env });
    const config = readFileSync(join(output, '.config'), 'utf8');
    const dropped = droppedOptions(fragments, config);
    if (dropped.length > 0)
      throw new SetupError(`kernel options that do not hold in this source: ${dropped.join(' ')}`);

    let compiledCount = 0;
    await runStreaming(
      'make',
      [`-j${availableParallelism()}`, ...make, 'vmlinux', ...Object.keys(BOOT_IMAGES[arch])],
      (line) => {
        if (/^\s+(CC|AS)\s/.test(line))
          progress.update(`${++compiledCount} of about ${EXPECTED_FILES[arch]} files compiled`);
      },
      { env },
    );
    execFileSync('strip', ['-s', join(output, 'vmlinux')]);
    const vmlinux = readFileSync(join(output, 'vmlinux'));
    progress.end(`built, ${(vmlinux.length / 1e6).toFixed(1)} MB, ${compiledCount} files compiled`);
    const images = Object.entries(BOOT_IMAGES[arch]).map(([name, path]) => [name, readFileSync(join(output, path))]);
    const files = { vmlinux, config: Buffer.from(config), copyright, ...Object.fromEntries(images) };
    return { files, origin };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The entry { folder, manifest } of a kernel, built when the cache has none. */
export async function ensureKernel({ arch = 'x86_64', update = false, force = false } = {}) {
  if (!(arch in EXPECTED_FILES)) throw new SetupError(`no kernel recipe for ${arch}: use x86_64 or i386`);
  const fragments = seed(arch);
  const fragmentsHash = hashParts(RECIPE, ...Object.keys(BOOT_IMAGES[arch]), fragments);
  const known = toolchain();
  if (!update && !force) {
    const fits = (m) =>
      m.arch === arch && m.fragmentsHash === fragmentsHash && (known === null || m.toolchain === known);
    const [entry] = findEntries('kernel', fits);
    if (entry) return entry;
  }
  ensurePackages(BUILD_PACKAGES, 'the kernel build');
  const tools = toolchain();
  const sourceVersion = candidateVersion(SOURCE_PACKAGE);
  const key = `${arch}-${hashParts(fragmentsHash, sourceVersion, tools).slice(0, 16)}`;
  const [existing] = findEntries('kernel', (m) => m.key === key);
  if (existing && !force) return existing;
  const { files, origin } = await build(arch, fragments, tools, sourceVersion);
  const entry = publish('kernel', key, files, {
    arch,
    source: SOURCE_PACKAGE,
    sourceVersion,
    origin,
    toolchain: tools,
    recipe: RECIPE,
    fragmentsHash,
  });
  const vmlinuxHash = (e) => e.manifest.files.find((file) => file.name === 'vmlinux').sha256;
  if (existing && vmlinuxHash(existing) !== vmlinuxHash(entry)) {
    throw new SetupError('the kernel build is not reproducible: the new vmlinux differs from the one of the same key');
  }
  return entry;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({
      options: { arch: { type: 'string' }, update: { type: 'boolean' }, force: { type: 'boolean' } },
    });
    const entry = await ensureKernel(values);
    process.stdout.write(`${join(entry.folder, 'vmlinux')}\n`);
  });
}
