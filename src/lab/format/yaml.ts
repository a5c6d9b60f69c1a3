/** lab.yaml as nodes with their places, and its mistakes against YAML 1.2.2 in words for a teacher. */
import { LineCounter, parseDocument, type ErrorCode, type Node } from 'yaml';
import type { Mistake } from './mistake.ts';

/** A place by line and column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  /** Undefined when there is nothing in it, or when `mistakes` make it useless. */
  readonly root: Node | undefined;
  readonly mistakes: readonly Mistake[];
  placeOf(node: Node): Place;
}

const MISTAKES_MAX = 10;

/** What a teacher does to a file that is no YAML; the parser's own words serve where there is nothing better. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'a line is indented with a tab; use spaces',
  BAD_INDENT: 'this line is not indented as the lines that it belongs to; give it as many spaces as they have',
  DUPLICATE_KEY: 'this key is here twice; remove one',
  MISSING_CHAR: 'a quote, bracket or colon is missing here or in the lines before; add it',
  BLOCK_AS_IMPLICIT_KEY: 'there are two colons in this line; put the text after the first one in quotes',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing in this line, or the text before it is not indented; write "key: value"',
  BAD_SCALAR_START: "a text can't begin with this character; put it in quotes",
  UNEXPECTED_TOKEN: "this can't stand here; put texts with special characters in quotes",
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins a special character, and this is none; use single quotes',
  MULTIPLE_DOCS: 'the file has a line "---" in it; remove what follows, for a lab is one document',
  TAG_RESOLVE_FAILED: 'a text can\'t begin with "!"; put it in quotes',
};

/** Never throws. `file` is what mistakes call it. */
export function parseYaml(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const placeOf = (node: Node): Place => placeAt(node.range?.[0] ?? 0);
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: false });
    const mistakes = firstOfLines(
      [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
        file,
        ...placeAt(pos[0]),
        message: REMEDIES[code] ?? `this is no YAML: ${lowerFirst(message)}; correct it`,
      })),
    );
    const root = mistakes.length > 0 ? undefined : (document.contents ?? undefined);
    return { root, mistakes, placeOf };
  } catch (error) {
    // The parser calls itself for each level.
    if (!(error instanceof RangeError)) throw error;
    const message = 'lists and keys are nested too deeply; a lab needs four levels';
    return { root: undefined, mistakes: [{ file, line: 1, column: 1, message }], placeOf };
  }
}

/** What follows in a line is mostly a consequence. */
function firstOfLines(mistakes: readonly Mistake[]): Mistake[] {
  const first = new Map<number, Mistake>();
  for (const mistake of mistakes) if (!first.has(mistake.line)) first.set(mistake.line, mistake);
  return [...first.values()].slice(0, MISTAKES_MAX);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
