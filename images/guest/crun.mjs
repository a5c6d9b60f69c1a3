#!/usr/bin/env node
/**
 * Builds crun from Debian's source package as one static program, and keeps it with a manifest in the cache. Debian's own loads
 * twelve libraries, for systemd and checkpoints mostly, and loads them at each of its steps: two thirds of all instructions of a
 * container's start. Built-ins only: runs on a bare clone.
 *
 *   node images/guest/crun.mjs [--update] [--force]
 *
 * Prints the program's path. Position-independent and hardened as Debian's is (static-pie). --update asks the archive for a newer
 * source.
 */
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findEntries, hashFile, hashParts, publish, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { candidateVersion, ensurePackages, installedSource, unpackSource } from '../../scripts/lib/debian.mjs';
import { startProgress } from '../../scripts/lib/progress.mjs';
import { firstLine, main, run, runStreaming } from '../../scripts/lib/run.mjs';

const HERE = fileURLToPath(import.meta.url);
const SOURCE_PACKAGE = 'crun';
/** What is linked into it. */
const LIBRARIES = ['libc6-dev', 'libcap-dev', 'libseccomp-dev', 'libyajl-dev'];
const BUILD_PACKAGES = [...LIBRARIES, 'binutils', 'dpkg-dev', 'gcc', 'make', 'pkg-config', 'python3'];
/** Debian's name of the static library is not the one that crun links. */
const YAJL = '/usr/lib/x86_64-linux-gnu/libyajl_s.a';
/** No systemd runs in the guest, nobody checkpoints a container there, and a static program loads no plug-ins. */
const LEFT_OUT = ['--disable-systemd', '--disable-criu', '--disable-dl'];
const HARDENING = '-fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wformat -Werror=format-security';

async function compile(version, folder) {
  const source = unpackSource(SOURCE_PACKAGE, version, folder);
  const libraries = join(folder, 'lib');
  mkdirSync(libraries);
  symlinkSync(YAJL, join(libraries, 'libyajl.a'));
  const flags = [
    `CFLAGS=-O2 -fPIE -ffile-prefix-map=${source}=. ${HARDENING}`,
    `LDFLAGS=-L${libraries} -static-pie -Wl,-z,relro,-z,now,--build-id=none`,
  ];
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' };
  run('./configure', [...LEFT_OUT, ...flags], { cwd: source, env });
  await runStreaming('make', [`-j${availableParallelism()}`, 'git-version.h', 'crun'], () => {}, { cwd: source, env });
  const program = join(source, 'crun');
  run('strip', ['-s', program]);
  return { program: readFileSync(program), copyright: readFileSync(join(source, 'debian/copyright')) };
}

/** Copyright files of what is in the program: its own, then those of the libraries. */
function notices(own) {
  const texts = [
    [SOURCE_PACKAGE, own],
    ...LIBRARIES.map((name) => [name, readFileSync(join('/usr/share/doc', name, 'copyright'))]),
  ];
  return texts.map(([name, text]) => `==== usr/share/doc/${name}/copyright\n${text}\n`).join('');
}

/**
 * The entry { folder, manifest } of crun, built when the cache has none: `crun`, `notices`. The manifest's `version` is that of the
 * source, `builtUsing` names source and version of each library in it.
 */
export async function ensureCrun({ update = false, force = false } = {}) {
  const recipeHash = hashFile(HERE);
  if (!update && !force) {
    const [entry] = findEntries('crun', (manifest) => manifest.recipeHash === recipeHash);
    if (entry) return entry;
  }
  ensurePackages(BUILD_PACKAGES, 'crun');
  const version = candidateVersion(SOURCE_PACKAGE);
  const builtUsing = LIBRARIES.map((name) => installedSource(name)).map(
    ({ source, version }) => `${source} ${version}`,
  );
  const toolchain = firstLine('gcc', ['--version']);
  const key = hashParts(recipeHash, version, ...builtUsing, toolchain).slice(0, 16);
  const [existing] = findEntries('crun', (manifest) => manifest.key === key);
  if (existing && !force) return existing;

  const progress = startProgress('crun');
  const folder = temporaryFolder('crun');
  try {
    const { program, copyright } = await compile(version, folder);
    const files = { crun: program, notices: Buffer.from(notices(copyright)) };
    const facts = { source: SOURCE_PACKAGE, version, builtUsing, toolchain, recipeHash };
    const entry = publish('crun', key, files, facts, ['crun']);
    progress.end(`${version} built, ${(program.length / 1e6).toFixed(1)} MB`);
    return entry;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === HERE) {
  await main(async () => {
    const { values } = parseArgs({ options: { update: { type: 'boolean' }, force: { type: 'boolean' } } });
    const entry = await ensureCrun(values);
    process.stdout.write(`${join(entry.folder, 'crun')}\n`);
  });
}
