/**
 * <viv-machine>: a machine in the page, with terminals in it.
 *
 *   <script type="module" src="https://SITE/viv.js"></script>
 *   <viv-machine image="busybox" autostart></viv-machine>
 *
 * Attributes: `image` (a name of the site, or the address of an image.json), `memory` (such as 512M), `command` (what terminals
 * run, for /bin/sh; a shell without it), `user`, `hostname`, `privileged`, `autostart`, `keep` (a name under which its disk
 * survives the page), `cols` and `rows` (its size in characters, where the page does not give it one), `site` (the folder of
 * another site), `renderer`, `font-size`, `screen-reader`, `keys` as of <viv-terminal>.
 *
 * Events: `viv-ready` when programs can run, `viv-exit` when a terminal's program has ended, `viv-error` when it does not start or
 * fails, `viv-notice` for what it goes on without.
 */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import type { Computer } from '../../src/sandbox/computer.ts';
import type { ComputerOptions, ProgramResult, RunProgramOptions } from '../../src/sandbox/computer-options.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { sizeInBytes } from '../../src/util/sizes.ts';
import { siteBase } from '../site/base.ts';
import { preloadTerminal } from '../terminal/preload.ts';
import { SHELL, shellOf } from '../terminal/shell.ts';
import type { VivTerminals } from '../terminal/terminals-element.ts';
import '../terminal/terminals-element.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';
import machineText from './machine.css?inline';
import progressText from './progress.css?inline';
import { renderProgress, withProgress, type Progresses } from './progress.ts';
import { siteMachine, type StartMachine } from './start-machine.ts';

/** A character's width and a line's height, as shares of the font's size: those of wide monospaced fonts. */
const CHARACTER_WIDTH = 0.62;
const LINE_HEIGHT = 1.3;

export type MachineState = 'idle' | 'loading' | 'running' | 'failed';

export class VivMachine extends VivElement {
  static override styles = sheets(machineText, progressText);
  static override properties = {
    image: { type: String },
    memory: { type: String },
    command: { type: String },
    user: { type: String },
    hostname: { type: String },
    privileged: { type: Boolean },
    autostart: { type: Boolean },
    keep: { type: String },
    cols: { type: Number },
    rows: { type: Number },
    site: { type: String },
    renderer: { type: String },
    fontSize: { type: Number, attribute: 'font-size' },
    screenReader: { type: Boolean, attribute: 'screen-reader' },
    keys: { type: String },
    _state: { state: true },
    _progress: { state: true },
    _failure: { state: true },
    _notice: { state: true },
  };
  declare image: string;
  declare memory: string | undefined;
  declare command: string | undefined;
  declare user: string | undefined;
  declare hostname: string | undefined;
  declare privileged: boolean;
  declare autostart: boolean;
  declare keep: string | undefined;
  declare cols: number | undefined;
  declare rows: number | undefined;
  declare site: string | undefined;
  declare renderer: 'auto' | 'dom';
  declare fontSize: number;
  declare screenReader: boolean;
  declare keys: 'auto' | 'always' | 'never';
  declare private _state: MachineState;
  declare private _progress: Progresses;
  declare private _failure: string;
  declare private _notice: string | undefined;
  /** What starts it; by default the site does. */
  startMachine: StartMachine | undefined;
  #computer: Computer | undefined;
  #starting: Promise<Computer> | undefined;
  #stop = new AbortController();

  constructor() {
    super();
    this.image = 'busybox';
    this.privileged = false;
    this.autostart = false;
    this.renderer = 'auto';
    this.fontSize = 14;
    this.screenReader = false;
    this.keys = 'auto';
    this._state = 'idle';
    this._progress = new Map();
    this._failure = '';
    this._notice = undefined;
  }

  get state(): MachineState {
    return this._state;
  }

  /** The computer, while it runs. */
  get computer(): Computer | undefined {
    return this.#computer;
  }

  /** Its terminals, while it runs. */
  get terminals(): VivTerminals | undefined {
    return this.renderRoot.querySelector('viv-terminals') ?? undefined;
  }

  /** Starts it, if it does not run; rejects with why it does not start. */
  start(): Promise<Computer> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Runs a program to its end, and starts the machine first where it does not run. Throws what Computer.run does. */
  async run(options: RunProgramOptions): Promise<ProgramResult> {
    return (await this.start()).run(options);
  }

  /** Switches it off. What is kept is kept. */
  async close(): Promise<void> {
    this.#stop.abort(new VivariumError(ErrorCodes.USAGE, 'the machine was switched off'));
    const computer = this.#computer;
    this.#computer = this.#starting = undefined;
    this.terminals?.closeAll();
    this._state = 'idle';
    await computer?.close();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.autostart) this.start().catch(() => {}); // it shows why
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    queueMicrotask(() => {
      if (!this.isConnected) void this.close();
    });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('cols') && !changed.has('rows') && !changed.has('fontSize')) return;
    if (this.cols) this.style.width = `calc(${Math.ceil(this.cols * CHARACTER_WIDTH * this.fontSize)}px + 2rem)`;
    if (this.rows) this.style.height = `calc(${Math.ceil(this.rows * LINE_HEIGHT * this.fontSize)}px + 3.5rem)`;
  }

  protected override render(): TemplateResult {
    return html`${this.#renderBody()}${this._notice === undefined ? '' : this.#renderNotice(this._notice)}`;
  }

  #renderBody(): TemplateResult {
    const start = (): void => void this.start().catch(() => {}); // it shows why
    switch (this._state) {
      case 'idle':
        return html`<div class="cover"><button class="main" @click=${start}>Start the machine</button></div>`;
      case 'loading':
        return html`<div class="cover" aria-busy="true">
          <p role="status">Starting the machine …</p>
          ${renderProgress(this._progress)}
        </div>`;
      case 'failed':
        return html`<div class="cover">
          <p class="problem" role="alert">${shown(this._failure)}</p>
          <button class="main" @click=${start}>Try again</button>
        </div>`;
      case 'running':
        return html`<viv-terminals
          .makeProgram=${() => shellOf(() => this.#running(), this.#program)}
          .renderer=${this.renderer}
          .fontSize=${this.fontSize}
          .screenReader=${this.screenReader}
          .keys=${this.keys}
          .cols=${this.cols}
          .rows=${this.rows}
          @viv-notice=${(event: CustomEvent<{ text: string }>) => (this._notice = event.detail.text)}
        ></viv-terminals>`;
    }
  }

  #renderNotice(text: string): TemplateResult {
    return html`<p class="notice" role="status">
      <span>${shown(text)}</span><button class="plain" @click=${() => (this._notice = undefined)}>OK</button>
    </p>`;
  }

  get #program(): { args: readonly string[]; user?: string } {
    const { command, user } = this;
    return {
      args: command === undefined ? SHELL : ['/bin/sh', '-c', command],
      ...(user === undefined ? {} : { user }),
    };
  }

  get #options(): ComputerOptions {
    const { image, memory, hostname, keep, privileged } = this;
    const memoryBytes = memory === undefined ? undefined : sizeInBytes(memory);
    if (memory !== undefined && memoryBytes === undefined)
      throw new VivariumError(ErrorCodes.USAGE, `memory="${memory}" is no size; write one such as 512M`);
    return { image, memoryBytes, hostname, keep, isolation: { privileged } };
  }

  #running(): Computer {
    if (this.#computer === undefined)
      throw new VivariumError(ErrorCodes.USAGE, 'the machine does not run; start it first');
    return this.#computer;
  }

  async #start(): Promise<Computer> {
    const stop = (this.#stop = new AbortController());
    this._state = 'loading';
    this._progress = new Map();
    this._notice = undefined;
    preloadTerminal();
    try {
      const site = this.site === undefined ? siteBase() : new URL(this.site, document.baseURI);
      const startMachine = this.startMachine ?? siteMachine(site);
      const computer = await startMachine(
        { ...this.#options, signal: stop.signal, onTrouble: (error) => this.#tell(error.message) },
        {
          onProgress: (progress) => (this._progress = withProgress(this._progress, progress)),
          onNotice: (text) => this.#tell(text),
        },
      );
      if (stop.signal.aborted) {
        await computer.close();
        throw stop.signal.reason;
      }
      this.#computer = computer;
      computer.failure.catch((error: unknown) => {
        if (this.#computer === computer) this.#fail(error);
      });
      this._state = 'running';
      await this.updateComplete;
      await this.terminals!.open();
      this.emit('viv-ready');
      return computer;
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error);
      throw error;
    }
  }

  #fail(error: unknown): void {
    const computer = this.#computer;
    this.#computer = this.#starting = undefined;
    void computer?.close().catch(() => {}); // it has failed, which is told
    this._failure = sentenceOf(error);
    this._state = 'failed';
    this.emit('viv-error', error);
  }

  #tell(text: string): void {
    if (this.emit('viv-notice', { text })) this._notice = text;
  }
}

define('viv-machine', VivMachine);

declare global {
  interface HTMLElementTagNameMap {
    'viv-machine': VivMachine;
  }
}
