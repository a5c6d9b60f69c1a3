/** What a lab tells the student: sentences that stay until they are put away, and what assistive technology announces. */
import type { ReactiveElement } from 'lit';
import { sentenceOf, shown } from '../ui/sentences.ts';

export class LabMessages {
  readonly #host: Pick<ReactiveElement, 'requestUpdate'>;
  #notices: readonly string[] = [];
  #announcement = '';

  /** @param host shows them. */
  constructor(host: Pick<ReactiveElement, 'requestUpdate'>) {
    this.#host = host;
  }

  get notices(): readonly string[] {
    return this.#notices;
  }

  /** Text of the live region. */
  get announcement(): string {
    return this.#announcement;
  }

  announce(text: string): void {
    // The same words again are news only if the text is another one.
    this.#announcement = this.#announcement === text ? `${text}\u00a0` : text;
    this.#host.requestUpdate();
  }

  notice(text: string): void {
    if (!this.#notices.includes(text)) this.#notices = [...this.#notices, text];
    this.#host.requestUpdate();
  }

  dismiss(text: string): void {
    this.#notices = this.#notices.filter((other) => other !== text);
    this.#host.requestUpdate();
  }

  clear(): void {
    this.#notices = [];
    this.#host.requestUpdate();
  }

  /** Does what the student asked for, and tells what was wrong with that. */
  do(action: () => unknown): void {
    const tell = (error: unknown): void => {
      this.notice(sentenceOf(error));
      this.announce(shown(sentenceOf(error)));
    };
    try {
      Promise.resolve(action()).catch(tell);
    } catch (error) {
      tell(error);
    }
  }
}
