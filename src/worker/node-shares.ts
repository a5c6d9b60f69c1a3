/** File systems for shares, for the worker's script: a folder of the host, and a tree in memory. Node only. */
import { NodeHostFs } from '../devices/virtio/p9/node-host-fs.ts';
import type { TreeBuilder } from '../devices/virtio/p9/tree-builder.ts';
import { TreeFs } from '../devices/virtio/p9/tree-fs.ts';
import type { OpenedShare, ShareContext } from './serve.ts';

/** A folder of the host. Throws NOT_FOUND or USAGE when it can't be shared. */
export function folderShare(folder: string, readOnly: boolean): OpenedShare {
  return { fileSystem: new NodeHostFs({ folder, readOnly }) };
}

/** A tree in memory that `fill` fills; it and what the guest changes in it are gone with the machine. */
export function treeShare(
  { clock }: ShareContext,
  fill: (builder: TreeBuilder) => void,
  details: unknown,
): OpenedShare {
  const fileSystem = new TreeFs({ clock });
  fill(fileSystem.builder());
  return { fileSystem, details };
}
