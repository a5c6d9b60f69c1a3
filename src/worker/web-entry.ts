/** The body of a browser worker's script: a machine behind comlink. The script says how shares are opened. */
import { expose } from 'comlink';
import { MemoryBlockBackend } from '../devices/virtio/blk/backend.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { HostMessage } from './protocol.ts';
import { MachineServer, type WorkerPlatform } from './serve.ts';
import { webHost } from './web-host.ts';

/** Serves one machine to the page that started this worker. */
export function serveMachine({ openShare }: Pick<WorkerPlatform, 'openShare'>): void {
  const server = new MachineServer({
    host: webHost(),
    openDisk: (disk) => {
      if (disk.kind !== 'memory')
        throw new VivariumError(
          ErrorCodes.USAGE,
          `a browser can't open a disk of the kind "${disk.kind}"; pass its content instead`,
        );
      const { bytes, readOnly, serial } = disk;
      return new MemoryBlockBackend(bytes, { readOnly, ...(serial === undefined ? {} : { id: serial }) });
    },
    openShare,
    openChunks: (place) => {
      throw new VivariumError(ErrorCodes.USAGE, `a browser can't keep the disk ${place}; start without keeping it`);
    },
    openSnapshot: (path) => {
      throw new VivariumError(ErrorCodes.USAGE, `a browser can't open the snapshot ${path}; pass its content instead`);
    },
    listen: (port, receive) => {
      port.onmessage = (event: MessageEvent<HostMessage>) => receive(event.data);
      return { postMessage: (message, transfer) => port.postMessage(message, transfer) };
    },
  });
  expose(server);
}
