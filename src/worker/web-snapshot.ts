/**
 * Snapshots of booted guests that a site brings: fetched once, then kept as they are when unpacked, so that a guest goes on
 * within a tenth of a second.
 */
import { memorySource } from '../machine/snapshot-file/read.ts';
import type { RemoteFile } from './protocol.ts';
import type { OpenedSnapshot } from './serve.ts';
import { openBlobCache, sha256, type BlobCache } from './web-cache.ts';
import { fetchWhole, type FetchReport } from './web-files.ts';

const CACHE = 'snapshots';
/** Of this site's earlier builds, or of other sites on the origin. */
const KEPT_MAX = 3;

/** Throws what fetching may: NOT_FOUND, NETWORK, DIGEST_MISMATCH. */
export async function openWebSnapshot(remote: RemoteFile, report: FetchReport): Promise<OpenedSnapshot> {
  const key = await sha256(new TextEncoder().encode(remote.chunks.map((chunk) => chunk.sha256).join()));
  const cache = await openBlobCache(CACHE);
  const kept = await cache.get(key).catch(() => undefined);
  let bytes: Uint8Array;
  if (kept !== undefined && kept.size === remote.byteCount) {
    bytes = new Uint8Array(await kept.arrayBuffer());
  } else {
    bytes = await fetchWhole(remote, { report, httpCache: cache.kind === 'memory' ? 'default' : 'no-store' });
    void keep(cache, key, bytes);
  }
  // The file has checksums of its own; one that is not whole must not be found again.
  return { ...memorySource(bytes), close: (isGood) => void (isGood || cache.delete(key)) };
}

async function keep(cache: BlobCache, key: string, bytes: Uint8Array): Promise<void> {
  try {
    const others = (await cache.keys()).filter((other) => other !== key);
    for (const other of others.slice(KEPT_MAX - 1)) await cache.delete(other);
    await cache.put(key, bytes);
  } catch {
    // It is fetched again next time.
  }
}
