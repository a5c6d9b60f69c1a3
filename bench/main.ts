/** Runs workloads one after the other. Arguments: names (default: all), --runs N, --rootfs FOLDER. Exits with 1 when an output is wrong. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from './boot.ts';
import { interpreter } from './interpreter.ts';
import { mixed } from './mixed.ts';
import { tierUp } from './tier-up.ts';
import { describe, writeReport, type Report } from './support/report.ts';
import { PROJECT_FOLDER } from './support/sides.ts';

const RUNS = '5';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: RUNS }, rootfs: { type: 'string' } },
});
/** Each makes its report from a number of runs. */
const WORKLOADS: Readonly<Record<string, (runs: number) => Promise<Report>>> = {
  interpreter,
  mixed: (runs) => mixed(runs, values.rootfs ?? '/'),
  boot,
  'tier-up': tierUp,
};
const names = positionals.length > 0 ? positionals : Object.keys(WORKLOADS);
for (const name of names) {
  const workload = WORKLOADS[name];
  if (workload === undefined) {
    process.stderr.write(`there is no workload ${name}: there are ${Object.keys(WORKLOADS).join(', ')}\n`);
    process.exitCode = 1;
    continue;
  }
  const report = await workload(Number(values.runs));
  writeReport(join(PROJECT_FOLDER, 'build/bench'), report);
  process.stdout.write(`${describe(report)}\n`);
  if (!report.checks.every(({ passed }) => passed)) process.exitCode = 1;
}
