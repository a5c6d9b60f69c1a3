/**
 * Images from a store as one tar: an OCI layout (image-spec v1.1, image-layout.md) that is a `docker save` archive too, as
 * Docker writes since version 25. The same images give the same bytes.
 */
import { verifyStream } from '../blob.ts';
import { type Digest, blobPath } from '../digest.ts';
import { DOCKER_MANIFEST_FILE } from '../docker-save.ts';
import { type ImageName, familiarName, formatImageName } from '../image-name.ts';
import { INDEX_FILE, LAYOUT_FILE } from '../layout.ts';
import { Annotations, type Descriptor, MediaTypes } from '../spec.ts';
import { type TarFile, tarEnd, tarPadding, writeTarHead } from '../tar-writer.ts';
import { LAYOUT_VERSION } from '../write-layout.ts';
import { blobsOf } from './collect.ts';
import type { ImageStore, StoredImage } from './image-store.ts';

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

export interface ExportedImage {
  readonly image: StoredImage;
  /** Those of its tags that go with it. */
  readonly tags: readonly ImageName[];
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The archive as pieces. Every blob is checked as it is read; throws what that throws, in the middle if need be. */
export async function* exportImages(store: ImageStore, images: readonly ExportedImage[]): AsyncGenerator<Uint8Array> {
  const lease = store.lease();
  try {
    const parts = new Map<Digest, Descriptor>();
    const manifests = [];
    const entries = [];
    for (const { image, tags } of images) {
      const blobs = await blobsOf(store, image);
      blobs.forEach((blob) => parts.set(blob.digest, blob));
      const [, config, ...layers] = blobs;
      manifests.push(...listed(image, tags));
      entries.push({
        Config: blobPath(config!.digest),
        RepoTags: tags.length > 0 ? tags.map(familiarName) : null,
        Layers: layers.map(({ digest }) => blobPath(digest)),
      });
    }
    await lease.protect(parts.keys());
    yield* folders(parts.keys());
    for (const blob of parts.values()) {
      yield* writeTarHead({ path: blobPath(blob.digest), type: 'file', mode: FILE_MODE }, blob.size);
      yield* verifyStream(store.open(blob), blob, store.codec, `blob ${blob.digest} of ${store.what}`);
      yield tarPadding(blob.size);
    }
    yield* document(INDEX_FILE, { schemaVersion: 2, mediaType: MediaTypes.index, manifests });
    yield* document(DOCKER_MANIFEST_FILE, entries);
    yield* document(LAYOUT_FILE, { imageLayoutVersion: LAYOUT_VERSION });
    yield tarEnd();
  } finally {
    await lease.release();
  }
}

function listed(
  { manifest: { mediaType, digest, size, platform } }: StoredImage,
  tags: readonly ImageName[],
): object[] {
  const descriptor = { mediaType, digest, size, platform };
  if (tags.length === 0) return [descriptor];
  return tags.map((tag) => ({
    ...descriptor,
    annotations: { [Annotations.containerdName]: formatImageName(tag), [Annotations.refName]: tag.tag },
  }));
}

function* folders(digests: Iterable<Digest>): Generator<Uint8Array> {
  const names = new Set(['blobs', ...[...digests].map((digest) => blobPath(digest).split('/').slice(0, 2).join('/'))]);
  for (const path of names) yield* writeTarHead({ path, type: 'directory', mode: FOLDER_MODE }, 0);
}

function* document(path: string, value: unknown): Generator<Uint8Array> {
  const bytes = json(value);
  const file: TarFile = { path, type: 'file', mode: FILE_MODE };
  yield* writeTarHead(file, bytes.length);
  yield bytes;
  yield tarPadding(bytes.length);
}
