/**
 * <viv-lab src="labs/first-steps/">: a lab beside its machine. `src` is the folder that `viv lab build` has made of it.
 *
 * Attributes: `src`; `step`, the one to begin at; `hash`, when the page's address names the step (`#step=ID`); `site`, the folder
 * of another site that machines come from; `renderer`, `font-size`, `screen-reader`, `keys` as of <viv-terminal>.
 *
 * Events: `viv-ready`, `viv-progress` after each change with { passed, total, step, isComplete }, `viv-passed` with { step, title },
 * `viv-complete`, `viv-error`.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Lab } from '../../src/lab/format/lab.ts';
import type { LabRun } from '../../src/lab/run/lab-run.ts';
import { fragmentOfStep, stepOfFragment } from '../../src/lab/run/link.ts';
import type { LabEvent, LabState } from '../../src/lab/run/state.ts';
import type { Computer } from '../../src/sandbox/computer.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import progressText from '../machine/progress.css?inline';
import { withProgress, type Progresses } from '../machine/progress.ts';
import { siteMachine, type StartMachine } from '../machine/start-machine.ts';
import { siteBase } from '../site/base.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';
import { makeLabRun } from './lab-machine.ts';
import {
  renderFailed,
  renderFinish,
  renderHeader,
  renderMessages,
  renderProgressTools,
  renderStarting,
  type LabView,
} from './lab-view.ts';
import labText from './lab.css?inline';
import { loadLab, type LoadedLab } from './load-lab.ts';
import { LabMessages } from './messages.ts';
import markdownText from './markdown.css?inline';
import { downloadProgress, readProgressFile } from './progress-file.ts';
import { renderStep, type StepActions } from './step-view.ts';
import stepText from './step.css?inline';
import './workspace-element.ts';
import type { VivWorkspace } from './workspace-element.ts';

export interface LabProgress {
  readonly passed: number;
  readonly total: number;
  /** The step that the student is at. */
  readonly step: string | undefined;
  readonly isComplete: boolean;
}

export class VivLab extends VivElement {
  static override styles = sheets(labText, stepText, markdownText, progressText);
  static override properties = {
    src: { type: String },
    step: { type: String },
    hash: { type: Boolean },
    site: { type: String },
    renderer: { type: String },
    fontSize: { type: Number, attribute: 'font-size' },
    screenReader: { type: Boolean, attribute: 'screen-reader' },
    keys: { type: String },
    _loaded: { state: true },
    _state: { state: true },
    _openStep: { state: true },
    _view: { state: true },
    _problem: { state: true },
    _passed: { state: true },
    _progress: { state: true },
  };
  declare src: string | undefined;
  declare step: string | undefined;
  declare hash: boolean;
  declare site: string | undefined;
  declare renderer: 'auto' | 'dom';
  declare fontSize: number;
  declare screenReader: boolean;
  declare keys: 'auto' | 'always' | 'never';
  declare private _loaded: LoadedLab | undefined;
  declare private _state: LabState | undefined;
  /** The step that is unfolded. */
  declare private _openStep: string | undefined;
  declare private _view: LabView;
  declare private _problem: string | undefined;
  /** The step whose pass is shown until the student goes on. */
  declare private _passed: { readonly step: string; readonly title: string } | undefined;
  declare private _progress: Progresses;
  /** What starts machines; by default the site does. */
  startMachine: StartMachine | undefined;
  #run: LabRun<Computer> | undefined;
  readonly #messages = new LabMessages(this);
  #stop = new AbortController();
  /** The machine was stopped in the CPU pane. */
  #isStill = false;

  constructor() {
    super();
    this.hash = false;
    this.renderer = 'auto';
    this.fontSize = 14;
    this.screenReader = false;
    this.keys = 'auto';
    this._view = 'text';
    this._progress = new Map();
  }

  get lab(): Lab | undefined {
    return this._loaded?.lab;
  }

  /** A machine of the lab, by default that of the step the student is at. Throws LAB before it runs. */
  computer(machine: string = this.#machine): Computer {
    return this.#runner.computer(machine);
  }

  /** Its machines can be worked with. */
  get isReady(): boolean {
    return this._state?.phase === 'ready';
  }

  get progress(): LabProgress {
    const steps = this._state?.steps ?? [];
    return {
      passed: steps.filter(({ isPassed }) => isPassed).length,
      total: steps.length,
      step: this._state?.current,
      isComplete: this._state?.isComplete ?? false,
    };
  }

  /** Checks a step, by default the one that the student is at. True when it is passed. */
  async check(step: string = this.#current): Promise<boolean> {
    return this.#running((run) => run.check(step));
  }

  /** Brings a step back to how the student came to it, or without one, begins the lab again. */
  async reset(step?: string): Promise<void> {
    await this.#runner.reset(step);
  }

  /** Types a command into a terminal of the step's machine, and presses Enter. Throws LAB before it runs. */
  async typeCommand(
    command: string,
    { terminal, interrupt = false }: { readonly terminal?: string | undefined; readonly interrupt?: boolean } = {},
  ): Promise<void> {
    const workspace = this.#workspace;
    if (workspace === null) throw new VivariumError(ErrorCodes.LAB, 'the machine does not run yet; wait until it does');
    this._view = 'work';
    await this.updateComplete;
    await workspace.typeCommand(command, this.#machine, { terminal, interrupt });
  }

  /** Goes to a step. */
  async enter(step: string): Promise<void> {
    await this.#running((run) => {
      this._openStep = step;
      return run.enter(step);
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('hashchange', this.#followHash);
    document.addEventListener('visibilitychange', this.#followVisibility);
    if (this.src !== undefined) void this.#load(this.src);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.#followHash);
    document.removeEventListener('visibilitychange', this.#followVisibility);
    queueMicrotask(() => {
      if (!this.isConnected) this.#close();
    });
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('src') && this.hasUpdated && changed.get('src') !== undefined && this.src !== undefined)
      void this.#load(this.src);
  }

  async #load(src: string): Promise<void> {
    this.#close();
    const stop = (this.#stop = new AbortController());
    this._problem = undefined;
    try {
      const loaded = await loadLab(new URL(src, document.baseURI), stop.signal);
      stop.signal.throwIfAborted();
      this._loaded = loaded;
      await this.#begin(loaded, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) return;
      // Once there is a lab, its state tells.
      if (this.#run === undefined) this._problem = sentenceOf(error);
      this.emit('viv-error', error);
    }
  }

  async #begin(loaded: LoadedLab, signal: AbortSignal): Promise<void> {
    const site = this.site === undefined ? siteBase() : new URL(this.site, document.baseURI);
    const run = (this.#run = makeLabRun(loaded, this.startMachine ?? siteMachine(site), {
      onProgress: (progress) => (this._progress = withProgress(this._progress, progress)),
      onNotice: (text) => this.#messages.notice(text),
    }));
    run.subscribe((event, state) => {
      if (this.#run === run) this.#follow(event, state);
    });
    this._state = run.state;
    this.#followVisibility();
    const wanted = this.#hashStep ?? (this.#isStep(this.step) ? this.step : undefined);
    // To be read while the machine starts.
    this._openStep = wanted ?? loaded.lab.steps[0]!.id;
    await run.start();
    signal.throwIfAborted();
    await this.enter(wanted ?? run.state.current ?? loaded.lab.steps[0]!.id);
  }

  #close(): void {
    this.#stop.abort(new VivariumError(ErrorCodes.LAB, 'the lab was closed'));
    const run = this.#run;
    this.#run = undefined;
    this._loaded = this._state = this._openStep = this._passed = undefined;
    this.#messages.clear();
    this._progress = new Map();
    void run?.close().catch(() => {}); // nobody is left to be told
  }

  // What happens

  #follow(event: LabEvent, state: LabState): void {
    const before = JSON.stringify(this.progress);
    this._state = state;
    if (JSON.stringify(this.progress) !== before) this.emit('viv-progress', this.progress);
    switch (event.kind) {
      case 'changed':
        break;
      case 'ready':
        this.emit('viv-ready');
        break;
      case 'entered':
        this.#workspace?.show(this.lab!.steps.find(({ id }) => id === event.step)!.machine);
        this.#writeHash(event.step);
        break;
      case 'passed':
        this._passed = { step: event.step, title: event.title };
        this.#messages.announce(`Step passed: ${event.title}.`);
        this.emit('viv-passed', { step: event.step, title: event.title });
        break;
      case 'feedback':
        this.#messages.announce(`Not yet. ${shown(event.text)}`);
        break;
      case 'hint':
        this.#messages.announce(`Hint ${event.index + 1} is shown.`);
        break;
      case 'solved':
        this.#messages.announce('The solution has run.');
        break;
      case 'completed':
        this.#messages.announce('You have passed every step of this lab.');
        this.emit('viv-complete');
        break;
      case 'reset':
        this.#followStill(false);
        this._passed = undefined;
        this.#workspace?.afterReset();
        this.#messages.announce(
          event.step === undefined ? 'The lab begins again.' : 'The step is as it was when you came to it.',
        );
        if (event.step === undefined) this._openStep = this.lab!.steps[0]!.id;
        break;
      case 'notice':
        this.#messages.notice(event.text);
        break;
      case 'failed':
        this.emit('viv-error', new VivariumError(ErrorCodes.LAB, event.text));
        break;
    }
  }

  // The address and the page

  readonly #followHash = (): void => {
    const step = this.#hashStep;
    if (step !== undefined && this.#run !== undefined && step !== this._state?.current)
      this.#messages.do(() => this.#goTo(step));
  };

  readonly #followVisibility = (): void => {
    this.#run?.setPolling(document.visibilityState === 'visible' && !this.#isStill);
  };

  #followStill(isStill: boolean): void {
    this.#isStill = isStill;
    this.#followVisibility();
  }

  /** For what needs the machine. Throws LAB while it stands still, for then that would never end. */
  #running<T>(action: (run: LabRun<Computer>) => T): T {
    if (this.#isStill)
      throw new VivariumError(ErrorCodes.LAB, 'the machine stands still; press Continue in the CPU tab first');
    return action(this.#runner);
  }

  get #hashStep(): string | undefined {
    const step = this.hash ? stepOfFragment(location.hash) : undefined;
    return this.#isStep(step) ? step : undefined;
  }

  #isStep(step: string | undefined): boolean {
    return step !== undefined && this.lab?.steps.some(({ id }) => id === step) === true;
  }

  #writeHash(step: string): void {
    if (this.hash) history.replaceState(history.state, '', fragmentOfStep(step));
  }

  /** Goes to a step, with the focus. */
  async #goTo(step: string): Promise<void> {
    if (!this.#isStep(step)) return this.#messages.notice(`this lab has no step “${step}”`);
    this._passed = undefined;
    this._view = 'text';
    const entered = this.enter(step);
    await this.updateComplete;
    const head = this.renderRoot.querySelector<HTMLElement>(`#head-${CSS.escape(step)}`);
    head?.focus();
    head?.scrollIntoView({ block: 'start' });
    await entered;
  }

  get #runner(): LabRun<Computer> {
    if (this.#run === undefined)
      throw new VivariumError(ErrorCodes.LAB, 'there is no lab yet; wait until it is loaded');
    return this.#run;
  }

  get #current(): string {
    return this._state?.current ?? this.lab?.steps[0]?.id ?? '';
  }

  get #machine(): string {
    return this.lab?.steps.find(({ id }) => id === this.#current)?.machine ?? '';
  }

  get #workspace(): VivWorkspace | null {
    return this.renderRoot.querySelector('viv-workspace');
  }

  async #takeProgress(file: File): Promise<void> {
    this.#runner.importProgress(await readProgressFile(file));
    this.#messages.announce('Your progress was taken over from the file.');
  }

  /** After a failure: what is passed is not the machine's to lose. */
  async #restart(): Promise<void> {
    const progress = this.#runner.exportProgress();
    try {
      await this.#runner.reset();
    } finally {
      this.#runner.importProgress(progress);
    }
  }

  // What is shown

  protected override render(): TemplateResult {
    const { lab } = this;
    return html`
      <div class="hidden-text" role="status" aria-live="polite">${this.#messages.announcement}</div>
      ${
        this._problem !== undefined
          ? html`<div class="cover"><p class="problem" role="alert">${shown(this._problem)}</p></div>`
          : lab === undefined
            ? html`<div class="cover"><p role="status">Loading the lab …</p></div>`
            : this.#renderLab(lab)
      }
    `;
  }

  #renderLab(lab: Lab): TemplateResult {
    return html`<div class="lab" lang=${lab.language} data-view=${this._view}>
      ${renderHeader(lab, this.progress, this._view, (view) => (this._view = view))}
      <section class="pane reading" aria-label="Steps of the lab">
        ${lab.summary === undefined ? nothing : html`<p class="summary">${lab.summary}</p>`}
        <ol class="steps">
          ${lab.steps.map((_, index) => this.#renderStep(lab, index))}
        </ol>
        ${this.progress.isComplete ? renderFinish(lab) : nothing}
        ${renderProgressTools({
          canReset: this._state!.phase === 'ready',
          save: () => this.#messages.do(() => downloadProgress(lab, this.#runner.exportProgress())),
          take: (file) => this.#messages.do(() => this.#takeProgress(file)),
          reset: () => this.#messages.do(() => this.#runner.reset()),
        })}
      </section>
      <section class="pane work" aria-label="Machine">${this.#renderWork(this._loaded!)}</section>
      ${renderMessages({
        lab,
        notices: this.#messages.notices,
        passed: this._passed,
        dismiss: (text) => this.#messages.dismiss(text),
        goTo: (step) => this.#actions.goTo(step),
        stay: () => (this._passed = undefined),
      })}
    </div>`;
  }

  #renderStep(lab: Lab, index: number): TemplateResult {
    const step = lab.steps[index]!;
    const state = this._state!.steps[index]!;
    return renderStep({
      step,
      state,
      number: index + 1,
      isOpen: this._openStep === step.id,
      isCurrent: this._state!.current === step.id,
      isReady: this._state!.phase === 'ready',
      missing: state.missing.map((id) => lab.steps.find((other) => other.id === id)?.title ?? id),
      next: lab.steps[index + 1],
      actions: this.#actions,
    });
  }

  readonly #actions: StepActions = {
    toggle: (step) => {
      if (this._openStep === step) this._openStep = undefined;
      else if (this.isReady && step !== this._state?.current) this.#messages.do(() => this.enter(step));
      else this._openStep = step;
    },
    goTo: (step) => this.#messages.do(() => this.#goTo(step)),
    check: (step) => this.#messages.do(() => this.check(step)),
    confirm: (step) => this.#messages.do(() => this.#runner.confirm(step)),
    hint: (step) => this.#messages.do(() => this.#runner.showHint(step)),
    showSolution: (step) => this.#messages.do(() => this.#runner.showSolution(step)),
    runSolution: (step) => this.#messages.do(() => this.#running((run) => run.runSolution(step))),
    reset: (step) => this.#messages.do(() => this.#runner.reset(step)),
    copy: (text, button) => this.#messages.do(() => this.#copy(text, button)),
    run: (text, { terminal, interrupt }) => this.#messages.do(() => this.typeCommand(text, { terminal, interrupt })),
    fileUrl: (path) => this._loaded?.fileUrl(path),
  };

  async #copy(text: string, button: HTMLElement): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      throw new VivariumError(ErrorCodes.LAB, 'the browser does not let this page copy; select the text, and copy it');
    }
    this.#messages.announce('Copied.');
    button.dataset['done'] = '';
    setTimeout(() => delete button.dataset['done'], 1500);
  }

  #renderWork(loaded: LoadedLab): TemplateResult {
    const { phase, failure } = this._state!;
    if (phase === 'new' || phase === 'starting') return renderStarting(this._progress);
    if (phase === 'failed') return renderFailed(failure, () => this.#messages.do(() => this.#restart()));
    return html`<viv-workspace
      .lab=${loaded.lab}
      .find=${(machine: string) => this.#runner.computer(machine)}
      .machine=${this.#machine}
      .renderer=${this.renderer}
      .fontSize=${this.fontSize}
      .screenReader=${this.screenReader}
      .keys=${this.keys}
      ?inert=${phase === 'resetting'}
      @viv-still=${(event: CustomEvent<{ isStill: boolean }>) => this.#followStill(event.detail.isStill)}
      @viv-notice=${(event: CustomEvent<{ text: string }>) => this.#messages.notice(event.detail.text)}
    ></viv-workspace>`;
  }
}

define('viv-lab', VivLab);

declare global {
  interface HTMLElementTagNameMap {
    'viv-lab': VivLab;
  }
}
