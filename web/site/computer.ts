/** Starts computers of a site, and keeps their disks if that can be: a page must work where it can't. */
import { ClockWatch } from '../../src/container/clock-watch.ts';
import { Computer } from '../../src/sandbox/computer.ts';
import type { ComputerOptions } from '../../src/sandbox/computer-options.ts';
import { ErrorCodes, VivariumError, type ErrorCode } from '../../src/util/errors.ts';
import type { SiteParts } from './site.ts';

/** What ends a computer's being kept, but not the computer. */
const NOT_KEPT: readonly ErrorCode[] = [ErrorCodes.CONFLICT, ErrorCodes.STORE, ErrorCodes.NO_SPACE];

export interface StartedComputer {
  readonly computer: Computer;
  /** Why its disk is not kept, in a sentence; undefined when it is, or was not to be. */
  readonly notKept: string | undefined;
}

const CLOCK_CHECK_MS = 5000;

/**
 * Starts a computer. When its disk can't be kept, in a second tab for instance, it starts without, and says so. Throws what
 * Computer.start does.
 */
export async function startComputer(parts: SiteParts, options: ComputerOptions): Promise<StartedComputer> {
  const { keep, ...rest } = options;
  const start = async (wanted: ComputerOptions): Promise<Computer> => {
    const computer = await Computer.start(parts, wanted);
    watchClock(computer);
    return computer;
  };
  const without = async (reason: string): Promise<StartedComputer> => ({
    computer: await start(rest),
    notKept: `${reason}; files of this computer are lost when the page is closed`,
  });
  if (keep === undefined) return { computer: await start(rest), notKept: undefined };
  if (parts.kept === undefined) return without('this browser does not let the page keep anything');
  try {
    return { computer: await start(options), notKept: undefined };
  } catch (error) {
    if (!(error instanceof VivariumError) || !NOT_KEPT.includes(error.code)) throw error;
    return without(error.message);
  }
}

/** Looks at the clock now and then, and at once when the page is seen again. */
function watchClock(computer: Computer): void {
  const watch = new ClockWatch({
    unixMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    correct: () => computer.correctClock(),
  });
  const check = (): void => void watch.check().catch(() => {}); // it is gone; it says so itself
  const timer = setInterval(check, CLOCK_CHECK_MS);
  document.addEventListener('visibilitychange', check);
  document.addEventListener('resume', check); // Page Lifecycle: it was frozen
  computer.failure.catch(() => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', check);
    document.removeEventListener('resume', check);
  });
}
