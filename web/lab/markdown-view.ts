/**
 * A lab's Markdown as elements: the tree of src/lab/markdown, whose addresses have been checked. Everything is elements and text
 * nodes that Lit escapes, so nothing that a lab writes becomes markup.
 */
import { html, nothing, type TemplateResult } from 'lit';
import type { MarkdownText } from '../../src/lab/format/lab.ts';
import { parseMarkdown } from '../../src/lab/markdown/parse.ts';
import type { Block, Code, CodeAction, Inline, LinkTarget } from '../../src/lab/markdown/tree.ts';
import { copyIcon } from '../ui/icons.ts';

/** What clicks in a text do, and where its files are. */
export interface MarkdownActions {
  copy(text: string, button: HTMLElement): void;
  run(text: string, action: Extract<CodeAction, { kind: 'run' }>): void;
  goTo(step: string): void;
  /** The address of a file of the lab's folder; undefined where it has none. */
  fileUrl(path: string): string | undefined;
}

type View = TemplateResult | typeof nothing | string;

/** Below the headings that the page has around it. */
const TOP_HEADING = 3;
const LAST_HEADING = 6;
const parsed = new WeakMap<MarkdownText, readonly Block[]>();

export function renderMarkdown(text: MarkdownText, actions: MarkdownActions): TemplateResult {
  const blocks = parsed.get(text) ?? parseMarkdown(text).blocks;
  parsed.set(text, blocks);
  const view = new MarkdownView(actions, headingShift(blocks));
  return html`<div class="text">${view.blocks(blocks)}</div>`;
}

/** How far headings go down, so that the text's highest is the next below the page's: levels are not skipped. */
function headingShift(blocks: readonly Block[]): number {
  const levels = blocks.flatMap((block) => (block.kind === 'heading' ? [block.level] : []));
  return levels.length === 0 ? 0 : TOP_HEADING - Math.min(...levels);
}

class MarkdownView {
  readonly #actions: MarkdownActions;
  readonly #headingShift: number;

  constructor(actions: MarkdownActions, shift: number) {
    this.#actions = actions;
    this.#headingShift = shift;
  }

  blocks(blocks: readonly Block[], isTight = false): View[] {
    return blocks.map((block) => this.#block(block, isTight));
  }

  #block(block: Block, isTight: boolean): View {
    switch (block.kind) {
      case 'heading':
        return this.#heading(block.level + this.#headingShift, this.#inlines(block.children));
      case 'paragraph': {
        const content = this.#inlines(block.children);
        return isTight ? html`${content}` : html`<p>${content}</p>`;
      }
      case 'quote':
        return html`<blockquote>${this.blocks(block.children)}</blockquote>`;
      case 'list': {
        const items = block.items.map((item) => html`<li>${this.blocks(item, block.isTight)}</li>`);
        return block.start === undefined
          ? html`<ul>
              ${items}
            </ul>`
          : html`<ol start=${block.start}>
              ${items}
            </ol>`;
      }
      case 'code-block':
        return this.#codeBlock(block);
      case 'table':
        return this.#table(block);
      case 'rule':
        return html`<hr />`;
    }
  }

  #heading(level: number, content: View[]): View {
    switch (Math.min(level, LAST_HEADING)) {
      case 3:
        return html`<h3>${content}</h3>`;
      case 4:
        return html`<h4>${content}</h4>`;
      case 5:
        return html`<h5>${content}</h5>`;
      default:
        return html`<h6>${content}</h6>`;
    }
  }

  #codeBlock({ text, action, language }: Code): View {
    // A block that is wider than the page scrolls, also by keys.
    const code = html`<pre
      tabindex="0"
      role="group"
      aria-label=${language === undefined ? 'Code' : `Code: ${language}`}
    ><code>${text}</code></pre>`;
    return html`<div class="code">${code}${action === undefined ? nothing : this.#codeButtons(text, action)}</div>`;
  }

  #codeButtons(text: string, action: CodeAction): View {
    const copy = (event: Event): void => this.#actions.copy(text, event.currentTarget as HTMLElement);
    const run = action.kind === 'run' ? action : undefined;
    return html`<div class="code-buttons">
      ${
        run === undefined
          ? nothing
          : html`<button class="main" @click=${() => this.#actions.run(text, run)}>
              <span aria-hidden="true">▶</span> Run<span class="hidden-text"> in the terminal: ${firstLine(text)}</span>
            </button>`
      }
      <button @click=${copy}>Copy<span class="hidden-text">: ${firstLine(text)}</span></button>
    </div>`;
  }

  #table({ align, head, rows }: Extract<Block, { kind: 'table' }>): View {
    const alignment = (column: number): string => (align[column] === undefined ? '' : `align-${align[column]}`);
    return html`<div class="table" tabindex="0" role="group" aria-label="Table">
      <table>
        <thead>
          <tr>
            ${head.map((cell, column) => html`<th scope="col" class=${alignment(column)}>${this.#inlines(cell)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                ${row.map((cell, column) => html`<td class=${alignment(column)}>${this.#inlines(cell)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #inlines(inlines: readonly Inline[]): View[] {
    return inlines.map((inline) => this.#inline(inline));
  }

  #inline(inline: Inline): View {
    switch (inline.kind) {
      case 'text':
        return inline.text;
      case 'emphasis':
        return html`<em>${this.#inlines(inline.children)}</em>`;
      case 'strong':
        return html`<strong>${this.#inlines(inline.children)}</strong>`;
      case 'strike':
        return html`<s>${this.#inlines(inline.children)}</s>`;
      case 'code':
        return this.#inlineCode(inline);
      case 'link':
        return this.#link(inline.target, inline.title, this.#inlines(inline.children));
      case 'image': {
        const url = this.#actions.fileUrl(inline.path);
        return url === undefined
          ? html`<em>[${inline.alt}]</em>`
          : html`<img src=${url} alt=${inline.alt} title=${inline.title ?? nothing} loading="lazy" />`;
      }
      case 'break':
        return html`<br />`;
    }
  }

  #inlineCode({ text, action }: Code): View {
    if (action === undefined) return html`<code>${text}</code>`;
    if (action.kind === 'copy')
      return html`<button
        class="code-inline"
        title="Copy"
        @click=${(event: Event) => this.#actions.copy(text, event.currentTarget as HTMLElement)}
      >
        <code>${text}</code>${copyIcon()}<span class="hidden-text">: copy</span>
      </button>`;
    return html`<button class="code-inline" title="Run" @click=${() => this.#actions.run(text, action)}>
      <code>${text}</code><span aria-hidden="true">▶</span><span class="hidden-text">: run in the terminal</span>
    </button>`;
  }

  #link(target: LinkTarget, title: string | undefined, content: View[]): View {
    const tip = title ?? nothing;
    switch (target.kind) {
      case 'web':
        return html`<a href=${target.href} title=${tip} target="_blank" rel="noopener noreferrer">${content}</a>`;
      case 'step': {
        const go = (event: Event): void => {
          event.preventDefault();
          this.#actions.goTo(target.step);
        };
        return html`<a href="#step=${encodeURIComponent(target.step)}" title=${tip} @click=${go}>${content}</a>`;
      }
      case 'file': {
        const url = this.#actions.fileUrl(target.path);
        return url === undefined ? html`${content}` : html`<a href=${url} title=${tip} download>${content}</a>`;
      }
    }
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
