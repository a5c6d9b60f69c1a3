/**
 * Images from a layout or an archive into a store, as `docker load` does: of an OCI layout its blobs as they are; of an old
 * `docker save` archive its layers, with a manifest that we write for them.
 */
import { VivariumError } from '../../util/errors.ts';
import { MAGIC_BYTES, detectCompression } from '../decompress.ts';
import type { Digest } from '../digest.ts';
import { archiveLayer, readConfig, readDockerSave } from '../docker-save.ts';
import { badImage, quote } from '../fail.ts';
import type { ImageFiles } from '../files.ts';
import { type ImageOptions, checkImageConfig } from '../image.ts';
import { type ImageName, parseImageName } from '../image-name.ts';
import { INDEX_FILE, chooseManifest, layoutBlobs, readLayoutIndex } from '../layout.ts';
import {
  Annotations,
  type Compression,
  type Descriptor,
  type DockerSaveEntry,
  MediaTypes,
  parseConfig,
  parseManifest,
} from '../spec.ts';
import { readDocument } from '../blob.ts';
import type { Lease } from './claims.ts';
import { LAYER_TYPES } from './compose.ts';
import type { ImageStore } from './image-store.ts';

export interface Imported {
  readonly id: Digest;
  /** None for an image that the archive does not name. */
  readonly names: readonly ImageName[];
}

/** Adds every image of a place for a platform that runs. Throws what reading images throws; what came before stays. */
export async function importImages(
  store: ImageStore,
  files: ImageFiles,
  options: Pick<ImageOptions, 'platform'> = {},
): Promise<Imported[]> {
  const imageOptions = { codec: store.codec, limits: store.limits, ...options };
  const lease = store.lease();
  try {
    const isLayout = (await files.size(INDEX_FILE)) !== undefined;
    const found = isLayout
      ? await importLayout(store, files, imageOptions, lease)
      : await importDockerSave(store, files, imageOptions, lease);
    if (found.length === 0) throw badImage(`${files.what} holds no image`);
    return found;
  } finally {
    await lease.release();
  }
}

async function importLayout(
  store: ImageStore,
  files: ImageFiles,
  options: ImageOptions,
  lease: Lease,
): Promise<Imported[]> {
  const reader = layoutBlobs(files);
  // Entries of one name are one image for several platforms; those without a name are one each.
  const groups = new Map<string, Descriptor[]>();
  for (const descriptor of (await readLayoutIndex(files, options)).images) {
    const key = nameOf(descriptor) ?? descriptor.digest;
    groups.set(key, [...(groups.get(key) ?? []), descriptor]);
  }
  const imported: Imported[] = [];
  for (const descriptors of groups.values()) {
    const chosen = await chooseManifest(reader, descriptors, files.what, options);
    const what = `manifest of ${files.what}`;
    const { config, layers } = parseManifest(
      await readDocument(reader, chosen, what, store.codec, store.limits),
      what,
      store.limits,
    );
    const configBytes = await readDocument(reader, config, `config of ${files.what}`, store.codec, store.limits);
    const { platform, diffIds } = parseConfig(configBytes, `config of ${files.what}`, store.limits);
    checkImageConfig({ platform, diffIds }, layers.length, files.what, options);
    const parts = [...layers, config, chosen];
    await lease.protect(parts.map(({ digest }) => digest));
    for (const part of parts) await copyBlob(store, part, reader.open(part), `blob ${part.digest} of ${files.what}`);
    const text = nameOf(descriptors[0]!);
    const { mediaType, digest, size } = chosen;
    imported.push(
      await addNames(
        store,
        config.digest,
        { mediaType, digest, size, platform, annotations: new Map() },
        text === undefined ? [] : [text],
      ),
    );
  }
  return imported;
}

/** A name in full; a bare tag, which layouts have too, names nothing outside of its folder. */
function nameOf({ annotations }: Descriptor): string | undefined {
  const reference = annotations.get(Annotations.refName);
  return (
    annotations.get(Annotations.containerdName) ??
    (reference !== undefined && /[/:]/.test(reference) ? reference : undefined)
  );
}

async function copyBlob(
  store: ImageStore,
  blob: Descriptor,
  stream: AsyncIterable<Uint8Array>,
  what: string,
): Promise<void> {
  if (await store.checkIfThere(blob)) return;
  const ingest = await store.ingest(blob, what);
  if (ingest === undefined) return;
  try {
    await ingest.restart();
    for await (const chunk of stream) await ingest.append(chunk);
    await ingest.commit();
  } catch (error) {
    await ingest.close(true); // the archive is still there
    throw error;
  }
}

async function addNames(
  store: ImageStore,
  id: Digest,
  manifest: Descriptor,
  texts: readonly string[],
): Promise<Imported> {
  const names = texts.map(parseImageName);
  for (const name of names) await store.addName(id, manifest, name);
  if (names.length === 0) await store.addName(id, manifest, undefined);
  return { id, names };
}

async function importDockerSave(
  store: ImageStore,
  files: ImageFiles,
  options: ImageOptions,
  lease: Lease,
): Promise<Imported[]> {
  const imported: Imported[] = [];
  for (const entry of await readDockerSave(files, options))
    imported.push(await importEntry(store, files, entry, options, lease));
  return imported;
}

async function importEntry(
  store: ImageStore,
  files: ImageFiles,
  entry: DockerSaveEntry,
  options: ImageOptions,
  lease: Lease,
): Promise<Imported> {
  const configBytes = await readConfig(files, entry, options);
  const config = parseConfig(configBytes, `config of ${files.what}`, store.limits);
  checkImageConfig(config, entry.layers.length, files.what, options);
  const layers = [];
  for (const [index, path] of entry.layers.entries())
    layers.push(
      await addLayer(store, files, path, config.diffIds[index]!, `layer ${index + 1} of ${files.what}`, options, lease),
    );
  const configBlob = await store.addDocument(configBytes, lease);
  const manifest = {
    schemaVersion: 2,
    mediaType: MediaTypes.manifest,
    config: { mediaType: MediaTypes.config, ...configBlob },
    layers,
  };
  const manifestBlob = await store.addDocument(new TextEncoder().encode(JSON.stringify(manifest)), lease);
  const descriptor = {
    mediaType: MediaTypes.manifest,
    ...manifestBlob,
    platform: config.platform,
    annotations: new Map<string, string>(),
  };
  return addNames(store, configBlob.digest, descriptor, entry.repoTags);
}

/** Adds a layer as it is in the archive. Its diff id is all that the archive has to check it by. */
async function addLayer(
  store: ImageStore,
  files: ImageFiles,
  path: string,
  diffId: Digest,
  what: string,
  options: ImageOptions,
  lease: Lease,
): Promise<{ mediaType: string; digest: Digest; size: number }> {
  const layer = archiveLayer(files, path, diffId, what, options);
  const compression = await compressionOf(layer.openStored());
  if (compression !== 'none') for await (const _ of layer.open()); // reads it against its diff id
  const blob = await store.addBlob(layer.openStored(), lease);
  if (compression === 'none' && blob.digest !== diffId)
    throw new VivariumError(
      'DIGEST_MISMATCH',
      `${what} (${quote(path)}) does not match its digest ${diffId}; get the image again`,
    );
  return { mediaType: LAYER_TYPES[compression], ...blob };
}

async function compressionOf(stream: AsyncIterable<Uint8Array>): Promise<Compression> {
  let start = new Uint8Array(0);
  for await (const chunk of stream) {
    start = Uint8Array.from([...start, ...chunk.subarray(0, MAGIC_BYTES)]);
    if (start.length >= MAGIC_BYTES) break;
  }
  return start.length < MAGIC_BYTES ? 'none' : detectCompression(start);
}
