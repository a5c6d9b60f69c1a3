/** The body of a browser worker's script: a machine behind comlink. The script says how shares are opened. */
import { expose } from 'comlink';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { HostMessage, WorkerMessage } from './protocol.ts';
import { MachineServer, type WorkerPlatform } from './serve.ts';
import { openWebChunks } from './web-chunks.ts';
import { WebDisks } from './web-disks.ts';
import type { FetchReport } from './web-files.ts';
import { webHost } from './web-host.ts';
import { openWebSnapshot } from './web-snapshot.ts';

/** What comes on the data port of a machine in a browser. */
export type WebWorkerMessage =
  | WorkerMessage
  /** So many bytes of a file have come from its server. */
  | { readonly type: 'fetched'; readonly url: string; readonly byteCount: number };

/** Serves one machine to the page that started this worker. */
export function serveMachine({ openShare }: Pick<WorkerPlatform, 'openShare'>): void {
  let data: MessagePort | undefined;
  const tell = (message: WebWorkerMessage): void => data?.postMessage(message);
  const report: FetchReport = {
    fetched: (url, byteCount) => tell({ type: 'fetched', url, byteCount }),
    trouble: ({ code, message }) => tell({ type: 'disk-trouble', code, message }),
  };
  const disks = new WebDisks(report);
  const server = new MachineServer({
    host: webHost(),
    openDisk: (disk) => disks.open(disk),
    openShare,
    openChunks: (place) => openWebChunks(place),
    openSnapshot: (restore) => {
      if (restore.kind === 'remote') return openWebSnapshot(restore.remote, report);
      throw new VivariumError(ErrorCodes.USAGE, `a browser can't open the snapshot ${restore.path}; pass its address`);
    },
    listen: (port, receive) => {
      data = port;
      port.onmessage = (event: MessageEvent<HostMessage>) => receive(event.data);
      return { postMessage: (message, transfer) => port.postMessage(message, transfer) };
    },
  });
  expose(server);
}
