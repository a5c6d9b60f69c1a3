/** What the soak of the translator makes of its samples. */
import { describe, expect, it } from 'vitest';
import { plotSoak } from '../../bench/soak/plot.ts';
import { growth, judge, MIB, slope, type Sample } from '../../bench/soak/samples.ts';

const LIMITS = { liveModuleBytes: 64 * MIB, residentBytes: 1000 * MIB, regionsPerBillion: 1000 };
const SECONDS = 60;

/** A sample each minute, with memory and modules as told. */
function run(count: number, at: (n: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: count }, (_, n) => ({
    seconds: (n + 1) * SECONDS,
    instructions: 1e9 * n,
    translated: 5e8 * n,
    regions: 5000 * (n + 1),
    dropped: 4000 * n,
    flushes: n,
    liveModuleBytes: 20 * MIB,
    residentBytes: 600 * MIB,
    externalBytes: 400 * MIB,
    heapBytes: 10 * MIB,
    rounds: n,
    ...at(n),
  }));
}

describe('the soak of the translator', () => {
  it('passes when memory stays where it is', () => {
    expect(
      judge(
        run(60, () => ({})),
        LIMITS,
      ),
    ).toEqual([]);
  });

  it('passes when memory rises and falls', () => {
    const samples = run(60, (n) => ({ residentBytes: (600 + 100 * Math.sin(n)) * MIB }));

    expect(judge(samples, LIMITS)).toEqual([]);
  });

  it('passes when memory grew in the first half alone', () => {
    const samples = run(60, (n) => ({ residentBytes: Math.min(900, 300 + 20 * n) * MIB }));

    expect(judge(samples, LIMITS)).toEqual([]);
  });

  it('fails when memory grows on and on', () => {
    const samples = run(60, (n) => ({ residentBytes: (600 + 2 * n) * MIB }));

    expect(judge(samples, LIMITS)).toEqual([
      "the process's memory grew by 8.4 % over the second half, more than 5.0 %",
    ]);
  });

  it('fails when either cap is passed once', () => {
    const samples = run(60, (n) => (n === 7 ? { liveModuleBytes: 70 * MIB, residentBytes: 1001 * MIB } : {}));

    expect(judge(samples, LIMITS)).toEqual([
      'modules in use had 70 MiB, more than 64 MiB',
      'the process had 1001 MiB of memory, more than 1000 MiB',
    ]);
  });

  it('fails when there was no load', () => {
    const samples = run(60, (n) => ({ regions: n, rounds: 3 }));

    expect(judge(samples, LIMITS)).toEqual([
      'only 1 regions in a billion instructions were made, less than 1000',
      "the guest's shell loop stood still",
    ]);
  });

  it('says so when it was too short', () => {
    expect(
      judge(
        run(3, () => ({})),
        LIMITS,
      ),
    ).toEqual(['there are 3 samples, which is too few to tell anything: run longer']);
  });

  it('takes more growth for noise in a short run', () => {
    expect(growth(run(60, () => ({}))).most).toBe(0.05);
    expect(growth(run(8, () => ({}))).most).toBeCloseTo(0.1);
  });

  it('is shown with each curve and both caps', () => {
    const picture = plotSoak(
      run(60, () => ({})),
      LIMITS,
    );

    expect(picture.match(/<polyline /g)).toHaveLength(8);
    expect(picture.match(/stroke-dasharray/g)).toHaveLength(2);
    expect(picture).toContain('Memory (MiB)');
  });
});

describe('slope', () => {
  it('is that of the line when there is one', () => {
    expect(
      slope([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
    ).toBe(2);
  });

  it('is zero of a single point', () => {
    expect(slope([[3, 4]])).toBe(0);
  });
});
