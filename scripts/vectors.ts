/**
 * Replays single-instruction vectors recorded on a real CPU (docs/vectors.md): npm run vectors -- FILE.xv[.gz]
 *   [--tier 0|1|mixed] [--seed N] [--group NAME] [--failures N] [--all] [--sticky] [--core FILE]
 * Prints counts per group, the first failures, skips by missing feature, and last `N passed, N failed, N skipped`.
 * A vector is skipped only when its instruction needs a CPUID feature that the core does not announce; --all skips none.
 * --tier mixed takes translated code for vectors of even index and tier 0 for the others, or as --seed chooses.
 * --sticky presets MXCSR's precision flag, so that arithmetic takes its fast path; instructions that load or store MXCSR are left out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { CoreDriver } from '../test/support/core-driver.ts';
import { Replayer, type Tier, type Verdict } from '../test/support/replay.ts';
import { GROUPS, readVectors, type Vector } from '../test/support/vector-file.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tier: { type: 'string', default: '0' },
    seed: { type: 'string' },
    group: { type: 'string' },
    failures: { type: 'string', default: '20' },
    core: { type: 'string', default: 'build/core.wasm' },
    all: { type: 'boolean', default: false },
    sticky: { type: 'boolean', default: false },
  },
});
function stop(message: string): never {
  process.stderr.write(`vectors: ${message}\n`);
  process.exit(2);
}
const file = positionals[0] ?? stop('name a vector file: npm run vectors -- FILE.xv[.gz]');
if (!['0', '1', 'mixed'].includes(values.tier))
  stop(`no tier ${values.tier}: there is 0, the interpreter, 1, translated code, and mixed`);
const tier = values.tier as Tier;
if (values.seed !== undefined && (tier !== 'mixed' || !/^\d+$/.test(values.seed)))
  stop('--seed takes a whole number, and goes with --tier mixed');
if (!existsSync(file)) stop(`${file} is not there`);
if (!existsSync(values.core)) stop(`${values.core} is not there: run npm run build:core`);
const wanted = values.group === undefined ? undefined : GROUPS.indexOf(values.group as (typeof GROUPS)[number]);
if (wanted === -1) stop(`no group ${values.group}; there are ${GROUPS.join(', ')}`);

function readBytes(path: string): Uint8Array {
  try {
    const raw = readFileSync(path);
    return raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  } catch (e) {
    return stop(`${path} can't be read: ${(e as Error).message}`);
  }
}
const bytes = readBytes(file);
const driver = new CoreDriver(new WebAssembly.Module(readFileSync(values.core)));
const replayer = new Replayer(driver, {
  tier,
  seed: values.seed === undefined ? undefined : Number(values.seed),
  all: values.all,
});

const counts = GROUPS.map(() => ({ passed: 0, failed: 0, skipped: 0 }));
const skips = new Map<string, number>();
const failures: string[] = [];
const started = performance.now();

/** Precision flag. SDM Vol. 1, 10.2.3. */
const MXCSR_PE = 0x20;
/** LDMXCSR, STMXCSR, FXSAVE and their kin, all in 0F AE (VEX: AE after the prefix). */
function accessesMxcsr(v: Vector): boolean {
  return v.code.includes(0xae);
}

function describe(v: Vector, wrong: readonly string[]): string {
  const code = Array.from(v.code, (b) => b.toString(16).padStart(2, '0')).join(' ');
  return `#${v.index} ${GROUPS[v.group]} ${v.mode === 0 ? '64' : '32'}-bit [${code}]: ${wrong.slice(0, 4).join('; ')}`;
}

function count(v: Vector, verdict: Verdict): void {
  counts[v.group]![verdict.kind]++;
  if (verdict.kind === 'skipped') skips.set(verdict.feature, (skips.get(verdict.feature) ?? 0) + 1);
  if (verdict.kind === 'failed' && failures.length < Number(values.failures)) failures.push(describe(v, verdict.wrong));
}
try {
  for (const v of readVectors(bytes)) {
    if (wanted !== undefined && v.group !== wanted) continue;
    if (values.sticky) {
      if (accessesMxcsr(v)) continue;
      v.initial.mxcsr |= MXCSR_PE;
      v.final.mxcsr |= MXCSR_PE;
    }
    count(v, replayer.replay(v));
  }
} catch (e) {
  stop(`${file} is broken: ${(e as Error).message}`);
}

for (const [n, c] of counts.entries()) {
  if (c.passed + c.failed + c.skipped === 0) continue;
  process.stdout.write(
    `${GROUPS[n]!.padEnd(14)} ${String(c.passed).padStart(6)} passed ${String(c.failed).padStart(6)} failed ${String(c.skipped).padStart(6)} skipped\n`,
  );
}
for (const f of failures) process.stdout.write(`FAILED ${f}\n`);
for (const [feature, n] of [...skips].sort((a, b) => b[1] - a[1]))
  process.stdout.write(`skipped for ${feature}: ${n}\n`);
const { translated, left, interpreted } = replayer.counts;
if (tier !== '0')
  process.stdout.write(
    `instructions done by translated code: ${translated}, left to tier 0 by it: ${left}, not translated: ${interpreted}\n`,
  );
process.stdout.write(`in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
const sum = (k: 'passed' | 'failed' | 'skipped') => counts.reduce((t, c) => t + c[k], 0);
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
process.exit(sum('failed') === 0 ? 0 : 1);
