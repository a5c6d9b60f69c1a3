/** Where things are: the CPU core in the package, kernels in the cache outside of it, images and settings with the user. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const MANIFEST = 'manifest.json';

/** The package's root: the nearest folder above this file with a package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder)
      throw new VivariumError(ErrorCodes.NOT_BUILT, 'vivarium is not installed as a package; install it again');
    folder = above;
  }
  return folder;
}

/** Where core.wasm is; VIVARIUM_CORE names another file, for people who work on the core. */
export function corePath(): string {
  return process.env['VIVARIUM_CORE'] ?? join(packageRoot(), 'build', 'core.wasm');
}

/** The bytes of core.wasm. Throws NOT_BUILT. */
export function readCore(): Uint8Array {
  const path = corePath();
  try {
    return readFileSync(path);
  } catch (error) {
    throw new VivariumError(
      ErrorCodes.NOT_BUILT,
      `the CPU core ${path} is not there; build it with npm run build, or install the package again`,
      { cause: error },
    );
  }
}

/** The cache of built things: VIVARIUM_CACHE, else XDG_CACHE_HOME/vivarium, else ~/.cache/vivarium. */
export function cacheFolder(): string {
  return ownOr('VIVARIUM_CACHE', 'XDG_CACHE_HOME', '.cache');
}

function ownOr(variable: string, xdg: string, ...fallback: readonly string[]): string {
  const own = process.env[variable];
  if (own !== undefined && own !== '') return own;
  const base = process.env[xdg];
  return join(base !== undefined && base !== '' ? base : join(homedir(), ...fallback), 'vivarium');
}

/** What is the user's own and not made again, such as images: VIVARIUM_HOME, else XDG_DATA_HOME/vivarium, else ~/.local/share/vivarium. */
export function dataFolder(): string {
  return ownOr('VIVARIUM_HOME', 'XDG_DATA_HOME', '.local', 'share');
}

/** Settings and credentials: VIVARIUM_CONFIG, else XDG_CONFIG_HOME/vivarium, else ~/.config/vivarium. */
export function configFolder(): string {
  return ownOr('VIVARIUM_CONFIG', 'XDG_CONFIG_HOME', '.config');
}

/** Docker's settings, which are only read: DOCKER_CONFIG, else ~/.docker. */
export function dockerConfigFolder(): string {
  return process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
}

/** The newest kernel in the cache for an architecture (x86_64 or i386). Throws NOT_BUILT. */
export function cachedKernel(arch = 'x86_64'): string {
  const root = join(cacheFolder(), 'kernel');
  const entries = (existsSync(root) ? readdirSync(root) : [])
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, 'vmlinux')) && existsSync(join(folder, MANIFEST)))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as { arch?: string; builtAt?: string },
    }))
    .filter(({ manifest }) => manifest.arch === arch)
    .sort((a, b) => (b.manifest.builtAt ?? '').localeCompare(a.manifest.builtAt ?? ''));
  const newest = entries[0];
  if (newest === undefined)
    throw new VivariumError(
      ErrorCodes.NOT_BUILT,
      'no guest kernel is built yet; run npm start once, or name one with --kernel',
    );
  return join(newest.folder, 'vmlinux');
}

/** Reads a file that the user named. `what` is what errors call it. Throws NOT_FOUND. */
export function readUserFile(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'EISDIR' ? 'is a folder' : "can't be read";
    throw new VivariumError(ErrorCodes.NOT_FOUND, `${what} ${path} ${reason}; check the path`, { cause: error });
  }
}
