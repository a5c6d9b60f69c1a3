/** What jumps, calls and returns remember about their targets must not outlive the mapping or the code it was true for. */
import { describe, expect, it } from 'vitest';
import { PTE } from '../support/page-tables.ts';
import { le } from '../support/little-endian.ts';
import { CODE, CR4, FRAMES, SystemMachine, VECTOR } from '../support/system-machine.ts';

const HLT = 0xf4;
const LINEAR = 0x600000;
const INVLPG = [0x0f, 0x01, 0x3f]; // invlpg [rdi]
const RELOAD_CR3 = [0x0f, 0x20, 0xd9, 0x0f, 0x22, 0xd9]; // mov rcx, cr3; mov cr3, rcx
const returning = (value: number) => [0xb0, value, 0xc3]; // mov al, value; ret

/** `before`, then a relative call of LINEAR, where a function returns 1; another one is in the next frame. */
function caller(before: number[], rights = 'w'): SystemMachine {
  const m = new SystemMachine()
    .enable({ cr4: CR4.PGE })
    .write(FRAMES, returning(1))
    .write(FRAMES + 0x1000, returning(2));
  m.pages.map(LINEAR, FRAMES, rights);
  const call = [0xe8, ...le(LINEAR - (CODE + before.length + 5), 4)];
  return m.set({ rdi: LINEAR, rax: 0 }).code([...before, ...call, HLT]);
}
/** Runs the same code twice more, so that its calls know their targets. */
function warm(m: SystemMachine): SystemMachine {
  m.run();
  m.code([]).run();
  return m.code([]).set({ rax: 0 });
}

describe('a call into another page', () => {
  it('goes to the new frame after INVLPG', () => {
    const m = warm(caller(INVLPG));
    m.pages.map(LINEAR, FRAMES + 0x1000, 'w');

    m.run();

    expect(m.get('rax')).toBe(2n);
  });

  it('goes to the new frame after a load of CR3', () => {
    const m = warm(caller(RELOAD_CR3));
    m.pages.map(LINEAR, FRAMES + 0x1000, 'w');

    m.run();

    expect(m.get('rax')).toBe(2n);
  });

  it('goes to the new frame of a global page after INVLPG', () => {
    const m = warm(caller([...RELOAD_CR3, ...INVLPG], 'wg'));
    m.pages.map(LINEAR, FRAMES + 0x1000, 'wg');

    m.run();

    expect(m.get('rax')).toBe(2n);
  });

  it('finds a target that was rewritten', () => {
    const m = warm(caller([]));
    m.write(FRAMES, returning(3));

    m.run();

    expect(m.get('rax')).toBe(3n);
  });

  it('faults at the target once that may not be executed, the return address being pushed', () => {
    const m = warm(caller(INVLPG));
    m.pages.map(LINEAR, FRAMES, 'wx');
    const sp = m.get('rsp');

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, rip: BigInt(LINEAR), rsp: sp - 8n });
  });

  it('finds its way when its own page is mapped a second time elsewhere', () => {
    const m = warm(caller([]));
    const SHIFT = 0x10000;
    m.pages.map(CODE + SHIFT + 0x700000, CODE, 'w');
    m.pages.map(LINEAR + SHIFT + 0x700000, FRAMES + 0x1000, 'w');

    m.code([], CODE + SHIFT + 0x700000).run();

    expect(m.get('rax')).toBe(2n);
  });
});

describe('a return', () => {
  it('goes to the frame that is mapped now', () => {
    // the function at LINEAR: invlpg [rsi]; ret, back to a page of which another frame is mapped then
    const SECOND = LINEAR + 0x1000;
    const m = new SystemMachine().write(FRAMES, [0x0f, 0x01, 0x3e, 0xc3]);
    m.pages.map(LINEAR, FRAMES, 'w');
    m.pages.map(SECOND, FRAMES + 0x1000, 'w');
    const back = [0xff, 0xd7, 0xb0, 1, HLT]; // call rdi; mov al, 1; hlt
    m.write(FRAMES + 0x1000, back).write(FRAMES + 0x2000, [0xff, 0xd7, 0xb0, 2, HLT]);
    m.set({ rdi: LINEAR, rsi: SECOND, rax: 0 }).code([], SECOND);
    m.step(1); // the call
    m.pages.map(SECOND, FRAMES + 0x2000, 'w');

    m.run();

    expect(m.get('rax')).toBe(2n);
  });

  it('to an address that is not canonical faults at the return', () => {
    const m = new SystemMachine().set({ rbx: 1n << 47n }).code([0x53, 0xc3]); // push rbx; ret

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: BigInt(CODE + 1) });
  });

  it('to the highest page reaches it', () => {
    const m = new SystemMachine().write(FRAMES, [HLT]).set({ rbx: -0x1000n });
    m.pages.map(-0x1000n, FRAMES, 'w');
    m.code([0x53, 0xc3]);

    m.run();

    expect(m.rip).toBe(BigInt.asUintN(64, -0xfffn));
  });
});

describe('a comparison with its jump', () => {
  const LOOP = [0x48, 0xff, 0xc0, 0x48, 0x39, 0xc8, 0x75, 0xf8, HLT]; // inc rax; cmp rax, rcx; jne; hlt

  it('counts two instructions', () => {
    const m = new SystemMachine().set({ rax: 0, rcx: 1000 }).code(LOOP);
    const before = m.cpu.instructionCount;

    m.run();

    expect(m.cpu.instructionCount - before).toBe(3001);
  });

  it('goes on after a budget that ends between them', () => {
    const m = new SystemMachine().set({ rax: 0, rcx: 100 }).code(LOOP);

    Array.from({ length: 400 }, () => m.cpu.run(2));

    expect(m.get('rax')).toBe(100n);
  });

  it('traps after each of them when it is stepped', () => {
    const m = new SystemMachine().set({ rax: 99, rcx: 100 }).code(LOOP);

    const places = [1, 2, 3].map(() => m.step().rip);

    expect(places).toEqual([BigInt(CODE + 3), BigInt(CODE + 6), BigInt(CODE + 8)]);
  });
});

describe('the flushing of address translations', () => {
  const READ = [0x8a, 0x07, HLT]; // mov al, [rdi]; hlt

  it('by a load of CR3 reaches a page that was global before', () => {
    const m = new SystemMachine()
      .enable({ cr4: CR4.PGE })
      .write(FRAMES, [1])
      .write(FRAMES + 0x1000, [2]);
    m.pages.map(LINEAR, FRAMES, 'g');
    m.set({ rdi: LINEAR }).code([...INVLPG, ...RELOAD_CR3, ...READ]);
    m.run();
    m.pages.change(LINEAR, PTE.G, 0n);
    m.code([]).run();
    m.pages.map(LINEAR, FRAMES + 0x1000, '');

    m.code([], CODE + INVLPG.length).run();

    expect(Number(m.get('rax')) & 0xff).toBe(2);
  });

  it('by a change of CR4.PGE reaches global pages', () => {
    const m = new SystemMachine()
      .enable({ cr4: CR4.PGE })
      .write(FRAMES, [1])
      .write(FRAMES + 0x1000, [2]);
    m.pages.map(LINEAR, FRAMES, 'g');
    const toggle = [0x0f, 0x20, 0xe2, 0x48, 0x0f, 0xba, 0xfa, 0x07, 0x0f, 0x22, 0xe2]; // mov rdx, cr4; btc rdx, 7; mov cr4, rdx
    m.set({ rdi: LINEAR }).code([0x8a, 0x07, ...toggle, ...READ]);
    m.run();
    m.pages.map(LINEAR, FRAMES + 0x1000, 'g');

    m.code([], CODE + 2).run();

    expect(Number(m.get('rax')) & 0xff).toBe(2);
  });
});
