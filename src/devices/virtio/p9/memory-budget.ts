/** How many bytes a guest may make the host keep for one file system. */
import { Errno, FsError } from './errno.ts';

export class MemoryBudget {
  readonly limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }
  get freeBytes(): number {
    return Math.max(this.limitBytes - this.#usedBytes, 0);
  }

  /** Takes bytes; ENOSPC when there are not so many left. */
  take(byteCount: number): void {
    if (this.#usedBytes + byteCount > this.limitBytes) throw new FsError(Errno.ENOSPC);
    this.#usedBytes += byteCount;
  }
  give(byteCount: number): void {
    this.#usedBytes -= byteCount;
  }
  /** Everything was given back. */
  clear(): void {
    this.#usedBytes = 0;
  }
}
