/** What templates can call: Docker's functions, and those of Go's text/template that make sense without methods. */

import { GoDuration } from './go-values.ts';

/** A value as Go's fmt prints it with %v. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (value instanceof GoDuration) return value.toString();
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${show(item)}`)
      .join(' ')}]`;
  return String(value);
}

/** Go's truth: not empty, not zero, not nil. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${show(value)} is not a text`);
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`${show(value)} is not a number`);
  return value;
}

function list(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new TypeError(`${show(value)} is not a list`);
  return value as unknown[];
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? value.length : Object.keys(value).length;
  throw new TypeError(`${show(value)} has no length`);
}

function indexed(value: unknown, ...keys: unknown[]): unknown {
  let at = value;
  for (const key of keys) {
    if (Array.isArray(at)) {
      if (!Number.isInteger(key) || (key as number) < 0 || (key as number) >= at.length)
        throw new RangeError(`there is no element ${show(key)}`);
      at = at[key as number] as unknown;
    } else if (typeof at === 'object' && at !== null) {
      at = Object.hasOwn(at, text(key)) ? (at as Record<string, unknown>)[text(key)] : '';
    } else throw new TypeError(`${show(at)} has no elements`);
  }
  return at;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return count(a) - count(b);
}

/** fmt.Printf with the verbs that make sense for JSON values. */
function formatted(pattern: unknown, ...values: unknown[]): string {
  const pending = [...values];
  return text(pattern).replace(/%(-?\d*)(.)/g, (whole, width: string, verb: string) => {
    if (verb === '%') return '%';
    if (pending.length === 0) throw new TypeError(`there is nothing for ${whole}`);
    const value = pending.shift();
    if (!'svdqt'.includes(verb)) throw new TypeError(`${whole} is not supported`);
    const shown = verb === 'q' ? JSON.stringify(show(value)) : verb === 'd' ? String(count(value)) : show(value);
    return width.startsWith('-') ? shown.padEnd(Number(width.slice(1))) : shown.padStart(Number(width));
  });
}

function title(value: unknown): string {
  return text(value).replace(
    /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

export const FUNCTIONS: ReadonlyMap<string, (...values: unknown[]) => unknown> = new Map<
  string,
  (...values: unknown[]) => unknown
>([
  ['json', (value) => JSON.stringify(value ?? null)],
  ['join', (items, separator) => list(items).map(show).join(text(separator))],
  ['split', (value, separator) => text(value).split(text(separator))],
  ['title', title],
  ['lower', (value) => text(value).toLowerCase()],
  ['upper', (value) => text(value).toUpperCase()],
  [
    'pad',
    (value, before, after) =>
      text(value) === '' ? '' : ' '.repeat(count(before)) + text(value) + ' '.repeat(count(after)),
  ],
  ['truncate', (value, length) => [...text(value)].slice(0, count(length)).join('')],
  ['print', (...values) => values.map(show).join('')],
  ['println', (...values) => `${values.map(show).join(' ')}\n`],
  ['printf', formatted],
  ['len', lengthOf],
  ['index', indexed],
  ['not', (value) => !isTrue(value)],
  ['and', (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1)],
  ['or', (...values) => values.find(isTrue) ?? values.at(-1)],
  ['eq', (first, ...others) => others.some((other) => other === first)],
  ['ne', (a, b) => a !== b],
  ['lt', (a, b) => compare(a, b) < 0],
  ['le', (a, b) => compare(a, b) <= 0],
  ['gt', (a, b) => compare(a, b) > 0],
  ['ge', (a, b) => compare(a, b) >= 0],
]);
