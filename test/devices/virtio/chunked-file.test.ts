/** Files that are fetched in chunks as they are read: what is fetched, what is checked, and what happens when it can't be. */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  ChunkedFile,
  type ByteSource,
  type ChunkCache,
  type ChunkedFileShape,
  type OpenedBytes,
} from '../../../src/devices/virtio/blk/chunked-file.ts';

const CHUNK_BYTES = 1000;
const CHUNK_COUNT = 40;
/** Compresses in half of the chunks. */
const CONTENT = Uint8Array.from({ length: CHUNK_BYTES * CHUNK_COUNT - 300 }, (_, at) =>
  Math.floor(at / CHUNK_BYTES) % 2 === 0 ? at >> 8 : (at * 2654435761) >>> 24,
);

const sha256 = (bytes: Uint8Array): Promise<string> =>
  Promise.resolve(createHash('sha256').update(bytes).digest('hex'));

function store(): { shape: ChunkedFileShape; stored: Uint8Array } {
  const pieces: Uint8Array[] = [];
  const chunks = Array.from({ length: CHUNK_COUNT }, (_, index) => {
    const content = CONTENT.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const deflated = deflateRawSync(content);
    const piece = deflated.length < content.length ? deflated : content;
    pieces.push(piece);
    return { storedBytes: piece.length, sha256: createHash('sha256').update(piece).digest('hex') };
  });
  return { shape: { byteCount: CONTENT.length, chunkBytes: CHUNK_BYTES, chunks }, stored: Buffer.concat(pieces) };
}

const { shape, stored } = store();

/** Gives what is asked for in pieces of odd lengths; notes each request. */
class FakeSource implements ByteSource {
  readonly requests: { offset: number; byteCount: number; fresh: boolean }[] = [];
  bytes: Uint8Array = stored;
  hasRanges = true;
  /** Rejects so many requests. */
  failures = 0;
  /** What is kept on the way there, until somebody asks for fresh bytes. */
  stale: Uint8Array | undefined;

  async open(offset: number, byteCount: number, fresh: boolean): Promise<OpenedBytes> {
    this.requests.push({ offset, byteCount, fresh });
    await Promise.resolve();
    if (this.failures-- > 0) throw new Error('no network');
    const bytes = !fresh && this.stale !== undefined ? this.stale : this.bytes;
    const given = this.hasRanges ? bytes.subarray(offset, offset + byteCount) : bytes;
    return { isWhole: !this.hasRanges, pieces: piecesOf(given) };
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 333) {
    await Promise.resolve();
    yield bytes.subarray(at, at + 333);
  }
}

class FakeCache implements ChunkCache {
  readonly chunks = new Map<string, Uint8Array>();
  get = (key: string): Promise<Uint8Array | undefined> => Promise.resolve(this.chunks.get(key));
  put = (key: string, bytes: Uint8Array): Promise<void> => {
    this.chunks.set(key, bytes);
    return Promise.resolve();
  };
}

let source: FakeSource;
let cache: FakeCache;
let file: ChunkedFile;
const open = (): ChunkedFile => new ChunkedFile({ file: shape, name: 'the layer', source, cache, sha256 });
beforeEach(() => {
  source = new FakeSource();
  cache = new FakeCache();
  file = open();
});

async function read(offset: number, byteCount: number, from = file): Promise<Uint8Array> {
  const target = new Uint8Array(byteCount);
  await from.read(offset, target);
  return target;
}

describe('a read', () => {
  test('gets what it asks for across chunks, and fetches those alone', async () => {
    expect(await read(1900, 1200)).toEqual(CONTENT.subarray(1900, 3100));
    const offset = shape.chunks[0]!.storedBytes;
    const byteCount = [1, 2, 3].reduce((sum, index) => sum + shape.chunks[index]!.storedBytes, 0);
    expect(source.requests).toEqual([{ offset, byteCount, fresh: false }]);
  });

  test('of the last chunk, which is shorter, gets it', async () => {
    expect(await read(CONTENT.length - 10, 10)).toEqual(CONTENT.subarray(-10));
  });

  test('of a chunk at hand is answered at once', async () => {
    await read(0, 10);
    const target = new Uint8Array(100);
    expect(file.read(50, target)).toBeUndefined();
    expect(target).toEqual(CONTENT.subarray(50, 150));
    expect(source.requests).toHaveLength(1);
  });

  test('of what is being fetched shares the fetch', async () => {
    const offsets = [5000, 5500, 5900];
    const results = await Promise.all(offsets.map((offset) => read(offset, 20)));
    expect(results).toEqual(offsets.map((offset) => CONTENT.subarray(offset, offset + 20)));
    expect(source.requests.map(({ byteCount }) => byteCount)).toEqual([shape.chunks[5]!.storedBytes]);
  });

  test('that goes on and on fetches more and more ahead', async () => {
    for (let chunk = 0; chunk < CHUNK_COUNT - 1; chunk++) await read(chunk * CHUNK_BYTES, CHUNK_BYTES);
    expect(source.requests.length).toBeLessThan(10);
  });

  test('here and there fetches nothing ahead', async () => {
    for (const chunk of [30, 10, 20]) await read(chunk * CHUNK_BYTES, 1);
    expect(source.requests.map(({ byteCount }) => byteCount)).toEqual(
      [30, 10, 20].map((chunk) => shape.chunks[chunk]!.storedBytes),
    );
  });
});

describe('the cache', () => {
  test('spares another file the fetch', async () => {
    await read(0, CONTENT.length);
    source.requests.length = 0;
    expect(await read(0, CONTENT.length, open())).toEqual(CONTENT);
    expect(source.requests).toEqual([]);
  });

  test('that has something else for a chunk is not believed', async () => {
    cache.chunks.set(shape.chunks[3]!.sha256, new Uint8Array(CHUNK_BYTES));
    expect(await read(3000, 100)).toEqual(CONTENT.subarray(3000, 3100));
  });

  test('that has no room costs nothing but the fetch', async () => {
    cache.put = () => Promise.reject(new Error('full'));
    expect(await read(3000, 3000)).toEqual(CONTENT.subarray(3000, 6000));
  });

  test('has everything after fetchAll, which fetches what it lacks', async () => {
    await read(0, CHUNK_BYTES * 3);
    source.requests.length = 0;
    await file.fetchAll(new AbortController().signal);
    expect(cache.chunks.size).toBe(CHUNK_COUNT);
    expect(source.requests[0]!.offset).toBe(
      [0, 1, 2].reduce((sum, index) => sum + shape.chunks[index]!.storedBytes, 0),
    );
  });
});

describe('a source', () => {
  test('without ranges sends the file once, whoever else waits', async () => {
    source.hasRanges = false;
    const parts = await Promise.all([read(30_000, 10), read(2_000, 10), read(10_000, 10)]);
    expect(parts).toEqual([30_000, 2_000, 10_000].map((offset) => CONTENT.subarray(offset, offset + 10)));
    expect(await read(20_000, 10)).toEqual(CONTENT.subarray(20_000, 20_010));
    expect(source.requests).toHaveLength(1);
  });

  test('that fails rejects who waits, and is asked again by the next', async () => {
    source.failures = 1;
    await expect(read(0, 10)).rejects.toThrow('no network');
    expect(await read(0, 10)).toEqual(CONTENT.subarray(0, 10));
  });

  test('that gives something else is asked for fresh bytes once', async () => {
    source.stale = stored.map((byte) => byte ^ 1);
    expect(await read(1000, 10)).toEqual(CONTENT.subarray(1000, 1010));
    expect(source.requests.map(({ fresh }) => fresh)).toEqual([false, true]);
  });

  test('that keeps giving something else is an error', async () => {
    source.bytes = stored.map((byte) => byte ^ 1);
    await expect(read(1000, 10)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      message:
        "the server's file the layer is damaged, or not the one that this site was built with; upload the whole site again",
    });
  });

  test('that ends too early is an error', async () => {
    source.bytes = stored.subarray(0, 100);
    await expect(read(1000, 10)).rejects.toMatchObject({ code: 'NETWORK' });
  });
});
