/** Files of a running container one at a time, by viv-files (file-tool.ts). */
import { collect } from '../oci/blob.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { EditableFiles, FileEntry, FileStat } from './container-files.ts';
import { feedTool, parseStat, readTool, splitFields, STAT_FIELDS, type ToolClient } from './file-tool.ts';

const READ_BYTES_MAX = 16 * 2 ** 20;
/** Some tens of thousands of names; nobody looks at more. */
const LIST_BYTES_MAX = 8 * 2 ** 20;
const STAT_BYTES_MAX = 65536;
const MODE_MAX = 0o7777;
/** A name of a folder and what `stat` has of it. */
const ENTRY_FIELDS = 1 + STAT_FIELDS;

export class GuestEdits implements EditableFiles {
  readonly #client: ToolClient;
  readonly #root: () => Promise<string>;

  /** @param root gives the path in the guest at which the container's root can be seen: `/proc/PID/root`. */
  constructor(client: ToolClient, root: () => Promise<string>) {
    this.#client = client;
    this.#root = root;
  }

  async read(path: string, { bytesMax = READ_BYTES_MAX }: { readonly bytesMax?: number } = {}): Promise<Uint8Array> {
    // The tool itself stops at the limit, and says so.
    return collect(this.#read('read', [path, String(bytesMax)]), Number.MAX_SAFE_INTEGER, path);
  }

  async write(path: string, bytes: Uint8Array, { mode }: { readonly mode?: number } = {}): Promise<void> {
    const words = [checked(path), octal(mode)];
    await feedTool(this.#client, ['write', await this.#root(), ...words], [bytes]);
  }

  async list(path: string): Promise<FileEntry[]> {
    const fields = splitFields(await collect(this.#read('list', [path]), LIST_BYTES_MAX, `the list of ${path}`));
    const entries: FileEntry[] = [];
    for (let at = 0; at < fields.length; at += ENTRY_FIELDS)
      entries.push({ name: fields[at]!, ...parseStat(fields.slice(at + 1, at + ENTRY_FIELDS)) });
    return entries;
  }

  async stat(path: string): Promise<FileStat> {
    return parseStat(
      splitFields(await collect(this.#read('stat', [path]), STAT_BYTES_MAX, `what is known of ${path}`)),
    );
  }

  async mkdir(path: string, { mode }: { readonly mode?: number } = {}): Promise<void> {
    return this.#do('mkdir', [path, octal(mode)]);
  }

  remove(path: string, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
    return this.#do('remove', [path, ...(recursive ? ['all'] : [])]);
  }

  async rename(from: string, to: string): Promise<void> {
    checked(to);
    return this.#do('rename', [from, to]);
  }

  async #do(command: string, words: readonly string[]): Promise<void> {
    for await (const _ of this.#read(command, words)); // it prints nothing
  }

  async *#read(command: string, [path, ...words]: readonly string[]): AsyncGenerator<Uint8Array> {
    const rest = [checked(path!), ...words];
    yield* readTool(this.#client, [command, await this.#root(), ...rest]);
  }
}

function checked(path: string): string {
  if (!path.startsWith('/') || path.includes('\0'))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `a path in the computer must be absolute, like /root/file, not ${JSON.stringify(path)}`,
    );
  return path;
}

function octal(mode: number | undefined): string {
  if (mode === undefined) return '-';
  if (!Number.isInteger(mode) || mode < 0 || mode > MODE_MAX)
    throw new VivariumError(ErrorCodes.USAGE, `${mode} is no mode of a file; give one like 0o644`);
  return mode.toString(8);
}
