/** <viv-document>: a document of docs/, or a list of them. Each is fetched when it is shown. */
import { html, type TemplateResult } from 'lit';
import type { MarkdownText } from '../../src/lab/format/lab.ts';
import { renderMarkdown } from '../lab/markdown-view.ts';
import markdownText from '../lab/markdown.css?inline';
import { define, sheets, VivElement } from '../ui/base.ts';
import documentText from './document.css?inline';

const FOLDER = '../../docs/';
const SUFFIX = '.md';
const TITLE = /^# (.+)$/m;

const DOCUMENTS: ReadonlyMap<string, () => Promise<string>> = new Map(
  Object.entries(
    import.meta.glob<string>(['../../docs/*.md', '../../docs/how-to/*.md', '../../docs/reference/*.md'], {
      query: '?raw',
      import: 'default',
    }),
  ).map(([path, load]) => [path.slice(FOLDER.length, -SUFFIX.length), load]),
);

export class VivDocument extends VivElement {
  static override styles = sheets(markdownText, documentText);
  static override properties = {
    page: { type: String },
    _text: { state: true },
  };
  /** Path below docs/, without `.md`; a list without it. */
  declare page: string | undefined;
  declare private _text: MarkdownText | undefined;

  get documentTitle(): string {
    return TITLE.exec(this._text?.markdown ?? '')?.[1] ?? 'Documents';
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
  }

  protected override render(): TemplateResult {
    const { page } = this;
    if (page === undefined || !DOCUMENTS.has(page))
      return html`
        <h1>Documents</h1>
        ${page === undefined ? '' : html`<p class="problem">There is no document “${page}”. These are there:</p>`}
        <ul>
          ${[...DOCUMENTS.keys()].sort().map((name) => html`<li><a href=${addressOf(name)}>${name}</a></li>`)}
        </ul>
      `;
    if (this._text === undefined) return html`<p role="status">Loading …</p>`;
    return html`
      <h1>${this.documentTitle}</h1>
      ${renderMarkdown(
        { ...this._text, markdown: this._text.markdown.replace(TITLE, '') },
        {
          copy: (text) => void navigator.clipboard.writeText(text),
          run: () => {}, // documents have no terminal, and no code of theirs says that it runs
          goTo: () => {},
          fileUrl: (path) => {
            const name = path.startsWith('docs/') && path.endsWith(SUFFIX) ? path.slice(5, -SUFFIX.length) : undefined;
            return name !== undefined && DOCUMENTS.has(name) ? addressOf(name) : undefined;
          },
        },
      )}
    `;
  }

  protected override updated(): void {
    // Links to other documents are to be followed, not downloaded as a lab's files are.
    for (const link of this.renderRoot.querySelectorAll('a[download]')) link.removeAttribute('download');
  }

  async #load(): Promise<void> {
    const load = this.page === undefined ? undefined : DOCUMENTS.get(this.page);
    if (load !== undefined) this._text = { markdown: await load(), file: `docs/${this.page}${SUFFIX}`, line: 1 };
    await this.updateComplete;
    this.emit('viv-ready');
  }
}

function addressOf(name: string): string {
  return `./docs.html?page=${encodeURIComponent(name).replaceAll('%2F', '/')}`;
}

define('viv-document', VivDocument);
declare global {
  interface HTMLElementTagNameMap {
    'viv-document': VivDocument;
  }
}
