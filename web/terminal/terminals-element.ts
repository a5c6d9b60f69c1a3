/**
 * <viv-terminals>: terminals as tabs. Whoever uses it gives `makeProgram`, which says what a new terminal runs, and `open()`s the first.
 * Events of its terminals pass through it.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { define, sheets, VivElement } from '../ui/base.ts';
import { findIcon } from '../ui/icons.ts';
import { followingTab } from '../ui/tab-keys.ts';
import type { OpenProgram } from './session.ts';
import type { VivTerminal } from './terminal-element.ts';
import './terminal-element.ts';
import terminalsText from './terminals.css?inline';

const FONT_STEP = 2;
const CTRL_C = '\x03';
/** More are a mistake, and each is a program in the guest. */
const TERMINALS_MAX = 12;

interface Tab {
  readonly name: string;
  readonly program: OpenProgram;
}

export class VivTerminals extends VivElement {
  static override styles = sheets(terminalsText);
  static override properties = {
    renderer: { type: String },
    fontSize: { type: Number, attribute: 'font-size' },
    screenReader: { type: Boolean, attribute: 'screen-reader' },
    keys: { type: String },
    cols: { type: Number },
    rows: { type: Number },
    _tabs: { state: true },
    _current: { state: true },
  };
  declare renderer: 'auto' | 'dom';
  declare fontSize: number;
  declare screenReader: boolean;
  declare keys: 'auto' | 'always' | 'never';
  declare cols: number | undefined;
  declare rows: number | undefined;
  declare private _tabs: readonly Tab[];
  declare private _current: string | undefined;
  /** What a new terminal of this name runs. */
  makeProgram: ((name: string) => OpenProgram) | undefined;

  constructor() {
    super();
    this.renderer = 'auto';
    this.fontSize = 14;
    this.screenReader = false;
    this.keys = 'auto';
    this._tabs = [];
    this._current = undefined;
  }

  /** Names of the terminals that are there. */
  get names(): readonly string[] {
    return this._tabs.map(({ name }) => name);
  }

  /** Name of the terminal that is shown. */
  get shownName(): string | undefined {
    return this._current;
  }

  /** The terminal that is shown. */
  get current(): VivTerminal | undefined {
    return this._current === undefined ? undefined : this.#find(this._current);
  }

  /**
   * Shows the terminal of this name, or opens it; without a name, a new one. Resolves when its element is there; its program
   * may still be on the way.
   */
  async open(name: string = this.#newName()): Promise<VivTerminal> {
    if (!this.names.includes(name) && this.makeProgram !== undefined && this._tabs.length < TERMINALS_MAX) {
      this._tabs = [...this._tabs, { name, program: this.makeProgram(name) }];
    }
    if (this.names.includes(name)) this._current = name;
    await this.updateComplete;
    const terminal = this.current;
    if (terminal === undefined) throw new TypeError('makeProgram is to be set before a terminal is opened');
    return terminal;
  }

  /** Types a command into a terminal, by default the one that is shown, and presses Enter; after Ctrl-C where that is asked for. */
  async typeCommand(
    command: string,
    { terminal, interrupt = false }: { readonly terminal?: string | undefined; readonly interrupt?: boolean } = {},
  ): Promise<void> {
    const shown = await this.open(terminal ?? this._current);
    if (interrupt) shown.type(CTRL_C);
    shown.type(`${command.replace(/\n+$/, '').replaceAll('\n', '\r')}\r`);
    shown.focus();
  }

  /** Starts programs again that have ended, for a machine that is another one now. */
  restartEnded(): void {
    for (const terminal of this.renderRoot.querySelectorAll('viv-terminal'))
      if (terminal.state === 'ended') terminal.restart();
  }

  /** Ends all their programs. */
  closeAll(): void {
    this._tabs = [];
    this._current = undefined;
  }

  override focus(): void {
    this.current?.focus();
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has('_tabs')) return;
    const before = (changed.get('_tabs') as readonly Tab[] | undefined) ?? [];
    for (const tab of this._tabs) if (!before.includes(tab)) this.#find(tab.name)!.open(tab.program);
  }

  protected override render(): TemplateResult {
    return html`
      <div class="bar">
        <div class="tabs" role="tablist" aria-label="Terminals" @keydown=${(event: KeyboardEvent) => this.#move(event)}>
          ${repeat(
            this._tabs,
            ({ name }) => name,
            ({ name }) => this.#renderTab(name),
          )}
        </div>
        ${this._tabs.length > 1 && this._current !== undefined ? this.#renderClose(this._current) : nothing}
        <button class="tool" @click=${() => void this.#add()} title="New terminal" aria-label="New terminal">+</button>
        <button class="tool" @click=${() => this.current?.toggleSearch()} title="Find (Ctrl-Shift-F)" aria-label="Find">
          ${findIcon()}
        </button>
        <button class="tool optional" @click=${() => this.#resizeFont(-FONT_STEP)} aria-label="A−: smaller text">
          A−
        </button>
        <button class="tool optional" @click=${() => this.#resizeFont(FONT_STEP)} aria-label="A+: larger text">
          A+
        </button>
      </div>
      ${repeat(
        this._tabs,
        ({ name }) => name,
        ({ name }) =>
          html`<div class="panel" role="tabpanel" aria-label=${name} ?hidden=${name !== this._current}>
            <viv-terminal
              data-name=${name}
              label="Terminal ${name}"
              .renderer=${this.renderer}
              .fontSize=${this.fontSize}
              .screenReader=${this.screenReader}
              .keys=${this.keys}
              .cols=${this.cols}
              .rows=${this.rows}
            ></viv-terminal>
          </div>`,
      )}
    `;
  }

  #renderTab(name: string): TemplateResult {
    const isCurrent = name === this._current;
    return html`<button
      role="tab"
      class=${isCurrent ? 'current' : ''}
      aria-selected=${isCurrent}
      tabindex=${isCurrent ? 0 : -1}
      @click=${() => this.#select(name)}
    >
      ${name}
    </button>`;
  }

  #renderClose(name: string): TemplateResult {
    const label = `Close terminal ${name}`;
    return html`<button class="tool" @click=${() => this.#close(name)} title=${label} aria-label=${label}>✕</button>`;
  }

  #select(name: string): void {
    this._current = name;
    void this.updateComplete.then(() => this.focus());
  }

  async #add(): Promise<void> {
    if (this._tabs.length >= TERMINALS_MAX)
      this.emit('viv-notice', { text: `there are ${TERMINALS_MAX} terminals; close one first` });
    else (await this.open()).focus();
  }

  #close(name: string): void {
    const at = this.names.indexOf(name);
    this._tabs = this._tabs.filter((tab) => tab.name !== name);
    if (this._current === name) this._current = this._tabs[Math.min(at, this._tabs.length - 1)]?.name;
    void this.updateComplete.then(() => this.focus());
  }

  #move(event: KeyboardEvent): void {
    const name = followingTab(event, this.names, this._current);
    if (name === undefined) return;
    this._current = name;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-selected=true]')?.focus());
  }

  #resizeFont(step: number): void {
    this.fontSize = Math.min(32, Math.max(8, this.fontSize + step));
  }

  #newName(): string {
    let number = 1;
    while (this.names.includes(String(number))) number++;
    return String(number);
  }

  #find(name: string): VivTerminal | undefined {
    const terminals = this.renderRoot.querySelectorAll<VivTerminal>('viv-terminal');
    return [...terminals].find((terminal) => terminal.dataset['name'] === name);
  }
}

define('viv-terminals', VivTerminals);

declare global {
  interface HTMLElementTagNameMap {
    'viv-terminals': VivTerminals;
  }
}
