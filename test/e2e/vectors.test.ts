/** All vectors recorded on a real CPU, where the file is: beside the project, or as VIVARIUM_VECTORS names it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { replayFile } from '../support/replay-file.ts';

const FILE =
  process.env['VIVARIUM_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/dev.agree.xv.gz', import.meta.url));

/** A module for each vector: a minute and a half on an idle processor. */
const BUDGET_MS = 480_000;

describe.skipIf(!existsSync(FILE))('the whole vector file', { timeout: BUDGET_MS }, () => {
  it('passes on the interpreter', () => {
    const report = replayFile(FILE, '0');

    expect(report.failures).toEqual([]);
    expect(report.passed).toBeGreaterThanOrEqual(80_316);
  });

  it('passes on emitted code', () => {
    const report = replayFile(FILE, '1');

    expect(report.failures).toEqual([]);
    expect(report.counts.translated).toBeGreaterThan(36_000);
  });
});
