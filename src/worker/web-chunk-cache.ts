/** The chunks of files that were fetched, for pages and workers of an origin together. */
import type { ChunkCache } from '../devices/virtio/blk/chunked-file.ts';
import { openBlobCache } from './web-cache.ts';

const NAME = 'chunks';

export interface WebChunkCache extends ChunkCache {
  /** For what has a cache that lasts, the browser's own need not keep a second copy. */
  readonly httpCache: RequestCache;
  /** Whether it outlives the page. */
  readonly lasts: boolean;
}

export async function openChunkCache(): Promise<WebChunkCache> {
  const cache = await openBlobCache(NAME);
  const lasts = cache.kind !== 'memory';
  return {
    lasts,
    httpCache: lasts ? 'no-store' : 'default',
    get: async (key) => {
      const blob = await cache.get(key);
      return blob && new Uint8Array(await blob.arrayBuffer());
    },
    put: (key, stored) => cache.put(key, stored),
  };
}
