/**
 * Runs a scenario on two machines, the interpreter and one with translated code, and compares all of their state at random
 * counts of instructions. Between stretches something happens to both: an interrupt, a write by a device, other registers.
 */
import type { Tier } from '../../../src/core/translator.ts';
import { Random } from '../random.ts';
import { FuzzMachine, TAIL, type Registers, type Stop } from './machine.ts';
import { RAM_BYTES } from './memory-map.ts';
import type { Kind } from './kinds.ts';
import { makeScenario, type Scenario } from './scenario.ts';
import type { Assembled } from './program.ts';

/** What happens at a stop. */
export type Action =
  | { readonly name: 'none' }
  /** Other registers, and the beginning of a block. `reset`: control registers and segments as at first, too. */
  | { readonly name: 'kick'; readonly seed: number; readonly reset: boolean }
  | { readonly name: 'interrupt'; readonly vector: number }
  | { readonly name: 'nmi' }
  /** The program's code as it was, written by a device. */
  | { readonly name: 'restore' }
  /** Translated and decoded code is dropped, which nothing may show. */
  | { readonly name: 'flush' }
  /** Another byte of an instruction, written by a device. */
  | { readonly name: 'patch'; readonly at: number; readonly value: number };

export interface Stretch {
  /** Instructions up to the stop, and of each slice on the way. */
  readonly length: number;
  readonly budget: number;
  /** Before it. */
  readonly action: Action;
}
export interface Plan {
  readonly tier: Tier;
  /** Stretches at the beginning that both machines interpret, so that all code is decoded when it is translated. */
  readonly warmUp: number;
  /** Instructions of a region, at most; 0 for as many as can be. */
  readonly regionSize: number;
  readonly stretches: readonly Stretch[];
}

export interface Outcome {
  /** Of the instructions of both machines, those that were compared. */
  readonly instructions: number;
  readonly translated: number;
  /** The stretch after which they differ, and what. */
  readonly stretch?: number;
  readonly difference?: string;
}

const LENGTHS = [1, 3, 50, 300, 300, TAIL + 20, 800, 1000, 1500, 2500, 5000];
const BUDGETS = [1e9, 1e9, 1, 7, 100, 1000];
const LONG_LENGTHS = [2200, 3000, 5000, 9000];
const LONG_BUDGETS = [1e9, 1e9, 3000];

export function makePlan(random: Random, kind: Kind, tier: Tier | undefined): Plan {
  const { weights } = kind;
  const names = Object.keys(weights) as Action['name'][];
  const total = names.reduce((sum, name) => sum + weights[name]!, 0);
  const action = (): Action => {
    let at = random.below(total);
    const name = names.find((n) => (at -= weights[n]!) < 0)!;
    if (name === 'kick') return { name, seed: random.u32(), reset: random.chance(0.2) };
    if (name === 'interrupt') return { name, vector: 32 + random.below(224) };
    if (name === 'patch') return { name, at: random.below(2000), value: random.below(256) };
    return { name };
  };
  const chosen = tier ?? random.pick<Tier>(['1', '1', '1', 'mixed']);
  // Samples of what is hot are taken at the ends of the parts of long runs.
  const [lengths, budgets, many] = chosen === 'mixed' ? [LONG_LENGTHS, LONG_BUDGETS, 4] : [LENGTHS, BUDGETS, 1];
  const stretches: Stretch[] = [];
  for (let sum = 0; sum < kind.instructions * many;) {
    const next = stretches.length === 0 ? ({ name: 'none' } as const) : action();
    // An interrupt is taken by a run, so there must be one.
    const taken = next.name === 'interrupt' || next.name === 'nmi' ? TAIL + 10 : 0;
    const length = random.pick(lengths) + random.below(400) + taken;
    stretches.push({ length, budget: random.pick(budgets), action: next });
    sum += length;
  }
  return {
    tier: chosen,
    warmUp: random.pick([0, 1, 2, 3]),
    regionSize: random.pick([0, 200, 100, 60, 30, 5]),
    stretches,
  };
}

/** Machines are made once: each has 16 MiB of RAM and compiled code. */
export class Pair {
  readonly interpreter: FuzzMachine;
  readonly translator: FuzzMachine;
  /** Translated modules that did not validate. */
  invalidModules = 0;

  constructor(module: WebAssembly.Module) {
    this.interpreter = new FuzzMachine(module);
    this.translator = new FuzzMachine(module);
  }
  validateModules(): void {
    this.translator.cpu.core.translator.onModule = (bytes) => {
      if (!WebAssembly.validate(bytes)) this.invalidModules++;
    };
  }

  /** Runs the plan with the scenario's program, less some of its items, up to the end or a difference. */
  run(scenario: Scenario, plan: Plan, dropped: ReadonlySet<number> = new Set(), seed = 1): Outcome {
    const { image, assembled, physical } = scenario.build(dropped);
    const registers = scenario.registers(new Random(seed), assembled);
    const machines = [this.interpreter, this.translator];
    for (const machine of machines) {
      machine.setTier('0');
      machine.setRegionSize(plan.regionSize);
      machine.load(image, scenario.cpu, registers);
    }
    const before = this.translator.translated;
    let stop = 0;
    const outcome = (rest: { stretch?: number; difference?: string } = {}): Outcome => ({
      instructions: this.interpreter.count,
      translated: this.translator.translated - before,
      ...rest,
    });
    for (const [n, stretch] of plan.stretches.entries()) {
      if (n === plan.warmUp) this.translator.setTier(plan.tier, plan.tier === 'mixed' ? 8 : undefined);
      const restart = this.interpreter.cpu.isHalted || this.interpreter.isDown;
      this.#act(
        restart ? { name: 'kick', seed: n, reset: true } : stretch.action,
        scenario,
        image,
        assembled,
        physical,
      );
      stop = this.interpreter.count + stretch.length;
      const [ours, theirs] = machines.map((machine) => runSafely(machine, stop, stretch.budget));
      if (ours !== theirs) return outcome({ stretch: n, difference: `ends: ${theirs}, should be ${ours}` });
      if (ours === 'stuck') return outcome();
      const last = n === plan.stretches.length - 1;
      const difference = this.interpreter.differsFrom(this.translator, last ? RAM_BYTES : undefined);
      if (difference !== undefined) return outcome({ stretch: n, difference });
      if (ours === 'overrun') return outcome({ stretch: n, difference: 'both ran too far' });
    }
    return outcome();
  }

  #act(
    action: Action,
    scenario: Scenario,
    image: Uint8Array,
    assembled: Assembled,
    physical: (offset: number) => number,
  ): void {
    const machines = [this.interpreter, this.translator];
    const { interpreter } = this;
    switch (action.name) {
      case 'kick': {
        const registers: Registers = scenario.registers(new Random(action.seed), assembled);
        // In a handler the machine is in another mode than the program.
        const isHome =
          HOME.every((name) => interpreter.cpu.getControl(name) === scenario.cpu[name]) &&
          interpreter.cpu.getSegment(1).selector === scenario.cpu.segments[1]!.selector;
        for (const machine of machines) {
          if (action.reset || !isHome) machine.setUp(scenario.cpu);
          if (action.reset) machine.deviceWrite(0, image);
          machine.setRegisters(registers);
        }
        return;
      }
      case 'interrupt':
        if (interpreter.isInterruptible) for (const machine of machines) machine.interrupt(action.vector);
        return;
      case 'nmi':
        if (interpreter.isNmiOpen) for (const machine of machines) machine.cpu.raiseNmi();
        return;
      case 'restore':
        for (const machine of machines) {
          for (let at = 0; at < assembled.bytes.length; at += 64) {
            const from = physical(at);
            machine.deviceWrite(from, image.subarray(from, from + 64));
          }
        }
        return;
      case 'patch': {
        const at = physical(action.at % assembled.bytes.length);
        for (const machine of machines) machine.deviceWrite(at, Uint8Array.of(action.value));
        return;
      }
      case 'flush':
        this.translator.cpu.core.exports.flushCode();
        return;
      case 'none':
    }
  }
}
const HOME = ['cr0', 'cr3', 'cr4', 'efer'] as const;

function runSafely(machine: FuzzMachine, stop: number, budget: number): Stop | string {
  try {
    return machine.runTo(stop, budget);
  } catch (error) {
    return `broken: ${(error as Error).message.split('\n')[0]!}`;
  }
}

export interface Case {
  readonly scenario: Scenario;
  readonly plan: Plan;
  readonly seed: number;
}
/** The case that a kind makes of a seed. */
export function makeCase(kind: Kind, seed: number, tier?: Tier): Case {
  const scenario = makeScenario(new Random(seed), kind.choices(new Random(seed ^ 0x51ed270b)));
  const plan = makePlan(new Random(seed ^ 0x2545f491), kind, tier);
  return { scenario, plan, seed };
}
