/** The part of an address after `#` that names a step: `#step=ID`. */
const STEP = 'step';

/** The step that a fragment names, with or without its `#`; undefined when it names none. */
export function stepOfFragment(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, '')).get(STEP) ?? undefined;
}

/** `#step=ID`. */
export function fragmentOfStep(step: string): string {
  return `#${new URLSearchParams({ [STEP]: step }).toString()}`;
}
