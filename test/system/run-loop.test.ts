import { describe, expect, it } from 'vitest';
import { EXIT_BUDGET, EXIT_HALT } from '../../assembly/layout.ts';
import { le } from '../support/little-endian.ts';
import { CODE, DATA, SystemMachine, VECTOR } from '../support/system-machine.ts';

const HLT = 0xf4;
/** Records in one straight run at most: assembly/engine/decode.ts, RUN_MAX. */
const RUN_MAX = 48;
// A program with branches, a REP, faults (UD2, skipped by its handler) and self-modifying code; halts after 2000 rounds.
const PROGRAM = [
  ...[0xb9, ...le(2000, 4)], // mov ecx, 2000
  ...[0x89, 0xcd, 0xbf, ...le(DATA, 4), 0xb9, ...le(7, 4), 0xf3, 0xaa, 0x89, 0xe9], // round: mov ebp, ecx; mov edi, DATA; mov ecx, 7; rep stosb; mov ecx, ebp
  ...[0xfe, 0x05, ...le(1, 4), 0xb0, 0x00], // inc byte [next + 1]; mov al, imm8
  ...[0x00, 0xc3, 0x73, 0x02, 0x0f, 0x0b], // add bl, al; jnc +2; ud2
  ...[0xff, 0xc9, 0x75, 256 - 34, HLT], // dec ecx; jnz round
];
function machine(): SystemMachine {
  const m = new SystemMachine().gate(VECTOR.UD, { offset: CODE + 0x800 }).set({ rbx: 0, rax: 0 });
  m.write(CODE + 0x800, [0x48, 0x83, 0x04, 0x24, 2, 0x48, 0xcf]); // add qword [rsp], 2; iretq
  return m.code(PROGRAM);
}
const state = (m: SystemMachine) => ({
  count: m.cpu.instructionCount,
  rip: m.rip,
  flags: m.flags,
  registers: Array.from({ length: 16 }, (_, n) => m.cpu.getGpr(n)),
  data: m.read(DATA, 16),
});
function runWhole(): SystemMachine {
  const m = machine();
  expect(m.cpu.run(10_000_000)).toBe(EXIT_HALT);
  return m;
}

describe('instruction counts', () => {
  it.each([1, 2, 7, 100, 1009])('runs in pieces of %i end as one run does', (budget) => {
    const whole = runWhole();
    const m = machine();
    while (m.cpu.run(budget) !== EXIT_HALT) expect(m.cpu.isHalted).toBe(false);

    expect(state(m)).toEqual(state(whole));
  });

  it('single steps end as one run does', () => {
    const whole = runWhole();
    const m = machine();
    while (!m.cpu.isHalted) m.step();

    expect(state(m)).toEqual(state(whole));
  });

  it('a run ends at the budget or less than one straight run later', () => {
    const m = new SystemMachine().code([0xff, 0xc0, 0xeb, 0xfc]); // inc eax; jmp back

    expect(m.cpu.run(1001)).toBe(EXIT_BUDGET);
    expect(m.cpu.instructionCount).toBeGreaterThanOrEqual(1001);
    expect(m.cpu.instructionCount).toBeLessThan(1001 + RUN_MAX);
  });

  it('straight code ends soon after the budget too', () => {
    const m = new SystemMachine().code(new Array<number>(0x900).fill(0x90)); // nop

    m.cpu.run(100);

    expect(m.cpu.instructionCount).toBeGreaterThanOrEqual(100);
    expect(m.cpu.instructionCount).toBeLessThan(100 + RUN_MAX);
  });

  it('REP counts its iterations', () => {
    const m = new SystemMachine().set({ rdi: DATA, rcx: 100 }).code([0xf3, 0xaa, HLT]);

    m.run();

    expect(m.cpu.instructionCount).toBe(101);
  });

  it('REP with a count of 0 counts as one', () => {
    const m = new SystemMachine().set({ rdi: DATA, rcx: 0 }).code([0xf3, 0xaa, HLT]);

    m.run();

    expect(m.cpu.instructionCount).toBe(2);
  });

  it('REPE that ends by ZF counts what it compared', () => {
    const m = new SystemMachine()
      .write(DATA, [1, 1, 1, 2])
      .write(DATA + 0x100, [1, 1, 1, 3])
      .set({ rsi: DATA, rdi: DATA + 0x100, rcx: 100 });
    m.code([0xf3, 0xa6, HLT]);

    m.run();

    expect(m.cpu.instructionCount).toBe(5);
    expect(m.get('rcx')).toBe(96n);
  });

  it('REP is left in its middle at the budget and goes on', () => {
    const m = new SystemMachine().set({ rdi: DATA, rcx: 1000, rax: 5 }).code([0xf3, 0xaa, HLT]);

    m.cpu.run(100);

    expect(m.rip).toBe(BigInt(CODE));
    expect(m.get('rcx')).toBe(900n);
    expect(m.run()).toBeUndefined();
    expect(m.cpu.instructionCount).toBe(1001);
  });

  it('REP that faults in its middle has done and counted what came before', () => {
    const m = new SystemMachine().set({ rdi: 0x100000 - 10, rcx: 100 }).code([0xf3, 0xaa, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 2, rip: BigInt(CODE) });
    expect([m.get('rcx'), m.get('rdi')]).toEqual([90n, 0x100000n]);
    expect(m.cpu.instructionCount).toBe(11);
  });

  it('an instruction that faults is not counted', () => {
    const m = new SystemMachine().code([0x90, 0x90, 0x0f, 0x0b]);

    m.run();

    expect(m.cpu.instructionCount).toBe(3);
  });

  it('time-stamps inside a run are exact', () => {
    const m: SystemMachine = new SystemMachine('long', { tscTicks: () => m.cpu.instructionCount });
    m.code([0x90, 0x90, 0x0f, 0x31, 0x89, 0xc3, 0x90, 0x0f, 0x31, HLT]); // nop; nop; rdtsc; mov ebx, eax; nop; rdtsc

    m.run();

    expect([m.get('rbx'), m.get('rax')]).toEqual([2n, 5n]);
  });
});

describe('a request to leave', () => {
  it('from a port ends the run soon', () => {
    const m: SystemMachine = new SystemMachine('long', { portWrite: () => m.cpu.requestExit() });
    m.code([0xe6, 0x80, 0xff, 0xc3, 0xeb, 0xfc]); // out 80h, al; inc ebx; jmp back

    expect(m.cpu.run(1_000_000)).toBe(EXIT_BUDGET);
    expect(m.cpu.instructionCount).toBeLessThan(1 + RUN_MAX);
  });

  it('is not forgotten when the next instruction faults', () => {
    const m: SystemMachine = new SystemMachine('long', { portWrite: () => m.cpu.requestExit() });
    m.gate(VECTOR.UD, { offset: CODE + 0x100 })
      .write(CODE + 0x100, [0xeb, 0xfe])
      .code([0xe6, 0x80, 0x0f, 0x0b]); // the handler: jmp $

    m.cpu.run(1_000_000);

    expect(m.cpu.instructionCount).toBeLessThan(1 + RUN_MAX);
  });

  it('is not forgotten when it comes from an MSR write, which leaves the run anyway', () => {
    const leave = (): boolean => {
      m.cpu.requestExit();
      return true;
    };
    const m: SystemMachine = new SystemMachine('long', { apicWrite: leave }).set({ rcx: 0x80b, rax: 0, rdx: 0 });
    m.code([0x0f, 0x30, 0xeb, 0xfe]); // wrmsr; jmp $

    m.cpu.run(1_000_000);

    expect(m.cpu.instructionCount).toBeLessThan(1 + RUN_MAX);
  });

  it('between runs changes nothing', () => {
    const m = new SystemMachine().code([0xff, 0xc3, 0xeb, 0xfc]);
    m.cpu.requestExit();

    m.cpu.run(1000);

    expect(m.cpu.instructionCount).toBeGreaterThanOrEqual(1000);
  });
});

describe('faults without end', () => {
  it('a handler that faults at once ends the slice', () => {
    const m = new SystemMachine().gate(VECTOR.UD, { offset: CODE }).set({ rsp: 0x7f000 }).code([0x0f, 0x0b]);

    expect(m.cpu.run(2000)).toBe(EXIT_BUDGET);
  });
});
