/** A program that runs in a sandbox: its streams, its end, and what can be done to it. */
import { exitCodeOf, type ExitStatus, type GuestProcess } from '../container/guest-process.ts';
import { signalNumber } from '../container/signals.ts';
import type { OutputStream } from '../container/output-stream.ts';

/** How a program ended. */
export type ProcessExit =
  /** `exitCode` is the program's. */
  | { readonly kind: 'exited'; readonly exitCode: number }
  /** By a signal; `exitCode` is 128 and the signal's number. */
  | { readonly kind: 'signalled'; readonly exitCode: number; readonly signal: number };

export class SandboxProcess {
  /** A chunk counts as written when the guest has it. Closing it ends the program's stdin, but not a terminal. */
  readonly stdin: WritableStream<Uint8Array>;
  /** Read it or cancel it: a program whose output nobody takes waits. */
  readonly stdout: ReadableStream<Uint8Array>;
  /** Empty with a terminal. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when all output is in the streams. Rejects with a GuestFailure when the guest fails first. */
  readonly exit: Promise<ProcessExit>;
  /** Number of the signal that asks this program to end. */
  readonly stopSignal: number;
  readonly #process: GuestProcess;

  /** For Sandbox. */
  constructor(process: GuestProcess, stdout: OutputStream, stderr: OutputStream, stopSignal: number) {
    this.#process = process;
    this.stopSignal = stopSignal;
    this.stdout = stdout.readable;
    this.stderr = stderr.readable;
    this.stdin = new WritableStream({
      write: (bytes) => process.write(bytes),
      close: () => process.end(),
      abort: () => process.end(),
    });
    const close = (error?: unknown): void => {
      stdout.close(error);
      stderr.close(error);
    };
    this.exit = process.exit.then(
      (status) => {
        close();
        return processExit(status);
      },
      (error: unknown) => {
        close(error);
        throw error;
      },
    );
    this.exit.catch(() => {}); // whoever wants to know awaits it
  }

  /** Sends a signal by name or number; without one, the image's StopSignal. Throws USAGE. */
  kill(signal: string | number = this.stopSignal): void {
    this.#process.kill(signalNumber(signal));
  }

  /** Tells the program's terminal its new size in characters. */
  resize(columns: number, rows: number): void {
    this.#process.resize(columns, rows);
  }
}

function processExit(status: ExitStatus): ProcessExit {
  const exitCode = exitCodeOf(status);
  return status.kind === 'signalled'
    ? { kind: 'signalled', exitCode, signal: status.signal }
    : { kind: 'exited', exitCode };
}
