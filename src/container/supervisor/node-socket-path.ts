/**
 * Where supervisors listen: a folder that only its user can enter, for a socket's own mode does not count everywhere. The path
 * must be short (unix(7): 108 bytes with the NUL). Node only.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const PATH_BYTES_MAX = 100;
const PRIVATE_MODE = 0o700;
const OTHERS = 0o077;
const NAME_DIGITS = 16;

/** The folder: VIVARIUM_RUNTIME, else XDG_RUNTIME_DIR/vivarium, else one of this user's among the temporary files. */
export function runtimeFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const own = env['VIVARIUM_RUNTIME'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_RUNTIME_DIR'];
  if (xdg !== undefined && xdg !== '') return join(xdg, 'vivarium');
  return join(tmpdir(), `vivarium-${process.getuid?.() ?? 'user'}`);
}

/**
 * A path for the socket of a pod of one user's data folder. Makes its folder. Throws USAGE when that can't be or others could use
 * it, LIMIT when the path is too long.
 */
export async function socketPath(dataFolder: string, pod: string): Promise<string> {
  const folder = runtimeFolder();
  await mkdir(folder, { recursive: true, mode: PRIVATE_MODE }).catch((cause: NodeJS.ErrnoException) => {
    const message = `the folder ${folder} for sockets can't be made (${cause.code}); name another in VIVARIUM_RUNTIME`;
    throw new VivariumError(ErrorCodes.USAGE, message, { cause });
  });
  const stats = await lstat(folder);
  const isOurs = stats.isDirectory() && (process.getuid === undefined || stats.uid === process.getuid());
  if (!isOurs || (stats.mode & OTHERS) !== 0)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the folder ${folder} for sockets must be yours alone (mode 0700); correct that, or name another in VIVARIUM_RUNTIME`,
    );
  const name = createHash('sha256').update(`${dataFolder}\0${pod}`).digest('hex').slice(0, NAME_DIGITS);
  const path = join(folder, `${name}.sock`);
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new VivariumError(
      ErrorCodes.LIMIT,
      `the path ${path} is too long for a socket; name a shorter folder in VIVARIUM_RUNTIME`,
    );
  return path;
}
