/**
 * What stands after the fence of a code block, and in braces after code in a line: `sh run`, `sh run interrupt terminal=two`, `copy`.
 */
import { didYouMean } from '../format/suggest.ts';
import type { CodeAction } from './tree.ts';

const WORDS = ['run', 'copy', 'interrupt', 'terminal=NAME'] as const;
const TERMINAL = 'terminal=';
const TERMINAL_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

export interface CodeInfo {
  readonly language: string | undefined;
  readonly action: CodeAction | undefined;
  /** What is wrong with it; it is then left out. */
  readonly problems: readonly string[];
}

/** Of a fenced block. The first word is a language unless it is one of ours. */
export function blockInfo(info: string): CodeInfo {
  const words = info.split(/\s+/).filter((word) => word !== '');
  const isLanguage = words[0] !== undefined && !isOurs(words[0]);
  return { language: isLanguage ? words[0] : undefined, ...actionOf(isLanguage ? words.slice(1) : words) };
}

const INLINE = /^\{(run|copy)((?: [^{}\n]*)?)\}/;

/** Of code in a line: what the text after it begins with, and how many characters that is. */
export function inlineInfo(textAfter: string): { readonly info: CodeInfo; readonly length: number } | undefined {
  const match = INLINE.exec(textAfter);
  if (match === null) return undefined;
  const words = `${match[1]}${match[2]}`.split(' ').filter((word) => word !== '');
  return { info: { language: undefined, ...actionOf(words) }, length: match[0].length };
}

function isOurs(word: string): boolean {
  return word === 'run' || word === 'copy' || word === 'interrupt' || word.startsWith(TERMINAL);
}

function actionOf(words: readonly string[]): Pick<CodeInfo, 'action' | 'problems'> {
  const problems: string[] = [];
  let terminal: string | undefined;
  for (const word of words) {
    if (!isOurs(word)) {
      problems.push(
        `${JSON.stringify(word)} says nothing after code; ${didYouMean(word, WORDS, `the words are ${WORDS.join(', ')}`)}`,
      );
    } else if (word.startsWith(TERMINAL)) {
      const name = word.slice(TERMINAL.length);
      if (TERMINAL_NAME.test(name)) terminal = name;
      else
        problems.push(`${JSON.stringify(name)} can't be the name of a terminal; use small letters, digits and dashes`);
    }
  }
  const has = (word: string): boolean => words.includes(word);
  if (has('run') && has('copy')) problems.push('code is either to run or to copy; remove one of the words');
  if (!has('run') && (has('interrupt') || terminal !== undefined))
    problems.push('"interrupt" and "terminal" belong to code that runs; add the word "run"');
  if (problems.length > 0) return { action: undefined, problems };
  if (has('run')) return { action: { kind: 'run', interrupt: has('interrupt'), terminal }, problems };
  return { action: has('copy') ? { kind: 'copy' } : undefined, problems };
}
