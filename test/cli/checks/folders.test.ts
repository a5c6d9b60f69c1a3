import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { judgeFolder, judgePrivate, judgeRuntimeFolder } from '../../../src/cli/checks/folders.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-folders-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const judge = (path: string): string[] => judgeFolder('images', path, 'VIVARIUM_HOME');

test('a folder of ours is fine, also one that is still to be made', () => {
  expect(judge(folder)).toEqual([]);
  expect(judge(join(folder, 'a/b'))).toEqual([]);
});

test('a file in the way is named', () => {
  writeFileSync(join(folder, 'a'), '');

  expect(judge(join(folder, 'a/b'))).toEqual([expect.stringMatching(/a is no folder, .* set VIVARIUM_HOME/)]);
});

test('a folder that others may write to is named with the command that mends it', () => {
  chmodSync(folder, 0o777);

  expect(judge(folder)).toEqual([`other users may write to ${folder}; run chmod go-w ${folder}`]);
});

test.runIf(process.getuid?.() !== 0)('a folder that may not be written is named', () => {
  chmodSync(folder, 0o500);

  expect(judge(folder)).toEqual([expect.stringMatching(/can't be written by .* set VIVARIUM_HOME/)]);
});

test('passwords that others may read are named with the command that mends it', () => {
  const path = join(folder, 'auth.json');
  expect(judgePrivate(path)).toEqual([]);
  writeFileSync(path, '{}', { mode: 0o600 });
  expect(judgePrivate(path)).toEqual([]);
  chmodSync(path, 0o644);
  expect(judgePrivate(path)).toEqual([`other users may read ${path}, which has passwords; run chmod 600 ${path}`]);
});

test('the folder for sockets must be ours alone', () => {
  const uid = process.getuid?.();
  const run = (path: string | undefined, id = uid): unknown => judgeRuntimeFolder('XDG_RUNTIME_DIR', path, id);

  expect(run(undefined)).toHaveProperty('ok');
  expect(run(folder)).toEqual({ ok: [`XDG_RUNTIME_DIR ${folder}`] });
  expect(run(join(folder, 'none'))).toEqual({
    warnings: [expect.stringMatching(/is not there; make it with mode 0700/)],
  });
  expect(run(folder, 12345)).toEqual({ warnings: [expect.stringMatching(/is not a folder of yours/)] });
  mkdirSync(join(folder, 'open'), { mode: 0o755 });
  expect(run(join(folder, 'open'))).toEqual({ warnings: [expect.stringMatching(/run chmod 700/)] });
});
