/** Disks of computers that outlive them, in the folder of the user's data: one folder for each name, and locks beside them. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileMutex } from '../oci/store/node-mutex.ts';
import type { KeptDisks } from '../sandbox/computer-options.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const DISKS_FOLDER = 'disks';
const LOCKS_FOLDER = 'locks';
/** Somebody who looks whether a name is free has its lock for a moment. */
const PATIENCE_MS = 500;

/** @param home is made if it is not there. */
export function nodeKeptDisks(home: string): KeptDisks {
  const folder = join(home, DISKS_FOLDER);
  const lock = async (name: string): Promise<() => Promise<void>> => {
    const mutex = new FileMutex(join(home, LOCKS_FOLDER, name), { uniqueName: randomUUID, nowMs: Date.now });
    const late = AbortSignal.timeout(PATIENCE_MS);
    try {
      return await mutex.acquire(late);
    } catch (cause) {
      if (!late.aborted) throw cause;
      throw new VivariumError(
        ErrorCodes.CONFLICT,
        `what is kept as ${JSON.stringify(name)} is in use by another computer; close that one first`,
        { cause },
      );
    }
  };
  return {
    folder,
    lock,
    remove: async (name) => {
      const unlock = await lock(name);
      try {
        await rm(join(folder, name), { recursive: true, force: true });
      } finally {
        await unlock();
      }
    },
  };
}
