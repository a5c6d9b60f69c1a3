import { expect, test } from 'vitest';
import { judgeMemory, judgeNode, judgeSpace, judgeWebAssembly } from '../../../src/cli/checks/host.ts';

const GIB = 2 ** 30;

test.each(['20.19.0', '20.19.1', '20.20.0', '22.0.0'])('Node %s will do', (version) => {
  expect(judgeNode(version, '20.19.0')).toEqual({ ok: [`Node ${version}`] });
});

test.each(['20.18.9', '18.20.0', '20.9.0'])('Node %s is too old, and that is said with the remedy', (version) => {
  expect(judgeNode(version, '20.19.0').problems).toEqual([
    expect.stringMatching(/is too old; install Node 20.19.0 or newer/),
  ]);
});

test('what WebAssembly lacks is named', () => {
  const features = { SIMD: true, threads: true, 'tail calls': true };

  expect(judgeWebAssembly(features, true).ok).toEqual([
    'WebAssembly with SIMD, threads, tail calls, SharedArrayBuffer',
  ]);
  expect(judgeWebAssembly({ ...features, SIMD: false }, false).problems).toEqual([
    expect.stringMatching(/lacks SIMD, SharedArrayBuffer; start Node/),
  ]);
});

test('little memory is a warning with the remedy', () => {
  expect(judgeMemory({ total: 8 * GIB, available: 4 * GIB })).toEqual({
    ok: ['memory: 4.295GB of 8.59GB are free'],
  });
  expect(judgeMemory({ total: 8 * GIB, available: GIB / 2 }).warnings).toEqual([
    expect.stringMatching(/536.9MB of 8.59GB are free; .*--memory$/),
  ]);
});

test('little room is a warning with the remedy', () => {
  expect(judgeSpace('the cache /c', GIB, 'free some')).toEqual({ ok: ['disk: 1.074GB are free for the cache /c'] });
  expect(judgeSpace('the cache /c', 1000, 'free some').warnings).toEqual([
    'disk: 1kB are free for the cache /c; free some',
  ]);
});
