/** String instructions where single-instruction vectors do not reach: bulk paths, interruption, faults, self-modifying code. */
import { describe, expect, it } from 'vitest';
import { FS } from '../../assembly/layout.ts';
import { CODE, CpuFixture } from '../support/cpu-fixture.ts';

const REP = 0xf3;
const REPNE = 0xf2;
const MOVSB = 0xa4;
const STOSB = 0xaa;
const ADDRESS_SIZE = 0x67;
const HLT = 0xf4;
const DF = 1 << 10;
const ZF = 1 << 6;
const PAGE_FAULT = 14;
const GENERAL_PROTECTION = 13;
const ABSENT = 0x400000;

const counting = (length: number, first = 1) => Array.from({ length }, (_, n) => (first + n) & 0xff);
const filled = (length: number, value: number) => new Array<number>(length).fill(value);

describe('address sizes', () => {
  it('16-bit indexes wrap at 64 KiB and leave the upper halves', () => {
    const f = new CpuFixture(32).code([ADDRESS_SIZE, REP, MOVSB, HLT]);
    f.write(0xfffe, [1, 2]).write(0, [3, 4]).set({ rsi: 0x1fffe, rdi: 0x28000, rcx: 0x30004 });

    f.run();

    expect(f.read(0x8000, 4)).toEqual([1, 2, 3, 4]);
    expect([f.get('rsi'), f.get('rdi'), f.get('rcx')]).toEqual([0x10002n, 0x28004n, 0x30000n]);
  });

  it('a word at offset FFFF passes the limit of a real-mode segment', () => {
    const f = new CpuFixture(16).code([REP, 0xab, HLT]).set({ rdi: 0xfffb, rcx: 4, rax: 0x1234 });

    const fault = f.run();

    expect(fault).toEqual({ vector: GENERAL_PROTECTION, errorCode: 0, rip: BigInt(CODE) });
    expect([f.get('rdi'), f.get('rcx')]).toEqual([0xffffn, 2n]);
    expect(f.read(0xfffb, 6)).toEqual([0x34, 0x12, 0x34, 0x12, 0, 0]);
  });

  it('32-bit indexes in 64-bit code clear the upper halves', () => {
    const f = new CpuFixture(64).code([ADDRESS_SIZE, REP, MOVSB, HLT]);
    f.write(0x2000, [7, 8, 9]).set({ rsi: 0x1_0000_2000n, rdi: 0x2_0000_3000n, rcx: 0x3_0000_0003n });

    f.run();

    expect(f.read(0x3000, 3)).toEqual([7, 8, 9]);
    expect([f.get('rsi'), f.get('rdi'), f.get('rcx')]).toEqual([0x2003n, 0x3003n, 0n]);
  });

  it('a segment override moves the source only', () => {
    const f = new CpuFixture(64).code([0x64, REP, MOVSB, HLT]);
    f.cpu.setSegment(FS, { ...f.cpu.getSegment(FS), base: 0x5000n });
    f.cpu.commit();
    f.write(0x5100, [5, 6]).set({ rsi: 0x100, rdi: 0x3000, rcx: 2 });

    f.run();

    expect(f.read(0x3000, 2)).toEqual([5, 6]);
  });
});

describe('bulk moves and fills', () => {
  it('moves across pages that are not aligned alike', () => {
    const f = new CpuFixture(64).code([REP, MOVSB, HLT]);
    const bytes = counting(20_000, 3);
    f.write(0x20123, bytes).set({ rsi: 0x20123, rdi: 0x30ff0, rcx: bytes.length });

    f.run();

    expect(f.read(0x30ff0, bytes.length)).toEqual(bytes);
    expect(f.read(0x30ff0 + bytes.length, 2)).toEqual([0, 0]);
  });

  it('repeats bytes when the destination begins inside the source', () => {
    const f = new CpuFixture(64).code([REP, MOVSB, HLT]);
    f.write(0x20000, [1, 2, 3]).set({ rsi: 0x20000, rdi: 0x20003, rcx: 7 });

    f.run();

    expect(f.read(0x20000, 10)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
  });

  it('reads a whole element before it writes one that overlaps it', () => {
    const f = new CpuFixture(64).code([REP, 0xa5, HLT]);
    f.write(0x20000, [1, 2, 3, 4, 5, 6, 7, 8, 9]).set({ rsi: 0x20000, rdi: 0x20001, rcx: 2 });

    f.run();

    // First dword to 1..4, then the dword now at 4..7 to 5..8.
    expect(f.read(0x20000, 9)).toEqual([1, 1, 2, 3, 4, 4, 6, 7, 8]);
  });

  it('moves downwards in memory when the source overlaps from above', () => {
    const f = new CpuFixture(64).code([REP, MOVSB, HLT]);
    f.write(0x20003, counting(100)).set({ rsi: 0x20003, rdi: 0x20000, rcx: 100 });

    f.run();

    expect(f.read(0x20000, 100)).toEqual(counting(100));
  });

  it('goes backwards with DF set', () => {
    const f = new CpuFixture(64).code([REP, MOVSB, HLT]);
    f.write(0x20ffe, [1, 2, 3, 4]).set({ rsi: 0x21001, rdi: 0x21003, rcx: 4 });
    f.flags = DF;

    f.run();

    expect(f.read(0x20ffe, 6)).toEqual([1, 2, 1, 2, 3, 4]);
    expect([f.get('rsi'), f.get('rdi')]).toEqual([0x20ffdn, 0x20fffn]);
  });

  it('fills elements that straddle pages', () => {
    const f = new CpuFixture(64).code([REP, 0xab, HLT]);
    f.set({ rdi: 0x20ffe, rcx: 1100, rax: 0x44332211 });

    f.run();

    expect(f.read(0x20ffc, 8)).toEqual([0, 0, 0x11, 0x22, 0x33, 0x44, 0x11, 0x22]);
    expect(f.read(0x20ffe + 4400 - 4, 6)).toEqual([0x11, 0x22, 0x33, 0x44, 0, 0]);
  });

  it('touches nothing when the count is zero', () => {
    const f = new CpuFixture(64).code([REP, STOSB, HLT]).setMapped(ABSENT, false).set({ rdi: ABSENT, rcx: 0 });

    const fault = f.run();

    expect(fault).toBeUndefined();
    expect(f.get('rdi')).toBe(BigInt(ABSENT));
  });
});

describe('faults in the middle', () => {
  it('leaves the registers at the element that faulted and goes on after the page came', () => {
    const f = new CpuFixture(64).code([REP, STOSB, HLT]).setMapped(ABSENT, false);
    f.set({ rdi: ABSENT - 5000, rcx: 9000, rax: 0x5a });

    const fault = f.run();

    expect(fault).toEqual({ vector: PAGE_FAULT, errorCode: 2, rip: BigInt(CODE) });
    expect([f.get('rdi'), f.get('rcx'), f.cpu.getControl('cr2')]).toEqual([BigInt(ABSENT), 4000n, BigInt(ABSENT)]);
    expect(f.read(ABSENT - 5001, 5001)).toEqual([0, ...filled(5000, 0x5a)]);
    f.setMapped(ABSENT, true).cpu.setControl('rip', fault!.rip);
    expect(f.run()).toBeUndefined();
    expect(f.read(ABSENT, 4001)).toEqual([...filled(4000, 0x5a), 0]);
  });

  it('a source that is absent leaves the destination of its element alone', () => {
    const f = new CpuFixture(64).code([REP, 0x48, 0xa5, HLT]).setMapped(ABSENT, false);
    f.write(ABSENT - 8, counting(8)).set({ rsi: ABSENT - 8, rdi: 0x20000, rcx: 3 });

    const fault = f.run();

    expect(fault).toEqual({ vector: PAGE_FAULT, errorCode: 0, rip: BigInt(CODE) });
    expect(f.read(0x20000, 16)).toEqual([...counting(8), ...filled(8, 0)]);
    expect([f.get('rsi'), f.get('rdi'), f.get('rcx')]).toEqual([BigInt(ABSENT), 0x20008n, 2n]);
  });
});

describe('interruption', () => {
  it('a repetition longer than the budget stays at the instruction and counts every iteration', () => {
    const f = new CpuFixture(64).code([0x90, REP, STOSB, HLT]).set({ rdi: 0x20000, rcx: 1000, rax: 1 });
    const before = f.count;

    f.run(101);

    expect([f.get('rcx'), f.rip, f.count - before]).toEqual([900n, BigInt(CODE + 1), 101]);
    f.run(10_000);
    expect([f.get('rcx'), f.cpu.isHalted, f.count - before]).toEqual([0n, true, 1002]);
    expect(f.read(0x20000, 1001)).toEqual([...filled(1000, 1), 0]);
  });

  it('a step is one iteration', () => {
    const f = new CpuFixture(64).code([REP, STOSB, HLT]).set({ rdi: 0x20000, rcx: 3 });

    f.step();

    expect([f.get('rcx'), f.rip]).toEqual([2n, BigInt(CODE)]);
    f.step(2);
    expect([f.get('rcx'), f.rip]).toEqual([0n, BigInt(CODE + 2)]);
  });

  it('a port write that asks for an exit ends the run after its element', () => {
    const written: number[] = [];
    const f = new CpuFixture(64, {
      portWrite: (_port, _size, value) => {
        written.push(value);
        f.cpu.requestExit();
      },
    });
    f.code([REP, 0x6e, HLT]).write(0x20000, [4, 5, 6]).set({ rsi: 0x20000, rcx: 3, rdx: 0x80 });

    f.run();

    expect([written, f.get('rsi'), f.get('rcx'), f.rip]).toEqual([[4], 0x20001n, 2n, BigInt(CODE)]);
  });
});

describe('code that changes', () => {
  it('REP MOVSB over the next instruction takes effect at once', () => {
    const f = new CpuFixture(64).code([REP, MOVSB, 0xb0, 0x01, HLT]); // mov al, 1
    f.write(0x20000, [0xb0, 0x02]).set({ rsi: 0x20000, rdi: CODE + 2, rcx: 2 });

    f.run();

    expect([f.get('rax'), f.cpu.isHalted]).toEqual([2n, true]);
  });

  it('REP STOSB over code that ran before replaces it', () => {
    const callTwice = [0xff, 0xd3, REP, STOSB, 0xff, 0xd3, HLT]; // call rbx; rep stosb; call rbx
    const f = new CpuFixture(64).code(callTwice).write(0x20000, [0xff, 0xc2, 0xc3]); // inc edx; ret
    f.set({ rbx: 0x20000, rdi: 0x20000, rcx: 2, rax: 0x90 });

    f.run();

    expect([f.get('rdx'), f.cpu.isHalted]).toEqual([1n, true]);
  });

  it('REP STOSB that overwrites itself goes on with what it wrote', () => {
    const f = new CpuFixture(64).code([REP, STOSB, 0x90, HLT]).set({ rdi: CODE, rcx: 3, rax: 0x90 });

    f.run();

    expect(f.read(CODE, 3)).toEqual([0x90, 0x90, 0x90]);
    expect([f.get('rcx'), f.cpu.isHalted]).toEqual([0n, true]);
  });
});

describe('comparing', () => {
  it('REPE CMPSB stops after the first difference', () => {
    const f = new CpuFixture(64).code([REP, 0xa6, HLT]);
    f.write(0x20000, [1, 2, 3, 4]).write(0x30000, [1, 2, 9, 4]).set({ rsi: 0x20000, rdi: 0x30000, rcx: 4 });

    f.run();

    expect([f.get('rcx'), f.get('rsi'), f.flags & ZF]).toEqual([1n, 0x20003n, 0]);
  });

  it('REPNE SCASB finds the end of a string', () => {
    const f = new CpuFixture(64).code([REPNE, 0xae, HLT]).write(0x20ffd, [1, 2, 3, 4, 5, 0]);
    f.set({ rdi: 0x20ffd, rcx: -1, rax: 0 });
    const before = f.count;

    f.run();

    expect([f.get('rdi'), f.flags & ZF, f.count - before]).toEqual([0x21003n, ZF, 7]);
  });
});

describe('ports', () => {
  it('REP INSB checks the destination before it reads the port', () => {
    let reads = 0;
    const f = new CpuFixture(64, { portRead: () => ++reads }).code([REP, 0x6c, HLT]).setMapped(ABSENT, false);
    f.set({ rdi: ABSENT - 2, rcx: 4, rdx: 0x1f0 });

    const fault = f.run();

    expect([fault?.vector, reads, f.get('rcx')]).toEqual([PAGE_FAULT, 2, 2n]);
    expect(f.read(ABSENT - 2, 2)).toEqual([1, 2]);
  });
});
