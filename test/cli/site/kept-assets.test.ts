/** Assets of two small files, made on the spot. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptAssets, type KeptAssetsOptions } from '../../../src/cli/site/kept-assets.ts';

let root: string;
let folder: string;
let made: number;
let told: string[];
const never = new AbortController().signal;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kept-assets-'));
  folder = join(root, 'cache/site-assets');
  made = 0;
  told = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function make(into: string): Promise<void> {
  made++;
  mkdirSync(join(into, 'guest'));
  writeFileSync(join(into, 'guest/core.bin'), 'the core');
  writeFileSync(join(into, 'assets.json'), '{}');
}

const kept = (options: Partial<KeptAssetsOptions> = {}): Promise<string> =>
  keptAssets({ folder, key: 'k1', make, tell: (line) => told.push(line), signal: never, ...options });
/** What is in the cache besides locks. */
const entries = (): string[] => readdirSync(folder).filter((name) => name !== 'lock');

test('they are made at first use, and are there the next time', async () => {
  const first = await kept();
  const second = await kept();

  expect([first, second, made]).toEqual([join(folder, 'k1/files'), first, 1]);
  expect(readFileSync(join(first, 'guest/core.bin'), 'utf8')).toBe('the core');
  expect(entries()).toEqual(['k1']);
});

test('what is made of something else is something else', async () => {
  await kept();
  await kept({ key: 'k2' });

  expect([made, entries()]).toEqual([2, ['k1', 'k2']]);
});

test.each([
  ['a file that was changed', (files: string) => writeFileSync(join(files, 'guest/core.bin'), 'the CORE')],
  ['a file that is gone', (files: string) => rmSync(join(files, 'assets.json'))],
  ['a file too many', (files: string) => writeFileSync(join(files, 'guest/other.bin'), '')],
  ['a list that was cut off', (files: string) => writeFileSync(join(files, '../list.json'), '{"assets')],
])('%s is found, and all are made again', async (_what, damage) => {
  const files = await kept();
  damage(files);

  await kept();

  expect(made).toBe(2);
  expect(readdirSync(files, { recursive: true }).sort()).toEqual(['assets.json', 'guest', 'guest/core.bin']);
  expect(readFileSync(join(files, 'guest/core.bin'), 'utf8')).toBe('the core');
});

test('several that want them at once make them once', async () => {
  const places = await Promise.all([kept(), kept(), kept()]);

  expect([new Set(places).size, made]).toEqual([1, 1]);
});

test('whoever waits for another is told so, and may give up', async () => {
  let finish!: () => void;
  const slow = kept({ make: async (into) => (await new Promise<void>((resolve) => (finish = resolve)), make(into)) });
  const stop = new AbortController();
  const waiting = kept({
    tell: (line) => {
      told.push(line);
      stop.abort(new Error('enough'));
    },
    signal: stop.signal,
  });

  await expect(waiting).rejects.toThrow('enough');
  finish();
  await slow;
  expect([told, made]).toEqual([['another viv is making it: waiting'], 1]);
});

test('when making fails nothing is kept, and the next one makes them', async () => {
  const failing = kept({
    make: async (into) => {
      appendFileSync(join(into, 'half'), 'h');
      throw new Error('the guest does not boot');
    },
  });

  await expect(failing).rejects.toThrow('the guest does not boot');
  expect(entries()).toEqual([]);
  await kept();
  expect(made).toBe(1);
});

test('what a process that was killed has left is removed', async () => {
  mkdirSync(join(folder, '.tmp-killed/files'), { recursive: true });
  mkdirSync(join(folder, 'k1/files'), { recursive: true });

  await kept();

  expect([made, entries(), existsSync(join(folder, 'k1/list.json'))]).toEqual([1, ['k1'], true]);
});

test('a full disk is told with what to do', async () => {
  const full = kept({
    make: () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' })),
  });

  await expect(full).rejects.toMatchObject({ code: 'NO_SPACE', message: expect.stringContaining('free about 100 MB') });
});

test('a file in the place of the cache is named, with what to do', async () => {
  writeFileSync(join(root, 'cache'), '');

  await expect(kept()).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('set VIVARIUM_CACHE to a folder that you may write'),
  });
});
