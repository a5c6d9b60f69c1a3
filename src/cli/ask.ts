/** Asks for one line on the terminal. */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { Interrupted } from './action.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACES = ['\u007f', '\b'];

/** The line without its end. A secret is not shown. Throws USAGE without a terminal, where nobody could answer. */
export async function askLine(prompt: string, { isSecret }: { readonly isSecret: boolean }): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw new VivariumError(ErrorCodes.USAGE, 'there is no terminal to ask on; give --username and --password-stdin');
  stderr.write(prompt);
  if (isSecret) stdin.setRawMode(true);
  try {
    let line = '';
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const key of String(chunk)) {
        if (key === '\n' || key === '\r') return line;
        if (key === CTRL_C) throw new Interrupted('interrupted');
        if (key === CTRL_D && line === '') return line;
        line = BACKSPACES.includes(key) ? line.slice(0, -1) : line + key;
      }
    }
    return line;
  } finally {
    if (isSecret) {
      stdin.setRawMode(false);
      stderr.write('\n');
    }
    stdin.pause();
  }
}
