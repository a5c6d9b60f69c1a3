/**
 * Unpacks a tar archive of a container into a folder of the host, for `cp` out of it. The archive is hostile: no name leads out
 * of the folder, no link that is below it is followed, whether it came with the archive or was there, and no device is made.
 * What is in the way is replaced, but no folder by something else nor the other way round. Nobody else may change the
 * folder meanwhile: Node has no calls by descriptor.
 */
import type { Stats } from 'node:fs';
import { type FileHandle, chmod, lchown, link, lstat, lutimes, mkdir, open, symlink, unlink } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { quote } from '../../oci/fail.ts';
import type { ImageLimits } from '../../oci/limits.ts';
import { describe } from '../../oci/node-content.ts';
import type { TarEntry } from '../../oci/tar.ts';
import { type StreamedEntry, streamTar } from '../../oci/tar-stream.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const PERMISSION_BITS = 0o777;
const OWN_FOLDER_MODE = 0o700;
const NEW_FILE_MODE = 0o600;
const MS_PER_S = 1000;

export interface UnpackOptions {
  readonly limits: ImageLimits;
  /** Names the archive in errors. */
  readonly what: string;
  /** Keep owners (if the user may give files away) and set-id bits. */
  readonly archive: boolean;
  readonly onNote: (text: string) => void;
}

/** Throws BAD_IMAGE for an archive that is not sound, CONFLICT, NO_SPACE or FILES. */
export async function unpackTree(
  tar: AsyncIterable<Uint8Array>,
  folder: string,
  options: UnpackOptions,
): Promise<void> {
  const unpacker = new Unpacker(folder, options);
  for await (const streamed of streamTar(tar, options)) await unpacker.place(streamed);
  await unpacker.finish();
}

class Unpacker {
  readonly #folder: string;
  readonly #options: UnpackOptions;
  /** Folders that are known to be real ones, by their names below the folder. */
  readonly #real = new Set<string>(['']);
  /** Folders get their modes and times last: they may be such that nothing can be put into them. */
  readonly #late: { path: string; entry: TarEntry }[] = [];

  constructor(folder: string, options: UnpackOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async place({ entry, data }: StreamedEntry): Promise<void> {
    const names = this.#namesOf(entry.path);
    if (names.length === 0) {
      if (entry.type !== 'directory') throw this.#bad(entry.path, 'would replace the folder that it is put into');
      return;
    }
    const path = this.#pathOf(names);
    await this.#makeParents(names);
    try {
      await this.#make(entry, data, path, names);
    } catch (cause) {
      throw cause instanceof VivariumError ? cause : writeError(path, cause);
    }
  }

  async finish(): Promise<void> {
    for (const { path, entry } of this.#late.reverse()) {
      try {
        await this.#setAttributes(path, entry);
      } catch (cause) {
        throw writeError(path, cause);
      }
    }
  }

  async #make(entry: TarEntry, data: AsyncIterable<Uint8Array>, path: string, names: string[]): Promise<void> {
    if (entry.type === 'char' || entry.type === 'block' || entry.type === 'fifo') {
      const what = entry.type === 'fifo' ? 'named pipe' : 'device';
      this.#options.onNote(`${quote(entry.path)} is a ${what}, which is not made on the host; it is left out`);
      return; // and what has its name on the host stays
    }
    const old = await statIfThere(path);
    const isFolder = entry.type === 'directory';
    if (old?.isDirectory() && !isFolder) throw conflict(`can't replace the folder ${quote(path)} by something else`);
    if (old !== undefined && !old.isDirectory() && isFolder) throw conflict(`can't replace ${quote(path)} by a folder`);
    const target = entry.type === 'hardlink' ? await this.#linkTarget(entry) : '';
    if (old !== undefined && !isFolder && old.ino !== (await statIfThere(target))?.ino) await unlink(path);
    switch (entry.type) {
      case 'directory':
        if (old === undefined) await mkdir(path, { mode: OWN_FOLDER_MODE });
        else if (process.getuid?.() === old.uid) await chmod(path, old.mode | OWN_FOLDER_MODE);
        this.#real.add(names.join('/'));
        this.#late.push({ path, entry });
        return;
      case 'file':
        await writeFile(path, entry.size, data);
        await this.#setAttributes(path, entry);
        return;
      case 'symlink':
        await symlink(entry.linkPath, path);
        await this.#setAttributes(path, entry);
        return;
      case 'hardlink':
        if ((await statIfThere(path)) === undefined) await link(target, path);
        return;
    }
  }

  /** Names below the folder. */
  #namesOf(path: string): string[] {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    if (names.includes('..')) throw this.#bad(path, 'leads out of the folder that it is put into');
    if (sep !== '/' && names.some((name) => /[\\:]/.test(name)))
      throw this.#bad(path, 'can not be a name on this host');
    return names;
  }

  #pathOf(names: readonly string[]): string {
    return join(this.#folder, ...names);
  }

  /** Sees that all folders on the way are there, and are folders. */
  async #makeParents(names: readonly string[]): Promise<void> {
    for (let depth = 1; depth < names.length; depth++) {
      const key = names.slice(0, depth).join('/');
      if (this.#real.has(key)) continue;
      const path = this.#pathOf(names.slice(0, depth));
      const info = await statIfThere(path);
      if (info === undefined)
        await mkdir(path).catch((cause: unknown) => {
          throw writeError(path, cause);
        });
      else if (!info.isDirectory())
        throw this.#bad(names.join('/'), `goes through ${quote(path)}, which is no folder; links are not followed`);
      this.#real.add(key);
    }
  }

  /** The file that a hard link is another name of. */
  async #linkTarget({ path, linkPath }: TarEntry): Promise<string> {
    const names = this.#namesOf(linkPath);
    for (let depth = 1; depth < names.length; depth++) {
      const info = await statIfThere(this.#pathOf(names.slice(0, depth)));
      if (!info?.isDirectory()) throw this.#bad(path, `is a link to ${quote(linkPath)}, which is not in the archive`);
    }
    const target = this.#pathOf(names);
    if (!(await statIfThere(target))?.isFile())
      throw this.#bad(path, `is a link to ${quote(linkPath)}, which is no file of the archive`);
    return target;
  }

  async #setAttributes(path: string, { type, mode, uid, gid, mtimeNs }: TarEntry): Promise<void> {
    const { archive } = this.#options;
    if (archive && process.getuid?.() === 0) await lchown(path, uid, gid);
    if (type !== 'symlink') await chmod(path, archive ? mode : mode & PERMISSION_BITS);
    const seconds = Number(mtimeNs / 1_000_000n) / MS_PER_S;
    await lutimes(path, seconds, seconds);
  }

  #bad(path: string, problem: string): VivariumError {
    return new VivariumError(ErrorCodes.BAD_IMAGE, `${this.#options.what}: ${quote(path)} ${problem}`);
  }
}

const conflict = (message: string): VivariumError => new VivariumError(ErrorCodes.CONFLICT, message);

function writeError(path: string, cause: unknown): VivariumError {
  const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
  return new VivariumError(
    isFull ? ErrorCodes.NO_SPACE : ErrorCodes.FILES,
    `can't write ${quote(path)}: ${describe(cause)}`,
    { cause },
  );
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  if (path === '') return undefined;
  return lstat(path).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw writeError(path, cause);
  });
}

/** Writes a new file; what is zero becomes a hole, so that a sparse file stays one. */
async function writeFile(path: string, size: number, data: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', NEW_FILE_MODE);
  try {
    let at = 0;
    for await (const chunk of data) {
      if (chunk.some((byte) => byte !== 0)) await writeAll(file, chunk, at);
      at += chunk.length;
    }
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}
