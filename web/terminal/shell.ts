/** The shell of terminals in a computer. */
import type { ProgramOptions } from '../../src/sandbox/computer-options.ts';
import type { OpenProgram, TerminalProgram } from './session.ts';

/** What is needed of a Computer. */
export interface TerminalHost {
  spawn(options: ProgramOptions): Promise<TerminalProgram>;
}

/** bash where there is one. */
export const SHELL: readonly string[] = ['/bin/sh', '-c', 'exec "$(command -v bash || echo /bin/sh)"'];
/** What xterm.js can do (terminfo). */
const TERMINAL_ENV = ['TERM=xterm-256color', 'COLORTERM=truecolor'];

/** @param find is asked each time, for a machine may have been replaced. */
export function shellOf(find: () => TerminalHost, options: Partial<ProgramOptions> = {}): OpenProgram {
  return async (tty) => find().spawn({ args: SHELL, ...options, env: [...TERMINAL_ENV, ...(options.env ?? [])], tty });
}
