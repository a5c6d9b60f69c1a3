/**
 * Replays single-instruction vectors recorded on a real CPU: npm run vectors -- FILE.xv[.gz] [--tier 0|1] [--group NAME] [--failures N] [--all] [--sticky]
 * Prints counts per group, the first failures, skips by missing feature, and last `N passed, N failed, N skipped`.
 * A vector is skipped only when its instruction needs a CPUID feature that the core does not announce; --all skips none.
 * --sticky presets MXCSR's precision flag, so that arithmetic takes its fast path; instructions that load or store MXCSR are left out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { CoreDriver } from '../test/support/core-driver.ts';
import { emitOne, runEmitted } from '../test/support/emitted.ts';
import { missingFeature } from '../test/support/features.ts';
import { GROUPS, readVectors, type Vector } from '../test/support/vector-file.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tier: { type: 'string', default: '0' }, group: { type: 'string' }, failures: { type: 'string', default: '20' }, core: { type: 'string', default: 'build/core.wasm' }, all: { type: 'boolean', default: false }, sticky: { type: 'boolean', default: false } },
});
function stop(message: string): never {
  process.stderr.write(`vectors: ${message}\n`);
  process.exit(2);
}
const file = positionals[0] ?? stop('name a vector file: npm run vectors -- FILE.xv[.gz]');
if (!['0', '1'].includes(values.tier)) stop(`tier ${values.tier} does not exist yet: there is 0, the interpreter, and 1, emitted code where a form has it`);
if (!existsSync(file)) stop(`${file} is not there`);
if (!existsSync(values.core)) stop(`${values.core} is not there: run npm run build:core`);
const wanted = values.group === undefined ? undefined : GROUPS.indexOf(values.group as (typeof GROUPS)[number]);
if (wanted === -1) stop(`no group ${values.group}; there are ${GROUPS.join(', ')}`);

const raw = readFileSync(file);
const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
const driver = new CoreDriver(new WebAssembly.Module(readFileSync(values.core)));

const counts = GROUPS.map(() => ({ passed: 0, failed: 0, skipped: 0 }));
const skips = new Map<string, number>();
const failures: string[] = [];
const kinds = new Map<string, number>();
const started = performance.now();

let emitted = 0;
let redone = 0;
let withoutForm = 0;
/** Tier 1: emitted code does the instruction, or leaves it to tier 0 (a TLB miss, a fault) with nothing changed. */
function executeEmitted(): void {
  const bytes = emitOne(driver);
  if (bytes === undefined) {
    withoutForm++;
    driver.core.step();
  } else if (runEmitted(driver, bytes) === 1) emitted++;
  else {
    redone++;
    driver.core.step();
  }
}

/** Precision flag. SDM Vol. 1, 10.2.3. */
const MXCSR_PE = 0x20;
/** LDMXCSR, STMXCSR, FXSAVE and their kin, all in 0F AE (VEX: AE after the prefix). */
function accessesMxcsr(v: Vector): boolean {
  return v.code.includes(0xae);
}

function describe(v: Vector, wrong: string[]): string {
  const code = Array.from(v.code, (b) => b.toString(16).padStart(2, '0')).join(' ');
  return `#${v.index} ${GROUPS[v.group]} ${v.mode === 0 ? '64' : '32'}-bit [${code}]: ${wrong.slice(0, 4).join('; ')}`;
}

for (const v of readVectors(bytes)) {
  if (wanted !== undefined && v.group !== wanted) continue;
  if (values.sticky) {
    if (accessesMxcsr(v)) continue;
    v.initial.mxcsr |= MXCSR_PE;
    v.final.mxcsr |= MXCSR_PE;
  }
  const count = counts[v.group]!;
  let wrong: string[];
  try {
    driver.load(v);
    wrong = driver.compare(v, driver.execute(values.tier === '1' ? executeEmitted : undefined));
  } catch (e) {
    wrong = [`the core stopped: ${e instanceof Error ? e.message : String(e)}`];
  }
  if (wrong.length === 0) {
    count.passed++;
    continue;
  }
  const missing = values.all ? undefined : missingFeature(driver, v);
  if (missing !== undefined) {
    count.skipped++;
    skips.set(missing, (skips.get(missing) ?? 0) + 1);
    continue;
  }
  count.failed++;
  if (failures.length < Number(values.failures)) failures.push(describe(v, wrong));
  const kind = Array.from(v.code.subarray(0, 3), (b) => b.toString(16).padStart(2, '0')).join(' ');
  kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
}

for (const [n, c] of counts.entries()) {
  if (c.passed + c.failed + c.skipped === 0) continue;
  process.stdout.write(`${GROUPS[n]!.padEnd(14)} ${String(c.passed).padStart(6)} passed ${String(c.failed).padStart(6)} failed ${String(c.skipped).padStart(6)} skipped\n`);
}
for (const f of failures) process.stdout.write(`FAILED ${f}\n`);
for (const [feature, n] of [...skips].sort((a, b) => b[1] - a[1])) process.stdout.write(`skipped for ${feature}: ${n}\n`);
if (values.tier === '1') process.stdout.write(`instructions done by emitted code: ${emitted}, left to tier 0 by it: ${redone}, without an emitted form yet: ${withoutForm}\n`);
process.stdout.write(`in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
const sum = (k: 'passed' | 'failed' | 'skipped') => counts.reduce((t, c) => t + c[k], 0);
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
process.exit(sum('failed') === 0 ? 0 : 1);
