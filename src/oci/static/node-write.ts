/** Writes static images (format.ts): a folder `NAME` with image.json, and the layers' files in the folder `layers`. Node only. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import type { ExecutionConfig } from '../spec.ts';
import {
  CHUNK_BYTES,
  DESCRIPTION_FILE,
  STATIC_FORMAT,
  STATIC_VERSION,
  type StaticChunk,
  type StaticImage,
  type StaticLayer,
} from './format.ts';

const LAYERS_FOLDER = 'layers';
const LAYER_SUFFIX = '.layer';
const BEST_COMPRESSION = 9;
/** Characters of a hash that make a file's name. */
const NAME_LENGTH = 32;
const MODE = 0o644;
const NANOSECONDS_PER_MS = 1e6;

/** An image with the files of its layers' disk images. */
export interface ImageToWrite extends Omit<StaticImage, 'layers'> {
  readonly layers: readonly { readonly path: string; readonly byteCount: number }[];
}

export interface WrittenImage {
  /** Paths relative to the folder: image.json first, then its layers. */
  readonly files: readonly string[];
  /** What the layers take on the server, and what is in them. */
  readonly storedBytes: number;
  readonly byteCount: number;
}

/**
 * Writes an image into the folder of a site's images. Layers that several images share are there once. Throws what the file
 * system does.
 * @param name the folder of the image's own.
 */
export async function writeStaticImage(image: ImageToWrite, folder: string, name: string): Promise<WrittenImage> {
  const layersFolder = join(folder, LAYERS_FOLDER);
  await mkdir(layersFolder, { recursive: true });
  await mkdir(join(folder, name), { recursive: true });
  const layers: StaticLayer[] = [];
  for (const layer of image.layers) layers.push(await writeLayer(layer.path, layersFolder));
  const description = `${name}/${DESCRIPTION_FILE}`;
  await writeFile(join(folder, description), `${JSON.stringify(describe(image, layers))}\n`, { mode: MODE });
  const sizes = layers.flatMap(({ chunks }) => chunks.map(({ storedBytes }) => storedBytes));
  return {
    files: [description, ...layers.map(({ file }) => file.replace('../', ''))],
    storedBytes: sizes.reduce((sum, size) => sum + size, 0),
    byteCount: layers.reduce((sum, { byteCount }) => sum + byteCount, 0),
  };
}

async function writeLayer(path: string, layersFolder: string): Promise<StaticLayer> {
  const temporary = await mkdtemp(join(layersFolder, 'partial-'));
  try {
    const partial = join(temporary, 'layer');
    const layer = await writeChunks(path, partial, CHUNK_BYTES);
    const names = createHash('sha256').update(layer.chunks.map(({ sha256 }) => sha256).join());
    const file = `${names.digest('hex').slice(0, NAME_LENGTH)}${LAYER_SUFFIX}`;
    await rename(partial, join(layersFolder, file));
    return { file: `../${LAYERS_FOLDER}/${file}`, ...layer };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Writes a file's content as chunks into a new file, and tells what it consists of. */
export async function writeChunks(
  path: string,
  outputPath: string,
  chunkBytes: number,
): Promise<Omit<StaticLayer, 'file'>> {
  const input = await open(path, 'r');
  try {
    const output = await open(outputPath, 'wx', MODE);
    try {
      return await copyChunks(input, output, chunkBytes);
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

async function copyChunks(
  input: FileHandle,
  output: FileHandle,
  chunkBytes: number,
): Promise<Omit<StaticLayer, 'file'>> {
  const { size } = await input.stat();
  const chunks: StaticChunk[] = [];
  const buffer = new Uint8Array(chunkBytes);
  for (let offset = 0; offset < size; offset += chunkBytes) {
    const content = buffer.subarray(0, Math.min(chunkBytes, size - offset));
    await readFully(input, offset, content);
    const deflated = deflateRawSync(content, { level: BEST_COMPRESSION });
    const stored = deflated.length < content.length ? deflated : content;
    await output.appendFile(stored);
    chunks.push({ storedBytes: stored.length, sha256: createHash('sha256').update(stored).digest('hex') });
  }
  return { byteCount: size, chunkBytes, chunks };
}

async function readFully(file: FileHandle, offset: number, target: Uint8Array): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) throw new Error('the disk image of a layer became shorter while it was read');
    done += bytesRead;
  }
}

function describe(image: ImageToWrite, layers: readonly StaticLayer[]): unknown {
  const { reference, id, platform, execution, accounts, rootAttributes, takesIdentity } = image;
  const { mode, uid, gid, mtimeNs, xattrs } = rootAttributes;
  return {
    format: STATIC_FORMAT,
    version: STATIC_VERSION,
    ...(reference === undefined ? {} : { reference }),
    id,
    platform,
    config: ociConfig(execution),
    accounts: base64Map(accounts),
    rootAttributes: { mode, uid, gid, mtimeNs: String(mtimeNs), xattrs: base64Map(xattrs) },
    takesIdentity,
    layers: layers.map(({ chunks, ...layer }) => ({
      ...layer,
      chunks: chunks.map(({ storedBytes, sha256 }) => [storedBytes, sha256]),
    })),
  };
}

/** The field `config` of an OCI config (image-spec v1.1, config.md), with Docker's Healthcheck. */
function ociConfig(execution: ExecutionConfig): unknown {
  const { user, env, entrypoint, cmd, workingDir, stopSignal, labels, exposedPorts, volumes, healthCheck } = execution;
  const set = (names: readonly string[]): unknown => Object.fromEntries(names.map((name) => [name, {}]));
  const nanoseconds = (ms: number | undefined): number | undefined => ms && ms * NANOSECONDS_PER_MS;
  return {
    User: user,
    Env: env,
    Entrypoint: entrypoint,
    Cmd: cmd,
    WorkingDir: workingDir,
    StopSignal: stopSignal,
    Labels: Object.fromEntries(labels),
    ExposedPorts: set(exposedPorts),
    Volumes: set(volumes),
    ...(healthCheck === undefined
      ? {}
      : {
          Healthcheck: {
            Test: healthCheck.test,
            Interval: nanoseconds(healthCheck.intervalMs),
            Timeout: nanoseconds(healthCheck.timeoutMs),
            StartPeriod: nanoseconds(healthCheck.startPeriodMs),
            StartInterval: nanoseconds(healthCheck.startIntervalMs),
            Retries: healthCheck.retries,
          },
        }),
  };
}

function base64Map(map: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...map].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]));
}
