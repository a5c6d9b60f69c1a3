/**
 * Runs a CPU in slices of about a millisecond of host time, with timers between them, and gives way to the host's other
 * work every few milliseconds. A halted CPU sleeps until the next timer or until {@link RunLoop.wake}: an idle guest costs
 * nothing. The budget of a slice follows the measured speed and ends at the next timer's deadline.
 */
import { EXIT_HALT, EXIT_SHUTDOWN } from '../../assembly/layout.ts';
import type { RunExit } from '../core/cpu.ts';
import type { HostScheduler } from './host.ts';

/** Host time that one call of the CPU may take: timers and stop requests wait so long at most. */
const SLICE_NS = 1_000_000;
/** Host time after which messages and streams get their turn. */
const TURN_NS = 4_000_000;
/** Budgets in instructions: the least is some 10 µs, the most what a fast host does in a slice. */
const BUDGET_MIN = 1_000;
const BUDGET_MAX = 4_000_000;
const FIRST_SPEED = 0.05; // instructions per nanosecond, low on purpose
/** Share of a new measurement in the running average. */
const SPEED_WEIGHT = 0.25;
/** Slices shorter than this tell nothing about speed. */
const MEASURABLE_NS = 20_000;
const NS_PER_MS = 1e6;
/** setTimeout takes 31 bits of milliseconds. */
const SLEEP_MAX_MS = 1_000_000;

/** What the loop needs of the CPU. */
export interface SlicedCpu {
  run(budget: number): RunExit;
  readonly instructionCount: number;
  readonly isHaltedForGood: boolean;
}

/** What the loop needs of the timers. */
export interface SlicedTimers {
  nowNs(): number;
  nextDeadlineNs(): number | undefined;
  runDue(): number;
}

export interface RunLoopOptions {
  readonly cpu: SlicedCpu;
  readonly timers: SlicedTimers;
  readonly scheduler: HostScheduler;
  /** The CPU shut down (triple fault). */
  readonly onShutdown: () => void;
  /** The CPU halted with interrupts off: nothing can wake it. */
  readonly onDeadHalt: () => void;
  /** Something threw: our bug. */
  readonly onError: (error: unknown) => void;
}

type LoopState = 'stopped' | 'held' | 'scheduled' | 'running' | 'sleeping';

export class RunLoop {
  readonly #options: RunLoopOptions;
  #state: LoopState = 'stopped';
  #holdCount = 0;
  #cancelSleep: (() => void) | undefined;
  #wokenWhileRunning = false;
  #speed = FIRST_SPEED;

  constructor(options: RunLoopOptions) {
    this.#options = options;
  }

  /** Instructions per nanosecond, as measured lately. */
  get speed(): number {
    return this.#speed;
  }

  /** Whether the CPU sleeps until a timer or {@link wake}. */
  get isSleeping(): boolean {
    return this.#state === 'sleeping';
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'held';
    this.#schedule();
  }

  /** Ends the loop after the slice under way. */
  stop(): void {
    this.#cancelSleep?.();
    this.#cancelSleep = undefined;
    this.#state = 'stopped';
  }

  /** Stands still, timers included, until as many calls of {@link release}: somebody can't take more output. */
  hold(): void {
    this.#holdCount++;
  }
  release(): void {
    this.#holdCount--;
    if (this.#holdCount === 0 && this.#state === 'held') this.#schedule();
  }

  /** Something happened that the CPU or a timer should see: an interrupt, or input. Cheap, from anywhere. */
  wake(): void {
    if (this.#state === 'running') this.#wokenWhileRunning = true;
    else if (this.#state === 'sleeping') {
      this.#cancelSleep?.();
      this.#cancelSleep = undefined;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#holdCount > 0) {
      this.#state = 'held';
      return;
    }
    this.#state = 'scheduled';
    this.#options.scheduler.soon(() => this.#turn());
  }

  /** Slices until the host's other work is due, the CPU sleeps, or the loop was stopped. */
  #turn(): void {
    if (this.#state !== 'scheduled') return;
    if (this.#holdCount > 0) {
      this.#state = 'held';
      return;
    }
    this.#state = 'running';
    try {
      this.#slices();
    } catch (error) {
      this.stop();
      this.#options.onError(error);
    }
  }

  #slices(): void {
    const { cpu, timers } = this.#options;
    let nowNs = timers.nowNs();
    const endNs = nowNs + TURN_NS;
    for (;;) {
      this.#wokenWhileRunning = false;
      timers.runDue();
      const countBefore = cpu.instructionCount;
      const exit = cpu.run(this.#budget(nowNs));
      const afterNs = timers.nowNs();
      this.#measure(cpu.instructionCount - countBefore, afterNs - nowNs);
      nowNs = afterNs;
      // A device may have ended the machine from inside the slice.
      if (this.#isStopped()) return;
      if (exit === EXIT_SHUTDOWN) {
        this.stop();
        this.#options.onShutdown();
        return;
      }
      if (exit === EXIT_HALT && !this.#wokenWhileRunning) {
        if (cpu.isHaltedForGood) {
          this.stop();
          this.#options.onDeadHalt();
          return;
        }
        if (!this.#waitForTimer(nowNs)) return;
        nowNs = timers.nowNs();
      }
      if (nowNs >= endNs || this.#holdCount > 0) break;
    }
    this.#schedule();
  }

  /** TypeScript does not see that stop() may be called from inside the CPU. */
  #isStopped(): boolean {
    return (this.#state as LoopState) === 'stopped';
  }

  #budget(nowNs: number): number {
    const deadlineNs = this.#options.timers.nextDeadlineNs();
    const spanNs = deadlineNs === undefined ? SLICE_NS : Math.min(SLICE_NS, deadlineNs - nowNs);
    return Math.round(Math.min(BUDGET_MAX, Math.max(BUDGET_MIN, spanNs * this.#speed)));
  }

  #measure(instructionCount: number, elapsedNs: number): void {
    if (elapsedNs < MEASURABLE_NS || instructionCount <= 0) return;
    this.#speed += (instructionCount / elapsedNs - this.#speed) * SPEED_WEIGHT;
  }

  /** The CPU is halted. True: go on now; false: asleep, and {@link wake} or the timer will go on. */
  #waitForTimer(nowNs: number): boolean {
    const { timers, scheduler } = this.#options;
    const deadlineNs = timers.nextDeadlineNs();
    const delayMs = deadlineNs === undefined ? SLEEP_MAX_MS : Math.min(SLEEP_MAX_MS, (deadlineNs - nowNs) / NS_PER_MS);
    if (delayMs <= 0) return true;
    if (delayMs < 1 && scheduler.pause !== undefined) {
      scheduler.pause(delayMs);
      return true;
    }
    this.#state = 'sleeping';
    this.#cancelSleep = scheduler.after(Math.floor(delayMs), () => {
      this.#cancelSleep = undefined;
      if (this.#state === 'sleeping') this.#schedule();
    });
    return false;
  }
}
