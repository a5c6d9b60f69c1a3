/** A disk in chunks: what it reads, what it takes, how it goes back, and what its store has. */
import { describe, expect, test } from 'vitest';
import { ChunkDisk, type ChunkDiskOptions } from '../../../src/devices/virtio/blk/chunk-disk.ts';
import { CHUNK_BYTES } from '../../../src/devices/virtio/blk/chunk-store.ts';
import type { VivariumError } from '../../../src/util/errors.ts';
import { MemoryChunkStore } from '../../support/memory-chunk-store.ts';

const CHUNKS = 8;
const IDENTITY = { image: 'sha256:1', size: '8' };

function open(options: Partial<ChunkDiskOptions> = {}): Promise<ChunkDisk> {
  return ChunkDisk.open({
    byteCount: CHUNKS * CHUNK_BYTES,
    id: 'disk',
    parts: [],
    bytesMax: CHUNKS * CHUNK_BYTES,
    ...options,
  });
}

function keeping(store: MemoryChunkStore, change: Record<string, string> = {}): Partial<ChunkDiskOptions> {
  return { keep: { name: 'lab', store, identity: { ...IDENTITY, ...change } } };
}

function text(disk: ChunkDisk, offset: number, length: number): string {
  const target = new Uint8Array(length).fill(0xff);
  disk.read(offset, target);
  return Buffer.from(target).toString('latin1').replaceAll('\0', '.');
}

const put = (disk: ChunkDisk, offset: number, value: string): void => disk.write(offset, Buffer.from(value));

describe('a disk in chunks', () => {
  test('has its parts on it, and else zeroes that take nothing', async () => {
    const disk = await open({ parts: [{ offset: CHUNK_BYTES - 2, bytes: Buffer.from('abcd') }] });

    expect(text(disk, CHUNK_BYTES - 4, 8)).toBe('..abcd..');
    expect(text(disk, 5 * CHUNK_BYTES, 4)).toBe('....');
    expect(disk.heldBytes).toBe(2 * CHUNK_BYTES);
  });

  test('reads what was written last, over the borders of chunks', async () => {
    const disk = await open();
    put(disk, CHUNK_BYTES - 3, 'abcdef');
    put(disk, CHUNK_BYTES - 1, 'XY');

    expect(text(disk, CHUNK_BYTES - 4, 8)).toBe('.abXYef.');
  });

  test('takes no room for zeroes that are written where there are some', async () => {
    const disk = await open();

    disk.write(0, new Uint8Array(3 * CHUNK_BYTES));

    expect(disk.heldBytes).toBe(0);
  });

  test('gives back what is discarded when nothing is left in the chunk', async () => {
    const disk = await open();
    put(disk, 512, 'abcd');
    put(disk, 4096, 'efgh');

    disk.discard(0, 4096);
    const [half, halfBytes] = [text(disk, 4096, 4), disk.heldBytes];
    disk.writeZeroes(4096, 512);

    expect([half, halfBytes, disk.heldBytes]).toEqual(['efgh', CHUNK_BYTES, 0]);
    expect(text(disk, 512, 4)).toBe('....');
  });

  test('fails writes above its limit, says so once, and keeps what it has', async () => {
    const troubles: VivariumError[] = [];
    const disk = await open({ bytesMax: 2 * CHUNK_BYTES, onTrouble: (error) => troubles.push(error) });
    put(disk, 0, 'a');
    put(disk, CHUNK_BYTES, 'b');

    expect(() => put(disk, 2 * CHUNK_BYTES, 'c')).toThrow('takes all the memory');
    expect(() => put(disk, 3 * CHUNK_BYTES, 'c')).toThrow('takes all the memory');
    put(disk, 1, 'z');

    expect(text(disk, 0, 3)).toBe('az.');
    expect(troubles.map(({ code }) => code)).toEqual(['LIMIT']);
  });

  test('whose first content is over the limit is refused', async () => {
    const parts = [{ offset: 0, bytes: Buffer.from('a') }];

    await expect(open({ bytesMax: 0, parts })).rejects.toMatchObject({ code: 'LIMIT' });
  });
});

describe('a snapshot of a disk in chunks', () => {
  test('takes nothing until something is written, and the disk goes back to it again and again', async () => {
    const disk = await open();
    put(disk, 0, 'first');
    const snapshot = disk.snapshot();
    const before = [disk.heldBytes, snapshot.byteCount];
    put(disk, 0, 'second');
    put(disk, CHUNK_BYTES, 'new');
    const after = [disk.heldBytes, snapshot.byteCount];

    disk.restore(snapshot);
    const once = text(disk, 0, 6) + text(disk, CHUNK_BYTES, 3);
    put(disk, 0, 'third!');
    disk.discard(0, CHUNK_BYTES);
    disk.restore(snapshot);

    expect([before, after]).toEqual([
      [CHUNK_BYTES, 0],
      [3 * CHUNK_BYTES, CHUNK_BYTES],
    ]);
    expect([once, text(disk, 0, 6)]).toEqual(['first....', 'first.']);
    expect(disk.heldBytes).toBe(CHUNK_BYTES);
  });

  test('stands by itself: others may be released before it', async () => {
    const disk = await open();
    put(disk, 0, 'one');
    const one = disk.snapshot();
    put(disk, 0, 'two');
    const two = disk.snapshot();
    put(disk, 0, 'now');

    one.release();
    one.release();
    disk.restore(two);
    two.release();

    expect(text(disk, 0, 3)).toBe('two');
    expect(disk.heldBytes).toBe(CHUNK_BYTES);
  });

  test('counts against the limit', async () => {
    const disk = await open({ bytesMax: CHUNK_BYTES });
    put(disk, 0, 'one');
    const snapshot = disk.snapshot();

    expect(() => put(disk, 0, 'two')).toThrow('takes all the memory');
    snapshot.release();
    put(disk, 0, 'two');

    expect(text(disk, 0, 3)).toBe('two');
  });

  test('of another disk or one that was released is a mistake of ours', async () => {
    const [disk, other] = [await open(), await open()];
    const snapshot = disk.snapshot();

    snapshot.release();

    expect(() => disk.restore(snapshot)).toThrow('not released');
    expect(() => disk.restore({ byteCount: 0, release: () => {} })).toThrow('of its own');
    expect(() => disk.restore(other.snapshot())).toThrow('of its own');
  });
});

describe('a disk that is kept', () => {
  test('is in its store when a flush is done, and there again when it is opened anew', async () => {
    const store = new MemoryChunkStore();
    const disk = await open({ ...keeping(store), parts: [{ offset: 0, bytes: Buffer.from('made') }] });
    put(disk, 3 * CHUNK_BYTES, 'mine');
    await disk.flush();
    put(disk, 4 * CHUNK_BYTES, 'lost');
    disk.close();

    const again = await open({ ...keeping(store), parts: [{ offset: 0, bytes: Buffer.from('other') }] });

    expect([0, 3, 4].map((chunk) => text(again, chunk * CHUNK_BYTES, 5))).toEqual(['made.', 'mine.', '.....']);
    expect(store.isClosed).toBe(true);
  });

  test('commits only what has changed, and nothing when nothing has', async () => {
    const store = new MemoryChunkStore();
    const disk = await open(keeping(store));
    put(disk, 0, 'a');
    put(disk, 2 * CHUNK_BYTES, 'b');
    await disk.flush();
    put(disk, 2 * CHUNK_BYTES, 'c');
    await disk.flush();

    expect(disk.flush()).toBeUndefined();
    expect(store.commits).toEqual([[0, 2], [2]]);
  });

  test('has a later flush wait for what was written meanwhile, and does not change what is being committed', async () => {
    const store = new MemoryChunkStore();
    let go!: () => void;
    store.hold = new Promise((resolve) => (go = resolve));
    const disk = await open(keeping(store));
    put(disk, 0, 'one');
    const first = disk.flush();
    put(disk, 0, 'two');
    const [second, third] = [disk.flush(), disk.flush()];
    const seen: string[] = [];
    void Promise.resolve(first).then(() => seen.push(Buffer.from(store.chunks.get(0)!.subarray(0, 3)).toString()));

    go();
    await Promise.all([first, second, third]);

    expect(seen).toEqual(['one']);
    expect(Buffer.from(store.chunks.get(0)!.subarray(0, 3)).toString()).toBe('two');
    expect(store.commits).toEqual([[0], [0]]);
  });

  test('tells the guest and its owner when the store is full, and tries again', async () => {
    const store = new MemoryChunkStore();
    const troubles: VivariumError[] = [];
    const disk = await open({ ...keeping(store), onTrouble: (error) => troubles.push(error) });
    put(disk, 0, 'a');
    store.isFull = true;
    await expect(disk.flush()).rejects.toMatchObject({ code: 'NO_SPACE' });
    await expect(disk.flush()).rejects.toMatchObject({ code: 'NO_SPACE' });
    store.isFull = false;

    await disk.flush();

    expect(troubles.map(({ code }) => code)).toEqual(['NO_SPACE']);
    expect(store.commits).toEqual([[0]]);
  });

  test('that goes back is so in the store with one commit', async () => {
    const store = new MemoryChunkStore();
    const disk = await open(keeping(store));
    put(disk, 0, 'old');
    const snapshot = disk.snapshot();
    await disk.flush();
    put(disk, 0, 'new');
    put(disk, CHUNK_BYTES, 'more');
    await disk.flush();

    disk.restore(snapshot);
    await disk.flush();

    expect(store.commits.at(-1)).toEqual([0, 1]);
    expect([...store.chunks.keys()]).toEqual([0]);
  });

  test('is refused for something else, by what is not the same, and the store let go', async () => {
    const store = new MemoryChunkStore();
    await open(keeping(store));

    await expect(open(keeping(store, { image: 'sha256:2' }))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'what is kept as "lab" was made with another image: reset it, or keep this one under another name',
    });
    expect(store.isClosed).toBe(true);
  });

  test('is refused when its store holds what can not be', async () => {
    const store = new MemoryChunkStore();
    store.identity = IDENTITY;
    store.chunks.set(CHUNKS, new Uint8Array(CHUNK_BYTES));

    await expect(open(keeping(store))).rejects.toMatchObject({ code: 'STORE' });
  });
});
