/** What the recorder writes down. */
import { expect, test } from 'vitest';
import { differences } from '../support/session/compare.ts';
import type { Step } from '../support/session/format.ts';
import { recordable, rerecord } from '../support/session/record.ts';

const ID = 'ab12'.repeat(16);
const IMAGE = 'cd34'.repeat(16);

function step(change: Partial<Step>): Step {
  return { line: 1, title: '', citations: [], command: 'viv ps', stdout: [], stderr: [], status: 0, ...change };
}

test('what varies becomes placeholders, which match what was recorded', () => {
  const bindings = new Map([
    ['busybox', IMAGE],
    ['registry', '127.0.0.1:5000'],
  ]);
  const outcome = {
    stdout: `${ID}\nsha256:${IMAGE} ${ID.slice(0, 12)}\nUp 2 seconds, 2024-01-02T03:04:05.6Z, 127.0.0.1:5000/x\n`,
    stderr: 'e\n',
    status: 3,
  };

  const recorded = rerecord(step({ command: 'viv run -d --name web busybox' }), outcome, bindings);

  expect(recorded).toMatchObject({
    stdout: ['<id:web>', '<digest:busybox> <short:web>', 'Up <duration>, <time>, <registry>/x'],
    stderr: ['e'],
    status: 3,
  });
  expect(differences(recorded, outcome, bindings)).toEqual([]);
});

test('lines that still match stay as they are written', () => {
  const outcome = { stdout: '12.5MB\nnew\n', stderr: 'Error: no such thing: x\n', status: 0 };

  expect(
    rerecord(step({ stdout: ['<size>', 'old'], stderr: ['Error: «no such thing»: x'] }), outcome, new Map()),
  ).toMatchObject({ stdout: ['<size>', 'new'], stderr: ['Error: «no such thing»: x'] });
});

test('marks stay on a text that is still there', () => {
  const outcome = { stdout: '', stderr: 'Failure: no such thing: x\n', status: 0 };

  expect(rerecord(step({ stderr: ['Error: «no such thing»: «y»'] }), outcome, new Map()).stderr).toEqual([
    'Failure: «no such thing»: x',
  ]);
});

test("advice of the client and warnings about the host's kernel are left out", () => {
  expect(
    recordable({
      stdout: 'o\n',
      stderr:
        "WARNING: Your kernel does not support swap\ndocker: bad\n\nRun 'docker run --help' for more information\n",
      status: 125,
    }),
  ).toEqual({ stdout: 'o\n', stderr: 'docker: bad\n', status: 125 });
});
