/**
 * The local APIC's timer: one-shot, periodic and TSC-deadline modes (SDM 3A §11.5.4). Counts are computed from the time
 * at which counting began.
 */
import type { DeviceState } from '../bus.ts';
import type { Clock, Timer } from '../clock.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const NS_PER_SECOND = 1e9;
/** A guest can't make the host run a periodic timer more often than this; the expiries between count as one. */
const SHORTEST_PERIOD_NS = 10_000;
const MODE_MAX = 3;

/** The time stamp counter as this CPU's guest reads it, offset and adjustment included. */
export interface GuestTsc {
  now(): bigint;
}

export class ApicTimer {
  readonly #clock: Clock;
  readonly #tsc: GuestTsc;
  readonly #timerHz: number;
  readonly #expire: () => void;
  readonly #timer: Timer;
  #mode: number = R.TIMER_ONE_SHOT;
  #divide = 0;
  #initial = 0;
  /** When the count was (as if) `#initial`. */
  #startNs = 0;
  #tscDeadline = 0n;

  /** @param timerHz the frequency that the divider divides. */
  constructor(name: string, clock: Clock, tsc: GuestTsc, timerHz: number, expire: () => void) {
    this.#clock = clock;
    this.#tsc = tsc;
    this.#timerHz = timerHz;
    this.#expire = expire;
    this.#timer = clock.createTimer(name, () => this.#fire());
  }

  get divide(): number {
    return this.#divide;
  }
  set divide(value: number) {
    const current = this.current;
    this.#divide = value & R.DIVIDE_WRITABLE;
    if (this.#timer.deadlineNs === undefined || this.#mode === R.TIMER_TSC_DEADLINE) return;
    // The count goes on from where it is, at the new rate.
    this.#startNs = this.#clock.nowNs() - (this.#initial - current) * this.#tickNs();
    this.#armCount();
  }

  get initial(): number {
    return this.#initial;
  }
  /** Starts counting; 0 stops. In TSC-deadline mode writes are ignored and the register reads 0 (§11.5.4.1). */
  set initial(value: number) {
    if (this.#mode === R.TIMER_TSC_DEADLINE) return;
    this.#initial = value;
    this.#startNs = this.#clock.nowNs();
    this.#armCount();
  }

  get current(): number {
    if (this.#initial === 0 || this.#timer.deadlineNs === undefined) return 0; // stopped, or one-shot and expired
    const elapsed = Math.max(0, Math.floor((this.#clock.nowNs() - this.#startNs) / this.#tickNs()));
    if (this.#mode === R.TIMER_PERIODIC) return this.#initial - (elapsed % this.#initial);
    return Math.max(0, this.#initial - elapsed);
  }

  get mode(): number {
    return this.#mode;
  }
  /** Going to or from TSC-deadline mode disarms the timer (§11.5.4.1). */
  set mode(mode: number) {
    if (mode === this.#mode) return;
    const crosses = mode === R.TIMER_TSC_DEADLINE || this.#mode === R.TIMER_TSC_DEADLINE;
    const current = this.current;
    this.#mode = mode;
    if (crosses) {
      this.stop();
    } else {
      this.#startNs = this.#clock.nowNs() - (this.#initial - current) * this.#tickNs();
      if (current > 0) this.#armCount();
    }
  }

  /** IA32_TSC_DEADLINE: 0 while disarmed and in the other modes. */
  get tscDeadline(): bigint {
    return this.#tscDeadline;
  }
  set tscDeadline(value: bigint) {
    if (this.#mode !== R.TIMER_TSC_DEADLINE) return;
    this.#tscDeadline = value;
    this.#armDeadline();
  }

  /** The guest has changed its TSC, so the deadline is at another time. */
  tscChanged(): void {
    if (this.#tscDeadline !== 0n) this.#armDeadline();
  }

  stop(): void {
    this.#initial = 0;
    this.#tscDeadline = 0n;
    this.#timer.cancel();
  }

  reset(): void {
    this.stop();
    this.#mode = R.TIMER_ONE_SHOT;
    this.#divide = 0;
  }

  save(): DeviceState {
    return {
      mode: this.#mode,
      divide: this.#divide,
      initial: this.#initial,
      startNs: this.#startNs,
      tscDeadline: this.#tscDeadline,
      deadlineNs: this.#timer.deadlineNs ?? null,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('apic timer', state);
    this.#mode = reader.int('mode', MODE_MAX);
    this.#divide = reader.int('divide', R.DIVIDE_WRITABLE);
    this.#initial = reader.int('initial');
    this.#startNs = reader.number('startNs');
    this.#tscDeadline = reader.uint64('tscDeadline');
    const deadlineNs = reader.optionalNumber('deadlineNs');
    if (deadlineNs === undefined) this.#timer.cancel();
    else this.#timer.arm(deadlineNs);
  }

  #tickNs(): number {
    // Bits 0, 1 and 3 select 2, 4, … 128, 1 (figure 11-10).
    const select = (this.#divide & 3) | ((this.#divide & 8) >> 1);
    return (2 ** ((select + 1) & 7) * NS_PER_SECOND) / this.#timerHz;
  }

  #armCount(): void {
    if (this.#initial === 0) {
      this.#timer.cancel();
      return;
    }
    const nowNs = this.#clock.nowNs();
    const periodNs = this.#initial * this.#tickNs();
    if (this.#mode === R.TIMER_PERIODIC) {
      const nextNs = this.#startNs + (Math.floor(Math.max(0, nowNs - this.#startNs) / periodNs) + 1) * periodNs;
      this.#timer.arm(Math.max(Math.ceil(nextNs), nowNs + (periodNs < SHORTEST_PERIOD_NS ? SHORTEST_PERIOD_NS : 1)));
    } else {
      this.#timer.arm(Math.ceil(this.#startNs + periodNs));
    }
  }

  #armDeadline(): void {
    if (this.#tscDeadline === 0n) {
      this.#timer.cancel();
      return;
    }
    const nowNs = this.#clock.nowNs();
    const ticks = Number(this.#tscDeadline - this.#tsc.now());
    this.#timer.arm(ticks <= 0 ? nowNs : nowNs + Math.max(1, Math.ceil((ticks * NS_PER_SECOND) / this.#clock.tscHz)));
  }

  #fire(): void {
    if (this.#mode === R.TIMER_TSC_DEADLINE) {
      if (this.#tsc.now() < this.#tscDeadline) {
        this.#armDeadline(); // rounding, never early
        return;
      }
      this.#tscDeadline = 0n;
    } else if (this.#mode === R.TIMER_PERIODIC) {
      this.#armCount();
    }
    this.#expire();
  }
}
