/** Errors as sentences in a page. */

/** One sentence about what went wrong. */
export function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text === '' ? 'something went wrong, and nothing says what' : text;
}

/** The sentence as a page shows it: with a capital letter and a full stop. */
export function shown(sentence: string): string {
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
