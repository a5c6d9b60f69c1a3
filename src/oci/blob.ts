/**
 * Blobs by descriptor, checked against size and digest as they are read (image-spec v1.1, descriptor.md
 * "Verification"). A layout, an archive, a content store and a registry are all a {@link BlobReader}.
 */
import { VivariumError } from '../util/errors.ts';
import type { Codec } from './codec.ts';
import { type Digest, digestAlgorithm, digestHex, makeDigest } from './digest.ts';
import { badImage, overLimit, showBytes } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import type { Descriptor } from './spec.ts';

/** Gives the bytes that claim to be a blob, unchecked. */
export interface BlobReader {
  /** Throws NOT_FOUND when there is no such blob. */
  open(
    descriptor: Pick<Descriptor, 'digest' | 'size'> & Partial<Pick<Descriptor, 'mediaType'>>,
  ): AsyncIterable<Uint8Array>;
}

function mismatch(what: string, digest: Digest): VivariumError {
  return new VivariumError('DIGEST_MISMATCH', `${what} does not match its digest ${digest}; get the image again`);
}

/**
 * Passes a stream on and throws at its end unless size and digest match, and as soon as there is too much. The consumer
 * must treat what it got as unchecked until the stream ends well.
 */
export async function* verifyStream(
  stream: AsyncIterable<Uint8Array>,
  expected: { readonly digest: Digest; readonly size?: number },
  codec: Codec,
  what: string,
): AsyncGenerator<Uint8Array> {
  const hash = codec.createHash(digestAlgorithm(expected.digest));
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (expected.size !== undefined && size > expected.size) {
      throw badImage(`${what} is longer than the ${expected.size} bytes that its descriptor states`);
    }
    hash.update(chunk);
    yield chunk;
  }
  if (expected.size !== undefined && size < expected.size) {
    throw badImage(`${what} has ${size} bytes where its descriptor states ${expected.size}; the image is truncated`);
  }
  if ((await hash.hex()) !== digestHex(expected.digest)) throw mismatch(what, expected.digest);
}

/** Reads a whole small document and checks it. */
export async function readDocument(
  reader: BlobReader,
  descriptor: Descriptor,
  what: string,
  codec: Codec,
  limits: ImageLimits,
): Promise<Uint8Array> {
  if (descriptor.size > limits.jsonBytes) {
    throw overLimit(`${what} has ${showBytes(descriptor.size)}, more than the limit of ${showBytes(limits.jsonBytes)}`);
  }
  return collect(verifyStream(reader.open(descriptor), descriptor, codec, what), limits.jsonBytes, what);
}

/** Passes a stream on until the signal says stop; then throws its reason. */
export async function* abortable(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

/** Joins a stream, up to a limit. */
export async function collect(
  stream: AsyncIterable<Uint8Array>,
  maximumBytes: number,
  what: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > maximumBytes) throw overLimit(`${what} is longer than the limit of ${showBytes(maximumBytes)}`);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The digest of bytes in memory. */
export async function digestOf(bytes: Uint8Array, codec: Codec): Promise<Digest> {
  const hash = codec.createHash('sha256');
  hash.update(bytes);
  return makeDigest('sha256', await hash.hex());
}
