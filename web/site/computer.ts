/** Starts computers of a site, and keeps their disks if that can be: a page must work where it can't. */
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

/**
 * Starts a computer. When its disk can't be kept, in a second tab for instance, it starts without, and says so. Throws what
 * Computer.start does.
 */
export async function startComputer(parts: SiteParts, options: ComputerOptions): Promise<StartedComputer> {
  const { keep, ...rest } = options;
  const without = async (reason: string): Promise<StartedComputer> => ({
    computer: await Computer.start(parts, rest),
    notKept: `${reason}; files of this computer are lost when the page is closed`,
  });
  if (keep === undefined) return { computer: await Computer.start(parts, rest), notKept: undefined };
  if (parts.kept === undefined) return without('this browser does not let the page keep anything');
  try {
    return { computer: await Computer.start(parts, options), notKept: undefined };
  } catch (error) {
    if (!(error instanceof VivariumError) || !NOT_KEPT.includes(error.code)) throw error;
    return without(error.message);
  }
}
