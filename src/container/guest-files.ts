/**
 * A container's files through its guest, by viv-files of the initramfs (images/guest/files, whose statuses and output formats
 * stand in main.c and files.h there). The container may run, stand still or have ended; its root filesystem is mounted.
 */
import { collect } from '../oci/blob.ts';
import { ErrorCodes, VivariumError, type ErrorCode } from '../util/errors.ts';
import type { AgentClient } from './agent-client.ts';
import type { ContainerChange, ContainerFiles, FilesOptions, FileStat } from './container-files.ts';
import { exitCodeOf, type ExitStatus, type GuestProcess } from './guest-process.ts';
import { outputStream } from './output-stream.ts';

const PROGRAM = '/usr/bin/viv-files';
const SIGKILL = 9;
/** Of its notes and its error, what is kept. */
const ERROR_BYTES_MAX = 65536;
const STAT_BYTES_MAX = 65536;
/** Some hundred thousand paths; nobody reads more. */
const CHANGES_BYTES_MAX = 64 * 2 ** 20;

/** files.h: what its statuses mean. */
const FAILURES: Readonly<Record<number, ErrorCode>> = {
  2: ErrorCodes.NOT_FOUND,
  3: ErrorCodes.BAD_IMAGE,
  4: ErrorCodes.CONFLICT,
  5: ErrorCodes.NO_SPACE,
};

/** stat(2), S_IFMT. */
const TYPE_BITS = 0o170000;
const KINDS: Readonly<Record<number, FileStat['kind']>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o020000: 'char',
  0o060000: 'block',
  0o010000: 'fifo',
  0o140000: 'socket',
};
const MODE_BITS = 0o7777;
const NS_PER_S = 1_000_000_000n;

/** Where a container's files are in its guest; a RootfsPlan has the first three. */
export interface FilesPlace {
  /** The root filesystem, or `/proc/PID/root` of a process of the container, which sees volumes too. */
  readonly path: string;
  readonly upper: string;
  /** The topmost first. */
  readonly lowers: readonly string[];
  /**
   * Paths of the container on which its runtime mounts something: it makes them where the image has none, so what is empty
   * there is not the container's doing.
   */
  readonly mountPoints?: readonly string[];
}

export class GuestFiles implements ContainerFiles {
  readonly #client: Pick<AgentClient, 'run' | 'release'>;
  readonly #place: FilesPlace;

  constructor(client: Pick<AgentClient, 'run' | 'release'>, place: FilesPlace) {
    this.#client = client;
    this.#place = place;
  }

  async stat(path: string): Promise<FileStat> {
    const bytes = await collect(
      this.#read(['stat', this.#place.path, path]),
      STAT_BYTES_MAX,
      `what is known of ${path}`,
    );
    return parseStat(new TextDecoder().decode(bytes));
  }

  readTar(path: string, name: string, options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['tar', this.#place.path, path, name], options);
  }

  async writeTar(folder: string, tar: AsyncIterable<Uint8Array>, options?: FilesOptions): Promise<void> {
    const program = this.#start(['untar', this.#place.path, folder], options, { stdin: true });
    let isOver = false;
    const ended = (): void => void (isOver = true);
    program.process.exit.then(ended, ended);
    try {
      for await (const chunk of tar) {
        if (isOver) break; // it says why
        await program.process.write(chunk);
      }
      program.process.end();
      await program.succeeded();
    } finally {
      if (!isOver) program.process.kill(SIGKILL);
      await program.release();
    }
  }

  async changes(): Promise<ContainerChange[]> {
    const words = ['changes', this.#place.upper, ...this.#omitted(), ...this.#place.lowers];
    const bytes = await collect(this.#read(words), CHANGES_BYTES_MAX, 'the list of changes');
    const records = new TextDecoder().decode(bytes).split('\0').slice(0, -1);
    return records.map((record) => ({ kind: record[0] as ContainerChange['kind'], path: record.slice(1) }));
  }

  layerTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['layer', this.#place.upper, ...this.#omitted()], options);
  }

  exportTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['export', this.#place.path], options);
  }

  #omitted(): string[] {
    return (this.#place.mountPoints ?? []).flatMap((path) => ['-o', path]);
  }

  #start(
    words: string[],
    { onNote }: FilesOptions = {},
    more: Partial<Parameters<AgentClient['run']>[0]> = {},
  ): Program {
    const errors = new ErrorText(onNote);
    const process = this.#client.run({
      kind: 'guest',
      args: [PROGRAM, ...words],
      onStderr: (bytes) => errors.add(bytes),
      ...(more as object),
    });
    return new Program(this.#client, process, errors);
  }

  async *#read(words: string[], options?: FilesOptions): AsyncGenerator<Uint8Array> {
    const output = outputStream();
    const program = this.#start(words, options, { onStdout: output.sink });
    program.process.exit.then(
      () => output.close(),
      (error: unknown) => output.close(error),
    );
    const reader = output.readable.getReader();
    let isWhole = false;
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
      isWhole = true;
      await program.succeeded();
    } finally {
      if (!isWhole) {
        program.process.kill(SIGKILL);
        await reader.cancel().catch(() => {}); // failed already, and its error is on its way
      }
      await program.release();
    }
  }
}

/** viv-files as it runs once. */
class Program {
  readonly process: GuestProcess;
  readonly #client: Pick<AgentClient, 'release'>;
  readonly #errors: ErrorText;

  constructor(client: Pick<AgentClient, 'release'>, process: GuestProcess, errors: ErrorText) {
    this.process = process;
    this.#client = client;
    this.#errors = errors;
  }

  /** Resolves when it has done all; throws what it says otherwise. */
  async succeeded(): Promise<void> {
    const status = await this.process.exit;
    if (status.kind === 'exited' && status.code === 0) return;
    throw new VivariumError(
      FAILURES[exitCodeOf(status)] ?? ErrorCodes.FILES,
      this.#errors.message ?? unexplained(status),
    );
  }

  /** To be called once, last. What fails here has failed before, or the guest is gone. */
  async release(): Promise<void> {
    try {
      await this.process.exit;
      await this.#client.release(this.process);
    } catch {
      // There is nothing left to forget.
    }
  }
}

function unexplained(status: ExitStatus): string {
  if (status.kind === 'start-failed')
    return `the guest can't run ${PROGRAM}: ${status.reason}; rebuild the guest's initramfs`;
  return status.kind === 'signalled'
    ? `the guest's ${PROGRAM} was ended by signal ${status.signal}; the guest may have too little memory`
    : `the guest's ${PROGRAM} failed with status ${status.code}`;
}

const NOTE = 'note: ';
const ERROR = 'error: ';

/** Lines of stderr: notes are passed on, an error is kept. */
class ErrorText {
  readonly #onNote: ((text: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  #rest = '';
  message: string | undefined;

  constructor(onNote: ((text: string) => void) | undefined) {
    this.#onNote = onNote;
  }

  add(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop()!.slice(-ERROR_BYTES_MAX);
    for (const line of lines) {
      if (line.startsWith(NOTE)) this.#onNote?.(line.slice(NOTE.length));
      else if (line.startsWith(ERROR)) this.message = line.slice(ERROR.length);
    }
  }
}

/** Fields of `viv-files stat`. */
function parseStat(text: string): FileStat {
  const fields = text.split('\0');
  const [mode, uid, gid, size, time, target, resolved] = fields;
  const bits = parseInt(mode ?? '', 8);
  const kind = KINDS[bits & TYPE_BITS];
  const match = /^(-?\d+)\.(\d{9})$/.exec(time ?? '');
  if (fields.length !== 8 || kind === undefined || match === null)
    throw new VivariumError(ErrorCodes.AGENT, `the guest's ${PROGRAM} tells of a file what can't be read`);
  return {
    kind,
    mode: bits & MODE_BITS,
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    mtimeNs: BigInt(match[1]!) * NS_PER_S + BigInt(match[2]!),
    target: target!,
    resolved: resolved === '' ? undefined : resolved,
  };
}
