/** How a command that fails ends: one sentence on stderr and a process status. */
import { AssertionError, VivariumError } from '../util/errors.ts';
import type { ConsoleTail } from './console-tail.ts';
import { saveCrashReport } from './crash-report.ts';

/** Status for everything that is ours rather than the program's, as in Docker. */
export const EXIT_FAILURE = 125;

/** Text for stderr. A user error is one sentence with its code; our own bug shows where it happened. */
export function describeError(error: unknown): string {
  if (error instanceof VivariumError) return `viv: ${error.message} (${error.code})`;
  if (error instanceof AssertionError) return `viv: this is a bug in vivarium: ${error.stack ?? error.message}`;
  return `viv: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** Tells of an error on stderr, and saves a report if the failure is ours; returns the process's status. */
export function fail(error: unknown, console?: ConsoleTail): number {
  const text = describeError(error);
  process.stderr.write(`${text}\n`);
  if (!(error instanceof VivariumError)) {
    const report = saveCrashReport(text, console?.bytes() ?? new Uint8Array());
    if (report !== undefined) process.stderr.write(`viv: a report of this failure is in ${report}\n`);
  }
  return EXIT_FAILURE;
}
