/** Opens disks for a machine in a browser's worker: bytes that came along, and files of a web server that are fetched as they are read. */
import { type BlockBackend, MemoryBlockBackend } from '../devices/virtio/blk/backend.ts';
import type { ChunkCache } from '../devices/virtio/blk/chunked-file.ts';
import { type Extent, ExtentsBackend, memoryExtent } from '../devices/virtio/blk/extents-backend.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { DiskConfig, DiskExtent } from './protocol.ts';
import { openBlobCache, type BlobCache } from './web-cache.ts';
import { remoteFile, type FetchReport } from './web-files.ts';

const CHUNKS_CACHE = 'chunks';

export class WebDisks {
  readonly #report: FetchReport;
  #cache: Promise<ChunkCache> | undefined;

  constructor(report: FetchReport) {
    this.#report = report;
  }

  /** Throws USAGE for a kind that browsers do not have. */
  async open(disk: Exclude<DiskConfig, { kind: 'chunks' }>): Promise<BlockBackend> {
    switch (disk.kind) {
      case 'memory': {
        const { bytes, readOnly, serial } = disk;
        return new MemoryBlockBackend(bytes, { readOnly, ...(serial === undefined ? {} : { id: serial }) });
      }
      case 'extents': {
        const { byteCount, serial } = disk;
        const extents = await Promise.all(disk.extents.map((extent) => this.#openExtent(extent)));
        return new ExtentsBackend({ byteCount, id: serial, extents });
      }
      default:
        throw notHere(`a disk of the kind "${disk.kind}"`);
    }
  }

  async #openExtent(extent: DiskExtent): Promise<Extent> {
    if ('bytes' in extent) return memoryExtent(extent.offset, extent.bytes);
    if (!('remote' in extent)) throw notHere(`the file ${extent.path}`);
    const { offset, remote } = extent;
    const file = remoteFile(remote, { cache: await (this.#cache ??= openChunkCache()), report: this.#report });
    return { offset, byteCount: file.byteCount, read: (at, target) => file.read(at, target) };
  }
}

function notHere(what: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, `a browser can't open ${what}; pass its content or an address instead`);
}

async function openChunkCache(): Promise<ChunkCache> {
  const cache: BlobCache = await openBlobCache(CHUNKS_CACHE);
  return {
    get: async (key) => {
      const blob = await cache.get(key);
      return blob && new Uint8Array(await blob.arrayBuffer());
    },
    put: (key, stored) => cache.put(key, stored),
  };
}
