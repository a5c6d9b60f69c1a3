/** Opens disks for a machine's worker. Node only. */
import { type BlockBackend, MemoryBlockBackend } from '../devices/virtio/blk/backend.ts';
import { type Extent, ExtentsBackend, memoryExtent } from '../devices/virtio/blk/extents-backend.ts';
import { NodeFileBlockBackend } from '../devices/virtio/blk/node-file-backend.ts';
import { NodeScratchBackend } from '../devices/virtio/blk/node-scratch-backend.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { DiskConfig, DiskExtent } from './protocol.ts';

/** Throws NOT_FOUND or USAGE when there is no such disk. */
export function openNodeDisk(disk: Exclude<DiskConfig, { kind: 'chunks' }>): BlockBackend {
  switch (disk.kind) {
    case 'file':
      return new NodeFileBlockBackend(disk.path, { readOnly: disk.readOnly, id: disk.serial });
    case 'memory':
      return new MemoryBlockBackend(disk.bytes, {
        readOnly: disk.readOnly,
        ...(disk.serial === undefined ? {} : { id: disk.serial }),
      });
    case 'extents':
      return openExtents(disk);
    case 'scratch':
      return new NodeScratchBackend({ ...disk, id: disk.serial });
  }
}

function openExtents({ byteCount, serial, extents }: DiskConfig & { kind: 'extents' }): BlockBackend {
  const opened: Extent[] = [];
  try {
    for (const extent of extents) opened.push(openExtent(extent));
    return new ExtentsBackend({ byteCount, id: serial, extents: opened });
  } catch (error) {
    for (const extent of opened) extent.close?.();
    throw error;
  }
}

function openExtent(extent: DiskExtent): Extent {
  if ('bytes' in extent) return memoryExtent(extent.offset, extent.bytes);
  if ('remote' in extent)
    throw new VivariumError(ErrorCodes.USAGE, `Node can't open ${extent.remote.url} as a disk; pass a file instead`);
  const file = new NodeFileBlockBackend(extent.path, { readOnly: true });
  return {
    offset: extent.offset,
    byteCount: file.byteCount,
    read: (offset, target) => file.read(offset, target),
    close: () => file.close(),
  };
}
