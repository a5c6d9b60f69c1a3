/** The files of an image layout in a folder. What they hold is checked by digest, so a link in there can't smuggle anything in. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeArchivePath } from './archive.ts';
import { streamContent } from './content.ts';
import { badImage, quote } from './fail.ts';
import type { ImageFiles } from './files.ts';
import { openFileContent } from './node-content.ts';

export function openFolder(folder: string): ImageFiles {
  const what = quote(folder);
  const resolve = (path: string): string => {
    const normal = normalizeArchivePath(path);
    if (normal === undefined) throw badImage(`${what} names ${quote(path)}, a path that leaves the folder`);
    return join(folder, normal);
  };
  return {
    what,
    async size(path) {
      const stats = statSync(resolve(path), { throwIfNoEntry: false });
      return stats?.isFile() ? stats.size : undefined;
    },
    async *open(path) {
      const content = openFileContent(resolve(path));
      try {
        yield* streamContent(content);
      } finally {
        content.close();
      }
    },
    close() {
      // Every read opens and closes its own file.
    },
  };
}
