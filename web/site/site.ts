/**
 * A site's guest, core and images as a page uses them: what a Computer is made of, fetched from where the site is.
 * Nothing here needs a page: an element, a lab and a test use it alike.
 */
import type { ComputerParts } from '../../src/sandbox/computer-options.ts';
import { staticImages } from '../../src/sandbox/static-image.ts';
import type { SnapshotStore } from '../../src/sandbox/start-guest.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import type { RemoteFile } from '../../src/worker/protocol.ts';
import { openChunkCache } from '../../src/worker/web-chunk-cache.ts';
import { fetchWhole, storedBytes } from '../../src/worker/web-files.ts';
import { RangeSource } from '../../src/worker/web-range-source.ts';
import { startWebMachine } from '../../src/worker/web.ts';
import { webKeptDisks } from './kept-disks.ts';
import { loadWorker, type EarlyWorker } from './machine-worker.ts';
import { MANIFEST_FILE, parseManifest, type SiteManifest } from './manifest.ts';

/** How fetching something gets on. Of an image, `totalBytes` is not known: it is fetched as it is read. */
export interface FetchProgress {
  /** `core`, `kernel`, `initramfs`, `snapshot`, or `image`. */
  readonly what: string;
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
}

export interface SiteOptions {
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** Is told in one line what did not work and what happens instead. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Default: whether there is one. Without, each guest boots. */
  readonly useSnapshot?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For the first machine. It stays the caller's to end. */
  readonly earlyWorker?: EarlyWorker | undefined;
}

/** What a site's page starts computers with. */
export interface SiteParts extends ComputerParts {
  /** Names of the site's images. */
  readonly imageNames: readonly string[];
}

/**
 * Fetches what every machine needs. Rejects with NOT_FOUND, NETWORK, NOT_BUILT or DIGEST_MISMATCH,
 * or USAGE for a page that browsers do not trust.
 * @param base the site's folder; by default where this script is from.
 */
export async function openSite(base: URL, options: SiteOptions = {}): Promise<SiteParts> {
  const { onProgress, onNotice = () => {}, useSnapshot = true, signal, earlyWorker } = options;
  if (!isSecureContext)
    throw new VivariumError(
      ErrorCodes.USAGE,
      'browsers let a page do this only when it comes over https:// or from this very computer; open its https address',
    );
  const progress = new Progress(onProgress ?? (() => {}));
  const url = new URL(MANIFEST_FILE, base);
  const keeping = webKeptDisks();
  const [description, cache] = await Promise.all([fetchSmall(url, signal), openChunkCache()]);
  const manifest = parseManifest(description, url);
  const fetchFile = (what: string, file: RemoteFile): Promise<Uint8Array> => {
    progress.expect(what, file);
    return fetchWhole(file, { cache, httpCache: cache.httpCache, report: progress, signal });
  };
  for (const { file } of manifest.snapshots) progress.expect('snapshot', file);
  const [core, kept] = await Promise.all([fetchFile('core', manifest.core), keeping]);
  return {
    core,
    readGuest: async () => {
      const { kernel, initramfs } = manifest;
      const files = [fetchFile('kernel', kernel), fetchFile('initramfs', initramfs)] as const;
      const [kernelBytes, initramfsBytes] = await Promise.all(files);
      return { kernel: kernelBytes, initramfs: initramfsBytes };
    },
    startMachine: ({ config, prepare, signal: startSignal }) =>
      startWebMachine({
        ...(earlyWorker?.take() ?? loadWorker()),
        config,
        prepare,
        signal: startSignal,
        onFetched: (from, byteCount) => progress.fetched(from, byteCount),
      }),
    prepareImage: staticImages({
      locate: (image) => locateImage(manifest, image, base),
      fetchBytes: (address, imageSignal) => fetchSmall(address, imageSignal),
    }),
    snapshots: useSnapshot ? siteSnapshots(manifest, onNotice) : undefined,
    kept,
    imageNames: [...manifest.images.keys()],
  };
}

/** An image of the site by its name, or one anywhere by the address of its image.json. Throws NOT_FOUND. */
function locateImage({ images }: SiteManifest, image: string, base: URL): URL {
  const own = images.get(image);
  if (own !== undefined) return own;
  if (image.endsWith('/image.json') && URL.canParse(image, base.href)) return new URL(image, base);
  const names = [...images.keys()].join(', ');
  throw new VivariumError(
    ErrorCodes.NOT_FOUND,
    `the site has no image ${JSON.stringify(image)}, only ${names === '' ? 'none at all' : names}; check the name`,
  );
}

function siteSnapshots({ snapshots, parts }: SiteManifest, notice: (text: string) => void): SnapshotStore {
  return {
    parts,
    find: (identity) => {
      const found = snapshots.find(
        ({ memoryBytes, commandLine }) =>
          String(memoryBytes) === identity['memory size'] && commandLine === identity['command line'],
      );
      if (found !== undefined) return { kind: 'remote', remote: found.file, identity };
      notice('the site has no started guest with this much memory, so one boots, which takes some seconds more');
      return undefined;
    },
    save: () => Promise.resolve(), // the site's own are enough
    notice,
  };
}

const SMALL_BYTES_MAX = 4 << 20;

function fetchSmall(url: URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return new RangeSource({ url: url.href, byteCount: SMALL_BYTES_MAX, signal, cache: 'no-cache' }).document();
}

/** Adds up what comes of each file. */
class Progress {
  readonly #tell: (progress: FetchProgress) => void;
  readonly #files = new Map<string, { what: string; doneBytes: number; totalBytes: number }>();
  #imageBytes = 0;

  constructor(tell: (progress: FetchProgress) => void) {
    this.#tell = tell;
  }

  expect(what: string, file: RemoteFile): void {
    this.#files.set(file.url, { what, doneBytes: 0, totalBytes: storedBytes(file) });
  }

  fetched(url: string, byteCount: number): void {
    const file = this.#files.get(url);
    if (file === undefined) {
      this.#imageBytes += byteCount;
      this.#tell({ what: 'image', doneBytes: this.#imageBytes, totalBytes: undefined });
      return;
    }
    file.doneBytes += byteCount;
    this.#tell({ ...file });
  }
}
