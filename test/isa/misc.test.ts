/** Instructions that recorded vectors leave out: BOUND, ADX, random numbers, cache hints, alignment of CMPXCHG16B, far divisions. */
import { describe, expect, it } from 'vitest';
import { CODE, CpuFixture } from '../support/cpu-fixture.ts';

const CF = 1 << 0;
const ZF = 1 << 6;
const OF = 1 << 11;
const FIXED = 2;
const fault = (vector: number, errorCode = 0) => ({ vector, errorCode, rip: BigInt(CODE) });
const BOUND_RANGE = 5;
const INVALID_OPCODE = 6;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const ABSENT = 0x400000;

describe('BOUND', () => {
  const withIndex = (index: number) =>
    new CpuFixture(32)
      .code([0x62, 0x03])
      .write(0x5000, [0xfe, 0xff, 0xff, 0xff, 5, 0, 0, 0])
      .set({ rax: index >>> 0, rbx: 0x5000 });

  it('passes at both bounds', () => {
    expect([withIndex(-2).step(), withIndex(5).step()]).toEqual([undefined, undefined]);
  });

  it('raises #BR below the lower and above the upper bound', () => {
    expect([withIndex(-3).step(), withIndex(6).step()]).toEqual([fault(BOUND_RANGE), fault(BOUND_RANGE)]);
  });
});

describe('ADX', () => {
  it('ADCX adds and sets CF alone', () => {
    const f = new CpuFixture(64).code([0x66, 0x48, 0x0f, 0x38, 0xf6, 0xc3]).set({ rax: -1, rbx: 0 });
    f.flags = CF | OF;

    f.step();

    expect([f.get('rax'), f.flags]).toEqual([0n, CF | OF | FIXED]);
  });

  it('ADOX adds and sets OF alone', () => {
    const f = new CpuFixture(64).code([0xf3, 0x0f, 0x38, 0xf6, 0xc3]).set({ rax: 0xffffffff, rbx: 2 });
    f.flags = ZF;

    f.step();

    expect([f.get('rax'), f.flags]).toEqual([1n, OF | ZF | FIXED]);
  });
});

describe('random numbers', () => {
  it('RDRAND takes two draws for 64 bits and clears all flags but CF', () => {
    const draws = [0x11111111, 0xfeedbeef];
    const f = new CpuFixture(64, { random32: () => draws.shift() ?? 0 }).code([0x48, 0x0f, 0xc7, 0xf1]);
    f.flags = ZF | OF;

    f.step();

    expect([f.get('rcx'), f.flags]).toEqual([0xfeedbeef_11111111n, CF | FIXED]);
  });
});

describe('memory hints and checks', () => {
  it('CLFLUSH raises what a load would raise', () => {
    const f = new CpuFixture(64).code([0x0f, 0xae, 0x3b]).setMapped(ABSENT, false).set({ rbx: ABSENT });

    expect(f.step()).toEqual(fault(PAGE_FAULT));
  });

  it('CMPXCHG16B needs an aligned operand', () => {
    const f = new CpuFixture(64).code([0x48, 0x0f, 0xc7, 0x0b]).set({ rbx: 0x5008 });

    expect(f.step()).toEqual(fault(GENERAL_PROTECTION));
  });

  it('a store through CS is refused in protected mode', () => {
    const f = new CpuFixture(32).code([0x2e, 0x88, 0x03]).set({ rbx: 0x5000 });

    expect(f.step()).toEqual(fault(GENERAL_PROTECTION));
  });

  it('ARPL does not exist in real mode', () => {
    const f = new CpuFixture(16).code([0x63, 0xd8]);

    expect(f.step()).toEqual(fault(INVALID_OPCODE));
  });
});

describe('128-bit dividends', () => {
  const divide = (opcode: number, high: bigint, low: bigint, divisor: bigint) => {
    const f = new CpuFixture(64).code([0x48, 0xf7, opcode]).set({ rdx: high, rax: low, rbx: divisor });
    const raised = f.step();
    return [raised?.vector, f.get('rax'), f.get('rdx')];
  };
  const DIV = 0xf3;
  const IDIV = 0xfb;

  it('DIV by a small divisor', () => {
    const n = (6n << 64n) | 0x0123456789abcdefn;

    expect(divide(DIV, n >> 64n, BigInt.asUintN(64, n), 7n)).toEqual([undefined, n / 7n, n % 7n]);
  });

  it('DIV by a divisor with its top bit set', () => {
    const n = (0xfffffffffffffffen << 64n) | 0xffffffffffffffffn;

    expect(divide(DIV, n >> 64n, BigInt.asUintN(64, n), 0xffffffffffffffffn)).toEqual([
      undefined,
      n / 0xffffffffffffffffn,
      n % 0xffffffffffffffffn,
    ]);
  });

  it('IDIV reaches the least quotient and no further', () => {
    const least = -(1n << 63n) * 3n;

    expect(divide(IDIV, least >> 64n, BigInt.asUintN(64, least), 3n)).toEqual([undefined, 1n << 63n, 0n]);
    expect(divide(IDIV, -least >> 64n, BigInt.asUintN(64, -least), 3n)[0]).toBe(0);
  });

  it('IDIV gives the remainder the sign of the dividend', () => {
    const n = -((5n << 64n) + 12345n);

    expect(divide(IDIV, n >> 64n, BigInt.asUintN(64, n), -1000n)).toEqual([
      undefined,
      n / -1000n,
      BigInt.asUintN(64, n % -1000n),
    ]);
  });
});
