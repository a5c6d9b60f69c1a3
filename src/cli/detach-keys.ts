/**
 * The keys that leave a container which goes on (docs.docker.com/reference/cli/docker/container/attach, "--detach-keys"): a list
 * with commas of characters and of `ctrl-` with a letter or one of @ [ \ ] ^ _.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';
const CONTROL = 'ctrl-';
const CONTROL_MASK = 0x1f;

/** The bytes that a terminal sends for them. Throws USAGE. */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(text.split(','), (key) => {
    const isControl = key.length === CONTROL.length + 1 && key.startsWith(CONTROL);
    const symbol = isControl ? key.slice(CONTROL.length) : key;
    const code = symbol.charCodeAt(0);
    if (isControl && /^[a-zA-Z@[\\\]^_]$/.test(symbol)) return symbol.toUpperCase().charCodeAt(0) & CONTROL_MASK;
    if (!isControl && symbol.length === 1 && code < 0x80) return code;
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the detach keys ${JSON.stringify(text)} are none; write them like ${DEFAULT_DETACH_KEYS}`,
    );
  });
}

/** Finds the keys in what is typed. A key that begins them waits for the next; if that is another, both go on. */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What goes to the container, and whether the user wants to leave. */
  filter(typed: Uint8Array): { readonly bytes: Uint8Array; readonly isDetached: boolean } {
    const passed: number[] = [];
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        passed.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) passed.push(byte);
      else if (++this.#matched === this.#keys.length) return { bytes: Uint8Array.from(passed), isDetached: true };
    }
    return { bytes: Uint8Array.from(passed), isDetached: false };
  }
}
