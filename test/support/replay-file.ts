/** Replays whole vector files in tests. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { CoreDriver } from './core-driver.ts';
import { coreModule } from './core-module.ts';
import { Replayer, type TranslationCounts, type Tier } from './replay.ts';
import { GROUPS, readVectors } from './vector-file.ts';

export interface FileReport {
  passed: number;
  failures: string[];
  /** How many vectors were skipped, by the feature that the core does not announce. */
  skipped: Record<string, number>;
  readonly counts: TranslationCounts;
  /** Modules that were made, all of them valid. */
  modules: number;
}

/** Replays a gzip'd vector file on one tier. */
export function replayFile(path: string | URL, tier: Tier): FileReport {
  const driver = new CoreDriver(coreModule());
  const replayer = new Replayer(driver, { tier });
  const report: FileReport = { passed: 0, failures: [], skipped: {}, counts: replayer.counts, modules: 0 };
  driver.translator.onModule = (bytes) => {
    report.modules++;
    if (!WebAssembly.validate(bytes)) report.failures.push(`module ${report.modules} is not valid`);
  };
  for (const v of readVectors(gunzipSync(readFileSync(path)))) {
    const verdict = replayer.replay(v);
    if (verdict.kind === 'passed') report.passed++;
    else if (verdict.kind === 'skipped') report.skipped[verdict.feature] = (report.skipped[verdict.feature] ?? 0) + 1;
    else
      report.failures.push(
        `#${v.index} ${GROUPS[v.group]} ${Buffer.from(v.code).toString('hex')}: ${verdict.wrong.join('; ')}`,
      );
  }
  return report;
}
