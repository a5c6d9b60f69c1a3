import { expect, test } from 'vitest';
import { LabRun } from '../../../src/lab/run/lab-run.ts';
import { testLab, type StepReport } from '../../../src/lab/run/test-lab.ts';
import { FakeComputer } from '../../support/lab/fake-computer.ts';
import { TestClock } from '../../support/lab/lab-clock.ts';
import { HEAD, labOf } from '../../support/lab/lab-folder.ts';

/** Tests a lab of these steps; gives its reports. */
async function reportsOf(steps: string, only?: string): Promise<readonly StepReport[]> {
  const clock = new TestClock();
  const lab = await labOf(`${HEAD}steps:\n${steps}`);
  const run = new LabRun({ lab, clock, startComputer: async () => new FakeComputer() });
  await run.start();
  return testLab(run, { clock, only });
}

const step = (id: string, rest: string): string => `  - { id: ${id}, title: T, text: t, ${rest} }\n`;
const GOOD = 'check: has /a, solution: put /a';

test('a step whose check fails, and passes after its solution, passes', async () => {
  expect(await reportsOf(step('a', `init: put /b, ${GOOD}`))).toEqual([
    {
      id: 'a',
      title: 'T',
      failure: undefined,
      timings: [
        { what: 'init', durationMs: 0 },
        { what: 'check', durationMs: 0 },
        { what: 'solution', durationMs: 0 },
      ],
    },
  ]);
});

test.each([
  ['init: exit 1, check: has /a, solution: put /a', 'this step could not be prepared: it ended with status 1'],
  [
    'init: put /a, check: has /a, solution: put /a',
    'its check passes before anything was done; let it look for what the solution does',
  ],
  ['check: exit 127, solution: put /a', 'the check of this step does not work: it calls a program that is not there'],
  ['check: has /a', "it has a check and no solution, so the check can't be tested; write a solution"],
  ['check: "say no\\nhas /a", solution: put /b', 'its check does not pass after the solution; it says: no'],
  ['check: has /a, solution: "complain oh\\nexit 2"', 'the solution of this step does not work: oh'],
])('a step fails with %s', async (rest, failure) => {
  expect(await reportsOf(step('a', rest))).toMatchObject([{ failure }]);
});

test('a step to read passes', async () => {
  expect(await reportsOf(step('a', 'machine: main'))).toMatchObject([{ failure: undefined, timings: [] }]);
});

test('steps come after those that they need, and fail with them', async () => {
  const reports = await reportsOf(step('last', 'needs: first') + step('first', 'check: has /a, solution: put /b'));
  expect(reports).toMatchObject([
    { id: 'first', failure: expect.stringContaining('does not pass') as string },
    { id: 'last', failure: 'it needs "first", which did not pass' },
  ]);
});

test('one step is tested with those that it needs, and no other', async () => {
  const reports = await reportsOf(step('a', GOOD) + step('b', 'machine: main') + step('c', 'needs: a'), 'c');
  expect(reports.map(({ id }) => id)).toEqual(['a', 'c']);
});
