/** File systems for shares, for the worker's script: a folder of the host. Node only. */
import { NodeHostFs } from '../devices/virtio/p9/node-host-fs.ts';
import type { OpenedShare } from './serve.ts';

/** A folder of the host. Throws NOT_FOUND or USAGE when it can't be shared. */
export function folderShare(folder: string, readOnly: boolean): OpenedShare {
  return { fileSystem: new NodeHostFs({ folder, readOnly }) };
}
