/**
 * The fast path of SSE arithmetic against the exact one. The same instruction runs twice: with MXCSR's precision flag set,
 * which permits the fast path, and with it clear, which does not. Results and the other flags must be the same.
 */
import { describe, expect, it } from 'vitest';
import * as L from '../../assembly/layout.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { coreModule } from '../support/core-module.ts';
import { Operands } from '../support/float-operands.ts';
import type { CpuState, Vector } from '../support/vector-file.ts';

const RIP = 0x10000000n;
const MASKED = 0x1f80;
const PE = 0x20;
const UE = 0x10;
const IE = 0x01;
const ROUND_UP = 0x4000;
const FLUSH_TO_ZERO = 0x8000;
const DENORMALS_ARE_ZERO = 0x40;
const PAIRS = 4000;

const OPERATIONS: [name: string, byte: number][] = [
  ['SQRT', 0x51],
  ['ADD', 0x58],
  ['MUL', 0x59],
  ['SUB', 0x5c],
  ['MIN', 0x5d],
  ['DIV', 0x5e],
  ['MAX', 0x5f],
];
const KINDS: [name: string, prefix: number[], bits: 32 | 64][] = [
  ['PS', [], 32],
  ['PD', [0x66], 64],
  ['SS', [0xf3], 32],
  ['SD', [0xf2], 64],
];
const XMM0_XMM1 = 0xc1;
const FORMS: [name: string, code: number[], bits: 32 | 64][] = [
  ...OPERATIONS.flatMap(([name, byte]) =>
    KINDS.map(([kind, prefix, bits]): [string, number[], 32 | 64] => [
      name + kind,
      [...prefix, 0x0f, byte, XMM0_XMM1],
      bits,
    ]),
  ),
  ['HADDPS', [0xf2, 0x0f, 0x7c, XMM0_XMM1], 32],
  ['HADDPD', [0x66, 0x0f, 0x7c, XMM0_XMM1], 64],
  ['HSUBPS', [0xf2, 0x0f, 0x7d, XMM0_XMM1], 32],
  ['HSUBPD', [0x66, 0x0f, 0x7d, XMM0_XMM1], 64],
  ['CVTSD2SS', [0xf2, 0x0f, 0x5a, XMM0_XMM1], 64],
  ['CVTSS2SD', [0xf3, 0x0f, 0x5a, XMM0_XMM1], 32],
  ['ADDSUBPS', [0xf2, 0x0f, 0xd0, XMM0_XMM1], 32],
  ['ADDSUBPD', [0x66, 0x0f, 0xd0, XMM0_XMM1], 64],
  ['ROUNDPS by MXCSR', [0x66, 0x0f, 0x3a, 0x08, XMM0_XMM1, 4], 32],
  ...['nearest', 'down', 'up', 'to zero'].flatMap((how, imm): [string, number[], 32 | 64][] => [
    [`ROUNDPS ${how}`, [0x66, 0x0f, 0x3a, 0x08, XMM0_XMM1, imm], 32],
    [`ROUNDPD ${how}`, [0x66, 0x0f, 0x3a, 0x09, XMM0_XMM1, imm], 64],
    [`ROUNDSS ${how}`, [0x66, 0x0f, 0x3a, 0x0a, XMM0_XMM1, imm], 32],
    [`ROUNDSD ${how}`, [0x66, 0x0f, 0x3a, 0x0b, XMM0_XMM1, imm], 64],
  ]),
  ['CVTPD2PS', [0x66, 0x0f, 0x5a, XMM0_XMM1], 64],
  ['CVTPS2DQ', [0x66, 0x0f, 0x5b, XMM0_XMM1], 32],
  ['CVTPD2DQ', [0xf2, 0x0f, 0xe6, XMM0_XMM1], 64],
  ['CVTTPD2DQ', [0x66, 0x0f, 0xe6, XMM0_XMM1], 64],
  ['CVTDQ2PS', [0x0f, 0x5b, XMM0_XMM1], 32],
  ['CVTTPS2DQ', [0xf3, 0x0f, 0x5b, XMM0_XMM1], 32],
  // The general register that takes the integer goes back to XMM0, so that it is compared too.
  ['CVTSD2SI', [0xf2, 0x0f, 0x2d, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 64],
  ['CVTTSD2SI', [0xf2, 0x0f, 0x2c, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 64],
  ['CVTSS2SI', [0xf3, 0x0f, 0x2d, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 32],
  ['CVTTSS2SI', [0xf3, 0x0f, 0x2c, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 32],
  ['CVTTSD2SI r64', [0xf2, 0x48, 0x0f, 0x2c, XMM0_XMM1, 0x66, 0x48, 0x0f, 0x6e, 0xc0], 64],
  ['CVTSI2SD r64', [0x66, 0x48, 0x0f, 0x7e, 0xc8, 0xf2, 0x48, 0x0f, 0x2a, 0xc0], 64],
  ['CVTSI2SS r64', [0x66, 0x48, 0x0f, 0x7e, 0xc8, 0xf3, 0x48, 0x0f, 0x2a, 0xc0], 64],
];

function stateAt(rip: bigint): CpuState {
  return {
    gpr: Array.from({ length: 16 }, () => 0n),
    rip,
    eflags: 0x202,
    mxcsr: MASKED,
    x87: { fcw: 0x37f, fsw: 0, tag: 0, st: new Uint8Array(80) },
    ymm: new Uint8Array(512),
  };
}
/** A driver with the instruction in place. */
function driverFor(code: number[]): CoreDriver {
  const driver = new CoreDriver(coreModule());
  const state = stateAt(RIP);
  const vector: Vector = {
    index: 0,
    mode: 0,
    group: 0,
    exception: undefined,
    approx: 0,
    code: Uint8Array.from(code),
    errorCode: 0,
    cr2: 0n,
    eflagsMask: 0,
    fswMask: 0,
    initial: state,
    final: state,
    memory: [],
    changed: [],
  };
  driver.load(vector);
  return driver;
}
/** XMM0 and MXCSR after the instructions before `end` (the first one, if not given). */
function run(
  driver: CoreDriver,
  a: Uint8Array,
  b: Uint8Array,
  mxcsr: number,
  end = RIP + 1n,
): { result: string; mxcsr: number } {
  driver.bytes.set(a, L.XMM);
  driver.bytes.set(b, L.XMM + 32);
  driver.view.setUint32(L.MXCSR, mxcsr, true);
  driver.view.setBigUint64(L.RIP, RIP, true);
  while (driver.view.getBigUint64(L.RIP, true) < end) driver.core.step();
  return {
    result: Buffer.from(driver.bytes.slice(L.XMM, L.XMM + 16)).toString('hex'),
    mxcsr: driver.view.getUint32(L.MXCSR, true),
  };
}
/** The first operands on which the two paths differ. */
function firstDifference(code: number[], bits: 32 | 64, control: number): string | undefined {
  const driver = driverFor(code);
  const operands = new Operands(bits, 0x5eed + code.length * 256 + code[code.length - 2]!);
  for (let n = 0; n < PAIRS; n++) {
    const { a, b } = operands.next();
    const fast = run(driver, a, b, control | PE, RIP + BigInt(code.length));
    const exact = run(driver, a, b, control, RIP + BigInt(code.length));
    if (fast.result !== exact.result || fast.mxcsr !== (exact.mxcsr | PE)) {
      return `${Buffer.from(a).toString('hex')} ${Buffer.from(b).toString('hex')}: ${JSON.stringify(fast)} should be ${JSON.stringify(exact)}`;
    }
  }
  return undefined;
}

describe('SSE arithmetic with the precision flag already set', () => {
  it.each(FORMS)('%s gives the bits and flags of the exact path', (_name, code, bits) => {
    expect(firstDifference(code, bits, MASKED)).toBeUndefined();
  });
  it('does not take the fast path when rounding is directed', () => {
    expect(firstDifference([0xf2, 0x0f, 0x5e, XMM0_XMM1], 64, MASKED | ROUND_UP)).toBeUndefined();
  });
  it('does not take the fast path when denormals are flushed', () => {
    expect(firstDifference([0x0f, 0x59, XMM0_XMM1], 32, MASKED | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO)).toBeUndefined();
  });
  it.each([
    ['CVTTPS2DQ', [0xf3, 0x0f, 0x5b, XMM0_XMM1], 32],
    ['CVTTPD2DQ', [0x66, 0x0f, 0xe6, XMM0_XMM1], 64],
    ['CVTTSD2SI', [0xf2, 0x0f, 0x2c, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 64],
    ['ROUNDPS down', [0x66, 0x0f, 0x3a, 0x08, XMM0_XMM1, 1], 32],
    ['ROUNDPS by MXCSR', [0x66, 0x0f, 0x3a, 0x08, XMM0_XMM1, 4], 32],
    ['CVTSD2SI', [0xf2, 0x0f, 0x2d, XMM0_XMM1, 0x66, 0x0f, 0x6e, 0xc0], 64],
  ] as [string, number[], 32 | 64][])('%s rounds its own way, or as MXCSR says', (_name, code, bits) => {
    const control = MASKED | ROUND_UP | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO;

    expect(firstDifference(code, bits, control)).toBeUndefined();
  });
  it('reports underflow when a tiny product is rounded up to the least normal double', () => {
    const driver = driverFor([0xf2, 0x0f, 0x59, XMM0_XMM1]);
    const a = new Uint8Array(new BigUint64Array([0x3fefffffffffffffn, 0n]).buffer);
    const b = new Uint8Array(new BigUint64Array([0x0010000000000000n, 0n]).buffer);
    expect(run(driver, a, b, MASKED | PE)).toEqual({
      result: '00000000000010000000000000000000',
      mxcsr: MASKED | PE | UE,
    });
  });
  it('reports underflow when a tiny product is rounded up to the least normal single', () => {
    const driver = driverFor([0xf3, 0x0f, 0x59, XMM0_XMM1]);
    const a = new Uint8Array(new Uint32Array([0x3f7fffff, 0, 0, 0]).buffer);
    const b = new Uint8Array(new Uint32Array([0x00800000, 0, 0, 0]).buffer);
    expect(run(driver, a, b, MASKED | PE)).toEqual({
      result: '00008000000000000000000000000000',
      mxcsr: MASKED | PE | UE,
    });
  });
  it('rounds 1/3 up when MXCSR says so', () => {
    const driver = driverFor([0xf2, 0x0f, 0x5e, XMM0_XMM1]);
    const a = new Uint8Array(new Float64Array([1, 0]).buffer);
    const b = new Uint8Array(new Float64Array([3, 0]).buffer);
    expect(run(driver, a, b, MASKED | PE | ROUND_UP).result).toBe('565555555555d53f0000000000000000');
  });
  it('leaves a NaN with the payload of the first operand, quieted', () => {
    const driver = driverFor([0xf2, 0x0f, 0x58, XMM0_XMM1]);
    const a = new Uint8Array(new BigUint64Array([0x7ff0000000001234n, 0n]).buffer);
    const b = new Uint8Array(new BigUint64Array([0xfff8000000005678n, 0n]).buffer);
    expect(run(driver, a, b, MASKED | PE)).toEqual({
      result: '341200000000f87f0000000000000000',
      mxcsr: MASKED | PE | IE,
    });
  });
});
