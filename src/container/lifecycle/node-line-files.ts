/**
 * Lines of a file that another process appends to and rotates: FILE becomes FILE.1, that FILE.2, and so on. A reader that
 * follows finds its way by inode numbers, which stay while it has the files open, so it misses nothing that is still there.
 */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMissing, translate } from './node-record-folder.ts';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;
const POLL_MS = 50;
/** Nobody writes longer lines; what is longer is no line. */
const LINE_BYTES_MAX = 1024 * 1024;

export interface LinesOptions {
  /** So many of the last lines that are there; undefined: all. */
  readonly tail?: number | undefined;
  /** Wait for more until this says that no more can come. It is asked before the last look. */
  readonly isOver?: (() => Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Lines without their ends, oldest first; one that is not complete yet is left out. Throws the signal's reason. */
export async function* readLines(path: string, { tail, isOver, signal }: LinesOptions = {}): AsyncGenerator<string> {
  const files = await openGenerations(path);
  try {
    await skip(files, tail);
    for (;;) {
      signal?.throwIfAborted();
      const isLastLook = isOver === undefined || (await isOver());
      while (files.length > 0) {
        for await (const line of files[0]!.lines()) {
          yield line;
          signal?.throwIfAborted();
        }
        if (files.length === 1) break;
        await files.shift()!.close();
      }
      const newer = await openGenerations(path, files[0]?.inode);
      if (newer.length > 0) {
        files.push(...newer); // and the one we had is read once more: it may have got a last line before it was renamed
        continue;
      }
      if (isLastLook) return;
      await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
    }
  } finally {
    for (const file of files) await file.close();
  }
}

/** The files that are newer than the one with this inode, or all, oldest first. */
async function openGenerations(path: string, known?: bigint): Promise<LineFile[]> {
  if (known !== undefined && (await inodeOf(path)) === known) return [];
  const files: LineFile[] = [];
  for (const name of [path, ...(await rotatedNames(path))]) {
    const file = await LineFile.open(name);
    if (file === undefined) continue; // renamed meanwhile, or not there yet
    if (file.inode === known) {
      await file.close();
      break;
    }
    if (files.some(({ inode }) => inode === file.inode)) await file.close();
    else files.unshift(file);
  }
  return files;
}

/** FILE.1, FILE.2, … as far as they are there. */
async function rotatedNames(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const numbers = (await readdir(dirname(path)).catch(() => []))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,8}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
  return numbers.sort((a, b) => a - b).map((number) => `${path}.${number}`);
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  return stat(path, { bigint: true }).then(
    ({ ino }) => ino,
    () => undefined,
  );
}

/** Goes to the last lines. Files that have none of them are closed. */
async function skip(files: LineFile[], tail: number | undefined): Promise<void> {
  if (tail === undefined) return;
  let missing = tail;
  for (let index = files.length - 1; index >= 0; index--) {
    missing -= await files[index]!.seekBack(missing);
    if (missing > 0) continue;
    for (const file of files.splice(0, index)) await file.close();
    return;
  }
}

class LineFile {
  readonly inode: bigint;
  readonly #file: FileHandle;
  /** Where the next line begins. */
  #at = 0;

  private constructor(file: FileHandle, inode: bigint) {
    this.#file = file;
    this.inode = inode;
  }

  static async open(path: string): Promise<LineFile | undefined> {
    const file = await translate('read', path, open(path, 'r')).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    return file === undefined ? undefined : new LineFile(file, (await file.stat({ bigint: true })).ino);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Complete lines from here on. */
  async *lines(): AsyncGenerator<string> {
    let pending = Buffer.alloc(0);
    for (;;) {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#at + pending.length);
      if (bytesRead === 0) return;
      pending = Buffer.concat([pending, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = pending.indexOf(NEWLINE); end >= 0; end = pending.indexOf(NEWLINE, start)) {
        const line = pending.toString('utf8', start, end);
        this.#at += end + 1 - start;
        start = end + 1;
        yield line;
      }
      pending = pending.subarray(start);
      if (pending.length <= LINE_BYTES_MAX) continue;
      this.#at += pending.length;
      pending = Buffer.alloc(0);
    }
  }

  /** Goes to its last `count` lines; resolves to how many it has of them. */
  async seekBack(count: number): Promise<number> {
    const { size } = await this.#file.stat();
    let found = 0;
    let isLast = true; // the newline that ends the last line begins none
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const buffer = Buffer.alloc(end - start);
      await this.#file.read(buffer, 0, buffer.length, start);
      for (let at = buffer.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : buffer.lastIndexOf(NEWLINE, at - 1)) {
        if (!isLast) found++;
        isLast = false;
        if (found < count) continue;
        this.#at = start + at + 1;
        return found;
      }
      end = start;
    }
    this.#at = 0;
    return isLast ? 0 : found + 1;
  }
}
