import { describe, expect, it } from 'vitest';
import {
  DR,
  EXIT_HALT,
  EXIT_SHUTDOWN,
  INTR,
  MSR_FMASK,
  MSR_LSTAR,
  MSR_STAR,
  NMI_BLOCKED,
  SS,
  TR,
} from '../../assembly/layout.ts';
import { le } from '../support/little-endian.ts';
import {
  CODE,
  CR4,
  DATA,
  FLAG,
  HANDLERS,
  IST_STACK,
  RING0_STACK,
  RING3,
  SELECTOR,
  STACK,
  SystemMachine,
  TSS,
  TYPE_CODE_CONFORMING,
  TYPE_DATA,
  TYPE_DATA_DOWN,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE_16,
  TYPE_TRAP_GATE,
  USER_CODE,
  USER_STACK,
  VECTOR,
  type MachineMode,
} from '../support/system-machine.ts';

const HLT = 0xf4;
const UD2 = [0x0f, 0x0b];
const INT = (vector: number) => [0xcd, vector];
const DR6 = DR + 6 * 8;
const DR7 = DR + 7 * 8;
const BS = 1n << 14n;
const IDT_BIT = 2;
const EXT = 1;

/** A machine whose interrupt controller has `vectors` to give, one after the other. */
function withInterrupts(vectors: number[], mode: MachineMode = 'long'): SystemMachine {
  const queue = [...vectors];
  const m: SystemMachine = new SystemMachine(mode, {
    acknowledge: () => {
      const vector = queue.shift() ?? -1;
      m.cpu.setIntr(queue.length > 0);
      return vector;
    },
  });
  m.cpu.setIntr(true);
  return m;
}

describe('delivery in long mode', () => {
  it('pushes SS, RSP, RFLAGS, CS, RIP on an aligned stack and clears IF', () => {
    const m = new SystemMachine().set({ rsp: STACK - 3 }).code(UD2);
    m.flags = FLAG.IF | FLAG.CF;

    const frame = m.run();

    expect(frame).toMatchObject({
      vector: VECTOR.UD,
      rip: BigInt(CODE),
      cs: SELECTOR.code64,
      ss: SELECTOR.data,
      rsp: BigInt(STACK - 3),
    });
    expect(frame!.flags).toBe(FLAG.IF | FLAG.CF | FLAG.FIXED | FLAG.RF);
    expect(m.get('rsp')).toBe(BigInt(STACK - 16 - 40));
    expect(m.flags & FLAG.IF).toBe(0);
  });

  it('a trap gate leaves IF', () => {
    const m = new SystemMachine().gate(VECTOR.UD, { type: TYPE_TRAP_GATE }).code(UD2);
    m.flags = FLAG.IF;

    m.run();

    expect(m.flags & FLAG.IF).toBe(FLAG.IF);
  });

  it('clears TF, NT and RF for the handler', () => {
    const m = new SystemMachine().code(INT(0x80));
    m.flags = FLAG.NT | FLAG.RF;

    expect(m.run()!.flags & (FLAG.NT | FLAG.RF)).toBe(FLAG.NT);
    expect(m.flags & (FLAG.NT | FLAG.RF | FLAG.TF)).toBe(0);
  });

  it('goes to the ring 0 stack of the TSS from ring 3, with a null SS', () => {
    const m = new SystemMachine().userCode(UD2);

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      cs: SELECTOR.userCode64,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
    expect(m.get('rsp')).toBe(BigInt(RING0_STACK - 40));
    expect(m.selector(SS)).toBe(0);
    expect(m.cpl).toBe(0);
  });

  it('goes to ring 0 from 32-bit code in compatibility mode', () => {
    const m = new SystemMachine().userCode(UD2, 32);

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      cs: SELECTOR.userCode32,
      rip: BigInt(USER_CODE),
      rsp: BigInt(USER_STACK),
    });
  });

  it('finds tables and stacks above 4 GiB from compatibility mode', () => {
    const m = new SystemMachine();
    const high = 0xffff_fe00_0000_0000n;
    for (let at = 0; at < 0x10000; at += 0x1000) m.pages.map(high + BigInt(at), at, 'w');
    m.cpu.setControl('idtrBase', high + 0x3000n);
    m.cpu.setControl('gdtrBase', high + 0x2000n);
    m.cpu.setSegment(TR, { ...m.cpu.getSegment(TR), base: high + BigInt(TSS) });
    m.write(TSS + 4, le(high + BigInt(RING0_STACK), 8)).userCode(UD2, 32);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, cs: SELECTOR.userCode32 });
    expect(m.get('rsp')).toBe(high + BigInt(RING0_STACK - 40));
  });

  it('takes the interrupt stack that the gate names', () => {
    const m = new SystemMachine().gate(VECTOR.UD, { ist: 2 }).code(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rsp: BigInt(STACK), ss: SELECTOR.data });
    expect(m.get('rsp')).toBe(BigInt(IST_STACK + 0x400 - 40));
  });

  it('#UD has no error code and #GP has', () => {
    const m = new SystemMachine().set({ rax: SELECTOR.userCode64 | 4 }).code([0x8e, 0xd8]); // mov ds, eax: no LDT

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: (SELECTOR.userCode64 | 4) & ~3 });
  });

  it.each([
    ['a gate that is not present', { type: TYPE_INTERRUPT_GATE & 0x7f }, VECTOR.NP, 0x80 * 8 + IDT_BIT],
    ['a call gate', { type: 0x8c }, VECTOR.GP, 0x80 * 8 + IDT_BIT],
    ['a code segment as gate', { type: 0x9e }, VECTOR.GP, 0x80 * 8 + IDT_BIT],
    ['a 16-bit gate', { type: TYPE_INTERRUPT_GATE_16 }, VECTOR.GP, 0x80 * 8 + IDT_BIT],
    ['a gate to a null selector', { selector: 0 }, VECTOR.GP, 0],
    ['a gate to data', { selector: SELECTOR.data }, VECTOR.GP, SELECTOR.data],
    ['a gate to 32-bit code', { selector: SELECTOR.code32 }, VECTOR.GP, SELECTOR.code32],
    ['a gate to a selector beyond the table', { selector: 0x1000 }, VECTOR.GP, 0x1000],
    ['a gate to less privileged code', { selector: SELECTOR.userCode64 & ~3 }, VECTOR.GP, SELECTOR.userCode64 & ~3],
  ])('%s is refused at the INT instruction', (_, gate, vector, error) => {
    const m = new SystemMachine().gate(0x80, gate).code([0x90, ...INT(0x80)]);

    expect(m.run()).toMatchObject({ vector, error, rip: BigInt(CODE + 1) });
    expect(m.cpu.instructionCount).toBe(2); // the NOP and the handler's HLT
  });

  it('a vector beyond the IDT is #GP', () => {
    const m = new SystemMachine().code(INT(0x80));
    m.cpu.setTableLimits(0xff, 0x80 * 16 + 14);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0x80 * 8 + IDT_BIT });
  });

  it('an external interrupt through a bad gate has EXT in the error code', () => {
    const m = withInterrupts([0x40])
      .gate(0x40, { type: TYPE_INTERRUPT_GATE & 0x7f })
      .code([HLT]);
    m.flags = FLAG.IF;

    expect(m.run()).toMatchObject({ vector: VECTOR.NP, error: 0x40 * 8 + IDT_BIT + EXT });
  });

  it('a TSS too short for the stack is #TS with EXT', () => {
    const m = withInterrupts([0x40]).gate(VECTOR.TS, { ist: 1 });
    m.userCode([0xeb, 0xfe]);
    m.cpu.setSegment(TR, { ...m.cpu.getSegment(TR), limit: 8 });
    m.flags = FLAG.IF;

    expect(m.cpu.run(1000)).toBe(EXIT_SHUTDOWN); // the #TS finds no stack either, nor does the #DF
  });

  it('a conforming handler runs at the level of the program', () => {
    const m = new SystemMachine().descriptor(SELECTOR.free, 0, 0, TYPE_CODE_CONFORMING, 2);
    m.gate(0x80, { selector: SELECTOR.free, offset: USER_CODE + 0x100, type: TYPE_INTERRUPT_GATE | RING3 });
    m.write(USER_CODE + 0x100, UD2).userCode(INT(0x80));

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      rip: BigInt(USER_CODE + 0x100),
      cs: SELECTOR.free | 3,
      rsp: BigInt(USER_STACK - 40),
    });
  });
});

describe('software interrupts', () => {
  it('return behind the instruction', () => {
    const m = new SystemMachine().code(INT(0x80));

    expect(m.run()).toMatchObject({ vector: 0x80, rip: BigInt(CODE + 2) });
  });

  it('need DPL ≥ CPL in the gate', () => {
    const m = new SystemMachine().userCode([0x90, ...INT(0x80)]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0x80 * 8 + IDT_BIT, rip: BigInt(USER_CODE + 1) });
  });

  it('pass a gate with DPL 3 from ring 3', () => {
    const m = new SystemMachine().gate(0x80, { type: TYPE_INTERRUPT_GATE | RING3 }).userCode(INT(0x80));

    expect(m.run()).toMatchObject({ vector: 0x80, rip: BigInt(USER_CODE + 2), rsp: BigInt(USER_STACK) });
  });

  it('INT3 checks DPL and faults at itself', () => {
    const m = new SystemMachine().userCode([0x90, 0xcc]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: VECTOR.BP * 8 + IDT_BIT, rip: BigInt(USER_CODE + 1) });
    expect(m.cpu.instructionCount).toBe(2);
  });

  it('INT3 returns behind itself', () => {
    const m = new SystemMachine().gate(VECTOR.BP, { type: TYPE_INTERRUPT_GATE | RING3 }).userCode([0xcc]);

    expect(m.run()).toMatchObject({ vector: VECTOR.BP, rip: BigInt(USER_CODE + 1) });
  });

  it('INTO does nothing without OF', () => {
    const m = new SystemMachine('protected').code([0xce, HLT]);

    expect(m.run()).toBeUndefined();
  });

  it('INTO with OF is #OF behind itself', () => {
    const m = new SystemMachine('protected').code([0xb0, 0x7f, 0x04, 1, 0xce, HLT]); // mov al, 7fh; add al, 1; into

    expect(m.run()).toMatchObject({ vector: VECTOR.OF, rip: BigInt(CODE + 5) });
  });

  it('INTO checks DPL', () => {
    const m = new SystemMachine('protected').userCode([0xb0, 0x7f, 0x04, 1, 0xce]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: VECTOR.OF * 8 + IDT_BIT, rip: BigInt(USER_CODE + 4) });
  });

  it('INTO is #UD in 64-bit mode', () => {
    const m = new SystemMachine().code([0xce]);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('INT1 does not check DPL', () => {
    const m = new SystemMachine().userCode([0xf1]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(USER_CODE + 1) });
  });

  it('a hardware exception does not check DPL', () => {
    const m = new SystemMachine().userCode(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('a page fault while INT is delivered is at the INT', () => {
    const m = new SystemMachine()
      .set({ rsp: 0x700000 })
      .gate(VECTOR.PF, { ist: 1 })
      .code([0x90, ...INT(0x80)]);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 2, rip: BigInt(CODE + 1), rsp: 0x700000n });
  });
});

describe('delivery in 32-bit protected mode', () => {
  it('pushes EFLAGS, CS, EIP without a change of level', () => {
    const m = new SystemMachine('protected').code(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(CODE), cs: SELECTOR.code32 });
    expect(m.get('rsp')).toBe(BigInt(STACK - 12));
  });

  it('pushes SS and ESP too from ring 3', () => {
    const m = new SystemMachine('protected').userCode(UD2);

    expect(m.run()).toMatchObject({
      vector: VECTOR.UD,
      cs: SELECTOR.userCode32,
      ss: SELECTOR.userData,
      rsp: BigInt(USER_STACK),
    });
    expect(m.get('rsp')).toBe(BigInt(RING0_STACK - 20));
    expect(m.selector(SS)).toBe(SELECTOR.data);
  });

  it('a 16-bit gate pushes words', () => {
    const m = new SystemMachine('protected').gate(0x80, { type: TYPE_INTERRUPT_GATE_16 }).code(INT(0x80));

    m.run();

    expect(m.get('rsp')).toBe(BigInt(STACK - 6));
    expect(m.read(STACK - 6, 4)).toEqual([...le(CODE + 2, 2), ...le(SELECTOR.code32, 2)]);
  });

  it('a null SS in the TSS is #TS(0)', () => {
    const m = new SystemMachine('protected').write(TSS + 8, [0, 0]).gate(VECTOR.TS, { type: TYPE_INTERRUPT_GATE });
    m.gate(0x80, { type: TYPE_INTERRUPT_GATE | RING3 }).descriptor(SELECTOR.free, 0, 0xfffff, TYPE_CODE_CONFORMING, 12);
    m.gate(VECTOR.TS, { selector: SELECTOR.free, offset: USER_CODE + 0x100 });
    m.write(USER_CODE + 0x100, [0x59, 0xeb, 0xfe]).userCode(INT(0x80)); // the handler conforms, so it needs no stack: pop ecx; jmp $

    m.cpu.run(100);

    expect(m.get('rcx')).toBe(0n);
    expect(m.rip).toBe(BigInt(USER_CODE + 0x101));
  });

  it.each([
    ['with the wrong DPL', SELECTOR.userData & ~3, VECTOR.TS, SELECTOR.userData & ~3],
    ['with the wrong RPL', SELECTOR.data | 1, VECTOR.TS, SELECTOR.data],
    ['that is code', SELECTOR.code32, VECTOR.TS, SELECTOR.code32],
    ['beyond the table', 0x1000, VECTOR.TS, 0x1000],
    ['that is not present', SELECTOR.free + 8, VECTOR.SS, SELECTOR.free + 8],
  ])('an SS in the TSS %s is refused', (_, selector, vector, error) => {
    const m = new SystemMachine('protected')
      .write(TSS + 8, le(selector, 2))
      .gate(0x80, { type: TYPE_INTERRUPT_GATE | RING3 });
    m.descriptor(SELECTOR.free, 0, 0xfffff, TYPE_CODE_CONFORMING, 12).descriptor(
      SELECTOR.free + 8,
      0,
      0xfffff,
      TYPE_DATA & 0x7f,
      12,
    );
    m.gate(vector, { selector: SELECTOR.free, offset: USER_CODE + 0x100 });
    m.write(USER_CODE + 0x100, [0x59, 0xeb, 0xfe]).userCode(INT(0x80));

    m.cpu.run(100);

    expect(m.rip).toBe(BigInt(USER_CODE + 0x101));
    expect(m.get('rcx')).toBe(BigInt(error));
  });

  it('a stack without room is #SS with EXT', () => {
    const m = withInterrupts([0x40], 'protected').descriptor(SELECTOR.free, 0, STACK, TYPE_DATA_DOWN, 4);
    m.load(SS, SELECTOR.free)
      .commit()
      .set({ rsp: STACK + 8 })
      .code([HLT]);
    m.flags = FLAG.IF;

    expect(m.cpu.run(1000)).toBe(EXIT_SHUTDOWN); // #SS, then #DF, have no room either
    expect(m.cpu.dump()).toContain('last fault: vector 12, error code 00000001');
  });
});

describe('delivery in real mode', () => {
  it('pushes FLAGS, CS, IP and clears IF and TF', () => {
    const m = new SystemMachine('real').code(INT(0x21));
    m.flags = FLAG.IF;

    expect(m.run()).toMatchObject({ vector: 0x21, rip: BigInt(CODE + 2), cs: 0 });
    expect(m.get('rsp')).toBe(BigInt(STACK - 6));
    expect(m.flags & FLAG.IF).toBe(0);
  });

  it('#UD is at its instruction', () => {
    const m = new SystemMachine('real').code(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(CODE) });
  });

  it('follows the vector’s segment', () => {
    const m = new SystemMachine('real')
      .write(4 * 0x21, [...le(0x10, 2), ...le(0x1000, 2)])
      .write(0x10010, [HLT])
      .code(INT(0x21));

    m.run();

    expect(m.rip).toBe(0x11n);
    expect(m.selector(1)).toBe(0x1000);
  });

  it('a vector beyond the table shuts down when #GP and #DF are as well', () => {
    const m = new SystemMachine('real').code(INT(0x21));
    m.cpu.setTableLimits(0xff, 0x1f);

    expect(m.cpu.run(1000)).toBe(EXIT_SHUTDOWN);
  });
});

describe('nested faults', () => {
  it('#GP while #GP is delivered is #DF with error code 0', () => {
    const m = new SystemMachine().gate(VECTOR.GP, { selector: 0 }).set({ rax: 0x1000 }).code([0x8e, 0xd8]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DF, error: 0, rip: BigInt(CODE) });
  });

  it('#PF while #PF is delivered is #DF', () => {
    const m = new SystemMachine().set({ rsp: 0x700000 }).gate(VECTOR.DF, { ist: 1 }).code([0x50]); // push rax

    expect(m.run()).toMatchObject({ vector: VECTOR.DF, error: 0, rsp: 0x700000n });
  });

  it('#PF while #GP is delivered is #PF', () => {
    const m = new SystemMachine().set({ rsp: 0x700000, rax: 0x1000 }).gate(VECTOR.PF, { ist: 1 }).code([0x8e, 0xd8]);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 2 });
  });

  it('#GP while #PF is delivered is #DF', () => {
    const m = new SystemMachine().set({ rbx: 0x700000 }).gate(VECTOR.PF, { selector: 0 }).code([0x8b, 0x03]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DF, error: 0 });
  });

  it('#NP while #UD is delivered is #NP: #UD is benign', () => {
    const m = new SystemMachine().gate(VECTOR.UD, { type: TYPE_INTERRUPT_GATE & 0x7f }).code(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.NP, error: VECTOR.UD * 8 + IDT_BIT + EXT });
  });

  it('a fault while #DF is delivered shuts down', () => {
    const m = new SystemMachine()
      .gate(VECTOR.GP, { selector: 0 })
      .gate(VECTOR.DF, { selector: 0 })
      .set({ rax: 0x1000 })
      .code([0x8e, 0xd8]);

    expect(m.cpu.run(1000)).toBe(EXIT_SHUTDOWN);
    expect(m.cpu.run(1000)).toBe(EXIT_SHUTDOWN);
  });

  it('a fault in a handler is not nested', () => {
    const m = new SystemMachine()
      .gate(VECTOR.UD, { offset: DATA })
      .write(DATA, [0x8e, 0xd8])
      .set({ rax: 0x1000 })
      .code(UD2);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: BigInt(DATA) });
  });
});

describe('external interrupts', () => {
  it('wait while IF is clear', () => {
    const m = withInterrupts([0x40]).code([0x90, HLT]);

    expect(m.run()).toBeUndefined();
  });

  it('are taken before the next instruction when IF is set', () => {
    const m = withInterrupts([0x40]).code([0x90, HLT]);
    m.flags = FLAG.IF;

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE) });
  });

  it('are taken one instruction after STI', () => {
    const m = withInterrupts([0x40]).code([0xfb, 0xff, 0xc0, 0xff, 0xc0, HLT]); // sti; inc eax; inc eax

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 3) });
  });

  it('are held once only: STI with IF set casts no shadow', () => {
    const m = withInterrupts([0x40]).code([0xfb, 0xfb, 0xff, 0xc0, HLT]);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 2) });
  });

  it('that arrive between STI and HLT wake the HLT', () => {
    const m = withInterrupts([0x40]);
    m.cpu.setIntr(false);
    m.code([0xfb, HLT]);
    m.step();
    m.cpu.setIntr(true);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 2) });
  });

  it('that arrive between MOV SS and the next instruction wait', () => {
    const m = withInterrupts([0x40]);
    m.cpu.setIntr(false);
    m.set({ rax: SELECTOR.data }).code([0x8e, 0xd0, 0x90, 0x90, HLT]); // mov ss, eax; nop; nop
    m.flags = FLAG.IF;
    m.step();
    m.cpu.setIntr(true);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 3) });
  });

  it('wait after MOV SS', () => {
    const m = withInterrupts([0x40]).set({ rax: SELECTOR.data }).code([0xfb, 0x8e, 0xd0, 0x90, 0x90, HLT]); // sti; mov ss, eax; nop

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 4) });
  });

  it('wait after POP SS', () => {
    const m = withInterrupts([0x40], 'protected')
      .set({ rsp: STACK - 4 })
      .write(STACK - 4, le(SELECTOR.data, 4));
    m.code([0xfb, 0x17, 0x90, 0x90, HLT]); // sti; pop ss; nop

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 3) });
  });

  it('are taken right after POPF that sets IF', () => {
    const m = withInterrupts([0x40]).code([0x68, ...le(FLAG.IF | 2, 4), 0x9d, 0x90, HLT]); // push; popf; nop

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 6) });
  });

  it('are taken right after IRET that sets IF', () => {
    const m = withInterrupts([0x40]).set({ rsp: STACK - 40 });
    m.write(STACK - 40, [
      ...le(DATA, 8),
      ...le(SELECTOR.code64, 8),
      ...le(FLAG.IF | 2, 8),
      ...le(STACK, 8),
      ...le(SELECTOR.data, 8),
    ]);
    m.write(DATA, [HLT]).code([0x48, 0xcf]);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(DATA) });
  });

  it('end HLT and return behind it', () => {
    const m = withInterrupts([0x40]);
    m.cpu.setIntr(false);
    m.code([0xfb, HLT]);
    expect(m.cpu.run(100)).toBe(EXIT_HALT);
    m.cpu.setIntr(true);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 2) });
  });

  it('do not end HLT while IF is clear', () => {
    const m = withInterrupts([0x40]).code([HLT, 0x90]);

    m.cpu.run(100);

    expect(m.cpu.run(100)).toBe(EXIT_HALT);
    expect(m.rip).toBe(BigInt(CODE + 1));
  });

  it('that went away leave the program alone', () => {
    const m = withInterrupts([]).code([0x90, HLT]);
    m.flags = FLAG.IF;

    expect(m.run()).toBeUndefined();
  });

  it('between iterations of REP return to the REP', () => {
    const m = withInterrupts([0x40]);
    m.cpu.setIntr(false);
    m.set({ rdi: DATA, rcx: 100 }).code([0xf3, 0xaa, HLT]); // rep stosb
    m.flags = FLAG.IF;
    m.cpu.core.exports.run(10);
    m.cpu.setIntr(true);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE) });
    expect(m.get('rcx')).toBe(90n);
  });

  it('switch the stack from ring 3', () => {
    const m = withInterrupts([0x40]).userCode([0xeb, 0xfe]);
    m.flags = FLAG.IF;

    expect(m.run()).toMatchObject({ vector: 0x40, cs: SELECTOR.userCode64, rsp: BigInt(USER_STACK) });
  });

  it('in real mode go through the vector table', () => {
    const m = withInterrupts([0x40], 'real').code([0xfb, 0x90, 0x90, HLT]);

    expect(m.run()).toMatchObject({ vector: 0x40, rip: BigInt(CODE + 2) });
  });
});

describe('NMI', () => {
  it('is taken with IF clear', () => {
    const m = new SystemMachine().code([0x90, HLT]);
    m.cpu.raiseNmi();

    expect(m.run()).toMatchObject({ vector: VECTOR.NMI, rip: BigInt(CODE) });
  });

  it('ends HLT with IF clear', () => {
    const m = new SystemMachine().code([HLT]);
    m.cpu.run(100);
    m.cpu.raiseNmi();

    expect(m.run()).toMatchObject({ vector: VECTOR.NMI, rip: BigInt(CODE + 1) });
  });

  it('is blocked until IRET', () => {
    const m = new SystemMachine().gate(VECTOR.NMI, { offset: DATA }).code([0x90, HLT]);
    m.write(DATA, [0xff, 0xc0, 0x83, 0xf8, 2, 0x74, 2, 0x48, 0xcf, HLT]); // inc eax; cmp eax, 2; je +2; iretq; hlt
    m.cpu.raiseNmi();
    m.cpu.run(1);
    m.cpu.raiseNmi();

    m.cpu.run(100);

    expect(m.get('rax')).toBe(2n);
    expect(m.rip).toBe(BigInt(DATA + 10));
    expect(m.block64(NMI_BLOCKED) & 1n).toBe(1n);
  });

  it('goes before an external interrupt', () => {
    const m = withInterrupts([0x40]).code([0x90, HLT]);
    m.flags = FLAG.IF;
    m.cpu.raiseNmi();

    expect(m.run()).toMatchObject({ vector: VECTOR.NMI });
    expect(m.block64(INTR) & 1n).toBe(1n);
  });
});

describe('single step', () => {
  const stepping = (m: SystemMachine) => {
    m.flags = FLAG.TF;
    return m;
  };

  it('traps after one instruction with DR6.BS', () => {
    const m = stepping(new SystemMachine().code([0x90, 0x90, HLT]));

    const frame = m.run();

    expect(frame).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 1) });
    expect(frame!.flags & FLAG.TF).toBe(FLAG.TF);
    expect(m.block64(DR6) & BS).toBe(BS);
    expect(m.flags & FLAG.TF).toBe(0);
  });

  it('traps after the instruction behind a POPF that sets TF', () => {
    const m = new SystemMachine().code([0x68, ...le(FLAG.TF | 2, 4), 0x9d, 0x90, 0x90, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 7) });
  });

  it('traps after a POPF that clears TF', () => {
    const m = stepping(
      new SystemMachine()
        .set({ rsp: STACK - 8 })
        .write(STACK - 8, le(2, 8))
        .code([0x9d, 0x90, HLT]),
    );

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 1) });
  });

  it('traps after the first instruction behind an IRET that sets TF', () => {
    const m = new SystemMachine().set({ rsp: STACK - 40 });
    m.write(STACK - 40, [
      ...le(USER_CODE, 8),
      ...le(SELECTOR.userCode64, 8),
      ...le(FLAG.TF | 2, 8),
      ...le(USER_STACK, 8),
      ...le(SELECTOR.userData, 8),
    ]);
    m.write(USER_CODE, [0x90, 0x90]).code([0x48, 0xcf]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(USER_CODE + 1), cs: SELECTOR.userCode64 });
  });

  it('traps after every iteration of REP', () => {
    const m = stepping(new SystemMachine().set({ rdi: DATA, rcx: 3 }).code([0xf3, 0xaa, HLT]));

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE) });
    expect(m.get('rcx')).toBe(2n);
  });

  it('traps behind REP after its last iteration', () => {
    const m = stepping(new SystemMachine().set({ rdi: DATA, rcx: 1 }).code([0xf3, 0xaa, HLT]));

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 2) });
  });

  it('does not trap after a fault', () => {
    const m = stepping(new SystemMachine().code(UD2));

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
    expect(m.block64(DR6) & BS).toBe(0n);
  });

  it('does not trap at the handler of INT', () => {
    const m = stepping(new SystemMachine().code(INT(0x80)));

    const frame = m.run();

    expect(frame).toMatchObject({ vector: 0x80, rip: BigInt(CODE + 2) });
    expect(frame!.flags & FLAG.TF).toBe(FLAG.TF);
    expect(m.block64(DR6) & BS).toBe(0n);
  });

  it('waits for the instruction behind MOV SS', () => {
    const m = stepping(new SystemMachine().set({ rax: SELECTOR.data }).code([0x8e, 0xd0, 0x90, 0x90, HLT]));

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 3) });
  });

  it('wakes from HLT', () => {
    const m = stepping(new SystemMachine().code([HLT, 0x90]));

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 1) });
  });

  it('SYSCALL with TF in FMASK does not trap', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_FMASK, BigInt(FLAG.TF))
      .setBlock64(MSR_LSTAR, BigInt(HANDLERS + 0xee))
      .setBlock64(MSR_STAR, 0x0020_0008_0000_0000n);
    stepping(m.userCode([0x0f, 0x05]));
    m.cpu.run(100);

    expect(m.rip).toBe(BigInt(HANDLERS + 0xef));
    expect(m.get('r11') & BigInt(FLAG.TF)).toBe(BigInt(FLAG.TF));
    expect(m.block64(DR6) & BS).toBe(0n);
  });

  it('SYSCALL without TF in FMASK traps at the entry', () => {
    const m = new SystemMachine().setBlock64(MSR_LSTAR, BigInt(DATA)).setBlock64(MSR_STAR, 0x0020_0008_0000_0000n);
    stepping(m.userCode([0x0f, 0x05]));

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(DATA), cs: SELECTOR.code64 });
  });

  it('SYSRET that loads TF traps before the program’s first instruction', () => {
    const m = new SystemMachine()
      .setBlock64(MSR_STAR, 0x0020_0008_0000_0000n)
      .set({ rcx: USER_CODE, r11: FLAG.TF | 2 });
    m.write(USER_CODE, [0x90]).code([0x48, 0x0f, 0x07]);

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(USER_CODE), cs: SELECTOR.userCode64 });
  });

  it('steps over a faulting instruction once its handler returned', () => {
    const m = stepping(new SystemMachine().gate(VECTOR.UD, { offset: DATA }).code([...UD2, 0x90, HLT]));
    m.write(DATA, [0x48, 0x83, 0x04, 0x24, 2, 0x48, 0xcf]); // add qword [rsp], 2; iretq

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 3) });
  });
});

describe('RF', () => {
  it('is set in the frame of a fault and clear in the program that its handler returns to', () => {
    const m = new SystemMachine().gate(VECTOR.UD, { offset: DATA }).code([...UD2, 0x90, HLT]);
    // pop rax; pop rcx; pop rdx; push rdx; push rcx; push rax; add qword [rsp], 2; iretq
    m.write(DATA, [0x58, 0x59, 0x5a, 0x52, 0x51, 0x50, 0x48, 0x83, 0x04, 0x24, 2, 0x48, 0xcf]);

    expect(m.run()).toBeUndefined();
    expect(m.get('rdx') & BigInt(FLAG.RF)).toBe(BigInt(FLAG.RF));
    expect(m.flags & FLAG.RF).toBe(0);
  });
});

describe('debug registers', () => {
  it('DR7.GD makes an access #DB with DR6.BD and is clear in the handler', () => {
    const m = new SystemMachine().setBlock64(DR7, 0x2400n).code([0x90, 0x0f, 0x21, 0xc0]); // mov rax, dr0

    expect(m.run()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 1) });
    expect(m.block64(DR6) & (1n << 13n)).toBe(1n << 13n);
    expect(m.block64(DR7)).toBe(0x400n);
  });

  it('DR4 is DR6 without CR4.DE and #UD with it', () => {
    const m = new SystemMachine().code([0x0f, 0x21, 0xe0, HLT]); // mov rax, dr4

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(0xffff0ff0n);
    expect(m.enable({ cr4: CR4.DE }).code([0x0f, 0x21, 0xe0, HLT]).run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('the upper halves of DR6 and DR7 must be clear', () => {
    const m = new SystemMachine().set({ rax: 1n << 32n }).code([0x0f, 0x23, 0xf8]); // mov dr7, rax

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('are for ring 0', () => {
    const m = new SystemMachine().userCode([0x0f, 0x21, 0xc0]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });
});
