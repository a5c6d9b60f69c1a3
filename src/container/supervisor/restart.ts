/**
 * When a container that has ended starts again by itself: Docker's policies and its pauses between attempts (docs.docker.com,
 * "Start containers automatically"): 100 ms, doubled each time up to a minute, and 100 ms again after it has run for ten seconds.
 */
import type { RestartPolicy } from '../lifecycle/config.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;
const GOOD_RUN_MS = 10_000;

/** How a run ended. */
export interface EndedRun {
  readonly exitCode: number;
  readonly ranMs: number;
  /** By `stop`, `kill` or the like: what a user stopped stays so. */
  readonly stoppedByUser: boolean;
}

export class RestartBackOff {
  #pauseMs = 0;
  /** Starts without a user's wish since the last one with. */
  count = 0;

  /** Milliseconds until it starts again; undefined: it does not. */
  next(policy: RestartPolicy, { exitCode, ranMs, stoppedByUser }: EndedRun): number | undefined {
    if (stoppedByUser || !wants(policy, exitCode, this.count)) return undefined;
    const isFresh = this.#pauseMs === 0 || ranMs >= GOOD_RUN_MS;
    this.#pauseMs = isFresh ? FIRST_PAUSE_MS : Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.count++;
    return this.#pauseMs;
  }

  /** A user has started it. */
  reset(): void {
    this.#pauseMs = 0;
    this.count = 0;
  }
}

function wants({ name, maximumRetryCount }: RestartPolicy, exitCode: number, count: number): boolean {
  switch (name) {
    case 'no':
      return false;
    case 'on-failure':
      return exitCode !== 0 && (maximumRetryCount === 0 || count < maximumRetryCount);
    case 'always':
    case 'unless-stopped':
      return true;
  }
}
