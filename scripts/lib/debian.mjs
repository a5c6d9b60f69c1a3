/**
 * Debian packages that the set-up needs: installs what is missing as root, otherwise names it and stops.
 * Package files (not installed, only unpacked) come through apt-get download, which checks the archive's signatures.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, SetupError } from './run.mjs';

const APT_ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
let listsUpdated = false;

function isInstalled(name) {
  const done = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' });
  return done.status === 0 && done.stdout.trim() === 'installed';
}

/** Refreshes the package lists, once per process. Does nothing for a user who may not. */
export function updateLists() {
  if (listsUpdated || process.getuid?.() !== 0) return;
  run('apt-get', ['update', '-q'], { env: APT_ENV });
  listsUpdated = true;
}

/** Installs the packages that are missing. As an ordinary user: stops with the command to type. */
export function ensurePackages(names, purpose) {
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new SetupError(
      `${purpose} needs Debian's packages ${names.join(', ')}, and this system has no dpkg: use a Debian system`,
    );
  }
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0) {
    throw new SetupError(`${purpose} needs packages that are missing; as root: apt-get ${install.join(' ')}`);
  }
  process.stderr.write(`installing for ${purpose}: ${missing.join(' ')}\n`);
  updateLists();
  run('apt-get', ['-q', ...install], { env: APT_ENV });
}

/** The version of a package that the archive offers now. */
export function candidateVersion(name) {
  updateLists();
  const policy = run('apt-cache', ['policy', name], { env: APT_ENV });
  const version = /Candidate: (\S+)/.exec(policy)?.[1];
  if (!version || version === '(none)')
    throw new SetupError(`the package archive has no ${name}: check the apt sources`);
  return version;
}

/**
 * Downloads the current version of a package of another architecture and unpacks it; the host's own lists and packages
 * stay as they are. Returns the folder and the version.
 */
export function unpackForeignPackage(name, architecture, folder) {
  for (const path of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(join(folder, path), { recursive: true });
  const options = [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'Dir::State::status=/dev/null',
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
  const at = { cwd: join(folder, 'debs'), env: APT_ENV };
  // Its status is no sign: an archive without this architecture beside one that has it is an error to apt.
  spawnSync('apt-get', ['-q', ...options, 'update'], at);
  run('apt-get', ['-q', ...options, 'download', name], at);
  const [deb] = readdirSync(at.cwd);
  const root = join(folder, 'root');
  run('dpkg-deb', ['-x', join(at.cwd, deb), root]);
  return { root, version: run('dpkg-deb', ['-f', join(at.cwd, deb), 'Version']).trim() };
}

/**
 * What Debian says of package files in the folder of unpackPackages: source package and version of each, and the sources that
 * were linked into it (Debian Policy 5.6.1, 7.8). Package name → { source, version, builtUsing: ["name version"] }.
 */
export function packageSources(folder) {
  const debs = join(folder, 'debs');
  return Object.fromEntries(
    readdirSync(debs)
      .filter((name) => name.endsWith('.deb'))
      .sort()
      .map((deb) => sourceOf(run('dpkg-deb', ['-f', join(debs, deb)]))),
  );
}

/** The same of an installed package. */
export function installedSource(name) {
  return sourceOf(run('dpkg-query', ['-s', name]))[1];
}

function sourceOf(control) {
  const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1];
  const [, source, version] = /^(\S+)(?: \((\S+)\))?$/.exec(field('Source') ?? field('Package'));
  const builtUsing = ['Built-Using', 'Static-Built-Using']
    .flatMap((name) => field(name)?.split(', ') ?? [])
    .map((text) => text.replace(/^(\S+) \(= (\S+)\)$/, '$1 $2'));
  return [field('Package'), { source, version: version ?? field('Version'), builtUsing }];
}

/** Downloads packages at stated versions into a folder and unpacks each there; nothing is installed. */
export function unpackPackages(packages, folder) {
  const debs = join(folder, 'debs');
  const root = join(folder, 'root');
  mkdirSync(debs, { recursive: true });
  mkdirSync(root, { recursive: true });
  const wanted = Object.entries(packages).map(([name, version]) => `${name}=${version}`);
  run('apt-get', ['-q', '-o', 'APT::Sandbox::User=', 'download', ...wanted], { cwd: debs, env: APT_ENV });
  for (const deb of readdirSync(debs).sort()) run('dpkg-deb', ['-x', join(debs, deb), root]);
  return root;
}

/**
 * Downloads the source of a package at the stated version and unpacks it with Debian's patches; the host's own lists stay as they
 * are. Returns the folder of the sources.
 */
export function unpackSource(name, version, folder) {
  for (const path of ['lists/partial', 'cache/archives/partial', 'source'])
    mkdirSync(join(folder, path), { recursive: true });
  // Whatever archives have packages for us have their sources too; the host may not list those.
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const targets = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], { env: APT_ENV });
  const lines = [...new Set(targets.trim().split('\n'))].map((target) => `deb-src ${target}\n`);
  writeFileSync(join(folder, 'sources.list'), lines.join(''));
  const options = [
    `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
  const at = { cwd: join(folder, 'source'), env: APT_ENV };
  // An archive that has no sources is an error to apt; if it was the one we need, the next command says so.
  spawnSync('apt-get', ['-q', ...options, 'update'], at);
  run('apt-get', ['-q', ...options, 'source', `${name}=${version}`], at);
  const unpacked = readdirSync(at.cwd, { withFileTypes: true }).find((entry) => entry.isDirectory());
  return join(at.cwd, unpacked.name);
}
