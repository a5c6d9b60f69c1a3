/** Random numbers that are interesting to instructions, integer and floating point. */
import type { Random } from './random.ts';

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  3,
  1e10,
  -1e-10,
  1e300,
  1e-310,
  65504,
  2147483648,
  -2147483648.5,
  Infinity,
  -Infinity,
  NaN,
];
const FACTOR_MAX = 1000;
const F80_BIAS = 0x3fff;

/** 64 bits: an edge, or random ones, of which the upper ones may be zero. */
export function random64(random: Random): bigint {
  const whole = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return random.pick([random.pick(EDGES), whole, whole & 0xffffffffn, whole & 0xffn]);
}

/** Random bytes, with f32, f64, integers and f80 in some pieces of 16. */
export function fillValues(random: Random, bytes: Uint8Array): void {
  random.fill(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const float = () => random.pick(FLOATS) * (random.chance(0.5) ? 1 : random.below(FACTOR_MAX));
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const kind = random.below(6);
    if (kind === 0) for (let n = 0; n < 16; n += 4) view.setFloat32(at + n, float(), true);
    else if (kind === 1) for (let n = 0; n < 16; n += 8) view.setFloat64(at + n, float(), true);
    else if (kind === 2) for (let n = 0; n < 16; n += 8) view.setBigUint64(at + n, random64(random), true);
    else if (kind === 3) {
      // f80 near one, with its integer bit
      view.setUint8(at + 7, view.getUint8(at + 7) | 0x80);
      view.setUint16(at + 8, (random.below(2) << 15) | (F80_BIAS + random.below(100) - 50), true);
    }
  }
}
