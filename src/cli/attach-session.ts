/**
 * A client's ties to its process while it follows a container or a command in one: streams, terminal and signals. Everything is
 * undone by close().
 */
import type { SupervisorConnection } from '../container/supervisor/node-client.ts';
import { FrameKind, type TerminalSize } from '../container/supervisor/protocol.ts';
import { DetachFilter } from './detach-keys.ts';
import { pumpInput, writeTo } from './streams.ts';
import { enterRawMode } from './terminal.ts';

const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };
const SIGNAL_EXIT_BASE = 128;
const SIGPIPE = 13;
/** Signals that go on to the program, and their numbers. */
const FORWARDED = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;
type ForwardedSignal = keyof typeof FORWARDED;
/** A second Ctrl-C in this time means the container rather than the program. */
const INSISTENCE_MS = 2000;
/** Nobody is at the terminal any more; a program that does not end for SIGHUP is not waited for. */
const HANGUP_MS = 2000;
/** Ends the input of a terminal: Ctrl-D. */
const END_OF_INPUT = Uint8Array.of(0x04);

/** The size of the terminal that we write to. */
export function terminalSize(): TerminalSize {
  const terminal = [process.stdout, process.stderr].find((stream) => stream.isTTY);
  return terminal === undefined ? DEFAULT_SIZE : { columns: terminal.columns, rows: terminal.rows };
}

/** Lines about the guest that a supervisor has for the user. */
export function tellNotices(notices: readonly string[]): void {
  for (const notice of notices) process.stderr.write(`viv: ${notice}\n`);
}

export interface FollowOptions {
  readonly connection: SupervisorConnection;
  /** Our stdin is the program's. */
  readonly stdin: boolean;
  /** The size of the program's terminal, if it has one: ours when this was asked for. */
  readonly terminal?: TerminalSize | undefined;
  /** Bytes that leave, when typed at a terminal. */
  readonly detachKeys: Uint8Array;
  /** Passes a signal on; undefined: our signals are for us. */
  readonly kill?: ((signal: string) => Promise<void>) | undefined;
  readonly resize: (size: TerminalSize) => Promise<void>;
}

/** How following ended. */
export type FollowEnd =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly error: string }
  /** By the detach keys. */
  | { readonly kind: 'detached' };

export class AttachSession {
  /** The process's status when something else than the program ended this. */
  status: number | undefined;
  readonly #abort = new AbortController();
  readonly #undo: (() => void)[] = [];
  #followed: FollowOptions | undefined;
  #lastInterruptMs = -Infinity;

  /** Takes the signals over. Until a program is followed, they give up. */
  constructor() {
    for (const signal of Object.keys(FORWARDED) as ForwardedSignal[]) {
      const onSignal = (): void => this.#onSignal(signal);
      process.on(signal, onSignal);
      this.#undo.push(() => process.removeListener(signal, onSignal));
    }
  }

  /** Aborts when it is given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Joins the program's streams to ours; resolves after all its output is written. Throws what the supervisor says. */
  async follow(options: FollowOptions): Promise<FollowEnd> {
    const { connection, stdin, terminal } = options;
    this.#followed = options;
    if (terminal !== undefined) this.#followSize(options.resize, terminal);
    let detach!: () => void;
    const detached = new Promise<FollowEnd>((resolve) => (detach = () => resolve({ kind: 'detached' })));
    if (stdin) this.#followInput(options, detach);
    const write = { [FrameKind.STDOUT]: writeTo(process.stdout), [FrameKind.STDERR]: writeTo(process.stderr) };
    const followed = connection
      .follow(async (kind, payload) => {
        if (kind !== FrameKind.STDOUT && kind !== FrameKind.STDERR) return;
        await write[kind](payload).catch(() => this.#giveUp(SIGNAL_EXIT_BASE + SIGPIPE)); // nobody reads us any more
      })
      .then(({ exitCode, error, notices = [] }): FollowEnd => {
        tellNotices(notices);
        return { kind: 'exited', exitCode, error };
      });
    followed.catch(() => {}); // when something else was first
    return Promise.race([followed, detached, aborted(this.signal)]);
  }

  /** Gives the terminal, stdin and the signals back. */
  close(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
  }

  #followInput({ connection, terminal, detachKeys }: FollowOptions, detach: () => void): void {
    let written: Promise<void> = Promise.resolve();
    const target = {
      send: (bytes: Uint8Array): void => {
        written = connection.sendInput(bytes).catch(() => {}); // the program's end is told by its exit
      },
      drained: () => written,
    };
    const end = (): void => {
      if (terminal !== undefined) target.send(END_OF_INPUT);
      else void connection.endInput().catch(() => {});
    };
    if (terminal !== undefined) this.#undo.push(enterRawMode());
    const { stdin } = process;
    const keys = new DetachFilter(detachKeys);
    const transform = (typed: Uint8Array): Uint8Array | undefined => {
      if (terminal === undefined || !stdin.isTTY) return typed;
      const { bytes, isDetached } = keys.filter(typed);
      if (!isDetached) return bytes;
      target.send(bytes);
      void target.drained().then(detach);
      return undefined;
    };
    this.#undo.push(pumpInput(stdin, target, transform, end));
    stdin.once('error', end); // a folder, or a terminal that has gone
    this.#undo.push(() => stdin.removeListener('error', end));
  }

  #followSize(resize: FollowOptions['resize'], known: TerminalSize): void {
    let last = known;
    const follow = (): void => {
      const size = terminalSize();
      if (size.columns === last.columns && size.rows === last.rows) return;
      last = size;
      resize(size).catch(() => {}); // the program may have ended
    };
    const { stdout } = process;
    follow(); // it may have changed while the guest booted
    process.on('SIGWINCH', follow);
    stdout.on('resize', follow);
    this.#undo.push(() => {
      process.removeListener('SIGWINCH', follow);
      stdout.removeListener('resize', follow);
    });
  }

  #onSignal(signal: ForwardedSignal): void {
    const status = SIGNAL_EXIT_BASE + FORWARDED[signal];
    const kill = this.#followed?.kill;
    if (kill === undefined) {
      this.#giveUp(status);
      return;
    }
    if (signal === 'SIGINT') {
      const nowMs = performance.now();
      if (nowMs - this.#lastInterruptMs < INSISTENCE_MS) this.#giveUp(status);
      this.#lastInterruptMs = nowMs;
    }
    if (signal === 'SIGHUP') {
      const timer = setTimeout(() => this.#giveUp(status), HANGUP_MS);
      this.#undo.push(() => clearTimeout(timer));
    }
    kill(signal).catch(() => {}); // it may have ended meanwhile
  }

  #giveUp(status: number): void {
    this.status ??= status;
    this.#abort.abort(new Error('given up'));
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
