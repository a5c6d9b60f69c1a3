/** Files of a web server, in a page or a worker: opened to be read here and there, or fetched whole. */
import { ChunkedFile, type ChunkCache } from '../devices/virtio/blk/chunked-file.ts';
import type { VivariumError } from '../util/errors.ts';
import type { RemoteFile } from './protocol.ts';
import { sha256 } from './web-cache.ts';
import { RangeSource } from './web-range-source.ts';

/** Is told how fetching gets on. */
export interface FetchReport {
  /** So many bytes of a file have come from its server. */
  fetched(url: string, byteCount: number): void;
  /** Something could not be fetched; the guest got an I/O error. */
  trouble?(error: VivariumError): void;
}

export interface RemoteFileOptions {
  /** Keeps chunks of it. */
  readonly cache?: ChunkCache | undefined;
  /** What the browser's own cache does: 'no-store' for what has another that lasts. Default: what the server lets it. */
  readonly httpCache?: RequestCache | undefined;
  readonly report?: FetchReport | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NO_CACHE: ChunkCache = { get: () => Promise.resolve(undefined), put: () => Promise.resolve() };

/** Opens a file that is fetched as it is read. */
export function remoteFile(
  remote: RemoteFile,
  { cache, httpCache = 'default', report, signal }: RemoteFileOptions,
): ChunkedFile {
  const { url } = remote;
  return new ChunkedFile({
    file: remote,
    name: url,
    source: new RangeSource({ url, byteCount: storedBytes(remote), signal, cache: httpCache }),
    cache: cache ?? NO_CACHE,
    sha256,
    onFetched: (byteCount) => report?.fetched(url, byteCount),
  });
}

/** Fetches all of a file's content. Rejects with NOT_FOUND, NETWORK or DIGEST_MISMATCH, or the signal's reason. */
export async function fetchWhole(remote: RemoteFile, options: RemoteFileOptions): Promise<Uint8Array<ArrayBuffer>> {
  const content = new Uint8Array(remote.byteCount);
  await remoteFile(remote, options).read(0, content);
  return content;
}

/** What has to be fetched for all of it. */
export function storedBytes({ chunks }: RemoteFile): number {
  return chunks.reduce((sum, chunk) => sum + chunk.storedBytes, 0);
}
