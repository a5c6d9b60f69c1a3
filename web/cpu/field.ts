/** A labelled field for an address, with a button: Enter works too. */
import { el } from './dom.ts';
import type { Pane } from './tab.ts';

export interface AddressField {
  readonly element: HTMLElement;
  /** What was entered last; undefined for the field's default. */
  readonly address: bigint | undefined;
  set(address: bigint | undefined): void;
}

/** @param placeholder says what is taken when nothing is entered. */
export function addressField(pane: Pane, label: string, placeholder: string): AddressField {
  let address: bigint | undefined;
  const input = el('input', {
    type: 'text',
    placeholder,
    autocapitalize: 'off',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const text = input.value.trim();
    const resolved = text === '' ? undefined : await pane.resolve(text);
    if (text !== '' && resolved === undefined) return;
    address = resolved;
    pane.refresh();
  };
  const element = el(
    'form',
    { class: 'row', onsubmit: (event) => void submit(event) },
    el('label', {}, `${label} `, input),
    el('button', { type: 'submit' }, 'Show'),
  );
  return {
    element,
    get address() {
      return address;
    },
    set: (to) => {
      address = to;
      input.value = to === undefined ? '' : `0x${to.toString(16)}`;
    },
  };
}
