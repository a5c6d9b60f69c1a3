/**
 * What hashing and inflating need from the host: Node and browsers differ here and nowhere else in this room.
 * Implementations: node-codec.ts and web-codec.ts.
 */
import type { DigestAlgorithm } from './digest.ts';

/** A hash over bytes given piece by piece. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Lower-case hex. Call once, last. */
  hex(): Promise<string>;
}

export interface Codec {
  createHash(algorithm: DigestAlgorithm): Hasher;
  /** Inflates a gzip stream. Throws on broken or truncated data. Stops reading `source` when the consumer stops. */
  gunzip(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Deflates into a gzip stream (RFC 1952) without name and time, the same for the same input and host. */
  gzip(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}
