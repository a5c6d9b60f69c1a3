import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HealthMonitor, probeCommand, type ProbeResult } from '../../../src/container/supervisor/health.ts';
import type { HealthCheck, HealthState } from '../../../src/container/lifecycle/config.ts';

const CHECK: HealthCheck = {
  test: ['CMD', 'probe'],
  intervalMs: 1000,
  timeoutMs: 500,
  startPeriodMs: 0,
  startIntervalMs: 100,
  retries: 3,
};
const GOOD: ProbeResult = { exitCode: 0, output: 'fine' };
const BAD: ProbeResult = { exitCode: 1, output: 'broken' };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function monitor(results: readonly ProbeResult[], change: Partial<HealthCheck> = {}, isPaused = () => false) {
  const verdicts: string[] = [];
  let probes = 0;
  let state!: HealthState;
  const health = new HealthMonitor({
    check: { ...CHECK, ...change },
    probe: () => Promise.resolve(results[Math.min(probes++, results.length - 1)]!),
    changed: (next, isNew) => {
      state = next;
      if (isNew) verdicts.push(next.status);
    },
    isPaused,
    nowMs: () => Date.now(),
    timestamp: () => new Date().toISOString(),
  });
  return { health, verdicts, state: () => state, probes: () => probes };
}

describe('a health check', () => {
  test('is starting until the first probe', async () => {
    const { state, probes } = monitor([GOOD]);
    await vi.advanceTimersByTimeAsync(999);
    expect([state().status, probes()]).toEqual(['starting', 0]);
  });

  test('is healthy after one good probe', async () => {
    const { state, verdicts } = monitor([GOOD]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([verdicts, state().log.map(({ output }) => output)]).toEqual([['healthy'], ['fine']]);
  });

  test('is unhealthy after as many bad ones in a row as it has retries, and tells once', async () => {
    const { verdicts, state } = monitor([GOOD, BAD, BAD, GOOD, BAD, BAD, BAD]);
    await vi.advanceTimersByTimeAsync(7000);
    expect([verdicts, state().failingStreak]).toEqual([['healthy', 'unhealthy'], 3]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([verdicts, state().failingStreak]).toEqual([['healthy', 'unhealthy'], 4]);
  });

  test('does not ask a container that is paused', async () => {
    let isPaused = true;
    const { state, probes, verdicts } = monitor([GOOD], {}, () => isPaused);
    await vi.advanceTimersByTimeAsync(3500);
    expect([state().status, probes()]).toEqual(['starting', 0]);
    isPaused = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect([verdicts, probes()]).toEqual([['healthy'], 1]);
  });

  test('counts no failure of a container that was paused under it', async () => {
    let looks = 0;
    const { state } = monitor([BAD], { retries: 1 }, () => ++looks % 2 === 0);
    await vi.advanceTimersByTimeAsync(2500);
    expect([state().status, state().failingStreak, looks]).toEqual(['starting', 0, 4]);
  });

  test('keeps five probes', async () => {
    const { state } = monitor([GOOD]);
    await vi.advanceTimersByTimeAsync(9000);
    expect(state().log).toHaveLength(5);
  });

  test('counts no failure while the container starts, and looks more often', async () => {
    const { state, probes } = monitor([BAD], { startPeriodMs: 2000, retries: 1 });
    await vi.advanceTimersByTimeAsync(1950);
    expect([state().status, state().failingStreak, probes()]).toEqual(['starting', 0, 19]);
    await vi.advanceTimersByTimeAsync(1100);
    expect(state().status).toBe('unhealthy');
  });

  test('ends a probe that takes too long, and counts it', async () => {
    vi.useRealTimers();
    let wasEnded = false;
    const state = await new Promise<HealthState>((resolve) => {
      const health = new HealthMonitor({
        check: { ...CHECK, intervalMs: 5, timeoutMs: 20, retries: 1 },
        probe: (signal) =>
          new Promise((end) => {
            signal.addEventListener('abort', () => {
              wasEnded = true;
              end({ exitCode: 137, output: '' });
            });
          }),
        changed: (next, isNew) => {
          if (!isNew) return;
          health.stop();
          resolve(next);
        },
        isPaused: () => false,
        nowMs: () => performance.now(),
        timestamp: () => '',
      });
    });
    expect([wasEnded, state.status, state.log[0]!.exitCode, state.log[0]!.output]).toEqual([
      true,
      'unhealthy',
      -1,
      'Health check exceeded timeout (0.02s)',
    ]);
  });

  test('ends with its container', async () => {
    const { health, probes } = monitor([GOOD]);
    await vi.advanceTimersByTimeAsync(1000);
    health.stop();
    await vi.advanceTimersByTimeAsync(5000);
    expect(probes()).toBe(1);
  });

  test('is a command, a shell command, or none', () => {
    expect([
      probeCommand({ ...CHECK, test: ['CMD', 'a', 'b'] }),
      probeCommand({ ...CHECK, test: ['CMD-SHELL', 'a || b'] }),
      probeCommand({ ...CHECK, test: ['NONE'] }),
      probeCommand({ ...CHECK, test: [] }),
      probeCommand(undefined),
    ]).toEqual([['a', 'b'], ['/bin/sh', '-c', 'a || b'], undefined, undefined, undefined]);
  });
});
