/** From nothing to a container's end, as a user meets it: `viv run` from a booted guest in the cache, and from a boot, in turn. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import type { Report } from './support/report.ts';
import { PROJECT_FOLDER } from './support/sides.ts';

/** What a warm run should take at most. */
const WARM_SECONDS_MAX = 1;
const VIV = join(PROJECT_FOLDER, 'bin/viv.mjs');
const COMMAND = ['busybox', 'echo', 'here'];
/** Where it names a file of certificates, Node reads that before anything of ours: 80 ms on a slow machine. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

interface Timed {
  readonly seconds: number;
  readonly output: string;
}

async function timed(options: readonly string[]): Promise<Timed> {
  const start = performance.now();
  const words = ['--', VIV, 'run', '--rm', ...options, ...COMMAND];
  const { stdout } = await promisify(execFile)(process.execPath, words, { env: ENVIRONMENT });
  return { seconds: (performance.now() - start) / 1000, output: stdout };
}

export async function warm(runs: number): Promise<Report> {
  await timed([]); // leaves a booted guest in the cache
  const sides = { warm: [] as Timed[], cold: [] as Timed[], interpreted: [] as Timed[] };
  for (let n = 0; n < runs; n++) {
    sides.warm.push(await timed([]));
    sides.cold.push(await timed(['--no-warm']));
    sides.interpreted.push(await timed(['--no-warm', '--tier', '0']));
  }
  const seconds = (side: readonly Timed[]): number[] => side.map((run) => run.seconds);
  return {
    workload: 'warm',
    figures: [
      { name: 'warm', unit: 's', atMost: WARM_SECONDS_MAX, values: seconds(sides.warm) },
      { name: 'cold', unit: 's', values: seconds(sides.cold) },
      { name: 'cold, interpreted', unit: 's', values: seconds(sides.interpreted) },
      { name: 'cold / warm', unit: 'times', values: sides.cold.map((run, n) => run.seconds / sides.warm[n]!.seconds) },
    ],
    checks: [
      {
        name: 'every run prints its line',
        passed: [...sides.warm, ...sides.cold, ...sides.interpreted].every(({ output }) => output === 'here\n'),
      },
    ],
    notes: [],
  };
}
