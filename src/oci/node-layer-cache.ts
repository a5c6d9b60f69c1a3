/**
 * Uncompressed layers as files named by their diff id, so that a second run needs no unpacking and no layer needs to be in
 * memory. A file gets its name only when its digest has matched and it is on disk; what was cut off stays nameless and is
 * removed. The folder belongs to its user alone: what bears a name in it is trusted.
 */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VivariumError } from '../util/errors.ts';
import type { ClosableContent } from './content.ts';
import { type Digest, digestAlgorithm, digestHex } from './digest.ts';
import { quote } from './fail.ts';
import type { LayerStore } from './load-rootfs.ts';
import { FileContent, describe } from './node-content.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const PARTIAL_PREFIX = 'partial-';
/** No unpacking takes this long: an older partial folder is that of a process that was killed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

export class LayerCache implements LayerStore {
  readonly #folder: string;

  /** The folder is made when the first layer comes. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(diffId: Digest, produce: () => AsyncIterable<Uint8Array>): Promise<ClosableContent> {
    const { folder, path } = this.#place(diffId);
    return openIfThere(path) ?? (await this.#fill(folder, path, produce));
  }

  async discard(diffId: Digest): Promise<void> {
    await rm(this.#place(diffId).path, { force: true });
  }

  #place(diffId: Digest): { folder: string; path: string } {
    const folder = join(this.#folder, digestAlgorithm(diffId));
    return { folder, path: join(folder, digestHex(diffId)) };
  }

  async #fill(folder: string, path: string, produce: () => AsyncIterable<Uint8Array>): Promise<ClosableContent> {
    const partialFolder = await makePartialFolder(folder);
    try {
      const partial = join(partialFolder, 'layer.tar');
      await writeStream(partial, produce());
      await rename(partial, path); // if another process was faster, its file is the same
      return new FileContent(openSync(path, constants.O_RDONLY));
    } finally {
      await rm(partialFolder, { recursive: true, force: true });
    }
  }
}

function openIfThere(path: string): ClosableContent | undefined {
  try {
    return new FileContent(openSync(path, constants.O_RDONLY));
  } catch {
    return undefined; // unpacking tells what is wrong, if anything is
  }
}

/** Unpacks a stream into a file without a name, which is gone as soon as it is closed, whatever happens. */
export async function spool(folder: string, stream: AsyncIterable<Uint8Array>): Promise<ClosableContent> {
  const partialFolder = await makePartialFolder(folder);
  let descriptor: number | undefined;
  try {
    const partial = join(partialFolder, 'archive.tar');
    await writeStream(partial, stream);
    descriptor = openSync(partial, constants.O_RDONLY);
    return new FileContent(descriptor);
  } finally {
    await rm(partialFolder, { recursive: true, force: true }).catch((error: unknown) => {
      if (descriptor !== undefined) closeSync(descriptor);
      throw error;
    });
  }
}

async function makePartialFolder(folder: string): Promise<string> {
  try {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    const made = await mkdtemp(join(folder, PARTIAL_PREFIX));
    await removeAbandoned(folder, (await stat(made)).mtimeMs);
    return made;
  } catch (cause) {
    throw new VivariumError('NOT_FOUND', `can't write to the layer cache ${quote(folder)}: ${describe(cause)}`, {
      cause,
    });
  }
}

/** Removes what processes that were killed left behind; another process may be doing the same. `nowMs` is the file system's time. */
async function removeAbandoned(folder: string, nowMs: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(PARTIAL_PREFIX));
  for (const name of names) {
    const path = join(folder, name);
    const modified = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity, // gone meanwhile
    );
    if (modified < nowMs - ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

async function writeStream(path: string, stream: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', PRIVATE_FILE_MODE);
  try {
    for await (const chunk of stream) await file.writeFile(chunk); // on a handle this appends, however short a write is
    await file.sync();
  } finally {
    await file.close();
  }
}
