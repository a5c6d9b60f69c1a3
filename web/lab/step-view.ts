/** A step of a lab: its heading, and below it, while it is open, its text and what the student can do. */
import { html, nothing, type TemplateResult } from 'lit';
import type { LabStep } from '../../src/lab/format/lab.ts';
import type { StepState } from '../../src/lab/run/state.ts';
import { shown } from '../ui/sentences.ts';
import { renderMarkdown, type MarkdownActions } from './markdown-view.ts';

export interface StepActions extends MarkdownActions {
  /** The heading was pressed: the student goes to the step, or folds it up. */
  toggle(step: string): void;
  check(step: string): void;
  confirm(step: string): void;
  hint(step: string): void;
  showSolution(step: string): void;
  runSolution(step: string): void;
  reset(step: string): void;
}

export interface StepView {
  readonly step: LabStep;
  readonly state: StepState;
  readonly number: number;
  readonly isOpen: boolean;
  readonly isCurrent: boolean;
  /** The machines can be worked with. */
  readonly isReady: boolean;
  /** Titles of the steps that are to be passed before. */
  readonly missing: readonly string[];
  /** The step after it. */
  readonly next: LabStep | undefined;
  readonly actions: StepActions;
}

export function renderStep(view: StepView): TemplateResult {
  const { step, state, number, isOpen, isCurrent, actions } = view;
  const isLocked = state.missing.length > 0;
  const mark = state.isPassed ? '✓' : isLocked ? '–' : String(number);
  const status = state.isPassed ? 'passed' : isLocked ? 'not open yet' : isCurrent ? 'you are here' : undefined;
  const classes = ['step', state.isPassed ? 'passed' : '', isCurrent ? 'current' : ''].join(' ');
  return html`<li class=${classes} aria-current=${isCurrent ? 'step' : nothing}>
    <h2>
      <button
        id="head-${step.id}"
        aria-expanded=${isOpen}
        aria-controls="body-${step.id}"
        @click=${() => actions.toggle(step.id)}
      >
        <span class="mark" aria-hidden="true">${mark}</span>
        <span class="title"><span class="hidden-text">Step ${number}: </span>${step.title}</span>
        ${status === undefined ? nothing : html`<span class="status">${status}</span>`}
      </button>
    </h2>
    <div class="body" id="body-${step.id}" ?hidden=${!isOpen}>${isOpen ? renderBody(view, isLocked) : nothing}</div>
  </li>`;
}

function renderBody(view: StepView, isLocked: boolean): TemplateResult {
  const { step, state, missing, actions } = view;
  return html`
    ${isLocked ? html`<p class="note">This step opens when you have passed ${listed(missing)}.</p>` : nothing}
    ${state.preparation === 'running' ? html`<p class="muted">The machine is made ready for this step …</p>` : nothing}
    ${renderMarkdown(step.text, actions)} ${isLocked ? nothing : renderActions(view)}
    ${state.problem === undefined ? nothing : html`<p class="problem">${shown(state.problem)}</p>`}
    ${
      state.feedback === undefined
        ? nothing
        : html`<p class="note feedback"><strong>Not yet.</strong> ${shown(state.feedback)}</p>`
    }
    ${state.hints.map(
      (hint, index) =>
        html`<section class="aside" aria-label="Hint ${index + 1}">
          <p class="aside-title">Hint ${index + 1}</p>
          ${renderMarkdown(hint, actions)}
        </section>`,
    )}
    ${renderSolution(view)} ${state.isPassed ? renderPassed(view) : nothing}
  `;
}

function renderActions({ step, state, isReady, actions }: StepView): TemplateResult {
  const { id } = step;
  const canWork = isReady && state.preparation === 'done';
  const { solution } = state;
  return html`<div class="row actions">
    ${
      state.hasCheck
        ? html`<button
            class=${state.isPassed ? '' : 'main'}
            data-action="check"
            aria-disabled=${!canWork || state.isChecking}
            @click=${() => canWork && !state.isChecking && actions.check(id)}
          >
            ${state.isChecking ? 'Checking …' : 'Check'}
          </button>`
        : state.isPassed
          ? nothing
          : html`<button class="main" data-action="confirm" @click=${() => actions.confirm(id)}>
              I have done this
            </button>`
    }
    ${
      state.hintsLeft === 0
        ? nothing
        : html`<button data-action="hint" @click=${() => actions.hint(id)}>
            ${state.hints.length === 0 ? 'Hint' : 'Another hint'}
          </button>`
    }
    ${
      solution.kind === 'hidden'
        ? html`<button data-action="solution" @click=${() => actions.showSolution(id)}>Show the solution</button>`
        : nothing
    }
    ${
      state.canReset && isReady
        ? html`<button data-action="reset" @click=${() => actions.reset(id)}>Reset this step</button>`
        : nothing
    }
  </div>`;
}

function renderSolution({ step, state, isReady, actions }: StepView): TemplateResult | typeof nothing {
  const { solution } = state;
  if (solution.kind !== 'shown') return nothing;
  const canRun = isReady && state.preparation === 'done' && !solution.isRunning;
  return html`<section class="aside" aria-label="Solution">
    <p class="aside-title">Solution</p>
    <div class="code">
      <pre tabindex="0" role="group" aria-label="Code of the solution"><code>${solution.text}</code></pre>
      <div class="code-buttons">
        <button
          data-action="run-solution"
          aria-disabled=${!canRun}
          @click=${() => canRun && actions.runSolution(step.id)}
        >
          ${solution.isRunning ? 'Running …' : 'Run the solution'}
        </button>
      </div>
    </div>
  </section>`;
}

function renderPassed({ next, actions }: StepView): TemplateResult {
  return html`<p class="passed-line"><span aria-hidden="true">✓</span> You have passed this step.</p>
    ${
      next === undefined
        ? nothing
        : html`<button class="main" data-action="next" @click=${() => actions.goTo(next.id)}>
            Next: ${next.title}
          </button>`
    }`;
}

function listed(titles: readonly string[]): string {
  const quoted = titles.map((title) => `“${title}”`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)!}`;
}
