/** Puts the project's labs into the assets of its site, as `viv lab build` does for others. Node only. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findLabImage } from '../../src/cli/lab/lab-machine.ts';
import { LABS_FOLDER, readLab, writeLab } from '../../src/cli/lab/lab-site.ts';
import { nodeImages } from '../../src/sandbox/node-image.ts';

/**
 * Replaces the labs of a site.
 * @param from the folder of their folders.
 * @param cacheFolder for disk images of layers that the site does not have.
 * Throws LabError for a lab with mistakes, and what finding and reading images do.
 */
export async function writeLabs(from: string, site: string, cacheFolder: string): Promise<void> {
  await rm(join(site, LABS_FOLDER), { recursive: true, force: true });
  const entries = await readdir(from, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const prepareImage = nodeImages(join(cacheFolder, 'layers'));
  const { signal } = new AbortController();
  for (const name of names.sort())
    await writeLab(site, await readLab(join(from, name)), { findImage: findLabImage, prepareImage, signal });
}
