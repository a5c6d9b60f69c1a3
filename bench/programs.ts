/**
 * The programs of bench/guest on the host, on Vivarium and on its peers, all with one kernel and initramfs: slowdown over
 * native by program and kind. Writes programs-<architecture>.json and .svg.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, type Comparison } from './programs/comparison.ts';
import { measure, type Measurement } from './programs/measure.ts';
import type { ProgramName } from './programs/protocol.ts';
import { plot } from './programs/plot.ts';
import { sidesFor, type Architecture, type PeerName, type ProgramFiles } from './programs/sides.ts';
import { table } from './programs/table.ts';
import type { SideOptions } from './programs/vivarium.ts';
import { CORE_PATH, PROJECT_FOLDER } from './support/sides.ts';

/** What scripts/bench.mjs leaves for us. */
const ASSETS = `${PROJECT_FOLDER}/build/bench-assets.json`;
const SHARED_MEMORY = '/dev/shm'; // a tmpfs on Linux
const WARM_REPETITIONS = 6;
const BOOTS = 3;
const QUICK_REPETITIONS = 2;
const QUICK_BOOTS = 1;
/** One of each kind, for a look while working. */
const QUICK_PROGRAMS = ['crc32', 'sort', 'rewritten', 'elimination-x87', 'filter', 'memcpy', 'fork-exec', 'gzip'];

export interface ProgramsOptions {
  /** Of programs or kinds; none means all. */
  readonly names: readonly string[];
  readonly peers: readonly PeerName[];
  readonly quick: boolean;
  readonly warmRepetitions?: number | undefined;
  /** What our machine is made with besides the usual; where a choice of tiers belongs. */
  readonly machine: SideOptions;
}

/** Whoever called us meant something else. */
export class UsageError extends Error {}

/** Numbers of the programs that the options name. */
function chosen({ names, quick }: ProgramsOptions, programs: readonly ProgramName[]): number[] {
  const wanted = names.length > 0 ? names : quick ? QUICK_PROGRAMS : programs.map(({ name }) => name);
  const unknown = wanted.filter((word) => !programs.some(({ kind, name }) => word === kind || word === name));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no workload, kind or program ${unknown.join(', ')}: there are ${programs.map(({ name }) => name).join(', ')}`,
    );
  return [...programs.keys()].filter((n) => wanted.includes(programs[n]!.kind) || wanted.includes(programs[n]!.name));
}

export async function programs(architecture: Architecture, options: ProgramsOptions): Promise<Comparison> {
  const files = (JSON.parse(readFileSync(ASSETS, 'utf8')) as Partial<Record<Architecture, ProgramFiles>>)[architecture];
  if (files === undefined)
    throw new Error(`there is no guest for ${architecture}: npm run bench -- --arch ${architecture}`);
  const warmRepetitions = options.warmRepetitions ?? (options.quick ? QUICK_REPETITIONS : WARM_REPETITIONS);
  const folder = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'vivarium-bench-'));
  try {
    const { sides, absences } = sidesFor({
      architecture,
      files,
      core: CORE_PATH,
      folder,
      peers: options.peers,
      options: options.machine,
    });
    const measurement = await measure({
      sides,
      boots: options.quick ? QUICK_BOOTS : BOOTS,
      warmRepetitions,
      choose: (all) => chosen(options, all),
      onProgress: (text) => void process.stderr.write(`${architecture}: ${text}\n`),
    });
    const comparison = compare(architecture, warmRepetitions, measurement, absences);
    write(comparison, measurement);
    process.stdout.write(`${table(comparison)}\n`);
    return comparison;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function write(comparison: Comparison, measurement: Measurement): void {
  const folder = `${PROJECT_FOLDER}/build/bench`;
  mkdirSync(folder, { recursive: true });
  const about = {
    date: new Date().toISOString(),
    node: process.version,
    processor: cpus()[0]?.model,
    cores: cpus().length,
  };
  const asObject = (_key: string, value: unknown): unknown =>
    value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value;
  const path = join(folder, `programs-${comparison.architecture}`);
  writeFileSync(`${path}.json`, `${JSON.stringify({ ...about, ...comparison, measurement }, asObject, 2)}\n`);
  writeFileSync(`${path}.svg`, plot(comparison));
}
