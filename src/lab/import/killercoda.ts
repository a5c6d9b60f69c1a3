/**
 * Labs of Killercoda, which are those of Katacoda: a folder with `index.json` (title, details.intro, steps and finish, backend,
 * details.assets), texts, and scripts (https://killercoda.com/creators). What has no counterpart here is told in warnings, not
 * left out in silence.
 */
import { stringify } from 'yaml';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { notThere, type LabFiles } from '../format/files.ts';
import { LIMITS } from '../format/limits.ts';
import { labPath } from '../format/paths.ts';
import { parseMarkdown } from '../markdown/parse.ts';
import { convertText } from './killercoda-text.ts';

const INDEX = 'index.json';
const LABS_STEPS_MAX = LIMITS.steps - 2;

export interface ImportedLab {
  /** Its files by path, lab.yaml among them. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

export interface ImportOptions {
  readonly id: string;
  /** The image of its machine: theirs are virtual machines that are not to be had. */
  readonly image: string;
}

/** Throws NOT_FOUND when there is no index.json, BAD_LAB when it is none of theirs. */
export async function importKillercoda(files: LabFiles, options: ImportOptions): Promise<ImportedLab> {
  const paths = await files.list();
  if (!paths.includes(INDEX))
    throw new VivariumError(ErrorCodes.NOT_FOUND, 'the folder has no index.json; choose the folder of a scenario');
  const index = parseIndex(await files.read(INDEX, LIMITS.labFileBytes));
  return new Importer(files, paths, options).lab(index);
}

interface Fields {
  readonly [key: string]: unknown;
}

/** A script or text of theirs, converted. */
interface Part {
  readonly title: string;
  /** Its path, as `check` is one. */
  readonly text: string | undefined;
  /** As lab.yaml has it. */
  readonly init: Fields | undefined;
  readonly check: string | undefined;
}

class Importer {
  readonly #files: LabFiles;
  readonly #paths: readonly string[];
  readonly #options: ImportOptions;
  readonly #made = new Map<string, string | Uint8Array>();
  readonly #warnings: string[] = [];

  constructor(files: LabFiles, paths: readonly string[], options: ImportOptions) {
    this.#files = files;
    this.#paths = paths;
    this.#options = options;
  }

  async lab(index: Fields): Promise<ImportedLab> {
    const details = objectOf(index['details']);
    if (details === undefined) throw badIndex('has no "details"');
    const steps = Array.isArray(details['steps']) ? details['steps'].map(objectOf) : [];
    if (steps.length > LABS_STEPS_MAX) throw badIndex(`has more than ${LABS_STEPS_MAX} steps`);
    this.#tellOfBackend(index);
    const parts: Part[] = [];
    await this.#part(parts, details['intro'], 'Introduction');
    for (const [number, step] of steps.entries()) await this.#part(parts, step, `Step ${number + 1}`);
    await this.#part(parts, details['finish'], 'Finish');
    if (parts.length === 0) throw badIndex('has neither steps nor an introduction');
    const title = textOf(index['title']) ?? 'Lab';
    const lab = {
      version: 1,
      id: this.#options.id,
      title: oneLine(title),
      ...(textOf(index['description']) === undefined ? {} : { summary: oneLine(textOf(index['description'])!) }),
      machines: [{ image: this.#options.image }],
      ...(await this.#assets(details)),
      steps: this.#steps(parts),
    };
    this.#made.set('lab.yaml', stringify(lab, { lineWidth: 0, blockQuote: 'literal' }));
    if (parts.some(({ check }) => check !== undefined))
      this.#warn('the steps have no solutions, which viv lab test needs; write one for each step with a check');
    return { files: this.#made, warnings: this.#warnings };
  }

  #tellOfBackend(index: Fields): void {
    const image = textOf(objectOf(index['backend'])?.['imageid']);
    const name = image === undefined ? '' : ` ${JSON.stringify(image)}`;
    this.#warn(
      `its machine${name} is a virtual machine of theirs; the lab has the image ${JSON.stringify(this.#options.image)} instead, so see whether every program is there`,
    );
    if (image !== undefined && /kube|2nodes/.test(image))
      this.#warn('it is about Kubernetes on machines of theirs, which the image does not bring');
    const layout = textOf(objectOf(index['interface'])?.['layout']);
    if (layout !== undefined && layout !== 'terminal')
      this.#warn(`its layout ${JSON.stringify(layout)} has no counterpart; the page has terminal and editor`);
  }

  async #part(parts: Part[], value: unknown, fallbackTitle: string): Promise<void> {
    const part = objectOf(value);
    if (part === undefined) return;
    const title = oneLine(textOf(part['title']) ?? fallbackTitle);
    const [foreground, background] = [pathOf(part['foreground']), pathOf(part['background'])];
    if (textOf(part['courseData']) !== undefined) this.#warn(`${title}: "courseData" has no counterpart`);
    const scripts = [background, foreground].filter((path) => path !== undefined);
    if (foreground !== undefined)
      this.#warn(
        `${title}: ${foreground} ran in the terminal before the student's eyes; it runs as part of "init" now, unseen`,
      );
    parts.push({
      title,
      text: await this.#text(pathOf(part['text']), title),
      init: await this.#init(scripts, title),
      check: await this.#script(pathOf(part['verify']), title),
    });
  }

  /** A step with a check opens those after it, as theirs do. */
  #steps(parts: readonly Part[]): Fields[] {
    const ids = new Set<string>();
    let needed: string | undefined;
    return parts.map(({ title, text, init, check }, index) => {
      const id = uniqueId(idOf(title) ?? `step-${index + 1}`, ids);
      const step = {
        id,
        title,
        text: text === undefined ? `${title}.` : { file: text },
        ...(needed === undefined ? {} : { needs: needed }),
        ...(init === undefined ? {} : { init }),
        ...(check === undefined ? {} : { check: { file: check } }),
      };
      if (check !== undefined) needed = id;
      return step;
    });
  }

  async #text(path: string | undefined, title: string): Promise<string | undefined> {
    const text = await this.#read(path, title);
    if (text === undefined) return undefined;
    const { markdown, warnings } = convertText(text);
    for (const { line, message } of warnings) this.#warn(`${path}:${line}: ${message}`);
    if (markdown.trim() === '') return undefined;
    this.#made.set(path!, markdown);
    const { problems, references } = parseMarkdown({ markdown, file: path!, line: 1 });
    for (const { line, message } of problems) this.#warn(`${path}:${line}: ${message}`);
    for (const { target } of references)
      if (target.kind === 'image' || target.kind === 'file') await this.#copy(target.path, LIMITS.imageBytes);
    return path;
  }

  async #script(path: string | undefined, title: string): Promise<string | undefined> {
    const text = await this.#read(path, title);
    if (text === undefined || text.trim() === '') return undefined;
    // Theirs go on after a command that fails.
    this.#made.set(path!, text.startsWith('#!') ? text : `#!/bin/sh\n${text}`);
    if (/^#!\s*\S*bash/.test(text) && this.#options.image === 'busybox')
      this.#warn(`${path}: it is for bash, which the image busybox has not; choose another image, or write it for sh`);
    return path;
  }

  /** Background first, as theirs are started. */
  async #init(paths: readonly string[], title: string): Promise<Fields | undefined> {
    const scripts: string[] = [];
    for (const path of paths) {
      const script = await this.#script(path, title);
      if (script !== undefined) scripts.push(script);
    }
    if (scripts.length <= 1) return scripts.length === 0 ? undefined : { file: scripts[0] };
    const [background, foreground] = scripts.map((path) => this.#made.get(path) as string);
    const file = `init/${scripts[1]!.replaceAll('/', '-')}`;
    this.#made.set(
      file,
      `#!/bin/sh\n# ${scripts[0]}\n(\n${withoutShebang(background!)}\n)\n# ${scripts[1]}\n(\n${withoutShebang(foreground!)}\n)\n`,
    );
    for (const path of scripts) this.#made.delete(path);
    return { file };
  }

  async #assets(details: Fields): Promise<{ readonly files?: readonly Fields[] }> {
    const hosts = objectOf(details['assets']) ?? {};
    const placed: Fields[] = [];
    for (const [host, list] of Object.entries(hosts)) {
      if (host !== 'host01' && host !== 'client') {
        this.#warn(`the assets of ${JSON.stringify(host)} are left out: the lab has one machine`);
        continue;
      }
      for (const asset of (Array.isArray(list) ? list : []).map(objectOf))
        placed.push(...(await this.#asset(asset ?? {})));
    }
    return placed.length === 0 ? {} : { files: placed };
  }

  async #asset({ file, target, chmod }: Fields): Promise<readonly Fields[]> {
    const [pattern, folder, rights] = [textOf(file), textOf(target), textOf(chmod)];
    if (pattern === undefined || folder === undefined) {
      this.#warn('an asset without "file" or "target" is left out');
      return [];
    }
    const absolute = folder.startsWith('~') ? `/root${folder.slice(1)}` : folder;
    const found = this.#paths.filter(
      (path) => path.startsWith('assets/') && matches(path.slice('assets/'.length), pattern),
    );
    if (!absolute.startsWith('/') || absolute.split('/').includes('..') || found.length === 0) {
      this.#warn(
        `the asset ${JSON.stringify(pattern)} is left out: ${found.length === 0 ? 'there is no such file in assets' : 'its target is no absolute path'}`,
      );
      return [];
    }
    const files: Fields[] = [];
    for (const path of found) {
      if (!(await this.#copy(path, LIMITS.placedFileBytes))) continue;
      const name = path.slice(path.lastIndexOf('/') + 1);
      files.push({
        path: `${absolute.replace(/\/+$/, '')}/${name}`,
        source: path,
        ...(modeOf(rights) === undefined ? {} : { mode: modeOf(rights) }),
      });
    }
    if (rights !== undefined && modeOf(rights) === undefined && !/^[augo]*\+[rw]+$/.test(rights))
      this.#warn(
        `the rights ${JSON.stringify(rights)} of the asset ${JSON.stringify(pattern)} are not known; it has 0644`,
      );
    return files;
  }

  async #read(path: string | undefined, title: string): Promise<string | undefined> {
    if (path === undefined) return undefined;
    if (!this.#paths.includes(path)) {
      this.#warn(`${title}: the file ${JSON.stringify(path)} is not in the folder, and is left out`);
      return undefined;
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(await this.#files.read(path, LIMITS.scriptBytes));
    } catch (error) {
      if (error instanceof TypeError)
        this.#warn(`${title}: the file ${JSON.stringify(path)} is not text in UTF-8, and is left out`);
      else if (isToldOf(error)) this.#warn(`${title}: ${error.message}; it is left out`);
      else throw error;
      return undefined;
    }
  }

  async #copy(path: string, bytesMax: number): Promise<boolean> {
    try {
      if (!this.#paths.includes(path)) throw notThere(path);
      this.#made.set(path, await this.#files.read(path, bytesMax));
      return true;
    } catch (error) {
      if (!isToldOf(error)) throw error;
      this.#warn(`${error.message}; it is left out`);
      return false;
    }
  }

  #warn(message: string): void {
    if (!this.#warnings.includes(message)) this.#warnings.push(message);
  }
}

function parseIndex(bytes: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw badIndex('is no JSON');
  }
  const index = objectOf(value);
  if (index === undefined) throw badIndex('is no object');
  return index;
}

function badIndex(what: string): VivariumError {
  return new VivariumError(
    ErrorCodes.BAD_LAB,
    `index.json ${what}, so it is no scenario of Killercoda; choose the folder of one`,
  );
}

function isToldOf(error: unknown): error is VivariumError {
  return error instanceof VivariumError && (error.code === ErrorCodes.LIMIT || error.code === ErrorCodes.NOT_FOUND);
}

function objectOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A path as folders list it; one that leads out of the folder stays as it is, and is in none. */
function pathOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : (labPath(text) ?? text);
}

function oneLine(text: string): string {
  const CHARS_MAX = 200;
  const line = text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, CHARS_MAX);
  return line === '' ? 'Lab' : line;
}

function idOf(title: string): string | undefined {
  const CHARS_MAX = 50;
  const id = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, CHARS_MAX)
    .replace(/-+$/, '');
  return id === '' ? undefined : id;
}

function uniqueId(id: string, taken: Set<string>): string {
  let unique = id;
  for (let count = 2; taken.has(unique); count++) unique = `${id}-${count}`;
  taken.add(unique);
  return unique;
}

/** `*` of their patterns matches within a name, and a pattern without a folder in any folder. */
function matches(path: string, pattern: string): boolean {
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('[^/]*');
  return new RegExp(`^${expression}$`).test(path) || pattern === '**';
}

/** `+x`, or octal. */
function modeOf(rights: string | undefined): string | undefined {
  if (rights === undefined) return undefined;
  if (/^[augo]*\+r?w?x$/.test(rights)) return '0755';
  return /^0?[0-7]{3}$/.test(rights) ? rights.padStart(4, '0') : undefined;
}

function withoutShebang(script: string): string {
  return script.replace(/^#![^\n]*\n?/, '').trimEnd();
}
