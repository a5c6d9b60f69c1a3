/**
 * Runs viv-files of the initramfs (images/guest/files, whose statuses and output formats stand in main.c and files.h there), the
 * guest's tool for the files of containers.
 */
import { ErrorCodes, VivariumError, type ErrorCode } from '../util/errors.ts';
import type { AgentClient } from './agent-client.ts';
import type { FilesOptions, FileStat } from './container-files.ts';
import { exitCodeOf, type ExitStatus, type GuestProcess } from './guest-process.ts';
import { outputStream } from './output-stream.ts';

const PROGRAM = '/usr/bin/viv-files';
const SIGKILL = 9;
/** Of its notes and its error, what is kept. */
const ERROR_BYTES_MAX = 65536;

/** files.h: what its statuses mean. */
const FAILURES: Readonly<Record<number, ErrorCode>> = {
  2: ErrorCodes.NOT_FOUND,
  3: ErrorCodes.BAD_IMAGE,
  4: ErrorCodes.CONFLICT,
  5: ErrorCodes.NO_SPACE,
  7: ErrorCodes.LIMIT,
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
/** How many fields `stat` has. */
export const STAT_FIELDS = 7;

/** What it needs of the agent's client. */
export type ToolClient = Pick<AgentClient, 'run' | 'release'>;

/** Starts it. The caller takes its end (succeeded) and then lets it go (release). */
export function startTool(
  client: ToolClient,
  words: readonly string[],
  { onNote }: FilesOptions = {},
  more: { readonly stdin?: boolean; readonly onStdout?: Parameters<AgentClient['run']>[0]['onStdout'] } = {},
): ToolRun {
  const errors = new ErrorText(onNote);
  const process = client.run({
    kind: 'guest',
    args: [PROGRAM, ...words],
    onStderr: (bytes) => errors.add(bytes),
    ...more,
  });
  return new ToolRun(client, process, errors);
}

/** What it prints. Throws what it says when it fails; giving up ends it. */
export async function* readTool(
  client: ToolClient,
  words: readonly string[],
  options?: FilesOptions,
): AsyncGenerator<Uint8Array> {
  const output = outputStream();
  const program = startTool(client, words, options, { onStdout: output.sink });
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

/** Gives it input. Throws what it says when it fails. */
export async function feedTool(
  client: ToolClient,
  words: readonly string[],
  input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: FilesOptions,
): Promise<void> {
  const program = startTool(client, words, options, { stdin: true });
  let isOver = false;
  const ended = (): void => void (isOver = true);
  program.process.exit.then(ended, ended);
  try {
    for await (const chunk of input) {
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

/** viv-files as it runs once. */
export class ToolRun {
  readonly process: GuestProcess;
  readonly #client: ToolClient;
  readonly #errors: ErrorText;

  constructor(client: ToolClient, process: GuestProcess, errors: ErrorText) {
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

/** Texts that have a NUL after each. */
export function splitFields(bytes: Uint8Array): string[] {
  return new TextDecoder().decode(bytes).split('\0').slice(0, -1);
}

/** What `stat` prints, as its fields, each of which has a NUL after it. */
export function parseStat(fields: readonly string[]): FileStat {
  const [mode, uid, gid, size, time, target, resolved] = fields;
  const bits = parseInt(mode ?? '', 8);
  const kind = KINDS[bits & TYPE_BITS];
  const match = /^(-?\d+)\.(\d{9})$/.exec(time ?? '');
  if (fields.length !== STAT_FIELDS || kind === undefined || match === null)
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
