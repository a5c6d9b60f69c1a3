import { expect, test } from 'vitest';
import { classifyStartFailure } from '../../src/container/start-failure.ts';

function crunLog(message: string): string {
  return `${JSON.stringify({ msg: message, level: 'error', time: '2024-01-01T00:00:00Z' })}\n`;
}

test.each([
  ['executable file `nowhere` not found in $PATH: No such file or directory', 127],
  ['exec container process (missing dynamic library?) `/bin/x`: No such file or directory', 127],
  ['open executable: Permission denied', 126],
  ['open executable: Operation not permitted', 126],
  ['exec container process `/bin/x`: Exec format error', 126],
  ['chdir `/bin/echo`: Not a directory', 125],
  ['cannot stat `/run/vivarium/rootfs`: No such file or directory', 125],
])('%s gives %i', (message, code) => {
  expect(classifyStartFailure(crunLog(message))).toEqual({ code, reason: message });
});

test('a log cut off at its start is judged by what is left', () => {
  expect(classifyStartFailure(`l":"x"}\n${crunLog('open executable: Permission denied')}`).code).toBe(126);
});

test('an empty log is a failure of ours', () => {
  expect(classifyStartFailure('')).toEqual({ code: 125, reason: 'no reason given' });
});
