/** A read-only disk put together of pieces from elsewhere; what lies between them reads as zeroes. */
import { assert } from '../../../util/errors.ts';
import type { BlockBackend } from './backend.ts';

const SECTOR_SIZE = 512;

/** A range of the disk and who has its bytes. */
export interface Extent {
  /** Where it begins on the disk, in bytes. */
  readonly offset: number;
  readonly byteCount: number;
  /** Fills `target` from an offset inside of the piece, now or later. */
  read(offset: number, target: Uint8Array): void | Promise<void>;
  close?(): void;
}

/** A piece in memory. */
export function memoryExtent(offset: number, bytes: Uint8Array): Extent {
  return { offset, byteCount: bytes.length, read: (at, target) => target.set(bytes.subarray(at, at + target.length)) };
}

export class ExtentsBackend implements BlockBackend {
  readonly byteCount: number;
  readonly readOnly = true;
  readonly id: string;
  readonly #extents: readonly Extent[];

  /** `byteCount` is a multiple of 512; extents lie inside of it and do not overlap. */
  constructor(options: { byteCount: number; id: string; extents: readonly Extent[] }) {
    this.byteCount = options.byteCount;
    this.id = options.id;
    this.#extents = [...options.extents].sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const extent of this.#extents) {
      assert(extent.offset >= end, 'the pieces of a disk overlap');
      end = extent.offset + extent.byteCount;
    }
    assert(end <= this.byteCount && this.byteCount % SECTOR_SIZE === 0, 'the pieces of a disk do not fit');
  }

  read(offset: number, target: Uint8Array): void | Promise<void> {
    const later: Promise<void>[] = [];
    const end = offset + target.length;
    let done = offset;
    for (let index = this.#firstAfter(offset); done < end; index++) {
      const extent = this.#extents[index];
      const start = Math.min(extent?.offset ?? end, end);
      if (start > done) target.fill(0, done - offset, start - offset);
      done = Math.max(done, start);
      if (extent === undefined || done === end) break;
      const until = Math.min(end, extent.offset + extent.byteCount);
      const pending = extent.read(done - extent.offset, target.subarray(done - offset, until - offset));
      if (pending) later.push(pending);
      done = until;
    }
    if (later.length > 0) return Promise.all(later).then(() => {});
  }

  write(): void {
    throw new Error('the disk is read-only');
  }
  flush(): void {}

  close(): void {
    for (const extent of this.#extents) extent.close?.();
  }

  /** Index of the first extent that ends after an offset. */
  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { offset: start, byteCount } = this.#extents[middle]!;
      if (start + byteCount > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
