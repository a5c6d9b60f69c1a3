/** Snapshot files on a disk: read in place, written so that they are there whole or not at all. Node only. */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { SnapshotIdentity } from '../machine/snapshot-file/format.ts';
import type { SnapshotSource } from '../machine/snapshot-file/read.ts';
import { encodeSnapshot } from '../machine/snapshot-file/write.ts';
import type { MachineSnapshot } from '../machine/snapshot.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

/** A guest's memory is nobody else's business. */
const MODE = 0o600;
const TEMPORARY_BYTES = 6;

/** Opens a file. Throws NOT_FOUND. */
export function fileSource(path: string): SnapshotSource & { close(): void } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new VivariumError(ErrorCodes.NOT_FOUND, `the snapshot ${path} can't be read; check the path`, {
      cause: error,
    });
  }
  const found = fstatSync(file);
  if (!found.isFile()) {
    closeSync(file);
    throw new VivariumError(ErrorCodes.NOT_FOUND, `the snapshot ${path} is not a file; check the path`);
  }
  return {
    byteCount: found.size,
    read: (offset, target) => {
      for (let done = 0; done < target.length;) {
        const count = readSync(file, target, done, target.length - done, offset + done);
        if (count === 0)
          throw new VivariumError(ErrorCodes.BAD_STATE, `the snapshot ${path} was cut off while it was read`);
        done += count;
      }
    },
    close: () => closeSync(file),
  };
}

/** Writes a snapshot's file. Whatever happens on the way, `path` holds what it held or the whole new file. */
export async function writeSnapshotFile(
  path: string,
  snapshot: MachineSnapshot,
  identity: SnapshotIdentity,
): Promise<void> {
  const pieces = await encodeSnapshot(snapshot, {
    identity,
    fillRandom: (target) => void target.set(randomBytes(target.length)),
    checksum: (bytes) => crc32(bytes),
  });
  const temporary = `${path}.${randomBytes(TEMPORARY_BYTES).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', MODE);
    try {
      await writeFile(file, pieces);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
