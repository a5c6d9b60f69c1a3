/** Expectations of a step from what an engine did: what still matches stays as it is, the rest is written with placeholders. */
import { type Outcome, marks } from './compare.ts';
import { type Step, outputLines } from './format.ts';
import { type Bindings, isElastic, matches } from './pattern.ts';

/** Lines that tell of the engine's host or are advice of its client alone. */
const NOT_RECORDED = [
  /^WARNING: (?:Your kernel does not support|IPv4 forwarding|No swap limit)/,
  /^(?:Run|See) 'docker .*--help' for more information$/,
  /^Usage: {2}docker /,
  /^time="/,
];
/** Names of values that are known before the session begins. */
const PLACES = ['registry', 'work'];
const GENERIC: ReadonlyArray<readonly [pattern: RegExp, placeholder: string]> = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4} [A-Z]+/g, '<gotime>'],
  [/\b(?:Less than a second|About an? (?:minute|hour)|[1-9]\d* seconds?)\b/g, '<duration>'],
];

/** What an engine printed, without what is not recorded. */
export function recordable({ stdout, stderr, status }: Outcome): Outcome {
  const lines = outputLines(stderr).filter((line) => !NOT_RECORDED.some((pattern) => pattern.test(line)));
  while (lines.at(-1) === '') lines.pop();
  return { stdout, stderr: lines.map((line) => `${line}\n`).join(''), status };
}

/** The step as it went. Marks in its stderr stay on the texts that are still there. */
export function rerecord(step: Step, outcome: Outcome, bindings: Bindings): Step {
  const nameOfStep = /--name[ =]([\w-]+)/.exec(step.command)?.[1];
  const fromLines = (expected: readonly string[], actual: readonly string[]): string[] => {
    const elastic = expected.some(isElastic);
    return actual.map((line, index) => {
      const old = expected[index];
      if (old !== undefined && matches(old.replace(/[«»]/g, ''), line, bindings, { elastic })) return old;
      return withMarks(generalise(line, bindings, nameOfStep), old === undefined ? [] : marks(old));
    });
  };
  return {
    ...step,
    stdout: fromLines(step.stdout, outputLines(outcome.stdout)),
    stderr: fromLines(step.stderr, outputLines(outcome.stderr)),
    status: outcome.status,
  };
}

function withMarks(line: string, marked: readonly string[]): string {
  return marked.reduce((text, part) => text.replace(part, `«${part}»`), line);
}

/** A line with placeholders for what will be different next time. New IDs get the step's name, or a number. */
function generalise(line: string, bindings: Bindings, name: string | undefined): string {
  const nameOf = (digits: string): string => {
    for (const [known, value] of bindings)
      if (value.startsWith(digits) || (/^[0-9a-f]{12,}$/.test(value) && digits.startsWith(value))) return known;
    const fresh = name !== undefined && !bindings.has(name) ? name : `id${bindings.size}`;
    bindings.set(fresh, digits);
    return fresh;
  };
  const withPlaces = PLACES.reduce((text, place) => {
    const value = bindings.get(place);
    return value === undefined ? text : text.replaceAll(value, `<${place}>`);
  }, line);
  const withIds = withPlaces
    .replace(/\bsha256:([0-9a-f]{64})\b/g, (_, digits: string) => `<digest:${nameOf(digits)}>`)
    .replace(/\b[0-9a-f]{64}\b/g, (digits) => `<id:${nameOf(digits)}>`)
    .replace(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12}\b/g, (digits) => `<short:${nameOf(digits)}>`);
  return GENERIC.reduce((text, [pattern, placeholder]) => text.replace(pattern, placeholder), withIds);
}
