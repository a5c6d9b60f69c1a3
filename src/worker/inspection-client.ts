/** A machine in a worker from inside, for who started it. When it ends, its worker is gone and would never answer. */
import type { Remote } from 'comlink';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { unwrap } from './outcome.ts';
import type { MachineControl, MachineExit, MachineInspection, Outcome, Stop } from './protocol.ts';

/** @param exit when the machine ends; @param instructions how many it had retired then. */
export function inspectionOf(
  control: Remote<MachineControl>,
  exit: Promise<MachineExit>,
  instructions: () => number,
): MachineInspection {
  const over = exit.then(
    () => undefined,
    () => undefined,
  );
  const orEnded = async (answer: Promise<Outcome<Stop>>): Promise<Stop> => {
    const first = await Promise.race([answer, over]);
    if (first !== undefined) return unwrap(first);
    return { reason: { kind: 'ended' }, rip: 0n, instructions: instructions() };
  };
  const orThrow = async <T>(answer: Promise<Outcome<T>>): Promise<T> => {
    const first = await Promise.race([answer, over]);
    if (first === undefined)
      throw new VivariumError(ErrorCodes.GUEST_STOPPED, 'the machine has ended; start it again to look inside');
    return unwrap(first);
  };
  return {
    look: (request) => orThrow(control.look(request)),
    pause: () => orEnded(control.pause()),
    step: (options) => orEnded(control.step(options)),
    resume: (until) => orThrow(control.resume(until)),
    stopped: () => orEnded(control.stopped()),
    setBreakpoints: (breakpoints) => orThrow(control.setBreakpoints(breakpoints)),
  };
}
