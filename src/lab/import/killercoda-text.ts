/**
 * Killercoda's Markdown to ours. Theirs marks code after it (`ls`{{exec}}, a block whose closing fence has {{exec}}); ours has words in
 * braces, and after the opening fence.
 */

const FENCE = /^([ \t]{0,3})(`{3,}|~{3,})[ \t]*([^`]*)$/;
const CLOSING = /^([ \t]{0,3})(`{3,}|~{3,})[ \t]*\{\{([^{}]*)\}\}[ \t]*$/;
/** A line's end, which most of theirs have for space between paragraphs. */
const BREAK = /<br\s*\/?>/gi;
const HTML = /<\/?[a-z][a-z0-9]*(?:\s[^<>]*)?>/i;
/** Addresses of ports of their machines. */
const TRAFFIC = /\{\{\s*TRAFFIC_[A-Z0-9_]+\s*\}\}/;
const TRAFFIC_LINK = /\[([^\]]*)\]\([^()]*\{\{\s*TRAFFIC_[A-Z0-9_]+\s*\}\}[^()]*\)/g;

export interface ConvertedText {
  readonly markdown: string;
  /** What could not be carried over, one sentence each, with its line. */
  readonly warnings: ReadonlyArray<{ readonly line: number; readonly message: string }>;
}

/** Lines stay where they are. */
export function convertText(markdown: string): ConvertedText {
  const warnings: Array<{ line: number; message: string }> = [];
  const lines = markdown.replaceAll('\r\n', '\n').split('\n');
  let open: { readonly index: number; readonly mark: string } | undefined;
  for (const [index, line] of lines.entries()) {
    const warn = (message: string): void => void warnings.push({ line: index + 1, message });
    if (TRAFFIC.test(line)) warn('a link to a port of the machine is taken out, for a lab has no network to the page');
    if (open === undefined) {
      const fence = FENCE.exec(line);
      if (fence !== null) open = { index, mark: fence[2]! };
      else lines[index] = convertInline(line.replace(BREAK, '').replace(TRAFFIC_LINK, '$1'), warn);
      if (HTML.test(withoutCode(lines[index]!))) warn('HTML is shown as text; write it in Markdown');
      continue;
    }
    const closing = CLOSING.exec(line) ?? FENCE.exec(line);
    const isEnd = closing !== null && closing[2]!.startsWith(open.mark) && (closing[3] === '' || line.includes('{{'));
    if (!isEnd) continue;
    const words = closing[3] === '' ? '' : wordsFor(closing[3]!, warn);
    if (words !== '') {
      lines[index] = `${closing[1]}${closing[2]}`;
      lines[open.index] = withWords(lines[open.index]!, words);
    } else if (line.includes('{{')) lines[index] = `${closing[1]}${closing[2]}`;
    open = undefined;
  }
  return { markdown: lines.join('\n'), warnings };
}

/** Code in a line, followed by braces. */
function convertInline(line: string, warn: (message: string) => void): string {
  return line.replace(
    /(`+)([^`]|[^`].*?[^`])\1(\{\{\s*[a-z][a-z ]*?\s*\}\}|\{\{\s*\}\})/g,
    (_whole, ticks: string, code: string, braces: string) => {
      const words = wordsFor(braces.slice(2, -2), warn);
      return `${ticks}${code}${ticks}${words === '' ? '' : `{${words}}`}`;
    },
  );
}

function withoutCode(line: string): string {
  return line.replace(/(`+)(?:[^`]|[^`].*?[^`])\1/g, '');
}

/** Our words for theirs; empty for code that does nothing. */
function wordsFor(theirs: string, warn: (message: string) => void): string {
  const words = theirs
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
  const isRun = words.some((word) => word === 'exec' || word === 'execute');
  const unknown = words.filter((word) => !['exec', 'execute', 'copy', 'interrupt'].includes(word));
  if (unknown.length > 0) warn(`{{${theirs.trim()}}} after code has no counterpart; the code is shown as it is`);
  if (isRun) return words.includes('interrupt') ? 'run interrupt' : 'run';
  return words.includes('copy') ? 'copy' : '';
}

function withWords(fence: string, words: string): string {
  const info = fence.replace(/^[ \t]*(?:`+|~+)[ \t]*/, '').trim();
  const language = info.split(/\s+/)[0] ?? '';
  const mark = /^[ \t]*(?:`+|~+)/.exec(fence)![0];
  return `${mark}${language === '' || language === 'plain' ? 'sh' : language} ${words}`;
}
