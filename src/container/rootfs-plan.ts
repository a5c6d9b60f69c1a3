/**
 * A container's root filesystem as the guest puts it together (docs/agent-protocol.md): the image's layers, read-only on
 * one disk; a disk of its own for what it writes, with a limit; and an overlay of them.
 */
import { type Ext4Entry, makeExt4 } from '../oci/disk/ext4.ts';
import { partitionDisk, PARTITIONS_MAX } from '../oci/disk/gpt.ts';
import type { DiskPart } from '../oci/disk/parts.ts';
import { overLimit } from '../oci/fail.ts';
import type { InodeAttributes } from '../oci/tree.ts';
import type { DiskConfig, KeepConfig, RemoteFile } from '../worker/protocol.ts';
import type { MountRequest } from './agent-client.ts';

const LAYERS_FOLDER = '/run/vivarium/layers';
const DISKS_FOLDER = '/run/vivarium/disks';
const ROOTFS_FOLDER = '/run/vivarium/rootfs';
const UPPER = 'upper';
const WORK = 'work';
const WORK_ATTRIBUTES = { mode: 0o700, uid: 0, gid: 0, mtimeNs: 0n };
const IDENTITY_ATTRIBUTES = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
/** mount(2) takes a page of options, into which the paths of all layers must go. */
const MOUNT_OPTIONS_BYTES_MAX = 4095;

/** A layer's disk image: a file of the host, or of a web server. */
export type LayerDisk = { readonly byteCount: number } & ({ readonly path: string } | { readonly remote: RemoteFile });

export interface RootfsRequest {
  /** Of the container: 1 to 13 letters and digits. */
  readonly id: string;
  /** The lowest first. */
  readonly layers: readonly LayerDisk[];
  /** What the root directory is like. */
  readonly rootAttributes: InodeAttributes;
  /**
   * The container's own disk: gone with the machine, in this folder; a file that {@link ownDiskParts} has filled; or in the
   * worker's memory, where it may take so much, and kept perhaps.
   */
  readonly disk:
    | { readonly scratchFolder: string }
    | { readonly file: string }
    | { readonly bytesMax: number; readonly keep?: KeepConfig | undefined };
  /** How much the container may write, file system included. */
  readonly storageBytes: number;
  /** 16 random bytes. */
  readonly uuid: Uint8Array;
  /** Files of the container's own, to be bound over the image's: name and content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Layers that the guest has mounted before: numbers from there on are free. */
  readonly firstLayerNumber?: number;
}

export interface RootfsPlan {
  /** To be plugged in. */
  readonly disks: readonly (DiskConfig & { readonly serial: string })[];
  /** To be asked of the agent, in this order. */
  readonly mounts: readonly MountRequest[];
  /** The root filesystem's path in the guest. */
  readonly path: string;
  /** Paths in the guest of what it is made of: what the container wrote, and the image's layers, the topmost first. */
  readonly upper: string;
  readonly lowers: readonly string[];
  /** Path in the guest of one of the container's own files. */
  filePath(name: string): string;
}

/** Plans a root filesystem. Throws USAGE for an impossible size, LIMIT for too many layers. */
export function planRootfs(request: RootfsRequest): RootfsPlan {
  const { id, layers, firstLayerNumber = 0 } = request;
  if (layers.length > PARTITIONS_MAX)
    throw overLimit(
      `the image has ${layers.length} layers, and a root filesystem can't have more than ${PARTITIONS_MAX}`,
    );
  const disk = `${DISKS_FOLDER}/${id}`;
  const path = `${ROOTFS_FOLDER}/${id}`;
  const image = imageDisk(request);
  const own = ownDisk(request);
  const layerPaths = layers.map((_, index) => `${LAYERS_FOLDER}/${firstLayerNumber + index}`);
  const options = [
    `lowerdir=${[...layerPaths].reverse().join(':')}`,
    `upperdir=${disk}/${UPPER}`,
    `workdir=${disk}/${WORK}`,
    // All files are of one device, as on a disk, for tools that stay on one.
    'xino=auto',
    // A folder that is moved is copied, as with Docker; so the upper directory is a layer as it stands.
    'redirect_dir=off',
  ].join(',');
  if (options.length > MOUNT_OPTIONS_BYTES_MAX)
    throw overLimit(`the image has ${layers.length} layers, more than can be mounted at once`);
  return {
    disks: [...(image === undefined ? [] : [image]), own],
    mounts: [
      ...layerPaths.map((target, index) => ({
        source: `disk:${image!.serial}:${index + 1}`,
        target,
        type: 'erofs',
        readOnly: true,
      })),
      // What is freed on a disk in memory goes back to the host.
      {
        source: `disk:${own.serial}`,
        target: disk,
        type: 'ext4',
        ...('bytesMax' in request.disk ? { options: 'discard' } : {}),
      },
      layers.length === 0
        ? { source: `${disk}/${UPPER}`, target: path, type: '', bind: true }
        : { source: 'overlay', target: path, type: 'overlay', options },
    ],
    path,
    upper: `${disk}/${UPPER}`,
    lowers: [...layerPaths].reverse(),
    filePath: (name) => `${disk}/${name}`,
  };
}

/** All layers, each in a partition of its own. */
function imageDisk({ id, layers, uuid }: RootfsRequest): (DiskConfig & { kind: 'extents' }) | undefined {
  if (layers.length === 0) return undefined;
  const { byteCount, offsets, parts } = partitionDisk(
    layers.map((layer) => layer.byteCount),
    uuid,
  );
  const files = layers.map((layer, index) => ({
    offset: offsets[index]!,
    ...('path' in layer ? { path: layer.path } : { remote: layer.remote }),
  }));
  return { kind: 'extents', serial: `image-${id}`, byteCount, extents: [...parts, ...files] };
}

function ownDisk(request: RootfsRequest): DiskConfig & { readonly serial: string } {
  const { id, disk } = request;
  const serial = `disk-${id}`;
  if ('file' in disk) return { kind: 'file', serial, path: disk.file, readOnly: false };
  if ('scratchFolder' in disk)
    return { kind: 'scratch', serial, folder: disk.scratchFolder, ...ownDiskParts(request, false) };
  return { kind: 'chunks', serial, ...disk, ...ownDiskParts(request, disk.keep !== undefined) };
}

/** A container's disk as it is in the beginning. With a journal it outlives a machine that is switched off at any moment. */
export function ownDiskParts(
  { rootAttributes, storageBytes, uuid, files }: OwnDiskRequest,
  journal: boolean,
): { readonly byteCount: number; readonly parts: readonly DiskPart[] } {
  const entries: Ext4Entry[] = [
    { name: UPPER, attributes: rootAttributes },
    { name: WORK, attributes: WORK_ATTRIBUTES },
    ...[...files].map(([name, content]) => ({ name, attributes: IDENTITY_ATTRIBUTES, content })),
  ];
  const byteCount = storageBytes - (storageBytes % SECTOR_BYTES);
  return { byteCount, parts: makeExt4({ byteCount, uuid, journal, entries }) };
}

/** What a container's own disk depends on. */
export type OwnDiskRequest = Pick<RootfsRequest, 'rootAttributes' | 'storageBytes' | 'uuid' | 'files'>;

const SECTOR_BYTES = 512;
