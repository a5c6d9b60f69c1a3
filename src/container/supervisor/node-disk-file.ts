/** Files of the host with the disks of containers: sparse, and complete from the moment that they have their name. Node only. */
import { open, rename, rm, stat } from 'node:fs/promises';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { ownDiskParts, type OwnDiskRequest } from '../rootfs-plan.ts';

const PRIVATE_MODE = 0o600;
const DRAFT = '.draft';
const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Makes the disk if it is not there. Throws NO_SPACE, STORE, or USAGE for an impossible size. */
export async function makeDiskFile(path: string, request: OwnDiskRequest): Promise<void> {
  if (await isThere(path)) return;
  const { byteCount, parts } = ownDiskParts(request, true);
  const draft = path + DRAFT;
  try {
    const file = await open(draft, 'w', PRIVATE_MODE);
    try {
      await file.truncate(byteCount);
      for (const { offset, bytes } of parts) await file.write(bytes, 0, bytes.length, offset);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new VivariumError(
      FULL_CODES.includes(code ?? '') ? ErrorCodes.NO_SPACE : ErrorCodes.STORE,
      `can't make the container's disk ${path}: ${message}`,
      { cause },
    );
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
