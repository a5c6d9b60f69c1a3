/** Reads the files that lab.yaml names, each with its limit; what is wrong with one is a mistake where it is named. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { LabFiles } from './files.ts';
import type { Located, Source } from './kinds.ts';
import type { MarkdownText, Script } from './lab.ts';
import { LIMITS } from './limits.ts';
import type { Mistake } from './mistake.ts';
import { labPath } from './paths.ts';
import { LAB_FILE } from './lab-file.ts';
import { didYouMean } from './suggest.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class LabSources {
  /** Files that the lab is made of. */
  readonly used = new Set<string>();
  readonly #files: LabFiles;
  readonly #paths: ReadonlySet<string>;
  readonly #mistakes: Mistake[];

  constructor(files: LabFiles, paths: ReadonlySet<string>, mistakes: Mistake[]) {
    this.#files = files;
    this.#paths = paths;
    this.#mistakes = mistakes;
  }

  hasFile(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Whether a file that a text refers to is there. */
  use(path: string): boolean {
    if (this.hasFile(path)) this.used.add(path);
    return this.hasFile(path);
  }

  /** Whether an image that begins with `./` is there: an archive, or a layout folder. */
  hasImage(image: string, path: string): boolean {
    const isInside = this.hasFile(path) || [...this.#paths].some((one) => one.startsWith(`${path}/`));
    return isInside || this.#files.images?.has(image) === true;
  }

  /** Text of lab.yaml itself. */
  async labFile(path: string): Promise<string | undefined> {
    const at = { line: 1, column: 1, value: path };
    if (!this.hasFile(path)) {
      const other = [...this.#paths].find((one) => /^[^/]*\.ya?ml$/i.test(one));
      const remedy = other === undefined ? 'make a lab with viv lab new' : `rename ${other}`;
      this.#mistake(at, `there is no ${path} in the folder; ${remedy}`, path);
      return undefined;
    }
    const bytes = await this.#read(at, path, LIMITS.labFileBytes);
    return bytes === undefined ? undefined : this.#decode(bytes, at, path);
  }

  /** The text, or an empty one after a mistake. */
  async markdown({ value, ...place }: Located<Source>): Promise<MarkdownText> {
    const { text, file, line } = await this.#text({ value, ...place }, LIMITS.markdownBytes);
    return { markdown: text, file, line };
  }

  async script(source: Located<Source> | undefined): Promise<Script | undefined> {
    if (source === undefined) return undefined;
    const script = await this.#text(source, LIMITS.scriptBytes);
    if (script.text.includes('\0')) this.#mistake(source, "a script can't have a NUL in it; remove it");
    return script;
  }

  /** Undefined after a mistake. */
  async bytes(path: Located<string>, bytesMax: number): Promise<Uint8Array | undefined> {
    const inside = labPath(path.value);
    if (inside === undefined)
      return this.#mistake(
        path,
        `${JSON.stringify(path.value)} is not in the lab's folder; copy the file there, and write its path from there`,
      );
    if (!this.hasFile(inside)) return this.missing(path, inside);
    return this.#read(path, inside, bytesMax);
  }

  missing(at: Located<unknown>, path: string): undefined {
    this.#mistake(
      at,
      `there is no file ${JSON.stringify(path)} in the lab's folder; ${didYouMean(path, [...this.#paths], 'add it, or correct the path')}`,
    );
  }

  async #text(source: Located<Source>, bytesMax: number): Promise<Script> {
    const { value } = source;
    if (value.kind === 'inline') {
      const bytes = new TextEncoder().encode(value.text).length;
      if (bytes > bytesMax) this.#mistake(source, `this text has more than ${bytesMax / 1024} KiB; make it shorter`);
      return { text: value.text, file: LAB_FILE, line: value.textLine };
    }
    const at = { ...source, value: value.path };
    const bytes = await this.bytes(at, bytesMax);
    const file = labPath(value.path) ?? value.path;
    const text = bytes === undefined ? undefined : this.#decode(bytes, at, file);
    if (text?.trim() === '')
      this.#mistake(at, `the file ${JSON.stringify(file)} is empty; write what belongs there, or remove the key`);
    return { text: text ?? '', file, line: 1 };
  }

  async #read(at: Located<unknown>, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    this.used.add(path);
    try {
      return await this.#files.read(path, bytesMax);
    } catch (error) {
      const isLabs =
        error instanceof VivariumError && (error.code === ErrorCodes.LIMIT || error.code === ErrorCodes.NOT_FOUND);
      if (!isLabs) throw error;
      return this.#mistake(at, error.message);
    }
  }

  #decode(bytes: Uint8Array, at: Located<unknown>, path: string): string | undefined {
    try {
      // Line ends of Windows would be part of every command.
      return utf8.decode(bytes).replaceAll('\r\n', '\n');
    } catch {
      return this.#mistake(at, `the file ${JSON.stringify(path)} is not text in UTF-8; save it as UTF-8`);
    }
  }

  #mistake({ line, column }: Located<unknown>, message: string, file = LAB_FILE): undefined {
    this.#mistakes.push({ file, line, column, message });
  }
}
