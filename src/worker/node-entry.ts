/**
 * The body of a Node worker's script: a machine behind comlink. The script itself is with whoever starts machines (the
 * command line), for it says how shares are opened: `serveMachine({ openShare })`. Node only.
 */
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { crc32 } from 'node:zlib';
import { parentPort, type MessagePort as NodeMessagePort } from 'node:worker_threads';
import { ChunkLog } from '../devices/virtio/blk/chunk-log.ts';
import { nodeLogFolder } from '../devices/virtio/blk/node-log-folder.ts';
import { assert, ErrorCodes, VivariumError } from '../util/errors.ts';
import { openNodeDisk } from './node-disks.ts';
import { nodeHost } from './node-host.ts';
import { fileSource } from './node-snapshot.ts';
import type { HostMessage } from './protocol.ts';
import { MachineServer, type WorkerPlatform } from './serve.ts';

const checksum = (bytes: Uint8Array): number => crc32(bytes);

/** Serves one machine to the thread that started this worker. */
export function serveMachine({ openShare }: Pick<WorkerPlatform, 'openShare'>): void {
  assert(parentPort !== null, 'this script runs in a worker');
  const server = new MachineServer({
    host: nodeHost(),
    openDisk: openNodeDisk,
    openShare,
    openChunks: async (place) => new ChunkLog(nodeLogFolder(place), { checksum }),
    openSnapshot: (restore) => {
      if (restore.kind === 'file') return fileSource(restore.path);
      throw new VivariumError(ErrorCodes.USAGE, `Node can't go on from ${restore.remote.url}; pass a file instead`);
    },
    checksum,
    listen: (port, receive) => {
      // In Node, what the DOM types call a MessagePort is an event emitter.
      const nodePort = port as unknown as NodeMessagePort;
      nodePort.on('message', (message: HostMessage) => receive(message));
      return { postMessage: (message, transfer) => nodePort.postMessage(message, transfer as never) };
    },
  });
  expose(server, nodeEndpoint(parentPort));
}
