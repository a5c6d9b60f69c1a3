/**
 * The site that labs are put into. In a checkout `npm run build:site` has built it. An installed package has the pages; what they fetch
 * is made of its guest at first use (kept-assets.ts).
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { BUILT_IN_IMAGES, findImage, guestPaths, isCheckout } from '../assets.ts';
import { packedGuest } from '../packed-guest.ts';
import { cacheFolder, corePath, packageRoot } from '../paths.ts';
import { workerScript } from '../worker-script.ts';
import { keptAssets } from './kept-assets.ts';
import { writeSiteAssets } from './write-assets.ts';

const BUILT_FOLDER = 'dist/site';
const ASSETS_FILE = 'assets.json';
const PAGE_FILE = 'lab.html';
const PACKED_PAGES = 'build/package/site';
/** Licences of what a site has, and where its sources are: whoever passes a site on passes these on. */
const PACKED_NOTICES = ['build/package/NOTICES.txt', 'build/package/SOURCES.md'];
const CACHE_KIND = 'site-assets';
const KEY_LENGTH = 16;

/** What a site is copied together from. */
export interface BuiltSite {
  /** The content of these comes into the site's folder. */
  readonly folders: readonly string[];
  /** So do these files. */
  readonly files: readonly string[];
}

/** Finds or makes it. Throws NOT_BUILT; in a package what keptAssets and guestPaths do. */
export async function builtSite(signal: AbortSignal): Promise<BuiltSite> {
  const root = packageRoot();
  if (!isCheckout()) {
    const pages = join(root, PACKED_PAGES);
    const files = PACKED_NOTICES.map((path) => join(root, path));
    const missing = [join(pages, PAGE_FILE), ...files].find((path) => !existsSync(path));
    if (missing !== undefined)
      throw new VivariumError(
        ErrorCodes.NOT_BUILT,
        `${missing} of the installed package is not there; install vivarium again`,
      );
    return { folders: [pages, await packedAssets(signal)], files };
  }
  const folder = join(root, BUILT_FOLDER);
  if (!existsSync(join(folder, ASSETS_FILE)) || !existsSync(join(folder, PAGE_FILE)))
    throw new VivariumError(ErrorCodes.NOT_BUILT, 'the site is not built yet; run npm run build:site once');
  return { folders: [folder], files: [] };
}

/** Copies it, without what only its developers want. */
export async function copySite({ folders, files }: BuiltSite, out: string): Promise<void> {
  for (const folder of folders) await cp(folder, out, { recursive: true, filter: (path) => !path.endsWith('.map') });
  for (const file of files) await cp(file, join(out, basename(file)));
}

async function packedAssets(signal: AbortSignal): Promise<string> {
  const tell = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const guest = guestPaths();
  const images = Object.fromEntries(BUILT_IN_IMAGES.map((name) => [name, findImage(name)]));
  const made = [corePath(), fileURLToPath(workerScript()), fileURLToPath(import.meta.url)];
  return keptAssets({
    folder: join(cacheFolder(), CACHE_KIND),
    key: await keyOf(packedGuest()!.key, made),
    make: async (folder) => {
      process.stderr.write('viv: the machine is made ready for pages, which is done once …\n');
      await writeSiteAssets({
        folder,
        core: corePath(),
        ...guest,
        images,
        worker: workerScript(),
        cacheFolder: cacheFolder(),
        tell,
        signal,
      });
    },
    tell,
    signal,
  });
}

/** A name for what is made of these: the guest, and files, of which one has the code that makes it. */
async function keyOf(guestKey: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(guestKey);
  for (const file of files)
    hash.update(
      createHash('sha256')
        .update(await readFile(file))
        .digest(),
    );
  return hash.digest('hex').slice(0, KEY_LENGTH);
}
