/**
 * <viv-terminal>: a terminal of a program in the guest. Its program is given by `open(factory)`, and started again by Enter when it
 * has ended or the machine was put back.
 *
 * Attributes: `renderer` (`auto`, or `dom` where WebGL is not wanted), `font-size` in pixels, `screen-reader`, `keys` (the key bar:
 * `auto` on touch screens, `always`, `never`), `label`, `cols` and `rows`. Events: `viv-exit` with the program's end, `viv-state` with the session's.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { TerminalSize } from '../../src/sandbox/run-options.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { BAR_KEYS, keyText, withControl, type BarKey } from './keys.ts';
import { TerminalSession, type OpenProgram, type SessionState } from './session.ts';
import terminalText from './terminal.css?inline';
import type { Xterm } from './xterm.ts';

const FONT_SIZE = { min: 8, max: 32, default: 14 } as const;
const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };
const ACCESS_TEXT = 'Tab goes to the program in the terminal. Control F6, then Tab, leaves the terminal.';
const MODIFIERS: readonly string[] = ['Shift', 'Control', 'Alt', 'Meta'];
const encoder = new TextEncoder();

export class VivTerminal extends VivElement {
  static override styles = sheets(terminalText);
  static override properties = {
    renderer: { type: String },
    fontSize: { type: Number, attribute: 'font-size' },
    screenReader: { type: Boolean, attribute: 'screen-reader' },
    keys: { type: String },
    label: { type: String },
    cols: { type: Number },
    rows: { type: Number },
    _isSearching: { state: true },
    _isControl: { state: true },
    _style: { state: true },
  };
  declare renderer: 'auto' | 'dom';
  declare fontSize: number;
  declare screenReader: boolean;
  declare keys: 'auto' | 'always' | 'never';
  declare label: string;
  /** The size that it has at most, in characters; else what there is room for. */
  declare cols: number | undefined;
  declare rows: number | undefined;
  declare private _isSearching: boolean;
  declare private _isControl: boolean;
  declare private _style: string;
  readonly #session: TerminalSession;
  #xterm: Xterm | undefined;
  #isOpening = false;
  #factory: OpenProgram | undefined;
  #observer: ResizeObserver | undefined;
  /** It gets the focus when it is there. */
  #wantsFocus = false;
  /** The next Tab leaves it. */
  #isLeaving = false;

  constructor() {
    super();
    this.renderer = 'auto';
    this.fontSize = FONT_SIZE.default;
    this.screenReader = false;
    this.keys = 'auto';
    this.label = 'Terminal';
    this._isSearching = false;
    this._isControl = false;
    this._style = '';
    const size = (): TerminalSize => this.size;
    this.#session = new TerminalSession(
      {
        get size() {
          return size();
        },
        write: (bytes, done) => (this.#xterm === undefined ? done() : this.#xterm.terminal.write(bytes, done)),
      },
      {
        onState: (state) => this.emit('viv-state', { state }),
        onExit: (exit) => this.emit('viv-exit', exit),
      },
    );
  }

  get size(): TerminalSize {
    const terminal = this.#xterm?.terminal;
    return terminal === undefined ? DEFAULT_SIZE : { columns: terminal.cols, rows: terminal.rows };
  }

  get state(): SessionState {
    return this.#session.state;
  }

  /** What is on the screen and above it, as text. */
  get text(): string {
    const buffer = this.#xterm?.terminal.buffer.active;
    if (buffer === undefined) return '';
    let text = '';
    for (let y = 0; y < buffer.length; y++) {
      const line = buffer.getLine(y)!;
      text += `${y > 0 && !line.isWrapped ? '\n' : ''}${line.translateToString(true)}`;
    }
    return text.trimEnd();
  }

  /** Starts a program on it, in place of the one that is there. */
  open(factory: OpenProgram): void {
    this.#factory = factory;
    if (this.#xterm !== undefined) void this.#session.start(factory);
  }

  /** Starts the program again. */
  restart(): void {
    this.#session.restart();
  }

  /** Sends text as if it were typed. */
  type(text: string): void {
    this.#session.type(encoder.encode(text));
  }

  /** Pastes text: with line ends as Enter gives them, and in brackets where the program has asked for them. */
  paste(text: string): void {
    this.#xterm?.terminal.paste(text);
  }

  override focus(): void {
    this.#wantsFocus = this.#xterm === undefined;
    this.#xterm?.terminal.focus();
  }

  /** Shows or hides the search field. */
  toggleSearch(): void {
    this._isSearching = !this._isSearching;
    if (!this._isSearching) this.#closeSearch();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.updateComplete.then(() => this.#show());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    // An element that is moved in the page is taken out and put in again.
    queueMicrotask(() => {
      if (!this.isConnected) this.#dispose();
    });
  }

  protected override updated(changed: PropertyValues<this>): void {
    const terminal = this.#xterm?.terminal;
    if (terminal === undefined) return;
    if (changed.has('fontSize')) terminal.options.fontSize = clampFontSize(this.fontSize);
    if (changed.has('fontSize') || changed.has('cols') || changed.has('rows')) this.#fit();
    if (changed.has('screenReader')) terminal.options.screenReaderMode = this.screenReader;
    if (changed.has('label')) this.#describe(terminal.textarea);
  }

  protected override render(): TemplateResult {
    return html`
      <style>
        ${this._style}
      </style>
      ${this._isSearching ? this.#renderSearch() : nothing}
      <div class="screen"><div class="host"></div></div>
      ${this.#hasKeys ? this.#renderKeys() : nothing}
    `;
  }

  get #hasKeys(): boolean {
    return this.keys === 'always' || (this.keys === 'auto' && matchMedia('(pointer: coarse)').matches);
  }

  #renderSearch(): TemplateResult {
    const find = (isBack: boolean): void => {
      const { value } = this.renderRoot.querySelector('input')!;
      if (isBack) this.#xterm?.search.findPrevious(value);
      else this.#xterm?.search.findNext(value);
    };
    const pressed = (event: KeyboardEvent): void => {
      if (event.key === 'Enter') find(event.shiftKey);
      if (event.key === 'Escape') this.#closeSearch();
    };
    return html`<div class="search" role="search">
      <input type="search" aria-label="Find in the terminal" @keydown=${pressed} />
      <button @click=${() => find(true)} aria-label="Earlier match">↑</button>
      <button @click=${() => find(false)} aria-label="Later match">↓</button>
      <button class="plain" @click=${() => this.#closeSearch()} aria-label="Close the search">✕</button>
    </div>`;
  }

  #closeSearch(): void {
    this._isSearching = false;
    this.#xterm?.search.clearDecorations();
    this.focus();
  }

  #renderKeys(): TemplateResult {
    // The keyboard of a touch screen stays where it is while the focus does.
    const keep = (event: Event): void => event.preventDefault();
    return html`<div class="keys" role="toolbar" aria-label="Keys" @pointerdown=${keep} @mousedown=${keep}>
      <button aria-pressed=${this._isControl} @click=${() => (this._isControl = !this._isControl)}>Ctrl</button>
      ${BAR_KEYS.map(
        (key) => html`<button aria-label=${key.name} @click=${() => this.#press(key)}>${key.label}</button>`,
      )}
      <button @click=${() => void this.#pasteClipboard()}>Paste</button>
    </div>`;
  }

  #press(key: BarKey): void {
    const { terminal } = this.#xterm ?? {};
    if (terminal === undefined) return;
    this.type(this.#controlled(keyText(key, terminal.modes.applicationCursorKeysMode)));
    terminal.scrollToBottom();
  }

  /** Ctrl of the key bar is for one key. */
  #controlled(text: string): string {
    if (!this._isControl) return text;
    this._isControl = false;
    return withControl(text);
  }

  async #pasteClipboard(): Promise<void> {
    try {
      this.paste(await navigator.clipboard.readText());
    } catch {
      this.emit('viv-notice', {
        text: "this browser does not let the page read what you have copied; hold a finger on the terminal's text and choose Paste",
      });
    }
  }

  async #show(): Promise<void> {
    if (this.#xterm !== undefined || this.#isOpening || !this.isConnected) return;
    this.#isOpening = true;
    try {
      const module = await import('./xterm.ts');
      this._style = module.XTERM_STYLE;
      await this.updateComplete;
      if (this.isConnected) this.#openXterm(module);
    } finally {
      this.#isOpening = false;
    }
  }

  #openXterm(module: typeof import('./xterm.ts')): void {
    const element = this.renderRoot.querySelector<HTMLElement>('.host')!;
    const xterm = module.openXterm(element, {
      fontSize: clampFontSize(this.fontSize),
      fontFamily: getComputedStyle(this).getPropertyValue('--_mono'),
      screenReader: this.screenReader,
      webgl: this.renderer === 'auto',
    });
    this.#xterm = xterm;
    const { terminal } = xterm;
    this.#describe(terminal.textarea);
    terminal.attachCustomKeyEventHandler((event) => this.#handleKey(event));
    terminal.textarea?.addEventListener('focus', () => (this.#isLeaving = false));
    terminal.onData((text) => this.type(this.#controlled(text)));
    terminal.onBinary((text) => this.#session.type(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    terminal.onResize(() => this.#session.resize());
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.renderRoot.querySelector('.screen')!);
    this.#fit();
    // Another renderer's characters have another size.
    void xterm.rendered.then(() => this.#fit());
    if (this.#factory !== undefined) void this.#session.start(this.#factory);
    if (this.#wantsFocus) this.focus();
  }

  #fit(): void {
    // A terminal that is not shown keeps its size.
    if (this.clientWidth > 0 && this.clientHeight > 0) this.#xterm?.fit(this.cols, this.rows);
  }

  #describe(textarea: HTMLTextAreaElement | undefined): void {
    textarea?.setAttribute('aria-label', this.label);
    textarea?.setAttribute('aria-description', ACCESS_TEXT);
  }

  /** False: xterm.js leaves the key alone. */
  #handleKey(event: KeyboardEvent): boolean {
    const { ctrlKey, shiftKey, altKey, metaKey, type } = event;
    if (event.key === 'Tab' && this.#isLeaving) return false;
    if (type === 'keydown' && !MODIFIERS.includes(event.key)) this.#isLeaving = ctrlKey && event.key === 'F6';
    if (this.#isLeaving) return false;
    if (!ctrlKey || altKey || metaKey) return true;
    const key = event.key.toLowerCase();
    const terminal = this.#xterm!.terminal;
    // The browser pastes then, and xterm.js takes it from there.
    if (key === 'v') return false;
    if (key === 'c' && (shiftKey || terminal.hasSelection())) {
      if (type === 'keydown' && terminal.hasSelection()) {
        void navigator.clipboard?.writeText(terminal.getSelection()).catch(() => {}); // it is still selected
        if (!shiftKey) terminal.clearSelection();
      }
      event.preventDefault();
      return false;
    }
    if (key === 'f' && shiftKey) {
      if (type === 'keydown') {
        this._isSearching = true;
        void this.updateComplete.then(() => this.renderRoot.querySelector('input')?.focus());
      }
      event.preventDefault();
      return false;
    }
    return true;
  }

  #dispose(): void {
    this.#observer?.disconnect();
    this.#session.close();
    this.#xterm?.dispose();
    this.#xterm = undefined;
  }
}

function clampFontSize(size: number): number {
  return Number.isFinite(size) ? Math.min(FONT_SIZE.max, Math.max(FONT_SIZE.min, Math.round(size))) : FONT_SIZE.default;
}

define('viv-terminal', VivTerminal);

declare global {
  interface HTMLElementTagNameMap {
    'viv-terminal': VivTerminal;
  }
}
