import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileHashes } from '../../src/cli/file-hashes.ts';
import { SnapshotCache } from '../../src/cli/snapshot-cache.ts';
import { page, snapshotOf } from '../support/snapshots.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const snapshot = snapshotOf(new Map([[1, page(1)]]));

describe('the cache of snapshots', () => {
  const create = (): SnapshotCache => new SnapshotCache({ folder: join(folder, 'made'), parts: {}, notice: () => {} });

  test('finds what it has saved, and nothing else', async () => {
    const cache = create();
    await cache.save({ a: '1', b: '2' }, snapshot);

    const found = cache.find({ b: '2', a: '1' });

    expect(found).toMatchObject({ kind: 'file', identity: { a: '1', b: '2' } });
    expect([cache.find({ a: '1' }), cache.find({ a: '1', b: '3' })]).toEqual([undefined, undefined]);
  });

  test('forgets what was not used for longest', async () => {
    const cache = create();
    for (let number = 0; number < 8; number++) {
      await cache.save({ number: String(number) }, snapshot);
      const { path } = cache.find({ number: String(number) }) as { path: string };
      utimesSync(path, 1000 + number, 1000 + number);
    }
    cache.find({ number: '0' }); // used

    await cache.save({ number: 'new' }, snapshot);

    const kept = ['0', '1', '2', 'new'].map((number) => cache.find({ number }) !== undefined);
    expect(kept).toEqual([true, false, true, true]);
  });

  test("clears away what killed processes left, and nobody else's", async () => {
    const cache = create();
    await cache.save({}, snapshot);
    const [old, fresh, other] = ['x.vivsnap.1.tmp', 'y.vivsnap.2.tmp', 'hashes.json'].map((name) =>
      join(folder, 'made', name),
    ) as [string, string, string];
    for (const path of [old, fresh, other]) writeFileSync(path, '');
    utimesSync(old, 1000, 1000);
    utimesSync(other, 1000, 1000);

    await cache.save({}, snapshot);

    expect([old, fresh, other].map((path) => existsSync(path))).toEqual([false, true, true]);
  });

  test('is for its owner only', async () => {
    await create().save({}, snapshot);

    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o700);
  });
});

describe('hashes of files', () => {
  const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'; // FIPS 180-4, of nothing
  const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-4, of "abc"

  test('are remembered by another process while the file is the same', () => {
    const [file, memo] = [join(folder, 'file'), join(folder, 'memo')];
    writeFileSync(file, 'abc');
    new FileHashes(memo).sha256(file);
    // Only a record can know this.
    writeFileSync(memo, readFileSync(memo, 'utf8').replace(ABC, EMPTY));

    expect(new FileHashes(memo).sha256(file)).toBe(EMPTY);
  });

  test('are not those of a file that was there before', () => {
    const [file, memo] = [join(folder, 'file'), join(folder, 'memo')];
    writeFileSync(file, 'abd');
    new FileHashes(memo).sha256(file);
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'abc');
    utimesSync(file, atime, mtime);

    expect(new FileHashes(memo).sha256(file)).toBe(ABC);
  });

  test.each(['', 'no json', '[]', 'null', '{"/f": 1}', '{"/f": {"stat": 1}}'])(
    'do without a record that is %j',
    (content) => {
      const [file, memo] = [join(folder, 'file'), join(folder, 'memo')];
      writeFileSync(memo, content);
      writeFileSync(file, '');

      expect(new FileHashes(memo).sha256(file)).toBe(EMPTY);
    },
  );

  test('are worked out where nothing can be remembered', () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'abc');

    expect(new FileHashes(join(folder, 'none', 'memo')).sha256(file)).toBe(ABC);
  });
});
