/** What one list of lines has that another has not: the longest common subsequence, and the rest. */

export interface Step {
  readonly kind: 'both' | 'only-old' | 'only-new';
  readonly line: string;
}

/** The lines of both lists in order, those that are the same once. */
export function difference(old: readonly string[], now: readonly string[]): Step[] {
  // lengths[a][b]: of the longest common subsequence of old from a and now from b.
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let a = old.length - 1; a >= 0; a--) {
    for (let b = now.length - 1; b >= 0; b--) {
      lengths[a]![b] =
        old[a] === now[b] ? lengths[a + 1]![b + 1]! + 1 : Math.max(lengths[a + 1]![b]!, lengths[a]![b + 1]!);
    }
  }
  const steps: Step[] = [];
  let [a, b] = [0, 0];
  while (a < old.length || b < now.length) {
    if (a < old.length && b < now.length && old[a] === now[b]) {
      steps.push({ kind: 'both', line: old[a++]! });
      b++;
    } else if (b >= now.length || (a < old.length && lengths[a + 1]![b]! >= lengths[a]![b + 1]!)) {
      steps.push({ kind: 'only-old', line: old[a++]! });
    } else steps.push({ kind: 'only-new', line: now[b++]! });
  }
  return steps;
}
