/** A program's output on its way to several takers. The slowest sets the pace; one that fails is dropped. */
import type { OutputSink } from '../guest-process.ts';

/** A taker of both streams. */
export interface OutputTaker {
  readonly stdout?: OutputSink | undefined;
  readonly stderr?: OutputSink | undefined;
}

export class FanOut {
  readonly #takers = new Set<OutputTaker>();
  readonly #waiting = new Map<OutputTaker, Set<() => void>>();

  /** Adds a taker of what comes from now on; the result takes it away, and lets go of what waits for it. */
  add(taker: OutputTaker): () => void {
    this.#takers.add(taker);
    return () => this.#drop(taker);
  }

  readonly stdout: OutputSink = (bytes) => this.#pass('stdout', bytes);
  readonly stderr: OutputSink = (bytes) => this.#pass('stderr', bytes);

  #pass(stream: 'stdout' | 'stderr', bytes: Uint8Array): void | Promise<void> {
    const pending: Promise<void>[] = [];
    for (const taker of this.#takers) {
      const taken = this.#give(taker, taker[stream], bytes);
      if (taken !== undefined) pending.push(taken);
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }

  #give(taker: OutputTaker, sink: OutputSink | undefined, bytes: Uint8Array): Promise<void> | undefined {
    let taken: void | Promise<void>;
    try {
      taken = sink?.(bytes);
    } catch {
      this.#drop(taker);
      return undefined;
    }
    if (taken === undefined) return undefined;
    const done = taken;
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(taker) ?? new Set();
      this.#waiting.set(taker, waiting.add(resolve));
      const settle = (): void => {
        waiting.delete(resolve);
        resolve();
      };
      done.then(settle, () => {
        settle();
        this.#drop(taker);
      });
    });
  }

  #drop(taker: OutputTaker): void {
    this.#takers.delete(taker);
    for (const resolve of this.#waiting.get(taker) ?? []) resolve();
    this.#waiting.delete(taker);
  }
}
