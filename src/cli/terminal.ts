/** The user's terminal: raw mode that is always undone, and the keys that leave the machine. */
import { spawnSync } from 'node:child_process';

const CTRL_A = 0x01;
const KEY_QUIT = 'x'.charCodeAt(0);

/**
 * Puts the terminal on stdin into raw mode. Returns what undoes it; that also happens when the process ends in any way
 * that it can notice. Without a terminal, nothing happens.
 */
export function enterRawMode(stdin: NodeJS.ReadStream = process.stdin): () => void {
  if (!stdin.isTTY) return () => {};
  stdin.setRawMode(true);
  // Node's raw mode still turns a line feed into two characters, and has no way to say otherwise. Leaving it undoes this
  // too; a system without stty only shows some programs less well.
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  const restore = (): void => {
    process.removeListener('exit', restore);
    stdin.setRawMode(false);
  };
  process.on('exit', restore);
  return restore;
}

/** Finds the escape in what is typed: Ctrl-A x quits, Ctrl-A Ctrl-A sends one Ctrl-A, anything else passes with it. */
export class EscapeKeys {
  #isPending = false;

  /** Returns what goes to the guest, and whether the user wants to quit. */
  filter(typed: Uint8Array): { bytes: Uint8Array; quit: boolean } {
    const bytes: number[] = [];
    for (const byte of typed) {
      if (this.#isPending) {
        this.#isPending = false;
        if (byte === KEY_QUIT) return { bytes: Uint8Array.from(bytes), quit: true };
        bytes.push(CTRL_A);
        if (byte !== CTRL_A) bytes.push(byte);
      } else if (byte === CTRL_A) this.#isPending = true;
      else bytes.push(byte);
    }
    return { bytes: Uint8Array.from(bytes), quit: false };
  }
}
