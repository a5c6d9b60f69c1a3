import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { spool } from '../../src/oci/node-layer-cache.ts';

const DAY_S = 24 * 60 * 60;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(1, 2, 3);
}

test('what a killed process left unpacked days ago is removed, what another one is unpacking stays', async () => {
  mkdirSync(join(folder, 'partial-old'));
  mkdirSync(join(folder, 'partial-new'));
  const longAgoS = Date.now() / 1000 - 2 * DAY_S;
  utimesSync(join(folder, 'partial-old'), longAgoS, longAgoS);

  (await spool(folder, bytes())).close();

  expect(readdirSync(folder)).toEqual(['partial-new']);
});
