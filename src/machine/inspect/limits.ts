/** Bounds of what may be asked for in one call: whoever asks may be a page that we know nothing about. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

export const STEP_COUNT_MAX = 100_000;
export const CODE_LINES_MAX = 512;
export const MEMORY_BYTES_MAX = 65_536;
/** Entries of each list in a request: memory areas, walks, symbols. */
export const LIST_MAX = 64;
export const TLB_ENTRIES_MAX = 4096;
export const BREAKPOINTS_MAX = 64;

/** An integer from `min` to `max`. Throws LIMIT, which names `what`. */
export function checkCount(what: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new VivariumError(ErrorCodes.LIMIT, `${what} can be from ${min} to ${max}, not ${String(value)}`);
}

/** An address of 64 bits. Throws USAGE. */
export function checkAddress(what: string, value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 1n << 64n) return value;
  throw new VivariumError(
    ErrorCodes.USAGE,
    `${what} is an address from 0 to 2^64 − 1, as a bigint; got ${String(value)}`,
  );
}

/** A list of at most `max`. Throws USAGE or LIMIT. */
export function checkList<T>(what: string, value: readonly T[], max = LIST_MAX): readonly T[] {
  if (!Array.isArray(value)) throw new VivariumError(ErrorCodes.USAGE, `${what} must be a list`);
  checkCount(`the number of ${what}`, value.length, 0, max);
  return value;
}
