/**
 * Times with nanoseconds, as records, logs and events keep them: a bigint since the epoch (1970, UTC), RFC 3339 as text.
 */

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const FRACTION_DIGITS = 9;
const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** Go's zero time: what Docker says of a moment that never was. */
export const NEVER = '0001-01-01T00:00:00Z';

/** `2024-01-02T03:04:05.123456789Z`, always with nine digits. */
export function formatTime(ns: bigint): string {
  const seconds = ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0n ? 1n : 0n);
  const fraction = ns - seconds * NS_PER_SECOND;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  return `${whole}.${String(fraction).padStart(FRACTION_DIGITS, '0')}Z`;
}

/** Nanoseconds of a text in RFC 3339; `undefined` when it is none. */
export function parseTime(text: string): bigint | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '', zone] = match;
  const ms = Date.parse(`${date}T${time}${zone!.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * NS_PER_MS + BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
}

/** The same in milliseconds, for what people are told; NaN when it is none. */
export function parseTimeMs(text: string): number {
  const ns = parseTime(text);
  return ns === undefined ? NaN : Number(ns / NS_PER_MS);
}
