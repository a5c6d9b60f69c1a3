// Compares the soft-float library with the host CPU's x87 and SSE over seeded random operands.
// Needs gcc and an x86-64 host with FMA. Judges nothing by itself but equality of result, second
// result and status; the transcendentals may differ by a stated number of units in the last place.
// Usage: node scripts/fpu-compare.mjs [--count N] [--seed S] [--ops LIST] [--show N] [--ulp N]
//   LIST is like 0-34,52; N is per operation (default 100000); exit code 1 on a difference.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileFpu, RECORD_BYTES } from '../test/fpu/support.mjs';

const NAMES = (
  'fadd fsub fmul fdiv fsqrt fprem fprem1 fscale fxtract frndint fcom fucom fist16 fist32 fist64 ' +
  'fisttp16 fisttp32 fisttp64 fild64 fld32 fld64 fst32 fst64 fbld fbstp fxam f2xm1 fyl2x fyl2xp1 ' +
  'fsin fcos fsincos fptan fpatan constants - - - - - addss subss mulss divss sqrtss minss maxss ' +
  'cmpss comiss ucomiss roundss fmass addsd subsd mulsd divsd sqrtsd minsd maxsd cmpsd comisd ' +
  'ucomisd roundsd fmasd cvtss2sd cvtsd2ss cvtsi32ss cvtsi64ss cvtsi32sd cvtsi64sd cvtss2si32 ' +
  'cvtss2si64 cvttss2si32 cvttss2si64 cvtsd2si32 cvtsd2si64 cvttsd2si32 cvttsd2si64'
).split(' ');
const FIRST_SSE = 40;
const APPROXIMATE = { first: 26, last: 33 };
/** Offsets within a record; see test/fpu/native/oracle.c. */
const CONTROL = 2;
const FAULTED = 4;
const A_LO = 8;
const A_HI = 16;
const B_LO = 24;
const B_HI = 32;
const R_LO = 40;
const R_HI = 48;
const STATUS = 50;
const R2_HI = 54;
const R2_LO = 56;
const FLAGS_PRE = 7;
const FLAGS_OE_UE = 0x18;
const C1 = 0x200;

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    ops: { type: 'string', default: '0-34,40-77' },
    show: { type: 'string', default: '5' },
    ulp: { type: 'string', default: '1' },
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
const { instance } = await compileFpu();
const { memory, scratch, evaluate } = instance.exports;

/** Distance of two 80-bit numbers of one sign in units in the last place. */
function ulps(loA, hiA, loB, hiB) {
  if (loA === loB && hiA === hiB) return 0;
  const line = (lo, hi) => {
    const exp = BigInt(Math.max(hi & 0x7fff, 1));
    const n = (exp << 63n) + lo - (1n << 63n);
    return hi & 0x8000 ? -n : n;
  };
  const d = line(loA, hiA) - line(loB, hiB);
  return Number(d < 0n ? -d : d);
}

const describe = (d, at) => {
  const hex = (v, n) => v.toString(16).padStart(n, '0');
  const f80 = (lo, hi) => `${hex(d.getUint16(at + hi, true), 4)}:${hex(d.getBigUint64(at + lo, true), 16)}`;
  return (
    `imm ${d.getUint8(at + 1)} cw ${hex(d.getUint16(at + CONTROL, true), 4)} a ${f80(A_LO, A_HI)}` +
    ` b ${f80(B_LO, B_HI)} -> ${f80(R_LO, R_HI)} ${f80(R2_LO, R2_HI)}` +
    ` status ${hex(d.getUint16(at + STATUS, true), 4)} fault ${d.getUint16(at + FAULTED, true)}`
  );
};

/** Blanks what has no defined value: the result of a faulting operation. */
function normalise(d, at) {
  const op = d.getUint8(at);
  const control = d.getUint16(at + CONTROL, true);
  const status = d.getUint16(at + STATUS, true);
  const masks = op < FIRST_SSE ? control : control >> 7;
  const unmasked = status & 0x3f & ~masks;
  const store = (op >= 12 && op <= 17) || op === 21 || op === 22 || op === 24;
  const nothingWritten =
    op >= FIRST_SSE ? unmasked !== 0 : unmasked & FLAGS_PRE || (store && unmasked & FLAGS_OE_UE);
  if (nothingWritten) {
    d.setBigUint64(at + R_LO, 0n, true);
    d.setUint16(at + R_HI, 0, true);
    d.setUint16(at + R2_HI, 0, true);
    d.setBigUint64(at + R2_LO, 0n, true);
  }
}

function differs(expected, actual, at, tally) {
  let equal = true;
  for (let i = 0; i < RECORD_BYTES && equal; i += 8) {
    equal = expected.getBigUint64(at + i, true) === actual.getBigUint64(at + i, true);
  }
  if (equal) return false;
  const op = expected.getUint8(at);
  if (op < APPROXIMATE.first || op > APPROXIMATE.last) return true;
  const distance = (lo, hi) =>
    ulps(
      expected.getBigUint64(at + lo, true), expected.getUint16(at + hi, true),
      actual.getBigUint64(at + lo, true), actual.getUint16(at + hi, true),
    );
  const worst = Math.max(distance(R_LO, R_HI), distance(R2_LO, R2_HI));
  const statusDiffers =
    (expected.getUint16(at + STATUS, true) ^ actual.getUint16(at + STATUS, true)) & ~C1;
  if (worst > Number(options.ulp) || statusDiffers) return true;
  tally.worst = Math.max(tally.worst, worst);
  if (worst > 0) tally.off++;
  else tally.c1++;
  return false;
}

let failures = 0;
for (const op of parseOps(options.ops)) {
  const child = spawn(oracle, [String(op), options.seed, options.count]);
  const tally = { worst: 0, off: 0, c1: 0 };
  let bad = 0;
  let total = 0;
  let tail = Buffer.alloc(0);
  for await (const chunk of child.stdout) {
    const data = Buffer.concat([tail, chunk]);
    const count = Math.floor(data.length / RECORD_BYTES);
    tail = data.subarray(count * RECORD_BYTES);
    const expectedBytes = Uint8Array.from(data.subarray(0, count * RECORD_BYTES));
    const address = scratch(count);
    const actualBytes = new Uint8Array(memory.buffer, address, count * RECORD_BYTES);
    actualBytes.set(expectedBytes);
    evaluate(address, count);
    const expected = new DataView(expectedBytes.buffer);
    const actual = new DataView(memory.buffer, address, count * RECORD_BYTES);
    for (let i = 0; i < count; i++) {
      const at = i * RECORD_BYTES;
      normalise(expected, at);
      normalise(actual, at);
      if (!differs(expected, actual, at, tally)) continue;
      if (bad++ < Number(options.show)) {
        console.log(`  want ${describe(expected, at)}\n  got  ${describe(actual, at)}`);
      }
    }
    total += count;
  }
  failures += bad;
  const approximate = op >= APPROXIMATE.first && op <= APPROXIMATE.last;
  const note = approximate ? ` (${tally.off} off by up to ${tally.worst} ulp, ${tally.c1} by C1 only)` : '';
  console.log(`${NAMES[op]}: ${total} cases, ${bad} differ${note}`);
}
console.log(`${failures} differences`);
process.exitCode = failures === 0 ? 0 : 1;
