/**
 * The folder of a lab on this host. Links are not followed and hidden files are left out: what a stranger's lab is made of lies
 * in its folder, in plain sight. Node only.
 */
import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { notThere, tooLarge, type LabFiles } from './format/files.ts';
import { labPath } from './format/paths.ts';

const FILES_MAX = 10_000;

export class NodeLabFolder implements LabFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async list(): Promise<readonly string[]> {
    const paths: string[] = [];
    const folders = [''];
    for (let inside = folders.pop(); inside !== undefined; inside = folders.pop()) {
      for (const entry of await this.#entries(inside)) {
        const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile() && paths.push(path) > FILES_MAX) throw this.#tooMany();
      }
    }
    return paths.sort();
  }

  async read(path: string, bytesMax: number): Promise<Uint8Array> {
    const inside = labPath(path);
    if (inside === undefined || !(await this.#isPlainFile(inside))) throw notThere(path);
    const place = join(this.#folder, inside);
    if ((await lstat(place)).size > bytesMax) throw tooLarge(path, bytesMax);
    return readFile(place);
  }

  async #entries(inside: string): Promise<Dirent[]> {
    try {
      return await readdir(join(this.#folder, inside), { withFileTypes: true });
    } catch (error) {
      const remedy = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : "can't be read";
      throw new VivariumError(
        ErrorCodes.NOT_FOUND,
        `the lab's folder ${join(this.#folder, inside)} ${remedy}; check the path, or make one with viv lab new`,
        { cause: error },
      );
    }
  }

  /** No link on the way to it, and none itself. */
  async #isPlainFile(inside: string): Promise<boolean> {
    const names = inside.split('/');
    try {
      for (let count = 1; count < names.length; count++) {
        const above = await lstat(join(this.#folder, ...names.slice(0, count)));
        if (!above.isDirectory()) return false;
      }
      return (await lstat(join(this.#folder, inside))).isFile();
    } catch {
      return false;
    }
  }

  #tooMany(): VivariumError {
    return new VivariumError(
      ErrorCodes.LIMIT,
      `the folder ${this.#folder} has more than ${FILES_MAX} files; give the lab a folder of its own`,
    );
  }
}
