/**
 * Images by content, shared by all commands. The place is an OCI layout (image-spec v1.1, image-layout.md): `blobs/`,
 * `index.json` with the names (image-index.ts), and beside them what is under way (claims.ts, ingest.ts). Blobs have their
 * names only when they are complete and checked; names come after what they name, and go before it. So a process may be
 * killed at any point: what is left is a valid store, perhaps with blobs that no image uses, for collect.ts to remove.
 */
import { VivariumError } from '../../util/errors.ts';
import { type BlobReader, collect, readDocument, verifyStream } from '../blob.ts';
import type { Codec } from '../codec.ts';
import { type Digest, blobPath, isDigest } from '../digest.ts';
import { notFound, quote } from '../fail.ts';
import { type Image, type ImageOptions, imageFromManifest } from '../image.ts';
import { type ImageName, familiarName, formatImageName, parseImageName, withDefaultTag } from '../image-name.ts';
import { INDEX_FILE, LAYOUT_FILE } from '../layout.ts';
import { type ImageLimits, limitsWith } from '../limits.ts';
import { type Descriptor, type ImageManifest, MediaTypes, parseManifest } from '../spec.ts';
import { LAYOUT_VERSION } from '../write-layout.ts';
import { Lease, claimBlob } from './claims.ts';
import type { StoreFiles } from './files.ts';
import { type IndexRecord, parseRecords, serializeRecords, withRecord } from './image-index.ts';
import { BlobIngest, type ExpectedBlob, ingestUnknown } from './ingest.ts';

const INDEX_BYTES_MAX = 256 * 1024 * 1024;
/** `docker images` shows this much of an ID, and nobody types less than what can't be a word. */
const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{4,64})$/;

/** An image that the store has. */
export interface StoredImage {
  /** Digest of its config. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  /** All its names with a tag. */
  readonly tags: readonly ImageName[];
  /** The same image as registries know it: `REPOSITORY@DIGEST`, where the digest may be that of an index. */
  readonly digests: readonly ImageName[];
}

export interface ImageStoreOptions {
  readonly files: StoreFiles;
  readonly codec: Codec;
  readonly limits?: Partial<ImageLimits>;
}

export class ImageStore implements BlobReader {
  readonly files: StoreFiles;
  readonly codec: Codec;
  readonly limits: ImageLimits;
  /** Names it in messages. */
  readonly what: string;

  /** Touches nothing yet. */
  constructor({ files, codec, limits }: ImageStoreOptions) {
    this.files = files;
    this.codec = codec;
    this.limits = limitsWith(limits);
    this.what = `the image store ${files.what}`;
  }

  // Blobs

  /** Whether a blob of this size is there. Its content has been checked when it came. */
  async has({ digest, size }: ExpectedBlob): Promise<boolean> {
    return (await this.files.stat(blobPath(digest)))?.size === size;
  }

  async *open({ digest }: Pick<Descriptor, 'digest'>): AsyncGenerator<Uint8Array> {
    const path = blobPath(digest);
    if ((await this.files.stat(path)) === undefined)
      throw notFound(`${this.what} has no blob ${digest}; pull its image again`);
    yield* this.files.read(path);
  }

  /** Reads a whole blob against its digest; a blob that is wrong is removed, so that it can come again. */
  async checkBlob(descriptor: ExpectedBlob, what: string): Promise<boolean> {
    if (await this.#isRight(descriptor, what)) return true;
    // Somebody may have brought it anew meanwhile.
    await this.files.exclusively(() => this.removeIfWrong(descriptor));
    return false;
  }

  /** Removes a blob unless it is right, for who has the store to itself. */
  async removeIfWrong(blob: ExpectedBlob): Promise<void> {
    if (!(await this.#isRight(blob, `blob ${blob.digest}`))) await this.files.remove(blobPath(blob.digest));
  }

  async #isRight(blob: ExpectedBlob, what: string): Promise<boolean> {
    try {
      for await (const _ of verifyStream(this.open(blob), blob, this.codec, what));
      return true;
    } catch (error) {
      if (error instanceof VivariumError && DAMAGES.includes(error.code)) return false;
      throw error;
    }
  }

  /** The same, for a blob that need not be there. */
  async checkIfThere(descriptor: ExpectedBlob): Promise<boolean> {
    return (await this.has(descriptor)) && (await this.checkBlob(descriptor, `blob ${descriptor.digest}`));
  }

  /** Makes {@link Lease}s: protect blobs by one before you look whether they are there, release it when an image has them. */
  lease(): Lease {
    return new Lease(this.files);
  }

  /**
   * Begins or resumes bringing in a blob, waiting for anybody who does the same; `undefined` when it is there (then). The
   * caller must end it with `commit` or `close`.
   */
  async ingest(expected: ExpectedBlob, what: string, signal?: AbortSignal): Promise<BlobIngest | undefined> {
    const isNeeded = async (): Promise<boolean> => !(await this.has(expected));
    const release = await claimBlob(this.files, expected.digest, isNeeded, signal);
    if (release === undefined) return undefined;
    try {
      if (await isNeeded()) return await BlobIngest.open(this.files, this.codec, expected, what, release);
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    return undefined;
  }

  /** Adds a blob under its own digest, protected by the lease. */
  addBlob(stream: AsyncIterable<Uint8Array>, lease: Lease): Promise<ExpectedBlob> {
    return ingestUnknown(this.files, this.codec, stream, (digest) => lease.protectExclusively([digest]));
  }

  /** Adds a small blob. */
  async addDocument(bytes: Uint8Array, lease: Lease): Promise<ExpectedBlob> {
    return this.addBlob(only(bytes), lease);
  }

  // Images

  /** Reads the list of names. Throws STORE when it is corrupt. */
  async records(): Promise<IndexRecord[]> {
    if ((await this.files.stat(INDEX_FILE)) === undefined) return [];
    const bytes = await collect(this.files.read(INDEX_FILE), INDEX_BYTES_MAX, INDEX_FILE);
    try {
      return parseRecords(bytes, `${INDEX_FILE} of ${this.what}`);
    } catch (cause) {
      throw new VivariumError('STORE', `${INDEX_FILE} of ${this.what} is corrupt; run viv doctor --repair`, { cause });
    }
  }

  /** Changes the list of names while nobody else does. */
  async updateRecords(change: (records: readonly IndexRecord[]) => readonly IndexRecord[]): Promise<void> {
    await this.files.exclusively(() => this.updateExclusively(change));
  }

  /** The same for who has the store to itself already. */
  async updateExclusively(change: (records: readonly IndexRecord[]) => readonly IndexRecord[]): Promise<void> {
    const records = change(await this.records());
    if ((await this.files.stat(LAYOUT_FILE)) === undefined)
      await this.files.write(
        LAYOUT_FILE,
        new TextEncoder().encode(JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION })),
      );
    await this.files.write(INDEX_FILE, serializeRecords(records));
  }

  /** All images, in no order. */
  async images(): Promise<StoredImage[]> {
    const records = await this.records();
    const ids = [...new Set(records.map(({ id }) => id))];
    return ids.map((id) => toImage(id, records));
  }

  /**
   * The image that a user means: by name, by ID or the beginning of one (4 digits or more), or by a digest. Throws NOT_FOUND,
   * or USAGE when several IDs begin so.
   */
  async find(text: string): Promise<StoredImage> {
    const records = await this.records();
    const found = findByName(text, records) ?? findById(text, records);
    if (found === undefined)
      throw notFound(`there is no image ${quote(text)} here; see viv images, or get it with viv pull`);
    return { ...toImage(found.id, records), manifest: found.manifest };
  }

  /** The same; `undefined` when there is none. */
  async findIfThere(text: string): Promise<StoredImage | undefined> {
    return this.find(text).catch((error: unknown) => {
      if (error instanceof VivariumError && (error.code === 'NOT_FOUND' || error.code === 'USAGE')) return undefined;
      throw error;
    });
  }

  /** The descriptor of a manifest that the store has, such as one that is held for a container. */
  async findManifest(digest: Digest): Promise<Descriptor> {
    const record = (await this.records()).find(({ manifest }) => manifest.digest === digest);
    if (record !== undefined) return record.manifest;
    // Held, but its image has been removed meanwhile.
    const file = await this.files.stat(blobPath(digest));
    if (file === undefined) throw notFound(`${this.what} has no manifest ${digest} any more; pull its image again`);
    return { mediaType: MediaTypes.manifest, digest, size: file.size, annotations: new Map() };
  }

  /**
   * Gives an image a name (or none, to keep it all the same). The blobs must be there, protected by a lease until this
   * resolves.
   */
  async addName(id: Digest, manifest: Descriptor, name: ImageName | undefined): Promise<void> {
    const full = name === undefined ? undefined : formatImageName(withDefaultTag(name));
    await this.updateRecords((records) => withRecord(records, { name: full, id, manifest }));
  }

  /** Gives an image that is there another name. */
  async tag(source: string, target: ImageName): Promise<void> {
    if (target.digest !== undefined)
      throw new VivariumError(
        'USAGE',
        `${quote(familiarName(target))} has a digest, which nobody can choose; give a tag`,
      );
    const name = formatImageName(withDefaultTag(target));
    await this.files.exclusively(async () => {
      const { id, manifest } = await this.find(source);
      await this.updateExclusively((records) => withRecord(records, { name, id, manifest }));
    });
  }

  /** The manifest of an image, checked. */
  async manifest({ manifest }: Pick<StoredImage, 'manifest'>): Promise<ImageManifest> {
    const what = `manifest ${manifest.digest} in ${this.what}`;
    return parseManifest(await readDocument(this, manifest, what, this.codec, this.limits), what, this.limits);
  }

  /** Bytes of the config of an image, checked. */
  async configBytes(manifest: ImageManifest): Promise<Uint8Array> {
    return readDocument(
      this,
      manifest.config,
      `config ${manifest.config.digest} in ${this.what}`,
      this.codec,
      this.limits,
    );
  }

  /** The image, its layers ready to be read. Throws what {@link imageFromManifest} does. */
  async openImage(stored: StoredImage, options: Pick<ImageOptions, 'platform'> = {}): Promise<Image> {
    const reference = stored.tags[0] ?? stored.digests[0];
    const what = reference === undefined ? `image ${stored.id}` : familiarName(reference);
    return imageFromManifest(
      this,
      await this.manifest(stored),
      { reference: reference && familiarName(reference), digest: stored.manifest.digest },
      what,
      { codec: this.codec, limits: this.limits, ...options },
    );
  }
}

/** Errors that mean wrong content. */
const DAMAGES: readonly string[] = ['DIGEST_MISMATCH', 'BAD_IMAGE', 'NOT_FOUND'];

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function toImage(id: Digest, records: readonly IndexRecord[]): StoredImage {
  const own = records.filter((record) => record.id === id);
  const names = own.flatMap(({ name }) => (name === undefined ? [] : [parseImageName(name)]));
  return {
    id,
    manifest: own[0]!.manifest,
    tags: names.filter(({ digest }) => digest === undefined),
    digests: names.filter(({ digest }) => digest !== undefined),
  };
}

function findByName(text: string, records: readonly IndexRecord[]): IndexRecord | undefined {
  let name: ImageName;
  try {
    name = withDefaultTag(parseImageName(text));
  } catch {
    return undefined; // an ID, then, or nothing
  }
  // A digest says it all, so a tag beside it does not count.
  const full = formatImageName(name.digest === undefined ? name : { ...name, tag: undefined });
  return records.find((record) => record.name === full);
}

function findById(text: string, records: readonly IndexRecord[]): IndexRecord | undefined {
  const prefix = ID_PREFIX.exec(text)?.[1];
  if (prefix === undefined) return undefined;
  const found = records.filter(({ id }) => id.startsWith(`sha256:${prefix}`));
  if (new Set(found.map(({ id }) => id)).size > 1)
    throw new VivariumError('USAGE', `several images have an ID that begins with ${text}; give more of it`);
  if (found.length > 0 || !isDigest(text)) return found[0];
  return records.find(({ manifest, name }) => manifest.digest === text || name?.endsWith(`@${text}`));
}
