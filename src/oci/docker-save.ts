/**
 * Reads what `docker save` and `podman save` write without an OCI layout: manifest.json with paths of a config and of
 * layer tars (Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). Archives that also
 * are an OCI layout are read as one. Layers have no digest of their own here; the config's diff ids check them.
 */
import { collect, digestOf, verifyStream } from './blob.ts';
import { decompress } from './decompress.ts';
import { type Digest, isDigest } from './digest.ts';
import { badImage, notFound, quote } from './fail.ts';
import type { ImageFiles } from './files.ts';
import { type Image, type ImageLayer, type ImageOptions, checkImageConfig } from './image.ts';
import { choosePlatform } from './platform.ts';
import { chooseByReference } from './references.ts';
import { type DockerSaveEntry, parseConfig, parseDockerSave } from './spec.ts';
import { normalizeArchivePath } from './archive.ts';

export const DOCKER_MANIFEST_FILE = 'manifest.json';
/** The config is named by its digest: `HEX.json`, or `blobs/sha256/HEX` since docker 25. */
const CONFIG_NAME = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})(?:\.json)?)$/;

/** What an archive lists. */
export async function readDockerSave(files: ImageFiles, { limits }: ImageOptions): Promise<DockerSaveEntry[]> {
  const name = `${DOCKER_MANIFEST_FILE} of ${files.what}`;
  return parseDockerSave(await collect(files.open(DOCKER_MANIFEST_FILE), limits.jsonBytes, name), name, limits);
}

/** Opens the image called `reference` in an archive. */
export async function openDockerSave(
  files: ImageFiles,
  reference: string | undefined,
  options: ImageOptions,
): Promise<Image> {
  const entries = await readDockerSave(files, options);
  const chosen = chooseByReference(
    entries.map((entry) => ({ entry, names: entry.repoTags })),
    reference,
    files.what,
  );
  const candidates = [];
  for (const { entry } of chosen) {
    const bytes = await readConfig(files, entry, options);
    const config = parseConfig(bytes, `config of ${files.what}`, options.limits);
    candidates.push({ entry, config, id: await digestOf(bytes, options.codec), platform: config.platform });
  }
  const { entry, config, id } = choosePlatform(candidates, options.platform, files.what);
  checkImageConfig(config, entry.layers.length, files.what, options);
  return {
    reference: reference ?? entry.repoTags[0],
    id,
    digest: undefined,
    config,
    layers: entry.layers.map((path, index) =>
      archiveLayer(files, path, config.diffIds[index]!, `layer ${index + 1} of ${files.what}`, options),
    ),
  };
}

function checkPath(path: string, what: string): string {
  const normal = normalizeArchivePath(path);
  if (normal === undefined || normal === '')
    throw badImage(`${what} names ${quote(path)}, a path that leaves the archive`);
  return normal;
}

/** The bytes of an entry's config, checked where its name is its digest. */
export async function readConfig(
  files: ImageFiles,
  entry: DockerSaveEntry,
  { codec, limits }: ImageOptions,
): Promise<Uint8Array> {
  const path = checkPath(entry.config, files.what);
  const what = `config of ${files.what}`;
  const match = CONFIG_NAME.exec(path);
  const digest = match ? `sha256:${match[1] ?? match[2]}` : '';
  const stream = isDigest(digest) ? verifyStream(files.open(path), { digest }, codec, what) : files.open(path);
  return collect(stream, limits.jsonBytes, what);
}

/** A layer by its path in the archive. `openStored` gives it as it lies there, unchecked and perhaps compressed. */
export function archiveLayer(
  files: ImageFiles,
  path: string,
  diffId: Digest,
  what: string,
  { codec, limits }: ImageOptions,
): ImageLayer & { openStored(): AsyncIterable<Uint8Array> } {
  const checked = checkPath(path, files.what);
  async function* openStored(): AsyncGenerator<Uint8Array> {
    if ((await files.size(checked)) === undefined)
      throw notFound(`${files.what} has no ${quote(path)}; the image is incomplete`);
    yield* files.open(checked);
  }
  return {
    diffId,
    what,
    openStored,
    async *open() {
      const plain = decompress(openStored(), {
        codec,
        limits: { ...limits, maximumBytes: limits.layerBytes },
        what,
      });
      yield* verifyStream(plain, { digest: diffId }, codec, what);
    },
  };
}
