/** Files of a container from both ends of a connection, with files that are a fake. */
import { describe, expect, test, vi } from 'vitest';
import type { ContainerFiles, FileStat } from '../../../src/container/container-files.ts';
import { readAccounts } from '../../../src/container/supervisor/accounts.ts';
import { Connection, type ByteChannel } from '../../../src/container/supervisor/connection.ts';
import { serveFiles } from '../../../src/container/supervisor/files-operation.ts';
import {
  decodeJson,
  encodeJson,
  FrameKind,
  type FilesAction,
  type FilesResult,
} from '../../../src/container/supervisor/protocol.ts';
import { RemoteFiles, type FilesConnection } from '../../../src/container/supervisor/remote-files.ts';
import { VivariumError } from '../../../src/util/errors.ts';
import { file, tar } from '../../support/tar-builder.ts';

const STAT: FileStat = {
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 3,
  mtimeNs: 1_700_000_000_123_456_789n,
  target: '',
  resolved: undefined,
};

/** Two ends of a pipe. */
function pair(): [ByteChannel, ByteChannel] {
  const end = () => {
    const queue: Uint8Array[] = [];
    let wake = (): void => {};
    let isClosed = false;
    return {
      push: (bytes: Uint8Array) => void (queue.push(bytes.slice()), wake()),
      close: () => void ((isClosed = true), wake()),
      async *incoming() {
        for (;;) {
          const next = queue.shift();
          if (next !== undefined) yield next;
          else if (isClosed) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    };
  };
  const [a, b] = [end(), end()];
  const channel = (own: typeof a, other: typeof a): ByteChannel => ({
    incoming: own.incoming(),
    write: async (bytes) => other.push(bytes),
    close: () => {
      own.close();
      other.close();
    },
  });
  return [channel(a, b), channel(b, a)];
}

/** The files as a client has them, and what its connections were closed by. */
function remote(files: Partial<ContainerFiles>) {
  const gone = new AbortController();
  const connect = async (): Promise<FilesConnection> => {
    const [mine, theirs] = pair();
    const client = new Connection(mine);
    const server = new Connection(theirs);
    return {
      request: async (_, { action }) => {
        const accepted = new Promise<FilesResult>((resolve, reject) => {
          const accept = async (result: FilesResult): Promise<void> => resolve(result);
          serveFiles(files as ContainerFiles, action, {
            connection: server,
            gone: gone.signal,
            watch: () => {},
            accept,
          })
            .catch((error: VivariumError) => {
              reject(error);
              return server.send(FrameKind.ERROR, encodeJson({ code: error.code, message: error.message }));
            })
            .catch(() => {});
        });
        return accepted;
      },
      frame: async () => {
        const frame = (await client.frame())!;
        if (frame.kind !== FrameKind.ERROR) return frame;
        const { code, message } = decodeJson<{ code: 'NOT_FOUND'; message: string }>(frame.payload);
        throw new VivariumError(code, message);
      },
      sendInput: (bytes) => client.send(FrameKind.STDIN, bytes),
      endInput: () => client.send(FrameKind.STDIN_END, new Uint8Array(0)),
      close: () => {
        gone.abort(new Error('gone'));
        client.close();
      },
    };
  };
  return { files: new RemoteFiles(connect, 'id'), gone: gone.signal };
}

async function* chunks(...texts: string[]) {
  for (const text of texts) yield new TextEncoder().encode(text);
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += new TextDecoder().decode(chunk);
  return all;
}

describe('a client', () => {
  test('gets what is known of a file, to the nanosecond', async () => {
    const { files } = remote({ stat: () => Promise.resolve(STAT) });
    expect(await files.stat('/x')).toEqual(STAT);
  });

  test.each<[string, (files: ContainerFiles) => AsyncIterable<Uint8Array>]>([
    ['a file', (files) => files.readTar('/x', 'y')],
    ['the layer', (files) => files.layerTar()],
    ['everything', (files) => files.exportTar()],
  ])('reads %s', async (_, read) => {
    const { files } = remote({
      readTar: (path, name) => chunks(path, name),
      layerTar: () => chunks('la', 'yer'),
      exportTar: () => chunks('all'),
    });
    expect(['/xy', 'layer', 'all']).toContain(await text(read(files)));
  });

  test('is told notes, and what goes wrong in the middle', async () => {
    const notes: string[] = [];
    const { files } = remote({
      readTar: async function* (_path, _name, options) {
        yield* chunks('some');
        options!.onNote!('a socket is left out');
        throw new VivariumError('NOT_FOUND', 'it has gone');
      },
    });
    const reading = text(files.readTar('/x', 'y', { onNote: (note) => void notes.push(note) }));
    await expect(reading).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'it has gone' });
    expect(notes).toEqual(['a socket is left out']);
  });

  test('that stops reading ends the work', async () => {
    const { files, gone } = remote({ readTar: () => chunks('a', 'b', 'c') });
    const reader = files.readTar('/x', 'y')[Symbol.asyncIterator]();
    await reader.next();
    await reader.return!();
    expect(gone.aborted).toBe(true);
  });

  test('gets a list of changes however long', async () => {
    const list = Array.from({ length: 20_000 }, (_, n) => ({
      kind: 'A' as const,
      path: `/a/long/path/${n}/${'x'.repeat(50)}`,
    }));
    const { files } = remote({ changes: () => Promise.resolve(list) });
    expect(await files.changes()).toEqual(list);
  });

  test('writes an archive', async () => {
    let written = '';
    const { files } = remote({
      writeTar: async (folder, archive) => void (written = `${folder}: ${await text(archive)}`),
    });
    await files.writeTar('/in', chunks('one ', 'two'));
    expect(written).toBe('/in: one two');
  });

  test('that writes to where nothing can be written is told, and sends no more', async () => {
    const { files } = remote({
      writeTar: () => Promise.reject(new VivariumError('NOT_FOUND', 'no such folder')),
    });
    let sent = 0;
    const endless = (async function* () {
      while (sent < 100_000) {
        sent++;
        yield new Uint8Array(10);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await expect(files.writeTar('/in', endless)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(sent).toBeLessThan(1000);
  });

  test('that goes in the middle of an archive leaves it cut off', async () => {
    const [mine, theirs] = pair();
    const client = new Connection(mine);
    const action: FilesAction = { do: 'write', folder: '/in' };
    const writing = serveFiles(
      {
        writeTar: async (_folder: string, archive: AsyncIterable<Uint8Array>) => void (await text(archive)),
      } as ContainerFiles,
      action,
      {
        connection: new Connection(theirs),
        gone: new AbortController().signal,
        watch: () => {},
        accept: () => Promise.resolve(),
      },
    );
    const failed = expect(writing).rejects.toThrow('in the middle');
    await client.send(FrameKind.STDIN, new Uint8Array(5));
    client.close();
    await failed;
  });
});

describe('who is who', () => {
  test('is what the container says now, also behind a link, and nobody where there is no file', async () => {
    const readTar = vi.fn((path: string) =>
      (async function* () {
        yield tar(file('file', `content of ${path}`));
      })(),
    );
    const accounts = await readAccounts({
      stat: (path: string) =>
        path === '/etc/passwd'
          ? Promise.resolve({ ...STAT, kind: 'symlink', resolved: '/usr/passwd' })
          : Promise.reject(new VivariumError('NOT_FOUND', 'no such file')),
      readTar,
    } as Partial<ContainerFiles> as ContainerFiles);
    expect([...accounts].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)])).toEqual([
      ['/etc/passwd', 'content of /usr/passwd'],
    ]);
  });
});
