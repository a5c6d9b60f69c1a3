/** Snapshot files on a disk: whole or not there. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SnapshotFile } from '../../src/machine/snapshot-file/read.ts';
import { fileSource, writeSnapshotFile } from '../../src/worker/node-snapshot.ts';
import { IDENTITY, memory, page, snapshotOf } from '../support/snapshots.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-snapshot-'));
  path = join(folder, 'guest.vivsnap');
});
afterEach(() => rmSync(folder, { recursive: true }));

const snapshot = snapshotOf(new Map([[3, page(4)]]));

describe('a snapshot file', () => {
  test('is read back from the disk', async () => {
    await writeSnapshotFile(path, snapshot, IDENTITY);

    const source = fileSource(path);
    const file = await SnapshotFile.open(source);
    const ram = memory();
    await file.loadRam(ram);
    source.close();

    expect(ram.bytes.subarray(3 * 4096, 4 * 4096)).toEqual(page(4));
    expect(await SnapshotFile.open(fileSource(path)).then(({ header }) => header.id)).toBe(file.header.id);
  });

  test('is for its owner only', async () => {
    await writeSnapshotFile(path, snapshot, IDENTITY);

    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('that can not be put in place leaves nothing behind, and what was there', async () => {
    mkdirSync(path); // what a file can't replace
    writeFileSync(join(path, 'kept'), 'kept');

    await expect(writeSnapshotFile(path, snapshot, IDENTITY)).rejects.toThrow();

    expect(readdirSync(folder)).toEqual(['guest.vivsnap']);
    expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('kept');
  });

  test('that two write at once is one of the two', async () => {
    await Promise.all([1, 2, 3].map(() => writeSnapshotFile(path, snapshot, IDENTITY)));

    expect(readdirSync(folder)).toEqual(['guest.vivsnap']);
    await expect(SnapshotFile.open(fileSource(path))).resolves.toBeDefined();
  });

  test('that is not there is not found', () => {
    expect(() => fileSource(path)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }) as Error);
  });

  test('that shrinks while it is read is refused', async () => {
    await writeSnapshotFile(path, snapshot, IDENTITY);
    const file = await SnapshotFile.open(fileSource(path));
    truncateSync(path, 3000);

    await expect(file.loadRam(memory())).rejects.toMatchObject({ code: 'BAD_STATE' });
  });
});
