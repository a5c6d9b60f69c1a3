/**
 * The language of the schema: what a value in lab.yaml must be. A schema is data, so that reading, its mistakes and the
 * reference (docs/reference/lab-format.md) come from one place.
 */

/** A value with its place in lab.yaml, both numbers from 1. */
export interface Located<T> {
  readonly value: T;
  readonly line: number;
  readonly column: number;
}

/** Text that stands in lab.yaml, or in a file that it names. */
export type Source =
  | {
      readonly kind: 'inline';
      readonly text: string;
      /** Where the text itself begins. */
      readonly textLine: number;
    }
  | { readonly kind: 'file'; readonly path: string };

interface TextKind {
  readonly kind: 'text';
  readonly charsMax: number;
  readonly pattern?: RegExp;
  /** What the pattern wants, after "must be". */
  readonly wanted?: string;
}
/** One of some words. */
interface ChoiceKind<W extends string = string> {
  readonly kind: 'choice';
  readonly words: readonly W[];
}
interface WholeKind {
  readonly kind: 'whole';
  readonly min: number;
  readonly max: number;
}
interface FlagKind {
  readonly kind: 'flag';
}
/** Bytes, `512M`. */
interface SizeKind {
  readonly kind: 'size';
  readonly min: number;
  readonly max: number;
}
/** Milliseconds, from seconds or `2m`. */
interface DurationKind {
  readonly kind: 'duration';
  readonly min: number;
  readonly max: number;
}
/** Permission bits in octal. */
interface ModeKind {
  readonly kind: 'mode';
}
/** `markdown` may be the bare name of a file that ends in `.md`. */
interface SourceKind {
  readonly kind: 'source';
  readonly of: 'script' | 'markdown';
}
/** Text by name. */
interface TextsKind {
  readonly kind: 'texts';
}
export interface ListKind<K = Kind> {
  readonly kind: 'list';
  readonly of: K;
  readonly max: number;
  /** One item may stand without the list. */
  readonly orOne?: boolean;
}
export interface ObjectKind<F = Fields> {
  readonly kind: 'object';
  /** What errors call it: `a step`. */
  readonly name: string;
  readonly fields: F;
}
export type Kind =
  | TextKind
  | ChoiceKind
  | WholeKind
  | FlagKind
  | SizeKind
  | DurationKind
  | ModeKind
  | SourceKind
  | TextsKind
  | ListKind
  | ObjectKind;

export interface Field<K = Kind, R extends boolean = boolean> {
  readonly of: K;
  readonly required: R;
  /** A sentence for the reference; Markdown. */
  readonly doc: string;
  /** What holds without it, for the reference. */
  readonly default?: string;
}
export interface Fields {
  readonly [name: string]: Field;
}

/** What reading a value of a kind gives. */
export type Value<K> =
  K extends ListKind<infer Item>
    ? ReadonlyArray<Value<Item>>
    : K extends ObjectKind<infer F>
      ? ObjectValue<F & Fields>
      : Located<
          K extends TextKind
            ? string
            : K extends ChoiceKind<infer W>
              ? W
              : K extends FlagKind
                ? boolean
                : K extends SourceKind
                  ? Source
                  : K extends TextsKind
                    ? ReadonlyMap<string, string>
                    : number
        >;
export type ObjectValue<F extends Fields> = {
  readonly [N in keyof F]: F[N] extends Field<infer K, true>
    ? Value<K>
    : F[N] extends Field<infer K>
      ? Value<K> | undefined
      : never;
} & { readonly place: Located<undefined> };

export function required<K extends Kind>(of: K, doc: string): Field<K, true> {
  return { of, required: true, doc };
}
export function optional<K extends Kind>(of: K, doc: string, byDefault?: string): Field<K, false> {
  return { of, required: false, doc, ...(byDefault === undefined ? {} : { default: byDefault }) };
}
