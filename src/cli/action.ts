/** What every command about images has in common: Docker's exit codes, and stopping on Ctrl-C without leaving things half done. */
import { describeError, fail } from './failure.ts';
import { AssertionError, VivariumError } from '../util/errors.ts';

/** Docker's status for a command that fails, other than `run`. */
const EXIT_FAILED = 1;
export const EXIT_INTERRUPTED = 130; // 128 + SIGINT

/** Runs a command's body. It may return a status; what it throws becomes one sentence on stderr and status 1. */
export function action<A extends unknown[]>(
  body: (...words: A) => Promise<number | void> | number | void,
): (...words: A) => Promise<void> {
  return async (...words) => {
    try {
      process.exitCode = (await body(...words)) ?? 0;
    } catch (error) {
      if (error instanceof Interrupted) process.exitCode = EXIT_INTERRUPTED;
      else {
        fail(error);
        process.exitCode = EXIT_FAILED;
      }
    }
  };
}

/** The same for each of several things; one that fails does not keep the others from being done. */
export async function forEach(items: readonly string[], work: (item: string) => Promise<void>): Promise<number> {
  let status = 0;
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      if (!(error instanceof VivariumError) || error instanceof AssertionError) throw error;
      process.stderr.write(`${describeError(error)}\n`);
      status = EXIT_FAILED;
    }
  }
  return status;
}

/** Ctrl-C. */
export class Interrupted extends Error {}

/** A signal that Ctrl-C and SIGTERM give, while `work` runs. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Interrupted('interrupted'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** Asks on the terminal, or whatever stdin is; anything but y or yes means no. */
export async function confirm(question: string): Promise<boolean> {
  process.stdout.write(`${question} [y/N] `);
  let answer = '';
  for await (const chunk of process.stdin) {
    answer += String(chunk);
    if (answer.includes('\n')) break;
  }
  process.stdin.pause();
  return /^y(?:es)?$/i.test(answer.trim());
}
