/**
 * A {@link Clock} over an injected time source: the host's monotonic clock in real time, the instruction count in
 * virtual time. The machine asks for the next deadline to size its slices and runs what is due between them.
 */
import type { Clock, Timer } from './clock.ts';

/** Where time comes from. */
export interface TimeSource {
  /** Nanoseconds of machine time since power-on; never goes back. */
  nowNs(): number;
  readonly bootUnixMs: number;
  readonly tscHz: number;
}

class QueuedTimer implements Timer {
  readonly name: string;
  readonly fire: () => void;
  #deadlineNs: number | undefined;
  readonly #changed: () => void;

  constructor(name: string, fire: () => void, changed: () => void) {
    this.name = name;
    this.fire = fire;
    this.#changed = changed;
  }

  get deadlineNs(): number | undefined {
    return this.#deadlineNs;
  }

  arm(deadlineNs: number): void {
    this.#deadlineNs = deadlineNs;
    this.#changed();
  }

  cancel(): void {
    this.#deadlineNs = undefined;
    this.#changed();
  }
}

/**
 * The timers of one machine. A board has a few dozen, so a scan for the earliest is enough; it runs only after a
 * change. Timers with one deadline fire in the order in which they were created, which is the same in every run.
 */
export class TimerQueue implements Clock {
  readonly tscHz: number;
  readonly #source: TimeSource;
  readonly #timers: QueuedTimer[] = [];
  #earliestNs: number | undefined;
  #isStale = false;

  constructor(source: TimeSource) {
    this.#source = source;
    this.tscHz = source.tscHz;
  }

  get bootUnixMs(): number {
    return this.#source.bootUnixMs;
  }

  nowNs(): number {
    return this.#source.nowNs();
  }

  createTimer(name: string, fire: () => void): Timer {
    const timer = new QueuedTimer(name, fire, () => (this.#isStale = true));
    this.#timers.push(timer);
    return timer;
  }

  /** The earliest deadline of an armed timer, in the past if it is overdue; undefined when none is armed. */
  nextDeadlineNs(): number | undefined {
    if (this.#isStale) {
      this.#isStale = false;
      this.#earliestNs = undefined;
      for (const { deadlineNs } of this.#timers) {
        if (deadlineNs !== undefined && (this.#earliestNs === undefined || deadlineNs < this.#earliestNs))
          this.#earliestNs = deadlineNs;
      }
    }
    return this.#earliestNs;
  }

  /**
   * Fires the timers that are due now, earliest first, each at most once: one that arms itself again for the past waits
   * for the next call, so a guest can't hold the host here. Returns how many fired.
   */
  runDue(): number {
    const earliestNs = this.nextDeadlineNs();
    const nowNs = this.#source.nowNs();
    if (earliestNs === undefined || earliestNs > nowNs) return 0;
    const due = this.#timers.filter(({ deadlineNs }) => deadlineNs !== undefined && deadlineNs <= nowNs);
    due.sort((a, b) => (a.deadlineNs ?? 0) - (b.deadlineNs ?? 0)); // a stable sort: ties keep their order of creation
    let firedCount = 0;
    for (const timer of due) {
      // An earlier one may have cancelled or moved it.
      if (timer.deadlineNs === undefined || timer.deadlineNs > nowNs) continue;
      timer.cancel();
      timer.fire();
      firedCount++;
    }
    return firedCount;
  }
}
