/** Content of a file on disk, read at any offset. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { ClosableContent } from './content.ts';
import { badImage, notFound, quote } from './fail.ts';

export class FileContent implements ClosableContent {
  readonly size: number;
  readonly #descriptor: number;
  #open = true;

  /** Takes over an open file descriptor. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  readSync(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(this.#descriptor, bytes, filled, bytes.length - filled, offset + filled);
      if (count === 0) break; // cut short behind our back
      filled += count;
    }
    return filled === bytes.length ? bytes : bytes.subarray(0, filled);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }
}

/** Opens a regular file. Throws NOT_FOUND, or BAD_IMAGE when it is something else. */
export function openFileContent(path: string): FileContent {
  let descriptor: number;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw notFound(`can't open ${quote(path)}: ${describe(cause)}`, cause);
  }
  try {
    if (!fstatSync(descriptor).isFile()) throw badImage(`${quote(path)} is not a regular file`);
    return new FileContent(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Node's errors as a user reads them. */
export function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}
