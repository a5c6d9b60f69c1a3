/** The guest's clock is put right when the host's clocks have come apart. */
import { beforeEach, expect, test } from 'vitest';
import { ClockWatch } from '../../src/container/clock-watch.ts';

const HOUR_MS = 3_600_000;
let unixMs: number;
let monotonicMs: number;
let corrections: number;
let failure: Error | undefined;
let watch: ClockWatch;
beforeEach(() => {
  unixMs = 1_700_000_000_000;
  monotonicMs = 5000;
  corrections = 0;
  failure = undefined;
  watch = new ClockWatch({
    unixMs: () => unixMs,
    monotonicMs: () => monotonicMs,
    correct: async () => {
      if (failure !== undefined) throw failure;
      corrections++;
    },
  });
});

function pass(elapsedMs: number, driftMs = 0): void {
  monotonicMs += elapsedMs;
  unixMs += elapsedMs + driftMs;
}

test('time that passes on both clocks corrects nothing', async () => {
  pass(HOUR_MS, 400);
  await watch.check();
  expect(corrections).toBe(0);
});

test('an hour that the monotonic clock missed is corrected once', async () => {
  pass(1000, HOUR_MS);
  await watch.check();
  pass(5000);
  await watch.check();
  expect(corrections).toBe(1);
});

test('a clock that was set back is followed', async () => {
  pass(1000, -HOUR_MS);
  await watch.check();
  expect(corrections).toBe(1);
});

test('small drifts add up until they are worth it', async () => {
  pass(1000, 300);
  await watch.check();
  pass(1000, 300);
  await watch.check();
  expect(corrections).toBe(1);
});

test('a correction that failed is tried again', async () => {
  pass(1000, HOUR_MS);
  failure = new Error('the guest is being put back');
  await expect(watch.check()).rejects.toThrow('put back');
  failure = undefined;
  await watch.check();
  expect(corrections).toBe(1);
});

test('checks at the same time correct once', async () => {
  pass(1000, HOUR_MS);
  await Promise.all([watch.check(), watch.check()]);
  expect(corrections).toBe(1);
});
