import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeLabFolder } from '../../src/lab/node-lab-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-folder-'));
  mkdirSync(join(root, 'lab/steps'), { recursive: true });
  mkdirSync(join(root, 'lab/.git'));
  writeFileSync(join(root, 'secret.md'), 'secret');
  writeFileSync(join(root, 'lab/lab.yaml'), 'version: 1');
  writeFileSync(join(root, 'lab/steps/a.md'), 'text');
  writeFileSync(join(root, 'lab/.git/config'), 'hidden');
  symlinkSync('../../secret.md', join(root, 'lab/steps/link.md'));
  symlinkSync('../..', join(root, 'lab/steps/up'));
});
afterEach(() => rmSync(root, { recursive: true }));

const folder = (): NodeLabFolder => new NodeLabFolder(join(root, 'lab'));

test('a folder has its files, but no hidden ones and no links', async () => {
  expect(await folder().list()).toEqual(['lab.yaml', 'steps/a.md']);
});

test('a file is read', async () => {
  expect(new TextDecoder().decode(await folder().read('steps/a.md', 100))).toBe('text');
});

test.each(['steps/link.md', 'steps/up/secret.md', '../secret.md', '/etc/passwd', 'steps', 'steps/b.md', ''])(
  'what is no file of it is not there: %s',
  async (path) => {
    await expect(folder().read(path, 100)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  },
);

test('a file that is too large is not read', async () => {
  await expect(folder().read('steps/a.md', 3)).rejects.toMatchObject({ code: 'LIMIT' });
});

test('a folder that is not there is named', async () => {
  await expect(new NodeLabFolder(join(root, 'none')).list()).rejects.toThrow(
    `the lab's folder ${join(root, 'none')} is not there; check the path, or make one with viv lab new`,
  );
});
