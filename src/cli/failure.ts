/** How a command that fails ends: one sentence on stderr and a process status. */
import { AssertionError, VivariumError } from '../util/errors.ts';

/** Status for everything that is ours rather than the program's, as in Docker. */
export const EXIT_FAILURE = 125;

/** Text for stderr. A user error is one sentence with its code; our own bug shows where it happened. */
export function describeError(error: unknown): string {
  if (error instanceof VivariumError) return `viv: ${error.message} (${error.code})`;
  if (error instanceof AssertionError) return `viv: this is a bug in vivarium: ${error.stack ?? error.message}`;
  return `viv: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
