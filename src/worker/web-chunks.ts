/**
 * Disks that outlive their machines in a browser: as logs in the origin's private file system (OPFS), whose files only a worker
 * can write in place; else in IndexedDB, a transaction for each commit. That one machine at a time has a disk is the page's to
 * see to (Web Locks); what is left here is a worker of a page that has just gone.
 */
import { openDB, type IDBPDatabase } from 'idb';
import { ChunkLog, type LogFile, type LogFolder } from '../devices/virtio/blk/chunk-log.ts';
import type { ChunkChanges, ChunkStore, DiskIdentity, StoredDisk } from '../devices/virtio/blk/chunk-store.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { isNamed, opfsFolder, type SyncAccessHandle, type SyncFileHandle } from './web-cache.ts';

const FULL = 'QuotaExceededError';
const IN_USE = 'NoModificationAllowedError';
/** A worker whose page was closed or loaded again lets go of its files within this time. */
const IN_USE_TRIES = 40;
const IN_USE_PAUSE_MS = 100;
/** IndexedDB: the disks, by their place. */
const DATABASE = 'vivarium-disk';
const DATABASE_VERSION = 1;
const CHUNKS = 'chunks';
const FACTS = 'facts';
const IDENTITY = 'identity';

/** @param place names of folders, with slashes between them. Throws STORE where nothing can be kept, CONFLICT while it is in use. */
export async function openWebChunks(place: string): Promise<ChunkStore> {
  let folder: FileSystemDirectoryHandle;
  try {
    folder = await opfsFolder(...place.split('/'));
    const probe: SyncFileHandle = await folder.getFileHandle('probe', { create: true });
    if (probe.createSyncAccessHandle === undefined) throw new TypeError('files can be read only');
  } catch {
    return openIndexedDbChunks(place);
  }
  return new ChunkLog(opfsLogs(folder));
}

/** Removes what is kept at a place, wherever that is. Throws CONFLICT while it is in use. */
export async function removeWebChunks(place: string): Promise<void> {
  const names = place.split('/');
  const name = names.pop()!;
  try {
    const above = await opfsFolder(...names);
    await withPatience(() => above.removeEntry(name, { recursive: true }));
  } catch (error) {
    if (error instanceof VivariumError) throw error;
    // There is none, or no OPFS.
  }
  await new Promise<void>((resolve) => {
    const request = indexedDB.deleteDatabase(`${DATABASE}-${place}`);
    request.onsuccess = request.onerror = request.onblocked = () => resolve();
  });
}

function opfsLogs(folder: FileSystemDirectoryHandle): LogFolder {
  return {
    names: async () => {
      const names: string[] = [];
      for await (const name of folder.keys()) names.push(name);
      return names;
    },
    open: async (name) => {
      const handle: SyncFileHandle = await folder.getFileHandle(name, { create: true });
      return logFile(await withPatience(() => handle.createSyncAccessHandle!()));
    },
    remove: (name) => withPatience(() => folder.removeEntry(name)),
    isFull: (error) => isNamed(error, FULL),
    close: () => {},
  };
}

function logFile(handle: SyncAccessHandle): LogFile {
  return {
    size: () => handle.getSize(),
    read: (offset, target) => {
      for (let done = 0; done < target.length;) {
        const count = handle.read(target.subarray(done), { at: offset + done });
        if (count === 0) throw new RangeError('the file became shorter');
        done += count;
      }
    },
    write: (offset, bytes) => {
      for (let done = 0; done < bytes.length;) {
        const count = handle.write(bytes.subarray(done), { at: offset + done });
        if (count === 0) throw new DOMException('there is no room', FULL);
        done += count;
      }
    },
    truncate: (byteCount) => handle.truncate(byteCount),
    flush: () => handle.flush(),
    close: () => handle.close(),
  };
}

/** Does what can't be done while somebody has a file open, for whom that should be over soon. Throws CONFLICT. */
async function withPatience<T>(action: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (!isNamed(error, IN_USE)) throw error;
      if (tries === IN_USE_TRIES)
        throw new VivariumError(
          ErrorCodes.CONFLICT,
          'what is kept of this computer is in use, in another tab perhaps; close that first',
          { cause: error },
        );
      await new Promise((resolve) => setTimeout(resolve, IN_USE_PAUSE_MS));
    }
  }
}

async function openIndexedDbChunks(place: string): Promise<ChunkStore> {
  try {
    const database = await openDB(`${DATABASE}-${place}`, DATABASE_VERSION, {
      upgrade: (upgraded) => {
        upgraded.createObjectStore(CHUNKS);
        upgraded.createObjectStore(FACTS);
      },
    });
    return new IndexedDbChunks(database);
  } catch (error) {
    throw storeError('this browser does not let the page keep anything', error);
  }
}

class IndexedDbChunks implements ChunkStore {
  readonly #database: IDBPDatabase;

  constructor(database: IDBPDatabase) {
    this.#database = database;
  }

  async load(): Promise<StoredDisk | undefined> {
    try {
      const transaction = this.#database.transaction([CHUNKS, FACTS]);
      const identity = (await transaction.objectStore(FACTS).get(IDENTITY)) as DiskIdentity | undefined;
      if (identity === undefined) return undefined;
      const store = transaction.objectStore(CHUNKS);
      const [numbers, contents] = await Promise.all([store.getAllKeys(), store.getAll()]);
      const chunks = new Map(numbers.map((number, index) => [Number(number), contents[index] as Uint8Array]));
      return { identity, chunks };
    } catch (error) {
      throw storeError("what is kept of the computer's disk can't be read", error);
    }
  }

  create(identity: DiskIdentity, chunks: ChunkChanges): Promise<void> {
    return this.#write(chunks, identity);
  }

  commit(changes: ChunkChanges): Promise<void> {
    return this.#write(changes, undefined);
  }

  close(): void {
    this.#database.close();
  }

  /** One transaction; with an identity, in place of all that there is. */
  async #write(changes: ChunkChanges, identity: DiskIdentity | undefined): Promise<void> {
    const transaction = this.#database.transaction([CHUNKS, FACTS], 'readwrite', { durability: 'strict' });
    const requests: Promise<unknown>[] = [transaction.done];
    try {
      const chunks = transaction.objectStore(CHUNKS);
      if (identity !== undefined) requests.push(chunks.clear(), transaction.objectStore(FACTS).put(identity, IDENTITY));
      for (const [number, bytes] of changes)
        requests.push(bytes === undefined ? chunks.delete(number) : chunks.put(bytes, number));
      await Promise.all(requests);
    } catch (error) {
      for (const request of requests) request.catch(() => {}); // the first one's reason is told
      abort(transaction);
      if (isNamed(error, FULL))
        throw new VivariumError(
          ErrorCodes.NO_SPACE,
          'there is no room to keep what the computer writes; make some, or remove files in it',
          { cause: error },
        );
      throw storeError("what is kept of the computer's disk can't be written", error);
    }
  }
}

/** Undoes what a transaction did, if it is not over. */
function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch {
    // It was undone by itself.
  }
}

function storeError(what: string, cause: unknown): VivariumError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VivariumError(ErrorCodes.STORE, `${what}: ${reason}`, { cause });
}
