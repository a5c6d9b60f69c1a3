/**
 * Whether a step went as a session says. Stdout and the status are compared exactly. Stderr too, except where a line has «marks»:
 * messages of an engine are worded by each in its own way, so only what stands between marks must be said, in any case and any
 * order, and what else is said is free.
 */
import type { Step } from './format.ts';
import { outputLines } from './format.ts';
import { type Bindings, isElastic, matches } from './pattern.ts';

/** How a command ended. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

const MARKED = /«([^»]+)»/g;

/** The parts of a line that count, when it has marks. */
export function marks(line: string): string[] {
  return [...line.matchAll(MARKED)].map(([, text]) => text!);
}

/** What is not as expected, a line each, `-` before what was expected and `+` before what came; empty when all is well. */
export function differences(step: Step, outcome: Outcome, bindings: Bindings): string[] {
  return [
    ...under('stdout', lineDifferences(step.stdout, outputLines(outcome.stdout), bindings)),
    ...under('stderr', stderrDifferences(step.stderr, outcome.stderr, bindings)),
    ...(step.status === outcome.status ? [] : [`status: - ${step.status} + ${outcome.status}`]),
  ];
}

function under(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines];
}

function lineDifferences(expected: readonly string[], actual: readonly string[], bindings: Bindings): string[] {
  const elastic = expected.some(isElastic);
  const found: string[] = [];
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const [wanted, got] = [expected[index], actual[index]];
    if (wanted !== undefined && got !== undefined && matches(wanted, got, bindings, { elastic })) continue;
    if (wanted !== undefined) found.push(`- ${wanted}`);
    if (got !== undefined) found.push(`+ ${got}`);
  }
  return found;
}

function stderrDifferences(expected: readonly string[], actual: string, bindings: Bindings): string[] {
  const fragments = expected.flatMap(marks);
  if (fragments.length === 0) return lineDifferences(expected, outputLines(actual), bindings);
  const missing = fragments.filter((fragment) => !matches(fragment, actual, bindings, { fragment: true }));
  if (missing.length === 0) return [];
  return [...missing.map((text) => `- «${text}»`), ...outputLines(actual).map((line) => `+ ${line}`)];
}
