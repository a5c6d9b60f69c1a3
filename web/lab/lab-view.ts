/** What is around a lab's steps: the header, the end, the student's progress, messages. */
import { html, nothing, type TemplateResult } from 'lit';
import { createRef, ref } from 'lit/directives/ref.js';
import type { Lab } from '../../src/lab/format/lab.ts';
import { renderProgress, type Progresses } from '../machine/progress.ts';
import { shown } from '../ui/sentences.ts';

/** On a narrow screen there is room for one of both. */
export type LabView = 'text' | 'work';

export function renderHeader(
  { title }: Lab,
  { passed, total }: { readonly passed: number; readonly total: number },
  current: LabView,
  choose: (view: LabView) => void,
): TemplateResult {
  const button = (view: LabView, text: string): TemplateResult =>
    html`<button aria-pressed=${current === view} @click=${() => choose(view)}>${text}</button>`;
  return html`<header>
    <h1>${title}</h1>
    <div class="passed-count">
      <progress max=${total} .value=${passed} aria-label="Steps passed"></progress>
      <span>${passed} of ${total} steps passed</span>
    </div>
    <div class="switch" role="group" aria-label="What is shown">
      ${button('text', 'Text')}${button('work', 'Machine')}
    </div>
  </header>`;
}

export function renderStarting(progress: Progresses): TemplateResult {
  return html`<div class="cover" aria-busy="true">
    <p role="status">Starting the machine of this lab …</p>
    ${renderProgress(progress)}
  </div>`;
}

export function renderFailed(failure: string | undefined, restart: () => void): TemplateResult {
  return html`<div class="cover">
    <p class="problem" role="alert">${shown(failure ?? 'the machine has failed')}</p>
    <p>The machine begins anew, without the files that you have changed in it. What you have passed stays passed.</p>
    <button class="main" data-action="restart" @click=${restart}>Start the machine again</button>
  </div>`;
}

export function renderFinish({ title, steps }: Lab): TemplateResult {
  return html`<section class="finish" aria-labelledby="finish">
    <h2 id="finish"><span aria-hidden="true">✓</span> You have finished this lab</h2>
    <p>All ${steps.length} steps of “${title}” are passed. You can go on trying things in the machine.</p>
  </section>`;
}

export interface ProgressTools {
  readonly canReset: boolean;
  save(): void;
  take(file: File): void;
  reset(): void;
}

export function renderProgressTools({ canReset, save, take, reset }: ProgressTools): TemplateResult {
  const input = createRef<HTMLInputElement>();
  const dialog = createRef<HTMLDialogElement>();
  const chosen = (): void => {
    const file = input.value?.files?.[0];
    if (file !== undefined) take(file);
    input.value!.value = '';
  };
  return html`<section class="tools" aria-labelledby="tools">
    <h2 id="tools">Your progress</h2>
    <p class="muted">It is kept in this browser. Save it to a file to go on elsewhere.</p>
    <div class="row">
      <button data-action="export" @click=${save}>Save to a file</button>
      <button data-action="import" @click=${() => input.value!.click()}>Take from a file</button>
      <input
        ${ref(input)}
        type="file"
        accept=".json,application/json"
        hidden
        aria-label="File of progress"
        @change=${chosen}
      />
      <button data-action="reset-lab" aria-disabled=${!canReset} @click=${() => canReset && dialog.value!.showModal()}>
        Reset the lab
      </button>
    </div>
    <dialog ${ref(dialog)} aria-labelledby="reset-title">
      <h2 id="reset-title">Reset the lab?</h2>
      <p>Every file that you have changed in the machine is lost, and no step is passed any more.</p>
      <form method="dialog" class="row">
        <button class="main" data-action="reset-lab-yes" @click=${reset}>Reset</button>
        <button>Keep everything</button>
      </form>
    </dialog>
  </section>`;
}

export interface Messages {
  readonly lab: Lab;
  /** Sentences that the student puts away. */
  readonly notices: readonly string[];
  /** The step that was just passed. */
  readonly passed: { readonly step: string; readonly title: string } | undefined;
  dismiss(notice: string): void;
  goTo(step: string): void;
  stay(): void;
}

export function renderMessages({ lab, notices, passed, dismiss, goTo, stay }: Messages): TemplateResult {
  return html`<div class="messages">
    ${notices.map(
      (text) =>
        html`<p class="message">
          <span>${shown(text)}</span>
          <button @click=${() => dismiss(text)}>OK</button>
        </p>`,
    )}
    ${passed === undefined ? nothing : renderPassed(lab, passed, goTo, stay)}
  </div>`;
}

function renderPassed(
  { steps }: Lab,
  { step, title }: { readonly step: string; readonly title: string },
  goTo: (step: string) => void,
  stay: () => void,
): TemplateResult {
  const next = steps[steps.findIndex(({ id }) => id === step) + 1];
  return html`<p class="message good">
    <span><span aria-hidden="true">✓</span> Step passed: ${title}</span>
    ${next === undefined ? nothing : html`<button class="main" @click=${() => goTo(next.id)}>Next step</button>`}
    <button @click=${stay}>Stay here</button>
  </p>`;
}
