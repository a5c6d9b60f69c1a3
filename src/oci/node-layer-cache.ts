/**
 * Layers' disk images as files named by their diff id or chain id, so that a second run needs no unpacking and no layer
 * needs to be in memory. A file gets its name only when the layer's digest has matched and it is on disk; what was cut off
 * stays nameless and is removed. The folder belongs to its user alone: what bears a name in it is trusted.
 */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VivariumError } from '../util/errors.ts';
import type { ClosableContent } from './content.ts';
import { digestAlgorithm, digestHex } from './digest.ts';
import type { ImageSink } from './erofs/writer.ts';
import { quote } from './fail.ts';
import type { LayerKey, LayerStore } from './load-layers.ts';
import { FileContent, describe } from './node-content.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const SUFFIXES = { diff: '.erofs', chain: '.chain.erofs' } as const;
const PARTIAL_PREFIX = 'partial-';
/** No unpacking takes this long: an older partial folder is that of a process that was killed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** A layer's image in a file. */
export interface LayerFile extends ClosableContent {
  readonly path: string;
}

export class LayerCache implements LayerStore<LayerFile> {
  readonly #folder: string;

  /** The folder is made when the first layer comes. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  find(key: LayerKey): Promise<LayerFile | undefined> {
    try {
      return Promise.resolve(openLayerFile(this.#place(key).path));
    } catch {
      return Promise.resolve(undefined); // making it tells what is wrong, if anything is
    }
  }

  async add(key: LayerKey, write: (sink: ImageSink) => Promise<void>): Promise<LayerFile> {
    const { folder, path } = this.#place(key);
    const partialFolder = await makePartialFolder(folder);
    try {
      const partial = join(partialFolder, 'layer.erofs');
      await writeFile(partial, async (file) => {
        await write((bytes) => append(file, bytes));
        await file.sync();
      });
      await rename(partial, path); // if another process was faster, its file is the same
      return openLayerFile(path);
    } finally {
      await rm(partialFolder, { recursive: true, force: true });
    }
  }

  spool(stream: AsyncIterable<Uint8Array>): Promise<ClosableContent> {
    return spool(this.#folder, stream);
  }

  #place({ kind, digest }: LayerKey): { folder: string; path: string } {
    const folder = join(this.#folder, digestAlgorithm(digest));
    return { folder, path: join(folder, `${digestHex(digest)}${SUFFIXES[kind]}`) };
  }
}

function openLayerFile(path: string): LayerFile {
  const content = new FileContent(openSync(path, constants.O_RDONLY));
  return {
    path,
    size: content.size,
    readSync: (offset, length) => content.readSync(offset, length),
    close: () => content.close(),
  };
}

/** Unpacks a stream into a file without a name, which is gone as soon as it is closed, whatever happens. */
export async function spool(folder: string, stream: AsyncIterable<Uint8Array>): Promise<ClosableContent> {
  const partialFolder = await makePartialFolder(folder);
  let descriptor: number | undefined;
  try {
    const partial = join(partialFolder, 'archive.tar');
    await writeFile(partial, async (file) => {
      for await (const chunk of stream) await append(file, chunk);
    });
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

/** Writes a new file. */
async function writeFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx', PRIVATE_FILE_MODE);
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

/** On a handle this appends, however short a write is. */
function append(file: FileHandle, bytes: Uint8Array): Promise<void> {
  return file.writeFile(bytes);
}
