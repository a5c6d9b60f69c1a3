/** What lies between a terminal's screen and the program on it. */
import { describe, expect, test } from 'vitest';
import type { ProcessExit } from '../../src/sandbox/process.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { TerminalSession, type Screen, type SessionState, type TerminalProgram } from '../../web/terminal/session.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (pieces: readonly Uint8Array[]): string => pieces.map((piece) => new TextDecoder().decode(piece)).join('');
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** A screen that takes output in at once, or when the test says so. */
class FakeScreen implements Screen {
  size = { columns: 80, rows: 24 };
  readonly written: Uint8Array[] = [];
  readonly waiting: (() => void)[] = [];
  isSlow = false;

  get text(): string {
    return text(this.written).replace(/\x1b\[[?0-9;]*[a-zA-Z]/g, '');
  }

  write(piece: Uint8Array, done: () => void): void {
    this.written.push(piece);
    if (this.isSlow) this.waiting.push(done);
    else done();
  }
}

class FakeProgram implements TerminalProgram {
  readonly typed: Uint8Array[] = [];
  readonly signals: (string | number | undefined)[] = [];
  readonly sizes: string[] = [];
  /** Takes input only when the test lets it. */
  gate: Promise<void> = Promise.resolve();
  readonly stdin = new WritableStream<Uint8Array>({
    write: async (piece) => {
      await this.gate;
      this.typed.push(piece);
    },
  });
  output!: ReadableStreamDefaultController<Uint8Array>;
  /** How often more output was asked for. */
  pulls = 0;
  readonly stdout = new ReadableStream<Uint8Array>(
    { start: (controller) => void (this.output = controller), pull: () => void this.pulls++ },
    { highWaterMark: 0 },
  );
  end!: (exit: ProcessExit) => void;
  fail!: (error: unknown) => void;
  readonly exit = new Promise<ProcessExit>((resolve, reject) => {
    this.end = (exit) => {
      this.output.close();
      resolve(exit);
    };
    this.fail = (error) => {
      this.output.error(error);
      reject(error);
    };
  });

  kill(signal?: string | number): void {
    this.signals.push(signal);
  }
  resize(columns: number, rows: number): void {
    this.sizes.push(`${columns}x${rows}`);
  }
}

function opened() {
  const screen = new FakeScreen();
  const programs: FakeProgram[] = [];
  const states: SessionState[] = [];
  const exits: ProcessExit[] = [];
  const session = new TerminalSession(screen, {
    onState: (state) => states.push(state),
    onExit: (exit) => exits.push(exit),
  });
  const open = async (): Promise<FakeProgram> => {
    const program = new FakeProgram();
    programs.push(program);
    return program;
  };
  return { screen, programs, states, exits, session, open };
}

describe('a terminal', () => {
  test('shows output, sends what is typed, tells sizes', async () => {
    const { screen, programs, session, open } = opened();
    void session.start(open);
    await settle();

    programs[0]!.output.enqueue(bytes('$ '));
    session.type(bytes('ls\r'));
    screen.size = { columns: 100, rows: 30 };
    session.resize();
    await settle();

    expect(screen.text).toBe('$ ');
    expect(text(programs[0]!.typed)).toBe('ls\r');
    expect(programs[0]!.sizes).toEqual(['100x30']);
  });

  test('keeps what is typed while the program starts', async () => {
    const { programs, session, open } = opened();

    void session.start(open);
    session.type(bytes('early'));
    await settle();

    expect(text(programs[0]!.typed)).toBe('early');
  });

  test('sends what is typed while the guest takes earlier input in one piece', async () => {
    const { programs, session, open } = opened();
    void session.start(open);
    await settle();
    let open1!: () => void;
    programs[0]!.gate = new Promise((resolve) => (open1 = resolve));

    for (const key of ['a', 'b', 'c', 'd']) session.type(bytes(key));
    open1();
    await settle();

    expect(programs[0]!.typed.map((piece) => text([piece]))).toEqual(['a', 'bcd']);
  });

  test('stops reading while the screen is behind, and goes on when it is not', async () => {
    const { screen, programs, session, open } = opened();
    screen.isSlow = true;
    void session.start(open);
    await settle();
    const [program] = programs;

    for (let count = 0; count < 10; count++) program!.output.enqueue(new Uint8Array(64 << 10));
    await settle();
    const whileBehind = screen.written.length;
    screen.isSlow = false;
    screen.waiting.splice(0).forEach((done) => done());
    await settle();

    expect(whileBehind).toBe(3);
    expect(screen.written.length).toBe(10);
  });

  test('says how a program has ended, and Enter starts another', async () => {
    const { screen, programs, states, exits, session, open } = opened();
    void session.start(open);
    await settle();

    programs[0]!.end({ kind: 'exited', exitCode: 3 });
    await settle();
    session.type(bytes('x'));
    const programsBefore = programs.length;
    session.type(bytes('\r'));
    await settle();

    expect(screen.text).toBe('\r\n[The program has ended with status 3; press Enter for a new one.]\r\n');
    expect(exits).toEqual([{ kind: 'exited', exitCode: 3 }]);
    expect(programsBefore).toBe(1);
    expect(programs.length).toBe(2);
    expect(states).toEqual(['starting', 'running', 'ended', 'starting', 'running']);
  });

  test('opens a new shell by itself when the machine went back', async () => {
    const { screen, programs, states, session, open } = opened();
    void session.start(open);
    await settle();

    programs[0]!.fail(new VivariumError(ErrorCodes.RESTORED, 'the computer was put back'));
    await settle();

    expect(programs.length).toBe(2);
    expect(screen.text).toContain('[The machine went back to an earlier state; this is a new shell.]');
    expect(states.at(-1)).toBe('running');
  });

  test('says why a program does not start, and Enter tries again', async () => {
    const { screen, session, open, programs } = opened();
    void session.start(() =>
      Promise.reject(new VivariumError(ErrorCodes.START_FAILED, 'the image has no program "x"')),
    );
    await settle();

    expect(screen.text).toBe('\r\n[The image has no program "x"; press Enter to try again.]\r\n');
    void session.start(open);
    await settle();
    expect(programs.length).toBe(1);
  });

  test('hangs up when it is closed, also while its screen is behind', async () => {
    const { screen, programs, session, open } = opened();
    screen.isSlow = true;
    void session.start(open);
    await settle();
    for (let count = 0; count < 10; count++) programs[0]!.output.enqueue(new Uint8Array(64 << 10));
    await settle();

    session.close();
    programs[0]!.end({ kind: 'signalled', exitCode: 129, signal: 1 });
    await settle();

    expect(programs[0]!.signals).toEqual(['HUP']);
    expect(screen.written.length).toBe(3);
    expect(session.state).toBe('none');
  });

  test('a program that comes when the terminal is closed is ended', async () => {
    const { session } = opened();
    const program = new FakeProgram();
    let deliver!: (program: FakeProgram) => void;
    void session.start(() => new Promise((resolve) => (deliver = resolve)));

    session.close();
    deliver(program);
    await settle();

    expect(program.signals).toEqual(['KILL']);
  });
});
