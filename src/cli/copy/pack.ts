/**
 * Makes a tar archive of a file or a tree of the host, for `cp` into a container. Names in a folder come sorted; a file's other
 * names come as hard links; sockets are left out with a note. Node tells nothing of extended attributes, so there are none.
 */
import type { BigIntStats } from 'node:fs';
import { constants, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type TarFile, tarEnd, tarPadding, writeTarHead } from '../../oci/tar-writer.ts';
import { describe } from '../../oci/node-content.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const MODE_BITS = 0o7777;
const CHUNK_BYTES = 256 * 1024;

export interface PackOptions {
  /** Owner of everything, instead of the files' own. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly onNote: (text: string) => void;
}

function filesError(verb: string, path: string, cause: unknown): VivariumError {
  const code = (cause as NodeJS.ErrnoException).code;
  return new VivariumError(
    code === 'ENOENT' || code === 'ENOTDIR' ? ErrorCodes.NOT_FOUND : ErrorCodes.FILES,
    `can't ${verb} ${JSON.stringify(path)}: ${describe(cause)}`,
    { cause },
  );
}

/** The archive, in which the file or folder is called `name`. */
export async function* packTree(path: string, name: string, options: PackOptions): AsyncGenerator<Uint8Array> {
  yield* packEntry(path, name, options, new Map());
  yield tarEnd();
}

async function* packEntry(
  path: string,
  name: string,
  options: PackOptions,
  known: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  const info = await lstat(path, { bigint: true }).catch((cause: unknown) => {
    throw filesError('read', path, cause);
  });
  const identity = `${info.dev}:${info.ino}`;
  const other = info.nlink > 1n && !info.isDirectory() ? known.get(identity) : undefined;
  const common = { path: name, ...attributesOf(info, options) };
  if (other !== undefined) {
    yield* writeTarHead({ ...common, type: 'hardlink', linkPath: other }, 0);
    return;
  }
  if (info.nlink > 1n) known.set(identity, name);
  if (info.isDirectory()) {
    yield* writeTarHead({ ...common, type: 'directory' }, 0);
    const names = await readdir(path).catch((cause: unknown) => {
      throw filesError('read the folder', path, cause);
    });
    for (const child of names.sort()) yield* packEntry(join(path, child), `${name}/${child}`, options, known);
  } else if (info.isFile()) {
    yield* packFile(path, { ...common, type: 'file' });
  } else if (info.isSymbolicLink()) {
    yield* writeTarHead({ ...common, type: 'symlink', linkPath: await readlink(path) }, 0);
  } else if (info.isSocket()) {
    options.onNote(`${JSON.stringify(path)} is a socket, which can't be copied; it is left out`);
  } else {
    const type = info.isFIFO() ? 'fifo' : info.isBlockDevice() ? 'block' : 'char';
    yield* writeTarHead({ ...common, type, ...(type === 'fifo' ? {} : deviceNumbers(info.rdev)) }, 0);
  }
}

function attributesOf(info: BigIntStats, { owner }: PackOptions): Pick<TarFile, 'mode' | 'uid' | 'gid' | 'mtimeNs'> {
  const { uid, gid } = owner ?? { uid: Number(info.uid), gid: Number(info.gid) };
  return { mode: Number(info.mode) & MODE_BITS, uid, gid, mtimeNs: info.mtimeNs };
}

/** Linux's packing of a device number (makedev(3)). */
function deviceNumbers(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}

/** Exactly as many bytes as the header says, or an error: somebody else may write to the file. */
async function* packFile(path: string, head: TarFile): AsyncGenerator<Uint8Array> {
  // Not a link that has taken its place, and not a pipe, whose writer would be waited for.
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    (cause: unknown) => {
      throw filesError('read', path, cause);
    },
  );
  try {
    const { size } = await file.stat();
    yield* writeTarHead(head, size);
    for (let left = size; left > 0;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(left, CHUNK_BYTES)));
      if (bytesRead === 0)
        throw new VivariumError(
          ErrorCodes.FILES,
          `${JSON.stringify(path)} became shorter while it was copied; copy it again`,
        );
      yield buffer.subarray(0, bytesRead);
      left -= bytesRead;
    }
    yield tarPadding(size);
  } finally {
    await file.close();
  }
}
