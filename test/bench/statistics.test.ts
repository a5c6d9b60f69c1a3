import { describe, expect, it } from 'vitest';
import { geometricMean, slowdown, warm } from '../../bench/programs/statistics.ts';
import { processorTime } from '../../bench/programs/threads.ts';

describe('geometric mean', () => {
  it('of 2 and 8 is 4', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
  });

  it('of nothing is not a number', () => {
    expect(geometricMean([])).toBeNaN();
  });
});

describe('slowdown', () => {
  it('the first repetition is not among the warm ones', () => {
    expect(warm([90, 10, 11])).toEqual([10, 11]);
  });

  it('is the ratio of the medians, and a slow first repetition of either side changes nothing', () => {
    expect(slowdown([900, 40, 50, 60], [70, 10, 9, 11]).median).toBe(5);
  });

  it('its range is of repetitions of the same turn', () => {
    const { min, max } = slowdown([900, 40, 60], [70, 20, 10]);
    expect([min, max]).toEqual([2, 6]);
  });

  it("the first repetition is told against the host's warm ones", () => {
    expect(slowdown([900, 40, 50, 60], [70, 10, 9, 11]).first).toBe(90);
  });
});

describe('processor time of threads', () => {
  it('the busiest thread counts from its first reading, a new thread from nothing', () => {
    const before = new Map([
      ['1', 5e6],
      ['2', 1e6],
    ]);
    const after = new Map([
      ['1', 7e6],
      ['2', 9e6],
      ['3', 1e6],
    ]);
    expect(processorTime(before, after)).toEqual({ busiestMs: 8, allMs: 11 });
  });
});
