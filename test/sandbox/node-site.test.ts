/** The list of files that a site's service worker keeps. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finishSite } from '../../src/sandbox/node-site.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-site-'));
  for (const name of ['assets', 'guest', 'images/layers']) mkdirSync(join(folder, name), { recursive: true });
  for (const path of [
    'index.html',
    'assets/a.js',
    'assets/a.js.map',
    'guest/core.bin',
    'images/layers/x.layer',
    'service-worker.js',
    'NOTICES.txt',
    'SOURCES.md',
  ])
    writeFileSync(join(folder, path), path);
});
afterEach(() => rmSync(folder, { recursive: true }));

function list(): { version: string; files: Record<string, string> } {
  const self: { vivariumFiles?: { version: string; files: Record<string, string> } } = {};
  runInNewContext(readFileSync(join(folder, 'service-worker-files.js'), 'utf8'), { self });
  return self.vivariumFiles!;
}

test('it has pages and scripts with their hashes, and not what has caches of its own', async () => {
  expect(await finishSite(folder)).toEqual(['assets/a.js', 'index.html']);
  expect(list().files).toEqual({
    'assets/a.js': '546703d5a71d08cc2b8ea60042be07bdd12819da7841c613e4e4a390ab67c142',
    'index.html': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
});

test('its version changes with any of the files, and with nothing else', async () => {
  await finishSite(folder);
  const before = list().version;
  await finishSite(folder);
  expect(list().version).toBe(before);
  writeFileSync(join(folder, 'assets/a.js'), 'other');
  await finishSite(folder);
  expect(list().version).not.toBe(before);
});
