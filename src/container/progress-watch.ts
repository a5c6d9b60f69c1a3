/**
 * Notices a guest that will not do what is waited for: measured by what it does rather than by the clock, so that a slow
 * host is no error. It gives up on a guest that sleeps on and on, and on one that has run far longer than it ever should, but not on
 * one that somebody has stand still, or whose disk is slow: that one gives up by itself.
 */
import { ErrorCodes } from '../util/errors.ts';
import { GuestFailure } from './guest-failure.ts';
import type { GuestMachine } from './guest-machine.ts';

const CHECK_INTERVAL_MS = 1000;
/** A guest that does less between two checks sleeps, but for its timer ticks. */
const IDLE_INSTRUCTIONS = 1_000_000;
const IDLE_CHECKS_MAX = 20;
/** Our kernel boots in under a hundredth of this; a program's start is less. */
const BUSY_INSTRUCTIONS_MAX = 10_000_000_000;

/**
 * Waits for `task` and rejects with a GuestFailure when the guest gives no hope of it. `what` completes "the guest did
 * not …".
 */
export async function withProgress<T>(
  machine: Pick<GuestMachine, 'statistics' | 'dump'>,
  what: string,
  task: Promise<T>,
): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const hopeless = new Promise<never>((_, reject) => {
    const check = progressCheck(machine, what);
    timer = setInterval(() => void check().catch(reject), CHECK_INTERVAL_MS);
  });
  try {
    return await Promise.race([task, hopeless]);
  } finally {
    clearInterval(timer);
  }
}

function progressCheck(machine: Pick<GuestMachine, 'statistics' | 'dump'>, what: string): () => Promise<void> {
  let first: number | undefined;
  let last = 0;
  let idleChecks = 0;
  return async () => {
    const { instructions, isPaused, isWaitingForDisk } = await machine.statistics();
    first ??= instructions;
    const isHeldUp = isPaused || isWaitingForDisk;
    idleChecks = instructions - last < IDLE_INSTRUCTIONS && !isHeldUp ? idleChecks + 1 : 0;
    last = instructions;
    if (idleChecks > IDLE_CHECKS_MAX) {
      throw new GuestFailure(ErrorCodes.AGENT, `the guest did not ${what}: it sleeps`, await machine.dump());
    }
    if (instructions - first > BUSY_INSTRUCTIONS_MAX) {
      const spent = Math.round((instructions - first) / 1e9);
      throw new GuestFailure(
        ErrorCodes.AGENT,
        `the guest did not ${what} in ${spent} billion instructions`,
        await machine.dump(),
      );
    }
  };
}
