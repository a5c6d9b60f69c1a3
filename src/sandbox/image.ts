/**
 * What a sandbox must know of an image before it runs it, and how it describes folders of the host to the machine's worker:
 * plain data that a structured clone carries.
 */
import type { LayerDisk } from '../container/rootfs-plan.ts';
import type { Digest } from '../oci/digest.ts';
import type { ExecutionConfig, Platform } from '../oci/spec.ts';
import type { InodeAttributes } from '../oci/tree.ts';
import type { IdentityName } from '../container/identity-files.ts';
import type { ShareConfig } from '../worker/protocol.ts';

export interface ImageRequest {
  /** A layout folder or an archive, perhaps with `:NAME`. */
  readonly image: string;
  /** `os/architecture` */
  readonly platform?: string | undefined;
  readonly signal: AbortSignal;
}

/** An image that is ready to run. */
export interface PreparedImage {
  readonly reference: string | undefined;
  /** Digest of its config. */
  readonly id: Digest;
  readonly platform: Platform;
  readonly execution: ExecutionConfig;
  /** Files of the image that say who is who (/etc/passwd and /etc/group), where it has them. */
  readonly accounts: ReadonlyMap<string, Uint8Array>;
  /** Disk images of its layers, the lowest first. */
  readonly layers: readonly LayerDisk[];
  readonly rootAttributes: InodeAttributes;
  /** Files that can be put over its own: not one in place of which it has a folder, and none if its /etc is no folder. */
  readonly takesIdentity: readonly IdentityName[];
}

/** Finds an image and makes the disk images of its layers. Throws what reading an image may. */
export type PrepareImage = (request: ImageRequest) => Promise<PreparedImage>;

/** A folder of the host. */
export interface FolderShare extends ShareConfig {
  readonly kind: 'host';
  readonly folder: string;
  readonly readOnly: boolean;
}
