/** Keys that a touch screen lacks, as what a terminal sends for them (ECMA-48; DEC VT220 for arrows in application mode). */

export interface BarKey {
  /** What the key shows. */
  readonly label: string;
  /** What a screen reader says. */
  readonly name: string;
  /** What is sent; of arrows, what follows ESC [ or ESC O. */
  readonly text?: string;
  readonly arrow?: string;
}

export const BAR_KEYS: readonly BarKey[] = [
  { label: 'Esc', name: 'Escape', text: '\x1b' },
  { label: 'Tab', name: 'Tab', text: '\t' },
  { label: '←', name: 'Left', arrow: 'D' },
  { label: '↑', name: 'Up', arrow: 'A' },
  { label: '↓', name: 'Down', arrow: 'B' },
  { label: '→', name: 'Right', arrow: 'C' },
  { label: '|', name: 'Pipe', text: '|' },
  { label: '~', name: 'Tilde', text: '~' },
  { label: '/', name: 'Slash', text: '/' },
  { label: '-', name: 'Dash', text: '-' },
];

/** @param isApplication whether the program has asked for application cursor keys. */
export function keyText({ text, arrow }: BarKey, isApplication: boolean): string {
  return arrow === undefined ? text! : `\x1b${isApplication ? 'O' : '['}${arrow}`;
}

/** What Ctrl makes of a character: the lower five bits of those from @ to _ (ASCII); others stay. */
export function withControl(text: string): string {
  const code = text.toUpperCase().charCodeAt(0);
  if (text.length !== 1) return text;
  if (text === ' ') return '\0';
  if (text === '?') return '\x7f';
  return code >= 0x40 && code < 0x60 ? String.fromCharCode(code & 0x1f) : text;
}
