/** One step on the student's way: what has become of it, and how that is shown. */
import type { LabStep } from '../format/lab.ts';
import type { MachinesSnapshot } from './machines.ts';
import type { StepProgress } from './progress.ts';
import type { StepState } from './state.ts';

/** All machines as they were, and which steps were prepared in them. */
export interface Checkpoint {
  readonly machines: MachinesSnapshot;
  readonly prepared: ReadonlySet<string>;
}

export class StepRecord {
  readonly step: LabStep;
  isPassed = false;
  preparation: StepState['preparation'] = 'none';
  problem: string | undefined;
  isChecking = false;
  feedback: string | undefined;
  hintsShown = 0;
  isSolutionShown = false;
  isSolutionRunning = false;
  /** As the student came to it. */
  checkpoint: Checkpoint | undefined;

  constructor(step: LabStep) {
    this.step = step;
  }

  /** As if the student had never been there. */
  forget(): void {
    this.isPassed = false;
    this.hintsShown = 0;
    this.isSolutionShown = false;
    this.clear('none');
  }

  /** What only holds for the machine as it was. */
  clear(preparation: StepState['preparation']): void {
    this.preparation = preparation;
    this.problem = undefined;
    this.feedback = undefined;
  }

  get progress(): StepProgress {
    return { isPassed: this.isPassed, hints: this.hintsShown, isSolutionShown: this.isSolutionShown };
  }

  /** Nothing that was reached is lost. */
  take({ isPassed, hints, isSolutionShown }: StepProgress): void {
    this.isPassed ||= isPassed;
    this.hintsShown = Math.max(this.hintsShown, hints);
    this.isSolutionShown ||= isSolutionShown;
  }

  /** @param missing steps that it needs and that are not passed. */
  state(missing: readonly string[]): StepState {
    const { id, hints, check, solution } = this.step;
    return {
      id,
      isPassed: this.isPassed,
      missing,
      preparation: this.preparation,
      problem: this.problem,
      isChecking: this.isChecking,
      feedback: this.feedback,
      hints: hints.slice(0, this.hintsShown),
      hintsLeft: hints.length - this.hintsShown,
      solution:
        solution === undefined
          ? { kind: 'none' }
          : this.isSolutionShown
            ? { kind: 'shown', text: solution.text, isRunning: this.isSolutionRunning }
            : { kind: 'hidden' },
      hasCheck: check !== undefined,
      canReset: this.checkpoint !== undefined,
    };
  }
}
