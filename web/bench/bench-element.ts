/**
 * <viv-bench>: runs programs of bench/guest in a machine in this page, some times each, and shows how long they took as a chart and a
 * table, beside what Node took where the site was built with figures of it. Attribute `quick`: three programs, twice.
 *
 * Events: `viv-done` when everything has been measured.
 */
import { html, nothing, type TemplateResult } from 'lit';
import { ComputerSession, BENCH_IMAGE, type Turn } from '../../bench/programs/computer-session.ts';
import {
  PAGE_FIGURES_FILE,
  PAGE_PROGRAMS,
  parsePageFigures,
  QUICK_PROGRAMS,
  type PageFigures,
} from '../../bench/programs/page-figures.ts';
import type { ProgramName } from '../../bench/programs/protocol.ts';
import type { Computer } from '../../src/sandbox/computer.ts';
import { renderProgress, withProgress, type Progresses } from '../machine/progress.ts';
import progressText from '../machine/progress.css?inline';
import { siteMachine } from '../machine/start-machine.ts';
import { siteBase } from '../site/base.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';
import benchText from './bench.css?inline';
import { drawChart, type Chart } from './chart.ts';
import uplotText from 'uplot/dist/uPlot.min.css?inline';
import { rowOf, type Row } from './rows.ts';

/** The first, with code that nobody has translated yet, does not count. */
const REPETITIONS = 6;
const QUICK_REPETITIONS = 3;

interface Ready {
  readonly computer: Computer;
  readonly session: ComputerSession;
  readonly programs: readonly ProgramName[];
  readonly figures: PageFigures;
}

type State = 'idle' | 'starting' | 'running' | 'done' | 'failed';

export class VivBench extends VivElement {
  static override styles = sheets(uplotText, progressText, benchText);
  static override properties = {
    quick: { type: Boolean },
    _state: { state: true },
    _rows: { state: true },
    _progress: { state: true },
    _message: { state: true },
  };
  declare quick: boolean;
  declare private _state: State;
  declare private _rows: readonly Row[];
  declare private _progress: Progresses;
  declare private _message: string;
  #ready: Promise<Ready> | undefined;
  #prepared = new Set<number>();
  #chart: Chart | undefined;

  constructor() {
    super();
    this.quick = false;
    this._state = 'idle';
    this._rows = [];
    this._progress = new Map();
    this._message = '';
  }

  /** Runs one program once, by its name; the machine starts at the first call. For comparisons from outside. */
  async turn(name: string): Promise<Turn> {
    const { session, programs } = await this.#start();
    const number = programs.findIndex((program) => program.name === name);
    if (number < 0) throw new Error(`there is no program ${name}`);
    if (!this.#prepared.has(number)) await session.prepare(number);
    this.#prepared.add(number);
    return session.run(number);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#chart?.remove();
    this.#chart = undefined;
    void this.#ready?.then(({ computer }) => computer.close()).catch(() => {}); // it did not start
    this.#ready = undefined;
  }

  protected override render(): TemplateResult {
    const { _state: state } = this;
    const isBusy = state === 'starting' || state === 'running';
    return html`
      <div class="row">
        <button class="main" ?disabled=${isBusy} @click=${() => void this.#measure()}>
          ${state === 'done' ? 'Measure again' : 'Measure'}
        </button>
        <p role="status">${this._message}</p>
      </div>
      ${state === 'starting' ? renderProgress(this._progress) : nothing}
      <div
        class="chart"
        role="img"
        aria-label="Chart of the medians; the table below has the same figures"
        ?hidden=${this._rows.length === 0}
      ></div>
      ${this._rows.length === 0 ? nothing : this.#renderTable()}
    `;
  }

  #renderTable(): TemplateResult {
    const hasNode = this._rows.some(({ nodeMs }) => nodeMs !== undefined);
    return html`<p class="what">Milliseconds a run: the median, and the shortest and longest.</p>
      <div class="scroll" tabindex="0" role="region" aria-label="Figures">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Program</th>
              <th scope="col">Median</th>
              <th scope="col">From – to</th>
              ${hasNode ? html`<th scope="col">In Node</th>` : nothing}
              <th scope="col">Million instructions per second</th>
              <th scope="col">Translated</th>
              <th scope="col">Result</th>
            </tr>
          </thead>
          <tbody>
            ${this._rows.map(
              (row) =>
                html`<tr>
                  <th scope="row">${row.name}<span class="what">${row.what}</span></th>
                  <td>${row.medianMs.toFixed(1)}</td>
                  <td>${row.minMs.toFixed(1)} – ${row.maxMs.toFixed(1)}</td>
                  ${hasNode ? html`<td>${row.nodeMs?.toFixed(1) ?? 'not measured'}</td>` : nothing}
                  <td>${Math.round(row.instructionsPerSecond / 1e6)}</td>
                  <td>${Math.round(row.translatedShare * 100)} %</td>
                  <td class=${row.isRight ? 'right' : 'wrong'}>${row.isRight ? '✓ right' : '✗ wrong'}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
  }

  protected override updated(): void {
    const place = this.renderRoot.querySelector<HTMLElement>('.chart')!;
    if (this._rows.length === 0) return;
    this.#chart?.remove();
    this.#chart = drawChart(place, this._rows, getComputedStyle(this));
  }

  async #measure(): Promise<void> {
    this._rows = [];
    try {
      this._state = 'starting';
      this._message = 'Starting the machine …';
      const { programs, figures } = await this.#start();
      this._state = 'running';
      const names = this.quick ? QUICK_PROGRAMS : Object.keys(PAGE_PROGRAMS);
      for (const name of names.filter((one) => programs.some((program) => program.name === one)))
        await this.#measureProgram(name, figures);
      this._state = 'done';
      const node = figures.node === undefined ? '' : ` Node ${figures.node.version} ran on ${figures.node.processor}.`;
      this._message = `Done.${node}`;
      this.emit('viv-done');
    } catch (error) {
      this._state = 'failed';
      this._message = shown(sentenceOf(error));
      this.#ready = undefined;
    }
  }

  async #measureProgram(name: string, figures: PageFigures): Promise<void> {
    const turns: Turn[] = [];
    const count = this.quick ? QUICK_REPETITIONS : REPETITIONS;
    for (let n = 0; n < count; n++) {
      this._message = `${name}: run ${n + 1} of ${count}`;
      turns.push(await this.turn(name));
    }
    this._rows = [...this._rows, rowOf(name, turns, figures)];
  }

  #start(): Promise<Ready> {
    this.#ready ??= this.#startMachine();
    return this.#ready;
  }

  async #startMachine(): Promise<Ready> {
    const answer = await fetch(new URL(PAGE_FIGURES_FILE, siteBase()));
    if (!answer.ok) throw new Error(`${PAGE_FIGURES_FILE} of this site can't be fetched: ${answer.status}`);
    const figures = parsePageFigures(await answer.text());
    this.#prepared = new Set();
    const computer = await siteMachine()(
      { image: BENCH_IMAGE },
      {
        onProgress: (progress) => (this._progress = withProgress(this._progress, progress)),
        onNotice: (text) => (this._message = shown(text)),
      },
    );
    const session = await ComputerSession.start(computer);
    return { computer, session, programs: await session.list(), figures };
  }
}

define('viv-bench', VivBench);
declare global {
  interface HTMLElementTagNameMap {
    'viv-bench': VivBench;
  }
}
