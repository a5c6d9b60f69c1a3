/**
 * From a store to a registry: layers that it does not have, taken over from another of its repositories where that works,
 * uploaded in chunks that can go on after a cut otherwise; then the config, and the manifest last.
 */
import { VivariumError } from '../../util/errors.ts';
import { readDocument, verifyStream } from '../blob.ts';
import { type Digest, blobPath } from '../digest.ts';
import { type ImageName, familiarName, sameRepository } from '../image-name.ts';
import type { Descriptor } from '../spec.ts';
import { blobsOf } from '../store/collect.ts';
import type { ImageStore, StoredImage } from '../store/image-store.ts';
import { type HttpBody, NetworkError, bytesBody } from './http.ts';
import { eachOf } from './parallel.ts';
import type { TransferEvent } from './pull.ts';
import type { Registries } from './registries.ts';
import type { RepositoryClient, Upload } from './repository-client.ts';
import { TransientError } from './retry.ts';

const DEFAULT_PARALLEL = 5; // as Docker has it
const DEFAULT_CHUNK_BYTES = 16 * 1024 * 1024;
const MOUNT_SOURCES_MAX = 3;

export interface PushOptions {
  readonly store: ImageStore;
  readonly registries: Registries;
  readonly parallel?: number;
  readonly chunkBytes?: number;
  readonly onEvent?: (event: TransferEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Pushed {
  readonly digest: Digest;
  /** Of the manifest, in bytes. */
  readonly size: number;
}

/** Pushes an image under its name, which must have a tag. Throws what the registry client and the store throw. */
export async function pushImage(image: StoredImage, name: ImageName, options: PushOptions): Promise<Pushed> {
  const { store, registries } = options;
  const target = registries.target(name);
  const lease = store.lease();
  try {
    const [manifest, config, ...layers] = await blobsOf(store, image);
    await lease.protect([manifest!, config!, ...layers].map(({ digest }) => digest));
    for (const part of [config!, ...layers]) {
      if (!(await store.has(part)))
        throw new VivariumError(
          'STORE',
          `${familiarName(name)} needs blob ${part.digest}, which is not in ${store.what}; pull it again`,
        );
    }
    const blobs = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
    for (const { digest, size } of blobs) options.onEvent?.({ digest, state: 'waiting', current: 0, total: size });
    const mountFrom = await mountSources(store, name);
    await eachOf(blobs, options.parallel ?? DEFAULT_PARALLEL, (blob) => pushBlob(target, blob, mountFrom, options));
    await pushBlob(target, config!, new Map(), { ...options, onEvent: () => {} });
    const bytes = await readDocument(store, manifest!, `manifest of ${familiarName(name)}`, store.codec, store.limits);
    await target.putManifest(name.tag!, manifest!.mediaType, bytes);
    await store.addName(image.id, image.manifest, { ...name, tag: undefined, digest: manifest!.digest });
    return { digest: manifest!.digest, size: manifest!.size };
  } finally {
    await lease.release();
  }
}

/** Other repositories of the same registry that had a blob when we last saw them. */
async function mountSources(store: ImageStore, name: ImageName): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const sources = new Map<Digest, string[]>();
  for (const image of await store.images()) {
    const others = image.digests.filter((other) => other.registry === name.registry && !sameRepository(other, name));
    if (others.length === 0) continue;
    const parts = await blobsOf(store, image).catch(() => []); // another image's damage is not this one's
    for (const { digest } of parts) {
      const paths = new Set([...(sources.get(digest) ?? []), ...others.map(({ path }) => path)]);
      sources.set(digest, [...paths].slice(0, MOUNT_SOURCES_MAX));
    }
  }
  return sources;
}

async function pushBlob(
  target: RepositoryClient,
  blob: Descriptor,
  mountFrom: ReadonlyMap<Digest, readonly string[]>,
  options: PushOptions,
): Promise<void> {
  const { digest, size: total } = blob;
  const tell = (state: TransferEvent['state'], current: number): void =>
    options.onEvent?.({ digest, state, current, total });
  if (await target.hasBlob(digest)) return tell('exists', total);
  for (const from of mountFrom.get(digest) ?? []) {
    if (await target.mount(digest, from)) return tell('mounted', total);
  }
  // A registry would tell only at the end that our copy is bad.
  for await (const _ of verifyStream(
    options.store.open(blob),
    blob,
    options.store.codec,
    `blob ${digest} of ${options.store.what}`,
  ))
    options.signal?.throwIfAborted();
  await upload(target, blob, options, (current) => tell('moving', current));
  tell('done', total);
}

async function upload(
  target: RepositoryClient,
  blob: Descriptor,
  options: PushOptions,
  moved: (current: number) => void,
): Promise<void> {
  const { store, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  let at: Upload | undefined = await target.beginUpload();
  let furthest = 0;
  for (let failures = 0; ;) {
    try {
      const step = Math.max(chunkBytes, at.chunkBytesMin);
      while (blob.size - at.offset > step) {
        at = await target.sendChunk(at, rangeBody(store, blob, at.offset, step, moved));
      }
      const rest = blob.size - at.offset;
      await target.finishUpload(
        at,
        blob.digest,
        rest > 0 ? rangeBody(store, blob, at.offset, rest, moved) : bytesBody(new Uint8Array(0)),
      );
      return;
    } catch (error) {
      // Sending is not tried again where it was done: what the registry took is to be asked first.
      const cause = error instanceof VivariumError ? error.cause : error;
      const mayPass = error instanceof TransientError || (cause instanceof NetworkError && !cause.isTls);
      if (!mayPass) throw error;
      failures = at.offset > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, at.offset);
      await target.session.waitAfterFailure(error instanceof TransientError ? error : (cause as Error), failures);
      if (await target.hasBlob(blob.digest)) return; // only the answer was lost
      at = (await target.uploadStatus(at)) ?? (await target.beginUpload());
    }
  }
}

/** A part of a blob as a body. */
function rangeBody(
  store: ImageStore,
  blob: Descriptor,
  offset: number,
  size: number,
  moved: (current: number) => void,
): HttpBody {
  return {
    size,
    async *open() {
      let left = size;
      for await (const chunk of store.files.read(blobPath(blob.digest), offset)) {
        const part = chunk.subarray(0, left);
        left -= part.length;
        yield part;
        moved(offset + size - left);
        if (left === 0) return;
      }
    },
  };
}
