/** The end of a guest that nobody asked for: a panic, a crash, a reset. */
import { ErrorCodes, VivariumError, type ErrorCode } from '../util/errors.ts';
import type { MachineExit } from '../worker/protocol.ts';

/** The guest failed. The message is one sentence; `dump` is the CPU's state as text, where it is known. */
export class GuestFailure extends VivariumError {
  override name = 'GuestFailure';
  readonly dump: string | undefined;

  constructor(code: ErrorCode, message: string, dump?: string) {
    super(code, message);
    this.dump = dump;
  }
}

/** What a panic's dump and reason become. */
export function panicFailure(reason: string, dump: string | undefined): GuestFailure {
  return new GuestFailure(ErrorCodes.GUEST_PANIC, `the guest kernel panicked: ${reason}`, dump);
}

/** Why the guest is gone. A kernel that panics resets the machine or, if it can't, crashes its CPU: `panic` is its reason. */
export function failureOf(exit: MachineExit, panic: string | undefined): GuestFailure {
  const dump = 'dump' in exit ? exit.dump : undefined;
  if (panic !== undefined) return panicFailure(panic, dump);
  switch (exit.kind) {
    case 'triple-fault':
      return new GuestFailure(ErrorCodes.TRIPLE_FAULT, 'the guest crashed with a triple fault', dump);
    case 'halted':
      return new GuestFailure(
        ErrorCodes.GUEST_HALTED,
        'the guest halted its CPU with interrupts off, and nothing can wake it',
        dump,
      );
    case 'reset':
      return new GuestFailure(ErrorCodes.GUEST_STOPPED, 'the guest reset its machine while the program ran', dump);
    case 'power-off':
    case 'debug-exit':
      return new GuestFailure(ErrorCodes.GUEST_STOPPED, 'the guest switched its machine off while the program ran');
    case 'stopped':
      return new GuestFailure(ErrorCodes.GUEST_STOPPED, 'the machine was stopped');
  }
}
