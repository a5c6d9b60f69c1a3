/**
 * Gathers the single bytes that a guest writes to an output port into larger pieces for the host, which pays per call.
 * A piece goes out when it is full, when the guest has been silent for a moment, or on demand.
 */
import type { Clock, Timer } from './clock.ts';

const CAPACITY_BYTES = 4096;
const FLUSH_DELAY_NS = 1_000_000;

/** Receives output bytes. The array is the receiver's to keep. */
export type ByteSink = (bytes: Uint8Array) => void;

export class ByteBatch {
  readonly #sink: ByteSink;
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #buffer = new Uint8Array(CAPACITY_BYTES);
  #byteCount = 0;

  constructor(name: string, clock: Clock, sink: ByteSink) {
    this.#sink = sink;
    this.#clock = clock;
    this.#timer = clock.createTimer(`${name} output`, () => this.flush());
  }

  push(byte: number): void {
    if (this.#byteCount === 0) this.#timer.arm(this.#clock.nowNs() + FLUSH_DELAY_NS);
    this.#buffer[this.#byteCount++] = byte;
    if (this.#byteCount === CAPACITY_BYTES) this.flush();
  }

  /** Hands over what there is. */
  flush(): void {
    this.#timer.cancel();
    if (this.#byteCount === 0) return;
    const bytes = this.#buffer.slice(0, this.#byteCount);
    this.#byteCount = 0;
    this.#sink(bytes);
  }
}
