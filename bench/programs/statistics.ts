/** From repetitions to slowdowns. A program's first repetition, with cold code, never counts among the others. */
import { spread, type Spread } from '../support/report.ts';

/** Repetitions in the order in which they were run: milliseconds of processor time. */
export type Times = readonly number[];

export interface Slowdown extends Spread {
  /** Of the first repetition, against the median of the host's others. */
  readonly first: number;
}

/** Times without the first. */
export function warm(times: Times): Times {
  return times.slice(1);
}

/** The nth root of the product. Not a number without values. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * How many times as long as on the host: the ratio of the medians of the warm repetitions. `min` and `max` are of the
 * single repetitions, each against the host's of the same turn.
 */
export function slowdown(times: Times, native: Times): Slowdown {
  const host = spread(warm(native)).median;
  const turns = spread(warm(times).map((ms, n) => ms / warm(native)[n]!));
  return { median: spread(warm(times)).median / host, min: turns.min, max: turns.max, first: times[0]! / host };
}
