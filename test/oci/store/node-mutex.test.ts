import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileMutex } from '../../../src/oci/store/node-mutex.ts';
import { type Liveness, ownerLiveness, thisOwner } from '../../../src/oci/store/node-owner.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-mutex-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

let names = 0;
function mutex(liveness?: (owner: string) => Liveness): FileMutex {
  return new FileMutex(folder, {
    uniqueName: () => String(++names),
    nowMs: () => Date.now(),
    ...(liveness === undefined ? {} : { liveness }),
  });
}

describe('the lock of a store', () => {
  test('is held by one at a time', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      const release = await mutex().acquire();
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 3));
      inside--;
      await release();
    };

    await Promise.all(Array.from({ length: 12 }, work));

    expect([inside, most]).toEqual([0, 1]);
  });

  test('is not had while its holder lives', async () => {
    await mutex().acquire();

    await expect(mutex().acquire(AbortSignal.timeout(150))).rejects.toThrow();
  });

  test('of a process that is dead is free', async () => {
    writeFileSync(join(folder, '7'), 'somebody');

    const release = await mutex((owner) => (owner === 'somebody' ? 'dead' : 'alive')).acquire();

    expect(readFileSync(join(folder, '8'), 'utf8')).toBe(thisOwner());
    await release();
  });

  test('of a dead process goes to one of many', async () => {
    writeFileSync(join(folder, '7'), 'not a text of ours');
    const taken: number[] = [];
    let inside = 0;
    const contend = async (index: number): Promise<void> => {
      const release = await mutex().acquire();
      expect(++inside).toBe(1);
      taken.push(index);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
      await release();
    };

    await Promise.all(Array.from({ length: 8 }, (_, index) => contend(index)));

    expect(taken.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('of a holder that can not be looked at is free once it has been silent for minutes', async () => {
    const path = join(folder, '3');
    writeFileSync(path, 'elsewhere');
    const unknown = (owner: string): Liveness => (owner === 'elsewhere' ? 'unknown' : 'alive');
    await expect(mutex(unknown).acquire(AbortSignal.timeout(100))).rejects.toThrow();
    const longAgo = Date.now() / 1000 - 600;
    utimesSync(path, longAgo, longAgo);

    const release = await mutex(unknown).acquire();

    await release();
  });

  test('leaves at most two files behind, and drafts of the killed go', async () => {
    mkdirSync(folder, { recursive: true });
    const draft = join(folder, 'draft-x');
    writeFileSync(draft, '');
    utimesSync(draft, 1, 1);
    for (const _ of [1, 2, 3]) await (await mutex().acquire())();

    expect(readdirSync(folder).sort()).toEqual(['3', '3.free']);
  });
});

describe('a process', () => {
  test('is known to be alive, and dead when it has ended or its number is used again', async () => {
    const child = spawn('sleep', ['60']);
    const started = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!;
    const owner = JSON.stringify({ ...(JSON.parse(thisOwner()) as object), pid: child.pid, started });
    const reused = JSON.stringify({ ...(JSON.parse(thisOwner()) as object), pid: child.pid, started: '1' });

    const before = [ownerLiveness(thisOwner()), ownerLiveness(owner), ownerLiveness(reused)];
    child.kill('SIGKILL');
    await once(child, 'close');

    expect([...before, ownerLiveness(owner)]).toEqual(['alive', 'alive', 'dead', 'dead']);
  });

  test('of another boot, host or PID namespace is not known', () => {
    const owner = JSON.stringify({ ...(JSON.parse(thisOwner()) as object), realm: 'other' });

    expect(ownerLiveness(owner)).toBe('unknown');
  });
});
