/**
 * Tests a lab as a teacher wants it tested: each step's check must say no at first, and yes when the solution has run. It goes the
 * student's own way, by a LabRunner that does not poll.
 */
import type { Lab, LabStep } from '../format/lab.ts';
import type { LabComputer } from './computer.ts';
import type { LabClock, LabRunner } from './runner.ts';
import type { StepState } from './state.ts';

export interface StepReport {
  readonly id: string;
  readonly title: string;
  /** What is wrong with the step, in one sentence; undefined when its test passed. */
  readonly failure: string | undefined;
  /** What was done, in this order, with how long it took; `solution` with the check that follows. */
  readonly timings: ReadonlyArray<{ readonly what: 'init' | 'check' | 'solution'; readonly durationMs: number }>;
}

export interface TestLabOptions {
  readonly clock: LabClock;
  /** Only this step, and those that it needs. */
  readonly only?: string | undefined;
  /** Is told of each step when it has been tested. */
  readonly onReport?: ((report: StepReport) => void) | undefined;
}

/** `run` has started. Rejects when a machine fails. Throws NOT_FOUND for a step that is not there. */
export async function testLab<C extends LabComputer>(
  run: LabRunner<C>,
  { clock, only, onReport }: TestLabOptions,
): Promise<readonly StepReport[]> {
  const reports: StepReport[] = [];
  for (const step of inOrder(run.lab, only)) {
    const report = await new StepTest(run, step, clock).report();
    reports.push(report);
    onReport?.(report);
  }
  return reports;
}

/** As they are in the lab, but each after those that it needs. */
function inOrder({ steps }: Lab, only: string | undefined): LabStep[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const ordered = new Set<LabStep>();
  const add = (step: LabStep): void => {
    if (ordered.has(step)) return;
    for (const need of step.needs) add(byId.get(need)!);
    ordered.add(step);
  };
  for (const step of only === undefined ? steps : steps.filter(({ id }) => id === only)) add(step);
  return [...ordered];
}

class StepTest<C extends LabComputer> {
  readonly #run: LabRunner<C>;
  readonly #step: LabStep;
  readonly #clock: LabClock;
  readonly #timings: Array<StepReport['timings'][number]> = [];

  constructor(run: LabRunner<C>, step: LabStep, clock: LabClock) {
    this.#run = run;
    this.#step = step;
    this.#clock = clock;
  }

  async report(): Promise<StepReport> {
    const { id, title } = this.#step;
    const failure = await this.#failure();
    return { id, title, failure, timings: this.#timings };
  }

  async #failure(): Promise<string | undefined> {
    const { id, init, check, solution } = this.#step;
    if (this.#state.missing.length > 0)
      return `it needs ${this.#state.missing.map((need) => JSON.stringify(need)).join(', ')}, which did not pass`;
    await (init === undefined ? this.#run.enter(id) : this.#timed('init', this.#run.enter(id)));
    if (this.#state.preparation !== 'done') return this.#state.problem ?? 'this step could not be prepared';
    const early = check === undefined ? undefined : await this.#earlyFailure();
    if (early !== undefined) return early;
    if (solution === undefined) {
      if (check !== undefined) return "it has a check and no solution, so the check can't be tested; write a solution";
      this.#run.confirm(id);
      return undefined;
    }
    return this.#solved();
  }

  /** The check must not be passed by doing nothing. */
  async #earlyFailure(): Promise<string | undefined> {
    if (await this.#timed('check', this.#run.check(this.#step.id)))
      return 'its check passes before anything was done; let it look for what the solution does';
    return this.#state.problem;
  }

  async #solved(): Promise<string | undefined> {
    if (await this.#timed('solution', this.#run.runSolution(this.#step.id))) return undefined;
    const { problem, feedback } = this.#state;
    return problem ?? `its check does not pass after the solution; it says: ${feedback ?? 'nothing'}`;
  }

  async #timed<T>(what: 'init' | 'check' | 'solution', work: Promise<T>): Promise<T> {
    const begin = this.#clock.now();
    const result = await work;
    this.#timings.push({ what, durationMs: this.#clock.now() - begin });
    return result;
  }

  get #state(): StepState {
    return this.#run.state.steps.find(({ id }) => id === this.#step.id)!;
  }
}
