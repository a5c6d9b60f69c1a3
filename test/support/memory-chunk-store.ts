/** A store of chunks in memory that outlives its disk, waits when a test says so, and may have no room. */
import type { ChunkChanges, ChunkStore, DiskIdentity, StoredDisk } from '../../src/devices/virtio/blk/chunk-store.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';

export class MemoryChunkStore implements ChunkStore {
  identity: DiskIdentity | undefined;
  readonly chunks = new Map<number, Uint8Array>();
  /** Of each commit: the numbers of its chunks. */
  readonly commits: number[][] = [];
  isFull = false;
  isClosed = false;
  /** What each commit waits for. */
  hold: Promise<void> = Promise.resolve();

  load(): Promise<StoredDisk | undefined> {
    const { identity, chunks } = this;
    return Promise.resolve(
      identity === undefined
        ? undefined
        : { identity, chunks: new Map([...chunks].map(([index, bytes]) => [index, bytes.slice()])) },
    );
  }

  async create(identity: DiskIdentity, chunks: ChunkChanges): Promise<void> {
    this.chunks.clear();
    await this.#take(chunks);
    this.identity = identity;
  }

  async commit(changes: ChunkChanges): Promise<void> {
    await this.hold;
    await this.#take(changes);
    this.commits.push([...changes.keys()].sort((a, b) => a - b));
  }

  close(): void {
    this.isClosed = true;
  }

  async #take(changes: ChunkChanges): Promise<void> {
    if (this.isFull) throw new VivariumError(ErrorCodes.NO_SPACE, 'the store is full');
    for (const [index, bytes] of changes) {
      if (bytes === undefined) this.chunks.delete(index);
      else this.chunks.set(index, bytes.slice());
    }
  }
}
