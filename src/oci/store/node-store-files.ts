/**
 * A store's place as a folder on disk. What gets a name is complete and has been flushed (fsync) before, and so has the
 * folder afterwards. The folder belongs to its user alone.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VivariumError } from '../../util/errors.ts';
import { notFound, quote } from '../fail.ts';
import { describe } from '../node-content.ts';
import type { GrowingFile, StoreFiles, StoredFile } from './files.ts';
import { FileMutex } from './node-mutex.ts';
import { ownerLiveness, thisOwner } from './node-owner.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const READ_CHUNK_BYTES = 256 * 1024;
const LOCK_FOLDER = 'lock';
const DRAFT_PREFIX = '.draft-';
const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT'];

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

export class NodeStoreFiles implements StoreFiles {
  readonly what: string;
  readonly owner = thisOwner();
  readonly #root: string;
  readonly #mutex: FileMutex;

  /** The folder is made when something is written. */
  constructor(root: string) {
    this.#root = root;
    this.what = quote(root);
    this.#mutex = new FileMutex(join(root, LOCK_FOLDER), {
      uniqueName: () => this.uniqueName(),
      nowMs: () => this.nowMs(),
    });
  }

  async list(folder: string): Promise<readonly StoredFile[]> {
    const path = join(this.#root, folder);
    const entries = await this.#translate('read', readdir(path, { withFileTypes: true })).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const files: StoredFile[] = [];
    for (const entry of entries) {
      if (!entry.isFile() || entry.name.startsWith(DRAFT_PREFIX)) continue;
      const file = await this.stat(join(folder, entry.name));
      if (file !== undefined) files.push(file); // else removed meanwhile
    }
    return files;
  }

  async stat(path: string): Promise<StoredFile | undefined> {
    try {
      const { size, mtimeMs } = await this.#translate('read', stat(join(this.#root, path)));
      return { name: basename(path), size, modifiedMs: mtimeMs };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async *read(path: string, offset = 0): AsyncGenerator<Uint8Array> {
    const file = await this.#translate('read', open(join(this.#root, path), constants.O_RDONLY)).catch(
      (error: unknown) => {
        if (isMissing(error)) throw notFound(`${this.what} has no ${quote(path)}`, error);
        throw error;
      },
    );
    try {
      for (let at = offset; ;) {
        const buffer = new Uint8Array(READ_CHUNK_BYTES);
        const { bytesRead } = await this.#translate('read', file.read(buffer, 0, buffer.length, at));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const target = join(this.#root, path);
    const draft = join(dirname(target), `${DRAFT_PREFIX}${this.uniqueName()}`);
    this.#makeFolder(dirname(target));
    try {
      const file = await this.#translate('write', open(draft, 'wx', PRIVATE_FILE_MODE));
      try {
        await this.#translate('write', file.writeFile(bytes));
        await this.#translate('write', file.sync());
      } finally {
        await file.close();
      }
      await this.#translate('write', rename(draft, target));
      this.#syncFolder(dirname(target));
    } finally {
      await rm(draft, { force: true });
    }
  }

  async grow(path: string): Promise<GrowingFile> {
    const target = join(this.#root, path);
    this.#makeFolder(dirname(target));
    const file = await this.#translate('write', open(target, 'a', PRIVATE_FILE_MODE));
    return new NodeGrowingFile(file, (await file.stat()).size, (promise) => this.#translate('write', promise));
  }

  async rename(from: string, to: string): Promise<void> {
    const target = join(this.#root, to);
    this.#makeFolder(dirname(target));
    await this.#translate('write', rename(join(this.#root, from), target));
    this.#syncFolder(dirname(target));
  }

  async remove(path: string): Promise<void> {
    await this.#translate('write', rm(join(this.#root, path), { force: true }));
  }

  async exclusively<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.#translate('lock', this.#mutex.acquire(signal));
    try {
      return await action();
    } finally {
      await this.#translate('lock', release());
    }
  }

  isAlive(owner: string): Promise<boolean> {
    return Promise.resolve(ownerLiveness(owner) !== 'dead');
  }

  uniqueName(): string {
    return randomUUID();
  }

  nowMs(): number {
    return Date.now();
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      signal?.throwIfAborted(); // its own reason, not Node's AbortError
      throw error;
    });
  }

  #makeFolder(folder: string): void {
    try {
      mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    } catch (cause) {
      throw this.#failure('write', cause);
    }
  }

  /** A rename is durable once its folder is (fsync(2)). */
  #syncFolder(folder: string): void {
    const descriptor = openSync(folder, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw this.#failure('write', error); // some file systems have nothing to flush
    } finally {
      closeSync(descriptor);
    }
  }

  async #translate<T>(verb: string, promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (cause) {
      throw this.#failure(verb, cause);
    }
  }

  #failure(verb: string, cause: unknown): unknown {
    const code = codeOf(cause);
    if (code === undefined || cause instanceof VivariumError || code === 'ABORT_ERR') return cause;
    if (FULL_CODES.includes(code))
      return new VivariumError(
        'NO_SPACE',
        `no space is left for ${this.what}; free some, perhaps with viv system prune`,
        {
          cause,
        },
      );
    return new VivariumError('STORE', `can't ${verb} the image store ${this.what}: ${describe(cause)}`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof VivariumError ? error.cause : error;
  return codeOf(cause) === 'ENOENT';
}

class NodeGrowingFile implements GrowingFile {
  size: number;
  readonly #file: FileHandle;
  readonly #translate: <T>(promise: Promise<T>) => Promise<T>;

  constructor(file: FileHandle, size: number, translate: <T>(promise: Promise<T>) => Promise<T>) {
    this.#file = file;
    this.size = size;
    this.#translate = translate;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#translate(this.#file.writeFile(bytes)); // on a handle this appends, however short a write is
    this.size += bytes.length;
  }

  async reset(): Promise<void> {
    await this.#translate(this.#file.truncate(0));
    this.size = 0;
  }

  async sync(): Promise<void> {
    await this.#translate(this.#file.sync());
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
