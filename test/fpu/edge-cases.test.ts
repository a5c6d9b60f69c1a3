/** Special values and exceptions of the soft-float library, by the manual (SDM Vol. 1, ch. 4 and 8). */
import { beforeAll, describe, expect, test } from 'vitest';
import { calculate, FCW_DEFAULT, MXCSR_DEFAULT, type Outcome } from './calculate.ts';
import { compileFpu, type FpuExports } from './compile.mjs';

const IE = 0x01;
const DE = 0x02;
const ZE = 0x04;
const OE = 0x08;
const UE = 0x10;
const PE = 0x20;
const C0 = 0x100;
const C1 = 0x200;
const C2 = 0x400;
const C3 = 0x4000;

const RC_DOWN = 0x400;
const RC_UP = 0x800;
const PC_SINGLE = 0x300;
const UNMASK_OE = 0x08;
const UNMASK_UE = 0x10;
const UNMASK_ZE = 0x04;
const MXCSR_DAZ = 0x40;
const MXCSR_FTZ = 0x8000;
const MXCSR_UNMASK_UE = 0x800;

const ONE = '3fff:8000000000000000';
const TWO = '4000:8000000000000000';
const THREE = '4000:c000000000000000';
const INFINITY = '7fff:8000000000000000';
const INDEFINITE = 'ffff:c000000000000000';
const LARGEST = '7ffe:ffffffffffffffff';
const SMALLEST_NORMAL = '1:8000000000000000';
const SMALLEST_DENORMAL = '0:1';
const UNNORMAL = '3fff:4000000000000000';
const PSEUDO_DENORMAL = '0:8000000000000000';
const SNAN = '7fff:a000000000000001';
const SNAN_QUIETED = '7fff:e000000000000001';
const QNAN = '7fff:c000000000000002';

let fpu: FpuExports;

beforeAll(async () => {
  fpu = await compileFpu();
}, 60_000);

function x87(name: string, a: string, b?: string, control = FCW_DEFAULT): Outcome {
  return calculate(fpu, name, control, a, b);
}

function sse(name: string, a: string, b?: string, control = MXCSR_DEFAULT, imm = 0): Outcome {
  return calculate(fpu, name, control, `0:${a}`, `0:${b ?? '0'}`, imm);
}

describe('x87 arithmetic', () => {
  test('1 + 2 is 3, exactly', () => {
    expect(x87('fadd', ONE, TWO)).toMatchObject({ result: THREE, status: 0 });
  });

  test('1 − 1 is −0 when rounding down', () => {
    expect(x87('fsub', ONE, ONE, FCW_DEFAULT | RC_DOWN)).toMatchObject({ result: '8000:0', status: 0 });
  });

  test('1 / 3 is rounded up to nearest and says so in C1', () => {
    expect(x87('fdiv', ONE, THREE)).toMatchObject({ result: '3ffd:aaaaaaaaaaaaaaab', status: PE | C1 });
  });

  test('1 / 3 keeps 24 bits under single precision control', () => {
    const outcome = x87('fdiv', ONE, THREE, FCW_DEFAULT & ~PC_SINGLE);
    expect(outcome).toMatchObject({ result: '3ffd:aaaaab0000000000', status: PE | C1 });
  });

  test('2 / 0 is infinity with ZE', () => {
    expect(x87('fdiv', TWO, '8000:0')).toMatchObject({ result: 'ffff:8000000000000000', status: ZE });
  });

  test('a denormal over zero raises ZE alone', () => {
    expect(x87('fdiv', SMALLEST_DENORMAL, '0:0')).toMatchObject({ result: INFINITY, status: ZE });
  });

  test('an unmasked ZE leaves no result', () => {
    const outcome = x87('fdiv', TWO, '0:0', FCW_DEFAULT & ~UNMASK_ZE);
    expect(outcome).toMatchObject({ result: '0:0', status: ZE });
  });

  test('0 / 0 is the real indefinite', () => {
    expect(x87('fdiv', '0:0', '0:0')).toMatchObject({ result: INDEFINITE, status: IE });
  });

  test('infinity − infinity is invalid', () => {
    expect(x87('fsub', INFINITY, INFINITY)).toMatchObject({ result: INDEFINITE, status: IE });
  });

  test('an unnormal is invalid', () => {
    expect(x87('fadd', UNNORMAL, ONE)).toMatchObject({ result: INDEFINITE, status: IE });
  });

  test('a pseudo-denormal counts as the smallest normal number, with DE', () => {
    expect(x87('fadd', PSEUDO_DENORMAL, '0:0')).toMatchObject({ result: SMALLEST_NORMAL, status: DE });
  });

  test('a signalling NaN is quieted with IE', () => {
    expect(x87('fmul', SNAN, ONE)).toMatchObject({ result: SNAN_QUIETED, status: IE });
  });

  test('a quiet NaN wins over a signalling one', () => {
    expect(x87('fmul', SNAN, QNAN)).toMatchObject({ result: QNAN, status: IE });
  });

  test('of two quiet NaNs the larger significand wins', () => {
    const outcome = x87('fadd', QNAN, 'ffff:d000000000000000');
    expect(outcome).toMatchObject({ result: 'ffff:d000000000000000', status: 0 });
  });

  test('masked overflow to nearest is infinity, rounded up', () => {
    expect(x87('fadd', LARGEST, LARGEST)).toMatchObject({ result: INFINITY, status: OE | PE | C1 });
  });

  test('masked overflow rounding down is the largest number', () => {
    const outcome = x87('fadd', LARGEST, LARGEST, FCW_DEFAULT | RC_DOWN);
    expect(outcome).toMatchObject({ result: LARGEST, status: OE | PE });
  });

  test('unmasked overflow delivers the exponent less 24576', () => {
    const outcome = x87('fadd', LARGEST, LARGEST, FCW_DEFAULT & ~UNMASK_OE);
    expect(outcome).toMatchObject({ result: '1fff:ffffffffffffffff', status: OE });
  });

  test('an exact denormal result raises no masked underflow', () => {
    const outcome = x87('fdiv', SMALLEST_NORMAL, TWO);
    expect(outcome).toMatchObject({ result: '0:4000000000000000', status: 0 });
  });

  test('an exact denormal result raises an unmasked underflow and is delivered scaled', () => {
    const outcome = x87('fdiv', SMALLEST_NORMAL, TWO, FCW_DEFAULT & ~UNMASK_UE);
    expect(outcome).toMatchObject({ result: '6000:8000000000000000', status: UE });
  });

  test('a tiny inexact result raises underflow and precision', () => {
    const outcome = x87('fmul', SMALLEST_NORMAL, '3fbf:8000000000000000', FCW_DEFAULT | RC_UP);
    expect(outcome).toMatchObject({ result: SMALLEST_DENORMAL, status: UE | PE | C1 });
  });

  test('the square root of −0 is −0', () => {
    expect(x87('fsqrt', '8000:0')).toMatchObject({ result: '8000:0', status: 0 });
  });

  test('the square root of −1 is invalid', () => {
    expect(x87('fsqrt', 'bfff:8000000000000000')).toMatchObject({ result: INDEFINITE, status: IE });
  });
});

describe('x87 remainder, scaling and comparison', () => {
  test('FPREM of 5 by 3 is 2 with quotient 1', () => {
    const outcome = x87('fprem', '4001:a000000000000000', THREE);
    expect(outcome).toMatchObject({ result: TWO, status: C1 });
  });

  test('FPREM1 of 5 by 3 is −1 with quotient 2', () => {
    const outcome = x87('fprem1', '4001:a000000000000000', THREE);
    expect(outcome).toMatchObject({ result: 'bfff:8000000000000000', status: C3 });
  });

  test('FPREM over 64 exponents or more is partial', () => {
    // 2⁶⁴ by 1.5 is reduced by 32 bits: 2³²·(2³² mod 1.5) = 2³².
    const outcome = x87('fprem', '403f:8000000000000000', '3fff:c000000000000000');
    expect(outcome).toMatchObject({ result: '401f:8000000000000000', status: C2 });
  });

  test('FSCALE truncates the scale towards zero', () => {
    const outcome = x87('fscale', ONE, 'bfff:f000000000000000');
    expect(outcome).toMatchObject({ result: '3ffe:8000000000000000', status: 0 });
  });

  test('FXTRACT of 3 is 1.5 and 1', () => {
    const outcome = x87('fxtract', THREE);
    expect(outcome).toEqual({ result: '3fff:c000000000000000', second: ONE, status: 0 });
  });

  test('FXTRACT of −0 is −0 and −infinity with ZE', () => {
    const outcome = x87('fxtract', '8000:0');
    expect(outcome).toEqual({ result: '8000:0', second: 'ffff:8000000000000000', status: ZE });
  });

  test('FCOM sets C0 for less', () => {
    expect(x87('fcom', ONE, TWO).status).toBe(C0);
  });

  test('FUCOM of a quiet NaN is unordered without IE', () => {
    expect(x87('fucom', ONE, QNAN).status).toBe(C3 | C2 | C0);
  });

  test('FCOM of a quiet NaN is unordered with IE', () => {
    expect(x87('fcom', ONE, QNAN).status).toBe(C3 | C2 | C0 | IE);
  });

  test('FXAM calls an unnormal unsupported', () => {
    expect(x87('fxam', UNNORMAL).status).toBe(0);
  });

  test('FXAM of −0 is zero with the sign in C1', () => {
    expect(x87('fxam', '8000:0').status).toBe(C3 | C1);
  });
});

describe('x87 conversions', () => {
  test('FIST rounds 2.5 to even', () => {
    expect(x87('fist32', '4000:a000000000000000')).toMatchObject({ result: '0:2', status: PE });
  });

  test('FIST of 32768 to 16 bits is the integer indefinite', () => {
    expect(x87('fist16', '400e:8000000000000000')).toMatchObject({ result: '0:8000', status: IE });
  });

  test('FIST of −32768 to 16 bits fits', () => {
    expect(x87('fist16', 'c00e:8000000000000000')).toMatchObject({ result: '0:8000', status: 0 });
  });

  test('FST m32 of 2⁻¹⁵⁰ rounds to zero with underflow', () => {
    expect(x87('fst32', '3f69:8000000000000000')).toMatchObject({ result: '0:0', status: UE | PE });
  });

  test('FLD m32 of a denormal is normalised with DE', () => {
    expect(x87('fld32', '0:1')).toMatchObject({ result: '3f6a:8000000000000000', status: DE });
  });

  test('FBSTP writes decimal digits and the sign', () => {
    expect(x87('fbstp', 'c005:f600000000000000')).toMatchObject({ result: '8000:123', status: 0 });
  });

  test('FBSTP of 10¹⁸ is the packed decimal indefinite', () => {
    const outcome = x87('fbstp', '403a:de0b6b3a76400000');
    expect(outcome).toMatchObject({ result: 'ffff:c000000000000000', status: IE });
  });

  test('FLDPI rounds with the rounding control and raises nothing', () => {
    const outcome = calculate(fpu, 'constants', FCW_DEFAULT | RC_DOWN, '0:0', '0:0', 3);
    expect(outcome).toMatchObject({ result: '4000:c90fdaa22168c234', status: 0 });
  });
});

describe('x87 transcendentals', () => {
  test('FSIN of 2⁶³ sets C2 and leaves the operand', () => {
    const outcome = x87('fsin', '403e:8000000000000000');
    expect(outcome).toMatchObject({ result: '403e:8000000000000000', status: C2 });
  });

  test('FSIN of the 64-bit π shows the 66-bit π of the reduction', () => {
    // The 64-bit π exceeds the 66-bit one by 2⁻⁶⁴, so this is −sin 2⁻⁶⁴; true π gives −5.0·10⁻²⁰.
    const outcome = x87('fsin', '4000:c90fdaa22168c235');
    expect(outcome).toMatchObject({ result: 'bfbf:8000000000000000', status: PE | C1 });
  });

  test('FCOS of 0 is exactly 1', () => {
    expect(x87('fcos', '0:0')).toMatchObject({ result: ONE, status: 0 });
  });

  test('FPTAN of infinity is invalid and indefinite twice', () => {
    const outcome = x87('fptan', INFINITY);
    expect(outcome).toEqual({ result: INDEFINITE, second: INDEFINITE, status: IE });
  });

  test('FPATAN of 0 over −0 is π', () => {
    expect(x87('fpatan', '8000:0', '0:0')).toMatchObject({ result: '4000:c90fdaa22168c235', status: PE | C1 });
  });

  test('FYL2X of 8 times 1 is 3', () => {
    expect(x87('fyl2x', '4002:8000000000000000', ONE)).toMatchObject({ result: THREE, status: PE });
  });

  test('FYL2X of 0 raises ZE', () => {
    expect(x87('fyl2x', '0:0', ONE)).toMatchObject({ result: 'ffff:8000000000000000', status: ZE });
  });

  test('F2XM1 of −1 is −1/2', () => {
    expect(x87('f2xm1', 'bfff:8000000000000000').result).toBe('bffe:8000000000000000');
  });
});

describe('SSE', () => {
  test('an invalid addition is the negative default NaN', () => {
    const outcome = sse('addsd', '7ff0000000000000', 'fff0000000000000');
    expect(outcome).toMatchObject({ result: '0:fff8000000000000', status: IE });
  });

  test('of two NaNs the first is the result, quieted', () => {
    const outcome = sse('addss', '7f800001', '7fc00002');
    expect(outcome).toMatchObject({ result: '0:7fc00001', status: IE });
  });

  test('DAZ hides a denormal operand and its exception', () => {
    const outcome = sse('addss', '1', '3f800000', MXCSR_DEFAULT | MXCSR_DAZ);
    expect(outcome).toMatchObject({ result: '0:3f800000', status: 0 });
  });

  test('FTZ makes a tiny result zero', () => {
    const outcome = sse('mulss', '80800000', '3f000000', MXCSR_DEFAULT | MXCSR_FTZ);
    expect(outcome).toMatchObject({ result: '0:80000000', status: UE | PE });
  });

  test('an exact tiny result raises underflow only when unmasked', () => {
    const outcome = sse('mulss', '00800000', '3f000000', MXCSR_DEFAULT & ~MXCSR_UNMASK_UE);
    expect(outcome.status).toBe(UE);
  });

  test('MINSD gives the second operand if either is a NaN', () => {
    const outcome = sse('minsd', '7ff8000000000000', '3ff0000000000000');
    expect(outcome).toMatchObject({ result: '0:3ff0000000000000', status: IE });
  });

  test('ROUNDSD with bit 3 set suppresses the precision exception', () => {
    const outcome = sse('roundsd', '3ff8000000000000', '0', MXCSR_DEFAULT, 0x9);
    expect(outcome).toMatchObject({ result: '0:3ff0000000000000', status: 0 });
  });

  test('CVTTSD2SI of 2³¹ is the integer indefinite', () => {
    const outcome = sse('cvttsd2si32', '41e0000000000000');
    expect(outcome).toMatchObject({ result: '0:80000000', status: IE });
  });

  test('FMA rounds once', () => {
    // (1 + 2⁻⁵²)·(1 − 2⁻⁵²) − 1 is −2⁻¹⁰⁴, which a rounded product would lose.
    const outcome = calculate(fpu, 'fmasd', MXCSR_DEFAULT, 'bff0000000000000:3ff0000000000001', '0:3feffffffffffffe');
    expect(outcome).toMatchObject({ result: '0:b970000000000000', status: 0 });
  });
});
