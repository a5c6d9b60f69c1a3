/**
 * Opens an image from the command line's `PATH[:NAME]`: a layout folder, or a tar of an OCI layout or of `docker save`,
 * plain or compressed. What it is shows in its content, never in its name.
 */
import { statSync } from 'node:fs';
import { openArchive } from './archive.ts';
import { abortable } from './blob.ts';
import { type ClosableContent, streamContent } from './content.ts';
import { MAGIC_BYTES, decompress, detectCompression } from './decompress.ts';
import { badImage, notFound, quote } from './fail.ts';
import type { ImageFiles } from './files.ts';
import type { Image } from './image.ts';
import { type ImageLimits, limitsWith } from './limits.ts';
import { nodeCodec } from './node-codec.ts';
import { openFileContent } from './node-content.ts';
import { openFolder } from './node-folder.ts';
import { type LoadedLayers, loadLayers, type LoadOptions } from './load-layers.ts';
import { LayerCache, type LayerFile, spool } from './node-layer-cache.ts';
import { openImage } from './open-image.ts';
import { parsePlatform } from './platform.ts';
import { isTarHeader } from './tar.ts';
import { BLOCK_BYTES } from './tar-format.ts';

export interface NodeImageOptions {
  /** Folder for layers' disk images (`$XDG_CACHE_HOME/vivarium/layers`); made if needed. */
  readonly cacheFolder: string;
  /** `os/architecture`; the best one that runs when left out. */
  readonly platform?: string;
  readonly limits?: Partial<ImageLimits>;
  readonly signal?: AbortSignal;
}

/** An open image. Close it when its layers have been loaded. */
export interface OpenedImage {
  readonly image: Image;
  /** Makes the disk images that the cache does not have; they stay usable after `close`. */
  loadLayers(options?: Pick<LoadOptions<LayerFile>, 'onLayer'>): Promise<LoadedLayers<LayerFile>>;
  close(): void;
}

/** Where an image is and which of those there. */
export interface ImageLocation {
  readonly path: string;
  readonly reference: string | undefined;
}

/** Splits `PATH[:NAME]` at the first colon that leaves a path which exists; both may hold colons. Throws NOT_FOUND. */
export function locateImage(text: string): ImageLocation {
  if (exists(text)) return { path: text, reference: undefined };
  for (let colon = text.indexOf(':'); colon > 0; colon = text.indexOf(':', colon + 1)) {
    const path = text.slice(0, colon);
    if (exists(path)) return { path, reference: text.slice(colon + 1) || undefined };
  }
  throw notFound(`there is no image ${quote(text)}; give a layout folder or an image archive`);
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // unreadable, not a folder, a NUL in it: then the whole text is not found
  }
}

/** Opens an image. Throws BAD_IMAGE, DIGEST_MISMATCH, UNSUPPORTED_PLATFORM, LIMIT or NOT_FOUND; nothing is left behind then. */
export async function openNodeImage(text: string, options: NodeImageOptions): Promise<OpenedImage> {
  const { path, reference } = locateImage(text);
  const limits = limitsWith(options.limits);
  const platform = options.platform === undefined ? {} : { platform: parsePlatform(options.platform) };
  const files = await openImageFiles(path, options.cacheFolder, limits, options.signal);
  try {
    const image = await openImage(files, reference, { codec: nodeCodec, limits, ...platform });
    const store = new LayerCache(options.cacheFolder);
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    return {
      image,
      loadLayers: (more) => loadLayers(image, { store, codec: nodeCodec, limits, ...signal, ...more }),
      close: () => files.close(),
    };
  } catch (error) {
    files.close();
    throw error;
  }
}

/** The files of a layout folder, or of an archive. `cacheFolder` is for what has to be unpacked first. */
export async function openImageFiles(
  path: string,
  cacheFolder: string,
  limits: ImageLimits,
  signal?: AbortSignal,
): Promise<ImageFiles> {
  if (statSync(path).isDirectory()) return openFolder(path);
  return openArchiveContent(openFileContent(path), quote(path), cacheFolder, limits, signal);
}

/**
 * The files of an archive, whose content this takes over. A compressed one is unpacked first, since its parts are read in an
 * order that it does not have.
 */
export async function openArchiveContent(
  archive: ClosableContent,
  what: string,
  cacheFolder: string,
  limits: ImageLimits,
  signal?: AbortSignal,
): Promise<ImageFiles> {
  let content = archive;
  try {
    if (detectCompression(content.readSync(0, MAGIC_BYTES)) !== 'none') {
      const compressed = content;
      const plain = decompress(streamContent(compressed), {
        codec: nodeCodec,
        limits: { ...limits, maximumBytes: limits.archiveBytes },
        what,
      });
      content = await spool(cacheFolder, abortable(plain, signal)).finally(() => compressed.close());
    }
    if (!isTarHeader(content.readSync(0, BLOCK_BYTES))) {
      throw badImage(
        `${what} is not an image: neither a layout folder nor a tar archive, plain or compressed with gzip or zstd`,
      );
    }
    return openArchive(content, what, limits);
  } catch (error) {
    content.close();
    throw error;
  }
}
