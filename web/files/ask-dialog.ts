/** A question in a dialog: a name, or only yes or no. */
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { shown } from '../ui/sentences.ts';

export interface Question {
  readonly title: string;
  readonly text?: string;
  /** Of the field; without it there is none. */
  readonly label?: string;
  readonly value?: string;
  /** On the button. */
  readonly answer: string;
  /** What is wrong with what was entered; undefined when nothing is. */
  readonly problem?: (value: string) => string | undefined;
  readonly act: (value: string) => Promise<void>;
}

/** @param closed is called when it was answered or put away. */
export function askDialog(question: Question | undefined, closed: () => void): TemplateResult | typeof nothing {
  if (question === undefined) return nothing;
  const { title, text, label, value = '', answer, problem, act } = question;
  const open = (element: Element | undefined): void => {
    const dialog = element as HTMLDialogElement | undefined;
    // It is not in the page yet.
    queueMicrotask(() => {
      if (dialog?.isConnected !== true || dialog.open) return;
      dialog.showModal();
      dialog.querySelector('input')?.select();
    });
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const field = form.querySelector('input');
    const entered = field?.value.trim() ?? '';
    const wrong = field === null ? undefined : problem?.(entered);
    form.querySelector('.wrong')!.textContent = wrong === undefined ? '' : shown(wrong);
    if (wrong !== undefined) return field!.focus();
    closed();
    void act(entered);
  };
  return html`<dialog ${ref(open)} aria-labelledby="question" @close=${closed}>
    <form @submit=${submit}>
      <h2 id="question">${title}</h2>
      ${text === undefined ? nothing : html`<p>${text}</p>`}
      ${
        label === undefined
          ? nothing
          : html`<p>
              <label>${label} <input .value=${value} autocomplete="off" spellcheck="false" autofocus /></label>
            </p>`
      }
      <p class="wrong" role="alert"></p>
      <div class="row">
        <button class="main" type="submit">${answer}</button>
        <button type="button" @click=${closed}>Cancel</button>
      </div>
    </form>
  </dialog>`;
}
