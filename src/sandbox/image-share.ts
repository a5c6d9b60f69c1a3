/**
 * How a sandbox describes its file systems to the machine's worker, where they are made, and what the worker tells it
 * about the image: plain data that a structured clone carries.
 */
import type { ExecutionConfig, Platform } from '../oci/spec.ts';
import type { ShareConfig } from '../worker/protocol.ts';

/** The root filesystem, from an image's layers; what the guest writes to it is gone in the end. */
export interface ImageShare extends ShareConfig {
  readonly kind: 'image';
  /** A layout folder or an archive, perhaps with `:NAME`. */
  readonly image: string;
  /** Folder for uncompressed layers. */
  readonly layerCache: string;
  /** `os/architecture` */
  readonly platform?: string;
  /** The container's own name for itself. */
  readonly hostname: string;
}

/** A folder of the host. */
export interface FolderShare extends ShareConfig {
  readonly kind: 'host';
  readonly folder: string;
  readonly readOnly: boolean;
}

/** What opening an {@link ImageShare} tells. */
export interface ImageDetails {
  readonly reference: string | undefined;
  readonly platform: Platform;
  readonly execution: ExecutionConfig;
  /** Files of the image that say who is who (/etc/passwd and /etc/group), where it has them. */
  readonly accounts: ReadonlyMap<string, Uint8Array>;
}
