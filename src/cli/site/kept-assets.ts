/**
 * What the pages of a site fetch, kept in the cache for an installed package, which has guest and image in another form: made at first
 * use, by one process at a time, and compared with its hashes at each use. Node only.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FileMutex } from '../../oci/store/node-mutex.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const LIST_FILE = 'list.json';
const FILES_FOLDER = 'files';
const LOCKS_FOLDER = 'lock';
const TEMPORARY = '.tmp-';
/** Whoever waits for another longer than this is told why. */
const WAIT_TOLD_MS = 1000;

export interface KeptAssetsOptions {
  /** The cache's folder for these. */
  readonly folder: string;
  /** A name for what they are made of. */
  readonly key: string;
  /** Makes them in a folder that is there and empty. */
  readonly make: (folder: string) => Promise<void>;
  /** Is told in a line what takes long. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The hash of each file by its path, with slashes. */
type FileList = Readonly<Record<string, string>>;

/**
 * The folder with all files as they were made; who wants to change them, copies them. Throws what `make` does, NO_SPACE, NOT_FOUND, or the
 * signal's reason.
 */
export async function keptAssets(options: KeptAssetsOptions): Promise<string> {
  const { folder, key, tell, signal } = options;
  const entry = join(folder, key);
  if (await isWhole(entry)) return join(entry, FILES_FOLDER);
  try {
    const unlock = await lock(folder, tell, signal);
    try {
      // Somebody else may have made them meanwhile.
      if (!(await isWhole(entry))) await makeEntry(entry, options);
    } finally {
      await unlock();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw explained(error, folder);
  }
  return join(entry, FILES_FOLDER);
}

async function lock(folder: string, tell: (line: string) => void, signal: AbortSignal): Promise<() => Promise<void>> {
  const mutex = new FileMutex(join(folder, LOCKS_FOLDER), { uniqueName: randomUUID, nowMs: Date.now });
  const timer = setTimeout(() => tell('another viv is making it: waiting'), WAIT_TOLD_MS);
  try {
    return await mutex.acquire(signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Under the lock. */
async function makeEntry(entry: string, { folder, make, signal }: KeptAssetsOptions): Promise<void> {
  // Nobody else makes any now, so these are of processes that were killed.
  for (const name of await readdir(folder))
    if (name.startsWith(TEMPORARY)) await rm(join(folder, name), { recursive: true, force: true });
  const temporary = await mkdtemp(join(folder, TEMPORARY));
  try {
    const files = join(temporary, FILES_FOLDER);
    await mkdir(files);
    await make(files);
    signal.throwIfAborted();
    await writeFile(join(temporary, LIST_FILE), JSON.stringify(await hashAll(files)));
    await rm(entry, { recursive: true, force: true });
    await rename(temporary, entry);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Whether all files are there and as they were made, and no others. */
async function isWhole(entry: string): Promise<boolean> {
  try {
    const list = JSON.parse(await readFile(join(entry, LIST_FILE), 'utf8')) as FileList;
    const found = await hashAll(join(entry, FILES_FOLDER));
    return JSON.stringify(found) === JSON.stringify(list);
  } catch {
    return false; // whoever makes it will see why
  }
}

async function hashAll(folder: string): Promise<FileList> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const list: Record<string, string> = {};
  for (const path of paths.sort()) {
    const hash = createHash('sha256').update(await readFile(path));
    list[relative(folder, path).split(sep).join('/')] = hash.digest('hex');
  }
  return list;
}

/** What the file system refuses, with its remedy. */
function explained(error: unknown, folder: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof VivariumError || syscall === undefined) return error;
  if (code === 'ENOSPC')
    return new VivariumError(
      ErrorCodes.NO_SPACE,
      `there is no room in ${folder} for what pages fetch; free about 100 MB`,
      { cause: error },
    );
  return new VivariumError(
    ErrorCodes.NOT_FOUND,
    `what pages fetch can't be written to ${folder}: ${message}; set VIVARIUM_CACHE to a folder that you may write`,
    { cause: error },
  );
}
