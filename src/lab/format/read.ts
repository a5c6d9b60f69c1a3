/** Reads lab.yaml by the schema, and collects every mistake on the way rather than stopping at the first. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { sizeInBytes } from '../../util/sizes.ts';
import type { Fields, Kind, ListKind, Located, ObjectKind, ObjectValue, Source } from './kinds.ts';
import type { Mistake } from './mistake.ts';
import { didYouMean } from './suggest.ts';
import { parseYaml, type Place } from './yaml.ts';

const UNITS_MS: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000 };
const MODE_MAX = 0o7777;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MARKDOWN_FILE = /^[^\n]+\.md$/;

/** Begins a placeholder for a text, which no text of lab.yaml that is read can. */
const MISSING = '\0';

/** Whether a text is a placeholder: its mistake has been told. */
export function isMissing(text: string): boolean {
  return text.startsWith(MISSING);
}

export interface ReadResult<F extends Fields> {
  /**
   * Undefined when it is nothing of the kind. After a mistake, what is missing or wrong has a placeholder, so that the rest can be
   * checked too.
   */
  readonly value: ObjectValue<F> | undefined;
  readonly mistakes: readonly Mistake[];
}

/** @param file what mistakes call it. */
export function readYaml<F extends Fields>(text: string, file: string, schema: ObjectKind<F>): ReadResult<F> {
  const { root, mistakes, placeOf } = parseYaml(text, file);
  if (mistakes.length > 0) return { value: undefined, mistakes };
  const reader = new Reader(file, placeOf);
  const value = root === undefined ? reader.empty(schema) : reader.read(root, schema, file);
  return { value: value as ObjectValue<F> | undefined, mistakes: reader.mistakes };
}

class Reader {
  readonly mistakes: Mistake[] = [];
  readonly #file: string;
  readonly #placeOf: (node: Node) => Place;
  #missingCount = 0;

  constructor(file: string, placeOf: (node: Node) => Place) {
    this.#file = file;
    this.#placeOf = placeOf;
  }

  empty(schema: ObjectKind): undefined {
    this.mistakes.push({
      file: this.#file,
      line: 1,
      column: 1,
      message: `the file is empty; ${schema.name} begins with "version: 1"`,
    });
  }

  /** `what` is what mistakes call it. Undefined after a mistake. */
  read(node: Node, kind: Kind, what: string): unknown {
    // A lab needs no aliases (YAML 1.2.2 §7.1), and a few of them could unfold to anything.
    if (isAlias(node)) return this.#wrong(node, 'a text can\'t begin with "*"; put it in quotes');
    if ('anchor' in node && node.anchor !== undefined)
      return this.#wrong(node, 'a text can\'t begin with "&"; put it in quotes');
    switch (kind.kind) {
      case 'object':
        return this.#object(node, kind, what);
      case 'list':
        return this.#list(node, kind, what);
      case 'source':
        return this.#source(node, kind.of, what);
      case 'texts':
        return this.#texts(node, what);
      case 'text':
      case 'choice':
      case 'whole':
      case 'flag':
      case 'size':
      case 'duration':
      case 'mode':
        return this.#scalar(node, kind, what);
    }
  }

  #object(node: Node, { name, fields }: ObjectKind, what: string): unknown {
    if (!isMap(node))
      return this.#wrong(
        node,
        `${what} must have keys, as ${name} has: ${listed(Object.keys(fields))}; write "key: value" lines`,
      );
    const value: Record<string, unknown> = { place: this.#located(node, undefined) };
    const seen = new Set<string>();
    for (const { key, node: inner, place } of this.#pairs(node)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (field === undefined) {
        const known = Object.keys(fields);
        const remedy = didYouMean(key, known, `it has ${listed(known)}`);
        this.#mistake(place, `${name} has no key ${quoted(key)}; ${remedy}`);
        continue;
      }
      seen.add(key);
      const read = isEmpty(inner)
        ? this.#mistake(place, `${quoted(key)} has no value; give it one, or remove the line`)
        : this.read(inner!, field.of, quoted(key));
      if (read !== undefined) value[key] = read;
      else if (field.required) value[key] = this.#placeholder(node, field.of);
    }
    for (const [key, field] of Object.entries(fields)) {
      if (!field.required || seen.has(key)) continue;
      value[key] = this.#placeholder(node, field.of);
      this.#wrong(node, `${name} needs the key ${quoted(key)}; add it`);
    }
    return value;
  }

  #placeholder(node: Node, kind: Kind): unknown {
    if (kind.kind === 'list') return [];
    if (kind.kind === 'source')
      return this.#located(node, { kind: 'inline', text: 'x', textLine: this.#placeOf(node).line });
    return this.#located(node, kind.kind === 'text' ? `${MISSING}${++this.#missingCount}` : 0);
  }

  #list(node: Node, kind: ListKind, what: string): unknown {
    if (!isSeq(node)) {
      if (kind.orOne !== true) return this.#wrong(node, `${what} must be a list; begin each item with "- "`);
      const one = this.read(node, kind.of, what);
      return one === undefined ? undefined : [one];
    }
    if (node.items.length === 0) return this.#wrong(node, `${what} is an empty list; add an item, or remove the line`);
    if (node.items.length > kind.max)
      return this.#wrong(node, `${what} has ${node.items.length} items, and may have ${kind.max}; make it shorter`);
    const values = node.items.map((item) =>
      isEmpty(item as Node)
        ? this.#wrong((item as Node | null) ?? node, `an item of ${what} has no value; give it one, or remove it`)
        : this.read(item as Node, kind.of, `an item of ${what}`),
    );
    return values.filter((value) => value !== undefined);
  }

  #source(node: Node, of: 'script' | 'markdown', what: string): Located<Source> | undefined {
    if (isMap(node)) return this.#sourceFile(node, what);
    const text = this.#text(node, what);
    if (text === undefined) return undefined;
    if (text.trim() === '')
      return this.#wrong(
        node,
        `${what} is empty; write ${of === 'script' ? 'a script' : 'a text'}, or remove the line`,
      );
    if (of === 'markdown' && MARKDOWN_FILE.test(text.trim()))
      return this.#located(node, { kind: 'file', path: text.trim() });
    const { type } = node as Scalar;
    const isBlock = type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED';
    return this.#located(node, { kind: 'inline', text, textLine: this.#placeOf(node).line + (isBlock ? 1 : 0) });
  }

  #sourceFile(node: YAMLMap, what: string): Located<Source> | undefined {
    const pairs = this.#pairs(node);
    const file = pairs.find(({ key }) => key === 'file');
    const path = file === undefined || file.node === null ? undefined : this.#text(file.node, '"file"');
    if (pairs.length !== 1 || path === undefined)
      return this.#wrong(
        node,
        `${what} must be a text, or name a file; write "|" and the text below it, or "{ file: PATH }"`,
      );
    return this.#located(node, { kind: 'file', path });
  }

  #texts(node: Node, what: string): Located<ReadonlyMap<string, string>> | undefined {
    if (!isMap(node)) return this.#wrong(node, `${what} must have a line "NAME: value" for each variable`);
    const texts = new Map<string, string>();
    for (const { key, node: inner, place } of this.#pairs(node)) {
      if (!VARIABLE.test(key)) {
        this.#mistake(place, `${quoted(key)} can't be the name of a variable; use letters, digits and underscores`);
        continue;
      }
      const text = isEmpty(inner) ? '' : this.#text(inner!, quoted(key));
      if (text !== undefined) texts.set(key, text);
    }
    return this.#located(node, texts);
  }

  #scalar(
    node: Node,
    kind: Exclude<Kind, { kind: 'object' | 'list' | 'source' | 'texts' }>,
    what: string,
  ): Located<unknown> | undefined {
    const wrong = (wanted: string): undefined => this.#wrong(node, `${what} must be ${wanted}`);
    if (kind.kind === 'text') {
      const text = this.#text(node, what);
      if (text === undefined) return undefined;
      if (text.length > kind.charsMax)
        return wrong(`shorter than ${kind.charsMax + 1} characters, and has ${text.length}`);
      if (kind.pattern !== undefined && !kind.pattern.test(text)) return wrong(`${kind.wanted}, not ${quoted(text)}`);
      return this.#located(node, text);
    }
    if (!isScalar(node)) return wrong(`a single value, not ${shapeOf(node)}`);
    const text = typeof node.value === 'string' ? node.value.trim() : (node.source ?? String(node.value));
    switch (kind.kind) {
      case 'choice':
        if (!kind.words.includes(text)) return wrong(`${kind.words.join(' or ')}, not ${quoted(text)}`);
        return this.#located(node, text);
      case 'flag':
        if (typeof node.value !== 'boolean') return wrong(`true or false, not ${quoted(text)}`);
        return this.#located(node, node.value);
      case 'whole':
        return this.#inRange(node, what, Number(text), kind, String, `a whole number, not ${quoted(text)}`);
      case 'size':
        return this.#inRange(
          node,
          what,
          sizeInBytes(text) ?? NaN,
          kind,
          showSize,
          `a size such as 512M, not ${quoted(text)}`,
        );
      case 'duration':
        return this.#inRange(
          node,
          what,
          milliseconds(text),
          kind,
          showSeconds,
          `seconds, such as 90, or a time such as 2m, not ${quoted(text)}`,
        );
      case 'mode': {
        const mode = /^0?o?[0-7]{3,4}$/.test(text) ? parseInt(text.replace('o', ''), 8) : NaN;
        return mode <= MODE_MAX ? this.#located(node, mode) : wrong(`permissions such as 0644, not ${quoted(text)}`);
      }
    }
  }

  #inRange(
    node: Node,
    what: string,
    value: number,
    { min, max }: { readonly min: number; readonly max: number },
    show: (value: number) => string,
    wanted: string,
  ): Located<number> | undefined {
    if (!Number.isSafeInteger(value)) return this.#wrong(node, `${what} must be ${wanted}`);
    if (value >= min && value <= max) return this.#located(node, value);
    const range = min === max ? show(min) : `from ${show(min)} to ${show(max)}`;
    return this.#wrong(node, `${what} must be ${range}, not ${show(value)}`);
  }

  #text(node: Node, what: string): string | undefined {
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    const remedy = isScalar(node) ? 'put it in quotes' : 'put it in quotes if it begins with a bracket';
    return this.#wrong(node, `${what} must be text, not ${shapeOf(node)}; ${remedy}`);
  }

  #pairs(map: YAMLMap): Array<{ key: string; node: Node | null; place: Place }> {
    return (map.items as Array<Pair<Node, Node | null>>).flatMap(({ key, value }) => {
      if (isScalar(key)) return [{ key: String(key.value), node: value, place: this.#placeOf(key) }];
      this.#wrong(key, 'a key must be a word; write "key: value"');
      return [];
    });
  }

  #located<T>(node: Node, value: T): Located<T> {
    return { value, ...this.#placeOf(node) };
  }

  #wrong(node: Node, message: string): undefined {
    this.#mistake(this.#placeOf(node), message);
  }

  #mistake({ line, column }: Place, message: string): undefined {
    this.mistakes.push({ file: this.#file, line, column, message });
  }
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function shapeOf(node: Node): string {
  if (isMap(node)) return 'keys with values';
  if (isSeq(node)) return 'a list';
  const { value } = node as Scalar;
  if (typeof value === 'number') return `the number ${(node as Scalar).source ?? value}`;
  return String(value);
}

function milliseconds(text: string): number {
  const match = /^(\d+) ?(s|m|)$/.exec(text);
  return match === null ? NaN : Number(match[1]) * UNITS_MS[match[2]!]!;
}

function showSize(bytes: number): string {
  const unit = (['G', 'M', 'K'] as const).find((name) => bytes >= (sizeInBytes(`1${name}`) ?? 0));
  return unit === undefined ? String(bytes) : `${Math.round((bytes / sizeInBytes(`1${unit}`)!) * 10) / 10}${unit}`;
}

function showSeconds(duration: number): string {
  return `${duration / 1000}s`;
}

/** As it was written, cut where it gets long. */
function quoted(text: string): string {
  const CHARS_MAX = 60;
  return JSON.stringify(text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text);
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
