// Compares the soft-float library with the host CPU's x87 and SSE over seeded random operands.
// Needs gcc and an x86-64 host with FMA. Result, second result and status must be equal; the
// transcendentals may be off by --ulp units in the last place, and then in C1.
// Usage: node scripts/fpu-compare.mjs [--count N] [--seed S] [--ops LIST] [--show N] [--ulp N]
//                                     [--record FILE]
//   LIST is like 0-34,52; N is per operation (default 100000); exit code 1 on a difference.
//   --record writes the host's records as text: test/fpu/native.vectors.txt was made with
//   --count 16 --seed 2024 --record test/fpu/native.vectors.txt
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileFpu, evaluateRecords } from '../test/fpu/compile.mjs';
import { blankUnwritten, difference, formatRecord, isApproximate, NAMES, RECORD_BYTES } from '../test/fpu/records.mjs';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    ops: { type: 'string', default: '0-34,40-77' },
    show: { type: 'string', default: '5' },
    ulp: { type: 'string', default: '1' },
    record: { type: 'string' },
  },
});

function parseOps(list) {
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const root = fileURLToPath(new URL('..', import.meta.url));
mkdirSync(`${root}build`, { recursive: true });
const oracle = `${root}build/fpu-oracle`;
execFileSync('gcc', ['-O1', '-o', oracle, `${root}test/fpu/native/oracle.c`]);
const fpu = await compileFpu();

let failures = 0;
const recorded = [];
for (const op of parseOps(options.ops)) {
  const tally = { total: 0, bad: 0, off: 0, worst: 0 };
  let tail = Buffer.alloc(0);
  for await (const chunk of spawn(oracle, [String(op), options.seed, options.count]).stdout) {
    const data = Buffer.concat([tail, chunk]);
    const whole = data.length - (data.length % RECORD_BYTES);
    tail = data.subarray(whole);
    const expected = new DataView(Uint8Array.from(data.subarray(0, whole)).buffer);
    const actual = new DataView(evaluateRecords(fpu, data.subarray(0, whole)).buffer);
    for (let at = 0; at < whole; at += RECORD_BYTES) {
      tally.total++;
      blankUnwritten(expected, at);
      blankUnwritten(actual, at);
      if (options.record) recorded.push(formatRecord(expected, at));
      const { ulps, status } = difference(expected, actual, at);
      if (ulps > 0) tally.off++;
      tally.worst = Math.max(tally.worst, ulps);
      if (ulps <= Number(options.ulp) && status === 0) continue;
      if (tally.bad++ < Number(options.show)) {
        console.log(`  want ${formatRecord(expected, at)}\n  got  ${formatRecord(actual, at)}`);
      }
    }
  }
  failures += tally.bad;
  const note = isApproximate(op) ? ` (${tally.off} off by up to ${tally.worst} ulp)` : '';
  console.log(`${NAMES[op]}: ${tally.total} cases, ${tally.bad} differ${note}`);
}
if (options.record) writeFileSync(options.record, `${recorded.join('\n')}\n`);
console.log(`${failures} differences`);
process.exitCode = failures === 0 ? 0 : 1;
