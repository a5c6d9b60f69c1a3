/**
 * An image as files of any web server: `NAME/image.json` says how to run it, and what its layers' disk images consist of;
 * each of those is a file next to it, cut into chunks that are compressed one by one, so that a range of it can be fetched,
 * checked and used on its own. Version 1.
 *
 *   image.json   { format, version, reference?, id, platform, config, accounts, rootAttributes, takesIdentity, layers }
 *     config           as in an OCI config (image-spec v1.1, config.md)
 *     accounts         /etc/passwd and /etc/group of the image, base64, by path
 *     rootAttributes   { mode, uid, gid, mtimeNs: decimal text, xattrs: base64 by name }
 *     layers           the lowest first: { file, byteCount, chunkBytes, chunks: [[stored bytes, SHA-256 of those], …] }
 *
 * A chunk is stored as raw DEFLATE (RFC 1951) when that is shorter, else as it is; chunks follow each other without gaps.
 */
import type { Digest } from '../digest.ts';
import type { ExecutionConfig, Platform } from '../spec.ts';
import type { InodeAttributes } from '../tree.ts';

export const STATIC_FORMAT = 'vivarium-static-image';
export const STATIC_VERSION = 1;
/** Name of the description in an image's folder. */
export const DESCRIPTION_FILE = 'image.json';
/** Small enough for a slow line's first read, large enough that a thousand of them are an image. */
export const CHUNK_BYTES = 256 * 1024;
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024;

export interface StaticChunk {
  /** Its length in the file. As long as its content: it is stored as it is. */
  readonly storedBytes: number;
  /** Of what is stored, in lower-case hexadecimal. */
  readonly sha256: string;
}

/** The disk image of a layer. */
export interface StaticLayer {
  /** Where the file is, relative to image.json. */
  readonly file: string;
  readonly byteCount: number;
  /** Of each chunk's content; the last one may have less. */
  readonly chunkBytes: number;
  readonly chunks: readonly StaticChunk[];
}

export interface StaticImage {
  readonly reference: string | undefined;
  readonly id: Digest;
  readonly platform: Platform;
  readonly execution: ExecutionConfig;
  readonly accounts: ReadonlyMap<string, Uint8Array>;
  readonly rootAttributes: InodeAttributes;
  /** Names in /etc that may be put over the image's own. */
  readonly takesIdentity: readonly string[];
  /** The lowest first. */
  readonly layers: readonly StaticLayer[];
}
