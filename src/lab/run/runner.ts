/** What a student's way through a lab is made of, and what a page can ask of it. `LabRun` is one. */
import type { Lab, LabMachine } from '../format/lab.ts';
import type { LabComputer } from './computer.ts';
import type { LabEvent, LabState } from './state.ts';

export interface StartOptions {
  /** What an earlier visit has left on the machine's disk is to be dropped first. */
  readonly fresh: boolean;
  readonly signal: AbortSignal;
}

/** Keeps one text for each key, such as in the browser's storage. */
export interface ProgressStore {
  load(key: string): Promise<string | undefined>;
  save(key: string, text: string): Promise<void>;
}

/** Time, so that tests have theirs. */
export interface LabClock {
  /** Milliseconds from any beginning. */
  now(): number;
  /** Calls it once after this time; the result takes that back. */
  after(milliseconds: number, call: () => void): () => void;
}

export interface LabRunParts<C extends LabComputer> {
  readonly lab: Lab;
  /** Its disk may be one that an earlier visit has left. */
  readonly startComputer: (machine: LabMachine, options: StartOptions) => Promise<C>;
  readonly clock: LabClock;
  /** Without it, progress ends with the page. */
  readonly store?: ProgressStore | undefined;
  /** Least pause between checks of the open step in ms; without it a step is checked only when the student asks. */
  readonly pollMs?: number | undefined;
  /** Steps that can be brought back at once as the student came to them; those of longest ago go first. Default 3. */
  readonly stepSnapshotsMax?: number | undefined;
}

/** What a page calls. Whatever can't be done now rejects with a VivariumError whose sentence is for the student. */
export interface LabRunner<C extends LabComputer> {
  readonly lab: Lab;
  readonly state: LabState;
  /** Calls it after every change; the result ends that. */
  subscribe(listener: (event: LabEvent, state: LabState) => void): () => void;
  /** Loads progress, starts the machines, places files. Once. */
  start(): Promise<void>;
  /** A machine of the lab, for terminals and files; it is another one after a reset that began anew. Throws before phase 'ready'. */
  computer(machine: string): C;
  /** Goes to a step: prepares it if that is to be done. A step that is not open yet is shown, and prepared when it opens. */
  enter(step: string): Promise<void>;
  /** Checks a step now. True when it is passed. */
  check(step: string): Promise<boolean>;
  /** The student says that a step without a check is done. */
  confirm(step: string): void;
  /** Shows the next hint. */
  showHint(step: string): void;
  showSolution(step: string): void;
  /** Runs the solution, then the check. True when it is passed. */
  runSolution(step: string): Promise<boolean>;
  /** Brings back how the machines were when the student came to the step; without one, the lab begins again and nothing is passed. */
  reset(step?: string): Promise<void>;
  /** Whether the open step is checked by itself; off while nobody sees the page, or the machine stands still. */
  setPolling(isOn: boolean): void;
  /** Progress as a file. */
  exportProgress(): string;
  /** Takes over what an exported file says. Throws BAD_STATE for one that is none, of another lab or version. */
  importProgress(text: string): void;
  close(): Promise<void>;
}
