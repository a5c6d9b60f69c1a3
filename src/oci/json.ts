/**
 * JSON from a stranger: bounded size and depth, then read field by field with a type each. Only fields that somebody
 * asks for are looked at, so unknown ones are allowed as the image-spec wants ("Extensibility"), and a `__proto__`
 * key is data like any other.
 */
import { badImage, overLimit, quote, showBytes } from './fail.ts';
import type { ImageLimits } from './limits.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses one document. `what` names it in errors ("index.json"). */
export function parseJson(bytes: Uint8Array, what: string, limits: ImageLimits): JsonValue {
  if (bytes.length > limits.jsonBytes) {
    throw overLimit(`${what} has ${showBytes(bytes.length)}, more than the limit of ${showBytes(limits.jsonBytes)}`);
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw badImage(`${what} is not UTF-8 text`, cause);
  }
  checkDepth(text, what, limits.jsonDepth);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw badImage(`${what} is not valid JSON`, cause);
  }
}

/** Counts brackets outside strings, before a parser recurses into them. */
function checkDepth(text: string, what: string, maximum: number): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') {
      inString = true;
    } else if (char === '{' || char === '[') {
      if (++depth > maximum) throw overLimit(`${what} nests deeper than ${maximum} levels`);
    } else if (char === '}' || char === ']') {
      depth--;
    }
  }
}

/** One JSON object whose fields are read with a type each. Absent and `null` both read as `undefined`. */
export class JsonObject {
  readonly #fields: { [key: string]: JsonValue };
  readonly #what: string;

  constructor(value: JsonValue, what: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw badImage(`${what} is not a JSON object`);
    this.#fields = value;
    this.#what = what;
  }

  #get(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined;
  }

  #wrong(key: string, wanted: string): Error {
    return badImage(`${this.#what}: field ${quote(key)} is not ${wanted}`);
  }

  #required<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw badImage(`${this.#what}: field ${quote(key)} is missing`);
    return value;
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  optionalString(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw this.#wrong(key, 'a string');
    return value;
  }

  string(key: string): string {
    return this.#required(key, this.optionalString(key));
  }

  optionalBoolean(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'boolean') throw this.#wrong(key, 'true or false');
    return value;
  }

  /** A whole number from 0 to 2^53-1. */
  size(key: string): number {
    const value = this.#required(key, this.#get(key));
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.#wrong(key, 'a whole number that is not negative');
    return value;
  }

  optionalStrings(key: string): string[] | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrong(key, 'a list of strings');
    return value.map((item) => {
      if (typeof item !== 'string') throw this.#wrong(key, 'a list of strings');
      return item;
    });
  }

  strings(key: string): string[] {
    return this.#required(key, this.optionalStrings(key));
  }

  /** Text by text, as annotations and labels are. */
  stringMap(key: string): ReadonlyMap<string, string> {
    const value = this.#get(key);
    const map = new Map<string, string>();
    if (value === undefined) return map;
    if (typeof value !== 'object' || Array.isArray(value) || value === null)
      throw this.#wrong(key, 'an object of strings');
    for (const [name, text] of Object.entries(value)) {
      if (typeof text !== 'string') throw this.#wrong(key, 'an object of strings');
      map.set(name, text);
    }
    return map;
  }

  /** The names in an object that serves as a set, as `Volumes` does. */
  keys(key: string): string[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (typeof value !== 'object' || Array.isArray(value) || value === null) throw this.#wrong(key, 'an object');
    return Object.keys(value);
  }

  optionalObject(key: string): JsonObject | undefined {
    const value = this.#get(key);
    return value === undefined ? undefined : new JsonObject(value, `${this.#what}: field ${quote(key)}`);
  }

  object(key: string): JsonObject {
    return this.#required(key, this.optionalObject(key));
  }

  array(key: string): readonly JsonValue[] {
    const value = this.#required(key, this.#get(key));
    if (!Array.isArray(value)) throw this.#wrong(key, 'a list');
    return value;
  }

  objects(key: string): JsonObject[] {
    return this.array(key).map((item, index) => new JsonObject(item, `${this.#what}: ${key}[${index}]`));
  }
}
