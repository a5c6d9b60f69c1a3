/**
 * <viv-workspace>: what a lab has beside its text: terminals, the machine's files with an editor, and the CPU where the lab wants
 * it. Files, editor and CPU are fetched when they are looked at first.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Lab } from '../../src/lab/format/lab.ts';
import type { Computer } from '../../src/sandbox/computer.ts';
import type { MachineInspection } from '../../src/worker/protocol.ts';
import type { VivEditor } from '../editor/editor-element.ts';
import type { VivFiles } from '../files/files-element.ts';
import { shellOf } from '../terminal/shell.ts';
import type { VivTerminals } from '../terminal/terminals-element.ts';
import '../terminal/terminals-element.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { sentenceOf } from '../ui/sentences.ts';
import { followingTab } from '../ui/tab-keys.ts';
import { watchedInspection } from './watched-inspection.ts';
import workspaceText from './workspace.css?inline';

type Panel = 'terminal' | 'files' | 'cpu';
const PANEL_NAMES: Readonly<Record<Panel, string>> = { terminal: 'Terminal', files: 'Files', cpu: 'CPU' };

export class VivWorkspace extends VivElement {
  static override styles = sheets(workspaceText);
  static override properties = {
    lab: { attribute: false },
    machine: { attribute: false },
    renderer: { attribute: false },
    fontSize: { attribute: false },
    screenReader: { attribute: false },
    keys: { attribute: false },
    _panel: { state: true },
    _loaded: { state: true },
  };
  declare lab: Lab;
  /** The machine that is worked with. */
  declare machine: string;
  declare renderer: 'auto' | 'dom';
  declare fontSize: number;
  declare screenReader: boolean;
  declare keys: 'auto' | 'always' | 'never';
  declare private _panel: Panel;
  /** Panels that have been looked at. */
  declare private _loaded: ReadonlySet<Panel>;
  /** The computer of a machine, which may be another one after a reset. */
  find!: (machine: string) => Computer;
  /** Machines by the terminals that are on them. */
  readonly #machines = new Map<string, string>();
  readonly #inspections = new WeakMap<Computer, MachineInspection>();

  constructor() {
    super();
    this._panel = 'terminal';
    this._loaded = new Set(['terminal']);
  }

  /** Opens the machine's terminal. */
  show(machine: string): void {
    void this.updateComplete.then(() => this.#terminals.open(this.#terminalOf(machine)));
  }

  /** Types a command into a terminal of the machine, and shows it. */
  async typeCommand(
    command: string,
    machine: string,
    { terminal, interrupt }: { readonly terminal: string | undefined; readonly interrupt: boolean },
  ): Promise<void> {
    this._panel = 'terminal';
    await this.updateComplete;
    if (terminal !== undefined && !this.#machines.has(terminal)) this.#machines.set(terminal, machine);
    await this.#terminals.typeCommand(command, { terminal: terminal ?? this.#terminalOf(machine), interrupt });
  }

  /** The machines are as they were earlier. */
  afterReset(): void {
    this.#terminals.restartEnded();
    void this.#files?.refresh();
    void this.#editor?.checkFile();
  }

  protected override firstUpdated(): void {
    this.show(this.machine);
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('machine') && this._loaded.has('files')) void this.#files?.refresh();
  }

  protected override render(): TemplateResult {
    const panels: readonly Panel[] = ['terminal', ...this.lab.panels];
    return html`
      ${
        panels.length === 1
          ? nothing
          : html`<div
              class="panels"
              role="tablist"
              aria-label="Machine"
              @keydown=${(event: KeyboardEvent) => this.#move(event, panels)}
            >
              ${panels.map((panel) => this.#renderTab(panel))}
            </div>`
      }
      <div class="panel" role="tabpanel" aria-label="Terminal" ?hidden=${this._panel !== 'terminal'}>
        <viv-terminals
          .makeProgram=${(name: string) => this.#program(name)}
          .renderer=${this.renderer}
          .fontSize=${this.fontSize}
          .screenReader=${this.screenReader}
          .keys=${this.keys}
        ></viv-terminals>
      </div>
      ${this._loaded.has('files') ? this.#renderFiles() : nothing}
      ${this._loaded.has('cpu') ? this.#renderCpu() : nothing}
    `;
  }

  #renderTab(panel: Panel): TemplateResult {
    const isCurrent = this._panel === panel;
    return html`<button
      role="tab"
      aria-selected=${isCurrent}
      tabindex=${isCurrent ? 0 : -1}
      @click=${() => void this.#select(panel)}
    >
      ${PANEL_NAMES[panel]}
    </button>`;
  }

  #renderFiles(): TemplateResult {
    const files = { find: () => this.find(this.machine).files };
    return html`<div class="panel files" role="tabpanel" aria-label="Files" ?hidden=${this._panel !== 'files'}>
      <viv-files
        .source=${files.find}
        path=${this.#home}
        @viv-open=${(event: CustomEvent<{ path: string }>) => void this.#editor?.open(event.detail.path)}
        @viv-moved=${(event: CustomEvent<{ from: string; to: string }>) => this.#editor?.follow(event.detail)}
      ></viv-files>
      <viv-editor .source=${files.find} @viv-saved=${() => void this.#files?.refresh()}></viv-editor>
    </div>`;
  }

  #renderCpu(): TemplateResult {
    return html`<div class="panel" role="tabpanel" aria-label="CPU" ?hidden=${this._panel !== 'cpu'}>
      <viv-cpu .inspection=${this.#inspectionOf(this.find(this.machine))}></viv-cpu>
    </div>`;
  }

  /** The same for the same computer, so that the pane goes on with it. */
  #inspectionOf(computer: Computer): MachineInspection {
    const inspection =
      this.#inspections.get(computer) ??
      watchedInspection(computer.machine.inspection, (isStill) => this.emit('viv-still', { isStill }));
    this.#inspections.set(computer, inspection);
    return inspection;
  }

  /** Where the student's files are. */
  get #home(): string {
    return this.lab.machines.find(({ name }) => name === this.machine)?.cwd ?? '/';
  }

  async #select(panel: Panel): Promise<void> {
    try {
      if (panel === 'files')
        await Promise.all([import('../files/files-element.ts'), import('../editor/editor-element.ts')]);
      if (panel === 'cpu') (await import('../cpu/viv-cpu.ts')).defineCpu();
      this._loaded = new Set([...this._loaded, panel]);
      this._panel = panel;
      await this.updateComplete;
      if (panel === 'terminal') this.#terminals.focus();
    } catch (error) {
      this.emit('viv-notice', { text: `this part of the page could not be fetched: ${sentenceOf(error)}` });
    }
  }

  #move(event: KeyboardEvent, panels: readonly Panel[]): void {
    const panel = followingTab(event, panels, this._panel);
    if (panel === undefined) return;
    void this.#select(panel).then(() =>
      this.renderRoot.querySelector<HTMLElement>('.panels [aria-selected=true]')?.focus(),
    );
  }

  #program(terminal: string) {
    const name = this.#machines.get(terminal) ?? this.machine;
    this.#machines.set(terminal, name);
    const { user, cwd } = this.lab.machines.find((machine) => machine.name === name)!;
    return shellOf(() => this.find(name), {
      ...(user === undefined ? {} : { user }),
      ...(cwd === undefined ? {} : { cwd }),
    });
  }

  /** The terminal of the machine that is shown, or its first. */
  #terminalOf(machine: string): string {
    const { shownName } = this.#terminals;
    if (shownName !== undefined && this.#machines.get(shownName) === machine) return shownName;
    const name = this.lab.machines.length === 1 ? '1' : machine;
    this.#machines.set(name, machine);
    return name;
  }

  get #terminals(): VivTerminals {
    return this.renderRoot.querySelector('viv-terminals')!;
  }

  get #files(): VivFiles | null {
    return this.renderRoot.querySelector('viv-files');
  }

  get #editor(): VivEditor | null {
    return this.renderRoot.querySelector('viv-editor');
  }
}

define('viv-workspace', VivWorkspace);

declare global {
  interface HTMLElementTagNameMap {
    'viv-workspace': VivWorkspace;
  }
}
