/** What the soak of the translator records, and what must hold of it. */

export const MIB = 1 << 20;

export interface Sample {
  /** Since the guest was started. */
  readonly seconds: number;
  /** Instructions so far, and those that translated code did. */
  readonly instructions: number;
  readonly translated: number;
  /** Regions made and dropped so far, and how often all went. */
  readonly regions: number;
  readonly dropped: number;
  readonly flushes: number;
  /** Of modules in use. */
  readonly liveModuleBytes: number;
  /** Of the process; of them, what V8 keeps outside of its heap, and the heap. */
  readonly residentBytes: number;
  readonly externalBytes: number;
  readonly heapBytes: number;
  /** Rounds of the guest's shell loop so far. */
  readonly rounds: number;
}

export interface Limits {
  readonly liveModuleBytes: number;
  readonly residentBytes: number;
  /** Made in a billion instructions; fewer would be no load. */
  readonly regionsPerBillion: number;
}

/** Growth of the resident set over the second half that passes, as a share of its mean: less the longer that is. */
const GROWTH_MAX = 0.05;
const GROWTH_NOISE_MINUTES = 0.3;
const SAMPLES_MIN = 8;

/** Slope of the least-squares line through the points, in y by x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const above = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const below = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

/** How much the resident set grew over the second half, as a share of its mean there; and how much is too much. */
export function growth(samples: readonly Sample[]): { readonly share: number; readonly most: number } {
  const half = samples.slice(samples.length >> 1);
  const seconds = half.at(-1)!.seconds - half[0]!.seconds;
  const mean = half.reduce((sum, s) => sum + s.residentBytes, 0) / half.length;
  const share = (slope(half.map((s) => [s.seconds, s.residentBytes])) * seconds) / mean;
  return { share, most: Math.max(GROWTH_MAX, GROWTH_NOISE_MINUTES / Math.max(seconds / 60, 1)) };
}

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** What is wrong, a sentence each; none if all is well. */
export function judge(samples: readonly Sample[], limits: Limits): string[] {
  const last = samples.at(-1);
  if (last === undefined || samples.length < SAMPLES_MIN)
    return [`there are ${samples.length} samples, which is too few to tell anything: run longer`];
  const most = (of: (s: Sample) => number): number => Math.max(...samples.map(of));
  const wrong: string[] = [];
  const live = most((s) => s.liveModuleBytes);
  if (live > limits.liveModuleBytes)
    wrong.push(`modules in use had ${mib(live)}, more than ${mib(limits.liveModuleBytes)}`);
  const resident = most((s) => s.residentBytes);
  if (resident > limits.residentBytes)
    wrong.push(`the process had ${mib(resident)} of memory, more than ${mib(limits.residentBytes)}`);
  const { share, most: mostGrowth } = growth(samples);
  if (share > mostGrowth)
    wrong.push(
      `the process's memory grew by ${(100 * share).toFixed(1)} % over the second half, more than ${(100 * mostGrowth).toFixed(1)} %`,
    );
  const perBillion = last.regions / (last.instructions / 1e9);
  if (perBillion < limits.regionsPerBillion)
    wrong.push(
      `only ${Math.round(perBillion)} regions in a billion instructions were made, less than ${limits.regionsPerBillion}`,
    );
  if (last.rounds <= samples[samples.length >> 1]!.rounds) wrong.push("the guest's shell loop stood still");
  return wrong;
}
