/**
 * A sixteenth of the vectors recorded on a real CPU (docs/vectors.md), on each tier. Only what needs AVX and its relatives,
 * which CPUID does not announce, may be skipped. test/e2e/vectors.test.ts replays the whole file.
 */
import { describe, expect, it } from 'vitest';
import { replayFile } from '../support/replay-file.ts';

const SAMPLE = new URL('../vectors/sample.xv.gz', import.meta.url);
const VECTOR_COUNT = 6055;
const LATER = ['AVX', 'AVX2', 'BMI1', 'BMI2', 'F16C', 'FMA'];
const TIME_MS = 60_000;

const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, n) => sum + n, 0);

describe('instructions as a real CPU did them', () => {
  it('leave the same state, faults and memory on the interpreter', { timeout: TIME_MS }, () => {
    const report = replayFile(SAMPLE, '0');

    expect(report.failures).toEqual([]);
    expect(report.passed + total(report.skipped)).toBe(VECTOR_COUNT);
    expect(LATER).toEqual(expect.arrayContaining(Object.keys(report.skipped)));
  });

  it('leave the same state, faults and memory where translated code does them', { timeout: TIME_MS }, () => {
    const report = replayFile(SAMPLE, '1');

    expect(report.failures).toEqual([]);
    expect(report.passed + total(report.skipped)).toBe(VECTOR_COUNT);
    expect(report.counts.translated).toBeGreaterThan(4000);
    expect(report.modules).toBeGreaterThan(4000);
  });

  it('leave the same state when the tiers take turns', { timeout: TIME_MS }, () => {
    const report = replayFile(SAMPLE, 'mixed');

    expect(report.failures).toEqual([]);
    expect(report.counts.translated).toBeGreaterThan(2000);
  });
});
