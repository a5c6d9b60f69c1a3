/**
 * What an image store needs of the place it lies in. In Node that is a folder (node-store-files.ts); a browser's is OPFS or
 * IndexedDB with the Web Locks API. Paths are relative, with `/`, one or more folders deep; folders come into being with
 * what is in them.
 */

export interface StoredFile {
  /** Without its folder. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since the epoch by the clock of {@link StoreFiles.nowMs}. */
  readonly modifiedMs: number;
}

/** A file that grows at its end. */
export interface GrowingFile {
  /** Bytes that are in it. */
  readonly size: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Empties it. */
  reset(): Promise<void>;
  /** Resolves when what was appended outlives a power failure. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Every method may throw STORE (not readable, not writable) or NO_SPACE. */
export interface StoreFiles {
  /** Names the place in messages. */
  readonly what: string;
  /** The files directly in a folder; none when there is no such folder. */
  list(folder: string): Promise<readonly StoredFile[]>;
  stat(path: string): Promise<StoredFile | undefined>;
  /** Its bytes from `offset`. Throws NOT_FOUND when there is none. */
  read(path: string, offset?: number): AsyncIterable<Uint8Array>;
  /** Replaces or makes a small file; others see the old or the new one, also after a power failure. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Opens a file to append to it; it is made if needed. */
  grow(path: string): Promise<GrowingFile>;
  /** Gives a file that is closed another name, replacing what has it, at once and for good. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; it need not be there. */
  remove(path: string): Promise<void>;

  /** Runs an action while nobody else of any process does. Not to be nested, and not for what takes long. */
  exclusively<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** A text that stands for whoever uses this object, for {@link isAlive}. */
  readonly owner: string;
  /** Whether the owner of a text may still be at work; false only when it surely is not. */
  isAlive(owner: string): Promise<boolean>;
  /** A short name that nobody has used or will use: letters, digits and dashes. */
  uniqueName(): string;
  nowMs(): number;
  /** Rejects with the signal's reason. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
