/** The root filesystem of the one container of a machine, and the files that tell it its name. */
import { identityMounts, identityOf } from '../container/identity-files.ts';
import { planRootfs, type RootfsPlan, type RootfsRequest } from '../container/rootfs-plan.ts';
import type { VolumeMount } from '../container/runtime-spec.ts';
import type { PreparedImage } from './image.ts';

const UUID_BYTES = 16;
const ID_BYTES = 6; // as many as Docker shows

export interface ContainerRootfsRequest extends Pick<RootfsRequest, 'id' | 'disk' | 'storageBytes'> {
  readonly image: PreparedImage;
  readonly hostname: string;
  /** Absolute paths in the container where its volumes go. */
  readonly volumePlaces: readonly string[];
  readonly readOnly: boolean;
}

/** Throws USAGE for an impossible size, LIMIT for too many layers. */
export function containerRootfs({ image, hostname, volumePlaces, readOnly, ...request }: ContainerRootfsRequest): {
  readonly rootfs: RootfsPlan;
  readonly identity: readonly VolumeMount[];
} {
  const files = identityOf({ hostname, takesIdentity: image.takesIdentity, volumePlaces });
  const rootfs = planRootfs({
    ...request,
    layers: image.layers,
    rootAttributes: image.rootAttributes,
    uuid: crypto.getRandomValues(new Uint8Array(UUID_BYTES)),
    files,
  });
  return { rootfs, identity: identityMounts(files, rootfs, readOnly) };
}

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
