/** A program that could not be started. */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { GuestProcess } from './guest-process.ts';

export class StartError extends VivariumError {
  override name = 'StartError';
  /** As in Docker: 127 when the program is not there, 126 when it can't be executed, 125 for anything else. */
  readonly exitCode: 125 | 126 | 127;

  constructor(exitCode: 125 | 126 | 127, message: string) {
    super(ErrorCodes.START_FAILED, message);
    this.exitCode = exitCode;
  }
}

/** Waits until a program runs; gives its process id in the guest. Throws StartError when it can't, or why the guest is gone. */
export async function programStarted(process: GuestProcess, args: readonly string[]): Promise<number> {
  try {
    return await process.started;
  } catch (error) {
    const status = await process.exit; // rejects when the guest is gone
    if (status.kind === 'start-failed')
      throw new StartError(status.code, startMessage(status.code, args[0]!, status.reason));
    throw error;
  }
}

function startMessage(code: 125 | 126 | 127, program: string, reason: string): string {
  const name = JSON.stringify(program);
  if (code === 127) return `the image has no program ${name}; check its name and the PATH`;
  if (code === 126) return `the program ${name} can't be executed: ${reason}`;
  return `the container can't be started: ${reason}`;
}
