/**
 * What a block device stores its sectors in, and a back end in memory. Methods may finish at once or later; a request
 * that finishes later does not hold up others.
 */

/** The content of a disk as it was at some time. */
export interface DiskSnapshot {
  /** Host memory that it alone takes, in bytes. */
  readonly byteCount: number;
  /** Frees it; nothing is asked of it afterwards. */
  release(): void;
}

export interface BlockBackend {
  /** Size in bytes, a multiple of 512. */
  readonly byteCount: number;
  readonly readOnly: boolean;
  /** Serial number that the guest sees, at most 20 ASCII characters (virtio 1.2 §5.2.6, GET_ID). */
  readonly id: string;
  /** Fills `target` from `offset`. The range is inside the device. `target` is the back end's until it is done. Errors become VIRTIO_BLK_S_IOERR. */
  read(offset: number, target: Uint8Array): void | Promise<void>;
  /** Stores `bytes` at `offset`. `bytes` may change once the call returns: a back end that finishes later copies them first. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** Makes what was written before durable. */
  flush(): void | Promise<void>;
  /** Frees a range; what it reads afterwards is up to the back end. Without it, DISCARD is not offered. */
  discard?(offset: number, byteCount: number): void | Promise<void>;
  /** Makes a range read as zeroes. Without it, WRITE_ZEROES is not offered. */
  writeZeroes?(offset: number, byteCount: number, mayUnmap: boolean): void | Promise<void>;
  /**
   * Keeps its content as it is now, at once. A machine can only go back to where it was (Machine.checkpoint) when all its
   * disks have this or are read-only.
   */
  snapshot?(): DiskSnapshot;
  /** Makes its content what it was in a snapshot of its own, at once; for a guest that goes back too. */
  restore?(snapshot: DiskSnapshot): void;
  /** Lets go of what it holds open; nothing is asked of it afterwards. */
  close?(): void;
}

/** A disk in host memory, for tests and scratch space. */
export class MemoryBlockBackend implements BlockBackend {
  readonly byteCount: number;
  readonly readOnly: boolean;
  readonly id: string;
  readonly #bytes: Uint8Array;

  /** `bytes` is used in place, not copied; its length is a multiple of 512. */
  constructor(bytes: Uint8Array, options: { readOnly?: boolean; id?: string } = {}) {
    this.#bytes = bytes;
    this.byteCount = bytes.length;
    this.readOnly = options.readOnly ?? false;
    this.id = options.id ?? 'memory';
  }

  read(offset: number, target: Uint8Array): void {
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }
  write(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }
  flush(): void {}
  discard(offset: number, byteCount: number): void {
    this.#bytes.fill(0, offset, offset + byteCount);
  }
  writeZeroes(offset: number, byteCount: number): void {
    this.#bytes.fill(0, offset, offset + byteCount);
  }
}
