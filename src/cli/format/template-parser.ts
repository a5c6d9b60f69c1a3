/** Parses Go templates (package text/template, "Actions", "Arguments", "Pipelines", "Variables") into a tree. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

export type Operand =
  | { readonly kind: 'value'; readonly value: string | number | boolean | null }
  /** `.A.B`; `.` has no path. */
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string };
export type Command = readonly Operand[];
export type Pipeline = readonly Command[];

interface Block {
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly variable: string | undefined; readonly pipeline: Pipeline }
  | ({ readonly kind: 'if' | 'with' } & Block)
  | ({ readonly kind: 'range'; readonly variables: readonly string[] } & Block);

/** Text, or the inside of an action. */
type Piece = { readonly text: string } | { readonly action: string };

const ACTION = /\{\{(- )?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|\/\*[\s\S]*?\*\/|[^}"`]|\}(?!\}))*?)( -)?\}\}/g;
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(-?\d+(?:\.\d+)?)|(\$[A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)|((?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.)|([A-Za-z_][A-Za-z0-9_]*)|(:=|[(|),]))/y;
const UNSUPPORTED: readonly string[] = ['define', 'template', 'block', 'break', 'continue'];

/** Throws USAGE. */
export function parseTemplate(text: string): Node[] {
  const parser = new Parser(text);
  const nodes = parser.nodes([]);
  if (parser.ended !== undefined) throw parser.fail(`{{${parser.ended}}} has nothing to end`);
  return nodes;
}

function split(text: string, fail: (why: string) => VivariumError): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trims = false;
  const addText = (raw: string, trimsEnd: boolean): void => {
    if (raw.includes('{{')) throw fail('{{ is not closed');
    const start = trims ? raw.trimStart() : raw;
    const cut = trimsEnd ? start.trimEnd() : start;
    if (cut !== '') pieces.push({ text: cut });
  };
  for (const match of text.matchAll(ACTION)) {
    addText(text.slice(at, match.index), match[1] !== undefined);
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(match[2]!)) pieces.push({ action: match[2]!.trim() });
    trims = match[3] !== undefined;
    at = match.index + match[0].length;
  }
  addText(text.slice(at), false);
  return pieces;
}

class Parser {
  /** `end` or `else …` that the last call of {@link nodes} stopped at. */
  ended: string | undefined;
  readonly #text: string;
  readonly #pieces: Piece[];

  constructor(text: string) {
    this.#text = text;
    this.#pieces = split(text, (why) => this.fail(why));
  }

  fail(why: string): VivariumError {
    return new VivariumError(ErrorCodes.USAGE, `the format ${JSON.stringify(this.#text)} can't be read: ${why}`);
  }

  /** Reads up to the end of the text or of a block that `open` names. */
  nodes(open: readonly string[]): Node[] {
    const nodes: Node[] = [];
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift()) {
      if ('text' in piece) {
        nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const { action } = piece;
      const [word = ''] = /^[a-z]+\b/.exec(action) ?? [];
      if (UNSUPPORTED.includes(word)) throw this.fail(`{{${word}}} is not supported`);
      if (word === 'end' || word === 'else') {
        this.ended = action;
        return nodes;
      }
      const isBlock = word === 'if' || word === 'range' || word === 'with';
      nodes.push(isBlock ? this.#block(word, action.slice(word.length), open) : this.#print(action));
    }
    if (open.length > 0) throw this.fail(`{{${open.at(-1)}}} has no {{end}}`);
    this.ended = undefined;
    return nodes;
  }

  #print(action: string): Node {
    const match = /^(\$[A-Za-z0-9_]+)\s*:?=\s*/.exec(action);
    const variable = match?.[1];
    return { kind: 'print', variable, pipeline: this.#pipeline(action.slice(match?.[0].length ?? 0)) };
  }

  #block(kind: 'if' | 'range' | 'with', text: string, open: readonly string[]): Node {
    const match = kind === 'range' ? /^\s*(\$[A-Za-z0-9_]+)(?:\s*,\s*(\$[A-Za-z0-9_]+))?\s*:=/.exec(text) : null;
    const variables = [match?.[1], match?.[2]].filter((name) => name !== undefined);
    const pipeline = this.#pipeline(text.slice(match?.[0].length ?? 0));
    const body = this.nodes([...open, kind]);
    const otherwise = this.#otherwise(kind, open);
    return kind === 'range' ? { kind, variables, pipeline, body, otherwise } : { kind, pipeline, body, otherwise };
  }

  /** What follows `else`; `else if` is a block in it that shares its `end`. */
  #otherwise(kind: string, open: readonly string[]): readonly Node[] {
    const ended = this.ended!;
    if (ended === 'end') return [];
    const chained = /^else\s+(if|with)\b(.*)$/s.exec(ended);
    if (chained) return [this.#block(chained[1] as 'if' | 'with', chained[2]!, open)];
    if (ended !== 'else') throw this.fail(`{{${ended}}} is not understood`);
    const nodes = this.nodes([...open, kind]);
    if (this.ended !== 'end') throw this.fail('{{else}} follows {{else}}');
    return nodes;
  }

  #pipeline(text: string): Pipeline {
    const tokens = this.#tokens(text);
    const pipeline = this.#commands(tokens);
    if (tokens.length > 0) throw this.fail(`${JSON.stringify(tokens[0]!.text)} is not expected`);
    return pipeline;
  }

  #commands(tokens: Token[]): Pipeline {
    const commands: Command[] = [];
    for (;;) {
      const operands: Operand[] = [];
      while (tokens.length > 0 && tokens[0]!.text !== '|' && tokens[0]!.text !== ')')
        operands.push(this.#operand(tokens));
      if (operands.length === 0) throw this.fail('a value is missing');
      commands.push(operands);
      if (tokens[0]?.text !== '|') return commands;
      tokens.shift();
    }
  }

  #operand(tokens: Token[]): Operand {
    const token = tokens.shift()!;
    if (token.operand !== undefined) return token.operand;
    if (token.text !== '(') throw this.fail(`${JSON.stringify(token.text)} is not expected`);
    const pipeline = this.#commands(tokens);
    if (tokens.shift()?.text !== ')') throw this.fail('( is not closed');
    const next = tokens[0]?.operand;
    const path = next?.kind === 'field' && tokens[0]!.isAttached ? next.path : [];
    if (path.length > 0) tokens.shift();
    return { kind: 'group', pipeline, path };
  }

  #tokens(text: string): Token[] {
    const tokens: Token[] = [];
    const trimmed = text.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < trimmed.length;) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(trimmed);
      if (match === null) throw this.fail(`${JSON.stringify(trimmed.slice(at).trim())} is not understood`);
      const operand = toOperand(match);
      if (operand === 'bad') throw this.fail(`${match[1]} is not a text`);
      tokens.push({ text: match[0].trim(), operand, isAttached: !/^\s/.test(match[0]) });
    }
    return tokens;
  }
}

interface Token {
  readonly text: string;
  readonly operand: Operand | undefined;
  /** Nothing is between it and what precedes it. */
  readonly isAttached: boolean;
}

const CONSTANTS: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null };
const pathOf = (text: string): string[] => text.split('.').filter((name) => name !== '');

function toOperand([, string, number, variable, variablePath, field, word]: RegExpExecArray):
  Operand | 'bad' | undefined {
  if (string !== undefined) {
    if (string.startsWith('`')) return { kind: 'value', value: string.slice(1, -1) };
    try {
      return { kind: 'value', value: JSON.parse(string) as string };
    } catch {
      return 'bad';
    }
  }
  if (number !== undefined) return { kind: 'value', value: Number(number) };
  if (variable !== undefined) return { kind: 'variable', name: variable, path: pathOf(variablePath!) };
  if (field !== undefined) return { kind: 'field', path: pathOf(field) };
  if (word === undefined) return undefined;
  return Object.hasOwn(CONSTANTS, word) ? { kind: 'value', value: CONSTANTS[word]! } : { kind: 'function', name: word };
}
