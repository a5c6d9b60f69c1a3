/**
 * Placeholders of expected lines, for what no two engines can have in common. `<kind>` matches one, `<kind:name>` also keeps it
 * (or, when the name is known, must be the same): so `<id:web>` is one container in a whole session. `id`, `short` (its first 12
 * digits) and `digest` (`sha256:` before it) are views of one value. Any other text in angle brackets is itself.
 */

/** Kind → regular expression without groups. */
const KINDS = {
  id: '[0-9a-f]{64}',
  short: '[0-9a-f]{12}',
  digest: 'sha256:[0-9a-f]{64}',
  /** RFC 3339 */
  time: '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d)',
  /** Go's time.Time.String */
  gotime: '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)? [+-]\\d{4} [A-Z]+',
  /** As `ps` tells it: `2 minutes`. */
  duration: 'Less than a second|About an? (?:minute|hour)|\\d+ (?:second|minute|hour|day|week)s?',
  size: '\\d+(?:\\.\\d+)? ?(?:[kKMGT]i?)?B',
  number: '\\d+(?:\\.\\d+)?',
  percent: '\\d+\\.\\d\\d%',
  /** Of a container that nobody gave one. */
  name: '[a-z]+_[a-z]+\\d?',
  word: '\\S+',
  /** Perhaps nothing. */
  any: '.*',
} as const;
type Kind = keyof typeof KINDS;

/** Kinds whose length varies, so that a table's columns move. */
const ELASTIC: readonly Kind[] = ['duration', 'size', 'number', 'percent', 'name', 'word', 'any'];
const PLACEHOLDER = /<([a-z]+)(?::([a-zA-Z0-9_-]+))?>/g;

/** Values of names. */
export type Bindings = Map<string, string>;

interface Part {
  readonly kind: Kind;
  readonly name: string | undefined;
}

function placeholder(kind: string, name: string | undefined, bindings: Bindings): Part | string | undefined {
  if (Object.hasOwn(KINDS, kind)) return { kind: kind as Kind, name };
  return name === undefined ? bindings.get(kind) : undefined;
}

/** Whether columns of a table with this line may move. */
export function isElastic(expected: string): boolean {
  return [...expected.matchAll(PLACEHOLDER)].some(([, kind]) => ELASTIC.includes(kind as Kind));
}

interface MatchOptions {
  /** A run of two or more spaces matches any other. */
  readonly elastic?: boolean;
  /** Anywhere in the text, in any case, with any white space. */
  readonly fragment?: boolean;
}

/** Whether a text is as expected; if so, names in it are kept in `bindings`, else these stay as they were. */
export function matches(expected: string, actual: string, bindings: Bindings, options: MatchOptions = {}): boolean {
  const { elastic = false, fragment = false } = options;
  const parts: Part[] = [];
  let pattern = '';
  let end = 0;
  const addText = (text: string): void => {
    const escaped = text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    if (fragment) pattern += escaped.replace(/\s+/g, '\\s+');
    else pattern += elastic ? escaped.replace(/ {2,}/g, ' {2,}') : escaped;
  };
  for (const found of expected.matchAll(PLACEHOLDER)) {
    const part = placeholder(found[1]!, found[2], bindings);
    if (part === undefined) continue;
    addText(expected.slice(end, found.index));
    end = found.index + found[0].length;
    if (typeof part === 'string') addText(part);
    else {
      parts.push(part);
      pattern += `(${KINDS[part.kind]})`;
    }
  }
  addText(expected.slice(end));
  const match = (fragment ? new RegExp(pattern, 'i') : new RegExp(`^${pattern}$`)).exec(actual);
  if (match === null) return false;
  const fresh: Bindings = new Map(bindings);
  if (!parts.every(({ kind, name }, index) => name === undefined || bind(fresh, kind, name, match[index + 1]!)))
    return false;
  for (const [name, value] of fresh) bindings.set(name, value);
  return true;
}

/** Keeps a value under a name, or compares it with what is kept; the longer of an ID and its beginning is kept. */
function bind(bindings: Bindings, kind: Kind, name: string, text: string): boolean {
  const isId = kind === 'id' || kind === 'short' || kind === 'digest';
  const value = kind === 'digest' ? text.slice('sha256:'.length) : text;
  const known = bindings.get(name);
  if (known === undefined || (isId && known.length < value.length && value.startsWith(known))) {
    bindings.set(name, value);
    return true;
  }
  return isId ? known.startsWith(value) : known === value;
}
