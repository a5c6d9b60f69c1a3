import { describe, expect, test } from 'vitest';
import { RestartBackOff } from '../../../src/container/supervisor/restart.ts';

const FAILED = { exitCode: 1, ranMs: 50, stoppedByUser: false };
const always = { name: 'always', maximumRetryCount: 0 } as const;

describe('a container that ended', () => {
  test('starts again after pauses that double up to a minute', () => {
    const backOff = new RestartBackOff();
    const pauses = Array.from({ length: 12 }, () => backOff.next(always, FAILED));
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  });

  test('that has run for ten seconds begins with a short pause again', () => {
    const backOff = new RestartBackOff();
    backOff.next(always, FAILED);
    backOff.next(always, FAILED);
    expect(backOff.next(always, { ...FAILED, ranMs: 10_000 })).toBe(100);
    expect(backOff.next(always, FAILED)).toBe(200);
  });

  test('stays so without a policy', () => {
    expect(new RestartBackOff().next({ name: 'no', maximumRetryCount: 0 }, FAILED)).toBeUndefined();
  });

  test('stays so when a user has stopped it, whatever the policy', () => {
    expect(new RestartBackOff().next(always, { ...FAILED, stoppedByUser: true })).toBeUndefined();
    expect(
      new RestartBackOff().next({ name: 'unless-stopped', maximumRetryCount: 0 }, { ...FAILED, stoppedByUser: true }),
    ).toBeUndefined();
  });

  test('well is not started again on failure', () => {
    expect(
      new RestartBackOff().next({ name: 'on-failure', maximumRetryCount: 0 }, { ...FAILED, exitCode: 0 }),
    ).toBeUndefined();
  });

  test('badly is tried again as often as its policy says, and anew when a user starts it', () => {
    const backOff = new RestartBackOff();
    const policy = { name: 'on-failure', maximumRetryCount: 2 } as const;
    const pauses = [backOff.next(policy, FAILED), backOff.next(policy, FAILED), backOff.next(policy, FAILED)];
    backOff.reset();
    expect([pauses, backOff.count, backOff.next(policy, FAILED)]).toEqual([[100, 200, undefined], 0, 100]);
  });
});
