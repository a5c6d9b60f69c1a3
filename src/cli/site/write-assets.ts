/**
 * Puts what a site's pages fetch into a folder: core, kernel, initramfs, a guest that has booted, and images, each compressed in
 * chunks (src/oci/static), with assets.json to find them by (web/site/manifest.ts). Names have hashes, so that a server may
 * let browsers keep them. Node only.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Guest } from '../../container/guest.ts';
import { writeChunks, writeStaticImage } from '../../oci/static/node-write.ts';
import type { StaticLayer } from '../../oci/static/format.ts';
import { kernelCommandLine } from '../../sandbox/kernel-command-line.ts';
import { nodeImages } from '../../sandbox/node-image.ts';
import { startNodeMachine } from '../../worker/node.ts';
import { writeSnapshotFile } from '../../worker/node-snapshot.ts';

const GUEST_FOLDER = 'guest';
const IMAGES_FOLDER = 'images';
/** Memory sizes for which a site has a booted guest; machines of other sizes boot. */
const MEMORY_MIB = [512];
const CHUNK_BYTES = 1 << 20;
const NAME_LENGTH = 16;
const MIB = 2 ** 20;

export interface SiteAssetsOptions {
  /** Emptied first. */
  readonly folder: string;
  readonly core: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** Layout folders or archives by the names that pages know them by. */
  readonly images: Readonly<Record<string, string>>;
  /** The machine's worker as one file, whose hash stands for the code of its devices. */
  readonly worker: URL;
  /** For layers' disk images. */
  readonly cacheFolder: string;
  /** Is told in a line what comes, if it takes seconds, and how large what is there now is. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

type StoredFile = { readonly path: string } & Omit<StaticLayer, 'file'>;

/** Throws what reading images does, a GuestFailure when the guest does not boot, or the signal's reason. */
export async function writeSiteAssets(options: SiteAssetsOptions): Promise<void> {
  const { folder, tell, signal } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, GUEST_FOLDER), { recursive: true });
  const store = async (name: string, path: string): Promise<StoredFile> => {
    signal.throwIfAborted();
    const file = await storeFile(folder, name, path);
    const bytes = file.chunks.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    tell(`${name}: ${mib(bytes)} of ${mib(file.byteCount)}`);
    return file;
  };
  const guest = { core: options.core, kernel: options.kernel, initramfs: options.initramfs };
  const parts = {
    core: await sha256Of(guest.core),
    devices: await sha256Of(fileURLToPath(options.worker)),
    kernel: await sha256Of(guest.kernel),
    initramfs: await sha256Of(guest.initramfs),
  };
  const files: Record<string, StoredFile> = {};
  for (const [name, path] of Object.entries(guest)) files[name] = await store(name, path);
  const snapshots: { memoryBytes: number; commandLine: string; file: StoredFile }[] = [];
  for (const size of MEMORY_MIB) {
    const memoryBytes = size * MIB;
    const commandLine = kernelCommandLine(false);
    const path = join(folder, 'snapshot');
    tell(`a guest with ${size} MiB boots`);
    await bootGuest(options, memoryBytes, commandLine, parts, path);
    snapshots.push({ memoryBytes, commandLine, file: await store(`snapshot-${size}m`, path) });
    await rm(path);
  }
  const images: Record<string, string> = {};
  for (const [name, image] of Object.entries(options.images)) images[name] = await storeImage(options, name, image);
  const manifest = { format: 'vivarium-site', version: 1, parts, ...files, snapshots, images };
  const json = `${JSON.stringify(manifest, (key, value: unknown) => (key === 'chunks' ? pairs(value) : value))}\n`;
  await writeFile(join(folder, 'assets.json'), json);
}

/** Chunks as src/oci/static/format.ts has them in JSON. */
function pairs(chunks: unknown): unknown {
  return (chunks as StaticLayer['chunks']).map(({ storedBytes, sha256 }) => [storedBytes, sha256]);
}

async function storeFile(folder: string, name: string, path: string): Promise<StoredFile> {
  const partial = join(folder, 'partial');
  const shape = await writeChunks(path, partial, CHUNK_BYTES);
  const hash = createHash('sha256').update(shape.chunks.map(({ sha256 }) => sha256).join());
  const stored = `${GUEST_FOLDER}/${name}-${hash.digest('hex').slice(0, NAME_LENGTH)}.bin`;
  await rename(partial, join(folder, stored));
  return { path: stored, ...shape };
}

async function storeImage(
  { folder, cacheFolder, tell, signal }: SiteAssetsOptions,
  name: string,
  image: string,
): Promise<string> {
  const prepared = await nodeImages(join(cacheFolder, 'layers'))({ image, signal });
  const layers = prepared.layers.map((layer) => {
    if (!('path' in layer)) throw new TypeError('a layer that was prepared in Node is a file');
    return layer;
  });
  const written = await writeStaticImage({ ...prepared, layers }, join(folder, IMAGES_FOLDER), name);
  tell(`image ${name}: ${mib(written.storedBytes)} of ${mib(written.byteCount)}`);
  return `${IMAGES_FOLDER}/${written.files[0]!}`;
}

/** Boots a guest, and saves it before anything of anybody's is in it. */
async function bootGuest(
  options: SiteAssetsOptions,
  ramBytes: number,
  commandLine: string,
  parts: Readonly<Record<string, string>>,
  path: string,
): Promise<void> {
  const [core, kernel, initramfs] = await Promise.all(
    [options.core, options.kernel, options.initramfs].map((file) => readFile(file)),
  );
  const guest = await Guest.start({
    startMachine: (start) => startNodeMachine({ script: options.worker, ...start }),
    config: { core: core!, ramBytes, boot: { kernel: kernel!, initrd: initramfs!, commandLine } },
    signal: options.signal,
  });
  try {
    await guest.booted();
    const identity = { ...parts, 'memory size': String(ramBytes), 'command line': commandLine };
    await writeSnapshotFile(path, await guest.save(), identity);
  } finally {
    await guest.close();
  }
}

async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

function mib(byteCount: number): string {
  return `${(byteCount / MIB).toFixed(1)} MiB`;
}
