/** Checks steps one at a time: those that the student asks for, and by itself the step that is open. */
import type { LabStep } from '../format/lab.ts';
import type { LabClock } from './runner.ts';

export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'not-yet'; readonly feedback: string | undefined }
  /** The check itself does not work. */
  | { readonly kind: 'broken'; readonly reason: string };

/** A check that takes long is not repeated so soon that the machine does nothing else. */
const PAUSE_PER_DURATION = 3;

export interface CheckerParts {
  readonly clock: LabClock;
  /** Runs a step's check. Rejects when `signal` aborts. */
  readonly run: (step: LabStep, signal: AbortSignal) => Promise<Verdict>;
  readonly pollMs: number | undefined;
  /** The step to check by itself now, if any. */
  readonly polled: () => LabStep | undefined;
  /** Takes what such a check says. */
  readonly onPolled: (step: LabStep, verdict: Verdict) => void;
  /** Takes why one could not be made. */
  readonly onError: (error: unknown) => void;
}

export class Checker {
  readonly #parts: CheckerParts;
  #stop = new AbortController();
  /** Settles when no check runs; never rejects. */
  #idle: Promise<unknown> = Promise.resolve();
  #disarm: (() => void) | undefined;
  #isPolling = false;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
  }

  /** Runs a check when those before it are done. Rejects when `halt` ends it. */
  check(step: LabStep): Promise<Verdict> {
    const { signal } = this.#stop;
    const verdict = this.#idle.then(() => {
      signal.throwIfAborted();
      return this.#parts.run(step, signal);
    });
    this.#idle = verdict.catch(() => {});
    return verdict;
  }

  /** To be called whenever another step may be the one to be checked. */
  poll(): void {
    const { clock, pollMs, polled } = this.#parts;
    const isWanted = pollMs !== undefined && polled() !== undefined;
    if (!isWanted) {
      this.#disarm?.();
      this.#disarm = undefined;
    } else if (this.#disarm === undefined && !this.#isPolling) {
      this.#disarm = clock.after(pollMs, () => void this.#checkPolled());
    }
  }

  /** Ends the checks that run, and resolves when they have ended. */
  async halt(reason: unknown): Promise<void> {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#stop.abort(reason);
    this.#stop = new AbortController();
    await this.#idle;
  }

  async #checkPolled(): Promise<void> {
    this.#disarm = undefined;
    const { clock, pollMs, polled, onPolled, onError } = this.#parts;
    const step = polled();
    if (step === undefined) return;
    const { signal } = this.#stop;
    this.#isPolling = true;
    let pauseMs = pollMs!;
    try {
      await this.#idle; // what the student has asked for goes first
      const begin = clock.now();
      const verdict = await this.check(step);
      pauseMs = Math.max(pauseMs, (clock.now() - begin) * PAUSE_PER_DURATION);
      if (!signal.aborted) onPolled(step, verdict);
    } catch (error) {
      if (!signal.aborted) onError(error);
    } finally {
      this.#isPolling = false;
    }
    if (this.#disarm === undefined && polled() !== undefined)
      this.#disarm = clock.after(pauseMs, () => void this.#checkPolled());
  }
}
