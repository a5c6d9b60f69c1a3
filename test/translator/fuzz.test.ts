/** A program or two of each of the fuzzer's kinds. test/e2e/fuzz.test.ts runs more, `npm run fuzz` and the soak as many as wanted. */
import { describe, expect, it } from 'vitest';
import { coreModule } from '../support/core-module.ts';
import { campaign } from '../support/fuzz/campaign.ts';
import { KINDS } from '../support/fuzz/kinds.ts';
import { Pair } from '../support/fuzz/lockstep.ts';

const INSTRUCTIONS = 60_000;
const SEED = 1;
const TIME_MS = 60_000;
/** Programs that have found a fault. */
const FOUND = [{ name: 'wrap', seed: 20_261_241 }];

describe('translated code in lockstep with the interpreter', () => {
  const pair = new Pair(coreModule());
  pair.validateModules();

  it.each(KINDS)('leaves the same state: $name', { timeout: TIME_MS }, (kind) => {
    const report = campaign(pair, kind, { seed: SEED, instructions: INSTRUCTIONS });

    expect(report.failures).toEqual([]);
    expect(report.translated).toBeGreaterThan(0);
    expect(pair.invalidModules).toBe(0);
  });

  it.each(FOUND)('leaves the same state, where once it did not: $name, seed $seed', { timeout: TIME_MS }, (found) => {
    const kind = KINDS.find(({ name }) => name === found.name)!;

    const { programs, failures } = campaign(pair, kind, { seed: found.seed, instructions: 1 });

    expect(failures).toEqual([]);
    expect(programs).toBe(1);
  });
});
