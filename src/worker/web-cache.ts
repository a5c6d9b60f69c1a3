/**
 * What a browser keeps of what was fetched, by name: in the origin's private file system (OPFS), else in IndexedDB, else in
 * memory until the page goes. Who reads from it checks what comes: another tab may be writing, and a browser may drop
 * anything at any time. Works in pages and workers.
 */
import { openDB, type IDBPDatabase } from 'idb';

const ROOT = 'vivarium';
const DATABASE = 'vivarium-cache';
const DATABASE_VERSION = 1;
const STORE = 'blobs';
/** What is kept in memory when there is nothing better; the oldest goes first. */
const MEMORY_BYTES_MAX = 256 << 20;
const PROBE = 'probe';

export interface BlobCache {
  readonly kind: 'opfs' | 'indexeddb' | 'memory';
  get(key: string): Promise<Blob | undefined>;
  /** Rejects when there is no room. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  keys(): Promise<string[]>;
}

/** What a worker has, and TypeScript's types of a page have not (File System Standard, §3.3). */
export interface SyncAccessHandle {
  getSize(): number;
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(byteCount: number): void;
  flush(): void;
  close(): void;
}
export interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?(): Promise<SyncAccessHandle>;
}
/** Opens a cache; the best kind that this browser lets us have. Names are letters, digits, dots and dashes. */
export async function openBlobCache(name: string): Promise<BlobCache> {
  try {
    return await openOpfs(name);
  } catch {
    // Not there, or not for a page that is embedded or private.
  }
  try {
    return await openIndexedDb(name);
  } catch {
    return new MemoryCache();
  }
}

/** A folder of ours in OPFS. Rejects where there is no OPFS. */
export async function opfsFolder(...path: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const name of [ROOT, ...path]) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

async function openOpfs(name: string): Promise<BlobCache> {
  const cache = new OpfsCache(await opfsFolder(name));
  // Some browsers let a page read there, but not write.
  await cache.put(PROBE, new Uint8Array(1));
  await cache.delete(PROBE);
  return cache;
}

class OpfsCache implements BlobCache {
  readonly kind = 'opfs';
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async get(key: string): Promise<Blob | undefined> {
    try {
      return await (await this.#folder.getFileHandle(key)).getFile();
    } catch (error) {
      if (isNamed(error, 'NotFoundError')) return undefined;
      throw error;
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const handle: SyncFileHandle = await this.#folder.getFileHandle(key, { create: true });
    try {
      if (handle.createSyncAccessHandle !== undefined) await writeSync(handle, bytes);
      else await writeStream(handle, bytes);
    } catch (error) {
      // Another tab writes the same.
      if (isNamed(error, 'NoModificationAllowedError')) return;
      await this.delete(key);
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await this.#folder.removeEntry(key).catch(() => {}); // it is not there, or in use
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const key of this.#folder.keys()) keys.push(key);
    return keys;
  }
}

async function writeSync(handle: SyncFileHandle, bytes: Uint8Array): Promise<void> {
  const file = await handle.createSyncAccessHandle!();
  try {
    file.truncate(0);
    for (let done = 0; done < bytes.length;) {
      const count = file.write(bytes.subarray(done), { at: done });
      if (count === 0) throw new DOMException('there is no room', 'QuotaExceededError');
      done += count;
    }
  } finally {
    file.close();
  }
}

async function writeStream(handle: FileSystemFileHandle, bytes: Uint8Array): Promise<void> {
  const stream = await handle.createWritable();
  try {
    await stream.write(bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    await stream.abort();
    throw error;
  }
  await stream.close();
}

async function openIndexedDb(name: string): Promise<BlobCache> {
  const database = await openDB(`${DATABASE}-${name}`, DATABASE_VERSION, {
    upgrade: (upgraded) => void upgraded.createObjectStore(STORE),
    // A newer page wants to change it; this one then does without.
    blocking: () => database.close(),
  });
  return new IndexedDbCache(database);
}

class IndexedDbCache implements BlobCache {
  readonly kind = 'indexeddb';
  readonly #database: IDBPDatabase;

  constructor(database: IDBPDatabase) {
    this.#database = database;
  }

  async get(key: string): Promise<Blob | undefined> {
    const bytes = (await this.#database.get(STORE, key)) as Uint8Array<ArrayBuffer> | undefined;
    return bytes && new Blob([bytes]);
  }
  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#database.put(STORE, bytes, key);
  }
  delete(key: string): Promise<void> {
    return this.#database.delete(STORE, key);
  }
  async keys(): Promise<string[]> {
    return (await this.#database.getAllKeys(STORE)).map(String);
  }
}

/** Keeps things until the page goes. */
export class MemoryCache implements BlobCache {
  readonly kind = 'memory';
  readonly #blobs = new Map<string, Blob>();
  readonly #bytesMax: number;
  #byteCount = 0;

  constructor(bytesMax = MEMORY_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Promise<Blob | undefined> {
    return Promise.resolve(this.#blobs.get(key));
  }
  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.delete(key);
    this.#blobs.set(key, new Blob([bytes as Uint8Array<ArrayBuffer>]));
    this.#byteCount += bytes.length;
    for (const oldest of this.#blobs.keys()) {
      if (this.#byteCount <= this.#bytesMax) break;
      await this.delete(oldest);
    }
  }
  delete(key: string): Promise<void> {
    this.#byteCount -= this.#blobs.get(key)?.size ?? 0;
    this.#blobs.delete(key);
    return Promise.resolve();
  }
  keys(): Promise<string[]> {
    return Promise.resolve([...this.#blobs.keys()]);
  }
}

/** Whether an error is a DOMException of that name. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof DOMException && error.name === name;
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
