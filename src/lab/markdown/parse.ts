/**
 * Markdown (CommonMark 0.31.2, and tables and strikethrough as GitHub has them) to a safe tree. HTML in it is text. Left out:
 * footnotes, task lists, bare addresses as links.
 */
import MarkdownIt, { type Token } from 'markdown-it';
import type { MarkdownText } from '../format/lab.ts';
import { LIMITS } from '../format/limits.ts';
import { blockInfo, inlineInfo, type CodeInfo } from './code-info.ts';
import { labFileOf, linkTarget } from './link-target.ts';
import type { Block, Inline, LinkTarget } from './tree.ts';

export interface MarkdownDocument {
  readonly blocks: readonly Block[];
  /** What was left out, and why. */
  readonly problems: readonly MarkdownProblem[];
  /** Where it leads, and what it shows. */
  readonly references: readonly MarkdownReference[];
}

export interface MarkdownReference {
  /** Of the text's file. */
  readonly line: number;
  readonly target: LinkTarget | { readonly kind: 'image'; readonly path: string };
}

export interface MarkdownProblem {
  /** Of the text's file. */
  readonly line: number;
  readonly message: string;
}

const parser = new MarkdownIt({
  html: false,
  linkify: false,
  typographer: false,
  maxNesting: LIMITS.markdownNesting * 4,
});
// Addresses are judged where the tree is made, so that a bad one can be told of.
parser.validateLink = () => true;
parser.normalizeLink = (address) => address;

/** Never throws, whatever the text. */
export function parseMarkdown(text: MarkdownText): MarkdownDocument {
  const maker = new TreeMaker(text, parser.parse(text.markdown, {}));
  return { blocks: maker.blocks(undefined, 0), problems: maker.problems, references: maker.references };
}

/** Where findings go. */
interface Found {
  readonly problems: MarkdownProblem[];
  readonly references: MarkdownReference[];
}

type Alignment = 'left' | 'center' | 'right';

class TreeMaker implements Found {
  readonly problems: MarkdownProblem[] = [];
  readonly references: MarkdownReference[] = [];
  readonly #text: MarkdownText;
  readonly #tokens: readonly Token[];
  #next = 0;
  #line = 0;

  constructor(text: MarkdownText, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  /** Blocks up to a token of this type, which is passed over. */
  blocks(end: string | undefined, depth: number): Block[] {
    const blocks: Block[] = [];
    if (depth === LIMITS.markdownNesting)
      this.#problem(
        this.#peek(),
        `lists and quotes are nested deeper than ${LIMITS.markdownNesting} levels; make them flatter`,
      );
    for (let token = this.#take(end); token !== undefined; token = this.#take(end)) {
      const block = this.#block(token, depth);
      if (block !== undefined && depth < LIMITS.markdownNesting) blocks.push(block);
    }
    return blocks;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #take(end: string | undefined): Token | undefined {
    const token = this.#tokens[this.#next];
    if (token !== undefined) this.#next++;
    return token === undefined || token.type === end ? undefined : token;
  }

  #block(token: Token, depth: number): Block | undefined {
    switch (token.type) {
      case 'heading_open':
        return { kind: 'heading', level: Number(token.tag.slice(1)) as 1, children: this.#inlines('heading_close') };
      case 'paragraph_open':
        return { kind: 'paragraph', children: this.#inlines('paragraph_close') };
      case 'blockquote_open':
        return { kind: 'quote', children: this.blocks('blockquote_close', depth + 1) };
      case 'bullet_list_open':
        return this.#list(undefined, 'bullet_list_close', depth);
      case 'ordered_list_open':
        return this.#list(Number(token.attrGet('start') ?? 1), 'ordered_list_close', depth);
      case 'fence':
        return { kind: 'code-block', text: token.content, ...this.#judged(token, blockInfo(token.info)) };
      case 'code_block':
        return { kind: 'code-block', text: token.content, language: undefined, action: undefined };
      case 'table_open':
        return this.#table();
      case 'hr':
        return { kind: 'rule' };
      default:
        return this.#problem(token, "something here can't be shown; write it in another way");
    }
  }

  #list(start: number | undefined, end: string, depth: number): Block {
    const items: Block[][] = [];
    let isTight = true;
    for (let token = this.#take(end); token !== undefined; token = this.#take(end)) {
      if (token.type !== 'list_item_open') continue;
      if (this.#peek()?.type === 'paragraph_open' && !this.#peek()!.hidden) isTight = false;
      items.push(this.blocks('list_item_close', depth + 1));
    }
    return { kind: 'list', start, isTight, items };
  }

  #table(): Block {
    const align: Array<Alignment | undefined> = [];
    const head: Inline[][] = [];
    const rows: Inline[][][] = [];
    for (let token = this.#take('table_close'); token !== undefined; token = this.#take('table_close')) {
      if (token.type === 'th_open') {
        align.push(alignmentOf(token));
        head.push(this.#inlines('th_close'));
      } else if (token.type === 'tr_open') rows.push([]);
      else if (token.type === 'td_open') rows.at(-1)!.push(this.#inlines('td_close'));
    }
    return { kind: 'table', align, head, rows: rows.slice(1) }; // the first one is the head
  }

  #inlines(end: string): Inline[] {
    const inlines: Inline[] = [];
    for (let token = this.#take(end); token !== undefined; token = this.#take(end)) {
      inlines.push(...new InlineMaker(token.children ?? [], this.#text.file, this.#lineOf(token), this).all());
    }
    return inlines;
  }

  #judged(token: Token, { language, action, problems }: CodeInfo): Pick<CodeInfo, 'language' | 'action'> {
    for (const problem of problems) this.#problem(token, problem);
    return { language, action };
  }

  #problem(token: Token | undefined, message: string): undefined {
    this.problems.push({ line: this.#lineOf(token), message });
  }

  /** A token of a table's cell has none: that of what came before it then. */
  #lineOf(token: Token | undefined): number {
    if (token?.map) this.#line = token.map[0];
    return this.#text.line + this.#line;
  }
}

function attribute(token: Token, name: string): string | undefined {
  const value = token.attrGet(name);
  return value === null || value === undefined ? undefined : String(value);
}

function alignmentOf(token: Token): Alignment | undefined {
  const match = /text-align:(left|center|right)/.exec(attribute(token, 'style') ?? '');
  return match?.[1] as Alignment | undefined;
}

const WRAPPERS = { em: 'emphasis', strong: 'strong', s: 'strike' } as const;

/** The inside of a paragraph, a heading or a cell. */
class InlineMaker {
  readonly #tokens: readonly Token[];
  readonly #file: string;
  readonly #found: Found;
  #line: number;
  #next = 0;
  /** Characters of the coming text that belonged to the code before it. */
  #skip = 0;

  /** @param found takes what is found on the way. */
  constructor(tokens: readonly Token[], file: string, line: number, found: Found) {
    this.#tokens = tokens;
    this.#file = file;
    this.#line = line;
    this.#found = found;
  }

  all(): Inline[] {
    return this.#upTo(undefined);
  }

  #upTo(end: string | undefined): Inline[] {
    const inlines: Inline[] = [];
    while (this.#next < this.#tokens.length) {
      const token = this.#tokens[this.#next++]!;
      if (token.type === end) break;
      inlines.push(...this.#inline(token));
    }
    return inlines;
  }

  #inline(token: Token): readonly Inline[] {
    switch (token.type) {
      case 'text':
      case 'text_special':
        return this.#plain(token.content);
      case 'softbreak':
        this.#line++;
        return [{ kind: 'text', text: '\n' }];
      case 'hardbreak':
        this.#line++;
        return [{ kind: 'break' }];
      case 'code_inline':
        return [this.#code(token)];
      case 'em_open':
      case 'strong_open':
      case 's_open': {
        const kind = WRAPPERS[token.type.slice(0, -'_open'.length) as keyof typeof WRAPPERS];
        return [{ kind, children: this.#upTo(token.type.replace('open', 'close')) }];
      }
      case 'link_open':
        return this.#link(token);
      case 'image':
        return this.#image(token);
      default:
        this.#problem("something here can't be shown; write it in another way");
        return [];
    }
  }

  #plain(content: string): readonly Inline[] {
    const text = content.slice(this.#skip);
    this.#skip = 0;
    return text === '' ? [] : [{ kind: 'text', text }];
  }

  #code(token: Token): Inline {
    const after = this.#tokens[this.#next];
    const found = after?.type === 'text' ? inlineInfo(after.content) : undefined;
    if (found === undefined) return { kind: 'code', text: token.content, language: undefined, action: undefined };
    this.#skip = found.length;
    for (const problem of found.info.problems) this.#problem(problem);
    return { kind: 'code', text: token.content, language: undefined, action: found.info.action };
  }

  #link(token: Token): readonly Inline[] {
    const target = linkTarget(attribute(token, 'href') ?? '', this.#file);
    const line = this.#line;
    const children = this.#upTo('link_close');
    if (typeof target !== 'string') {
      this.#found.references.push({ line, target });
      return [{ kind: 'link', target, title: attribute(token, 'title'), children }];
    }
    this.#problem(target);
    return children;
  }

  #image(token: Token): readonly Inline[] {
    const address = attribute(token, 'src') ?? '';
    const path = labFileOf(address, this.#file);
    const alt = token.content.trim();
    if (path === undefined) {
      this.#problem(
        `the image ${JSON.stringify(address)} is not in the lab's folder; copy it there, and write its path`,
      );
      return [{ kind: 'text', text: alt }];
    }
    if (alt === '')
      this.#problem(
        `the image ${JSON.stringify(address)} has no words for who can't see it; write them between the brackets`,
      );
    this.#found.references.push({ line: this.#line, target: { kind: 'image', path } });
    return [{ kind: 'image', path, alt, title: attribute(token, 'title') }];
  }

  #problem(message: string): void {
    this.#found.problems.push({ line: this.#line, message });
  }
}
