import { describe, expect, it } from 'vitest';
import { EXIT_BUDGET, EXIT_HALT, EXIT_SHUTDOWN } from '../../assembly/layout.ts';
import type { RunExit } from '../../src/core/cpu.ts';
import { RunLoop } from '../../src/machine/run-loop.ts';
import { ManualClock } from '../devices/support.ts';

const NS_PER_INSTRUCTION = 4;

/** A CPU whose slices follow a script; time passes as it runs. */
class ScriptedCpu {
  readonly budgets: number[] = [];
  instructionCount = 0;
  isHaltedForGood = false;
  readonly #clock: ManualClock;
  readonly #script: (() => RunExit)[];
  constructor(clock: ManualClock, script: (() => RunExit)[]) {
    this.#clock = clock;
    this.#script = script;
  }
  run(budget: number): RunExit {
    this.budgets.push(budget);
    const exit = this.#script.shift()?.() ?? EXIT_HALT;
    const ran = exit === EXIT_HALT ? 0 : budget;
    this.instructionCount += ran;
    this.#clock.jump(ran * NS_PER_INSTRUCTION);
    return exit;
  }
}

/** A scheduler that the test turns by hand. */
class ManualScheduler {
  readonly waiting: (() => void)[] = [];
  sleepMs: number | undefined;
  soon(callback: () => void): void {
    this.waiting.push(callback);
  }
  after(delayMs: number): () => void {
    this.sleepMs = delayMs;
    return () => (this.sleepMs = undefined);
  }
  turn(): void {
    this.waiting.shift()?.();
  }
}

function create(script: (() => RunExit)[]) {
  const clock = new ManualClock();
  const cpu = new ScriptedCpu(clock, script);
  const scheduler = new ManualScheduler();
  const events: string[] = [];
  const loop = new RunLoop({
    cpu,
    timers: clock,
    scheduler,
    onShutdown: () => events.push('shutdown'),
    onDeadHalt: () => events.push('dead halt'),
    onError: (error) => events.push(String(error)),
  });
  return { clock, cpu, scheduler, events, loop };
}

describe('run loop', () => {
  it('gives way to other work after 4 ms of a busy guest', () => {
    const { loop, scheduler, clock } = create(new Array<() => RunExit>(1000).fill(() => EXIT_BUDGET));

    loop.start();
    scheduler.turn();

    expect(scheduler.waiting).toHaveLength(1);
    expect(clock.nowNs()).toBeGreaterThanOrEqual(4_000_000);
    expect(clock.nowNs()).toBeLessThan(5_500_000);
  });

  it('adapts the budget to the speed so that a slice takes about a millisecond', () => {
    const { loop, scheduler, cpu } = create(new Array<() => RunExit>(1000).fill(() => EXIT_BUDGET));

    loop.start();
    Array.from({ length: 10 }, () => scheduler.turn());

    expect(cpu.budgets.at(-1)! * NS_PER_INSTRUCTION).toBeCloseTo(1_000_000, -4);
  });

  it('ends a slice at the next timer', () => {
    const { loop, scheduler, cpu, clock } = create([() => EXIT_BUDGET]);
    clock.createTimer('test', () => {}).arm(100_000);

    loop.start();
    scheduler.turn();

    expect(cpu.budgets[0]).toBe(100_000 * 0.05);
  });

  it('sleeps until the next timer when the CPU is halted', () => {
    const { loop, scheduler, clock } = create([]);
    clock.createTimer('test', () => {}).arm(7_500_000);

    loop.start();
    scheduler.turn();

    expect(loop.isSleeping).toBe(true);
    expect(scheduler.sleepMs).toBe(7);
    expect(scheduler.waiting).toHaveLength(0);
  });

  it('wakes from sleep when something happens', () => {
    const { loop, scheduler } = create([]);
    loop.start();
    scheduler.turn();

    loop.wake();

    expect(loop.isSleeping).toBe(false);
    expect(scheduler.waiting).toHaveLength(1);
    expect(scheduler.sleepMs).toBeUndefined();
  });

  it('does not sleep when it was woken during the slice', () => {
    const { loop, scheduler, cpu } = create([() => (loop.wake(), EXIT_HALT)]);

    loop.start();
    scheduler.turn();

    expect(cpu.budgets).toHaveLength(2);
  });

  it('stands still while it is held', () => {
    const { loop, scheduler, cpu } = create([() => EXIT_BUDGET]);
    loop.hold();
    loop.start();

    scheduler.turn();
    const before = cpu.budgets.length;
    loop.release();
    scheduler.turn();

    expect(before).toBe(0);
    expect(cpu.budgets.length).toBeGreaterThan(0);
  });

  it('reports a triple fault and stops', () => {
    const { loop, scheduler, events } = create([() => EXIT_SHUTDOWN]);

    loop.start();
    scheduler.turn();

    expect(events).toEqual(['shutdown']);
    expect(scheduler.waiting).toHaveLength(0);
  });

  it('reports a halt that nothing can end', () => {
    const { loop, scheduler, events, cpu } = create([]);
    cpu.isHaltedForGood = true;

    loop.start();
    scheduler.turn();

    expect(events).toEqual(['dead halt']);
  });

  it('stops at once when a device ends the machine inside a slice', () => {
    const { loop, scheduler, cpu } = create([() => (loop.stop(), EXIT_BUDGET), () => EXIT_BUDGET]);

    loop.start();
    scheduler.turn();

    expect(cpu.budgets).toHaveLength(1);
    expect(scheduler.waiting).toHaveLength(0);
  });

  it('hands on what the CPU throws', () => {
    const { loop, scheduler, events } = create([
      () => {
        throw new Error('broken');
      },
    ]);

    loop.start();
    scheduler.turn();

    expect(events).toEqual(['Error: broken']);
  });
});
