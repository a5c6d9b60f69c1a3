/** Random programs of each of the fuzzer's kinds on both tiers, for about two minutes. `npm run soak` runs ten million instructions of each. */
import { describe, expect, it } from 'vitest';
import { coreModule } from '../support/core-module.ts';
import { campaign } from '../support/fuzz/campaign.ts';
import { KINDS } from '../support/fuzz/kinds.ts';
import { Pair } from '../support/fuzz/lockstep.ts';

const INSTRUCTIONS = 1_000_000;
const SEED = 100_000;
/** The slowest kind takes half a minute on a computer that has nothing else to do. */
const TIME_MS = 400_000;

describe('translated code in lockstep with the interpreter', () => {
  const pair = new Pair(coreModule());

  it.each(KINDS)('leaves the same state: $name', { timeout: TIME_MS }, (kind) => {
    const report = campaign(pair, kind, { seed: SEED, instructions: INSTRUCTIONS });

    expect(report.failures).toEqual([]);
    expect(report.translated).toBeGreaterThan(INSTRUCTIONS / 10);
  });
});
