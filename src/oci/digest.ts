/**
 * Content digests (image-spec v1.1, descriptor.md "Digests"). Only the two registered algorithms with lower-case hex of
 * the right length pass, so a digest is always safe as a part of a path.
 */
import { badImage, quote } from './fail.ts';

export type DigestAlgorithm = 'sha256' | 'sha512';
declare const digestBrand: unique symbol;
/** A checked digest, `sha256:…` or `sha512:…`. */
export type Digest = string & { readonly [digestBrand]: true };

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** Checks a digest that `what` states. */
export function parseDigest(text: string, what: string): Digest {
  if (!isDigest(text)) throw badImage(`${what}: ${quote(text)} is not a sha256 or sha512 digest`);
  return text;
}

export function makeDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`, 'computed digest');
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Where a layout keeps a blob (image-spec v1.1, image-layout.md "Blobs"). */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}
