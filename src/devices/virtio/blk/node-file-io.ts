/** Whole reads and writes at an offset of an open file. Node only. */
import { readSync, writeSync } from 'node:fs';

/** Fills `target`. Throws when the file ends before. */
export function readFully(fd: number, offset: number, target: Uint8Array): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw new Error('the disk file became shorter');
    done += count;
  }
}

export function writeFully(fd: number, offset: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}
