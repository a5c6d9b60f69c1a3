/** Time that a test lets pass. */
import type { LabClock } from '../../../src/lab/run/runner.ts';

export class TestClock implements LabClock {
  #now = 0;
  #timers: Array<{ at: number; call: () => void }> = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Lets time pass, and everything happen that was due. */
  async pass(milliseconds: number): Promise<void> {
    await settle();
    this.#now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { call } of due) call();
    await settle();
  }
}

/** Lets every promise that can go on do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
