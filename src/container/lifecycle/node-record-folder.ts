/**
 * Records of one kind on disk: a folder each, named by its 64-digit ID, which comes into being complete by a rename and goes
 * by one, and files in `names/` that hold an ID. Whoever changes something has the lock (see {@link RecordFiles}), so what
 * is unfinished when somebody else has it was left by a process that is dead: {@link RecordFolder.tidy} removes it.
 */
import { randomUUID } from 'node:crypto';
import { constants, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '../../oci/node-content.ts';
import { ErrorCodes, VivariumError, assert } from '../../util/errors.ts';
import { isContainerId, isName } from './names.ts';
import { type Shape, misfit } from './shapes.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const NAMES = 'names';
const DRAFT = '.draft-';
const REMOVED = '.removed-';
/** In a record's folder: the names that it may have, a line each, the latest last. `names/` says whether it has them. */
const NAME_NOTE = 'name';
const ID_PREFIX = /^[0-9a-f]{1,64}$/;
const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT'];
const GONE_CODES: readonly string[] = ['ENOENT', 'ENOTDIR'];

export class RecordFolder {
  readonly path: string;
  /** What errors call one of them. */
  readonly kind: 'container' | 'pod';

  constructor(path: string, kind: 'container' | 'pod') {
    this.path = path;
    this.kind = kind;
  }

  pathOf(id: string, file = ''): string {
    return join(this.path, id, file);
  }

  async ids(): Promise<string[]> {
    return (await list(this.path)).filter(isContainerId);
  }

  async has(id: string): Promise<boolean> {
    return isContainerId(id) && (await modifiedMs(this.pathOf(id))) !== undefined;
  }

  async hasFile(id: string, file: string): Promise<boolean> {
    return (await modifiedMs(this.pathOf(id, file))) !== undefined;
  }

  /** Names by ID. Of several, which a killed rename leaves, the last one counts; names of nothing are left out. */
  async names(): Promise<Map<string, string>> {
    const found = new Map<string, { name: string; writtenMs: number }>();
    const ids = new Set(await this.ids());
    const look = async (name: string) =>
      [name, ...(await Promise.all([this.#holder(name), modifiedMs(this.#namePath(name))]))] as const;
    const names = (await list(join(this.path, NAMES))).filter(isName);
    for (const [name, id, writtenMs] of await Promise.all(names.map(look))) {
      if (id === undefined || writtenMs === undefined || !ids.has(id)) continue;
      if (writtenMs >= (found.get(id)?.writtenMs ?? -Infinity)) found.set(id, { name, writtenMs });
    }
    return new Map([...found].map(([id, { name }]) => [id, name]));
  }

  /** The name of one, if it has any. */
  async nameOf(id: string): Promise<string | undefined> {
    for (const name of (await this.#notedNames(id)).reverse()) if ((await this.#holder(name)) === id) return name;
    return (await this.names()).get(id);
  }

  /** Whose name it is. */
  async idOf(name: string): Promise<string | undefined> {
    const id = await this.#holder(name);
    return id !== undefined && (await this.has(id)) ? id : undefined;
  }

  /** Gives it a name. Resolves to who has it, if that is somebody else. Call exclusively. */
  async reserve(name: string, id: string): Promise<string | undefined> {
    const holder = await this.idOf(name);
    if (holder !== undefined) return holder === id ? undefined : holder;
    const draft = join(this.path, NAMES, `${DRAFT}${randomUUID()}`);
    await makeFolder(join(this.path, NAMES));
    await this.#noteNames(id, [...(await this.#notedNames(id)), name]);
    try {
      await writeNew(draft, id);
      await translate('write', this.#namePath(name), rename(draft, this.#namePath(name)));
    } finally {
      await rm(draft, { force: true });
    }
    return undefined;
  }

  /** The ID that a user means by an ID, a name or the beginning of an ID (in this order). Throws NOT_FOUND, or USAGE for several. */
  async resolve(text: string): Promise<string> {
    const ids = await this.ids();
    if (ids.includes(text)) return text;
    const name = text.replace(/^\//, '');
    const named = isName(name) ? await this.idOf(name) : undefined;
    if (named !== undefined) return named;
    const found = ID_PREFIX.test(text) ? ids.filter((id) => id.startsWith(text)) : [];
    if (found.length > 1)
      throw new VivariumError(
        ErrorCodes.USAGE,
        `multiple IDs found with provided prefix: ${text}; give more digits of one`,
      );
    if (found.length === 0) throw noSuch(this.kind, text);
    return found[0]!;
  }

  /** Takes all its names away except one. Call exclusively. */
  async releaseNames(id: string, except?: string): Promise<void> {
    const releaseIfHeld = async (name: string): Promise<void> => {
      if (name !== except && (await this.#holder(name)) === id) await this.#remove(this.#namePath(name));
    };
    const noted = await this.#notedNames(id);
    await all((noted.length > 0 ? noted : await list(join(this.path, NAMES))).map(releaseIfHeld));
    if (except !== undefined) await this.#noteNames(id, [except]);
  }

  /**
   * Begins to make it, with all its files: nobody sees it until {@link commit}. Whatever else belongs to it comes in between,
   * so that the draft tells of it if we are killed. Call exclusively.
   */
  async prepare(id: string, documents: Readonly<Record<string, object>>): Promise<void> {
    assert(!(await this.has(id)), 'an ID is used once');
    const draft = this.#draftOf(id);
    await makeFolder(draft);
    const writing = Object.entries(documents).map(([file, value]) =>
      writeNew(join(draft, file), JSON.stringify(value)),
    );
    await all(writing).catch(async (error: unknown) => {
      await this.abandon(id);
      throw error;
    });
  }

  /** Others see it from now on; it outlives a power failure after {@link sync}. */
  async commit(id: string): Promise<void> {
    await translate('write', this.pathOf(id), rename(this.#draftOf(id), this.pathOf(id)));
  }

  async sync(): Promise<void> {
    await syncFolder(this.path);
  }

  /** Takes {@link prepare} back. */
  async abandon(id: string): Promise<void> {
    await rm(this.#draftOf(id), { recursive: true, force: true });
  }

  /**
   * Reads one file, which must have its shape; `undefined` when it is not there. Throws STORE when it is corrupt, with what to do
   * about it.
   */
  async read(id: string, file: string, shape: Shape, remedy?: string): Promise<unknown> {
    const text = await readIfThere(this.pathOf(id, file));
    if (text === undefined) return undefined;
    let value: unknown;
    let problem: string | undefined;
    try {
      value = JSON.parse(text);
      problem = misfit(value, shape);
    } catch {
      problem = 'it is not JSON';
    }
    if (problem !== undefined) throw this.corrupt(id, file, problem, remedy);
    return value;
  }

  /** Replaces one file; others see the old or the new one. Throws NOT_FOUND when the record is gone. Call exclusively. */
  async write(id: string, file: string, value: object): Promise<void> {
    const path = this.pathOf(id, file);
    const draft = this.pathOf(id, `${DRAFT}${randomUUID()}`);
    try {
      await writeNew(draft, JSON.stringify(value));
      await translate('write', path, rename(draft, path));
    } catch (error) {
      await rm(draft, { force: true });
      if (!(await this.has(id))) throw noSuch(this.kind, id);
      throw error;
    }
  }

  /** Removes one file of it; it need not be there. */
  async drop(id: string, file: string): Promise<void> {
    await this.#remove(this.pathOf(id, file));
  }

  /** It is gone for everybody when this resolves; what it held goes with {@link sweep}. Call exclusively. */
  async remove(id: string): Promise<void> {
    if (!(await this.has(id))) return;
    await translate('remove', this.pathOf(id), rename(this.pathOf(id), join(this.path, `${REMOVED}${id}`)));
  }

  /** Frees what was removed. May be called by several at once. */
  async sweep(): Promise<void> {
    for (const name of await list(this.path)) {
      const path = join(this.path, name);
      if (name.startsWith(REMOVED))
        await translate('remove', path, rm(path, { recursive: true, force: true, maxRetries: 3 }));
    }
  }

  /** Whether a process has been killed while it made or removed one, or is at it. */
  async hasMarks(): Promise<boolean> {
    return (await list(this.path)).some((name) => name.startsWith(DRAFT) || name.startsWith(REMOVED));
  }

  /** What processes that were killed have left, one line each. Call exclusively to be sure that they are dead. */
  async leftovers(): Promise<{ readonly path: string; readonly what: string }[]> {
    const found: { path: string; what: string }[] = [];
    const add = (path: string, what: string): void => void found.push({ path, what: `${what} ${quotePath(path)}` });
    const live = new Map(await this.names());
    for (const name of await list(this.path)) {
      if (name.startsWith(DRAFT)) add(join(this.path, name), `an unfinished ${this.kind}`);
      if (name.startsWith(REMOVED)) add(join(this.path, name), `what is left of a removed ${this.kind}`);
    }
    for (const name of await list(join(this.path, NAMES))) {
      const id = await this.#holder(name);
      if (name.startsWith(DRAFT)) add(join(this.path, NAMES, name), 'a temporary file');
      else if (id === undefined || live.get(id) !== name) add(this.#namePath(name), `a name of no ${this.kind}`);
    }
    for (const id of await this.ids())
      for (const name of await list(this.pathOf(id)))
        if (name.startsWith(DRAFT)) add(this.pathOf(id, name), 'a temporary file');
    return found;
  }

  /** Removes those. Call exclusively. */
  async tidy(): Promise<string[]> {
    const left = await this.leftovers();
    for (const { path } of left)
      await translate('remove', path, rm(path, { recursive: true, force: true, maxRetries: 3 }));
    return left.map(({ what }) => what);
  }

  /** The error for a file of it that is not what it should be. */
  corrupt(id: string, file: string, why: string, remedy?: string): VivariumError {
    const command = `viv ${this.kind === 'pod' ? 'pod ' : ''}rm --force ${id}`;
    const advice = remedy ?? `restore it, or remove the ${this.kind} with ${command}`;
    return new VivariumError(
      ErrorCodes.STORE,
      `the record ${quotePath(this.pathOf(id, file))} is corrupt: ${why}; ${advice}`,
    );
  }

  /** So that a look at one record is not a look at the names of all. Nothing hangs on it: who reads it asks `names/`. */
  async #noteNames(id: string, names: readonly string[]): Promise<void> {
    const folder = (await this.has(id)) ? this.pathOf(id) : this.#draftOf(id);
    try {
      writeFileSync(join(folder, NAME_NOTE), names.join('\n'), { mode: PRIVATE_FILE_MODE });
    } catch (error) {
      if (!isMissing(error)) throw asRecordError('write', join(folder, NAME_NOTE), error);
    }
  }

  async #notedNames(id: string): Promise<string[]> {
    for (const folder of [this.pathOf(id), this.#draftOf(id), join(this.path, `${REMOVED}${id}`)]) {
      const note = await readIfThere(join(folder, NAME_NOTE));
      if (note !== undefined) return note.split('\n').filter(isName);
    }
    return [];
  }

  async #holder(name: string): Promise<string | undefined> {
    const id = (await readIfThere(this.#namePath(name)))?.trim();
    return id !== undefined && isContainerId(id) ? id : undefined;
  }

  async #remove(path: string): Promise<void> {
    await translate('remove', path, rm(path, { force: true }));
  }

  #draftOf(id: string): string {
    return join(this.path, `${DRAFT}${id}`);
  }

  #namePath(name: string): string {
    return join(this.path, NAMES, name);
  }
}

/** Waits for all, so that nothing is under way any more when the first failure is thrown. */
export async function all(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

/** Docker's words. */
export function noSuch(kind: 'container' | 'pod', text: string): VivariumError {
  return new VivariumError(ErrorCodes.NOT_FOUND, `No such ${kind}: ${text}`);
}

/** Whole, since paths of records are long and one needs the end. */
function quotePath(path: string): string {
  return JSON.stringify(path);
}

function codeOf(error: unknown): string {
  const cause = error instanceof VivariumError ? error.cause : error;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** Whether an error says that a file or its folder is not there. */
export function isMissing(error: unknown): boolean {
  return GONE_CODES.includes(codeOf(error));
}

async function list(folder: string): Promise<string[]> {
  return translate('read', folder, readdir(folder)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

/** A file's text; `undefined` when there is none. Throws STORE when it can't be read. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return translate('read', path, readFile(path, 'utf8')).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function modifiedMs(path: string): Promise<number | undefined> {
  return translate('read', path, stat(path)).then(
    ({ mtimeMs }) => mtimeMs,
    (error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    },
  );
}

/** Makes a folder for its user alone, and those above it. */
export async function makeFolder(path: string): Promise<void> {
  await translate('write', path, mkdir(path, { recursive: true, mode: PRIVATE_FOLDER_MODE }));
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await translate('write', path, open(path, 'w', PRIVATE_FILE_MODE));
  try {
    await translate('write', path, file.writeFile(text));
    await translate('write', path, file.sync());
  } finally {
    await file.close();
  }
}

/** A rename is durable once its folder is (fsync(2)). */
async function syncFolder(path: string): Promise<void> {
  const folder = await translate('write', path, open(path, constants.O_RDONLY));
  try {
    await translate('write', path, folder.sync()).catch((error: unknown) => {
      if (codeOf(error) !== 'EINVAL') throw error; // some file systems have nothing to flush
    });
  } finally {
    await folder.close();
  }
}

/** What kept a file of ours from being used becomes STORE or NO_SPACE, with its name. */
export async function translate<T>(verb: string, path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (cause) {
    throw asRecordError(verb, path, cause);
  }
}

function asRecordError(verb: string, path: string, cause: unknown): VivariumError {
  if (FULL_CODES.includes(codeOf(cause)))
    return new VivariumError(
      ErrorCodes.NO_SPACE,
      `no space is left for ${quotePath(path)}; free some, perhaps with viv system prune`,
      { cause },
    );
  return new VivariumError(ErrorCodes.STORE, `can't ${verb} the record ${quotePath(path)}: ${describe(cause)}`, {
    cause,
  });
}
