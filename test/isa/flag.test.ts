/** POPF by privilege, what it wakes, and encodings that share bytes with NOP. */
import { describe, expect, it } from 'vitest';
import { CODE, CpuFixture, STACK } from '../support/cpu-fixture.ts';

const IF = 1 << 9;
const TF = 1 << 8;
const IOPL = 3 << 12;
const NT = 1 << 14;
const AC = 1 << 18;
const ID = 1 << 21;
const VIF_VIP = 3 << 19;
const FIXED = 2;
const HLT = 0xf4;

/** A machine about to execute POPF with `image` on its stack. */
function beforePopf(image: number): CpuFixture {
  const f = new CpuFixture(32).code([0x9d, 0x90, HLT]);
  f.memory.write32(STACK, image);
  return f;
}

describe('POPF', () => {
  it('in ring 0 changes IF and IOPL but not VIF and VIP', () => {
    const f = beforePopf(IF | IOPL | NT | AC | ID | VIF_VIP);

    f.step();

    expect(f.flags).toBe(IF | IOPL | NT | AC | ID | FIXED);
  });

  it('in ring 3 with IOPL 0 leaves IF and IOPL', () => {
    const f = beforePopf(IF | IOPL | NT).setCpl(3);

    f.step();

    expect(f.flags).toBe(NT | FIXED);
  });

  it('in ring 3 with IOPL 3 changes IF and keeps IOPL', () => {
    const f = beforePopf(IF).setCpl(3);
    f.flags = IOPL;

    f.step();

    expect(f.flags).toBe(IF | IOPL | FIXED);
  });

  it('that opens IF lets a waiting interrupt in before the next instruction', () => {
    const f = beforePopf(IF);
    f.cpu.setIntr(true);

    f.run();

    expect([f.rip, f.cpu.isHalted]).toEqual([BigInt(CODE + 1), false]);
  });

  it('that sets TF ends the run, so that the next instruction is stepped', () => {
    const f = beforePopf(TF);

    f.run();

    expect(f.rip).toBe(BigInt(CODE + 1));
  });
});

describe('opcode 90', () => {
  it('is NOP: the upper half of RAX stays', () => {
    const f = new CpuFixture(64).code([0x90]).set({ rax: 0x1_0000_0001n });

    f.step();

    expect(f.get('rax')).toBe(0x1_0000_0001n);
  });

  it('is XCHG with R8 under REX.B', () => {
    const f = new CpuFixture(64).code([0x49, 0x90]).set({ rax: 1, r8: 2 });

    f.step();

    expect([f.get('rax'), f.get('r8')]).toEqual([2n, 1n]);
  });
});
