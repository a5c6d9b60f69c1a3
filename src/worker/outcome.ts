/** Results that crossed from a worker: values, or errors that are thrown again with their codes. */
import { AssertionError, VivariumError } from '../util/errors.ts';
import type { Outcome } from './protocol.ts';

export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  if (outcome.code === 'ASSERTION') throw new AssertionError(outcome.message);
  throw new VivariumError(outcome.code, outcome.message);
}
