/** Programs of one kind, seed after seed, until enough instructions ran or enough programs failed. */
import type { Tier } from '../../../src/core/translator.ts';
import type { Kind } from './kinds.ts';
import { makeCase, type Pair } from './lockstep.ts';
import { describe, shrink } from './shrink.ts';

export interface CampaignOptions {
  /** Of the first program; the next one's is one more. */
  readonly seed: number;
  readonly instructions: number;
  /** Chosen for each program if not given. */
  readonly tier?: Tier | undefined;
  /** Failing programs after which it ends. */
  readonly failuresMax?: number;
}
export interface Report {
  readonly programs: number;
  readonly instructions: number;
  /** Of these, the ones that translated code did. */
  readonly translated: number;
  /** Failing programs, shrunk, for people. */
  readonly failures: readonly string[];
}

export function campaign(
  pair: Pair,
  kind: Kind,
  { seed, instructions: wanted, tier, failuresMax = 1 }: CampaignOptions,
): Report {
  let [instructions, translated, programs] = [0, 0, 0];
  const failures: string[] = [];
  for (; instructions < wanted && failures.length < failuresMax; programs++) {
    const made = makeCase(kind, seed + programs, tier);
    const outcome = pair.run(made.scenario, made.plan, new Set(), made.seed);
    instructions += outcome.instructions;
    translated += outcome.translated;
    if (outcome.difference === undefined) continue;
    failures.push(
      `${kind.name}, seed ${made.seed}, after stretch ${outcome.stretch}: ${outcome.difference}\n${describe(kind, made, shrink(pair, made, outcome))}`,
    );
  }
  return { programs, instructions, translated, failures };
}
