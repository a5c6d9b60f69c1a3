import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LogQuery, readLog } from '../../../src/container/lifecycle/node-log-reader.ts';
import { LogWriter } from '../../../src/container/lifecycle/node-log-writer.ts';
import { parseTime } from '../../../src/util/time.ts';
import { FakeClock } from '../../support/container-fixture.ts';

let folder: string;
let path: string;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-log-'));
  path = join(folder, 'container.log');
  clock = new FakeClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const openLog = (options: { maxBytes?: number; maxFiles?: number } = {}): Promise<LogWriter> =>
  LogWriter.open({ path, clock, maxFiles: 1, ...options });
async function read(query: LogQuery = {}): Promise<string[]> {
  const entries: string[] = [];
  for await (const { log } of readLog(path, query)) entries.push(log);
  return entries;
}
/** One line a second. */
async function writeLines(count: number, options: { maxBytes?: number; maxFiles?: number } = {}): Promise<void> {
  const log = await openLog(options);
  for (let index = 0; index < count; index++) {
    await log.write('stdout', bytes(`line ${index}\n`));
    clock.advance(1);
  }
  await log.close();
}

/** Node does not export it. */
async function fileHandleClass(): Promise<{ FileHandle: { prototype: { appendFile(): Promise<void> } } }> {
  const file = await open(path, 'r');
  await file.close();
  return { FileHandle: file.constructor as never };
}

describe('a log', () => {
  test('has a line for each line of output, as the json-file driver writes it', async () => {
    const log = await openLog();
    await log.write('stdout', bytes('one\ntw'));
    clock.advance(1.5);
    await log.write('stderr', bytes('"oops"\n'));
    await log.write('stdout', bytes('o\n\nthree'));
    await log.close();

    expect(readFileSync(path, 'utf8')).toBe(
      [
        '{"log":"one\\n","stream":"stdout","time":"2024-01-02T03:04:05.000000000Z"}\n',
        '{"log":"\\"oops\\"\\n","stream":"stderr","time":"2024-01-02T03:04:06.500000000Z"}\n',
        '{"log":"two\\n","stream":"stdout","time":"2024-01-02T03:04:06.500000000Z"}\n',
        '{"log":"\\n","stream":"stdout","time":"2024-01-02T03:04:06.500000000Z"}\n',
        '{"log":"three","stream":"stdout","time":"2024-01-02T03:04:06.500000000Z"}\n',
      ].join(''),
    );
  });

  test('cuts a line of more than 16 KiB between characters, and what is read is what was written', async () => {
    const text = `${'ä€😀'.repeat(5000)}\nend\n`;
    const log = await openLog();
    const all = bytes(text);
    for (let at = 0; at < all.length; at += 777) await log.write('stdout', all.subarray(at, at + 777));
    await log.close();

    const entries = await read();

    expect(entries.join('')).toBe(text);
    expect(entries.map((entry) => bytes(entry).length)).toEqual([16382, 16383, 12236, 4]);
  });

  test('keeps a line of exactly 16 KiB whole, and cuts one of a byte more', async () => {
    const log = await openLog();
    await log.write('stdout', bytes(`${'a'.repeat(16384)}\n${'b'.repeat(16385)}\n`));
    await log.close();

    expect((await read()).map((entry) => entry.length)).toEqual([16385, 16384, 2]);
  });

  test('keeps bytes that are no text from holding up the rest', async () => {
    const log = await openLog();
    await log.write('stdout', Uint8Array.of(0xff, 0xfe, 0x0a));
    await log.write('stdout', new Uint8Array(20000).fill(0x80));
    await log.close();

    expect((await read()).map((entry) => entry.length)).toEqual([3, 16384, 20000 - 16384]);
  });

  test('is rotated, and the oldest file goes', async () => {
    await writeLines(10, { maxBytes: 150, maxFiles: 3 });

    expect(readdirSync(folder).sort()).toEqual(['container.log', 'container.log.1', 'container.log.2']);
    expect(await read()).toEqual(['line 4\n', 'line 5\n', 'line 6\n', 'line 7\n', 'line 8\n', 'line 9\n']);
  });

  test('of one file begins anew when it is full', async () => {
    await writeLines(3, { maxBytes: 150, maxFiles: 1 });

    expect([readdirSync(folder), await read()]).toEqual([['container.log'], ['line 2\n']]);
  });

  test('goes on after a kill in the middle of a line', async () => {
    await writeLines(2);
    appendFileSync(path, '{"log":"half');

    await writeLines(1);

    expect(await read()).toEqual(['line 0\n', 'line 1\n', 'line 0\n']);
  });

  test('that can not be written says so, and goes on when it can', async () => {
    const log = await openLog();
    await log.write('stdout', bytes('one\n'));
    const { FileHandle } = await fileHandleClass();
    const append = vi.spyOn(FileHandle.prototype, 'appendFile');
    append.mockRejectedValueOnce(Object.assign(new Error('no space'), { code: 'ENOSPC' }));

    await expect(log.write('stdout', bytes('lost\n'))).rejects.toEqual(expect.objectContaining({ code: 'NO_SPACE' }));
    append.mockRestore();
    await log.write('stdout', bytes('two\n'));
    await log.close();

    expect(await read()).toEqual(['one\n', 'two\n']);
  });

  test('writes what comes at once in the order in which it came', async () => {
    const log = await openLog();
    await Promise.all(Array.from({ length: 50 }, (_, index) => log.write('stdout', bytes(`${index}\n`))));
    await log.close();

    expect(await read()).toEqual(Array.from({ length: 50 }, (_, index) => `${index}\n`));
  });
});

describe('reading a log', () => {
  test.each([0, 1, 5, 6, 7, 100])('gives the last %i entries, over several files', async (tail) => {
    await writeLines(10, { maxBytes: 150, maxFiles: 3 });
    const all = await read();

    expect(await read({ tail })).toEqual(tail === 0 ? [] : all.slice(-tail));
  });

  test('finds the last entries of a long log', async () => {
    const log = await openLog();
    await log.write('stdout', bytes(Array.from({ length: 5000 }, (_, index) => `${index}\n`).join('')));
    await log.close();

    expect(await read({ tail: 3 })).toEqual(['4997\n', '4998\n', '4999\n']);
    expect((await read({ tail: 4000 }))[0]).toBe('1000\n');
  });

  test('is limited to a time', async () => {
    await writeLines(5);
    const at = (seconds: number): bigint => parseTime('2024-01-02T03:04:05Z')! + BigInt(seconds) * 1_000_000_000n;

    expect(await read({ sinceNs: at(3) })).toEqual(['line 3\n', 'line 4\n']);
    expect(await read({ untilNs: at(1) })).toEqual(['line 0\n', 'line 1\n']);
    expect(await read({ sinceNs: at(1), untilNs: at(2) })).toEqual(['line 1\n', 'line 2\n']);
    expect(await read({ tail: 2, sinceNs: at(0) })).toEqual(['line 3\n', 'line 4\n']);
  });

  test('passes over what is no entry, and says so', async () => {
    await writeLines(1);
    appendFileSync(path, 'nonsense\n{"log":1}\n');
    await writeLines(1);
    const corrupt: string[] = [];

    expect(await read({ onCorrupt: (line) => corrupt.push(line) })).toEqual(['line 0\n', 'line 0\n']);
    expect(corrupt).toEqual(['nonsense', '{"log":1}']);
  });

  test('of nothing gives nothing', async () => {
    expect(await read()).toEqual([]);
  });

  test('follows over rotations to the end, and misses nothing', async () => {
    let isOver = false;
    const following = read({ isOver: () => Promise.resolve(isOver) });
    const log = await openLog({ maxBytes: 1000, maxFiles: 40 });
    for (let index = 0; index < 300; index++) {
      await log.write('stdout', bytes(`${index}\n`));
      if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await log.close();
    isOver = true;

    expect(await following).toEqual(Array.from({ length: 300 }, (_, index) => `${index}\n`));
  });

  test('follows from the last entries on, and stops when it is told to', async () => {
    await writeLines(3);
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { log } of readLog(path, {
        tail: 1,
        isOver: () => Promise.resolve(false),
        signal: stop.signal,
      })) {
        seen.push(log);
        if (seen.length === 2) stop.abort(new Error('enough'));
      }
    })();
    await vi.waitUntil(() => seen.length === 1);
    writeFileSync(path, '{"log":"more\\n","stream":"stdout","time":"2024-01-02T03:04:09Z"}\n', { flag: 'a' });

    await expect(following).rejects.toThrow('enough');
    expect(seen).toEqual(['line 2\n', 'more\n']);
  });
});
