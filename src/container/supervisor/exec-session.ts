/** A command that exec has started in a running container. It goes on when nobody follows it any more, as with Docker. */
import type { ExitStatus, GuestProcess } from '../guest-process.ts';
import { exitCodeOf } from '../guest-process.ts';
import type { ContainerRun } from './container-run.ts';
import { FanOut, type OutputTaker } from './fan-out.ts';
import type { ExecRequest, TerminalSize } from './protocol.ts';

const ID_BYTES = 32;

type TellEvent = (
  action: 'exec_create' | 'exec_start' | 'exec_die',
  attributes: Readonly<Record<string, string>>,
) => void;

export class ExecSession {
  /** 64 hexadecimal digits. */
  readonly id = randomId();
  /** Rejects with a StartError, or why the guest is gone. */
  readonly started: Promise<number>;
  /** Undefined when the guest is gone. Resolves when all output is taken; never rejects. */
  readonly end: Promise<ExitStatus | undefined>;
  readonly #output = new FanOut();
  readonly #process: GuestProcess;
  readonly #isTerminal: boolean;

  /** Starts it; `accounts` say who is who in the container. Throws StartError. */
  constructor(
    run: ContainerRun,
    request: ExecRequest,
    accounts: ReadonlyMap<string, Uint8Array> | undefined,
    tell: TellEvent,
  ) {
    const attributes = { execID: this.id };
    this.#isTerminal = request.tty;
    const { process, started } = run.exec(request, {
      stdin: request.attach?.stdin ?? false,
      terminal: request.attach?.terminal,
      accounts,
      onStdout: this.#output.stdout,
      onStderr: this.#output.stderr,
    });
    this.#process = process;
    this.started = started;
    tell('exec_create', attributes);
    started.then(() => tell('exec_start', attributes)).catch(() => {});
    this.end = process.exit.then(
      async (status) => {
        tell('exec_die', { ...attributes, exitCode: String(exitCodeOf(status)) });
        await run.plugged.guest.client.release(process).catch(() => {}); // the guest may have gone meanwhile
        return status;
      },
      () => undefined,
    );
  }

  attach(taker: OutputTaker): () => void {
    return this.#output.add(taker);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#process.write(bytes);
  }

  endInput(): void {
    if (!this.#isTerminal) this.#process.end();
  }

  kill(signal: number): void {
    this.#process.kill(signal);
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#process.resize(columns, rows);
  }
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
