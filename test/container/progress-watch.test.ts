import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withProgress } from '../../src/container/progress-watch.ts';
import { NO_TRANSLATION } from '../support/no-translation.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A machine that executes so many instructions between two looks at it. */
function machineThatDoes(instructionsPerLook: number, { isPaused = false, isWaitingForDisk = false } = {}) {
  let instructions = 0;
  return {
    statistics: () => {
      instructions += instructionsPerLook;
      return Promise.resolve({
        instructions,
        machineNs: 0,
        isPaused,
        isWaitingForDisk,
        translation: NO_TRANSLATION,
        instructionsPerSecond: 0,
        unclaimed: { portReads: 0, portWrites: 0, mmioReads: 0, mmioWrites: 0 },
        notes: [],
      });
    },
    dump: () => Promise.resolve('cpu 0'),
  };
}

const never = new Promise<never>(() => {});

describe('waiting for a guest', () => {
  test('ends with what was waited for, and looks no more', async () => {
    await expect(withProgress(machineThatDoes(0), 'answer', Promise.resolve('answer'))).resolves.toBe('answer');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gives up on one that sleeps', async () => {
    const outcome = expect(withProgress(machineThatDoes(1000), 'answer', never)).rejects.toMatchObject({
      code: 'AGENT',
      message: 'the guest did not answer: it sleeps',
      dump: 'cpu 0',
    });
    await vi.advanceTimersByTimeAsync(30_000);
    await outcome;
  });

  test('gives up on one that is busy for too long', async () => {
    const outcome = expect(withProgress(machineThatDoes(300_000_000), 'answer', never)).rejects.toThrow(
      'the guest did not answer in 10 billion instructions',
    );
    await vi.advanceTimersByTimeAsync(60_000);
    await outcome;
  });

  test.each([
    ['that somebody has stand still', { isPaused: true }],
    ['whose disk is far away', { isWaitingForDisk: true }],
  ])('has patience with one %s', async (_, state) => {
    const answer = new Promise((resolve) => setTimeout(() => resolve('late'), 300_000));
    const waiting = withProgress(machineThatDoes(0, state), 'answer', answer);
    await vi.advanceTimersByTimeAsync(300_000);

    await expect(waiting).resolves.toBe('late');
  });

  test('has patience with a slow host', async () => {
    const answer = new Promise((resolve) => setTimeout(() => resolve('late'), 300_000));
    const waiting = withProgress(machineThatDoes(5_000_000), 'answer', answer);
    await vi.advanceTimersByTimeAsync(300_000);
    await expect(waiting).resolves.toBe('late');
  });
});
