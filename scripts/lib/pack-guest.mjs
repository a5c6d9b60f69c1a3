/**
 * The guest as the npm package carries it: guest.br, one Brotli stream (RFC 7932) of kernel, initramfs and the files of the image
 * layouts, one after the other, and guest.json, which says what they are. src/cli/packed-guest.ts unpacks them. One stream, because
 * the initramfs and the image share a BusyBox: with a window of 16 MiB it takes room once.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { findEntries, hashParts, publish } from './cache.mjs';
import { startProgress } from './progress.mjs';
import { SetupError } from './run.mjs';

const RECIPE = 'package-1';
const KIND = 'package';
const ARCHIVE = 'guest.br';
const KEY_LENGTH = 16;

function filesBelow(folder, as) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: `${as}/${relative(folder, path).split(sep).join('/')}`, bytes: readFileSync(path) }));
}

function readBuilt(path) {
  if (!existsSync(path)) throw new SetupError(`${path} is not there, and the package needs it: run npm run build`);
  return readFileSync(path);
}

/**
 * { list, archive }: the two files. `assets` is build/assets.json, `facts` go into the list as they are. Compressing takes minutes,
 * so the archive stays in the cache.
 */
export function packGuest(assets, facts) {
  const single = (path) => ({ path: basename(path), bytes: readBuilt(path) });
  const [kernel, initramfs] = [single(assets.kernel), single(assets.initramfs)];
  const images = Object.entries(assets.images).flatMap(([name, folder]) => filesBelow(folder, `images/${name}`));
  const files = [kernel, initramfs, ...images];
  const key = hashParts(RECIPE, ...files.flatMap(({ path, bytes }) => [path, bytes])).slice(0, KEY_LENGTH);
  const list = {
    ...facts,
    key,
    archive: ARCHIVE,
    kernel: kernel.path,
    initramfs: initramfs.path,
    images: Object.fromEntries(Object.keys(assets.images).map((name) => [name, `images/${name}`])),
    files: files.map(({ path, bytes }) => ({
      path,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
  };
  return { list, archive: compressed(key, files) };
}

function compressed(key, files) {
  const [entry] = findEntries(KIND, (manifest) => manifest.key === key);
  if (entry) return readFileSync(join(entry.folder, ARCHIVE));
  const progress = startProgress('guest, compressed for the package');
  const whole = Buffer.concat(files.map(({ bytes }) => bytes));
  const archive = brotliCompressSync(whole, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
    },
  });
  publish(KIND, key, { [ARCHIVE]: archive }, { recipe: RECIPE });
  progress.end(`${(whole.length / 1e6).toFixed(1)} MB in ${(archive.length / 1e6).toFixed(1)} MB`);
  return archive;
}
