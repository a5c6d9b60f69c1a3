/** Times as users write them for `--since` and `--until` (docker logs and docker events reference), to nanoseconds since the epoch. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { parseTime } from '../../util/time.ts';

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const DURATION = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const DURATION_PART = /(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)/g;
const UNIX_TIME = /^(\d+)(?:\.(\d{1,9})\d*)?$/;
const LOCAL_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?$/;

/** Nanoseconds of a duration as Go writes them, such as `1h30m` or `1.5s`; `undefined` when it is none. */
export function parseDuration(text: string): bigint | undefined {
  if (text === '0') return 0n;
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  let total = 0n;
  for (const [, count, unit] of match[2]!.matchAll(DURATION_PART))
    total += BigInt(Math.round(Number(count) * UNIT_NS[unit!]!));
  return match[1] === '-' ? -total : total;
}

/**
 * A time: seconds since the epoch, RFC 3339, the same without a zone (then that of the host) or without its end, or a duration,
 * which counts back from now. `what` is the option. Throws USAGE.
 */
export function parseMoment(text: string, what: string, nowNs: bigint): bigint {
  const duration = /^\d+$/.test(text) ? undefined : parseDuration(text);
  if (duration !== undefined) return nowNs - duration;
  const unix = UNIX_TIME.exec(text);
  if (unix !== null) return BigInt(unix[1]!) * NS_PER_SECOND + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const exact = parseTime(text) ?? parseTime(text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)$/, '$1:00$2'));
  if (exact !== undefined) return exact;
  if (LOCAL_TIME.test(text)) {
    const ms = Date.parse(text.includes('T') ? completeHour(text) : `${text}T00:00:00`);
    if (!Number.isNaN(ms)) return BigInt(ms) * NS_PER_MS;
  }
  throw new VivariumError(
    ErrorCodes.USAGE,
    `${JSON.stringify(text)} is no time for ${what}; write one like 2024-01-02T15:04:05Z, 1704207845 or 10m`,
  );
}

function completeHour(text: string): string {
  return text.includes(':') ? text : `${text}:00`;
}
