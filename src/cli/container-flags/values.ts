/** Single values of container flags. All throw USAGE with the flag's name. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Rlimit } from '../../container/runtime-spec.ts';
import { parseSize } from '../sizes.ts';

const NANO = 1e9;
/** Of Go's durations, which Docker takes. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g;

export function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}

/** A duration like 1m30s or 500ms, in milliseconds. */
export function parseDuration(text: string, flag: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(DURATION_PART)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw usage(`${flag} ${JSON.stringify(text)} is no duration; write one like 30s, 1m30s or 500ms`);
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0);
}

export function parseInteger(text: string, flag: string, least: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw usage(`${flag} ${JSON.stringify(text)} is no whole number from ${least}`);
  return value;
}

/** CPUs like 0.5, in billionths. */
export function parseCpus(text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) throw usage(`--cpus ${JSON.stringify(text)} is no number; write one like 0.5`);
  return Math.round(Number(text) * NANO);
}

/** A size, or -1 for no limit. */
export function parseSwap(text: string): number {
  return text === '-1' ? -1 : parseSize(text, '--memory-swap');
}

/** TYPE=SOFT[:HARD]; -1 is no limit. */
export function parseUlimit(text: string): Rlimit {
  const match = /^([a-z]+)=(-1|\d{1,15})(?::(-1|\d{1,15}))?$/.exec(text);
  if (match === null) throw usage(`--ulimit ${JSON.stringify(text)} is no limit; write one like nofile=1024:2048`);
  const [, name = '', soft, hard = soft] = match;
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: Number(soft), hard: Number(hard) };
}

/** NAME=VALUE; `what` is an example for the error. */
export function parsePair(text: string, flag: string, example: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw usage(`${flag} ${JSON.stringify(text)} has no name and value; write it like ${example}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
