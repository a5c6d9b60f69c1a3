/** What device tests share: a clock that the test turns, wires and CPU pins that record, and a seeded generator. */
import type { CpuPins, IrqLine } from '../../src/devices/irq.ts';
import { TimerQueue } from '../../src/devices/timer-queue.ts';

export const BOOT_UNIX_MS = Date.UTC(2024, 1, 29, 23, 59, 58); // a leap day, two seconds before midnight
export const TSC_HZ = 2_000_000_000;

/** A clock at rest that moves when told, firing timers on the way in order. */
export class ManualClock extends TimerQueue {
  readonly #time: { ns: number };

  constructor(bootUnixMs = BOOT_UNIX_MS) {
    const time = { ns: 0 };
    super({ nowNs: () => time.ns, bootUnixMs, tscHz: TSC_HZ });
    this.#time = time;
  }

  advance(ns: number): void {
    const end = this.#time.ns + ns;
    for (let next = this.nextDeadlineNs(); next !== undefined && next <= end; next = this.nextDeadlineNs()) {
      this.#time.ns = Math.max(this.#time.ns, next);
      this.runDue();
    }
    this.#time.ns = end;
  }

  /** Jumps without firing anything, as a busy host does. */
  jump(ns: number): void {
    this.#time.ns += ns;
  }
}

export class RecordingLine implements IrqLine {
  level = false;
  rises = 0;
  set(asserted: boolean): void {
    if (asserted && !this.level) this.rises++;
    this.level = asserted;
  }
}

export class RecordingPins implements CpuPins {
  intr = false;
  readonly events: string[] = [];
  setIntr(waiting: boolean): void {
    this.intr = waiting;
  }
  nmi(): void {
    this.events.push('nmi');
  }
  init(): void {
    this.events.push('init');
  }
  sipi(vector: number): void {
    this.events.push(`sipi ${vector}`);
  }
}

/** A small generator (mulberry32) for hostile sequences that repeat. */
export function seededRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
