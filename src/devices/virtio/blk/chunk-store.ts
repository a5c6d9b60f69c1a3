/**
 * Where the content of a disk outlives its machine: whole chunks under the disk's name. chunk-disk.ts is the disk; a
 * platform brings the store (WorkerPlatform.openChunks in src/worker/serve.ts).
 */

/** Bytes of a chunk; the last one of a disk is as long, whatever the disk's size. */
export const CHUNK_BYTES = 65536;

/** What a disk was made for, as names and values; it is good for nothing else. */
export type DiskIdentity = Readonly<Record<string, string>>;

/** A disk as a store has it. */
export interface StoredDisk {
  readonly identity: DiskIdentity;
  /** By their number; CHUNK_BYTES each, and the disk's to keep. What is not among them is zero. */
  readonly chunks: ReadonlyMap<number, Uint8Array>;
}

/** New content by chunk number: CHUNK_BYTES, or undefined for zeroes. */
export type ChunkChanges = ReadonlyMap<number, Uint8Array | undefined>;

/**
 * The chunks of one disk. It belongs to whoever has it open, alone; opening it throws CONFLICT while somebody else has.
 * Calls do not overlap, apart from {@link ChunkStore.close}.
 */
export interface ChunkStore {
  /** All of it, or undefined when it was never written. Throws STORE when it can't be read. */
  load(): Promise<StoredDisk | undefined>;
  /**
   * Makes the disk new, with this identity and content, in place of whatever there is. All or nothing, as {@link commit}.
   */
  create(identity: DiskIdentity, chunks: ChunkChanges): Promise<void>;
  /**
   * Makes changes durable, all or nothing: whenever the host or the page dies, the store has all of them or none. The
   * arrays do not change until it is settled, and are not the store's afterwards. Throws NO_SPACE or STORE; then it has
   * none of them.
   */
  commit(changes: ChunkChanges): Promise<void>;
  /** Lets go of it. A commit under way may be lost. */
  close(): void;
}
