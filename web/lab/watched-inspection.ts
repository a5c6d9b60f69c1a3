/** An inspection that tells whether its machine stands still: then nothing in it can be checked or typed to. */
import type { MachineInspection } from '../../src/worker/protocol.ts';

/** @param tell is called when the machine stands still, and when it goes on. */
export function watchedInspection(inspection: MachineInspection, tell: (isStill: boolean) => void): MachineInspection {
  const still = async <T>(stopped: Promise<T>): Promise<T> => {
    const stop = await stopped;
    tell(true);
    return stop;
  };
  return {
    look: (request) => inspection.look(request),
    pause: () => still(inspection.pause()),
    step: (options) => still(inspection.step(options)),
    stopped: () => still(inspection.stopped()),
    resume: async (until) => {
      await inspection.resume(until);
      tell(false);
    },
    setBreakpoints: (breakpoints) => inspection.setBreakpoints(breakpoints),
  };
}
