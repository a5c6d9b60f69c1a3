/** Steps that need others: each must be there, and no step may need itself, over others or at once. */
import { LAB_FILE } from './lab-file.ts';
import type { Mistake } from './mistake.ts';
import { isMissing } from './read.ts';
import type { StepValue } from './schema.ts';
import { didYouMean } from './suggest.ts';

export function checkNeeds(steps: readonly StepValue[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const ids = steps.map(({ id }) => id.value).filter((id) => !isMissing(id));
  const byId = new Map(steps.map((step) => [step.id.value, step]));
  for (const step of steps) {
    for (const { value, line, column } of step.needs ?? []) {
      if (byId.has(value)) continue;
      const remedy = didYouMean(value, ids, `the steps are ${ids.join(', ')}`);
      mistakes.push({ file: LAB_FILE, line, column, message: `there is no step ${JSON.stringify(value)}; ${remedy}` });
    }
  }
  const circle = findCircle(byId);
  if (circle !== undefined) {
    const { line, column } = byId.get(circle[0]!)!.needs!.find(({ value }) => value === circle[1])!;
    const way = circle.map((id) => JSON.stringify(id)).join(', which needs ');
    mistakes.push({
      file: LAB_FILE,
      line,
      column,
      message: `the step ${way}; no student can begin, so remove one of these needs`,
    });
  }
  return mistakes;
}

/** Ids from a step back to itself; undefined when there is no such way. */
function findCircle(steps: ReadonlyMap<string, StepValue>): string[] | undefined {
  const done = new Set<string>();
  for (const start of steps.keys()) {
    // A way of steps each of which needs the next, with the needs that are still to be looked at.
    const way: Array<{ id: string; rest: string[] }> = [];
    const enter = (id: string): void =>
      void way.push({ id, rest: (steps.get(id)?.needs ?? []).map(({ value }) => value) });
    if (!done.has(start)) enter(start);
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const next = last.rest.shift();
      if (next === undefined) {
        done.add(last.id);
        way.pop();
      } else if (!done.has(next)) {
        const from = way.findIndex(({ id }) => id === next);
        if (from >= 0) return [...way.slice(from).map(({ id }) => id), next];
        enter(next);
      }
    }
  }
  return undefined;
}
