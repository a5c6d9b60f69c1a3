/** Disks that are kept by a name in the origin's storage, one page at a time for each (Web Locks). */
import type { KeptDisks } from '../../src/sandbox/computer-options.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { removeWebChunks } from '../../src/worker/web-chunks.ts';
import { opfsFolder } from '../../src/worker/web-cache.ts';

const FOLDER = 'kept';
const LOCK_PREFIX = 'vivarium-kept-';

/** Undefined where a page can't keep anything, or could not keep others out. */
export async function webKeptDisks(): Promise<KeptDisks | undefined> {
  if (navigator.locks === undefined || !(await hasStorage())) return undefined;
  return {
    folder: FOLDER,
    lock,
    remove: async (name) => {
      const unlock = await lock(name);
      try {
        await removeWebChunks(`${FOLDER}/${name}`);
      } finally {
        await unlock();
      }
    },
  };
}

async function hasStorage(): Promise<boolean> {
  try {
    await opfsFolder();
    return true;
  } catch {
    return canOpenDatabase();
  }
}

function canOpenDatabase(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open('vivarium-probe');
      request.onsuccess = () => {
        request.result.close();
        resolve(true);
      };
      request.onerror = request.onblocked = () => resolve(false);
    } catch {
      resolve(false);
    }
  });
}

/** Throws CONFLICT while another page has it. */
function lock(name: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(`${LOCK_PREFIX}${name}`, { ifAvailable: true }, (granted) => {
      if (granted === null) {
        reject(
          new VivariumError(
            ErrorCodes.CONFLICT,
            'this computer is open in another tab, which keeps its files; close that one first',
          ),
        );
        return;
      }
      return new Promise<void>((release) =>
        resolve(async () => {
          release();
          await held;
        }),
      );
    });
    held.catch(reject);
  });
}
