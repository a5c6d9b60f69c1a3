/**
 * A disk in memory, in chunks that are made when they are written to: what was never written is zero and takes nothing.
 * A snapshot shares all chunks and costs nothing but what is written afterwards. With a store (chunk-store.ts) the content
 * outlives the machine: a flush is done when the store has what was written before it.
 */
import { assert, ErrorCodes, VivariumError } from '../../../util/errors.ts';
import type { BlockBackend, DiskSnapshot } from './backend.ts';
import { CHUNK_BYTES, type ChunkStore, type DiskIdentity, type StoredDisk } from './chunk-store.ts';

const SECTOR_SIZE = 512;

/** Content of a chunk, for as many as it has users: the disk, snapshots, a commit. With more than one it does not change. */
interface Chunk {
  readonly bytes: Uint8Array;
  userCount: number;
}

export interface ChunkDiskOptions {
  /** A multiple of 512. */
  readonly byteCount: number;
  /** Serial number. */
  readonly id: string;
  /** What is on it from the start, besides zeroes; not for a disk that its store has already. */
  readonly parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** What its chunks and those of its snapshots may take together, in bytes; above it, writes fail. */
  readonly bytesMax: number;
  /** Keeps it; `name` is what errors call it. */
  readonly keep?: { readonly name: string; readonly store: ChunkStore; readonly identity: DiskIdentity } | undefined;
  /** Is told why what was to be kept is not: NO_SPACE or STORE; or LIMIT, at the first write that had no room. */
  readonly onTrouble?: ((error: VivariumError) => void) | undefined;
}

/** The disk is full as far as the host is concerned. */
class NoRoom extends Error {}

class ChunkDiskSnapshot implements DiskSnapshot {
  readonly disk: ChunkDisk;
  chunks: ReadonlyMap<number, Chunk> | undefined;

  constructor(disk: ChunkDisk, chunks: ReadonlyMap<number, Chunk>) {
    this.disk = disk;
    this.chunks = chunks;
  }

  get byteCount(): number {
    let count = 0;
    for (const { userCount } of this.chunks?.values() ?? []) if (userCount === 1) count += CHUNK_BYTES;
    return count;
  }

  release(): void {
    const { chunks } = this;
    this.chunks = undefined;
    if (chunks !== undefined) this.disk.letGo(chunks.values());
  }
}

export class ChunkDisk implements BlockBackend {
  readonly byteCount: number;
  readonly readOnly = false;
  readonly id: string;
  readonly #options: ChunkDiskOptions;
  #chunks = new Map<number, Chunk>();
  #heldBytes = 0;
  #isTroubleTold = false;
  /** Chunks that the store does not have as they are. */
  #unsaved = new Set<number>();
  #commit: Promise<void> | undefined;
  /** Begins when the one under way has ended. */
  #nextCommit: Promise<void> | undefined;

  private constructor(options: ChunkDiskOptions) {
    assert(options.byteCount % SECTOR_SIZE === 0, 'a disk holds whole sectors');
    this.#options = options;
    this.byteCount = options.byteCount;
    this.id = options.id;
  }

  /**
   * Makes the disk, or takes over what its store has. Throws LIMIT when its first content is over the limit, CONFLICT when
   * what is kept was made for something else, and what the store throws, which is then closed.
   */
  static async open(options: ChunkDiskOptions): Promise<ChunkDisk> {
    const disk = new ChunkDisk(options);
    const { keep, parts } = options;
    try {
      const stored = await keep?.store.load();
      if (stored !== undefined) {
        disk.#takeOver(stored);
        return disk;
      }
      for (const { offset, bytes } of parts) disk.write(offset, bytes);
      await keep?.store.create(keep.identity, disk.#content());
      disk.#unsaved.clear();
      return disk;
    } catch (error) {
      keep?.store.close();
      if (error instanceof NoRoom)
        throw new VivariumError(
          ErrorCodes.LIMIT,
          `the first content of the disk ${options.id} does not fit into the ${options.bytesMax} bytes that it may take`,
        );
      throw error;
    }
  }

  /** Bytes of host memory that its chunks take, with those of snapshots. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  read(offset: number, target: Uint8Array): void {
    this.#forEach(offset, target.length, (index, from, until, done) => {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) target.fill(0, done, done + until - from);
      else target.set(chunk.bytes.subarray(from, until), done);
    });
  }

  /** Throws when there is no room; what came before is written. */
  write(offset: number, bytes: Uint8Array): void {
    this.#forEach(offset, bytes.length, (index, from, until, done) => {
      const part = bytes.subarray(done, done + until - from);
      if (!this.#chunks.has(index) && isZero(part)) return;
      this.#own(index).set(part, from);
    });
  }

  flush(): void | Promise<void> {
    if (this.#options.keep === undefined) return;
    if (this.#nextCommit !== undefined) return this.#nextCommit;
    if (this.#commit === undefined) {
      if (this.#unsaved.size === 0) return;
      return (this.#commit = this.#save());
    }
    const next = (): Promise<void> => {
      this.#nextCommit = undefined;
      return (this.#commit = this.#save());
    };
    return (this.#nextCommit = this.#commit.then(next, next));
  }

  discard(offset: number, byteCount: number): void {
    this.#forEach(offset, byteCount, (index, from, until) => {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) return;
      const isRestZero = isZero(chunk.bytes.subarray(0, from)) && isZero(chunk.bytes.subarray(until));
      if (!isRestZero) {
        this.#own(index).fill(0, from, until);
        return;
      }
      this.#chunks.delete(index);
      this.letGo([chunk]);
      this.#changed(index);
    });
  }

  writeZeroes(offset: number, byteCount: number): void {
    this.discard(offset, byteCount);
  }

  snapshot(): DiskSnapshot {
    for (const chunk of this.#chunks.values()) chunk.userCount++;
    return new ChunkDiskSnapshot(this, new Map(this.#chunks));
  }

  restore(snapshot: DiskSnapshot): void {
    const isOwn = snapshot instanceof ChunkDiskSnapshot && snapshot.disk === this;
    const wanted = isOwn ? snapshot.chunks : undefined;
    assert(wanted !== undefined, 'a disk goes back to a snapshot of its own that was not released');
    const before = this.#chunks;
    for (const [index, chunk] of wanted) {
      if (before.get(index) !== chunk) this.#changed(index);
      chunk.userCount++;
    }
    for (const index of before.keys()) if (!wanted.has(index)) this.#changed(index);
    this.#chunks = new Map(wanted);
    this.letGo(before.values());
  }

  close(): void {
    this.#options.keep?.store.close();
  }

  /** For its snapshots: these have one user less each. */
  letGo(chunks: Iterable<Chunk>): void {
    for (const chunk of chunks) if (--chunk.userCount === 0) this.#heldBytes -= CHUNK_BYTES;
  }

  #takeOver({ identity, chunks }: StoredDisk): void {
    const { keep, byteCount } = this.#options;
    const wanted = keep!.identity;
    const other = Object.keys({ ...identity, ...wanted }).find((name) => identity[name] !== wanted[name]);
    if (other !== undefined)
      throw new VivariumError(
        ErrorCodes.CONFLICT,
        `what is kept as ${JSON.stringify(keep!.name)} was made with another ${other}: reset it, or keep this one under another name`,
      );
    for (const [index, bytes] of chunks) {
      if (!Number.isInteger(index) || index < 0 || index * CHUNK_BYTES >= byteCount || bytes.length !== CHUNK_BYTES)
        throw new VivariumError(ErrorCodes.STORE, `what is kept as ${JSON.stringify(keep!.name)} is damaged: reset it`);
      this.#chunks.set(index, { bytes, userCount: 1 });
      this.#heldBytes += CHUNK_BYTES;
    }
  }

  /** Bytes of a chunk that may be written to. Throws NoRoom. */
  #own(index: number): Uint8Array {
    this.#changed(index);
    const chunk = this.#chunks.get(index);
    if (chunk !== undefined && chunk.userCount === 1) return chunk.bytes;
    if (this.#heldBytes + CHUNK_BYTES > this.#options.bytesMax) {
      this.#tell(
        new VivariumError(
          ErrorCodes.LIMIT,
          `the computer's disk has no room: it takes the ${Math.floor(this.#options.bytesMax / 2 ** 20)} MiB that it may; remove files, or start it with more`,
        ),
      );
      throw new NoRoom('the disk takes all the memory that it may');
    }
    const bytes = chunk === undefined ? new Uint8Array(CHUNK_BYTES) : chunk.bytes.slice();
    this.#heldBytes += CHUNK_BYTES;
    if (chunk !== undefined) this.letGo([chunk]);
    this.#chunks.set(index, { bytes, userCount: 1 });
    return bytes;
  }

  #changed(index: number): void {
    if (this.#options.keep !== undefined) this.#unsaved.add(index);
  }

  #content(): Map<number, Uint8Array> {
    return new Map([...this.#chunks].map(([index, { bytes }]) => [index, bytes]));
  }

  /** Has the store take everything that it does not have. What fails is tried again with the next flush. */
  async #save(): Promise<void> {
    const unsaved = this.#unsaved;
    this.#unsaved = new Set();
    const changes = new Map<number, Uint8Array | undefined>();
    const held: Chunk[] = [];
    for (const index of unsaved) {
      const chunk = this.#chunks.get(index);
      changes.set(index, chunk?.bytes);
      if (chunk === undefined) continue;
      chunk.userCount++;
      held.push(chunk);
    }
    try {
      if (changes.size > 0) await this.#options.keep!.store.commit(changes);
    } catch (error) {
      for (const index of unsaved) this.#unsaved.add(index);
      this.#tell(error);
      throw error;
    } finally {
      this.letGo(held);
      this.#commit = undefined;
    }
    this.#isTroubleTold = false;
  }

  /** Once, until something is saved again. */
  #tell(error: unknown): void {
    if (this.#isTroubleTold || !(error instanceof VivariumError)) return;
    this.#isTroubleTold = true;
    this.#options.onTrouble?.(error);
  }

  /** Calls with each chunk that a range touches: its number, the range in it, and how much of the range came before. */
  #forEach(
    offset: number,
    byteCount: number,
    visit: (index: number, from: number, until: number, done: number) => void,
  ): void {
    for (let done = 0; done < byteCount;) {
      const index = Math.floor((offset + done) / CHUNK_BYTES);
      const from = (offset + done) % CHUNK_BYTES;
      const until = Math.min(CHUNK_BYTES, from + byteCount - done);
      visit(index, from, until, done);
      done += until - from;
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
