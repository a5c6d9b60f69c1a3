/**
 * From a registry into a store. Blobs come several at a time, each going on where it was cut off; the image gets its names
 * last, when everything that it needs is there and checked.
 */
import { VivariumError } from '../../util/errors.ts';
import { type BlobReader, readDocument } from '../blob.ts';
import type { Digest } from '../digest.ts';
import { overLimit, showBytes } from '../fail.ts';
import { checkImageConfig } from '../image.ts';
import { type ImageName, familiarName, withDefaultTag } from '../image-name.ts';
import { chooseManifest } from '../layout.ts';
import { type Descriptor, type Platform, layerCompression, parseConfig, parseManifest } from '../spec.ts';
import type { Lease } from '../store/claims.ts';
import type { ImageStore } from '../store/image-store.ts';
import type { BlobIngest } from '../store/ingest.ts';
import { NetworkError } from './http.ts';
import type { Registries } from './registries.ts';
import type { FetchedManifest, RepositoryClient } from './repository-client.ts';
import { eachOf } from './parallel.ts';

const DEFAULT_PARALLEL = 3; // as Docker has it

/** What happens to a blob. */
export interface TransferEvent {
  readonly digest: Digest;
  readonly state: 'waiting' | 'moving' | 'exists' | 'mounted' | 'done';
  /** Bytes that are over there, and all. */
  readonly current: number;
  readonly total: number;
}

export interface PullOptions {
  readonly store: ImageStore;
  readonly registries: Registries;
  readonly platform?: Platform | undefined;
  readonly parallel?: number;
  readonly onEvent?: (event: TransferEvent) => void;
  /** Told when a mirror could not help. */
  readonly onMirrorFailure?: (error: Error) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Pulled {
  /** With tag or digest. */
  readonly name: ImageName;
  readonly id: Digest;
  /** What the name leads to in the registry: a manifest, or an index of several platforms. */
  readonly digest: Digest;
  /** False when the store had just this under this name. */
  readonly isNew: boolean;
}

/** Pulls an image. Throws what the registry client and the store throw, BAD_IMAGE, UNSUPPORTED_PLATFORM and LIMIT. */
export async function pullImage(wanted: ImageName, options: PullOptions): Promise<Pulled> {
  const { store, registries } = options;
  const name = withDefaultTag(wanted);
  const { source, top } = await findSource(registries.sources(name), name.digest ?? name.tag!, options);
  const lease = store.lease();
  try {
    const pulled = await pullFrom(source, top, name, options, lease);
    const before = await store.findIfThere(familiarName(name));
    const known = { registry: name.registry, path: name.path, tag: undefined, digest: top.descriptor.digest };
    const { id, manifest } = pulled;
    const isNew = !(before?.id === id && before.digests.some(({ digest }) => digest === known.digest));
    await store.addName(id, manifest, known);
    if (name.digest === undefined) await store.addName(id, manifest, name);
    return { name, id, digest: top.descriptor.digest, isNew };
  } finally {
    await lease.release();
  }
}

/** The first source that has the image. A mirror's failure is told and passed over, the registry's is final. */
async function findSource(
  sources: readonly RepositoryClient[],
  reference: string,
  { onMirrorFailure }: PullOptions,
): Promise<{ source: RepositoryClient; top: FetchedManifest }> {
  for (const source of sources.slice(0, -1)) {
    try {
      return { source, top: await source.manifest(reference) };
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      onMirrorFailure?.(error);
    }
  }
  const source = sources.at(-1)!;
  return { source, top: await source.manifest(reference) };
}

/** Documents that were read already need not come twice. */
function withKnown(reader: BlobReader, known: FetchedManifest): BlobReader {
  return {
    async *open(descriptor) {
      if (descriptor.digest === known.descriptor.digest) yield known.bytes;
      else yield* reader.open(descriptor);
    },
  };
}

async function pullFrom(
  source: RepositoryClient,
  top: FetchedManifest,
  name: ImageName,
  options: PullOptions,
  lease: Lease,
): Promise<{ id: Digest; manifest: Descriptor }> {
  const { store, platform, signal } = options;
  const { codec, limits } = store;
  const what = `image ${familiarName(name)}`;
  const imageOptions = { codec, limits, ...(platform === undefined ? {} : { platform }) };
  const reader = withKnown(source, top);
  const descriptor = await chooseManifest(reader, [top.descriptor], what, imageOptions);
  const manifestBytes = await readDocument(reader, descriptor, `manifest of ${what}`, codec, limits);
  const manifest = parseManifest(manifestBytes, `manifest of ${what}`, limits);
  for (const layer of manifest.layers) layerCompression(layer.mediaType, what);
  const totalBytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  if (totalBytes > limits.imageBytes)
    throw overLimit(
      `${what} has layers of ${showBytes(totalBytes)}, more than the limit of ${showBytes(limits.imageBytes)}`,
    );
  await lease.protect(
    [descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest),
    signal,
  );
  // The config decides what the image is for, so it comes before the layers.
  const configBytes = await readDocument(reader, manifest.config, `config of ${what}`, codec, limits);
  const config = parseConfig(configBytes, `config of ${what}`, limits);
  checkImageConfig(config, manifest.layers.length, what, imageOptions);
  const blobs = uniqueBlobs(manifest.layers);
  for (const { digest, size } of blobs) options.onEvent?.({ digest, state: 'waiting', current: 0, total: size });
  await eachOf(blobs, options.parallel ?? DEFAULT_PARALLEL, (blob) => pullBlob(source, blob, options));
  await storeDocument(store, manifest.config, configBytes, signal);
  await storeDocument(store, descriptor, manifestBytes, signal);
  const { mediaType, digest, size } = descriptor;
  return {
    id: manifest.config.digest,
    manifest: { mediaType, digest, size, platform: config.platform, annotations: new Map() },
  };
}

function uniqueBlobs(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

async function storeDocument(
  store: ImageStore,
  descriptor: Descriptor,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  if (await store.checkIfThere(descriptor)) return;
  const ingest = await store.ingest(descriptor, `document ${descriptor.digest}`, signal);
  if (ingest === undefined) return;
  await finishing(ingest, async () => {
    await ingest.restart();
    await ingest.append(bytes);
    await ingest.commit();
  });
}

/** Ends an ingest whatever happens; a full disk gets back what it took. */
async function finishing(ingest: BlobIngest, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await ingest.close(error instanceof VivariumError && error.code === 'NO_SPACE');
    throw error;
  }
}

async function pullBlob(source: RepositoryClient, blob: Descriptor, options: PullOptions): Promise<void> {
  const { store, onEvent, signal } = options;
  const { digest, size: total } = blob;
  const what = `blob ${digest} of ${source.what}`;
  // Whoever pulls wants it right, so what is there is read once; that way pulling mends a blob that went bad.
  const ingest = (await store.checkIfThere(blob)) ? undefined : await store.ingest(blob, what, signal);
  if (ingest === undefined) {
    onEvent?.({ digest, state: 'exists', current: total, total });
    return;
  }
  await finishing(ingest, async () => {
    try {
      await download(source, blob, ingest, options);
    } catch (error) {
      // Bytes of an earlier attempt may be the wrong ones; once more with none of them.
      if (!(error instanceof MixedDownloadError)) throw error;
      await download(source, blob, ingest, options);
    }
  });
  onEvent?.({ digest, state: 'done', current: total, total });
}

/** A digest that did not match, of bytes that came at different times. */
class MixedDownloadError extends Error {}

async function download(
  source: RepositoryClient,
  blob: Descriptor,
  ingest: BlobIngest,
  options: PullOptions,
): Promise<void> {
  const { digest, size: total } = blob;
  let failures = 0;
  let furthest = ingest.offset;
  let isMixed = ingest.offset > 0;
  const moved = (): void => options.onEvent?.({ digest, state: 'moving', current: ingest.offset, total });
  while (ingest.offset < total) {
    try {
      const { start, body } = await source.blob(digest, ingest.offset);
      if (start !== ingest.offset) await ingest.restart();
      if (start === 0) isMixed = false;
      if (start > ingest.offset)
        throw new VivariumError(
          'REGISTRY',
          `${source.what} gives another range of blob ${digest} than it was asked for`,
        );
      for await (const chunk of body) {
        options.signal?.throwIfAborted();
        await ingest.append(chunk);
        moved();
      }
      if (ingest.offset < total) throw new NetworkError(`blob ${digest} ends after ${ingest.offset} of ${total} bytes`);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      failures = ingest.offset > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, ingest.offset);
      await source.session.waitAfterFailure(error, failures);
      isMixed ||= ingest.offset > 0;
    }
  }
  try {
    await ingest.commit();
  } catch (error) {
    if (isMixed && error instanceof VivariumError && error.code === 'DIGEST_MISMATCH') throw new MixedDownloadError();
    throw error;
  }
}
