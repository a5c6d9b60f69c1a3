// The 64-byte test record of the soft-float library (layout: test/fpu/native/oracle.c), its text
// form, and the comparison of an expected with an actual one. Shared by the unit tests and
// scripts/fpu-compare.mjs.

export const RECORD_BYTES = 64;
/** Operation names by number; 35–39 are unused. */
export const NAMES = (
  'fadd fsub fmul fdiv fsqrt fprem fprem1 fscale fxtract frndint fcom fucom fist16 fist32 fist64 ' +
  'fisttp16 fisttp32 fisttp64 fild64 fld32 fld64 fst32 fst64 fbld fbstp fxam f2xm1 fyl2x fyl2xp1 ' +
  'fsin fcos fsincos fptan fpatan constants - - - - - addss subss mulss divss sqrtss minss maxss ' +
  'cmpss comiss ucomiss roundss fmass addsd subsd mulsd divsd sqrtsd minsd maxsd cmpsd comisd ' +
  'ucomisd roundsd fmasd cvtss2sd cvtsd2ss cvtsi32ss cvtsi64ss cvtsi32sd cvtsi64sd cvtss2si32 ' +
  'cvtss2si64 cvttss2si32 cvttss2si64 cvtsd2si32 cvtsd2si64 cvttsd2si32 cvttsd2si64'
).split(' ');

const FIRST_SSE = 40;
const APPROXIMATE = { first: 26, last: 33 };
const OPERATION = 0;
const IMMEDIATE = 1;
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
const FLAGS = 0x3f;
const FLAGS_PRE = 0x07;
const FLAGS_OE_UE = 0x18;
const C1 = 0x200;
const MXCSR_MASK_SHIFT = 7;

export const isApproximate = (op) => op >= APPROXIMATE.first && op <= APPROXIMATE.last;

const hex = (value) => value.toString(16);
const f80 = (view, lo, hi) => `${hex(view.getUint16(hi, true))}:${hex(view.getBigUint64(lo, true))}`;

/** One record as a line: name, immediate, control, a, c, b, result, second result, status, fault. */
export function formatRecord(view, at) {
  const r = new DataView(view.buffer, view.byteOffset + at, RECORD_BYTES);
  return [
    NAMES[r.getUint8(OPERATION)],
    hex(r.getUint8(IMMEDIATE)),
    hex(r.getUint16(CONTROL, true)),
    `${hex(r.getBigUint64(A_HI, true))}:${hex(r.getBigUint64(A_LO, true))}`,
    f80(r, B_LO, B_HI),
    f80(r, R_LO, R_HI),
    f80(r, R2_LO, R2_HI),
    hex(r.getUint16(STATUS, true)),
    hex(r.getUint16(FAULTED, true)),
  ].join(' ');
}

/** Writes the line that formatRecord made into a record. */
export function parseRecord(line, view, at) {
  const [name, imm, control, a, b, result, second, status, fault] = line.split(' ');
  const small = (offset, text) => view.setUint16(at + offset, Number(`0x${text}`), true);
  const large = (offset, text) => view.setBigUint64(at + offset, BigInt(`0x${text}`), true);
  view.setUint8(at + OPERATION, NAMES.indexOf(name));
  view.setUint8(at + IMMEDIATE, Number(`0x${imm}`));
  small(CONTROL, control);
  small(FAULTED, fault);
  large(A_HI, a.split(':')[0]);
  large(A_LO, a.split(':')[1]);
  small(B_HI, b.split(':')[0]);
  large(B_LO, b.split(':')[1]);
  small(R_HI, result.split(':')[0]);
  large(R_LO, result.split(':')[1]);
  small(STATUS, status);
  small(R2_HI, second.split(':')[0]);
  large(R2_LO, second.split(':')[1]);
}

/** Blanks the results that an unmasked exception keeps from being written. */
export function blankUnwritten(view, at) {
  const op = view.getUint8(at + OPERATION);
  const control = view.getUint16(at + CONTROL, true);
  const masks = op < FIRST_SSE ? control : control >> MXCSR_MASK_SHIFT;
  const unmasked = view.getUint16(at + STATUS, true) & FLAGS & ~masks;
  const store = (op >= 12 && op <= 17) || op === 21 || op === 22 || op === 24;
  const suppressing = op >= FIRST_SSE ? FLAGS : store ? FLAGS_PRE | FLAGS_OE_UE : FLAGS_PRE;
  if ((unmasked & suppressing) === 0) return;
  view.setBigUint64(at + R_LO, 0n, true);
  view.setUint16(at + R_HI, 0, true);
  view.setUint16(at + R2_HI, 0, true);
  view.setBigUint64(at + R2_LO, 0n, true);
}

/** Position of an 80-bit number on the line of all of them, so that differences count ulps. */
function ordinal(view, lo, hi) {
  const word = view.getUint16(hi, true);
  const n = (BigInt(Math.max(word & 0x7fff, 1)) << 63n) + view.getBigUint64(lo, true) - (1n << 63n);
  return (word & 0x8000) !== 0 ? -n : n;
}

/**
 * How an actual record differs from the expected one: ulps of the results (0 for equal) and the
 * status bits that differ. Any difference of an operation that is not approximate is Infinity.
 */
export function difference(expected, actual, at) {
  let equal = true;
  for (let i = 0; i < RECORD_BYTES && equal; i += 8) {
    equal = expected.getBigUint64(at + i, true) === actual.getBigUint64(at + i, true);
  }
  if (equal) return { ulps: 0, status: 0 };
  const status = expected.getUint16(at + STATUS, true) ^ actual.getUint16(at + STATUS, true);
  if (!isApproximate(expected.getUint8(at))) return { ulps: Infinity, status };
  const distance = (lo, hi) => {
    const d = ordinal(expected, at + lo, at + hi) - ordinal(actual, at + lo, at + hi);
    return Number(d < 0n ? -d : d);
  };
  return { ulps: Math.max(distance(R_LO, R_HI), distance(R2_LO, R2_HI)), status: status & ~C1 };
}
