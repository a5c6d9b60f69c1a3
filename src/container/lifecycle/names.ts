/** IDs and names of containers and pods: what they may look like, and new ones. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { ADJECTIVES, SURNAMES } from './name-words.ts';

/** Docker's rule; the length is that of a file's name. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const NAME_LENGTH_MAX = 200;
const ID = /^[0-9a-f]{64}$/;
const ID_BYTES = 32;
const SHORT_ID_LENGTH = 12;

export function isName(text: string): boolean {
  return NAME.test(text) && text.length <= NAME_LENGTH_MAX;
}

export function isContainerId(text: string): boolean {
  return ID.test(text);
}

/** 64 hexadecimal digits. */
export function newContainerId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** As lists show it, and as the guest knows the container. */
export function shortContainerId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** The name that a user gave; a slash before it is Docker's. `kind` is what errors call it. Throws USAGE. */
export function parseName(text: string, kind: 'container' | 'pod'): string {
  const name = text.replace(/^\//, '');
  if (!NAME.test(name))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `Invalid ${kind} name (${JSON.stringify(text)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  if (name.length > NAME_LENGTH_MAX)
    throw new VivariumError(ErrorCodes.USAGE, `the ${kind} name is longer than ${NAME_LENGTH_MAX} characters`);
  return name;
}

/** `quiet_lovelace`; with a digit when names without one were taken. `random` is like Math.random. */
export function randomName(random: () => number, withDigit = false): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)]!;
  const digit = withDigit ? String(Math.floor(random() * 10)) : '';
  return `${pick(ADJECTIVES)}_${pick(SURNAMES)}${digit}`;
}
