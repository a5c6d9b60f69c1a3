/**
 * Puts a lab into a site: the files that it is made of as they are, in `labs/ID/` with lab.json beside them, and the images of its
 * machines as static images (src/oci/static) in `images/`, where the labs of a site share them.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Lab } from '../../lab/format/lab.ts';
import { LIMITS } from '../../lab/format/limits.ts';
import { LabError } from '../../lab/format/mistake.ts';
import { parseLab } from '../../lab/format/parse.ts';
import { NodeLabFolder } from '../../lab/node-lab-folder.ts';
import { DESCRIPTION_FILE } from '../../oci/static/format.ts';
import { writeStaticImage } from '../../oci/static/node-write.ts';
import type { PrepareImage } from '../../sandbox/image.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const SITE_FILE = 'assets.json';
const LAB_SITE_FILE = 'lab.json';
export const LABS_FOLDER = 'labs';
const IMAGES_FOLDER = 'images';
/** Digits of an image's ID that make its folder's name its own. */
const ID_LENGTH = 12;
/** No file of a lab may be larger: src/lab/format/limits.ts. */
const FILE_BYTES_MAX = Math.max(...[LIMITS.placedFileBytes, LIMITS.imageBytes, LIMITS.labFileBytes]);

export interface LabSiteParts {
  /** Where the image that a lab of this folder names is. */
  readonly findImage: (folder: string, image: string) => Promise<string>;
  readonly prepareImage: PrepareImage;
  readonly signal: AbortSignal;
}

/** A lab of a site. */
export interface SiteLab {
  readonly lab: Lab;
  /** Path of its folder from the site's, without a slash at its end. */
  readonly path: string;
}

/** A lab that was read, and what it is made of. */
export interface ReadLab {
  readonly lab: Lab;
  readonly folder: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Throws LabError, with the mistakes of this folder. */
export async function readLab(folder: string): Promise<ReadLab> {
  const labFiles = new NodeLabFolder(folder);
  const { lab, mistakes, files: paths } = await parseLab(labFiles);
  if (lab === undefined) throw new LabError(mistakes);
  const files = new Map<string, Uint8Array>();
  for (const path of paths) files.set(path, await labFiles.read(path, FILE_BYTES_MAX));
  return { lab, folder, files };
}

/**
 * Writes a lab's folder with lab.json as pages read it:
 * `{ format, version, files: { PATH: { bytes, sha256 } }, images: { IMAGE OF lab.yaml: image.json from here, or a name of the site } }`.
 * Images that are there already stay. Throws what finding and reading images do, NOT_BUILT for a site that is none.
 */
export async function writeLab(site: string, { lab, folder, files }: ReadLab, parts: LabSiteParts): Promise<SiteLab> {
  const path = `${LABS_FOLDER}/${lab.id}`;
  const place = join(site, path);
  const known = await siteImages(site);
  const images: Record<string, string> = {};
  for (const { image } of lab.machines)
    images[image] ??= known.has(image) ? image : `../../${await addImage(site, folder, image, parts)}`;
  const listed: Record<string, { readonly bytes: number; readonly sha256: string }> = {};
  for (const [file, content] of files) {
    await mkdir(dirname(join(place, file)), { recursive: true });
    await writeFile(join(place, file), content);
    listed[file] = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  }
  const index = { format: 'vivarium-lab', version: 1, files: listed, images };
  await writeFile(join(place, LAB_SITE_FILE), `${JSON.stringify(index, undefined, 2)}\n`);
  return { lab, path };
}

/** Names of the images that the site has. */
async function siteImages(site: string): Promise<ReadonlySet<string>> {
  try {
    const { images } = JSON.parse(await readFile(join(site, SITE_FILE), 'utf8')) as { images: Record<string, string> };
    return new Set(Object.keys(images));
  } catch (error) {
    throw new VivariumError(ErrorCodes.NOT_BUILT, `${site} is no built site; build it with npm run build:site`, {
      cause: error,
    });
  }
}

/** Path of its description from the site's folder. */
async function addImage(
  site: string,
  folder: string,
  image: string,
  { findImage, prepareImage, signal }: LabSiteParts,
): Promise<string> {
  const prepared = await prepareImage({ image: await findImage(folder, image), signal });
  const layers = prepared.layers.map((layer) => {
    if (!('path' in layer)) throw new TypeError('a layer that was prepared in Node is a file');
    return layer;
  });
  const words = image
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const name = `${words}-${prepared.id.slice(prepared.id.indexOf(':') + 1).slice(0, ID_LENGTH)}`;
  const description = `${IMAGES_FOLDER}/${name}/${DESCRIPTION_FILE}`;
  if (!existsSync(join(site, description)))
    await writeStaticImage({ ...prepared, layers }, join(site, IMAGES_FOLDER), name);
  return description;
}
