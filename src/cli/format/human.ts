/** Sizes and times for people, in Docker's words (github.com/docker/go-units). */

const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const BASE = 1000;

/** `7.8MB`: decimal units, so many digits. */
export function humanSize(byteCount: number, digits = 4): string {
  let value = byteCount;
  let unit = 0;
  while (value >= BASE && unit < DECIMAL_UNITS.length - 1) {
    value /= BASE;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${DECIMAL_UNITS[unit]}`;
}

/** `3 weeks`, `About an hour`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(milliseconds / 3_600_000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(milliseconds / 3_600_000 / 24 / 365)} years`;
}

/** `3 weeks ago`; `N/A` when the time is not known. */
export function since(time: string | undefined, nowMs: number): string {
  const at = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(at) ? 'N/A' : `${humanDuration(nowMs - at)} ago`;
}

/** As Go prints a time: `2024-01-02 03:04:05 +0000 UTC`. */
export function goTime(time: string | undefined): string {
  const at = time === undefined ? NaN : Date.parse(time);
  if (Number.isNaN(at)) return 'N/A';
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
