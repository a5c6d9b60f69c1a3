/**
 * One program in the guest, as the host sees it: streams with flow control, signals, window size and its end. Made by
 * AgentClient; docs/agent-protocol.md, "Programs".
 */
import {
  ExitHow,
  HEADER_SIZE,
  PayloadReader,
  PayloadWriter,
  Reply,
  Request,
  splitPayload,
  STDIN_WINDOW,
  Stream,
  protocolError,
  type Frame,
} from './agent-protocol.ts';
import { classifyStartFailure } from './start-failure.ts';

/** How much output may be under way, per stream. */
export const OUTPUT_WINDOW = 262144;
/** Small enough that another program's frames get their turn. */
const STDIN_PIECE = 16384 - HEADER_SIZE - 1;

/** How a program ended. */
export type ExitStatus =
  | { kind: 'exited'; code: number }
  | { kind: 'signalled'; signal: number }
  | { kind: 'start-failed'; code: 125 | 126 | 127; reason: string };

/** The exit code that Docker's command line gives for it: 128+n for signal n. */
export function exitCodeOf(status: ExitStatus): number {
  return status.kind === 'signalled' ? 128 + status.signal : status.code;
}

/** Takes output bytes. While its promise is pending the bytes count as under way, so a slow consumer slows the program. */
export type OutputSink = (bytes: Uint8Array) => void | Promise<void>;

export interface OutputSinks {
  onStdout?: OutputSink | undefined;
  onStderr?: OutputSink | undefined;
}

type SendFrame = (type: number, channel: number, payload: Uint8Array) => void;

/** A promise with its handles; a rejection that nobody waits for is not an unhandled one. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

class OutputStream {
  readonly #send: SendFrame;
  readonly #channel: number;
  readonly #stream: number;
  readonly #sink: OutputSink | undefined;
  #granted = 0;
  #consumed = 0;
  /** Settles when everything handed to the sink so far was taken. */
  drained: Promise<void> = Promise.resolve();
  failure: unknown = null;

  constructor(send: SendFrame, channel: number, stream: number, sink: OutputSink | undefined) {
    this.#send = send;
    this.#channel = channel;
    this.#stream = stream;
    this.#sink = sink;
  }

  /** The agent was given this much credit in SPAWN. */
  open(bytes: number): void {
    this.#granted = bytes;
  }

  /** The agent has no credit: it knows nothing of what it was given since. */
  reopen(): void {
    this.#granted = 0;
    this.#consumed = 0;
    this.grant(OUTPUT_WINDOW);
  }

  grant(bytes: number): void {
    this.#granted += bytes;
    this.#send(Request.CREDIT, this.#channel, new PayloadWriter().uint(1, this.#stream).uint(4, bytes).done());
  }

  receive(bytes: Uint8Array): void {
    if (bytes.length > this.#granted) throw protocolError('output beyond its credit');
    this.#granted -= bytes.length;
    let taken: void | Promise<void> = undefined;
    try {
      taken = this.failure === null ? this.#sink?.(bytes) : undefined;
    } catch (error) {
      this.failure = error;
    }
    if (taken === undefined) {
      this.#consume(bytes.length);
      return;
    }
    const done = taken
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .then(() => this.#consume(bytes.length));
    const before = this.drained;
    this.drained = before.then(() => done);
  }

  #consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < OUTPUT_WINDOW / 4) return;
    this.grant(this.#consumed);
    this.#consumed = 0;
  }
}

interface PendingInput {
  bytes: Uint8Array;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** A running program, or one that is about to run or has ended. */
export class GuestProcess {
  readonly channel: number;
  /** The process id in the guest, when the program runs; rejects when it could not be started. */
  readonly started: Promise<number>;
  /** Resolves after all output was taken. Rejects when the guest is gone or an output sink failed. */
  readonly exit: Promise<ExitStatus>;
  /** See CommonRunOptions of agent-client.ts. */
  readonly outlivesRestore: boolean;
  readonly #send: SendFrame;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #started = deferred<number>();
  readonly #exit = deferred<ExitStatus>();
  #input: PendingInput[] = [];
  #inputCredit = STDIN_WINDOW;
  #inputEnded = false;
  #over = false;

  /** Not for users: see AgentClient.run and attach. */
  constructor(channel: number, send: SendFrame, sinks: OutputSinks & { readonly outlivesRestore?: boolean }) {
    this.channel = channel;
    this.outlivesRestore = sinks.outlivesRestore ?? false;
    this.#send = send;
    this.#stdout = new OutputStream(send, channel, Stream.STDOUT, sinks.onStdout);
    this.#stderr = new OutputStream(send, channel, Stream.STDERR, sinks.onStderr);
    this.started = this.#started.promise;
    this.exit = this.#exit.promise;
  }

  /** Writes to the program's stdin; resolves when the guest took it over. Bytes for a program that has ended vanish. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#over || this.#inputEnded || bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#input.push({ bytes, resolve, reject });
      this.#pump();
    });
  }

  /** Ends the program's stdin after what was written. A terminal has no end: write its end-of-file character instead. */
  end(): void {
    if (this.#inputEnded || this.#over) return;
    this.#inputEnded = true;
    this.#pump();
  }

  /** Sends a signal by its Linux number (x86), also before the program runs. */
  kill(signal: number): void {
    if (!this.#over) this.#send(Request.SIGNAL, this.channel, new PayloadWriter().uint(4, signal).done());
  }

  /** Tells the terminal its new size in characters. */
  resize(columns: number, rows: number): void {
    if (!this.#over)
      this.#send(Request.RESIZE, this.channel, new PayloadWriter().uint(2, rows).uint(2, columns).done());
  }

  /** Sends what the credit allows. */
  #pump(): void {
    for (let next = this.#input[0]; next !== undefined && this.#inputCredit > 0; next = this.#input[0]) {
      const now = next.bytes.subarray(0, this.#inputCredit);
      for (const piece of splitPayload(now, STDIN_PIECE)) this.#send(Request.STDIN, this.channel, piece);
      this.#inputCredit -= now.length;
      next.bytes = next.bytes.subarray(now.length);
      if (next.bytes.length > 0) return;
      this.#input.shift();
      next.resolve();
    }
    if (this.#inputEnded && this.#input.length === 0) this.#send(Request.STDIN_EOF, this.channel, new Uint8Array(0));
  }

  /** For AgentClient: the SPAWN has granted both windows. */
  opened(): void {
    this.#stdout.open(OUTPUT_WINDOW);
    this.#stderr.open(OUTPUT_WINDOW);
  }

  /**
   * For AgentClient: taken over from an earlier session with that much stdin credit and that pid (0: not yet known). Input that
   * was not sent yet was for a program that had come further.
   */
  resumed(inputCredit: number, pid: number): void {
    for (const waiting of this.#input.splice(0)) waiting.resolve();
    this.#inputCredit = Math.min(inputCredit, STDIN_WINDOW);
    this.#stdout.reopen();
    this.#stderr.reopen();
    if (pid > 0) this.#started.resolve(pid);
    if (this.#inputEnded) this.#pump();
  }

  /** For AgentClient: a frame on this channel. */
  receive(frame: Frame): void {
    switch (frame.type) {
      case Reply.STARTED:
        this.#started.resolve(new PayloadReader(frame.payload).u32());
        return;
      case Reply.STDOUT:
        this.#stdout.receive(frame.payload);
        return;
      case Reply.STDERR:
        this.#stderr.receive(frame.payload);
        return;
      case Reply.STDIN_CREDIT:
        this.#inputCredit += new PayloadReader(frame.payload).u32();
        if (this.#inputCredit > STDIN_WINDOW) throw protocolError('more stdin credit than there is');
        this.#pump();
        return;
      case Reply.EXIT:
        this.#ended(frame.payload);
        return;
      default:
        throw protocolError(`message ${frame.type} on a program's channel`);
    }
  }

  #ended(payload: Uint8Array): void {
    const r = new PayloadReader(payload);
    const how = r.u8();
    r.u8();
    r.u16();
    const code = r.i32();
    const status = exitStatus(how, code, r.string());
    this.finish(status);
  }

  /** For AgentClient: the program has ended. */
  finish(status: ExitStatus): void {
    this.#over = true;
    for (const waiting of this.#input.splice(0)) waiting.resolve();
    // Without effect on a program that has run.
    this.#started.reject(new Error(status.kind === 'start-failed' ? status.reason : 'the program ended before it ran'));
    void Promise.all([this.#stdout.drained, this.#stderr.drained]).then(() => {
      const failure = this.#stdout.failure ?? this.#stderr.failure;
      if (failure !== null) this.#exit.reject(failure);
      else this.#exit.resolve(status);
    });
  }

  /** For AgentClient: the guest is gone. */
  lost(error: Error): void {
    this.#over = true;
    for (const waiting of this.#input.splice(0)) waiting.reject(error);
    this.#started.reject(error);
    this.#exit.reject(error);
  }
}

/** An exit as the agent words it. */
export function exitStatus(how: number, code: number, text: string): ExitStatus {
  if (how === ExitHow.CODE) return { kind: 'exited', code };
  if (how === ExitHow.SIGNAL) return { kind: 'signalled', signal: code };
  return { kind: 'start-failed', ...classifyStartFailure(text) };
}
