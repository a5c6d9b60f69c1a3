/**
 * Machine time: the host's monotonic clock since power-on, in nanoseconds and in TSC ticks. One frequency everywhere, or
 * the clock of a restored guest would run wrong.
 */
import type { TimeSource } from '../devices/timer-queue.ts';
import { APIC_TIMER_HZ } from '../devices/apic/local-apic.ts';

/** Announced by CPUID leaves 15h, 16h and 40000010h: a tick is a nanosecond. */
export const TSC_HZ = 1_000_000_000;
export { APIC_TIMER_HZ };
const NS_PER_SECOND = 1e9;
const NS_PER_MS = 1e6;

export class MachineTime implements TimeSource {
  readonly tscHz = TSC_HZ;
  readonly #monotonicNs: () => number;
  #originNs: number;
  #bootUnixMs: number;
  /** The time at which it stands still. */
  #stoppedNs: number | undefined;

  constructor(monotonicNs: () => number, bootUnixMs: number) {
    this.#monotonicNs = monotonicNs;
    this.#bootUnixMs = bootUnixMs;
    this.#originNs = monotonicNs();
  }

  get bootUnixMs(): number {
    return this.#bootUnixMs;
  }

  nowNs(): number {
    return this.#stoppedNs ?? this.#monotonicNs() - this.#originNs;
  }

  /** TSC ticks since power-on, whole. */
  ticks(): number {
    return Math.floor((this.nowNs() * TSC_HZ) / NS_PER_SECOND);
  }

  /**
   * Makes it `nowNs` now: a restored machine goes on at the time at which it was saved. Unix time does not jump, so the
   * time of power-on does, to a whole millisecond.
   */
  set(nowNs: number): void {
    if (this.#stoppedNs !== undefined) this.#stoppedNs = nowNs;
    this.#bootUnixMs = Math.round(this.#bootUnixMs + (this.#monotonicNs() - this.#originNs - nowNs) / NS_PER_MS);
    this.#originNs = this.#monotonicNs() - nowNs;
  }

  /** Stands still until {@link start}, but for {@link advance}. */
  stop(): void {
    this.#stoppedNs = this.nowNs();
  }
  /** Goes on from where it stands; as with {@link set}, Unix time has not stood still. */
  start(): void {
    const nowNs = this.#stoppedNs;
    if (nowNs === undefined) return;
    this.#stoppedNs = undefined;
    this.set(nowNs);
  }
  /** Moves on by so much while it stands still. */
  advance(byNs: number): void {
    if (this.#stoppedNs !== undefined) this.#stoppedNs += byNs;
  }
}
