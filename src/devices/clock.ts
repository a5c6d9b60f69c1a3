/**
 * The one clock of a machine. Devices never look at the host's clock: real and virtual time are both behind this.
 */
export interface Clock {
  /** Nanoseconds of machine time since power-on (a double: exact up to 104 days). */
  nowNs(): number;
  /** Unix time in milliseconds at which the machine was powered on, for the RTC and the paravirt wall clock. */
  readonly bootUnixMs: number;
  /** Guest TSC frequency in Hz; the same everywhere. */
  readonly tscHz: number;
  createTimer(name: string, fire: () => void): Timer;
}

/** A one-shot timer. It fires at or after its deadline, on the machine's thread, never inside `arm`. */
export interface Timer {
  arm(deadlineNs: number): void;
  cancel(): void;
  readonly deadlineNs: number | undefined;
}
