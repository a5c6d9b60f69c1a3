/** When a step went as expected, and that each way of going wrong is told. */
import { expect, test } from 'vitest';
import { type Outcome, differences } from '../support/session/compare.ts';
import type { Step } from '../support/session/format.ts';

function step(change: Partial<Step>): Step {
  return { line: 1, title: '', citations: [], command: '', stdout: [], stderr: [], status: 0, ...change };
}
function outcome(change: Partial<Outcome>): Outcome {
  return { stdout: '', stderr: '', status: 0, ...change };
}
const found = (expected: Partial<Step>, actual: Partial<Outcome>): string[] =>
  differences(step(expected), outcome(actual), new Map());

test('nothing differs when everything is as expected', () => {
  expect(
    found(
      { stdout: ['a', '<time>'], stderr: ['e'], status: 4 },
      { stdout: 'a\n2024-01-02T03:04:05Z\n', stderr: 'e\n', status: 4 },
    ),
  ).toEqual([]);
});

test('stdout is compared to the last newline', () => {
  expect(found({ stdout: ['a'] }, { stdout: 'b\n' })).toEqual(['stdout:', '- a', '+ b']);
  expect(found({ stdout: ['a'] }, { stdout: 'a' })).toEqual(['stdout:', '- a', '+ a (no-eol)']);
  expect(found({ stdout: ['a'] }, { stdout: 'a\nb\n' })).toEqual(['stdout:', '+ b']);
  expect(found({ stdout: ['a', 'b'] }, { stdout: 'a\n' })).toEqual(['stdout:', '- b']);
  expect(found({}, { stdout: '\n' })).toEqual(['stdout:', '+ ']);
});

test('the status is compared', () => {
  expect(found({ status: 125 }, { status: 1 })).toEqual(['status: - 125 + 1']);
});

test('stderr without marks is compared exactly', () => {
  expect(found({ stderr: ['e'] }, { stderr: 'E\n' })).toEqual(['stderr:', '- e', '+ E']);
  expect(found({}, { stderr: 'noise\n' })).toEqual(['stderr:', '+ noise']);
  expect(found({ stderr: ['e'] }, {})).toEqual(['stderr:', '- e']);
});

test('stderr with marks must say what stands between them', () => {
  const stderr = ['docker: Error: «No such container: x»', 'Error: failed «y»'];

  expect(found({ stderr }, { stderr: 'viv: y, no such container: x (NOT_FOUND)\n' })).toEqual([]);
  expect(found({ stderr }, { stderr: 'viv: no such container: x\n' })).toEqual([
    'stderr:',
    '- «y»',
    '+ viv: no such container: x',
  ]);
  expect(found({ stderr }, {})).toEqual(['stderr:', '- «No such container: x»', '- «y»']);
});

test('columns move only in a table whose cells vary', () => {
  expect(found({ stdout: ['A   B', '<size>   x'] }, { stdout: 'A      B\n12.5MB   x\n' })).toEqual([]);
  expect(found({ stdout: ['A   B', 'abc   x'] }, { stdout: 'A      B\nabc   x\n' })).toEqual([
    'stdout:',
    '- A   B',
    '+ A      B',
  ]);
});

test('what a step met is kept for the next', () => {
  const bindings = new Map<string, string>();
  const id = 'ab'.repeat(32);

  expect(differences(step({ stdout: ['<id:web>'] }), outcome({ stdout: `${id}\n` }), bindings)).toEqual([]);
  expect(differences(step({ stdout: ['<short:web>'] }), outcome({ stdout: 'cdcdcdcdcdcd\n' }), bindings)).toEqual([
    'stdout:',
    '- <short:web>',
    '+ cdcdcdcdcdcd',
  ]);
});
