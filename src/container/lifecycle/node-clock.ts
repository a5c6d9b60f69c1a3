/** The host's clock in nanoseconds since the epoch. It may step when somebody sets it. */

const NS_PER_MS = 1_000_000n;

/** What stamps records, log lines and events. */
export interface Clock {
  nowNs(): bigint;
}

/** Date.now() has milliseconds; what is finer comes from the monotonic clock, as long as the two agree. */
export class SystemClock implements Clock {
  #offset = 0n;

  nowNs(): bigint {
    const monotonic = process.hrtime.bigint();
    const wall = BigInt(Date.now()) * NS_PER_MS;
    const ahead = monotonic + this.#offset - wall;
    if (ahead < 0n || ahead >= NS_PER_MS) this.#offset = wall - monotonic;
    return monotonic + this.#offset;
  }
}
