/** Session files: what they say, and that those of test/e2e/session are such files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { marks } from '../support/session/compare.ts';
import { outputLines, parseSession, printSession, steps } from '../support/session/format.ts';

const TEXT = `# A remark.

## Title
@ container/run container/wait
$ viv run busybox sh -c '
> exit 3'
| out
|
|  indented
! err
!
= 3
~ since 23
$ viv ps
`;
const FOLDER = fileURLToPath(new URL('../e2e/session', import.meta.url));

test('a step has its command, what it prints, its status, and what it is about', () => {
  expect(steps(parseSession(TEXT))).toEqual([
    {
      line: 5,
      title: 'Title',
      citations: ['container/run', 'container/wait'],
      command: "viv run busybox sh -c '\nexit 3'",
      stdout: ['out', '', ' indented'],
      stderr: ['err', ''],
      status: 3,
      deviation: 'since 23',
    },
    {
      line: 14,
      title: 'Title',
      citations: ['container/run', 'container/wait'],
      command: 'viv ps',
      stdout: [],
      stderr: [],
      status: 0,
    },
  ]);
});

test('what was parsed is printed as it was', () => {
  expect(printSession(parseSession(TEXT))).toBe(TEXT);
});

test.each([
  ['| out\n', 'line 1 belongs to no command: | out'],
  ['## T\n@ p\n$ x\n\n| out\n', 'line 5 belongs to no command: | out'],
  ['$ x\n', 'line 1 has no title or no citation above it: $ x'],
  ['## T\n$ x\n', 'line 2 has no title or no citation above it: $ x'],
  ['## T\n@ p\n## U\n$ x\n', 'line 4 has no title or no citation above it: $ x'],
  ['## T\n@ http://x\n', 'line 2 cites no page: @ http://x'],
  ['## T\n@ p\n$ x\n= 0\n', 'line 4 is no status: = 0'],
  ['## T\n@ p\n$ x\nwords\n', 'line 4 begins with no known sign: words'],
])('%j is no session', (text, message) => {
  expect(() => parseSession(text)).toThrow(message);
});

test('output becomes lines, and the lack of a newline shows', () => {
  expect([outputLines(''), outputLines('\n'), outputLines('a\n\n'), outputLines('a\nb')]).toEqual([
    [],
    [''],
    ['a', ''],
    ['a', 'b (no-eol)'],
  ]);
});

describe.each(readdirSync(FOLDER))('%s', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const session = steps(parseSession(text));

  test('is a session as the recorder would write it', () => {
    expect(name).toMatch(/\.session$/);
    expect(printSession(parseSession(text))).toBe(text);
    expect(session.length).toBeGreaterThan(10);
  });

  test("an engine's own messages have marks, or they could never match", () => {
    const messages = session.map(({ stderr }) => stderr).filter((lines) => /\b(docker|daemon)\b/.test(lines.join(' ')));
    expect(messages.filter((lines) => lines.flatMap(marks).length === 0)).toEqual([]);
  });
});
