/** What has become of a lab, as the page shows it, and what happens in it, as the page tells it. Plain data. */
import type { MarkdownText } from '../format/lab.ts';

export type LabPhase =
  /** Nothing runs yet. */
  | 'new'
  /** Machines start, and files are placed. */
  | 'starting'
  | 'ready'
  /** The machines go back to an earlier state; terminals end and are to be opened again. */
  | 'resetting'
  /** A machine has failed or did not start: `failure` says why. `reset` or `close` are left. */
  | 'failed'
  | 'closed';

export interface LabState {
  readonly phase: LabPhase;
  /** One sentence for the student, in phase 'failed'. */
  readonly failure: string | undefined;
  /** The step that the student is at, once there is one. */
  readonly current: string | undefined;
  readonly steps: readonly StepState[];
  /** Every step is passed. */
  readonly isComplete: boolean;
}

export interface StepState {
  readonly id: string;
  /** Stays true. */
  readonly isPassed: boolean;
  /** Titles can be shown, but it can't be worked on before these steps are passed. */
  readonly missing: readonly string[];
  readonly preparation:
    /** Its `init` has not run in the machine as it is. */
    | 'none'
    | 'running'
    /** The step can be worked on. */
    | 'done'
    /** `problem` says why; entering the step again tries again. */
    | 'failed';
  /** Why `init`, a check or the solution did not work at all, rather than say no: the lab's mistake, not the student's. */
  readonly problem: string | undefined;
  /** A check runs that the student has asked for. */
  readonly isChecking: boolean;
  /** What the last such check said to a step that is not done; undefined while there is nothing to say. */
  readonly feedback: string | undefined;
  /** The hints that have been shown. */
  readonly hints: readonly MarkdownText[];
  /** Hints that are left. */
  readonly hintsLeft: number;
  readonly solution:
    /** The step has none. */
    | { readonly kind: 'none' }
    | { readonly kind: 'hidden' }
    | { readonly kind: 'shown'; readonly text: string; readonly isRunning: boolean };
  /** The step has a check; without one, the student says that it is done (`confirm`). */
  readonly hasCheck: boolean;
  /** `reset(id)` brings back how things were when the student came to the step. */
  readonly canReset: boolean;
}

/** What happens. Each comes after the state has changed. */
export type LabEvent =
  /** Something in the state is different; comes with every other event too. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'ready' }
  /** The student is at this step now, and it is prepared. */
  | { readonly kind: 'entered'; readonly step: string }
  /** To be announced. `opened`: steps that can be worked on from now. */
  | { readonly kind: 'passed'; readonly step: string; readonly title: string; readonly opened: readonly string[] }
  /** To be announced: what a check that the student asked for said to a step that is not done. */
  | { readonly kind: 'feedback'; readonly step: string; readonly text: string }
  | { readonly kind: 'hint'; readonly step: string; readonly index: number }
  | { readonly kind: 'solved'; readonly step: string }
  /** To be announced: every step is passed. */
  | { readonly kind: 'completed' }
  /** The machines are as they were; without a step, the whole lab begins again. Terminals are to be opened again. */
  | { readonly kind: 'reset'; readonly step: string | undefined }
  /** Something did not work that the lab goes on without: a sentence for the student. */
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string };

/** Shown for a check that fails without a word. */
export const NO_FEEDBACK = 'Not yet: the check says nothing more.';
