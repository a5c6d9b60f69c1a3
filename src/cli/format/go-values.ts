/** Values of Go that JSON has no kind for, as far as templates and the order of JSON depend on them. */

const UNITS: readonly [unit: string, ns: number][] = [
  ['h', 3_600_000_000_000],
  ['m', 60_000_000_000],
  ['s', 1_000_000_000],
];
const SMALL_UNITS: readonly [unit: string, ns: number][] = [
  ['ms', 1_000_000],
  ['µs', 1000],
  ['ns', 1],
];

/** What {@link goMap} has made. */
const MAPS = new WeakSet<object>();

/**
 * A map: JSON has it in order of its keys (encoding/json, "Marshal"), and a key that is not there is no value in a template, where
 * a field that a struct has not is an error.
 */
export function goMap<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  const map = Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
  MAPS.add(map);
  return map;
}

export function isGoMap(value: object): boolean {
  return MAPS.has(value);
}

/** A time.Duration: nanoseconds in JSON, and `1m30s` in a template. */
export class GoDuration {
  readonly ns: number;

  constructor(ns: number) {
    this.ns = ns;
  }

  toJSON(): number {
    return this.ns;
  }

  /** As time.Duration.String has it. */
  toString(): string {
    if (this.ns === 0) return '0s';
    const small = SMALL_UNITS.find(([, ns]) => this.ns >= ns)!;
    if (this.ns < UNITS.at(-1)![1]) return `${this.ns / small[1]}${small[0]}`;
    let rest = this.ns;
    let text = '';
    for (const [unit, ns] of UNITS) {
      const count = unit === 's' ? rest / ns : Math.floor(rest / ns);
      rest -= count * ns;
      if (text !== '' || count > 0) text += `${count}${unit}`;
    }
    return text;
  }
}
