/** Marks what has changed since the last stop: by weight, a dot and a word for those who listen, never by colour alone. */
import { el, type Child } from './dom.ts';

export function marked(text: string, changed: boolean): Child {
  if (!changed) return el('span', { class: 'value' }, text);
  return el('strong', { class: 'value changed' }, text, el('span', { class: 'heard' }, ' changed'));
}
