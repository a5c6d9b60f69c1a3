/** Makes a site of labs: the built site, the labs in it, and a first page that leads to them. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { nodeImages } from '../../sandbox/node-image.ts';
import { finishSite } from '../../sandbox/node-site.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { cacheFolder } from '../paths.ts';
import { builtSite, copySite } from '../site/built-site.ts';
import { findLabImage } from './lab-machine.ts';
import { LABS_FOLDER, readLab, writeLab, type ReadLab, type SiteLab } from './lab-site.ts';

const SITE_FILE = 'assets.json';
const LAB_PAGE = 'lab.html';
const FIRST_PAGE = 'index.html';
const FOLDER_MODE = 0o755;

/**
 * Writes a site with these labs to a folder, which is complete when it appears there, and replaces a site that was there. Throws what
 * readLabs, builtSite and putLabs do, or CONFLICT for a folder with something else in it.
 */
export async function buildLabSite(folders: readonly string[], out: string, signal: AbortSignal): Promise<SiteLab[]> {
  const read = await readLabs(folders);
  await checkReplaceable(out);
  const site = await builtSite(signal);
  const above = dirname(resolve(out));
  await mkdir(above, { recursive: true });
  const partial = await mkdtemp(join(above, `.${basename(resolve(out))}-`));
  try {
    await copySite(site, partial);
    const labs = await putLabs(partial, read, signal);
    await chmod(partial, FOLDER_MODE);
    await rm(out, { recursive: true, force: true });
    await rename(partial, out);
    return labs;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Reads labs that are to be in one site. Throws LabError with the mistakes of the first that has some, CONFLICT for two of one id. */
export async function readLabs(folders: readonly string[]): Promise<ReadLab[]> {
  const read: ReadLab[] = [];
  for (const folder of folders) read.push(await readLab(folder));
  checkIds(read);
  return read;
}

/** Puts labs into a copy of the site, in place of those that were there. Throws what writeLab does. */
export async function putLabs(site: string, read: readonly ReadLab[], signal: AbortSignal): Promise<SiteLab[]> {
  await rm(join(site, LABS_FOLDER), { recursive: true, force: true });
  const prepareImage = nodeImages(join(cacheFolder(), 'layers'));
  const labs: SiteLab[] = [];
  for (const lab of read) {
    signal.throwIfAborted();
    labs.push(await writeLab(site, lab, { findImage: findLabImage, prepareImage, signal }));
  }
  await writeFile(join(site, FIRST_PAGE), firstPage(labs));
  await finishSite(site);
  return labs;
}

function checkIds(labs: readonly ReadLab[]): void {
  const folders = new Map<string, string>();
  for (const { lab, folder } of labs) {
    const other = folders.get(lab.id);
    if (other !== undefined)
      throw new VivariumError(
        ErrorCodes.CONFLICT,
        `the labs in ${other} and ${folder} have the same id ${JSON.stringify(lab.id)}; give one of them another`,
      );
    folders.set(lab.id, folder);
  }
}

/** Address of a lab's page from the site's folder. */
export function labAddress({ path }: SiteLab): string {
  return `${LAB_PAGE}?${new URLSearchParams({ lab: path }).toString().replaceAll('%2F', '/')}`;
}

async function checkReplaceable(out: string): Promise<void> {
  const names = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new VivariumError(ErrorCodes.FILES, `${out} is no folder that can be written to; choose another`, {
      cause: error,
    });
  });
  if (names.length === 0 || (await isSite(out))) return;
  throw new VivariumError(
    ErrorCodes.CONFLICT,
    `the folder ${out} has something else in it than a site; choose another`,
  );
}

async function isSite(folder: string): Promise<boolean> {
  try {
    const { format } = JSON.parse(await readFile(join(folder, SITE_FILE), 'utf8')) as { format?: unknown };
    return format === 'vivarium-site';
  } catch {
    return false;
  }
}

/** Leads to the only lab at once, or lists them. */
function firstPage(labs: readonly SiteLab[]): string {
  const [only] = labs;
  const items = labs.map((one) => {
    const summary = one.lab.summary === undefined ? '' : `<br>${escaped(one.lab.summary)}`;
    return `<li><a href="${escaped(labAddress(one))}">${escaped(one.lab.title)}</a>${summary}</li>`;
  });
  const language = only?.lab.language ?? 'en';
  return `<!doctype html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${labs.length === 1 ? escaped(only!.lab.title) : 'Labs'}</title>
${labs.length === 1 ? `<meta http-equiv="refresh" content="0; url=${escaped(labAddress(only!))}">\n` : ''}<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem } li { margin: 1rem 0 }</style>
</head>
<body>
<h1>Labs</h1>
<ul>
${items.join('\n')}
</ul>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
