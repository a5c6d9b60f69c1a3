/**
 * What lies between a screen and the program on it: output at the screen's pace, input without waiting, sizes, the program's end
 * and the next one. Knows no DOM, so that it can be tested anywhere.
 */
import type { ProcessExit } from '../../src/sandbox/process.ts';
import type { TerminalSize } from '../../src/sandbox/run-options.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';

/** A program with a terminal; SandboxProcess of src/sandbox is one. */
export interface TerminalProgram {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly exit: Promise<ProcessExit>;
  kill(signal?: string | number): void;
  resize(columns: number, rows: number): void;
}

/** Starts a program with a terminal of this size. */
export type OpenProgram = (size: TerminalSize) => Promise<TerminalProgram>;

export interface Screen {
  readonly size: TerminalSize;
  /** `done` is called when it has been taken in. */
  write(bytes: Uint8Array, done: () => void): void;
}

export type SessionState = 'none' | 'starting' | 'running' | 'ended';

export interface SessionEvents {
  onState?(state: SessionState): void;
  onExit?(exit: ProcessExit): void;
}

/** Output that the screen has not taken in yet, in bytes: above the first, reading waits until it is below the second. */
const PENDING_BYTES_MAX = 128 << 10;
const PENDING_BYTES_LOW = 32 << 10;
const ENTER = 0x0d;
const encoder = new TextEncoder();

export class TerminalSession {
  readonly #screen: Screen;
  readonly #events: SessionEvents;
  #open: OpenProgram | undefined;
  #program: TerminalProgram | undefined;
  #state: SessionState = 'none';
  /** Of the program that is looked at; what comes of earlier ones is dropped. */
  #generation = 0;
  #input: InputQueue | undefined;
  /** Typed while a program starts. */
  #early: Uint8Array[] = [];
  /** Goes on reading output. */
  #goOn: () => void = () => {};

  constructor(screen: Screen, events: SessionEvents = {}) {
    this.#screen = screen;
    this.#events = events;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Starts a program, in place of one that is there. Problems are told on the screen. */
  async start(open: OpenProgram): Promise<void> {
    this.#leave();
    this.#open = open;
    const generation = ++this.#generation;
    this.#become('starting');
    try {
      const { size } = this.#screen;
      const program = await open(size);
      if (generation !== this.#generation) {
        program.kill('KILL');
        await program.stdout.cancel();
        return;
      }
      this.#program = program;
      this.#input = new InputQueue(program.stdin);
      this.#become('running');
      // The size may have become another meanwhile.
      if (size.columns !== this.#screen.size.columns || size.rows !== this.#screen.size.rows) this.resize();
      for (const bytes of this.#early.splice(0)) this.#input.push(bytes);
      await this.#follow(program, generation);
    } catch (error) {
      if (generation === this.#generation) this.#end(`${sentenceOf(error)}; press Enter to try again`, error);
    }
  }

  /** What the user types, or a program types for them. Enter starts another program where one has ended. */
  type(bytes: Uint8Array): void {
    if (this.#state === 'ended') {
      if (bytes.includes(ENTER)) this.restart();
      return;
    }
    if (this.#input === undefined) this.#early.push(bytes);
    else this.#input.push(bytes);
  }

  /** The program again, such as a new shell. Nothing where there was none. */
  restart(): void {
    if (this.#open !== undefined) void this.start(this.#open);
  }

  resize(): void {
    const { columns, rows } = this.#screen.size;
    this.#program?.resize(columns, rows);
  }

  /** Ends the program. */
  close(): void {
    this.#generation++;
    this.#leave();
    this.#early = [];
    this.#become('none');
  }

  #leave(): void {
    const program = this.#program;
    this.#program = undefined;
    this.#input = undefined;
    this.#goOn();
    if (program === undefined || this.#state !== 'running') return;
    // A shell that loses its terminal ends by this signal.
    program.kill('HUP');
  }

  async #follow(program: TerminalProgram, generation: number): Promise<void> {
    const output = this.#show(program, generation);
    const exit = await program.exit;
    await output;
    if (generation !== this.#generation) return;
    this.#events.onExit?.(exit);
    this.#end(
      exit.kind === 'signalled'
        ? `the program was ended by signal ${exit.signal}; press Enter for a new one`
        : `the program has ended with status ${exit.exitCode}; press Enter for a new one`,
    );
  }

  /** Lets the screen fall behind only so far: then the program waits. */
  async #show({ stdout }: TerminalProgram, generation: number): Promise<void> {
    const reader = stdout.getReader();
    let pendingBytes = 0;
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (generation !== this.#generation) continue; // whoever does not read keeps the program from ending
        const byteCount = next.value.length;
        pendingBytes += byteCount;
        this.#screen.write(next.value, () => {
          pendingBytes -= byteCount;
          if (pendingBytes <= PENDING_BYTES_LOW && generation === this.#generation) this.#goOn();
        });
        if (pendingBytes > PENDING_BYTES_MAX) await new Promise<void>((resolve) => (this.#goOn = resolve));
      }
    } catch {
      // Why the stream broke, the program's exit tells.
    }
  }

  #end(sentence: string, error?: unknown): void {
    this.#program = undefined;
    this.#input = undefined;
    this.#early = [];
    if (error instanceof VivariumError && error.code === ErrorCodes.RESTORED) {
      this.#say('the machine went back to an earlier state; this is a new shell');
      this.restart();
      return;
    }
    this.#become('ended');
    this.#say(sentence);
  }

  /** A line of our own, told apart from the program's by more than its colour. */
  #say(sentence: string): void {
    // Leaves the alternate screen, reports of the mouse and whatever colours there were.
    const clean = '\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b[?25h\x1b[0m';
    this.#screen.write(encoder.encode(`${clean}\r\n[${shown(sentence)}]\r\n`), () => {});
  }

  #become(state: SessionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.onState?.(state);
  }
}

/** What is typed while the guest takes earlier input goes on together, so that nobody waits for each key's way there and back. */
class InputQueue {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #waiting: Uint8Array[] = [];
  #isWriting = false;

  constructor(stdin: WritableStream<Uint8Array>) {
    this.#writer = stdin.getWriter();
  }

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (!this.#isWriting) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#waiting.length > 0) await this.#writer.write(joined(this.#waiting.splice(0)));
    } catch {
      // The program or the guest is gone, which its exit tells.
    } finally {
      this.#isWriting = false;
    }
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
