/**
 * Linux signal numbers of x86 by name (signal(7), "Standard signals"), as images and users write them: SIGTERM, TERM, 15 or
 * SIGRTMIN+3.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  IOT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  POLL: 29,
  PWR: 30,
  SYS: 31,
};
/** As the C library counts them: it keeps the kernel's first two for itself. */
const RTMIN = 34;
const RTMAX = 64;

/** A signal's number. Throws USAGE when there is none of that name. */
export function signalNumber(signal: string | number): number {
  const text = String(signal).trim().toUpperCase();
  const number = /^\d+$/.test(text) ? Number(text) : namedSignal(text.replace(/^SIG/, ''));
  if (number === undefined || number < 1 || number > RTMAX) {
    throw new VivariumError(
      ErrorCodes.USAGE,
      `there is no signal ${JSON.stringify(signal)}; write one like SIGTERM or 15`,
    );
  }
  return number;
}

function namedSignal(name: string): number | undefined {
  const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
  const [, base, sign, distance = '0'] = realTime;
  const number = (base === 'RTMIN' ? RTMIN : RTMAX) + (sign === '-' ? -1 : 1) * Number(distance);
  return number >= RTMIN ? number : undefined;
}
