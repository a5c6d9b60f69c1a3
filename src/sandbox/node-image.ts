/** Prepares images from folders and archives of the host. Node only. */
import { openNodeImage } from '../oci/node-image.ts';
import type { Rootfs } from '../oci/rootfs.ts';
import { IDENTITY_NAMES, type IdentityName } from '../container/identity-files.ts';
import type { PrepareImage } from './image.ts';

const ACCOUNT_FILES = ['/etc/passwd', '/etc/group'];
/** More than any system has, and little enough to read at once. */
const ACCOUNT_FILE_BYTES_MAX = 4 << 20;

/** @param cacheFolder for the disk images of layers. */
export function nodeImages(cacheFolder: string): PrepareImage {
  return async ({ image: text, platform, signal }) => {
    const opened = await openNodeImage(text, {
      cacheFolder,
      signal,
      ...(platform === undefined ? {} : { platform }),
    });
    try {
      const { layers, rootfs, close } = await opened.loadLayers();
      try {
        const { reference, id, config } = opened.image;
        const accounts = new Map<string, Uint8Array>();
        for (const path of ACCOUNT_FILES) {
          const content = rootfs.readFile(path, ACCOUNT_FILE_BYTES_MAX);
          if (content !== undefined) accounts.set(path, content);
        }
        return {
          reference,
          id,
          platform: config.platform,
          execution: config.execution,
          accounts,
          layers: layers.map(({ path, size }) => ({ path, byteCount: size })),
          rootAttributes: rootfs.root.attributes,
          takesIdentity: takesIdentity(rootfs),
        };
      } finally {
        close();
      }
    } finally {
      opened.close();
    }
  };
}

function takesIdentity(rootfs: Rootfs): IdentityName[] {
  const etc = rootfs.child(rootfs.root, 'etc');
  if (etc === undefined) return [...IDENTITY_NAMES];
  if (etc.kind !== 'directory') return [];
  return IDENTITY_NAMES.filter((name) => rootfs.child(etc, name)?.kind !== 'directory');
}
