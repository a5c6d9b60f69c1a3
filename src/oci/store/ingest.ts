/**
 * How a blob comes into a store: into a file of its own under `ingest/`, which becomes the blob once size and digest have
 * matched and it is on disk. What was cut off stays for {@link BlobIngest.offset} to go on from.
 */
import { VivariumError } from '../../util/errors.ts';
import type { Codec, Hasher } from '../codec.ts';
import { type Digest, blobPath, digestAlgorithm, digestHex, makeDigest } from '../digest.ts';
import { badImage } from '../fail.ts';
import { claimName, partialName } from './claims.ts';
import type { GrowingFile, StoreFiles } from './files.ts';

export const INGEST_FOLDER = 'ingest';

/** What a blob must be. */
export interface ExpectedBlob {
  readonly digest: Digest;
  readonly size: number;
}

export class BlobIngest {
  /** Whether it began with bytes of an earlier attempt, so that a wrong digest may be theirs. */
  wasResumed: boolean;
  readonly #files: StoreFiles;
  readonly #codec: Codec;
  readonly #expected: ExpectedBlob;
  readonly #what: string;
  readonly #path: string;
  readonly #release: () => Promise<void>;
  #file: GrowingFile;
  #hash: Hasher;

  private constructor(
    files: StoreFiles,
    codec: Codec,
    expected: ExpectedBlob,
    what: string,
    path: string,
    file: GrowingFile,
    release: () => Promise<void>,
  ) {
    this.#files = files;
    this.#codec = codec;
    this.#expected = expected;
    this.#what = what;
    this.#path = path;
    this.#file = file;
    this.#release = release;
    this.wasResumed = false;
    this.#hash = codec.createHash(digestAlgorithm(expected.digest));
  }

  /** Opens it for who holds the claim on the blob, which `release` gives back. */
  static async open(
    files: StoreFiles,
    codec: Codec,
    expected: ExpectedBlob,
    what: string,
    release: () => Promise<void>,
  ): Promise<BlobIngest> {
    const path = `${INGEST_FOLDER}/${partialName(expected.digest)}`;
    const file = await files.grow(path);
    const ingest = new BlobIngest(files, codec, expected, what, path, file, release);
    try {
      if (file.size > expected.size) await file.reset();
      if (file.size > 0) {
        for await (const chunk of files.read(path)) ingest.#hash.update(chunk);
        ingest.wasResumed = true;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return ingest;
  }

  /** Bytes that are there. */
  get offset(): number {
    return this.#file.size;
  }

  /** Throws BAD_IMAGE when that is more than the blob has, and gives up what there is then. */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.offset + bytes.length > this.#expected.size) {
      await this.restart();
      throw badImage(`${this.#what} is longer than the ${this.#expected.size} bytes that its descriptor states`);
    }
    await this.#file.append(bytes);
    this.#hash.update(bytes);
  }

  /** Forgets what is there. */
  async restart(): Promise<void> {
    await this.#file.reset();
    this.#hash = this.#codec.createHash(digestAlgorithm(this.#expected.digest));
    this.wasResumed = false;
  }

  /** Makes it a blob. Throws DIGEST_MISMATCH or BAD_IMAGE; then it is as after {@link restart}. */
  async commit(): Promise<void> {
    const { digest, size } = this.#expected;
    if (this.offset < size) {
      const had = this.offset;
      await this.restart();
      throw badImage(`${this.#what} has ${had} bytes where its descriptor states ${size}; the image is truncated`);
    }
    if ((await this.#hash.hex()) !== digestHex(digest)) {
      await this.restart();
      throw new VivariumError(
        'DIGEST_MISMATCH',
        `${this.#what} does not match its digest ${digest}; nothing of it is kept`,
      );
    }
    await this.#file.sync();
    await this.#file.close();
    await this.#files.rename(this.#path, blobPath(digest));
    await this.#release();
  }

  /** Ends it without a blob. What is there stays, for a later attempt, unless `discard`. */
  async close(discard = false): Promise<void> {
    await this.#file.close();
    if (discard || this.offset === 0) await this.#files.remove(this.#path);
    await this.#release();
  }
}

/** Brings in a blob whose digest nobody knows yet. `admit` is called exclusively, before the blob has its name. */
export async function ingestUnknown(
  files: StoreFiles,
  codec: Codec,
  stream: AsyncIterable<Uint8Array>,
  admit: (digest: Digest) => Promise<void>,
): Promise<ExpectedBlob> {
  const name = `new-${files.uniqueName()}`;
  const path = `${INGEST_FOLDER}/${name}`;
  const release = await claimName(files, name);
  const file = await files.grow(path);
  const hash = codec.createHash('sha256');
  try {
    for await (const chunk of stream) {
      hash.update(chunk);
      await file.append(chunk);
    }
    await file.sync();
    await file.close();
    const blob = { digest: makeDigest('sha256', await hash.hex()), size: file.size };
    await files.exclusively(async () => {
      await admit(blob.digest);
      await files.rename(path, blobPath(blob.digest));
    });
    return blob;
  } catch (error) {
    await file.close().catch(() => {}); // closed already, or the first error says more
    await files.remove(path);
    throw error;
  } finally {
    await release();
  }
}
