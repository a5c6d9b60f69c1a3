import { describe, expect, it } from 'vitest';
import {
  CS,
  DS,
  EFER as EFER_BLOCK,
  ES,
  FS,
  GS,
  LDTR,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MSR_KERNEL_GS_BASE,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  SEG,
  SEG_BASE,
  SEG_SIZE,
  SS,
  TR,
} from '../../assembly/layout.ts';
import { le } from '../support/little-endian.ts';
import {
  CODE,
  CR0,
  CR4,
  DATA,
  EFER,
  FLAG,
  FLAT,
  GDT,
  LDT,
  RING0_STACK,
  RING3,
  SELECTOR,
  SIZE_B,
  SIZE_G,
  SIZE_L,
  STACK,
  SystemMachine,
  TSS,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE_16,
  TYPE_CODE,
  TYPE_CODE_CONFORMING,
  TYPE_DATA,
  TYPE_DATA_DOWN,
  TYPE_DATA_READ_ONLY,
  TYPE_LDT,
  TYPE_TSS,
  TYPE_TSS_BUSY,
  USER_CODE,
  USER_DATA,
  USER_STACK,
  VECTOR,
} from '../support/system-machine.ts';

const HLT = 0xf4;
const UD2 = [0x0f, 0x0b];
const FREE = SELECTOR.free;
const STAR = (BigInt(SELECTOR.userCode32) << 48n) | (BigInt(SELECTOR.code64) << 32n);
const ENTRY = DATA;
const codeMode = (m: SystemMachine) => Number(m.block64(MODE)) & MODE_CODE_MASK;
const base = (m: SystemMachine, segment: number) => m.block64(SEG + segment * SEG_SIZE + SEG_BASE);
/** An IRETQ or IRETD frame. */
const frame = (size: number, values: (number | bigint)[]) => values.flatMap((value) => le(value, size));

describe('from real mode to long mode and back', () => {
  it('goes all the way by the usual sequence', () => {
    const m = new SystemMachine('real');
    const long = new SystemMachine('long'); // for its page tables and descriptors
    m.write(0xc00000, long.ram.subarray(0xc00000, 0xd00000)).write(GDT, long.ram.subarray(GDT, GDT + 0x100));
    m.write(0x600, [...le(0xff, 2), ...le(GDT, 4)]);
    m.code([
      ...[0x66, 0x0f, 0x01, 0x16, ...le(0x600, 2)], // lgdt [600h]
      ...[0x0f, 0x20, 0xc0, 0x66, 0x83, 0xc8, 1, 0x0f, 0x22, 0xc0], // cr0 |= PE
      ...[0x66, 0xea, ...le(CODE + 0x40, 4), ...le(SELECTOR.code32, 2)], // jmp far 32-bit
    ]);
    m.write(CODE + 0x40, [
      ...[0x66, 0xb8, ...le(SELECTOR.data, 2), 0x8e, 0xd8, 0x8e, 0xd0], // data segments
      ...[0xb8, ...le(0x20, 4), 0x0f, 0x22, 0xe0], // cr4 = PAE
      ...[0xb8, ...le(0xc00000, 4), 0x0f, 0x22, 0xd8], // cr3
      ...[0xb9, ...le(0xc0000080, 4), 0xb8, ...le(0x901, 4), 0x31, 0xd2, 0x0f, 0x30], // efer = NXE LME SCE
      ...[0xb8, ...le(0x80000011, 4), 0x0f, 0x22, 0xc0], // cr0 = PG ET PE
      ...[0xea, ...le(CODE + 0x100, 4), ...le(SELECTOR.code64, 2)], // jmp far 64-bit
    ]);
    m.write(CODE + 0x100, [0x48, 0xb8, ...le(0x123456789abcdefn, 8), HLT]); // mov rax, imm64

    m.cpu.run(1000);

    expect(m.get('rax')).toBe(0x123456789abcdefn);
    expect(m.block64(EFER_BLOCK) & EFER.LMA).toBe(EFER.LMA);
    expect(codeMode(m)).toBe(MODE_64);
  });

  it('leaves long mode through compatibility mode', () => {
    const m = new SystemMachine().write(DATA, [...le(CODE + 0x40, 4), ...le(SELECTOR.code32, 2)]);
    m.code([0xff, 0x2c, 0x25, ...le(DATA, 4)]); // jmp far [DATA]
    m.write(CODE + 0x40, [
      ...[0x0f, 0x20, 0xc0, 0x25, ...le(0x7fffffff, 4), 0x0f, 0x22, 0xc0], // clear PG
      ...[0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0], // clear PE
      ...[0xea, ...le(CODE + 0x80, 4), ...le(0, 2)], // jmp far to a real-mode segment, still 32-bit code
    ]);
    m.write(CODE + 0x80, [0x40, HLT]); // inc eax

    m.cpu.run(1000);

    expect(m.block64(EFER_BLOCK) & EFER.LMA).toBe(0n);
    expect(m.cpu.getControl('cr0') & (CR0.PE | CR0.PG)).toBe(0n);
    expect(m.selector(CS)).toBe(0);
  });

  it('unreal mode keeps the limit of a segment loaded in protected mode', () => {
    const m = new SystemMachine('real').write(0x600, [...le(0xff, 2), ...le(GDT, 4)]).write(0x200000, [0x5a]);
    m.code([
      ...[0x66, 0x0f, 0x01, 0x16, ...le(0x600, 2)], // lgdt
      ...[0x0f, 0x20, 0xc0, 0x0c, 1, 0x0f, 0x22, 0xc0], // PE on
      ...[0xbb, ...le(SELECTOR.data, 2), 0x8e, 0xdb], // mov ds, bx
      ...[0x24, 0xfe, 0x0f, 0x22, 0xc0], // PE off
      ...[0x31, 0xdb, 0x8e, 0xdb], // xor bx, bx; mov ds, bx
      ...[0x67, 0x8a, 0x0d, ...le(0x200000, 4), HLT], // mov cl, [200000h]
    ]);

    expect(m.run()).toBeUndefined();
    expect(m.get('rcx') & 255n).toBe(0x5an);
  });

  it('an access beyond 64 KiB in plain real mode is #GP', () => {
    const m = new SystemMachine('real').code([0x67, 0x8a, 0x0d, ...le(0x10000, 4), HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: BigInt(CODE) });
  });

  it('an access that crosses 64 KiB through SS is #SS', () => {
    const m = new SystemMachine('real').set({ rbp: 0xffff }).code([0x8b, 0x46, 0, HLT]); // mov ax, [bp]

    expect(m.run()).toMatchObject({ vector: VECTOR.SS, rip: BigInt(CODE) });
  });

  it('execution that runs into 64 KiB is #GP', () => {
    const m = new SystemMachine('real').write(0xfffe, [0x90, 0x90]).code([0xe9, ...le(0xfffe - CODE - 3, 2)]); // jmp

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: 0n });
    expect(m.cpu.instructionCount).toBe(4); // jmp, two nops, hlt
  });

  it('an instruction across the limit of its segment is #GP at its start', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, CODE + 4, TYPE_CODE, SIZE_B)
      .load(CS, FREE)
      .commit();
    m.code([0x90, 0x90, 0xb8, 1, 0, 0, 0, HLT]); // mov eax, imm32 ends beyond

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(CODE + 2) });
  });

  it('an instruction that ends at the limit runs', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, CODE + 7, TYPE_CODE, SIZE_B)
      .load(CS, FREE)
      .commit();
    m.code([0x90, 0x90, 0xb8, 1, 0, 0, 0, HLT]);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(1n);
  });
});

describe('control registers', () => {
  const moveToCr = (m: SystemMachine, n: number, value: bigint) =>
    m
      .set({ rax: value })
      .code([0x0f, 0x22, 0xc0 | (n << 3), HLT])
      .run();

  it.each([
    ['CR0 with PG and without PE', 0, CR0.PG],
    ['CR0 with NW and without CD', 0, CR0.PE | CR0.PG | CR0.NW],
    ['CR0 with an upper half', 0, CR0.PE | CR0.PG | (1n << 32n)],
    ['CR0 without PG in 64-bit mode', 0, CR0.PE],
    ['CR4 with an unknown bit', 4, CR4.PAE | (1n << 24n)],
    ['CR4 with LA57', 4, CR4.PAE | (1n << 12n)],
    ['CR4 without PAE in long mode', 4, 0n],
    ['CR3 beyond the physical width', 3, 1n << 40n],
  ])('%s is #GP', (_, n, value) => {
    expect(moveToCr(new SystemMachine(), n, value)).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(CODE) });
  });

  it('PG with LME and without PAE is #GP', () => {
    const m = new SystemMachine('protected').enable({ efer: EFER.LME });

    expect(moveToCr(m, 0, CR0.PE | CR0.PG)).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('EFER.LME cannot change while paging is on', () => {
    const m = new SystemMachine().set({ rcx: 0xc0000080, rax: EFER.SCE, rdx: 0 }).code([0x0f, 0x30, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it.each([1, 5, 6, 7, 9, 15])('CR%i does not exist', (n) => {
    const m = new SystemMachine().code([0x40 | ((n >> 3) << 2), 0x0f, 0x20, 0xc0 | ((n & 7) << 3), HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('are for ring 0', () => {
    expect(new SystemMachine().userCode([0x0f, 0x20, 0xc0]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('CR8 takes four bits', () => {
    const m = new SystemMachine().set({ rax: 16 }).code([0x44, 0x0f, 0x22, 0xc0, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('LMSW sets PE and cannot clear it', () => {
    const m = new SystemMachine('protected').set({ rax: 0xe }).code([0x0f, 0x01, 0xf0, HLT]); // lmsw ax

    expect(m.run()).toBeUndefined();
    expect(m.cpu.getControl('cr0') & 0xfn).toBe(0xfn);
  });

  it('CLTS clears TS', () => {
    const m = new SystemMachine().enable({ cr0: CR0.TS }).code([0x0f, 0x06, HLT]);

    m.run();

    expect(m.cpu.getControl('cr0') & CR0.TS).toBe(0n);
  });

  it('CR0.TS makes x87 instructions #NM, seen by code that was decoded before', () => {
    const m = new SystemMachine().code([0xd9, 0xe8, 0x0f, 0x20, 0xc0, 0x0c, 8, 0x0f, 0x22, 0xc0, 0xe8, ...le(-15, 4)]); // fld1; cr0 |= TS; call back to fld1

    expect(m.run()).toMatchObject({ vector: VECTOR.NM, rip: BigInt(CODE) });
  });
});

describe('model-specific registers', () => {
  const wrmsr = (msr: number, value: bigint) =>
    new SystemMachine()
      .set({ rcx: msr, rax: value & 0xffffffffn, rdx: value >> 32n })
      .code([0x0f, 0x30, HLT])
      .run();

  it.each([
    ['an MSR that does not exist', 0x12345, 0n],
    ['EFER with an unknown bit', 0xc0000080, 0x10000n],
    ['a non-canonical LSTAR', 0xc0000082, 0x800000000000n],
    ['a non-canonical FS base', 0xc0000100, 0x800000000000n],
    ['a non-canonical KERNEL_GS_BASE', 0xc0000102, 1n << 63n],
    ['a PAT with memory type 2', 0x277, 2n],
    ['a TSC_AUX beyond 32 bits', 0xc0000103, 1n << 32n],
  ])('%s is #GP', (_, msr, value) => {
    expect(wrmsr(msr, value)).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(CODE) });
  });

  it('are for ring 0', () => {
    expect(new SystemMachine().userCode([0x0f, 0x32]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('RDMSR gives back what WRMSR stored, the upper halves of RAX and RDX cleared', () => {
    const m = new SystemMachine().set({ rcx: 0xc0000082, rax: 0x1_8000_1000n, rdx: 0x5_ffff_ffffn });
    m.code([0x0f, 0x30, 0x48, 0x31, 0xc0, 0x0f, 0x32, HLT]);

    m.run();

    expect([m.get('rax'), m.get('rdx')]).toEqual([0x80001000n, 0xffffffffn]);
  });
});

describe('XSETBV', () => {
  const xsetbv = (index: number, value: number, cr4 = CR4.OSXSAVE) =>
    new SystemMachine().enable({ cr4 }).set({ rcx: index, rax: value, rdx: 0 }).code([0x0f, 0x01, 0xd1, HLT]).run();

  it('enables x87 and SSE state', () => expect(xsetbv(0, 3)).toBeUndefined());
  it('refuses to disable x87', () => expect(xsetbv(0, 2)).toMatchObject({ vector: VECTOR.GP }));
  it('refuses AVX without SSE', () => expect(xsetbv(0, 5)).toMatchObject({ vector: VECTOR.GP }));
  it('refuses unknown components', () => expect(xsetbv(0, 0x203)).toMatchObject({ vector: VECTOR.GP }));
  it('knows register 0 only', () => expect(xsetbv(1, 3)).toMatchObject({ vector: VECTOR.GP }));
  it('is #UD without CR4.OSXSAVE', () => expect(xsetbv(0, 3, 0n)).toMatchObject({ vector: VECTOR.UD }));
});

describe('far transfers', () => {
  /** call or jmp far [DATA] */
  const farCall = [0xff, 0x1c, 0x25, ...le(DATA, 4), HLT];
  const farJump = [0xff, 0x2c, 0x25, ...le(DATA, 4), HLT];
  const pointer = (offset: number, selector: number) => [...le(offset, 4), ...le(selector, 2)];

  it('a call to 32-bit code and the return from it', () => {
    const m = new SystemMachine().write(DATA, pointer(CODE + 0x100, SELECTOR.code32)).code(farCall);
    m.write(CODE + 0x100, [0x40, 0xcb]); // inc eax, which would be REX in 64-bit code; retf

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(1n);
    expect(m.selector(CS)).toBe(SELECTOR.code64);
    expect(m.get('rsp')).toBe(BigInt(STACK));
  });

  it.each([
    ['a null selector', 0, VECTOR.GP, 0],
    ['a selector beyond the table', 0x1000, VECTOR.GP, 0x1000],
    ['a data segment', SELECTOR.data, VECTOR.GP, SELECTOR.data],
    ['code of another level', SELECTOR.userCode64 & ~3, VECTOR.GP, SELECTOR.userCode64 & ~3],
    ['an RPL above CPL', SELECTOR.code64 | 3, VECTOR.GP, SELECTOR.code64],
    ['code that is not present', FREE, VECTOR.NP, FREE],
    ['code with L and D', FREE + 8, VECTOR.GP, FREE + 8],
    ['a TSS', SELECTOR.tss, VECTOR.GP, SELECTOR.tss],
  ])('a jump to %s is refused', (_, selector, vector, error) => {
    const m = new SystemMachine()
      .descriptor(FREE, 0, FLAT, TYPE_CODE & 0x7f, SIZE_G | SIZE_L)
      .descriptor(FREE + 8, 0, FLAT, TYPE_CODE, SIZE_G | SIZE_L | SIZE_B);
    m.write(DATA, pointer(CODE, selector)).code(farJump);

    expect(m.run()).toMatchObject({ vector, error, rip: BigInt(CODE) });
  });

  it('a jump beyond the limit is #GP(0)', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, 0xfff, TYPE_CODE, SIZE_B)
      .code([0xea, ...le(CODE, 4), ...le(FREE, 2)]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('a jump to conforming code keeps the level', () => {
    const m = new SystemMachine().descriptor(FREE, 0, FLAT, TYPE_CODE_CONFORMING, SIZE_G | SIZE_L);
    m.write(USER_DATA, pointer(USER_CODE + 0x100, FREE))
      .write(USER_CODE + 0x100, UD2)
      .userCode([0xff, 0x2c, 0x25, ...le(USER_DATA, 4)]);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, cs: FREE | 3 });
  });

  it('sets the accessed bit of the code segment', () => {
    const m = new SystemMachine()
      .descriptor(FREE, 0, FLAT, TYPE_CODE & ~1, SIZE_G | SIZE_L)
      .write(DATA, pointer(CODE + 0x100, FREE));
    m.write(CODE + 0x100, [HLT]).code(farJump);

    m.run();

    expect(m.read(GDT + FREE + 5, 1)).toEqual([TYPE_CODE]);
  });

  it('a call gate takes a program to ring 0 on the stack of the TSS', () => {
    const m = new SystemMachine()
      .callGate(FREE, SELECTOR.code64, ENTRY, TYPE_CALL_GATE | RING3)
      .write(USER_DATA, pointer(0xdead, FREE | 3));
    m.write(ENTRY, [HLT]).userCode([0xff, 0x1c, 0x25, ...le(USER_DATA, 4)]);

    m.cpu.run(100);

    expect(m.cpl).toBe(0);
    expect(m.get('rsp')).toBe(BigInt(RING0_STACK - 32));
    expect(m.read(RING0_STACK - 32, 32)).toEqual(
      frame(8, [USER_CODE + 7, SELECTOR.userCode64, USER_STACK, SELECTOR.userData]),
    );
    expect(m.selector(SS)).toBe(0);
  });

  it('RETF goes back through it', () => {
    const m = new SystemMachine()
      .callGate(FREE, SELECTOR.code64, ENTRY, TYPE_CALL_GATE | RING3)
      .write(USER_DATA, pointer(0, FREE | 3));
    m.write(ENTRY, [0x48, 0xcb]).userCode([0xff, 0x1c, 0x25, ...le(USER_DATA, 4), ...UD2]);

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      rip: BigInt(USER_CODE + 7),
      cs: SELECTOR.userCode64,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
  });

  it('a call gate from compatibility mode reaches 64-bit code', () => {
    const m = new SystemMachine()
      .callGate(FREE, SELECTOR.code64, ENTRY, TYPE_CALL_GATE | RING3)
      .write(ENTRY, [0x48, 0x31, 0xc0, HLT]);
    m.userCode([0x9a, ...le(0, 4), ...le(FREE | 3, 2)], 32);

    m.cpu.run(100);

    expect(codeMode(m)).toBe(MODE_64);
    expect(m.read(RING0_STACK - 32, 16)).toEqual(frame(8, [USER_CODE + 7, SELECTOR.userCode32]));
  });

  it.each([
    ['with DPL below CPL', TYPE_CALL_GATE, SELECTOR.code64, VECTOR.GP, FREE],
    ['that is not present', (TYPE_CALL_GATE | RING3) & 0x7f, SELECTOR.code64, VECTOR.NP, FREE],
    ['to 32-bit code', TYPE_CALL_GATE | RING3, SELECTOR.code32, VECTOR.GP, SELECTOR.code32],
    ['to a null selector', TYPE_CALL_GATE | RING3, 0, VECTOR.GP, 0],
    ['of 16 bits', TYPE_CALL_GATE_16 | RING3, SELECTOR.code64, VECTOR.GP, FREE],
  ])('a call gate %s is refused', (_, type, selector, vector, error) => {
    const m = new SystemMachine().callGate(FREE, selector, ENTRY, type).write(USER_DATA, pointer(0, FREE | 3));
    m.userCode([0xff, 0x1c, 0x25, ...le(USER_DATA, 4)]);

    expect(m.run()).toMatchObject({ vector, error, rip: BigInt(USER_CODE) });
  });

  it('a call gate whose second half lies beyond the table is refused', () => {
    const m = new SystemMachine()
      .callGate(FREE, SELECTOR.code64, ENTRY, TYPE_CALL_GATE | RING3)
      .write(USER_DATA, pointer(0, FREE | 3));
    m.cpu.setTableLimits(FREE + 7, 0xfff);
    m.userCode([0xff, 0x1c, 0x25, ...le(USER_DATA, 4)]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: FREE });
  });

  it('a 32-bit call gate copies parameters', () => {
    const m = new SystemMachine('protected')
      .callGate(FREE, SELECTOR.code32, ENTRY, TYPE_CALL_GATE | RING3, 2)
      .write(ENTRY, [HLT]);
    m.userCode([0x6a, 1, 0x6a, 2, 0x9a, ...le(0, 4), ...le(FREE | 3, 2)]); // push 1; push 2; call far

    m.cpu.run(100);

    expect(m.read(RING0_STACK - 24, 24)).toEqual(
      frame(4, [USER_CODE + 11, SELECTOR.userCode32, 2, 1, USER_STACK - 8, SELECTOR.userData]),
    );
  });

  it('RETF with an operand releases them on both stacks', () => {
    const m = new SystemMachine('protected')
      .callGate(FREE, SELECTOR.code32, ENTRY, TYPE_CALL_GATE | RING3, 2)
      .write(ENTRY, [0xca, 8, 0]);
    m.userCode([0x6a, 1, 0x6a, 2, 0x9a, ...le(0, 4), ...le(FREE | 3, 2), ...UD2]);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(USER_CODE + 11), rsp: BigInt(USER_STACK) });
  });

  it('RETF to a more privileged level is #GP', () => {
    const m = new SystemMachine().userCode([0x48, 0xcb]).write(USER_STACK, frame(8, [CODE, SELECTOR.code64]));

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: SELECTOR.code64, rip: BigInt(USER_CODE) });
  });
});

describe('IRET', () => {
  it('IRETQ to ring 3 64-bit code makes inner data segments null', () => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40 })
      .write(USER_CODE, UD2)
      .code([0x48, 0xcf]);
    m.write(STACK - 40, frame(8, [USER_CODE, SELECTOR.userCode64, FLAG.IF | 2, USER_STACK, SELECTOR.userData]));

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      cs: SELECTOR.userCode64,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
    expect([m.selector(DS), m.selector(ES)]).toEqual([0, 0]);
  });

  it('IRETQ to ring 3 makes null selectors with an RPL zero', () => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40, rax: 1 })
      .write(USER_CODE, UD2)
      .code([0x8e, 0xd8, 0x48, 0xcf]); // mov ds, eax
    m.write(STACK - 40, frame(8, [USER_CODE, SELECTOR.userCode64, 2, USER_STACK, SELECTOR.userData]));

    m.run();

    expect(m.selector(DS)).toBe(0);
  });

  it('IRETQ to ring 3 compatibility mode', () => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40 })
      .write(USER_CODE, [0x40, ...UD2])
      .code([0x48, 0xcf]); // inc eax
    m.write(STACK - 40, frame(8, [USER_CODE, SELECTOR.userCode32, 2, USER_STACK, SELECTOR.userData]));

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, cs: SELECTOR.userCode32, rip: BigInt(USER_CODE + 1) });
    expect(m.get('rax')).toBe(1n);
  });

  it('IRETQ within ring 0 pops SS and RSP, a null SS included', () => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40 })
      .write(DATA, [HLT])
      .code([0x48, 0xcf]);
    m.write(STACK - 40, frame(8, [DATA, SELECTOR.code64, 2, 0x7000, 0]));

    expect(m.run()).toBeUndefined();
    expect([m.get('rsp'), m.selector(SS)]).toEqual([0x7000n, 0]);
  });

  it.each([
    ['a non-canonical RIP', [0x800000000000n, SELECTOR.code64, 2, STACK, SELECTOR.data], 0],
    ['a null CS', [CODE, 0, 2, STACK, SELECTOR.data], 0],
    ['data as CS', [CODE, SELECTOR.data, 2, STACK, SELECTOR.data], SELECTOR.data],
    ['a null SS in ring 3', [USER_CODE, SELECTOR.userCode64, 2, STACK, 3], 0],
    ['an SS of another level', [USER_CODE, SELECTOR.userCode64, 2, STACK, SELECTOR.data], SELECTOR.data],
  ])('%s is #GP', (_, values, error) => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40 })
      .write(STACK - 40, frame(8, values))
      .code([0x48, 0xcf]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error, rip: BigInt(CODE), cs: SELECTOR.code64 });
  });

  it('with NT is #GP in long mode', () => {
    const m = new SystemMachine()
      .set({ rsp: STACK - 40 })
      .write(STACK - 40, frame(8, [CODE, SELECTOR.code64, 2, STACK, 0]))
      .code([0x48, 0xcf]);
    m.flags = FLAG.NT;

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('in ring 3 changes neither IOPL nor IF', () => {
    const m = new SystemMachine()
      .userCode([0x48, 0xcf])
      .write(USER_CODE + 0x100, UD2)
      .set({ rsp: USER_STACK - 40 });
    m.write(
      USER_STACK - 40,
      frame(8, [
        USER_CODE + 0x100,
        SELECTOR.userCode64,
        FLAG.IOPL | FLAG.IF | FLAG.CF | 2,
        USER_STACK,
        SELECTOR.userData,
      ]),
    );

    expect(m.run()!.flags & (FLAG.IOPL | FLAG.IF | FLAG.CF)).toBe(FLAG.CF);
  });

  it('IRETD in protected mode to ring 3 and the interrupt back', () => {
    const m = new SystemMachine('protected')
      .set({ rsp: STACK - 20 })
      .write(USER_CODE, UD2)
      .code([0xcf]);
    m.write(STACK - 20, frame(4, [USER_CODE, SELECTOR.userCode32, FLAG.IF | 2, USER_STACK, SELECTOR.userData]));

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      cs: SELECTOR.userCode32,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
  });

  it('IRET with 16-bit operands in real mode', () => {
    const m = new SystemMachine('real')
      .set({ rsp: STACK - 6 })
      .write(STACK - 6, frame(2, [0x100, 0x1000, FLAG.CF | 2]))
      .write(0x10100, [HLT])
      .code([0xcf]);

    m.cpu.run(100);

    expect([m.rip, m.selector(CS), m.get('rsp')]).toEqual([0x101n, 0x1000, BigInt(STACK)]);
    expect(m.flags & FLAG.CF).toBe(FLAG.CF);
  });

  it('to a 16-bit stack keeps the upper half of ESP', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, 0xffff, TYPE_DATA | RING3, 0)
      .set({ rsp: 0x18000 - 20 })
      .write(USER_CODE, UD2)
      .code([0xcf]);
    m.write(0x18000 - 20, frame(4, [USER_CODE, SELECTOR.userCode32, 2, 0xabcd1234, FREE | 3]));

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rsp: 0x11234n });
  });
});

describe('system calls', () => {
  it('SYSCALL and SYSRETQ', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_STAR, STAR)
      .setBlock64(MSR_STAR + 8, BigInt(ENTRY))
      .setBlock64(MSR_STAR + 24, BigInt(FLAG.IF));
    m.write(ENTRY, [0xff, 0xc0, 0x48, 0x0f, 0x07]).userCode([0x0f, 0x05, ...UD2]); // inc eax; sysretq
    m.flags = FLAG.IF | FLAG.CF;

    const stop = m.run();

    expect(stop).toMatchObject({
      vector: VECTOR.UD,
      rip: BigInt(USER_CODE + 2),
      cs: SELECTOR.userCode64,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
    expect(stop!.flags & (FLAG.IF | FLAG.CF)).toBe(FLAG.IF | FLAG.CF);
    expect([m.get('rax'), m.get('rcx')]).toEqual([1n, BigInt(USER_CODE + 2)]);
  });

  it('SYSCALL clears the flags of FMASK and loads CS and SS of STAR', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_STAR, STAR)
      .setBlock64(MSR_STAR + 8, BigInt(ENTRY))
      .setBlock64(MSR_STAR + 24, BigInt(FLAG.IF | FLAG.DF));
    m.write(ENTRY, [HLT]).userCode([0x0f, 0x05]);
    m.flags = FLAG.IF | FLAG.DF | FLAG.CF;

    m.cpu.run(100);

    expect(m.flags).toBe(FLAG.CF | FLAG.FIXED);
    expect([m.selector(CS), m.selector(SS), m.cpl]).toEqual([SELECTOR.code64, SELECTOR.data, 0]);
    expect(m.get('r11')).toBe(BigInt(FLAG.IF | FLAG.DF | FLAG.CF | FLAG.FIXED));
  });

  it('SYSCALL from compatibility mode enters at CSTAR, SYSRETL goes back', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_STAR, STAR)
      .setBlock64(MSR_STAR + 16, BigInt(ENTRY))
      .write(ENTRY, [0x0f, 0x07]);
    m.userCode([0x0f, 0x05, ...UD2], 32);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(USER_CODE + 2), cs: SELECTOR.userCode32 });
  });

  it('both are #UD without EFER.SCE', () => {
    expect(new SystemMachine().disable({ efer: EFER.SCE }).code([0x0f, 0x05]).run()).toMatchObject({
      vector: VECTOR.UD,
    });
    expect(new SystemMachine().disable({ efer: EFER.SCE }).code([0x48, 0x0f, 0x07]).run()).toMatchObject({
      vector: VECTOR.UD,
    });
  });

  it('SYSRET is for ring 0 and canonical addresses', () => {
    expect(new SystemMachine().userCode([0x48, 0x0f, 0x07]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
    expect(new SystemMachine().set({ rcx: 0x800000000000n }).code([0x48, 0x0f, 0x07]).run()).toMatchObject({
      vector: VECTOR.GP,
      error: 0,
      cs: SELECTOR.code64,
    });
  });

  it('SYSENTER and SYSEXIT in protected mode', () => {
    const m = new SystemMachine('protected').setBlock64(MSR_SYSENTER_CS, BigInt(SELECTOR.sysenterCode));
    m.setBlock64(MSR_SYSENTER_ESP, BigInt(RING0_STACK)).setBlock64(MSR_SYSENTER_EIP, BigInt(ENTRY));
    m.write(ENTRY, [0x54, 0x58, 0x0f, 0x35]).set({ rcx: USER_STACK - 64, rdx: USER_CODE + 2 }); // push esp; pop eax; sysexit
    m.userCode([0x0f, 0x34, ...UD2]).set({ rcx: USER_STACK - 64, rdx: USER_CODE + 2 });
    m.flags = FLAG.IF;

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      rip: BigInt(USER_CODE + 2),
      cs: SELECTOR.sysenterUserCode,
      ss: SELECTOR.sysenterUserData,
      rsp: BigInt(USER_STACK - 64),
    });
    expect(m.get('rax')).toBe(BigInt(RING0_STACK));
  });

  it('SYSENTER with a null SYSENTER_CS is #GP', () => {
    expect(new SystemMachine('protected').code([0x0f, 0x34]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('SYSEXIT in ring 3 is #GP in long mode too', () => {
    expect(new SystemMachine().userCode([0x0f, 0x35]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('SYSENTER is #UD in long mode, as on AMD', () => {
    expect(new SystemMachine().code([0x0f, 0x34]).run()).toMatchObject({ vector: VECTOR.UD });
  });
});

describe('FS and GS bases', () => {
  it('SWAPGS exchanges them', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_KERNEL_GS_BASE, 0x1111n)
      .setBlock64(SEG + GS * SEG_SIZE, 0x2222n)
      .code([0x0f, 0x01, 0xf8, HLT]);

    m.run();

    expect([base(m, GS), m.block64(MSR_KERNEL_GS_BASE)]).toEqual([0x1111n, 0x2222n]);
  });

  it('SWAPGS is for ring 0 and 64-bit mode', () => {
    expect(new SystemMachine().userCode([0x0f, 0x01, 0xf8]).run()).toMatchObject({ vector: VECTOR.GP });
    expect(new SystemMachine('protected').code([0x0f, 0x01, 0xf8]).run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('WRFSBASE and RDFSBASE work in ring 3 with CR4.FSGSBASE', () => {
    const m = new SystemMachine().enable({ cr4: CR4.FSGSBASE }).set({ rax: 0x7000_1234_5678n });
    m.userCode([0xf3, 0x48, 0x0f, 0xae, 0xd0, 0xf3, 0x48, 0x0f, 0xae, 0xc3, ...UD2]); // wrfsbase rax; rdfsbase rbx

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(USER_CODE + 10) });
    expect(m.get('rbx')).toBe(0x7000_1234_5678n);
  });

  it('are #UD without CR4.FSGSBASE and #GP for non-canonical addresses', () => {
    expect(new SystemMachine().code([0xf3, 0x48, 0x0f, 0xae, 0xd0]).run()).toMatchObject({ vector: VECTOR.UD });
    const m = new SystemMachine()
      .enable({ cr4: CR4.FSGSBASE })
      .set({ rax: 0x800000000000n })
      .code([0xf3, 0x48, 0x0f, 0xae, 0xd0]);
    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('a null selector in GS clears the base', () => {
    const m = new SystemMachine()
      .setBlock64(SEG + GS * SEG_SIZE, 0x2222n)
      .set({ rax: 0 })
      .code([0x8e, 0xe8, HLT]);

    m.run();

    expect(base(m, GS)).toBe(0n);
  });

  it('a load of GS takes the base of its descriptor', () => {
    const m = new SystemMachine()
      .descriptor(FREE, 0x12345678, FLAT, TYPE_DATA, SIZE_G | SIZE_B)
      .set({ rax: FREE })
      .code([0x8e, 0xe8, HLT]);

    m.run();

    expect(base(m, GS)).toBe(0x12345678n);
  });
});

describe('segment loads', () => {
  const moveTo = (m: SystemMachine, register: number, selector: number) =>
    m
      .set({ rax: selector })
      .code([0x8e, 0xc0 | (register << 3), HLT])
      .run();

  it.each([
    ['beyond the table', 0x1000, VECTOR.GP, 0x1000],
    ['in an LDT that is not there', 0x0c, VECTOR.GP, 0x0c],
    ['of a TSS', SELECTOR.tss, VECTOR.GP, SELECTOR.tss],
    ['of execute-only code', FREE, VECTOR.GP, FREE],
    ['of what is not present', FREE + 8, VECTOR.NP, FREE + 8],
  ])('DS ← a selector %s is refused', (_, selector, vector, error) => {
    const m = new SystemMachine()
      .descriptor(FREE, 0, FLAT, 0x99, SIZE_G | SIZE_B)
      .descriptor(FREE + 8, 0, FLAT, 0x13, SIZE_G | SIZE_B);

    expect(moveTo(m, DS, selector)).toMatchObject({ vector, error, rip: BigInt(CODE) });
  });

  it.each([
    ['null in protected mode', 0, VECTOR.GP, 0],
    ['read-only data', FREE, VECTOR.GP, FREE],
    ['code', SELECTOR.code32, VECTOR.GP, SELECTOR.code32],
    ['of another RPL', SELECTOR.data | 3, VECTOR.GP, SELECTOR.data],
    ['of another DPL', SELECTOR.userData & ~3, VECTOR.GP, SELECTOR.userData & ~3],
    ['not present', FREE + 8, VECTOR.SS, FREE + 8],
  ])('SS ← a selector that is %s is refused', (_, selector, vector, error) => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, FLAT, TYPE_DATA_READ_ONLY, SIZE_G | SIZE_B)
      .descriptor(FREE + 8, 0, FLAT, 0x13, SIZE_G | SIZE_B);

    expect(moveTo(m, SS, selector)).toMatchObject({ vector, error });
  });

  it('SS may be null in 64-bit mode outside ring 3', () => {
    expect(moveTo(new SystemMachine(), SS, 0)).toBeUndefined();
  });

  it('MOV to CS is #UD', () => {
    expect(moveTo(new SystemMachine(), CS, SELECTOR.code64)).toMatchObject({ vector: VECTOR.UD });
  });

  it('a program can load no ring 0 data segment', () => {
    const m = new SystemMachine().userCode([0x8e, 0xd8]).set({ rax: SELECTOR.data | 3 });

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: SELECTOR.data });
  });

  it('sets the accessed bit, and only when it was clear', () => {
    const m = new SystemMachine().descriptor(FREE, 0, FLAT, TYPE_DATA & ~1, SIZE_G | SIZE_B);
    moveTo(m, DS, FREE);

    expect(m.read(GDT + FREE + 5, 1)).toEqual([TYPE_DATA]);
  });

  it('from the LDT', () => {
    const m = new SystemMachine()
      .descriptor(8, 0x1000, 0xfff, TYPE_DATA, SIZE_B, LDT)
      .set({ rax: 0x0c, rbx: SELECTOR.ldt });
    m.code([0x0f, 0x00, 0xd3, 0x8e, 0xe0, HLT]); // lldt bx; mov fs, eax

    expect(m.run()).toBeUndefined();
    expect(base(m, FS)).toBe(0x1000n);
  });

  it('LSS loads both', () => {
    const m = new SystemMachine('protected').write(DATA, [...le(0x7000, 4), ...le(SELECTOR.sysenterData, 2)]);
    m.code([0x0f, 0xb2, 0x25, ...le(DATA, 4), HLT]);

    m.run();

    expect([m.get('rsp'), m.selector(SS)]).toEqual([0x7000n, SELECTOR.sysenterData]);
  });
});

describe('segment limits in protected mode', () => {
  const through = (type: number, limit: number, size: number, code: number[], registers: Record<string, number>) => {
    const m = new SystemMachine('protected').descriptor(FREE, DATA, limit, type, size).load(DS, FREE).commit();
    return m
      .set(registers)
      .code([...code, HLT])
      .run();
  };
  const READ = [0x8b, 0x03]; // mov eax, [ebx]
  const WRITE = [0x89, 0x03];

  it('the last dword inside is read', () =>
    expect(through(TYPE_DATA, 0xff, SIZE_B, READ, { rbx: 0xfc })).toBeUndefined());
  it('a dword that ends one byte beyond is #GP(0)', () =>
    expect(through(TYPE_DATA, 0xff, SIZE_B, READ, { rbx: 0xfd })).toMatchObject({ vector: VECTOR.GP, error: 0 }));
  it('an offset at the end of the address space does not wrap', () =>
    expect(through(TYPE_DATA, 0xff, SIZE_B, READ, { rbx: 0xffffffff })).toMatchObject({ vector: VECTOR.GP }));
  it('expand-down excludes what is at or below the limit', () =>
    expect(through(TYPE_DATA_DOWN, 0xff, SIZE_B, READ, { rbx: 0xff })).toMatchObject({ vector: VECTOR.GP }));
  it('expand-down includes what is above the limit', () =>
    expect(through(TYPE_DATA_DOWN, 0xff, SIZE_B, READ, { rbx: 0x100 })).toBeUndefined());
  it('16-bit expand-down ends at 64 KiB', () =>
    expect(through(TYPE_DATA_DOWN, 0xff, 0, READ, { rbx: 0xfffe })).toMatchObject({ vector: VECTOR.GP }));
  it('read-only data is not written', () =>
    expect(through(TYPE_DATA_READ_ONLY, 0xff, SIZE_B, WRITE, { rbx: 0 })).toMatchObject({
      vector: VECTOR.GP,
      error: 0,
    }));
  it('code is read through DS when readable', () =>
    expect(through(TYPE_CODE, 0xff, SIZE_B, READ, { rbx: 0 })).toBeUndefined());
  it('code is never written', () =>
    expect(through(TYPE_CODE, 0xff, SIZE_B, WRITE, { rbx: 0 })).toMatchObject({ vector: VECTOR.GP, error: 0 }));

  it('a null selector is loaded and refused on use', () => {
    const m = new SystemMachine('protected').set({ rax: 0, rbx: DATA }).code([0x8e, 0xd8, 0x8b, 0x0b, HLT]); // mov ds, eax; mov ecx, [ebx]

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(CODE + 2) });
  });

  it('PUSH beyond the stack segment is #SS(0)', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, 0xfff, TYPE_DATA, SIZE_B)
      .load(SS, FREE)
      .commit()
      .set({ rsp: 0x2000 });
    m.gate(VECTOR.SS, { type: 0x8e }).code([0x50, HLT]);

    m.cpu.run(100);

    expect(m.cpu.dump()).toContain('last fault: vector 12'); // neither has the handler a stack
  });

  it('a 16-bit stack segment wraps SP at 64 KiB', () => {
    const m = new SystemMachine('protected')
      .load(SS, SELECTOR.data16)
      .commit()
      .set({ rsp: 0x5_0002, rax: 0x11223344 })
      .code([0x66, 0x50, 0x66, 0x50, HLT]);

    expect(m.run()).toBeUndefined();
    expect(m.get('rsp')).toBe(0x5fffen);
    expect(m.read(0xfffe, 2)).toEqual([0x44, 0x33]);
  });

  it('16-bit code runs beyond 64 KiB of its segment', () => {
    const m = new SystemMachine('protected')
      .descriptor(FREE, 0, FLAT, TYPE_CODE, SIZE_G)
      .code([0xea, ...le(0x20000, 4), ...le(FREE, 2)])
      .write(0x20000, UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: 0x20000n });
  });

  it('16-bit code takes 16-bit operands', () => {
    const m = new SystemMachine('protected')
      .set({ rax: 0x11220000 })
      .code([0xea, ...le(CODE + 0x100, 4), ...le(SELECTOR.code16, 2)]);
    m.write(CODE + 0x100, [0xb8, 0x34, 0x12, HLT]); // mov ax, 1234h

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(0x11221234n);
  });
});

describe('LAR, LSL, VERR, VERW', () => {
  const query = (code: number[], selector: number, prepare: (m: SystemMachine) => void = () => {}) => {
    const m = new SystemMachine();
    prepare(m);
    m.set({ rbx: selector, rax: 0xdead })
      .code([...code, HLT])
      .run();
    return { zf: (m.flags & FLAG.ZF) !== 0, rax: m.get('rax') };
  };
  const LAR = [0x0f, 0x02, 0xc3];
  const LSL = [0x0f, 0x03, 0xc3];
  const VERR = [0x0f, 0x00, 0xe3];
  const VERW = [0x0f, 0x00, 0xeb];

  it('LSL gives the limit in bytes', () => expect(query(LSL, SELECTOR.data)).toEqual({ zf: true, rax: 0xffffffffn }));
  it('LSL of a TSS', () => expect(query(LSL, SELECTOR.tss)).toEqual({ zf: true, rax: 0x67n }));
  it('LSL of a null selector changes ZF only', () => expect(query(LSL, 0)).toEqual({ zf: false, rax: 0xdeadn }));
  it('LSL of a selector beyond the table', () => expect(query(LSL, 0x1000)).toEqual({ zf: false, rax: 0xdeadn }));
  it('LSL sees no call gate', () =>
    expect(query(LSL, FREE, (m) => m.callGate(FREE, SELECTOR.code64, 0))).toEqual({ zf: false, rax: 0xdeadn }));
  it('LAR sees a call gate', () => expect(query(LAR, FREE, (m) => m.callGate(FREE, SELECTOR.code64, 0)).zf).toBe(true));
  it('LAR sees no interrupt gate', () =>
    expect(query(LAR, FREE, (m) => m.callGate(FREE, SELECTOR.code64, 0, 0x8e)).zf).toBe(false));
  it('LAR gives type, DPL, P and the size bits', () =>
    expect(query(LAR, SELECTOR.userCode64).rax & 0xf0ff00n).toBe(0xa0fb00n));
  it('RPL above DPL hides a segment', () => expect(query(LAR, SELECTOR.data | 3).zf).toBe(false));
  it('VERR of data', () => expect(query(VERR, SELECTOR.data).zf).toBe(true));
  it('VERR of execute-only code', () =>
    expect(query(VERR, FREE, (m) => m.descriptor(FREE, 0, FLAT, 0x99, SIZE_G)).zf).toBe(false));
  it('VERW of read-only data', () =>
    expect(query(VERW, FREE, (m) => m.descriptor(FREE, 0, FLAT, TYPE_DATA_READ_ONLY, SIZE_G)).zf).toBe(false));
  it('VERW of code', () => expect(query(VERW, SELECTOR.code64).zf).toBe(false));
  it('VERR of a TSS', () => expect(query(VERR, SELECTOR.tss).zf).toBe(false));
});

describe('LLDT and LTR', () => {
  const loadFrom = (m: SystemMachine, reg: number, selector: number) =>
    m
      .set({ rbx: selector })
      .code([0x0f, 0x00, 0xc3 | (reg << 3), HLT])
      .run();
  const LLDT = 2;
  const LTR = 3;

  it('LTR marks the TSS busy and takes a 64-bit base', () => {
    const m = new SystemMachine()
      .descriptor(FREE, TSS, 0x67, TYPE_TSS, 0)
      .write(GDT + FREE + 8, [...le(0xffff8000, 4), ...le(0, 4)]);

    expect(loadFrom(m, LTR, FREE)).toBeUndefined();
    expect(base(m, TR)).toBe(0xffff800000004000n);
    expect(m.read(GDT + FREE + 5, 1)).toEqual([TYPE_TSS_BUSY]);
  });

  it.each([
    ['a busy TSS', SELECTOR.tss, VECTOR.GP, SELECTOR.tss],
    ['a null selector', 0, VECTOR.GP, 0],
    ['data', SELECTOR.data, VECTOR.GP, SELECTOR.data],
    ['a selector of the LDT', 0x0c, VECTOR.GP, 0x0c],
    ['a TSS that is not present', FREE, VECTOR.NP, FREE],
    ['a non-canonical base', FREE + 16, VECTOR.GP, FREE + 16],
    ['a TSS half outside the table', 0xf8, VECTOR.GP, 0xf8],
  ])('LTR refuses %s', (_, selector, vector, error) => {
    const m = new SystemMachine()
      .descriptor(FREE, TSS, 0x67, 0x09, 0)
      .descriptor(FREE + 16, TSS, 0x67, TYPE_TSS, 0)
      .descriptor(0xf8, TSS, 0x67, TYPE_TSS, 0);
    m.write(GDT + FREE + 24, le(0x8000, 4));

    expect(loadFrom(m, LTR, selector)).toMatchObject({ vector, error });
  });

  it('LLDT of a null selector makes the LDT unusable', () => {
    const m = new SystemMachine();

    expect(loadFrom(m, LLDT, 0)).toBeUndefined();
    expect(m.set({ rax: 0x0c }).code([0x8e, 0xd8]).run()).toMatchObject({ vector: VECTOR.GP, error: 0x0c });
  });

  it('LLDT refuses a TSS', () =>
    expect(loadFrom(new SystemMachine(), LLDT, SELECTOR.tss)).toMatchObject({
      vector: VECTOR.GP,
      error: SELECTOR.tss,
    }));
  it('LLDT refuses an LDT that is not present', () =>
    expect(loadFrom(new SystemMachine().descriptor(FREE, 0, 0xff, TYPE_LDT & 0x7f, 0), LLDT, FREE)).toMatchObject({
      vector: VECTOR.NP,
      error: FREE,
    }));
  it('are for ring 0', () =>
    expect(new SystemMachine().userCode([0x0f, 0x00, 0xdb]).run()).toMatchObject({ vector: VECTOR.GP, error: 0 }));
  it('are #UD in real mode', () =>
    expect(new SystemMachine('real').code([0x0f, 0x00, 0xdb]).run()).toMatchObject({ vector: VECTOR.UD }));
  it('SLDT tells the selector', () => {
    const m = new SystemMachine().set({ rbx: SELECTOR.ldt, rax: -1 }).code([0x0f, 0x00, 0xd3, 0x0f, 0x00, 0xc0, HLT]); // lldt bx; sldt eax

    m.run();

    expect(m.get('rax')).toBe(BigInt(SELECTOR.ldt));
    expect(m.selector(LDTR)).toBe(SELECTOR.ldt);
  });
});

describe('privileged instructions in ring 3', () => {
  it.each([
    ['HLT', [HLT]],
    ['CLI', [0xfa]],
    ['STI', [0xfb]],
    ['LGDT', [0x0f, 0x01, 0x13]],
    ['LIDT', [0x0f, 0x01, 0x1b]],
    ['LMSW', [0x0f, 0x01, 0xf0]],
    ['INVLPG', [0x0f, 0x01, 0x3b]],
    ['CLTS', [0x0f, 0x06]],
    ['WBINVD', [0x0f, 0x09]],
    ['IN', [0xec]],
    ['OUT', [0xee]],
    ['XSETBV', [0x0f, 0x01, 0xd1]],
  ])('%s is #GP(0)', (_, code) => {
    const m = new SystemMachine().enable({ cr4: CR4.OSXSAVE }).userCode(code).set({ rbx: USER_DATA });

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(USER_CODE) });
  });

  it.each([
    ['SGDT', [0x0f, 0x01, 0x03]],
    ['SIDT', [0x0f, 0x01, 0x0b]],
    ['SLDT', [0x0f, 0x00, 0xc0]],
    ['STR', [0x0f, 0x00, 0xc8]],
    ['SMSW', [0x0f, 0x01, 0xe0]],
  ])('%s is #GP(0) with CR4.UMIP only', (_, code) => {
    const allowed = new SystemMachine().userCode([...code, ...UD2]).set({ rbx: USER_DATA });
    const refused = new SystemMachine()
      .enable({ cr4: CR4.UMIP })
      .userCode([...code, ...UD2])
      .set({ rbx: USER_DATA });

    expect(allowed.run()).toMatchObject({ vector: VECTOR.UD });
    expect(refused.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('RDTSC is #GP(0) with CR4.TSD only', () => {
    expect(new SystemMachine().userCode([0x0f, 0x31, ...UD2]).run()).toMatchObject({ vector: VECTOR.UD });
    expect(new SystemMachine().enable({ cr4: CR4.TSD }).userCode([0x0f, 0x31]).run()).toMatchObject({
      vector: VECTOR.GP,
      error: 0,
    });
  });

  it('CLI and STI work with IOPL 3', () => {
    const m = new SystemMachine().userCode([0xfb, 0xfa, ...UD2]);
    m.flags = FLAG.IOPL;

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('ports work with IOPL 3 or by the bitmap of the TSS', () => {
    const byIopl = new SystemMachine().userCode([0xec, ...UD2]);
    byIopl.flags = FLAG.IOPL;
    const byMap = new SystemMachine().write(TSS + 102, le(0x68, 2)).userCode([0xe4, 0x10, 0xe4, 0x11]); // in al, 10h; in al, 11h
    byMap.cpu.setSegment(TR, { ...byMap.cpu.getSegment(TR), limit: 0x6b });
    byMap.write(TSS + 0x68, [0xff, 0xff, 0xfe, 0xff]); // ports 10h to 17h are byte 2

    expect(byIopl.run()).toMatchObject({ vector: VECTOR.UD });
    expect(byMap.run()).toMatchObject({ vector: VECTOR.GP, rip: BigInt(USER_CODE + 2) });
  });

  it('POPF changes neither IF nor IOPL', () => {
    const m = new SystemMachine().userCode([0x68, ...le(FLAG.IOPL | FLAG.IF | FLAG.CF | 2, 4), 0x9d, ...UD2]);

    expect(m.run()!.flags & (FLAG.IOPL | FLAG.IF | FLAG.CF)).toBe(FLAG.CF);
  });
});
