/** A program that could not be started. */
import { ErrorCodes, VivariumError } from '../util/errors.ts';

export class StartError extends VivariumError {
  override name = 'StartError';
  /** As in Docker: 127 when the program is not there, 126 when it can't be executed, 125 for anything else. */
  readonly exitCode: 125 | 126 | 127;

  constructor(exitCode: 125 | 126 | 127, message: string) {
    super(ErrorCodes.START_FAILED, message);
    this.exitCode = exitCode;
  }
}
