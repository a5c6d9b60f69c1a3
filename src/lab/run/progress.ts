/** What a student has reached in a lab, as a text that is kept or exported. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Lab } from '../format/lab.ts';

const FORMAT = 'vivarium-lab-progress';
const VERSION = 1;
/** A file of progress is a few kilobytes. */
const CHARS_MAX = 1 << 20;

export interface StepProgress {
  readonly isPassed: boolean;
  /** Hints that have been shown. */
  readonly hints: number;
  readonly isSolutionShown: boolean;
}

export interface Progress {
  readonly current: string | undefined;
  /** By id. Steps that nothing has happened in are not in it. */
  readonly steps: ReadonlyMap<string, StepProgress>;
}

export function formatProgress(lab: Lab, { current, steps }: Progress): string {
  return `${JSON.stringify(
    {
      format: FORMAT,
      version: VERSION,
      lab: lab.id,
      title: lab.title,
      ...(current === undefined ? {} : { current }),
      steps: Object.fromEntries(
        [...steps].map(([id, { isPassed, hints, isSolutionShown }]) => [
          id,
          { passed: isPassed, hints, solution: isSolutionShown },
        ]),
      ),
    },
    undefined,
    2,
  )}\n`;
}

/** Steps that the lab no longer has are left out. Throws BAD_STATE for what is no progress of this lab. */
export function parseProgress(lab: Lab, text: string): Progress {
  const fields = objectOf(text.length > CHARS_MAX ? undefined : parseJson(text));
  if (fields === undefined || fields['format'] !== FORMAT)
    throw bad("this is no file of a lab's progress; choose one that a lab has exported");
  if (fields['version'] !== VERSION)
    throw bad(
      `this progress is of version ${JSON.stringify(fields['version'])}, and this page reads version ${VERSION}; open it where it was exported`,
    );
  if (fields['lab'] !== lab.id) {
    const title = typeof fields['title'] === 'string' ? fields['title'].slice(0, 200) : 'another lab';
    throw bad(`this progress is of the lab ${JSON.stringify(title)}; open that lab and import it there`);
  }
  const entries = objectOf(fields['steps']);
  if (entries === undefined) throw damaged();
  const known = new Map(lab.steps.map((step) => [step.id, step]));
  const steps = new Map<string, StepProgress>();
  for (const [id, value] of Object.entries(entries)) {
    const entry = objectOf(value);
    const { passed, hints, solution } = entry ?? {};
    if (typeof passed !== 'boolean' || typeof solution !== 'boolean' || !isCount(hints)) throw damaged();
    const step = known.get(id);
    if (step !== undefined)
      steps.set(id, { isPassed: passed, hints: Math.min(hints, step.hints.length), isSolutionShown: solution });
  }
  const { current } = fields;
  return { current: typeof current === 'string' && known.has(current) ? current : undefined, steps };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function damaged(): VivariumError {
  return bad('this file of progress is damaged; export it again');
}

function bad(message: string): VivariumError {
  return new VivariumError(ErrorCodes.BAD_STATE, message);
}
