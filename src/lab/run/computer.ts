/** What a lab needs of a machine. `Computer` of src/sandbox is one; tests have theirs. */
import type { ProcessExit } from '../../sandbox/process.ts';

export interface LabProgram {
  readonly args: readonly string[];
  readonly user?: string;
  readonly cwd?: string;
  /** What is over it is dropped. */
  readonly outputBytesMax?: number;
  /** It is killed after this; the result says `timedOut`. */
  readonly timeoutMs?: number;
  /** It is killed when this aborts. */
  readonly signal?: AbortSignal;
}

export interface LabProgramResult {
  readonly exit: ProcessExit;
  readonly timedOut: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** A state to come back to. */
export interface LabSnapshot {
  /** Gives its memory back. */
  release(): Promise<void>;
}

export interface LabComputer {
  /** Runs a program in the container to its end. Rejects with a StartError when it can't be started. */
  run(program: LabProgram): Promise<LabProgramResult>;
  readonly files: {
    /** Whatever is known of it. Throws NOT_FOUND. */
    stat(path: string): Promise<unknown>;
    write(path: string, content: Uint8Array, options: { readonly mode: number }): Promise<void>;
    /** With the folders above; nothing when it is there. */
    mkdir(path: string): Promise<void>;
    remove(path: string): Promise<void>;
  };
  /** Memory and disk as they stand. Throws LIMIT when they take more room than they may. */
  save(): Promise<LabSnapshot>;
  /** Everything is as it was then; programs that have been started since are gone. */
  restore(snapshot: LabSnapshot): Promise<void>;
  /** Rejects when the machine fails; never resolves. */
  readonly failure: Promise<never>;
  close(): Promise<void>;
}
