/**
 * Completes a site, once all its files are in its folder: tells the service worker which files are to be there without a
 * network, with their hashes. To be called again whenever files are added. Node only.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

const LIST = 'service-worker-files.js';
const WORKER = 'service-worker.js';
/** What guests and images are made of is kept by who uses it, as it is used; licences and the list of sources are for who passes a site on. */
const LEFT_OUT = [/\.map$/, /^guest\//, /\.layer$/, /^(NOTICES\.txt|SOURCES\.md)$/];
const VERSION_LENGTH = 16;

/** Throws what the file system does. Returns the paths that are kept, relative to the folder. */
export async function finishSite(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== WORKER && path !== LIST && !LEFT_OUT.some((pattern) => pattern.test(path)))
    .sort();
  const files: Record<string, string> = {};
  for (const path of paths)
    files[path] = createHash('sha256')
      .update(await readFile(join(folder, path)))
      .digest('hex');
  const json = JSON.stringify(files);
  const version = createHash('sha256').update(json).digest('hex').slice(0, VERSION_LENGTH);
  await writeFile(join(folder, LIST), `self.vivariumFiles = { version: '${version}', files: ${json} };\n`);
  return paths;
}
