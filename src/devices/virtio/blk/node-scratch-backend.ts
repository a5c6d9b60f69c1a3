/**
 * A disk in a file of the host that has no name: it takes only the room that was written to, and is gone with whoever
 * has it open, whatever happens. Nothing on it is meant to last, so a flush has nothing to do. Node only.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCodes, VivariumError } from '../../../util/errors.ts';
import type { BlockBackend } from './backend.ts';
import { readFully, writeFully } from './node-file-io.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;

export interface ScratchOptions {
  /** Where the room is taken; made if it is not there. */
  readonly folder: string;
  /** A multiple of 512. */
  readonly byteCount: number;
  readonly id: string;
  /** What is on it from the start, besides zeroes. */
  readonly parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

export class NodeScratchBackend implements BlockBackend {
  readonly byteCount: number;
  readonly readOnly = false;
  readonly id: string;
  readonly #fd: number;

  /** Throws NOT_FOUND when there is no room for it in the folder. */
  constructor({ folder, byteCount, id, parts }: ScratchOptions) {
    this.byteCount = byteCount;
    this.id = id;
    try {
      mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
      const path = join(folder, `scratch-${crypto.randomUUID()}`);
      this.#fd = openSync(path, 'wx+', PRIVATE_FILE_MODE);
      unlinkSync(path);
      ftruncateSync(this.#fd, byteCount);
      for (const { offset, bytes } of parts) this.write(offset, bytes);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VivariumError(ErrorCodes.NOT_FOUND, `can't make a disk in ${folder}: ${reason}`, { cause });
    }
  }

  read(offset: number, target: Uint8Array): void {
    readFully(this.#fd, offset, target);
  }

  write(offset: number, bytes: Uint8Array): void {
    writeFully(this.#fd, offset, bytes);
  }

  flush(): void {}

  close(): void {
    closeSync(this.#fd);
  }
}
