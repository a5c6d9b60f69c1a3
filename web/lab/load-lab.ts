/**
 * Fetches a lab of a site. Its folder is as the teacher wrote it, and beside lab.yaml lies lab.json, an index of it:
 *
 *   { "format": "vivarium-lab", "version": 1,
 *     "files": { "lab.yaml": { "bytes": 512, "sha256": "…" }, … },
 *     "images": { "NAME OF lab.yaml": "path of an image.json from here, or a name of the site" } }
 *
 * The files are read as they are needed, checked against their hashes, and understood by src/lab as everywhere else.
 */
import { notThere, tooLarge, type LabFiles } from '../../src/lab/format/files.ts';
import type { Lab, LabMachine } from '../../src/lab/format/lab.ts';
import { loadLab as understandLab } from '../../src/lab/format/parse.ts';
import { labPath } from '../../src/lab/format/paths.ts';
import { JsonObject, parseJson } from '../../src/oci/json.ts';
import { DEFAULT_LIMITS } from '../../src/oci/limits.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { fetchFile } from './fetch-file.ts';

export const INDEX_FILE = 'lab.json';
const FORMAT = 'vivarium-lab';
const VERSION = 1;
const INDEX_BYTES_MAX = 4 << 20;
const SHA256 = /^[0-9a-f]{64}$/;

export interface LoadedLab {
  readonly lab: Lab;
  /** The name of a machine's image in the site, or the address of its image.json. */
  imageOf(machine: LabMachine): string;
  /** The address of a file of the lab's folder; undefined for one that is not there. */
  fileUrl(path: string): string | undefined;
}

/**
 * Rejects with NOT_FOUND or NETWORK when it can't be fetched, BAD_LAB for an index or a lab with mistakes, DIGEST_MISMATCH for a
 * file that is not as the index says.
 */
export async function loadLab(folder: URL, signal: AbortSignal): Promise<LoadedLab> {
  const url = new URL(INDEX_FILE, folder);
  const index = readIndex(await fetchFile(url, { bytesMax: INDEX_BYTES_MAX, signal }));
  const files = new SiteLabFiles(folder, index, signal);
  const lab = await understandLab(files);
  return {
    lab,
    imageOf: ({ image }) => {
      const place = index.images.get(image);
      return place === undefined || !place.endsWith('.json') ? (place ?? image) : new URL(place, folder).href;
    },
    fileUrl: (path) => (index.files.has(path) ? files.urlOf(path).href : undefined),
  };
}

interface FileShape {
  readonly byteCount: number;
  readonly sha256: string;
}

interface LabIndex {
  readonly files: ReadonlyMap<string, FileShape>;
  readonly images: ReadonlyMap<string, string>;
}

/** Throws BAD_LAB. */
export function readIndex(bytes: Uint8Array): LabIndex {
  try {
    const object = new JsonObject(parseJson(bytes, INDEX_FILE, DEFAULT_LIMITS), INDEX_FILE);
    if (object.optionalString('format') !== FORMAT || object.size('version') !== VERSION)
      throw badIndex(`is not of version ${VERSION}`);
    const files = object.object('files');
    const shapes = new Map<string, FileShape>();
    for (const path of object.keys('files')) {
      const shape = files.object(path);
      if (labPath(path) !== path) throw badIndex(`names the file ${JSON.stringify(path)}, which is not in its folder`);
      const sha256 = shape.string('sha256');
      if (!SHA256.test(sha256)) throw badIndex(`has no SHA-256 of ${JSON.stringify(path)}`);
      shapes.set(path, { byteCount: shape.size('bytes'), sha256 });
    }
    return { files: shapes, images: object.stringMap('images') };
  } catch (error) {
    if (!(error instanceof VivariumError) || error.code === ErrorCodes.BAD_LAB) throw error;
    throw badIndex(`can't be read: ${error.message}`);
  }
}

function badIndex(what: string): VivariumError {
  return new VivariumError(
    ErrorCodes.BAD_LAB,
    `the lab's ${INDEX_FILE} ${what}; build the lab again with viv lab build`,
  );
}

class SiteLabFiles implements LabFiles {
  readonly images: ReadonlySet<string>;
  readonly #folder: URL;
  readonly #files: ReadonlyMap<string, FileShape>;
  readonly #signal: AbortSignal;

  constructor(folder: URL, { files, images }: LabIndex, signal: AbortSignal) {
    this.images = new Set(images.keys());
    this.#folder = folder;
    this.#files = files;
    this.#signal = signal;
  }

  async list(): Promise<readonly string[]> {
    return [...this.#files.keys()];
  }

  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    const shape = this.#files.get(path);
    if (shape === undefined) throw notThere(path);
    if (shape.byteCount > bytesMax) throw tooLarge(path, bytesMax);
    return fetchFile(this.urlOf(path), {
      bytesMax: shape.byteCount,
      sha256: shape.sha256,
      signal: this.#signal,
    });
  }

  urlOf(path: string): URL {
    return new URL(path.split('/').map(encodeURIComponent).join('/'), this.#folder);
  }
}
