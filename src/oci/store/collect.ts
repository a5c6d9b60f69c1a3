/**
 * What leaves a store: names, images without a name, blobs that no image uses, downloads that nobody goes on with. Names go
 * first, blobs after them, so that a kill in between leaves blobs too many, never an image with too few.
 */
import { VivariumError } from '../../util/errors.ts';
import { type Digest, blobPath, digestHex, isDigest } from '../digest.ts';
import {
  type ImageName,
  familiarName,
  formatImageName,
  parseImageName,
  sameRepository,
  withDefaultTag,
} from '../image-name.ts';
import { quote } from '../fail.ts';
import { type Descriptor, MediaTypes } from '../spec.ts';
import { dropDeadClaims, isClaimed, leasedDigests, readHolds } from './claims.ts';
import type { IndexRecord } from './image-index.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { INGEST_FOLDER } from './ingest.ts';

/** Of IDs, as people are shown them. */
const SHORT_ID_LENGTH = 12;
const BLOB_FOLDERS = ['sha256', 'sha512'] as const;
/** An interrupted download that nobody has gone on with for so long goes with the next collection. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** All blobs, used or not. Files with other names are left out. */
export async function listBlobs({ files }: ImageStore): Promise<StoredBlob[]> {
  const blobs: StoredBlob[] = [];
  for (const algorithm of BLOB_FOLDERS) {
    for (const { name, size } of await files.list(`blobs/${algorithm}`)) {
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest)) blobs.push({ digest, size });
    }
  }
  return blobs;
}

/** What an image consists of: its manifest, its config and its layers. Throws when the manifest is not there or corrupt. */
export async function blobsOf(store: ImageStore, image: Pick<StoredImage, 'manifest'>): Promise<Descriptor[]> {
  const { config, layers } = await store.manifest(image);
  return [image.manifest, config, ...layers];
}

/** Interrupted downloads that nobody is at. */
export async function idlePartials({
  files,
}: ImageStore): Promise<Array<{ path: string; size: number; ageMs: number }>> {
  const idle = [];
  for (const { name, size, modifiedMs } of await files.list(INGEST_FOLDER)) {
    if (await isClaimed(files, name)) continue;
    idle.push({ path: `${INGEST_FOLDER}/${name}`, size, ageMs: files.nowMs() - modifiedMs });
  }
  return idle;
}

export interface Collected {
  readonly blobs: readonly StoredBlob[];
  /** Bytes of blobs and downloads that are gone. */
  readonly bytes: number;
}

/** Removes what no image, no lease and no hold needs. `allPartials`: interrupted downloads of any age too. */
export async function collectGarbage(store: ImageStore, allPartials = false): Promise<Collected> {
  return store.files.exclusively(() => collectExclusively(store, allPartials));
}

async function collectExclusively(store: ImageStore, allPartials: boolean): Promise<Collected> {
  const { files } = store;
  const used = await leasedDigests(files);
  for (const digest of await usedDigests(store)) used.add(digest);
  const blobs: StoredBlob[] = [];
  let bytes = 0;
  for (const blob of await listBlobs(store)) {
    if (used.has(blob.digest)) continue;
    await files.remove(blobPath(blob.digest));
    blobs.push(blob);
    bytes += blob.size;
  }
  for (const { path, size, ageMs } of await idlePartials(store)) {
    if (!allPartials && ageMs < ABANDONED_AFTER_MS) continue;
    await files.remove(path);
    bytes += size;
  }
  await dropDeadClaims(files);
  return { blobs, bytes };
}

/** Blobs that images and holds need. Throws STORE when an image can't tell. */
export async function usedDigests(store: ImageStore): Promise<Set<Digest>> {
  const used = new Set<Digest>();
  const manifests = new Map((await store.records()).map(({ manifest }) => [manifest.digest, manifest]));
  for (const digest of (await readHolds(store.files)).keys()) {
    used.add(digest);
    const stored = await store.files.stat(blobPath(digest));
    // No record may have it any more, when its name went to the same image packed in another way.
    if (stored !== undefined && !manifests.has(digest)) manifests.set(digest, heldManifest(digest, stored.size));
  }
  for (const manifest of manifests.values()) {
    try {
      for (const { digest } of await blobsOf(store, { manifest })) used.add(digest);
    } catch (cause) {
      throw new VivariumError(
        'STORE',
        `the manifest ${manifest.digest} in ${store.what} is corrupt or gone, so nobody knows which blobs it needs; run viv doctor --repair`,
        { cause },
      );
    }
  }
  return used;
}

function heldManifest(digest: Digest, size: number): Descriptor {
  return { digest, size, mediaType: MediaTypes.manifest, annotations: new Map() };
}

export interface RemoveOptions {
  /** Also an image with several names by its ID; an image that is held loses its names only. */
  readonly force?: boolean;
  /** Whether a holder is a container that runs; it can't be forced then. Default: none does. */
  readonly isRunning?: (holder: string) => boolean;
}

export interface Removed {
  readonly id: Digest;
  readonly untagged: readonly ImageName[];
  /** IDs of images that are gone altogether. */
  readonly deleted: readonly Digest[];
  /** Blobs that went with them. */
  readonly blobs: readonly StoredBlob[];
}

/**
 * Removes a name, and the image with its last one, by the rules of `docker rmi`. Throws NOT_FOUND, or CONFLICT when the text
 * is the ID of an image with several names (without `force`), or somebody holds the image.
 */
export async function removeImage(store: ImageStore, text: string, options: RemoveOptions = {}): Promise<Removed> {
  const { force = false } = options;
  return store.files.exclusively(async () => {
    const image = await store.find(text);
    const going = namesToRemove(image, text, force);
    const names = new Set(going.map(formatImageName));
    const isLast = names.size === image.tags.length + image.digests.length;
    const isHeld = isLast && (await checkHeld(store, image, text, options));
    const goes = ({ id, name }: IndexRecord): boolean =>
      id === image.id && (isLast || (name !== undefined && names.has(name)));
    await store.updateExclusively((records) => [
      ...records.filter((record) => !goes(record)),
      ...(isHeld ? [{ name: undefined, id: image.id, manifest: image.manifest }] : []),
    ]);
    if (!isLast || isHeld) return { id: image.id, untagged: going, deleted: [], blobs: [] };
    const { blobs } = await collectExclusively(store, false);
    return { id: image.id, untagged: going, deleted: [image.id], blobs };
  });
}

function namesToRemove(image: StoredImage, text: string, force: boolean): ImageName[] {
  const all = [...image.tags, ...image.digests];
  const named = all.find((name) => means(text, name));
  if (named === undefined) {
    const repositories = new Set(all.map(({ registry, path }) => `${registry}/${path}`));
    if (!force && (image.tags.length > 1 || repositories.size > 1))
      throw new VivariumError(
        'CONFLICT',
        `image ${text} has several names (${all.map(familiarName).join(', ')}); remove them one by one, or use --force`,
      );
    return all;
  }
  const others = image.tags.filter((tag) => tag !== named);
  // The last tag takes the digests of its repository with it.
  const goes = named.digest === undefined && !others.some((tag) => sameRepository(tag, named));
  return [named, ...(goes ? image.digests.filter((name) => sameRepository(name, named)) : [])];
}

function means(text: string, name: ImageName): boolean {
  try {
    const wanted = withDefaultTag(parseImageName(text));
    return (
      formatImageName(wanted.digest === undefined ? wanted : { ...wanted, tag: undefined }) === formatImageName(name)
    );
  } catch {
    return false; // an ID
  }
}

/** Whether somebody holds it. Throws CONFLICT, in Docker's words, when that is in the way. */
async function checkHeld(
  store: ImageStore,
  image: StoredImage,
  text: string,
  { force = false, isRunning = () => false }: RemoveOptions,
): Promise<boolean> {
  const records = (await store.records()).filter(({ id }) => id === image.id);
  const manifests = new Set(records.map(({ manifest }) => manifest.digest));
  const holders = [...(await readHolds(store.files))].flatMap(([manifest, all]) =>
    manifests.has(manifest) ? all : [],
  );
  const [first] = holders;
  if (first === undefined) return false;
  const shown = (holder: string): string => holder.slice(0, SHORT_ID_LENGTH);
  const id = digestHex(image.id).slice(0, SHORT_ID_LENGTH);
  if ([...image.tags, ...image.digests].some((name) => means(text, name))) {
    if (force) return true;
    throw new VivariumError(
      'CONFLICT',
      `conflict: unable to remove repository reference ${quote(text)} (must force) - container ${shown(first)} is using its referenced image ${id}`,
    );
  }
  const running = holders.find(isRunning);
  if (running === undefined && force) return true;
  throw new VivariumError(
    'CONFLICT',
    running === undefined
      ? `conflict: unable to delete ${id} (must be forced) - image is being used by stopped container ${shown(first)}`
      : `conflict: unable to delete ${id} (cannot be forced) - image is being used by running container ${shown(running)}`,
  );
}

/** Removes images: those without a tag, or all that nobody holds; `keep` may keep some. */
export async function pruneImages(
  store: ImageStore,
  { all, keep }: { readonly all: boolean; readonly keep: (image: StoredImage) => boolean | Promise<boolean> },
): Promise<Omit<Removed, 'id'> & { readonly bytes: number }> {
  return store.files.exclusively(async () => {
    const held = await readHolds(store.files);
    const records = await store.records();
    const isHeld = ({ id }: StoredImage): boolean =>
      records.some((record) => record.id === id && held.has(record.manifest.digest));
    const going: StoredImage[] = [];
    for (const image of await store.images()) {
      if (!(all || image.tags.length === 0) || isHeld(image) || (await keep(image))) continue;
      going.push(image);
    }
    const ids = new Set(going.map(({ id }) => id));
    if (ids.size > 0)
      await store.updateExclusively((old: readonly IndexRecord[]) => old.filter(({ id }) => !ids.has(id)));
    const { blobs, bytes } = await collectExclusively(store, false);
    return { untagged: going.flatMap(({ tags, digests }) => [...tags, ...digests]), deleted: [...ids], blobs, bytes };
  });
}
