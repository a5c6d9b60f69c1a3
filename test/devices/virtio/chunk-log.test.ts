/** A store of chunks in a log: what survives which end. */
import {
  appendFileSync,
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
import { ChunkLog, type LogFolder } from '../../../src/devices/virtio/blk/chunk-log.ts';
import { CHUNK_BYTES } from '../../../src/devices/virtio/blk/chunk-store.ts';
import { nodeLogFolder } from '../../../src/devices/virtio/blk/node-log-folder.ts';

const IDENTITY = { image: 'sha256:1', size: '8' };
const chunk = (byte: number): Uint8Array => new Uint8Array(CHUNK_BYTES).fill(byte);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-chunks-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (options?: { garbageBytes?: number }): ChunkLog => new ChunkLog(nodeLogFolder(folder), options);
const log = (name = 'log-1'): string => join(folder, name);

/** The first byte of each chunk that is there. */
async function content(): Promise<Record<number, number>> {
  const store = open();
  const stored = await store.load();
  store.close();
  return Object.fromEntries([...stored!.chunks].map(([index, bytes]) => [index, bytes[0]!]));
}

/** A log with chunks 1 and 2 of those bytes, after which 2 was removed and 5 added. */
async function written(): Promise<void> {
  const store = open();
  await store.load();
  await store.create(
    IDENTITY,
    new Map([
      [1, chunk(1)],
      [2, chunk(2)],
    ]),
  );
  await store.commit(
    new Map([
      [2, undefined],
      [5, chunk(5)],
    ]),
  );
  store.close();
}

describe('a log of chunks', () => {
  test('has nothing before it was made', async () => {
    expect(await open().load()).toBeUndefined();
  });

  test('has what was made and committed, and what it is for', async () => {
    await written();

    expect(await content()).toEqual({ 1: 1, 5: 5 });
    expect((await open().load())!.identity).toEqual(IDENTITY);
  });

  test('goes on after it was read', async () => {
    await written();
    const store = open();
    await store.load();

    await store.commit(new Map([[1, chunk(9)]]));
    store.close();

    expect(await content()).toEqual({ 1: 9, 5: 5 });
  });

  test('drops a commit that was cut off anywhere, whole, and takes more', async () => {
    await written();
    const before = statSync(log()).size;
    const store = open();
    await store.load();
    await store.commit(
      new Map([
        [1, chunk(7)],
        [6, chunk(6)],
      ]),
    );
    store.close();
    const whole = readFileSync(log());
    const seen = [];
    for (const size of [before + 1, before + 20, before + CHUNK_BYTES, whole.length - 1]) {
      writeFileSync(log(), whole.subarray(0, size));
      seen.push(await content(), statSync(log()).size);
    }

    expect(seen).toEqual([1, 2, 3, 4].flatMap(() => [{ 1: 1, 5: 5 }, before]));
  });

  test('drops a commit whose content did not reach the disk before its length did', async () => {
    await written();
    const store = open();
    await store.load();
    await store.commit(new Map([[1, chunk(7)]]));
    store.close();
    const bytes = readFileSync(log());
    bytes.fill(0, bytes.length - 100);
    writeFileSync(log(), bytes);

    expect(await content()).toEqual({ 1: 1, 5: 5 });
  });

  test('is refused when something in the middle is not what was written', async () => {
    await written();
    const bytes = readFileSync(log());
    bytes[1000] = bytes[1000]! ^ 1; // in chunk 1
    writeFileSync(log(), bytes);

    await expect(open().load()).rejects.toMatchObject({
      code: 'STORE',
      message: "what is kept of the computer's disk is damaged: its content is not what was written; reset it",
    });
  });

  test('that was not made to its end is not there, and the one before it is', async () => {
    await written();
    const whole = readFileSync(log());
    writeFileSync(log('log-2'), whole.subarray(0, 300));

    expect(await content()).toEqual({ 1: 1, 5: 5 });
    expect(readdirSync(folder)).toEqual(['log-1']);
  });

  test('in place of another prevails when both are there', async () => {
    await written();
    const old = readFileSync(log());
    const store = open();
    await store.load();
    await store.create(IDENTITY, new Map([[3, chunk(3)]]));
    store.close();
    writeFileSync(log(), old); // as if there had been no time to remove it

    expect(await content()).toEqual({ 3: 3 });
    expect(readdirSync(folder)).toEqual(['log-2']);
  });

  test('is written anew when most of it was replaced', async () => {
    await written();
    const store = open({ garbageBytes: CHUNK_BYTES });
    await store.load();
    for (let byte = 10; byte < 30; byte++) await store.commit(new Map([[1, chunk(byte)]]));
    store.close();
    const [name] = readdirSync(folder);

    expect(statSync(join(folder, name!)).size).toBeLessThan(6 * CHUNK_BYTES);
    expect(await content()).toEqual({ 1: 29, 5: 5 });
  });

  test('of another version is refused and left alone', async () => {
    await written();
    const bytes = readFileSync(log());
    bytes[4] = 2;
    writeFileSync(log(), bytes);

    await expect(open().load()).rejects.toMatchObject({ code: 'STORE' });
    expect(readFileSync(log())).toEqual(bytes);
  });

  test('without room says so and has what it had before', async () => {
    await written();
    const before = statSync(log()).size;
    const real = nodeLogFolder(folder);
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const folderWithoutRoom: LogFolder = {
      ...real,
      open: async (name) => {
        const file = await real.open(name);
        const size = file.size();
        return {
          ...file,
          write: (offset, bytes) => {
            if (offset + bytes.length > size + CHUNK_BYTES) throw full;
            file.write(offset, bytes);
          },
        };
      },
    };
    const store = new ChunkLog(folderWithoutRoom);
    await store.load();

    await expect(
      store.commit(
        new Map([
          [1, chunk(7)],
          [2, chunk(8)],
        ]),
      ),
    ).rejects.toMatchObject({ code: 'NO_SPACE' });
    store.close();

    expect(statSync(log()).size).toBe(before);
    expect(await content()).toEqual({ 1: 1, 5: 5 });
  });

  test('whose file is nothing of ours is as if it were not there', async () => {
    appendFileSync(log('log-3'), 'hello');
    truncateSync(log('log-3'), 4000);

    expect(await open().load()).toBeUndefined();
  });
});
