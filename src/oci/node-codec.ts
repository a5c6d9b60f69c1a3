/** Hashing and inflating in Node, by its own streaming implementations. */
import { createHash } from 'node:crypto';
import { Readable, pipeline } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import type { Codec } from './codec.ts';

export const nodeCodec: Codec = {
  createHash(algorithm) {
    const hash = createHash(algorithm);
    return {
      update: (bytes) => void hash.update(bytes),
      hex: () => Promise.resolve(hash.digest('hex')),
    };
  },
  async *gunzip(source) {
    const iterator = source[Symbol.asyncIterator]();
    async function* feed(): AsyncGenerator<Uint8Array> {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    }
    const gunzip = createGunzip();
    // The callback has nothing to do: an error of either side destroys `gunzip` and comes out of the loop below.
    pipeline(Readable.from(feed(), { objectMode: true }), gunzip, () => {});
    try {
      for await (const chunk of gunzip) yield chunk as Uint8Array;
      // zlib stops at padding after the last member. The rest is read all the same, so that its digest is checked.
      while (!(await iterator.next()).done);
    } finally {
      await iterator.return?.();
    }
  },
  async *gzip(source) {
    const gzip = createGzip();
    // As above: an error of the source destroys `gzip`.
    pipeline(Readable.from(source, { objectMode: true }), gzip, () => {});
    for await (const chunk of gzip) yield chunk as Uint8Array;
  },
};
