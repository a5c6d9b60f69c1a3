/**
 * Opens disks for a machine in a browser's worker: bytes that came along, and files of a web server that are fetched as they are
 * read. What nobody has read yet is fetched later, when the machine has had its time to start, so that it is there when the
 * network is not.
 */
import { type BlockBackend, MemoryBlockBackend } from '../devices/virtio/blk/backend.ts';
import type { ChunkedFile } from '../devices/virtio/blk/chunked-file.ts';
import { type Extent, ExtentsBackend, memoryExtent } from '../devices/virtio/blk/extents-backend.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { DiskConfig, DiskExtent } from './protocol.ts';
import { openChunkCache, type WebChunkCache } from './web-chunk-cache.ts';
import { remoteFile, storedBytes, type FetchReport } from './web-files.ts';

/** When the rest of a file is fetched, and of how large a file. */
const REST_DELAY_MS = 10_000;
const REST_BYTES_MAX = 64 << 20;

export class WebDisks {
  readonly #report: FetchReport;
  #cache: Promise<WebChunkCache> | undefined;
  /** What fetches the rest, one file after the other. */
  #rest: Promise<void> = Promise.resolve();

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
        const closing = new AbortController();
        const extents = await Promise.all(disk.extents.map((extent) => this.#openExtent(extent, closing.signal)));
        const backend = new ExtentsBackend({ byteCount, id: serial, extents });
        return Object.assign(backend, { close: () => closing.abort(new Error('the disk is gone')) });
      }
      case 'file':
      case 'scratch':
        throw notHere(`a disk of the kind "${disk.kind}"`);
    }
  }

  async #openExtent(extent: DiskExtent, signal: AbortSignal): Promise<Extent> {
    if ('bytes' in extent) return memoryExtent(extent.offset, extent.bytes);
    if (!('remote' in extent)) throw notHere(`the file ${extent.path}`);
    const { offset, remote } = extent;
    const cache = await (this.#cache ??= openChunkCache());
    const file = remoteFile(remote, { cache, httpCache: cache.httpCache, report: this.#report, signal });
    if (cache.lasts && storedBytes(remote) <= REST_BYTES_MAX) this.#fetchRest(file, signal);
    let isTroubleTold = false;
    const read = (at: number, target: Uint8Array): void | Promise<void> =>
      file.read(at, target)?.then(
        () => void (isTroubleTold = false),
        (error: unknown) => {
          if (!isTroubleTold && error instanceof VivariumError) this.#report.trouble?.(error);
          isTroubleTold = true;
          throw error;
        },
      );
    return { offset, byteCount: file.byteCount, read };
  }

  #fetchRest(file: ChunkedFile, signal: AbortSignal): void {
    const fetchRest = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, REST_DELAY_MS));
      // Who pays for bytes says so.
      const { connection } = navigator as { connection?: { saveData?: boolean } };
      if (connection?.saveData !== true) await file.fetchAll(signal);
    };
    this.#rest = this.#rest.then(fetchRest).catch(() => {}); // it comes when it is read
  }
}

function notHere(what: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, `a browser can't open ${what}; pass its content or an address instead`);
}
