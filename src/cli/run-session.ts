/** One run's ties to the process: its streams, its terminal and its signals. Everything is undone by close(). */
import type { SandboxProcess } from '../sandbox/process.ts';
import type { TerminalSize } from '../sandbox/run-options.ts';
import { pumpInput, writeTo } from './streams.ts';
import { enterRawMode } from './terminal.ts';

const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };
const SIGNAL_EXIT_BASE = 128;
const SIGPIPE = 13;
/** Signals that go on to the program, and their numbers. */
const FORWARDED = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;
type ForwardedSignal = keyof typeof FORWARDED;
/** A second Ctrl-C in this time means the machine rather than the program. */
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

export interface FollowOptions {
  /** Our stdin is the program's. */
  readonly stdin: boolean;
  /** The program has a terminal. */
  readonly terminal: boolean;
}

export class RunSession {
  /** The process's status when something outside of the guest ended the run. */
  status: number | undefined;
  readonly #abort = new AbortController();
  readonly #undo: (() => void)[] = [];
  #program: SandboxProcess | undefined;
  #lastInterruptMs = -Infinity;

  /** Takes the signals over. Until a program is followed, they give the run up. */
  constructor() {
    for (const signal of Object.keys(FORWARDED) as ForwardedSignal[]) {
      const onSignal = (): void => this.#onSignal(signal);
      process.on(signal, onSignal);
      this.#undo.push(() => process.removeListener(signal, onSignal));
    }
  }

  /** Aborts when the run is given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Joins the program's streams to ours; returns its status after all its output is written. */
  async follow(program: SandboxProcess, { stdin, terminal }: FollowOptions): Promise<number> {
    this.#program = program;
    if (terminal) this.#followSize(program);
    if (stdin) this.#followInput(program, terminal);
    const [exit] = await Promise.all([
      program.exit,
      this.#copy(program.stdout, process.stdout),
      this.#copy(program.stderr, process.stderr),
    ]);
    return this.status ?? exit.exitCode;
  }

  /** Gives the terminal, stdin and the signals back. */
  close(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
  }

  async #copy(from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<void> {
    const write = writeTo(to);
    for await (const bytes of from) {
      try {
        await write(bytes);
      } catch {
        this.#giveUp(SIGNAL_EXIT_BASE + SIGPIPE); // nobody reads us any more
        return;
      }
    }
  }

  #followInput(program: SandboxProcess, terminal: boolean): void {
    const writer = program.stdin.getWriter();
    let written: Promise<void> = Promise.resolve();
    const target = {
      send: (bytes: Uint8Array): void => {
        written = writer.write(bytes).catch(() => {}); // the program's end is told by its exit
      },
      drained: () => written,
    };
    const end = (): void => {
      if (terminal) target.send(END_OF_INPUT);
      else void writer.close().catch(() => {});
    };
    if (terminal) this.#undo.push(enterRawMode());
    const { stdin } = process;
    this.#undo.push(pumpInput(stdin, target, (bytes) => bytes, end));
    stdin.once('error', end); // a folder, or a terminal that has gone
    this.#undo.push(() => stdin.removeListener('error', end));
  }

  #followSize(program: SandboxProcess): void {
    const resize = (): void => {
      const { columns, rows } = terminalSize();
      program.resize(columns, rows);
    };
    const { stdout } = process;
    resize(); // it may have changed while the guest booted
    process.on('SIGWINCH', resize);
    stdout.on('resize', resize);
    this.#undo.push(() => {
      process.removeListener('SIGWINCH', resize);
      stdout.removeListener('resize', resize);
    });
  }

  #onSignal(signal: ForwardedSignal): void {
    const status = SIGNAL_EXIT_BASE + FORWARDED[signal];
    const program = this.#program;
    if (program === undefined) {
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
    program.kill(signal === 'SIGTERM' ? program.stopSignal : signal);
  }

  #giveUp(status: number): void {
    this.status ??= status;
    this.#abort.abort(new Error('the run was given up'));
  }
}
