/** The files of a container as a client of its supervisor has them: a connection for each call. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ContainerChange, ContainerFiles, FilesOptions, FileStat } from '../container-files.ts';
import { decodeJson, FrameKind, type FilesAction, type FilesResult, type Frame } from './protocol.ts';

/** A connection for one operation. */
export interface FilesConnection {
  request(op: 'files', request: { readonly id: string; readonly action: FilesAction }): Promise<FilesResult>;
  /** The next frame. Throws what the supervisor says, also that it has ended. */
  frame(): Promise<Frame>;
  sendInput(bytes: Uint8Array): Promise<void>;
  endInput(): Promise<void>;
  close(): void;
}

export class RemoteFiles implements ContainerFiles {
  readonly #connect: () => Promise<FilesConnection>;
  readonly #id: string;

  /** @param id of a container whose files the supervisor has at hand. */
  constructor(connect: () => Promise<FilesConnection>, id: string) {
    this.#connect = connect;
    this.#id = id;
  }

  async stat(path: string): Promise<FileStat> {
    const connection = await this.#connect();
    try {
      const { stat } = await connection.request('files', { id: this.#id, action: { do: 'stat', path } });
      if (stat === undefined) throw new VivariumError(ErrorCodes.BAD_STATE, 'the supervisor told nothing of a file');
      return { ...stat, mtimeNs: BigInt(stat.mtimeNs) };
    } finally {
      connection.close();
    }
  }

  readTar(path: string, name: string, options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read({ do: 'read', path, name }, options);
  }

  layerTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read({ do: 'layer' }, options);
  }

  exportTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read({ do: 'export' }, options);
  }

  async changes(): Promise<ContainerChange[]> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of this.#read({ do: 'changes' })) text += decoder.decode(chunk, { stream: true });
    return decodeJson<ContainerChange[]>(new TextEncoder().encode(text));
  }

  async writeTar(folder: string, tar: AsyncIterable<Uint8Array>, options?: FilesOptions): Promise<void> {
    const connection = await this.#connect();
    try {
      await connection.request('files', { id: this.#id, action: { do: 'write', folder } });
      // The other side may have enough before everything is sent, and says why then.
      let isOver = false;
      const answered = takeFrames(connection, options).finally(() => (isOver = true));
      answered.catch(() => {}); // it is awaited when all is sent
      for await (const chunk of tar) {
        if (isOver) break;
        await connection.sendInput(chunk).catch(() => {}); // it is told why
      }
      if (!isOver) await connection.endInput().catch(() => {});
      await answered;
    } finally {
      connection.close();
    }
  }

  async *#read(action: FilesAction, options?: FilesOptions): AsyncGenerator<Uint8Array> {
    const connection = await this.#connect();
    try {
      await connection.request('files', { id: this.#id, action });
      for (let frame = await connection.frame(); frame.kind !== FrameKind.END; frame = await connection.frame()) {
        if (frame.kind === FrameKind.DATA) yield frame.payload;
        else tellNote(frame, options);
      }
    } finally {
      connection.close();
    }
  }
}

async function takeFrames(connection: FilesConnection, options: FilesOptions | undefined): Promise<void> {
  for (let frame = await connection.frame(); frame.kind !== FrameKind.END; frame = await connection.frame())
    tellNote(frame, options);
}

function tellNote({ kind, payload }: Frame, options: FilesOptions | undefined): void {
  if (kind === FrameKind.ITEM) options?.onNote?.(decodeJson<{ note: string }>(payload).note);
}
