import { describe, expect, it } from 'vitest';
import { CODE_ARENA, CODE_ARENA_END, U_SIZE } from '../../assembly/layout.ts';
import { le } from '../support/little-endian.ts';
import { CODE, DATA, FRAMES, SystemMachine } from '../support/system-machine.ts';

const HLT = 0xf4;
const LINEAR = 0x600000;
/** mov byte [abs], imm8 */
const poke = (at: number, byte: number) => [0xc6, 0x04, 0x25, ...le(at, 4), byte];

/** RWX pages at LINEAR over FRAMES. */
function machine(pageCount = 1): SystemMachine {
  const m = new SystemMachine();
  for (let n = 0; n < pageCount; n++) m.pages.map(LINEAR + n * 0x1000, FRAMES + n * 0x1000, 'w');
  return m;
}

describe('code that changes code', () => {
  it('changes the very next instruction', () => {
    const m = new SystemMachine().code([...poke(CODE + 9, 7), 0xb0, 1, HLT]); // mov al, 1 becomes mov al, 7

    m.run();

    expect(m.get('rax')).toBe(7n);
  });

  it('changes an instruction further on in the page that has been decoded already', () => {
    const m = new SystemMachine();
    // twice: mov al, 1 (later 7); then poke; dec ecx; jnz
    m.set({ rcx: 2 }).code([0xb0, 1, 0x00, 0xc3, ...poke(CODE + 1, 7), 0xff, 0xc9, 0x75, 0xf0, HLT]);

    m.run();

    expect(m.get('rbx')).toBe(8n);
  });

  it('changes an instruction of another line of the page', () => {
    const m = new SystemMachine().write(CODE + 0x800, [0xb0, 1, 0xc3]); // mov al, 1; ret
    m.set({ rbx: CODE + 0x800 }).code([0xff, 0xd3, 0x88, 0xc1, ...poke(CODE + 0x801, 7), 0xff, 0xd3, HLT]); // call; mov cl, al; …; call

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([1n, 7n]);
  });

  it('data next to code keeps the code', () => {
    const m = new SystemMachine().set({ rcx: 1000 });
    m.code([...poke(CODE + 0x100, 1), 0xff, 0xc3, 0xff, 0xc9, 0x75, 0xf2, HLT]); // inc ebx; dec ecx; jnz

    m.run();

    expect(m.get('rbx')).toBe(1000n);
  });

  it('changes itself by a read-modify-write', () => {
    const m = new SystemMachine().code([0xff, 0x04, 0x25, ...le(CODE + 8, 4), 0xb0, 1, HLT]); // inc dword [next + 1]

    m.run();

    expect(m.get('rax')).toBe(2n);
  });

  it('changes itself by PUSH', () => {
    const m = new SystemMachine().set({ rsp: CODE + 9, rax: 0x0700_0000_0000_0000n });
    m.code([0x50, 0xb0, 1, HLT, 0x90, 0x90, 0x90, 0x90, 0x90]); // push rax writes CODE + 1 …
    m.set({ rax: BigInt.asUintN(64, 0x9090909090f407b0n) });

    m.run();

    expect(m.get('rax') & 255n).toBe(7n);
  });

  it('changes itself by REP STOSB', () => {
    const m = new SystemMachine().set({ rdi: CODE + 2, rcx: 3, rax: 0x90 }); // three bytes become NOP
    m.code([0xf3, 0xaa, 0x0f, 0x0b, HLT, HLT]); // rep stosb; ud2; hlt

    expect(m.run()).toBeUndefined();
    expect(m.rip).toBe(BigInt(CODE + 6));
  });

  it('changes itself by a 16-byte store', () => {
    const m = new SystemMachine().enable({ cr4: 0x200n }).write(DATA, [0xb0, 7, HLT]).set({ rsi: DATA });
    m.code([0x0f, 0x10, 0x06, 0x0f, 0x11, 0x05, 0, 0, 0, 0, 0xb0, 1, HLT]); // movups xmm0, [rsi]; movups [rip], xmm0; mov al, 1

    m.run();

    expect(m.get('rax')).toBe(7n);
  });

  it('is seen by a run that was left by a branch and comes back', () => {
    const m = new SystemMachine().write(CODE + 0x40, [0xb0, 1, 0xc3]);
    // call; inc the constant; dec ecx; jnz
    m.set({ rcx: 5, rbx: CODE + 0x40 }).code([
      0xff,
      0xd3,
      0x00,
      0xc2,
      0xfe,
      0x04,
      0x25,
      ...le(CODE + 0x41, 4),
      0xff,
      0xc9,
      0x75,
      0xf1,
      HLT,
    ]);

    m.run();

    expect(m.get('rdx')).toBe(15n);
  });

  it('through a second mapping of the page is seen', () => {
    const m = machine();
    m.pages.map(0x700000, FRAMES, 'w');
    m.write(FRAMES, [0xb0, 1, 0xc3]).set({ rbx: LINEAR });
    m.code([0xff, 0xd3, 0x88, 0xc1, ...poke(0x700001, 7), 0xff, 0xd3, HLT]);

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([1n, 7n]);
  });

  it('runs alike at two linear addresses', () => {
    const m = machine();
    m.pages.map(0x700000, FRAMES, 'w');
    m.write(FRAMES + 0x10, [0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xc3]); // lea rax, [rip]; ret
    m.set({ rbx: LINEAR + 0x10, rbp: 0x700010 }).code([0xff, 0xd3, 0x48, 0x89, 0xc1, 0xff, 0xd5, HLT]);

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([BigInt(LINEAR + 0x17), 0x700017n]);
  });
});

describe('instructions over two pages', () => {
  /** mov eax, imm32 over the page end, then ret. */
  const straddling = (m: SystemMachine) =>
    m.write(FRAMES + 0xffe, [0xb8, 1, 0, 0, 0, 0xc3]).set({ rbx: LINEAR + 0xffe });

  it('follow a change of their tail', () => {
    const m = straddling(machine(2)).code([0xff, 0xd3, 0x89, 0xc1, ...poke(LINEAR + 0x1000, 7), 0xff, 0xd3, HLT]);

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([1n, 0x701n]);
  });

  it('follow a change of their head', () => {
    const m = straddling(machine(2)).code([0xff, 0xd3, 0x89, 0xc1, ...poke(LINEAR + 0xfff, 7), 0xff, 0xd3, HLT]);

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([1n, 7n]);
  });

  it('follow another mapping of their second page', () => {
    const m = straddling(machine(2)).write(FRAMES + 0x5000, [9, 0, 0, 0xc3]);
    m.pages.map(0x700000, m.pages.entryAt(LINEAR + 0x1000) & ~0xfff, 'w');
    m.set({ rdi: 0x700000 + (m.pages.entryAt(LINEAR + 0x1000) & 0xfff), rsi: FRAMES + 0x5003, rbp: LINEAR + 0x1000 });
    m.code([0xff, 0xd3, 0x89, 0xc1, 0x48, 0x89, 0x37, 0x0f, 0x01, 0x7d, 0, 0xff, 0xd3, HLT]); // call; mov [rdi], rsi; invlpg [rbp]; call

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([1n, 0x901n]);
  });

  it('fault when their second page goes away', () => {
    const m = straddling(machine(2));
    m.pages.map(0x700000, m.pages.entryAt(LINEAR + 0x1000) & ~0xfff, 'w');
    m.set({ rdi: 0x700000 + (m.pages.entryAt(LINEAR + 0x1000) & 0xfff), rsi: 0, rbp: LINEAR + 0x1000 });
    m.code([0xff, 0xd3, 0x89, 0xc1, 0x48, 0x89, 0x37, 0x0f, 0x01, 0x7d, 0, 0xff, 0xd3, HLT]);

    expect(m.run()).toMatchObject({ vector: 14, error: 16, rip: BigInt(LINEAR + 0xffe) });
    expect(m.cr2).toBe(BigInt(LINEAR + 0x1000));
  });

  it('are decoded again and again without filling memory', () => {
    const m = straddling(machine(2)).set({ rcx: 20_000 });
    m.code([0xff, 0xd3, 0xfe, 0x04, 0x25, ...le(LINEAR + 0xfff, 4), 0xff, 0xc9, 0x75, 0xf3, HLT]); // call; inc byte of the head; dec ecx; jnz

    expect(m.run(1_000_000)).toBeUndefined();
    expect(m.get('rax') & 255n).toBe(BigInt((1 + 19_999) & 255));
  });

  it('may have the same page as head and tail', () => {
    const m = machine();
    m.pages.map(LINEAR + 0x1000, FRAMES, 'w');
    m.write(FRAMES, [0x22, 0x33, 0x44, 0xc3])
      .write(FRAMES + 0xffe, [0xb8, 0x11])
      .set({ rbx: LINEAR + 0xffe });
    m.code([0xff, 0xd3, 0x89, 0xc1, ...poke(LINEAR, 7), 0xff, 0xd3, HLT]);

    m.run();

    expect([m.get('rcx'), m.get('rax')]).toEqual([0x44332211n, 0x44330711n]);
  });
});

describe('changes from outside', () => {
  it('a device’s write to decoded code is seen', () => {
    const m = new SystemMachine().code([0xb0, 1, HLT]);
    m.run();
    m.write(CODE + 1, [7]).code([0xb0], CODE);

    m.run();

    expect(m.get('rax')).toBe(7n);
  });

  it('a device’s write inside the instruction’s own run is seen', () => {
    const m: SystemMachine = new SystemMachine('long', { portWrite: () => void m.write(CODE + 3, [7]) });
    m.code([0xe6, 0x80, 0xb0, 1, HLT]); // out 80h, al; mov al, 1

    m.run();

    expect(m.get('rax')).toBe(7n);
  });

  it('more code pages than the arena holds run through a flush', () => {
    const pageCount = 1000;
    const rounds = Math.ceil((CODE_ARENA_END - CODE_ARENA) / U_SIZE / pageCount) + 1;
    const m = new SystemMachine().set({ rbp: LINEAR, rdx: rounds, rbx: CODE + 24 });
    for (let n = 0; n < pageCount; n++) m.pages.map(LINEAR + n * 0x1000, FRAMES + n * 0x1000, 'w');
    for (let n = 0; n < pageCount; n++) m.write(FRAMES + n * 0x1000, [0x48, 0xff, 0xc0, 0xff, 0xe3]); // inc rax; jmp rbx
    m.code([
      ...[0x48, 0x89, 0xee, 0xb9, ...le(pageCount, 4), 0x90], // mov rsi, rbp; mov ecx, pageCount; nop
      ...[0x80, 0x36, 0, 0x48, 0x89, 0xf7, 0x48, 0x81, 0xc6, ...le(0x1000, 4), 0xff, 0xe7], // xor byte [rsi], 0; mov rdi, rsi; add rsi, 1000h; jmp rdi
      ...[0xff, 0xc9, 0x75, 256 - 19, 0xff, 0xca, 0x75, 256 - 32, HLT], // dec ecx; jnz; dec edx; jnz
    ]);

    expect(m.run(1_000_000)).toBeUndefined();
    expect(m.get('rax')).toBe(BigInt(pageCount * rounds));
  });
});
