/** Ranges of a file by HTTP: what is asked of a server, and what its answers and failures come to. */
import { beforeEach, describe, expect, test } from 'vitest';
import { RangeSource } from '../../src/worker/web-range-source.ts';

const CONTENT = Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff);
const URL = 'https://site.example/layer';

type Answer = (range: string | undefined, signal: AbortSignal) => Response | Promise<Response>;

/** The answers to requests, one after the other; the last one stays. */
let answers: Answer[];
let asked: (string | undefined)[];
let pauses: number[];
beforeEach(() => {
  answers = [];
  asked = [];
  pauses = [];
});

function open(): RangeSource {
  return new RangeSource({
    url: URL,
    byteCount: CONTENT.length,
    fetch: async (_, { headers, signal }) => {
      const { range } = headers as { range?: string };
      asked.push(range);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      return answer(range, signal!);
    },
    stallMs: 20,
    pause: async (delayMs) => void pauses.push(delayMs),
  });
}

/** A body that ends, or breaks, after so many bytes. */
function body(bytes: Uint8Array, breaksAfter = Infinity): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.slice(0, Math.min(bytes.length, breaksAfter)));
      if (bytes.length > breaksAfter) return;
      controller.close();
    },
    pull(controller) {
      controller.error(new TypeError('network error'));
    },
  });
}

const part =
  (breaksAfter?: number): Answer =>
  (range) => {
    const [start, last] = /bytes=(\d+)-(\d+)/.exec(range!)!.slice(1).map(Number) as [number, number];
    const headers = { 'content-range': `bytes ${start}-${last}/${CONTENT.length}` };
    return new Response(body(CONTENT.subarray(start, last + 1), breaksAfter), { status: 206, headers });
  };
const whole =
  (breaksAfter?: number): Answer =>
  () =>
    new Response(body(CONTENT, breaksAfter));
const status =
  (code: number): Answer =>
  () =>
    new Response('no', { status: code });
/** Neither answers nor fails. */
const silent: Answer = (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
/** Stops in the middle of the range. */
const stalling: Answer = (_, signal) => {
  const bytes = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(CONTENT.slice(100, 150));
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  return new Response(bytes, { status: 206, headers: { 'content-range': 'bytes 100-299/1000' } });
};
const down: Answer = () => {
  throw new TypeError('Failed to fetch');
};

async function fetchAll(offset: number, byteCount: number): Promise<{ isWhole: boolean; bytes: Uint8Array }> {
  const { isWhole, pieces } = await open().open(offset, byteCount, false);
  const all: number[] = [];
  for await (const piece of pieces) all.push(...piece);
  return { isWhole, bytes: Uint8Array.from(all) };
}

test('a range is asked for and given', async () => {
  answers = [part()];
  expect(await fetchAll(100, 200)).toEqual({ isWhole: false, bytes: CONTENT.subarray(100, 300) });
  expect(asked).toEqual(['bytes=100-299']);
});

test('a server without ranges gives the whole file', async () => {
  answers = [whole()];
  expect(await fetchAll(100, 200)).toEqual({ isWhole: true, bytes: CONTENT });
});

test('a whole file is asked for without a range', async () => {
  answers = [whole()];
  await fetchAll(0, 1000);
  expect(asked).toEqual([undefined]);
});

describe('a fetch that is cut off', () => {
  test('goes on where it stopped, as often as it gets on', async () => {
    answers = [part(30)];
    expect((await fetchAll(100, 200)).bytes).toEqual(CONTENT.subarray(100, 300));
    expect(asked.slice(0, 3)).toEqual(['bytes=100-299', 'bytes=130-299', 'bytes=160-299']);
    expect(pauses).toEqual(Array.from({ length: 6 }, () => 250));
  });

  test('goes on with a server without ranges, which begins again', async () => {
    answers = [whole(600), whole()];
    expect((await fetchAll(0, 1000)).bytes).toEqual(CONTENT);
    expect(asked).toEqual([undefined, 'bytes=600-999']);
  });

  test('that stalls goes on where it stopped', async () => {
    answers = [silent, stalling, part()];
    expect((await fetchAll(100, 200)).bytes).toEqual(CONTENT.subarray(100, 300));
    expect(asked).toEqual(['bytes=100-299', 'bytes=100-299', 'bytes=150-299']);
  });

  test('that never gets on ends with an error after growing pauses', async () => {
    answers = [down];
    await expect(fetchAll(0, 100)).rejects.toMatchObject({
      code: 'NETWORK',
      message: `can't fetch ${URL}: Failed to fetch; check the connection and try again`,
    });
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000]);
  });
});

test.each([429, 500, 503])('status %d is tried again', async (code) => {
  answers = [status(code), part()];
  expect((await fetchAll(0, 10)).bytes).toEqual(CONTENT.subarray(0, 10));
});

test.each([
  [404, 'NOT_FOUND', `the server has no file ${URL} (404); check the address, or upload the whole site again`],
  [
    416,
    'NETWORK',
    `the server's file ${URL} is not the one that this site was built with; upload the whole site again`,
  ],
  [403, 'NETWORK', `the server refuses ${URL} with status 403; check its settings`],
])('status %d is an error at once', async (code, errorCode, message) => {
  answers = [status(code)];
  await expect(fetchAll(10, 10)).rejects.toMatchObject({ code: errorCode, message });
  expect(pauses).toEqual([]);
});

test('a range of a file of another length is refused', async () => {
  answers = [() => new Response(body(CONTENT), { status: 206, headers: { 'content-range': 'bytes 10-19/1001' } })];
  await expect(fetchAll(10, 10)).rejects.toMatchObject({ code: 'NETWORK' });
});

describe('a document', () => {
  test('is fetched whole, again if it was cut off', async () => {
    answers = [whole(10), whole()];
    expect(await open().document()).toEqual(CONTENT);
  });

  test('that is larger than it may be is refused', async () => {
    answers = [() => new Response(body(new Uint8Array(1001)))];
    await expect(open().document()).rejects.toMatchObject({ code: 'LIMIT' });
  });
});
