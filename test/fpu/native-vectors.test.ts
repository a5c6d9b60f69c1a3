/**
 * Replays results recorded on an x86 processor (native.vectors.txt, made by
 * scripts/fpu-compare.mjs). Transcendentals may be one unit off, as their processor is.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { compileFpu, evaluateRecords, type FpuExports } from './compile.mjs';
import { blankUnwritten, difference, formatRecord, parseRecord, RECORD_BYTES } from './records.mjs';

const LINES = readFileSync(new URL('./native.vectors.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const NAMES = [...new Set(LINES.map(nameOf))];
const BY_NAME = new Map(NAMES.map((name) => [name, LINES.filter((line) => nameOf(line) === name)]));
const LARGEST_ERROR_ULPS = 1;

function nameOf(line: string): string {
  return line.slice(0, line.indexOf(' '));
}

/** Lines on which the library and the recorded processor disagree, ours after theirs. */
function disagreements(fpu: FpuExports, lines: readonly string[]): string[] {
  const expected = new DataView(new ArrayBuffer(lines.length * RECORD_BYTES));
  lines.forEach((line, i) => parseRecord(line, expected, i * RECORD_BYTES));
  const actual = new DataView(evaluateRecords(fpu, new Uint8Array(expected.buffer)).buffer);
  return lines.flatMap((line, i) => {
    const at = i * RECORD_BYTES;
    blankUnwritten(actual, at);
    const { ulps, status } = difference(expected, actual, at);
    return ulps > LARGEST_ERROR_ULPS || status !== 0 ? [`${line} | ${formatRecord(actual, at)}`] : [];
  });
}

let fpu: FpuExports;

beforeAll(async () => {
  fpu = await compileFpu();
}, 60_000);

test.each([...BY_NAME])('%s agrees with the recorded processor', (_name, lines) => {
  expect(disagreements(fpu, lines)).toEqual([]);
});

test('the recording covers every operation', () => {
  expect(BY_NAME.size).toBe(73);
});
