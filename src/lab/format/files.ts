import { ErrorCodes, VivariumError } from '../../util/errors.ts';

/** The folder of a lab, wherever it is: on a disk, or part of a site. Paths have forward slashes and no leading one. */
export interface LabFiles {
  /** Images of its folder that are not among its files, because a site has them elsewhere; as lab.yaml names them. */
  readonly images?: ReadonlySet<string>;
  /** Paths of all files in it. */
  list(): Promise<readonly string[]>;
  /** Rejects with LIMIT for more than `bytesMax`, NOT_FOUND for a file that is not there. */
  read(path: string, bytesMax: number): Promise<Uint8Array>;
}

/** A folder that is in memory; for tests, and for what is made rather than read. */
export class MemoryLabFiles implements LabFiles {
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  async list(): Promise<readonly string[]> {
    return [...this.#files.keys()];
  }

  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    const content = this.#files.get(path);
    if (content === undefined) throw notThere(path);
    if (content.length > bytesMax) throw tooLarge(path, bytesMax);
    return content;
  }
}

export function notThere(path: string): VivariumError {
  return new VivariumError(
    ErrorCodes.NOT_FOUND,
    `the lab has no file ${JSON.stringify(path)}; add it, or correct its name`,
  );
}

export function tooLarge(path: string, bytesMax: number): VivariumError {
  return new VivariumError(
    ErrorCodes.LIMIT,
    `the lab's file ${JSON.stringify(path)} is larger than the ${Math.floor(bytesMax / 1024)} KiB that are allowed there; make it smaller`,
  );
}
