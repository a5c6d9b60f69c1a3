/**
 * Runs workloads one after the other, by default all. Arguments: names of workloads, of programs or of kinds of programs;
 * --runs N, --arch i386|amd64|both, --peers qemu,v86|none, --quick, --rootfs FOLDER. Exits with 1 when an output is wrong.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from './boot.ts';
import { browser } from './browser.ts';
import { browserStart } from './browser-start.ts';
import { interpreter } from './interpreter.ts';
import { mixed } from './mixed.ts';
import { programs, UsageError } from './programs.ts';
import { differentAcross, type Comparison } from './programs/comparison.ts';
import { ARCHITECTURES, PEERS } from './programs/sides.ts';
import { tierUp } from './tier-up.ts';
import { warm } from './warm.ts';
import { describe, writeReport, type Report } from './support/report.ts';
import { PROJECT_FOLDER } from './support/sides.ts';

const RUNS = 5;
const PROGRAMS = 'programs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    rootfs: { type: 'string' },
    arch: { type: 'string', default: 'both' },
    peers: { type: 'string', default: PEERS.join(',') },
    quick: { type: 'boolean', default: false },
  },
});
/** Each makes its report from a number of runs. */
const WORKLOADS: Readonly<Record<string, (runs: number) => Promise<Report>>> = {
  interpreter,
  mixed: (runs) => mixed(runs, values.rootfs ?? '/'),
  boot,
  'tier-up': tierUp,
  warm,
  browser: (runs) => browser(runs, values.quick),
  'browser-start': (runs) => browserStart(runs),
};
const runs = values.runs === undefined ? undefined : Number(values.runs);

async function comparePrograms(names: readonly string[]): Promise<void> {
  const comparisons: Comparison[] = [];
  for (const architecture of ARCHITECTURES.filter((name) => values.arch === 'both' || values.arch === name))
    comparisons.push(
      await programs(architecture, {
        names,
        peers: PEERS.filter((peer) => values.peers.split(',').includes(peer)),
        quick: values.quick,
        warmRepetitions: runs,
        machine: {},
      }),
    );
  const [first, second] = comparisons;
  const different = first === undefined || second === undefined ? [] : differentAcross(first, second);
  for (const line of different) process.stdout.write(`WRONG: ${line}\n`);
  if (different.length > 0 || comparisons.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
}

async function main(): Promise<void> {
  const all = positionals.length === 0;
  const programNames = positionals.filter((name) => name !== PROGRAMS && !(name in WORKLOADS));
  if (all || positionals.includes(PROGRAMS)) await comparePrograms([]);
  else if (programNames.length > 0) await comparePrograms(programNames);
  for (const [name, workload] of Object.entries(WORKLOADS)) {
    if (!(all && !values.quick) && !positionals.includes(name)) continue;
    const report = await workload(runs ?? RUNS);
    writeReport(join(PROJECT_FOLDER, 'build/bench'), report);
    process.stdout.write(`${describe(report)}\n`);
    if (!report.checks.every(({ passed }) => passed)) process.exitCode = 1;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
