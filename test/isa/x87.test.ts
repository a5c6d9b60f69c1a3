/** x87 instructions beyond single vectors: when exceptions are raised, the enable bits, pointers, and images in memory. */
import { describe, expect, it } from 'vitest';
import { CR0 } from '../../assembly/layout.ts';
import { CODE, DATA, READ_ONLY, UnitBench } from './unit-bench.ts';

// Instructions
const FLD1 = [0xd9, 0xe8];
const FLDZ = [0xd9, 0xee];
const FLDPI = [0xd9, 0xeb];
const FNOP = [0xd9, 0xd0];
const FDIVP = [0xde, 0xf9]; // ST(1) ← ST(1) / ST(0), pop
const FCOMI_ST1 = [0xdb, 0xf1];
const FNINIT = [0xdb, 0xe3];
const FNCLEX = [0xdb, 0xe2];
const FNSTSW_AX = [0xdf, 0xe0];
const FWAIT = [0x9b];
const NOP = [0x90];
const PADDB_MM0_MM1 = [0x0f, 0xfc, 0xc1];
const FLDCW = [0xd9, 0x2f]; // [rdi]
const FADD_M64 = [0xdc, 0x47, 0x40]; // [rdi + 64]
const FSTP_M64 = [0xdd, 0x1f];
const FSTP_M80 = [0xdb, 0x3f];
const FNSTENV = [0xd9, 0x37];
const FLDENV = [0xd9, 0x27];
const FNSAVE = [0xdd, 0x37];
const FRSTOR = [0xdd, 0x27];
const FLD_ST1 = [0xd9, 0xc1];
const FDECSTP = [0xd9, 0xf6];
const FSTPNCE_ST1 = [0xd9, 0xd9];
const FDIVR_M64 = [0xdc, 0x3f];
const OPERAND_16 = 0x66;

// Bits
const ZE_UNMASKED = 0x37b;
const IE_UNMASKED = 0x37e;
const FSW_IE = 0x01;
const FSW_ZE = 0x04;
const FSW_SF = 0x40;
const FSW_C1 = 0x200;
const FSW_ES_B = 0x8080;
const CR0_MP = 2n;
const CR0_EM = 4n;
const CR0_TS = 8n;
const CR0_NE = 0x20n;
const UD = 6;
const NM = 7;
const PF = 14;
const MF = 16;
const RAX = 0;
const RDI = 7;

const ONE = '3fff:8000000000000000';
const INDEFINITE = 'ffff:c000000000000000';

/** 1 / 0 with ZE unmasked, then `after`. */
function divideByZero(after: number[]): UnitBench {
  const bench = new UnitBench([...FLDCW, ...FLD1, ...FLDZ, ...FDIVP, ...after]);
  bench.setU16(DATA, ZE_UNMASKED);
  return bench;
}

describe('an unmasked x87 exception', () => {
  it('leaves the operands and is pending after its instruction', () => {
    const bench = divideByZero([]);

    const exception = bench.step(4);

    expect(exception).toBeUndefined();
    expect(bench.fsw & (FSW_ES_B | FSW_ZE)).toBe(FSW_ES_B | FSW_ZE);
    expect([bench.st(0), bench.st(1)]).toEqual(['0:0', ONE]);
  });

  it('is raised by the next waiting instruction, with the address of that', () => {
    const bench = divideByZero([...NOP, ...FNOP]);
    bench.step(5);

    const exception = bench.step();

    expect(exception).toBe(MF);
    expect(bench.rip).toBe(CODE + 9);
  });

  it('is raised by FWAIT', () => {
    const bench = divideByZero(FWAIT);
    bench.step(4);

    expect(bench.step()).toBe(MF);
  });

  it('is raised by an MMX instruction', () => {
    const bench = divideByZero(PADDB_MM0_MM1);
    bench.step(4);

    expect(bench.step()).toBe(MF);
  });

  it('goes before the page fault of the instruction that raises it', () => {
    const bench = divideByZero(FSTP_M64);
    bench.step(4);
    bench.setGpr(RDI, 0n);

    expect(bench.step()).toBe(MF);
  });

  it('does not stop FNSTSW, and FNCLEX takes it back', () => {
    const bench = divideByZero([...FNSTSW_AX, ...FNCLEX, ...FLD1]);

    const exception = bench.step(7);

    expect(exception).toBeUndefined();
    expect(Number(bench.gpr(RAX)) & FSW_ES_B).toBe(FSW_ES_B);
    expect(bench.fsw & (FSW_ES_B | FSW_ZE)).toBe(0);
  });

  it('is not raised while CR0.NE is clear', () => {
    const bench = divideByZero(FNOP);
    bench.step(4);
    bench.control(CR0, 0n, CR0_NE);

    expect(bench.step()).toBeUndefined();
  });

  it('becomes pending when FLDCW unmasks a flag that is set', () => {
    const bench = new UnitBench([...FLD1, ...FLDZ, ...FDIVP, ...FLDCW, ...FNOP]);
    bench.setU16(DATA, ZE_UNMASKED);
    bench.step(4);

    expect(bench.fsw & FSW_ES_B).toBe(FSW_ES_B);
    expect(bench.step()).toBe(MF);
  });

  it('lets FCOMI set EFLAGS but pops and stores nothing', () => {
    const bench = new UnitBench([...FLDCW, ...FCOMI_ST1]);
    bench.setU16(DATA, IE_UNMASKED);

    bench.step(2);

    expect(bench.driver.core.eflags() & 0x45).toBe(0x45);
    expect(bench.fsw & (FSW_ES_B | FSW_IE)).toBe(FSW_ES_B | FSW_IE);
  });
});

describe('availability of the x87', () => {
  it('CR0.TS makes an x87 instruction raise #NM', () => {
    const bench = new UnitBench(FNINIT);
    bench.control(CR0, CR0_TS);

    expect(bench.step()).toBe(NM);
  });

  it('CR0.EM makes an x87 instruction raise #NM', () => {
    const bench = new UnitBench(FLD1);
    bench.control(CR0, CR0_EM);

    expect(bench.step()).toBe(NM);
  });

  it('CR0.EM makes an MMX instruction raise #UD', () => {
    const bench = new UnitBench(PADDB_MM0_MM1);
    bench.control(CR0, CR0_EM);

    expect(bench.step()).toBe(UD);
  });

  it('FWAIT raises #NM when CR0.MP and CR0.TS are set', () => {
    const bench = new UnitBench(FWAIT);
    bench.control(CR0, CR0_MP | CR0_TS);

    expect(bench.step()).toBe(NM);
  });

  it('FWAIT ignores CR0.TS without CR0.MP, and CR0.EM', () => {
    const bench = new UnitBench(FWAIT);
    bench.control(CR0, CR0_TS | CR0_EM, CR0_MP);

    expect(bench.step()).toBeUndefined();
  });
});

describe('stack faults and priorities', () => {
  it('FLD of an empty register to a full stack tells of underflow', () => {
    const bench = new UnitBench([...FLDENV, ...FLD_ST1]);
    bench.setU32(DATA, 0x37f);
    bench.setU32(DATA + 4, FSW_C1);
    bench.setU32(DATA + 8, 0x000c); // R1 empty

    bench.step(2);

    expect(bench.fsw & (FSW_IE | FSW_SF | FSW_C1)).toBe(FSW_IE | FSW_SF);
    expect(bench.st(0)).toBe(INDEFINITE);
  });

  it('FSTPNCE of an empty register pops and is no fault', () => {
    const bench = new UnitBench([...FLD1, ...FDECSTP, ...FSTPNCE_ST1]);

    bench.step(3);

    expect([bench.st(0), bench.ftw, bench.fsw]).toEqual([ONE, 0x80, 0x3800]);
  });

  it('a division by zero of a denormal from memory raises ZE alone', () => {
    const bench = new UnitBench([...FLDZ, ...FDIVR_M64]);
    bench.setU64(DATA, 1n);

    bench.step(2);

    expect(bench.fsw & 0x3f).toBe(FSW_ZE);
  });
});

describe('a store that faults', () => {
  it('pops nothing', () => {
    const bench = new UnitBench([...FLD1, ...FSTP_M64]);
    bench.setGpr(RDI, BigInt(READ_ONLY));

    const exception = bench.step(2);

    expect(exception).toBe(PF);
    expect(bench.st(0)).toBe(ONE);
    expect(bench.ftw).toBe(0x80);
  });

  it('writes no part of an 80-bit number that reaches into a page which cannot be written', () => {
    const bench = new UnitBench([...FLDPI, ...FSTP_M80]);
    bench.setGpr(RDI, BigInt(READ_ONLY - 8));

    const exception = bench.step(2);

    expect(exception).toBe(PF);
    expect(bench.cr2).toBe(READ_ONLY);
    expect(bench.read(READ_ONLY - 8, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('FNSAVE across such a page keeps state and memory', () => {
    const bench = new UnitBench([...FLDPI, ...FNSAVE]);
    bench.setGpr(RDI, BigInt(READ_ONLY - 32));

    const exception = bench.step(2);

    expect(exception).toBe(PF);
    expect(bench.ftw).toBe(0x80);
    expect(bench.u32(READ_ONLY - 32)).toBe(0);
  });
});

describe('the x87 environment', () => {
  it('32-bit form: control, status and tag words, pointers and opcode of the last non-control instruction', () => {
    const bench = new UnitBench([...FLDZ, ...FLDPI, ...FADD_M64, ...FLDCW, ...FNSTENV]);
    bench.setU16(DATA, ZE_UNMASKED);

    bench.step(5);

    expect(bench.u32(DATA)).toBe((0xffff0000 | ZE_UNMASKED) >>> 0);
    expect(bench.u32(DATA + 4)).toBe(0xffff3000);
    expect(bench.u32(DATA + 8)).toBe(0xffff4fff); // R7 zero, R6 valid
    expect(bench.u32(DATA + 12)).toBe(CODE + 4);
    expect(bench.u32(DATA + 16)).toBe(0x04470033); // DC 47; CS
    expect(bench.u32(DATA + 20)).toBe(DATA + 64);
    expect(bench.u32(DATA + 24)).toBe(0xffff002b);
  });

  it('16-bit form: seven words', () => {
    const bench = new UnitBench([...FLDZ, ...FADD_M64, OPERAND_16, ...FNSTENV]);
    bench.setU16(DATA + 14, 0xaaaa);

    bench.step(3);

    expect([0, 2, 4, 6, 8, 10, 12, 14].map((n) => bench.u16(DATA + n))).toEqual([
      0x37f, 0x3800, 0x7fff, 0x0102, 0x33, 0x40, 0x2b, 0xaaaa,
    ]);
  });

  it('real mode, 16-bit form: linear addresses of 20 bits, opcode beside', () => {
    const bench = UnitBench.real([...FLDZ, 0xdc, 0x45, 0x40, 0xd9, 0x35]); // fadd [di+64]; fnstenv [di]

    bench.step(3);

    expect([6, 8, 10, 12].map((n) => bench.u16(n))).toEqual([0x8012, 0x1445, 0x9040, 0x1000]);
  });

  it('real mode, 32-bit form: linear addresses in two parts', () => {
    const bench = UnitBench.real([...FLDZ, 0xdc, 0x45, 0x40, OPERAND_16, 0xd9, 0x35]);

    bench.step(3);

    expect([12, 16, 20, 24].map((n) => bench.u32(n))).toEqual([0xffff8012, 0x00001445, 0xffff9040, 0x00001000]);
  });

  it('FNSTENV masks all exceptions and so takes back a pending one', () => {
    const bench = divideByZero([...FNSTENV, ...FNOP]);

    const exception = bench.step(6);

    expect(exception).toBeUndefined();
    expect(bench.u16(DATA) & 0x3f).toBe(ZE_UNMASKED & 0x3f);
    expect(bench.fcw).toBe(0x37f);
    expect(bench.fsw & (FSW_ES_B | FSW_ZE)).toBe(FSW_ZE);
  });

  it('FLDENV takes tags and TOP, and ES from flags and masks, not from the image', () => {
    const bench = new UnitBench(FLDENV);
    bench.setU32(DATA, ZE_UNMASKED);
    bench.setU32(DATA + 4, 0x2800 | FSW_ZE);
    bench.setU32(DATA + 8, 0xf3ff); // R5 valid

    bench.step();

    expect(bench.fcw).toBe(ZE_UNMASKED);
    expect(bench.fsw).toBe(0x2800 | FSW_ZE | FSW_ES_B);
    expect(bench.ftw).toBe(0x20);
  });

  it('FNSAVE stores the registers from ST(0) on and initialises', () => {
    const bench = new UnitBench([...FLDZ, ...FLD1, ...FNSAVE]);

    bench.step(3);

    expect(bench.u64(DATA + 28)).toBe(0x8000000000000000n);
    expect(bench.u16(DATA + 36)).toBe(0x3fff);
    expect(bench.u64(DATA + 38)).toBe(0n);
    expect([bench.fcw, bench.fsw, bench.ftw]).toEqual([0x37f, 0, 0]);
  });

  it('FRSTOR brings back what FNSAVE saved, in the 16-bit form too', () => {
    const bench = new UnitBench([...FLDPI, ...FLD1, OPERAND_16, ...FNSAVE, ...FLDZ, OPERAND_16, ...FRSTOR]);

    bench.step(5);

    expect([bench.st(0), bench.st(1)]).toEqual([ONE, '4000:c90fdaa22168c235']);
    expect(bench.ftw).toBe(0xc0);
  });
});
