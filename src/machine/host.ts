/**
 * What a machine needs of the platform it runs on: time, randomness and a way to let other work run. Node and browsers
 * provide it in src/worker; tests and a deterministic machine bring their own.
 */

/** Lets the run loop give way to messages and streams, and sleep. */
export interface HostScheduler {
  /** Calls back after messages and input that wait have been handled, as soon as possible. */
  soon(callback: () => void): void;
  /** Calls back after at least `delayMs`; returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Sleeps for a part of a millisecond, blocking; for the ends of waits that timers are too coarse for. Optional. */
  pause?(delayMs: number): void;
}

export interface MachineHost extends HostScheduler {
  /** A monotonic clock in nanoseconds; where it starts does not matter. */
  monotonicNs(): number;
  /** Unix time in milliseconds. */
  unixMs(): number;
  /** Fills with random bytes, at most 65,536 at a time. */
  fillRandom(target: Uint8Array): void;
}
