/** FXSAVE, FXRSTOR, XSAVE and XRSTOR: images, component selection, enable bits and refusals. */
import { describe, expect, it } from 'vitest';
import { CR0, CR4, XCR0 } from '../../assembly/layout.ts';
import { CODE, DATA, READ_ONLY, UnitBench } from './unit-bench.ts';

// Instructions on [rdi]
const FXSAVE = [0x0f, 0xae, 0x07];
const FXSAVE64 = [0x48, 0x0f, 0xae, 0x07];
const FXRSTOR = [0x0f, 0xae, 0x0f];
const FXRSTOR64 = [0x48, 0x0f, 0xae, 0x0f];
const XSAVE = [0x0f, 0xae, 0x27];
const XRSTOR = [0x0f, 0xae, 0x2f];
const XSAVEOPT = [0x0f, 0xae, 0x37];
const FLD1 = [0xd9, 0xe8];
const FLDPI = [0xd9, 0xeb];
const FNINIT = [0xdb, 0xe3];
const FADD_M64 = [0xdc, 0x47, 0x40];

// Registers and bits
const RAX = 0;
const RDI = 7;
const X87 = 1n;
const SSE = 2n;
const AVX = 4n;
const CR0_EM = 4n;
const CR0_TS = 8n;
const CR4_OSFXSR = 0x200n;
const CR4_OSXSAVE = 0x40000n;
const UD = 6;
const NM = 7;
const GP = 13;
const PF = 14;

// Offsets in the area
const MXCSR = 24;
const ST0 = 32;
const XMM0 = 160;
const XMM8 = 288;
const UNUSED = 416;
const XSTATE_BV = 512;
const XCOMP_BV = 520;
const HEADER_THIRD = 528;
const YMM_HI0 = 576;

const ONE = '3fff:8000000000000000';
const PI = '4000:c90fdaa22168c235';

describe('FXSAVE', () => {
  it('stores x87 state, MXCSR with its mask, and 16 XMM registers, and nothing beyond', () => {
    const bench = new UnitBench([...FLD1, ...FXSAVE]);
    bench.fillYmm(0, 0x11, 0);
    bench.fillYmm(15, 0xff, 0);
    bench.write(DATA, new Array<number>(512).fill(0xaa));

    bench.step(2);

    expect([bench.u16(DATA), bench.u16(DATA + 2), bench.u16(DATA + 4)]).toEqual([0x37f, 0x3800, 0x80]);
    expect([bench.u32(DATA + MXCSR), bench.u32(DATA + MXCSR + 4)]).toEqual([0x1f80, 0xffff]);
    expect([bench.u64(DATA + ST0), bench.u64(DATA + ST0 + 8)]).toEqual([0x8000000000000000n, 0x3fffn]);
    expect([bench.u64(DATA + XMM0), bench.u64(DATA + UNUSED - 8)]).toEqual([0x1111111111111111n, 0xffffffffffffffffn]);
    expect(bench.u64(DATA + UNUSED)).toBe(0xaaaaaaaaaaaaaaaan);
  });

  it('stores selectors with 32-bit pointers, and full pointers with REX.W', () => {
    const bench = new UnitBench([...FADD_M64, ...FXSAVE, ...FXSAVE64]);
    bench.step(2);
    const narrow = [bench.u16(DATA + 6), bench.u64(DATA + 8), bench.u64(DATA + 16)];

    bench.step();

    expect(narrow).toEqual([0x447, 0x0000003310000100n, 0x0000002b20000040n]);
    expect([bench.u64(DATA + 8), bench.u64(DATA + 16)]).toEqual([BigInt(CODE), BigInt(DATA + 64)]);
  });

  it('stores eight XMM registers outside 64-bit mode', () => {
    const bench = new UnitBench(FXSAVE, 1);
    bench.fillYmm(8, 0x22, 0);
    bench.write(DATA, new Array<number>(512).fill(0xaa));

    bench.step();

    expect(bench.u64(DATA + XMM8 - 8)).toBe(0n);
    expect(bench.u64(DATA + XMM8)).toBe(0xaaaaaaaaaaaaaaaan);
  });

  it('leaves out MXCSR and XMM while CR4.OSFXSR is clear', () => {
    const bench = new UnitBench(FXSAVE);
    bench.fillYmm(0, 0x11, 0);
    bench.control(CR4, 0n, CR4_OSFXSR);

    bench.step();

    expect([bench.u32(DATA), bench.u32(DATA + MXCSR), bench.u64(DATA + XMM0)]).toEqual([0x37f, 0, 0n]);
  });

  it('raises #GP for an address that is not a multiple of 16', () => {
    const bench = new UnitBench(FXSAVE);
    bench.setGpr(RDI, BigInt(DATA + 8));

    expect(bench.step()).toBe(GP);
  });

  it('raises #UD with CR0.EM and #NM with CR0.TS', () => {
    const emulated = new UnitBench(FXSAVE);
    emulated.control(CR0, CR0_EM | CR0_TS);
    const switched = new UnitBench(FXSAVE);
    switched.control(CR0, CR0_TS);

    expect([emulated.step(), switched.step()]).toEqual([UD, NM]);
  });

  it('writes nothing when its second page cannot be written', () => {
    const bench = new UnitBench([...FLD1, ...FXSAVE]);
    bench.setGpr(RDI, BigInt(READ_ONLY - 256));

    const exception = bench.step(2);

    expect(exception).toBe(PF);
    expect(bench.u64(READ_ONLY - 256)).toBe(0n);
  });
});

describe('FXRSTOR', () => {
  it('brings back what FXSAVE64 stored', () => {
    const bench = new UnitBench([...FLDPI, ...FLD1, ...FXSAVE64, ...FNINIT, ...FXRSTOR64]);
    bench.fillYmm(9, 0x33, 0x44);
    bench.setMxcsr(0x1fa0);
    bench.step(4);
    bench.fillYmm(9, 0, 0x55);
    bench.setMxcsr(0x1f80);

    bench.step();

    expect([bench.st(0), bench.st(1), bench.ftw, bench.mxcsr]).toEqual([ONE, PI, 0xc0, 0x1fa0]);
    expect(bench.ymm(9)).toEqual([0x33, 0x55]);
  });

  it('makes an exception pending that the image has set and unmasked', () => {
    const bench = new UnitBench(FXRSTOR);
    bench.setU16(DATA, 0x37b);
    bench.setU16(DATA + 2, 0x0004);
    bench.setU32(DATA + MXCSR, 0x1f80);

    bench.step();

    expect(bench.fsw).toBe(0x8084);
  });

  it('refuses reserved bits of MXCSR and changes nothing', () => {
    const bench = new UnitBench([...FLD1, ...FXRSTOR]);
    bench.setU32(DATA + MXCSR, 0x10000);

    const exception = bench.step(2);

    expect(exception).toBe(GP);
    expect([bench.fcw, bench.ftw, bench.mxcsr]).toEqual([0x37f, 0x80, 0x1f80]);
  });
});

/** FLD1 and `code`, asking for `components` in EDX:EAX. */
function requesting(components: bigint, code: number[]): UnitBench {
  const bench = new UnitBench([...FLD1, ...code]);
  bench.setGpr(RAX, components);
  bench.fillYmm(1, 0x11, 0x22);
  bench.step();
  return bench;
}

describe('XSAVE', () => {
  it('stores every component of XCR0 that is asked for', () => {
    const bench = requesting(0xffffffffn, XSAVE);

    bench.step();

    expect(bench.u64(DATA + XSTATE_BV)).toBe(X87 | SSE | AVX);
    expect([bench.u64(DATA + ST0), bench.u64(DATA + XMM0 + 16)]).toEqual([0x8000000000000000n, 0x1111111111111111n]);
    expect(bench.u64(DATA + YMM_HI0 + 16)).toBe(0x2222222222222222n);
  });

  it('leaves components alone that are not asked for, in memory and in XSTATE_BV', () => {
    const bench = requesting(SSE, XSAVE);
    bench.setU64(DATA + XSTATE_BV, AVX);
    bench.setU64(DATA + XCOMP_BV, 0x77n);

    bench.step();

    expect([bench.u64(DATA + XSTATE_BV), bench.u64(DATA + XCOMP_BV)]).toEqual([SSE | AVX, 0x77n]);
    expect([bench.u64(DATA), bench.u64(DATA + ST0), bench.u64(DATA + YMM_HI0 + 16)]).toEqual([0n, 0n, 0n]);
    expect([bench.u32(DATA + MXCSR), bench.u64(DATA + XMM0 + 16)]).toEqual([0x1f80, 0x1111111111111111n]);
  });

  it('stores no AVX state that XCR0 does not enable', () => {
    const bench = requesting(0xffffffffn, XSAVEOPT);
    bench.control(XCR0, 0n, AVX);

    bench.step();

    expect([bench.u64(DATA + XSTATE_BV), bench.u64(DATA + YMM_HI0 + 16)]).toEqual([X87 | SSE, 0n]);
  });

  it('raises #UD without CR4.OSXSAVE, #NM with CR0.TS, #GP when not aligned to 64', () => {
    const disabled = requesting(X87, XSAVE);
    disabled.control(CR4, 0n, CR4_OSXSAVE);
    const switched = requesting(X87, XSAVE);
    switched.control(CR0, CR0_TS);
    const unaligned = requesting(X87, XSAVE);
    unaligned.setGpr(RDI, BigInt(DATA + 16));

    expect([disabled.step(), switched.step(), unaligned.step()]).toEqual([UD, NM, GP]);
  });
});

describe('XRSTOR', () => {
  it('brings back what XSAVE stored', () => {
    const bench = requesting(0xffffffffn, [...XSAVE, ...FNINIT, ...XRSTOR]);
    bench.step(2);
    bench.fillYmm(1, 0, 0);

    bench.step();

    expect([bench.st(0), bench.ftw, bench.ymm(1)]).toEqual([ONE, 0x80, [0x11, 0x22]]);
  });

  it('initialises components that the header says are absent, but takes MXCSR from the image', () => {
    const bench = requesting(0xffffffffn, XRSTOR);
    bench.setU32(DATA + MXCSR, 0x1fbf);

    bench.step();

    expect([bench.fcw, bench.fsw, bench.ftw, bench.st(0)]).toEqual([0x37f, 0, 0, '0:0']);
    expect([bench.ymm(1), bench.mxcsr]).toEqual([[0, 0], 0x1fbf]);
  });

  it('changes no component that is not asked for', () => {
    const bench = requesting(AVX, XRSTOR);
    bench.setU32(DATA + MXCSR, 0x1f80);

    bench.step();

    expect([bench.st(0), bench.ymm(1)]).toEqual([ONE, [0x11, 0]]);
  });

  it('refuses a component that XCR0 does not enable', () => {
    const bench = requesting(X87, XRSTOR);
    bench.setU64(DATA + XSTATE_BV, 8n);

    expect(bench.step()).toBe(GP);
  });

  it('refuses the compacted format and a header that is not zero', () => {
    const compacted = requesting(X87, XRSTOR);
    compacted.setU64(DATA + XCOMP_BV, 1n << 63n);
    const reserved = requesting(X87, XRSTOR);
    reserved.setU64(DATA + HEADER_THIRD, 1n);

    expect([compacted.step(), reserved.step()]).toEqual([GP, GP]);
  });

  it('refuses reserved bits of MXCSR only when it would load it', () => {
    const loading = requesting(AVX, XRSTOR);
    loading.setU32(DATA + MXCSR, 0x10000);
    const ignoring = requesting(X87, XRSTOR);
    ignoring.setU32(DATA + MXCSR, 0x10000);

    expect([loading.step(), ignoring.step()]).toEqual([GP, undefined]);
  });
});
