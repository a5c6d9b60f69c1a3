/** Writes an image layout to a folder, all or nothing. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Replaces `folder` by the layout. Until everything is written it has another name beside it. */
export async function writeLayoutFolder(folder: string, layout: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  try {
    const made = join(work, 'layout');
    for (const [path, content] of layout) {
      const file = join(made, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
