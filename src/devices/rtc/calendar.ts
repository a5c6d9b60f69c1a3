/**
 * The RTC's time of day as register bytes: BCD or binary, 12 or 24 hours, and the search for the next alarm. Bytes that
 * make no time (the guest can write any) are carried into the next unit, as JavaScript's Date does.
 */
import * as R from './registers.ts';

const SECONDS_PER_DAY = 86_400;
const MS_PER_SECOND = 1000;
const YEARS_PER_CENTURY = 100;

/** The registers that hold a time, century included. */
export const TIME_REGISTERS = [
  R.SECONDS,
  R.MINUTES,
  R.HOURS,
  R.DAY_OF_WEEK,
  R.DAY_OF_MONTH,
  R.MONTH,
  R.YEAR,
  R.CENTURY,
] as const;

/** Writes Unix time (whole seconds) into the time registers of `bytes`, in the format that `registerB` selects. */
export function encodeTime(unixSeconds: number, registerB: number, bytes: Uint8Array): void {
  const date = new Date(unixSeconds * MS_PER_SECOND);
  const year = date.getUTCFullYear();
  bytes[R.SECONDS] = encode(date.getUTCSeconds(), registerB);
  bytes[R.MINUTES] = encode(date.getUTCMinutes(), registerB);
  bytes[R.HOURS] = encodeHour(date.getUTCHours(), registerB);
  bytes[R.DAY_OF_WEEK] = encode(date.getUTCDay() + 1, registerB); // Sunday is 1
  bytes[R.DAY_OF_MONTH] = encode(date.getUTCDate(), registerB);
  bytes[R.MONTH] = encode(date.getUTCMonth() + 1, registerB);
  bytes[R.YEAR] = encode(year % YEARS_PER_CENTURY, registerB);
  bytes[R.CENTURY] = encode(Math.floor(year / YEARS_PER_CENTURY), registerB);
}

/** Unix time in seconds of the time registers. Always finite. */
export function decodeTime(bytes: Uint8Array, registerB: number): number {
  const field = (index: number) => decode(bytes[index] ?? 0, registerB);
  const year = field(R.CENTURY) * YEARS_PER_CENTURY + field(R.YEAR);
  const date = new Date(0);
  date.setUTCFullYear(year, field(R.MONTH) - 1, field(R.DAY_OF_MONTH));
  date.setUTCHours(decodeHour(bytes[R.HOURS] ?? 0, registerB), field(R.MINUTES), field(R.SECONDS));
  return Math.floor(date.getTime() / MS_PER_SECOND);
}

/** The first second after `afterSeconds` (Unix time) at which the alarm registers match, or undefined if never. */
export function nextAlarm(afterSeconds: number, bytes: Uint8Array, registerB: number): number | undefined {
  const hour = alarmField(bytes[R.HOURS_ALARM] ?? 0, (byte) => decodeHour(byte, registerB), 23);
  const minute = alarmField(bytes[R.MINUTES_ALARM] ?? 0, (byte) => decode(byte, registerB), 59);
  const second = alarmField(bytes[R.SECONDS_ALARM] ?? 0, (byte) => decode(byte, registerB), 59);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  const first = afterSeconds + 1;
  let time = first;
  while (time <= first + SECONDS_PER_DAY) {
    const ofDay = ((time % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    if (hour !== ANY && Math.floor(ofDay / 3600) !== hour) time += 3600 - (ofDay % 3600);
    else if (minute !== ANY && Math.floor(ofDay / 60) % 60 !== minute) time += 60 - (ofDay % 60);
    else if (second !== ANY && ofDay % 60 !== second) time += 1;
    else return time;
  }
  return undefined;
}

const ANY = -1;

function alarmField(byte: number, decodeField: (byte: number) => number, max: number): number | undefined {
  if ((byte & R.ALARM_DONT_CARE) === R.ALARM_DONT_CARE) return ANY;
  const value = decodeField(byte);
  return value <= max ? value : undefined;
}

function encode(value: number, registerB: number): number {
  return (registerB & R.B_BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
}

function decode(byte: number, registerB: number): number {
  return (registerB & R.B_BINARY) !== 0 ? byte : (byte >> 4) * 10 + (byte & 0xf);
}

function encodeHour(hour: number, registerB: number): number {
  if ((registerB & R.B_24_HOUR) !== 0) return encode(hour, registerB);
  const twelve = hour % 12 === 0 ? 12 : hour % 12;
  return encode(twelve, registerB) | (hour >= 12 ? R.HOURS_PM : 0);
}

function decodeHour(byte: number, registerB: number): number {
  if ((registerB & R.B_24_HOUR) !== 0) return decode(byte, registerB);
  return (decode(byte & ~R.HOURS_PM, registerB) % 12) + ((byte & R.HOURS_PM) !== 0 ? 12 : 0);
}
