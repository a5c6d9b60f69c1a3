/**
 * <viv-editor>: edits a text file of a computer. `source` gives the computer's files. A file that the guest has changed meanwhile is
 * never overwritten unasked. Events: `viv-saved` with { path }.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { ComputerFiles } from '../../src/sandbox/computer-options.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';
import { CodeView } from './code-view.ts';
import editorText from './editor.css?inline';
import { languageOf } from './languages.ts';
import { readTextFile, versionNow, writeTextFile, type TextFile } from './text-file.ts';

/** The file was changed, or is gone, while it was edited here. */
type Conflict = 'changed' | 'gone';

export class VivEditor extends VivElement {
  static override styles = sheets(editorText);
  static override properties = {
    source: { attribute: false },
    _file: { state: true },
    _isDirty: { state: true },
    _problem: { state: true },
    _conflict: { state: true },
    _next: { state: true },
  };
  declare source: (() => ComputerFiles) | undefined;
  declare private _file: TextFile | undefined;
  declare private _isDirty: boolean;
  declare private _problem: string | undefined;
  declare private _conflict: Conflict | undefined;
  /** A file that is to be opened, and waits for what becomes of the changes in this one. */
  declare private _next: string | undefined;
  #view: CodeView | undefined;
  #doing: Promise<void> = Promise.resolve();

  constructor() {
    super();
    this._isDirty = false;
  }

  /** The file that is edited. */
  get path(): string | undefined {
    return this._file?.path;
  }

  /** It has changes that are not in the guest. */
  get isDirty(): boolean {
    return this._isDirty;
  }

  /** Opens a file. Where another one has changes that are not saved, asks first. */
  async open(path: string): Promise<void> {
    if (path === this.path) return this.#view?.focus();
    if (this._isDirty) this._next = path;
    else await this.#open(path);
  }

  /** Writes it to the guest, unless it was changed there. */
  async save(): Promise<void> {
    await this.#do(async () => {
      const file = this._file;
      if (file === undefined) return;
      const now = await versionNow(this.source!(), file.path);
      if (now === file.version) await this.#write(file);
      else this._conflict = now === undefined ? 'gone' : 'changed';
    });
  }

  /** Looks whether the guest has changed it: takes that over, or asks where there are changes here too. */
  async checkFile(): Promise<void> {
    await this.#do(async () => {
      const file = this._file;
      if (file === undefined) return;
      const now = await versionNow(this.source!(), file.path);
      if (now === file.version) this._conflict = undefined;
      else if (now === undefined || this._isDirty) this._conflict = now === undefined ? 'gone' : 'changed';
      else await this.#load(file.path);
    });
  }

  /** The file, or a folder above it, was renamed or removed. */
  follow({ from, to }: { readonly from: string; readonly to: string | undefined }): void {
    const file = this._file;
    if (file === undefined || !(file.path === from || file.path.startsWith(`${from}/`))) return;
    if (to !== undefined) this._file = { ...file, path: `${to}${file.path.slice(from.length)}` };
    else if (this._isDirty) this._conflict = 'gone';
    else this.#close();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('focusin', this.#check);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener('focusin', this.#check);
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#view?.destroy();
      this.#view = undefined;
      this._file = undefined;
      this._isDirty = false;
    });
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('_isDirty')) {
      if (this._isDirty) addEventListener('beforeunload', this.#warn);
      else removeEventListener('beforeunload', this.#warn);
    }
  }

  /** The browser asks before the page goes. */
  readonly #warn = (event: BeforeUnloadEvent): void => event.preventDefault();

  readonly #check = (event: FocusEvent): void => {
    const isFromOutside = event.relatedTarget === null || !this.contains(event.relatedTarget as Node);
    if (isFromOutside && this._conflict === undefined) void this.checkFile();
  };

  protected override render(): TemplateResult {
    const path = this._file?.path;
    return html`
      <div class="bar">
        <span class="path" title=${path ?? ''}>${path ?? 'No file is open'}</span>
        <span class="dirty" role="status">${this._isDirty ? 'not saved' : ''}</span>
        <button
          class=${this._isDirty ? 'main' : ''}
          aria-disabled=${!this._isDirty}
          title="Ctrl-S"
          @click=${() => this._isDirty && void this.save()}
        >
          Save
        </button>
      </div>
      ${this._problem === undefined ? nothing : html`<p class="problem" role="alert">${shown(this._problem)}</p>`}
      ${this.#renderConflict()} ${this.#renderNext()}
      ${path === undefined ? html`<p class="empty">Choose a file in the tree to edit it.</p>` : nothing}
      <div class="code" ?hidden=${path === undefined}></div>
    `;
  }

  #renderConflict(): TemplateResult | typeof nothing {
    const file = this._file;
    if (this._conflict === undefined || file === undefined) return nothing;
    const overwrite = (): void => void this.#do(() => this.#write(file));
    if (this._conflict === 'gone')
      return html`<div class="conflict" role="alert">
        <p>This file is not in the machine any more.</p>
        <div class="row">
          <button @click=${overwrite}>Write it again</button><button @click=${() => this.#close()}>Close it</button>
        </div>
      </div>`;
    return html`<div class="conflict" role="alert">
      <p>This file was changed in the machine while you edited it here.</p>
      <div class="row">
        <button @click=${overwrite}>Keep what is here</button>
        <button @click=${() => void this.#do(() => this.#load(file.path))}>Take the machine's</button>
      </div>
    </div>`;
  }

  #renderNext(): TemplateResult | typeof nothing {
    const next = this._next;
    if (next === undefined) return nothing;
    const go = async (isSaved: boolean): Promise<void> => {
      this._next = undefined;
      if (isSaved) await this.save();
      if (!isSaved || !this._isDirty) await this.#open(next);
    };
    return html`<div class="conflict" role="alert">
      <p>Your changes in ${this.path} are not saved.</p>
      <div class="row">
        <button class="main" @click=${() => void go(true)}>Save, then open ${next}</button>
        <button @click=${() => void go(false)}>Drop the changes</button>
        <button @click=${() => (this._next = undefined)}>Stay here</button>
      </div>
    </div>`;
  }

  async #open(path: string): Promise<void> {
    await this.#do(() => this.#load(path));
    this.#view?.focus();
  }

  async #load(path: string): Promise<void> {
    const file = await readTextFile(this.source!(), path);
    this.#view ??= this.#makeView();
    this.#view.show({ ...file, label: `Text of ${file.path}` });
    this._file = file;
    this._isDirty = false;
    this._conflict = undefined;
    await this.updateComplete;
    const language = await languageOf(file.path, file.text).catch(() => []); // colours are not worth an error
    if (this._file === file) this.#view.useLanguage(language);
  }

  #makeView(): CodeView {
    const parent = this.renderRoot.querySelector<HTMLElement>('.code')!;
    return new CodeView(parent, this.renderRoot as ShadowRoot, {
      changed: () => (this._isDirty = true),
      save: () => void this.save(),
    });
  }

  async #write(file: TextFile): Promise<void> {
    const text = this.#view!.text;
    const version = await writeTextFile(this.source!(), file.path, text);
    this._file = { ...file, text, version };
    // Something may have been typed meanwhile.
    this._isDirty = this.#view!.text !== text;
    this._conflict = undefined;
    this.emit('viv-saved', { path: file.path });
  }

  #close(): void {
    this._file = this._conflict = this._next = undefined;
    this._isDirty = false;
  }

  /** Does one thing after the other, and shows what was wrong with it. */
  #do(action: () => Promise<void>): Promise<void> {
    this.#doing = this.#doing.then(async () => {
      this._problem = undefined;
      try {
        await action();
      } catch (error) {
        this._problem = sentenceOf(error);
      }
    });
    return this.#doing;
  }
}

define('viv-editor', VivEditor);

declare global {
  interface HTMLElementTagNameMap {
    'viv-editor': VivEditor;
  }
}
