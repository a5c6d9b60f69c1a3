/** Opens an image for a machine's worker. Node only. */
import { openNodeImage } from '../oci/node-image.ts';
import type { Rootfs } from '../oci/rootfs.ts';
import type { ImageDetails, ImageShare } from './image-share.ts';

const ACCOUNT_FILES = ['/etc/passwd', '/etc/group'];
/** More than any system has, and little enough to read at once. */
const ACCOUNT_FILE_BYTES_MAX = 4 << 20;

export interface OpenedImageShare {
  /** Its files read from layers that stay open as long as the process lives. */
  readonly rootfs: Rootfs;
  readonly details: ImageDetails;
}

/** Unpacks what is not in the cache and merges the layers. Throws what openNodeImage does; then nothing is left behind. */
export async function openImageShare(share: ImageShare, signal: AbortSignal): Promise<OpenedImageShare> {
  const { image: text, layerCache, platform } = share;
  const opened = await openNodeImage(text, {
    cacheFolder: layerCache,
    signal,
    ...(platform === undefined ? {} : { platform }),
  });
  try {
    const { rootfs } = await opened.loadRootfs();
    const { reference, config } = opened.image;
    const accounts = new Map<string, Uint8Array>();
    for (const path of ACCOUNT_FILES) {
      const content = rootfs.readFile(path, ACCOUNT_FILE_BYTES_MAX);
      if (content !== undefined) accounts.set(path, content);
    }
    return { rootfs, details: { reference, platform: config.platform, execution: config.execution, accounts } };
  } finally {
    opened.close();
  }
}
