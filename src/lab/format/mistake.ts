/** What is wrong with a lab, where, and what to do about it. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

export interface Mistake {
  /** Path in the lab's folder. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** One sentence in two halves: what is wrong; what to do. */
  readonly message: string;
}

/** `lab.yaml:12:5: …`, as editors and terminals make links of it. */
export function describeMistake({ file, line, column, message }: Mistake): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** A lab that can't be used, with every mistake that was found in it. */
export class LabError extends VivariumError {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
    super(ErrorCodes.BAD_LAB, `the lab has ${count}:\n${mistakes.map(describeMistake).join('\n')}`);
    this.mistakes = mistakes;
  }
}
