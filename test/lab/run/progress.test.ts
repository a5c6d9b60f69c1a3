import { describe, expect, test } from 'vitest';
import { formatProgress, parseProgress, type Progress } from '../../../src/lab/run/progress.ts';
import { fragmentOfStep, stepOfFragment } from '../../../src/lab/run/link.ts';
import { HEAD, labOf } from '../../support/lab/lab-folder.ts';

const lab = await labOf(`${HEAD}steps: [{ id: a, title: A, text: t, hint: [x, y] }, { id: b, title: B, text: t }]\n`);
const PROGRESS: Progress = {
  current: 'b',
  steps: new Map([['a', { isPassed: true, hints: 2, isSolutionShown: false }]]),
};

describe('progress', () => {
  test('is read as it was written', () => {
    expect(parseProgress(lab, formatProgress(lab, PROGRESS))).toEqual(PROGRESS);
  });

  test('of a lab that has changed has what is still there', () => {
    const text = formatProgress(lab, {
      current: 'gone',
      steps: new Map([
        ['gone', { isPassed: true, hints: 0, isSolutionShown: true }],
        ['a', { isPassed: true, hints: 9, isSolutionShown: false }],
      ]),
    });
    expect(parseProgress(lab, text)).toEqual({ current: undefined, steps: PROGRESS.steps });
  });

  const good = JSON.parse(formatProgress(lab, PROGRESS)) as Record<string, unknown>;
  test.each([
    ['nothing', '', "this is no file of a lab's progress; choose one that a lab has exported"],
    ['another kind of file', '{"a":1}', "this is no file of a lab's progress"],
    ['too much', `"${'x'.repeat(2 ** 20)}"`, "this is no file of a lab's progress"],
    [
      'another version',
      JSON.stringify({ ...good, version: 2 }),
      'this progress is of version 2, and this page reads version 1; open it where it was exported',
    ],
    [
      'another lab',
      JSON.stringify({ ...good, lab: 'other', title: 'Other' }),
      'this progress is of the lab "Other"; open that lab and import it there',
    ],
    ['no steps', JSON.stringify({ ...good, steps: 3 }), 'this file of progress is damaged; export it again'],
    [
      'a damaged step',
      JSON.stringify({ ...good, steps: { a: { passed: 'yes', hints: 0, solution: false } } }),
      'this file of progress is damaged; export it again',
    ],
    [
      'a count that is none',
      JSON.stringify({ ...good, steps: { a: { passed: true, hints: -1, solution: false } } }),
      'this file of progress is damaged; export it again',
    ],
  ])('can’t be %s', (_name, text, message) => {
    expect(() => parseProgress(lab, text)).toThrow(message);
  });
});

test('a link to a step is found again, with or without #', () => {
  expect(stepOfFragment(fragmentOfStep('first-steps'))).toBe('first-steps');
  expect(stepOfFragment('step=a&x=1')).toBe('a');
  expect(stepOfFragment('#other')).toBeUndefined();
});
