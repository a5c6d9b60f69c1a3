/**
 * Replays vectors on a core, instruction by instruction on tier 0 (the interpreter), on tier 1 (translated code, which leaves
 * to tier 0 what it can't do), or mixed.
 */
import type { CoreDriver } from './core-driver.ts';
import { executeTranslated, type Done } from './translated.ts';
import type { Tier } from '../../src/core/translator.ts';
import { missingFeature } from './features.ts';
import type { Vector } from './vector-file.ts';

export type { Tier };

export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly wrong: readonly string[] }
  /** The instruction needs a CPUID feature that the core does not announce. */
  | { readonly kind: 'skipped'; readonly feature: string };

export interface ReplayOptions {
  readonly tier: Tier;
  /** Mixed: which vectors take emitted code. Without it those of even index do. */
  readonly seed?: number | undefined;
  /** Skip nothing: a missing feature is a failure. */
  readonly all?: boolean;
}

/** What became of the instructions that were to be translated. */
export type TranslationCounts = Record<Done, number>;

export class Replayer {
  readonly counts: TranslationCounts = { translated: 0, left: 0, interpreted: 0 };
  readonly #driver: CoreDriver;
  readonly #options: ReplayOptions;

  constructor(driver: CoreDriver, options: ReplayOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Loads the vector's state, executes its instruction and compares everything that the vector tells. */
  replay(v: Vector): Verdict {
    let wrong: string[];
    try {
      this.#driver.load(v);
      wrong = this.#driver.compare(
        v,
        this.#driver.execute(this.#isTranslated(v) ? () => this.#executeTranslated() : undefined),
      );
    } catch (e) {
      // Whatever the instruction needs: no guest may stop the core.
      return { kind: 'failed', wrong: [`the core stopped: ${e instanceof Error ? e.message : String(e)}`] };
    }
    if (wrong.length === 0) return { kind: 'passed' };
    const feature = this.#options.all ? undefined : missingFeature(this.#driver, v);
    return feature === undefined ? { kind: 'failed', wrong } : { kind: 'skipped', feature };
  }

  /** A function of the vector alone, so that a failure shows again when it is replayed by itself. */
  #isTranslated(v: Vector): boolean {
    const { tier, seed } = this.#options;
    if (tier !== 'mixed') return tier === '1';
    return seed === undefined ? v.index % 2 === 0 : isHeads(seed, v.index);
  }

  #executeTranslated(): void {
    executeTranslated(this.#driver, (done) => void this.counts[done]++);
  }
}

/** One bit of a hash: the finalizer of MurmurHash3, 32 bits. */
function isHeads(seed: number, index: number): boolean {
  let h = (seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) & 1) === 1;
}
