/**
 * Session files: what a user types and what Docker answers, as plain text.
 *
 *     ## Title of what follows
 *     @ container/run                 pages below docs.docker.com/reference/cli/docker/ that say what it means
 *     $ viv run busybox sh -c '       a command for sh
 *     > exit 3'                       its next lines
 *     | text                          stdout; ` (no-eol)` ends a last line that has no newline
 *     ! text                          stderr; see compare.ts for what of it counts
 *     = 3                             status, when it is not 0
 *     ~ 126 before moby#48552         why the answer is not the recorded engine's: where a later one's is known
 *     # remark
 *
 * Expected text may have placeholders (pattern.ts).
 */
import { AssertionError } from '../../../src/util/errors.ts';

export interface Step {
  /** Of its first line in the file, from 1. */
  readonly line: number;
  readonly title: string;
  /** Paths below https://docs.docker.com/reference/cli/docker/. */
  readonly citations: readonly string[];
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: number;
  /** Why the recorder leaves it alone; undefined: it does not. */
  readonly deviation?: string;
}

/** Lines that are no step, as they stand, and steps. */
export type Item = string | Step;

const NO_NEWLINE = ' (no-eol)';

/** Throws AssertionError, with the line, for what is no session. */
export function parseSession(text: string): Item[] {
  const items: Item[] = [];
  let title = '';
  let citations: readonly string[] = [];
  let step: { -readonly [key in keyof Step]: Step[key] } | undefined;
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n');
  lines.forEach((content, index) => {
    const line = index + 1;
    const bad = (why: string): AssertionError => new AssertionError(`line ${line} ${why}: ${content}`);
    const [sign = '', rest] = [content[0], content.slice(content[1] === ' ' ? 2 : 1)];
    if ('>|!=~'.includes(sign) && sign !== '') {
      if (step === undefined) throw bad('belongs to no command');
      if (sign === '>') step.command += `\n${rest}`;
      else if (sign === '|') step.stdout = [...step.stdout, rest];
      else if (sign === '!') step.stderr = [...step.stderr, rest];
      else if (sign === '~') step.deviation = rest;
      else if (/^[1-9]\d{0,2}$/.test(rest)) step.status = Number(rest);
      else throw bad('is no status');
      return;
    }
    step = undefined;
    if (sign === '$') {
      if (title === '' || citations.length === 0) throw bad('has no title or no citation above it');
      step = { line, title, citations, command: rest, stdout: [], stderr: [], status: 0 };
      items.push(step);
      return;
    }
    if (content.startsWith('## ')) [title, citations] = [content.slice(3), []];
    else if (sign === '@') {
      citations = rest.split(/\s+/).filter((page) => page !== '');
      if (!citations.every((page) => /^[a-z-]+(\/[a-z-]+)*$/.test(page))) throw bad('cites no page');
    } else if (sign !== '' && sign !== '#') throw bad('begins with no known sign');
    items.push(content);
  });
  return items;
}

/** The steps of a session. */
export function steps(items: readonly Item[]): Step[] {
  return items.filter((item) => typeof item !== 'string');
}

/** The text that {@link parseSession} reads. */
export function printSession(items: readonly Item[]): string {
  return items.map((item) => (typeof item === 'string' ? `${item}\n` : printStep(item))).join('');
}

function printStep({ command, stdout, stderr, status, deviation }: Step): string {
  const signed = (sign: string, lines: readonly string[]): string[] =>
    lines.map((line) => (line === '' ? sign : `${sign} ${line}`));
  const [first, ...others] = command.split('\n');
  return [
    ...signed('$', [first!]),
    ...signed('>', others),
    ...signed('|', stdout),
    ...signed('!', stderr),
    ...(status === 0 ? [] : [`= ${status}`]),
    ...(deviation === undefined ? [] : [`~ ${deviation}`]),
    '',
  ].join('\n');
}

/** Output as lines of a session. */
export function outputLines(text: string): string[] {
  if (text === '') return [];
  return text.endsWith('\n') ? text.slice(0, -1).split('\n') : `${text}${NO_NEWLINE}`.split('\n');
}
