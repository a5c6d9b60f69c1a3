/**
 * The guest of an installed package: one compressed file (scripts/lib/pack-guest.mjs), unpacked into the cache at first use. What comes
 * out is checked against the hashes of the package's list, and has its name only when it is whole.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { cacheFolder, packageRoot } from './paths.ts';

const FOLDER = 'build/package';
const LIST = 'guest.json';
const CACHE_KIND = 'package-guest';
const PRIVATE_MODE = 0o700;

interface PackedFile {
  /** Below the folder, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** build/package/guest.json. Paths are of files, or of folders that files are in. */
export interface PackedGuest {
  readonly key: string;
  /** Beside the list: all files, one after the other, as one Brotli stream. */
  readonly archive: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly images: Readonly<Record<string, string>>;
  readonly files: readonly PackedFile[];
  /** Debian's version of the kernel's source. */
  readonly kernelVersion: string;
  /** Where list and archive are. */
  readonly packedFolder: string;
}

/** The package's list, or undefined where there is none, as in a checkout. Throws NOT_BUILT when it can't be read. */
export function packedGuest(root = packageRoot()): PackedGuest | undefined {
  const packedFolder = join(root, FOLDER);
  const path = join(packedFolder, LIST);
  if (!existsSync(path)) return undefined;
  try {
    return { ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<PackedGuest, 'packedFolder'>), packedFolder };
  } catch (cause) {
    throw damaged(path, cause);
  }
}

/** Where the files are or come to be. */
export function unpackedFolder(guest: PackedGuest): string {
  return join(cacheFolder(), CACHE_KIND, guest.key);
}

/**
 * The folder with all files, which are unpacked if they are not there, or if they are to be `again`. Throws NOT_BUILT, NO_SPACE,
 * NOT_FOUND.
 */
export function unpackGuest(guest: PackedGuest, { again = false }: { readonly again?: boolean } = {}): string {
  const folder = unpackedFolder(guest);
  if (!again && isWhole(folder, guest)) return folder;
  const contents = readArchive(guest);
  const root = dirname(folder);
  let temporary: string | undefined;
  try {
    mkdirSync(root, { recursive: true, mode: PRIVATE_MODE });
    temporary = mkdtempSync(join(root, '.tmp-'));
    for (const [path, bytes] of contents) {
      mkdirSync(dirname(join(temporary, path)), { recursive: true });
      writeFileSync(join(temporary, path), bytes, { flush: true });
    }
    if (again) rmSync(folder, { recursive: true, force: true });
    moveInto(folder, temporary, guest);
    return folder;
  } catch (cause) {
    throw cantWrite(folder, cause);
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
}

/** What is wrong with the unpacked files: a line each, by their hashes. */
export function verifyUnpacked(guest: PackedGuest): string[] {
  const folder = unpackedFolder(guest);
  return guest.files
    .map(({ path, sha256: expected }) => ({ path: join(folder, path), expected }))
    .filter(({ path, expected }) => !existsSync(path) || sha256(readFileSync(path)) !== expected)
    .map(({ path }) => path);
}

/** Sizes alone: this is looked at on every start. */
function isWhole(folder: string, { files }: PackedGuest): boolean {
  return files.every(({ path, bytes }) => sizeOf(join(folder, path)) === bytes);
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch {
    return undefined; // whoever writes it will see why
  }
}

function readArchive({ packedFolder, archive, files }: PackedGuest): Map<string, Uint8Array> {
  const path = join(packedFolder, archive);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let whole: Uint8Array;
  try {
    whole = brotliDecompressSync(readFileSync(path), { maxOutputLength: total });
  } catch (cause) {
    throw damaged(path, cause);
  }
  const contents = new Map<string, Uint8Array>();
  let at = 0;
  for (const file of files) {
    const bytes = whole.subarray(at, (at += file.bytes));
    if (sha256(bytes) !== file.sha256) throw damaged(path);
    contents.set(file.path, bytes);
  }
  return contents;
}

/** Another process may have done the same meanwhile; what is not whole gives way. */
function moveInto(folder: string, temporary: string, guest: PackedGuest): void {
  try {
    renameSync(temporary, folder);
  } catch (error) {
    if (isWhole(folder, guest)) return;
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function damaged(path: string, cause?: unknown): VivariumError {
  return new VivariumError(
    ErrorCodes.NOT_BUILT,
    `${path} of the installed package is damaged; install vivarium again`,
    { cause },
  );
}

function cantWrite(folder: string, cause: unknown): VivariumError {
  if (cause instanceof VivariumError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'ENOSPC'
    ? new VivariumError(ErrorCodes.NO_SPACE, `there is no room for the guest in ${folder}; free about 30 MB`, { cause })
    : new VivariumError(
        ErrorCodes.NOT_FOUND,
        `the guest can't be unpacked to ${folder}: ${message}; set VIVARIUM_CACHE to a folder that you may write`,
        { cause },
      );
}
