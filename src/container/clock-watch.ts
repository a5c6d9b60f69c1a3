/**
 * Notices that the guest's clock has fallen behind: a host that slept, or whose user set its clock. Machine time follows the
 * host's monotonic clock, which may stand still while the host sleeps; the time of day does not. Browser-safe.
 */

/** What the watch looks at, and what it does. */
export interface ClockWatchOptions {
  /** Unix time in milliseconds. */
  readonly unixMs: () => number;
  /** The clock that machine time follows, in milliseconds. */
  readonly monotonicMs: () => number;
  /** Tells the guest the time. */
  readonly correct: () => Promise<void>;
}

/** Less is not worth a message: the two clocks of a host drift, and are steered, by that much. */
const DRIFT_MS = 500;

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  /** Unix time less monotonic time when the guest's clock was right. */
  #offsetMs: number;
  #correcting: Promise<void> | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#offsetMs = this.#offset();
  }

  /** Looks, and corrects the guest's clock if it must. To be called now and then, and when the page or the host has woken up. */
  check(): Promise<void> {
    this.#correcting ??= this.#check().finally(() => (this.#correcting = undefined));
    return this.#correcting;
  }

  async #check(): Promise<void> {
    const offsetMs = this.#offset();
    if (Math.abs(offsetMs - this.#offsetMs) < DRIFT_MS) return;
    await this.#options.correct();
    this.#offsetMs = offsetMs;
  }

  #offset(): number {
    return this.#options.unixMs() - this.#options.monotonicMs();
  }
}
