import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Finding } from '../../../src/cli/checks/finding.ts';
import { checkRuntimeFolder, judgeFolder, judgePrivate } from '../../../src/cli/checks/folders.ts';

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

describe('the folder for sockets', () => {
  afterEach(() => vi.unstubAllEnvs());
  const check = (name: string): Promise<Finding> => {
    vi.stubEnv('VIVARIUM_RUNTIME', join(folder, name));
    return checkRuntimeFolder();
  };

  test('is made, for us alone', async () => {
    expect(await check('a/b')).toEqual({ ok: [`folder for sockets: ${join(folder, 'a/b')}`] });
    expect(statSync(join(folder, 'a/b')).mode & 0o777).toBe(0o700);
  });

  test('that others may use is named with what is to be done', async () => {
    mkdirSync(join(folder, 'open'), { mode: 0o755 });

    expect(await check('open')).toEqual({
      problems: [expect.stringMatching(/open for sockets .*mode 0700.* VIVARIUM_RUNTIME/)],
    });
  });

  test("that can't be made is named with what is to be done", async () => {
    writeFileSync(join(folder, 'file'), '');

    expect(await check('file/a')).toEqual({
      problems: [expect.stringMatching(/file\/a .* can't be made \(ENOTDIR\); .* VIVARIUM_RUNTIME/)],
    });
  });
});
