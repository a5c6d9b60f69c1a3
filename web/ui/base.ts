/** What the elements have in common: a shadow root with the shared style sheet, and events that leave it. */
import { LitElement, unsafeCSS, type CSSResult } from 'lit';
import sharedText from './shared.css?inline';

const shared = unsafeCSS(sharedText);

/** The style sheets of an element, from texts that Vite gives. */
export function sheets(...texts: readonly string[]): CSSResult[] {
  return [shared, ...texts.map((text) => unsafeCSS(text))];
}

export class VivElement extends LitElement {
  static override styles = sheets();

  /** Dispatches an event that listeners outside of all shadow roots get. False when one of them has prevented it. */
  protected emit(type: string, detail?: unknown): boolean {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

/** Defines an element unless the page has one of that name, such as by a second copy of this script. */
export function define(name: string, element: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
