/**
 * A block device in a host file (Node only). Reads and writes are synchronous system calls: they hit the page cache and
 * cost less than a trip through the thread pool. A read-only disk refuses writes in the device before they come here.
 */
import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { ErrorCodes, VivariumError } from '../../../util/errors.ts';
import type { BlockBackend } from './backend.ts';
import { readFully, writeFully } from './node-file-io.ts';

const SECTOR_SIZE = 512;
const ID_LENGTH = 20;

export class NodeFileBlockBackend implements BlockBackend {
  readonly byteCount: number;
  readonly readOnly: boolean;
  readonly id: string;
  readonly #fd: number;

  /**
   * Opens the file. Throws NOT_FOUND when it can't be opened, USAGE when it can't be a disk.
   * @param options.id its serial number; else it is made of the file's name.
   */
  constructor(path: string, options: { readOnly?: boolean; id?: string | undefined } = {}) {
    this.readOnly = options.readOnly ?? false;
    const name = options.id ?? basename(path).replace(/[^\x20-\x7e]/g, '_');
    this.id = name.slice(0, ID_LENGTH);
    try {
      this.#fd = openSync(path, this.readOnly ? 'r' : 'r+');
    } catch (error) {
      throw new VivariumError(
        ErrorCodes.NOT_FOUND,
        `cannot open disk ${path}; check the path and its permissions, or add ,ro`,
        { cause: error },
      );
    }
    const stats = fstatSync(this.#fd);
    if (!stats.isFile() || stats.size === 0 || stats.size % SECTOR_SIZE !== 0) {
      closeSync(this.#fd);
      throw new VivariumError(
        ErrorCodes.USAGE,
        `disk ${path} is not a regular file with a multiple of ${SECTOR_SIZE} bytes; pad it with truncate`,
      );
    }
    this.byteCount = stats.size;
  }

  read(offset: number, target: Uint8Array): void {
    readFully(this.#fd, offset, target);
  }

  write(offset: number, bytes: Uint8Array): void {
    writeFully(this.#fd, offset, bytes);
  }

  flush(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
