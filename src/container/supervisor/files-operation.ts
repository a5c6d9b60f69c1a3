/** Clients' work on the files of a container: one operation for each call of ContainerFiles. */
import type { ContainerFiles, FilesOptions } from '../container-files.ts';
import type { Connection } from './connection.ts';
import { encodeJson, FrameKind, type FilesAction, type FilesResult } from './protocol.ts';

/** What one operation has to do with its client. */
export interface FilesClient {
  readonly connection: Connection;
  /** The client has gone. */
  readonly gone: AbortSignal;
  /** Begins to take notice of that; nothing else may be expected from the client then. */
  watch(): void;
  accept(result: FilesResult): Promise<void>;
}

/** Does it. Throws what ContainerFiles does. */
export async function serveFiles(files: ContainerFiles, action: FilesAction, client: FilesClient): Promise<void> {
  const { connection, accept } = client;
  // Notes come between the data; nobody waits for them.
  const onNote = (note: string): void => void connection.send(FrameKind.ITEM, encodeJson({ note })).catch(() => {});
  switch (action.do) {
    case 'stat': {
      const { mtimeNs, ...stat } = await files.stat(action.path);
      await accept({ stat: { ...stat, mtimeNs: String(mtimeNs) } });
      return;
    }
    case 'write':
      await accept({});
      await files.writeTar(action.folder, input(connection), { onNote });
      break;
    case 'changes':
      client.watch();
      await accept({});
      await connection.send(FrameKind.DATA, encodeJson(await files.changes()));
      break;
    case 'read':
    case 'layer':
    case 'export':
      client.watch();
      await accept({});
      await sendAll(open(files, action, { onNote }), client);
      break;
  }
  await connection.send(FrameKind.END, encodeJson({}));
}

function open(
  files: ContainerFiles,
  action: FilesAction & { do: 'read' | 'layer' | 'export' },
  options: FilesOptions,
): AsyncIterable<Uint8Array> {
  if (action.do === 'read') return files.readTar(action.path, action.name, options);
  return action.do === 'layer' ? files.layerTar(options) : files.exportTar(options);
}

async function sendAll(tar: AsyncIterable<Uint8Array>, { connection, gone }: FilesClient): Promise<void> {
  for await (const chunk of tar) {
    gone.throwIfAborted();
    await connection.send(FrameKind.DATA, chunk);
  }
}

/** What the client sends, until it says that this was all. One that goes before has not said so. */
async function* input(connection: Connection): AsyncGenerator<Uint8Array> {
  for (let frame = await connection.frame(); frame?.kind !== FrameKind.STDIN_END; frame = await connection.frame()) {
    if (frame === undefined) throw new Error('the client has gone in the middle of an archive');
    if (frame.kind === FrameKind.STDIN) yield frame.payload;
  }
}
