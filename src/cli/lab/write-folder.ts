/** Writes a folder of files that is not there yet. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

/** @param files by path inside, which the caller has checked. Throws CONFLICT for a folder with something in it, or FILES. */
export async function writeFolder(folder: string, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new VivariumError(ErrorCodes.FILES, `${folder} is no folder that can be written to; choose another`, {
      cause: error,
    });
  });
  if (there.length > 0)
    throw new VivariumError(ErrorCodes.CONFLICT, `the folder ${folder} is not empty; choose another`);
  try {
    for (const [path, content] of files) {
      const place = join(folder, path);
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, content, { flag: 'wx' });
    }
  } catch (error) {
    throw new VivariumError(ErrorCodes.FILES, `the lab can't be written to ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
