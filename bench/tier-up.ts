/**
 * How soon V8 runs the interpreter's dispatch function as optimised code: sizes and times as V8 tells them, and the speed
 * of a guest before and after. A function that V8 gave up would stay in the baseline compiler's code for ever.
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Report } from './support/report.ts';
import type { SideResult } from './support/side.ts';
import { CORE_PATH } from './support/sides.ts';

const SIDE = fileURLToPath(new URL('support/side.js', import.meta.url));
const ROUNDS = 400;
const TIER_UP_MAX_S = 2;
const TRACE = '--trace-wasm-compilation-times';
const COMPILED = /#(\d+) using (\w+), took (\d+) (ms|μs) .*bodysize (\d+) codesize (\d+)/g;

interface Compiled {
  readonly index: number;
  readonly tier: string;
  readonly ms: number;
  readonly bodyBytes: number;
  readonly codeBytes: number;
}

async function run(flags: string[]): Promise<{ result: SideResult; compiled: Compiled[] }> {
  const job = JSON.stringify({ kind: 'crc', rounds: ROUNDS });
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, SIDE, CORE_PATH, job], {
    maxBuffer: 1 << 26,
  });
  const compiled = [...stdout.matchAll(COMPILED)].map(([, index, tier, time, unit, bodyBytes, codeBytes]) => ({
    index: Number(index),
    tier: tier!,
    ms: unit === 'ms' ? Number(time) : Number(time) / 1000,
    bodyBytes: Number(bodyBytes),
    codeBytes: Number(codeBytes),
  }));
  return { result: JSON.parse(stdout.slice(stdout.lastIndexOf('{"wallMs"'))) as SideResult, compiled };
}

const speed = ({ instructions, cpuMs }: SideResult): number => instructions / cpuMs / 1000;

export async function tierUp(runs: number): Promise<Report> {
  const traced = await run([TRACE]);
  const largest = traced.compiled.reduce<Compiled | undefined>(
    (most, one) => (one.tier === 'TurboFan' && one.bodyBytes > (most?.bodyBytes ?? 0) ? one : most),
    undefined,
  );
  const baseline: SideResult[] = [];
  const optimised: SideResult[] = [];
  const tiered: SideResult[] = [];
  for (let n = 0; n < runs; n++) {
    baseline.push((await run(['--liftoff-only'])).result);
    optimised.push((await run(['--no-liftoff'])).result);
    tiered.push((await run([])).result);
  }
  // What the tiered run lost against one that is optimised throughout, as time spent in baseline code.
  const late = tiered.map((r, n) => {
    const slow = speed(baseline[n]!);
    const fast = speed(optimised[n]!);
    return Math.max(0, (r.cpuMs - r.instructions / fast / 1000) / (1 - slow / fast) / 1000);
  });
  return {
    workload: 'tier-up',
    figures: [
      { name: 'core.wasm', unit: 'KB', values: [statSync(CORE_PATH).size / 1000] },
      ...(largest === undefined
        ? []
        : [
            { name: 'dispatch function: body', unit: 'KB', values: [largest.bodyBytes / 1000], atMost: 250 },
            { name: 'dispatch function: machine code', unit: 'KB', values: [largest.codeBytes / 1000] },
            { name: 'dispatch function: compile time', unit: 'ms', values: [largest.ms] },
          ]),
      { name: 'time in baseline code', unit: 's', values: late, atMost: TIER_UP_MAX_S },
      { name: 'speed in baseline code', unit: 'M/s', values: baseline.map(speed) },
      { name: 'speed optimised', unit: 'M/s', values: optimised.map(speed) },
    ],
    checks: [
      { name: 'V8 optimised the dispatch function', passed: largest !== undefined && largest.bodyBytes > 20_000 },
    ],
    notes: [`Node ${process.version}, V8 ${process.versions.v8}`],
  };
}
