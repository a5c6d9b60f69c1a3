/**
 * The cache outside the work tree where large built things live (kernels, initramfs), each in a folder named by a
 * key of all its inputs, with a manifest. A folder appears by one rename, so a killed build leaves nothing half done.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const MANIFEST = 'manifest.json';
const TEMPORARY = '.tmp-';
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;

/** VIVARIUM_CACHE, else XDG_CACHE_HOME/vivarium, else ~/.cache/vivarium. */
export function cacheDir() {
  if (process.env.VIVARIUM_CACHE) return process.env.VIVARIUM_CACHE;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vivarium');
}

/** SHA-256 in hexadecimal of buffers and strings; each part is length-prefixed, so parts never run together. */
export function hashParts(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex');
}

/** SHA-256 in hexadecimal of one file. */
export function hashFile(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** An entry's manifest with its folder, or null when the entry is absent or one of its files changed. */
export function readEntry(folder) {
  const manifestPath = join(folder, MANIFEST);
  if (!existsSync(manifestPath)) return null;
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  for (const file of manifest.files) {
    const path = join(folder, file.name);
    if (!existsSync(path) || hashFile(path) !== file.sha256) return null;
  }
  return { folder, manifest };
}

/** All intact entries of one kind whose manifest satisfies a predicate, newest first. */
export function findEntries(kind, accepts) {
  const root = join(cacheDir(), kind);
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, MANIFEST)))
    .map((name) => ({
      folder: join(root, name),
      manifest: JSON.parse(readFileSync(join(root, name, MANIFEST), 'utf8')),
    }))
    .filter(({ manifest }) => accepts(manifest))
    .sort((a, b) => b.manifest.builtAt.localeCompare(a.manifest.builtAt))
    .filter(({ folder }) => readEntry(folder) !== null);
}

/** A temporary folder inside the cache (same file system, so publish is a rename). The caller removes it. */
export function temporaryFolder(kind) {
  const root = join(cacheDir(), kind);
  mkdirSync(root, { recursive: true });
  // What a build that was killed left: gigabytes, for a kernel.
  const leftovers = readdirSync(root).filter((name) => name.startsWith(TEMPORARY));
  for (const path of leftovers.map((name) => join(root, name))) {
    if (Date.now() - statSync(path).mtimeMs > LEFTOVER_AGE_MS) rmSync(path, { recursive: true, force: true });
  }
  return mkdtempSync(join(root, TEMPORARY));
}

/**
 * Publishes files (name → bytes) as kind/key with a manifest; returns the entry. An existing entry is replaced. The
 * files named in `programs` may be executed.
 */
export function publish(kind, key, files, facts, programs = []) {
  const staging = temporaryFolder(kind);
  const folder = join(cacheDir(), kind, key);
  const listed = Object.entries(files).map(([name, bytes]) => {
    writeFileSync(join(staging, name), bytes, { mode: programs.includes(name) ? 0o755 : 0o644 });
    return { name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  const manifest = { ...facts, key, files: listed, builtAt: new Date().toISOString() };
  writeFileSync(join(staging, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(staging, folder);
  return { folder, manifest };
}
