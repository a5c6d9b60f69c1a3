import { MSR_LSTAR, MSR_STAR } from '../../../assembly/layout.ts';
import { describe, expect, it } from 'vitest';
import type { Stop } from '../../../src/machine/inspect/types.ts';
import { debugged, type Debugged } from '../../support/debugged.ts';
import { le } from '../../support/little-endian.ts';
import {
  CODE,
  DATA,
  FLAG,
  HANDLERS,
  SELECTOR,
  STACK,
  SystemMachine,
  USER_CODE,
  VECTOR,
} from '../../support/system-machine.ts';

const NOP = 0x90;
const HLT = 0xf4;
const INC_RAX = [0x48, 0xff, 0xc0];
const SYSCALL = [0x0f, 0x05];
const SYSRETQ = [0x48, 0x0f, 0x07];
const RET = 0xc3;

const at = (stop: Stop): number => Number(stop.rip);

/** A machine in user code with a kernel that does nothing but return. */
function withKernel(user: readonly number[], kernel: readonly number[] = SYSRETQ) {
  const machine = new SystemMachine();
  machine.setBlock64(MSR_STAR, (BigInt(SELECTOR.code64) << 32n) | (BigInt(SELECTOR.userCode32) << 48n));
  machine.setBlock64(MSR_LSTAR, BigInt(CODE));
  machine.write(CODE, kernel);
  machine.userCode(user);
  return { machine, ...debugged(machine) };
}

/** Addresses of all instructions executed up to HLT, one by one. */
async function trace(machine: SystemMachine, { debug }: Debugged): Promise<number[]> {
  const addresses: number[] = [];
  while (!machine.cpu.isHalted) {
    addresses.push(Number(machine.rip));
    await debug.step();
  }
  return addresses;
}

/** How often a run up to HLT stops at a breakpoint. */
async function countStops(machine: SystemMachine, address: number): Promise<number> {
  const { debug, until } = debugged(machine);
  debug.setBreakpoints([{ linear: BigInt(address) }]);
  let count = machine.rip === BigInt(address) ? 1 : 0; // it stands there already
  while ((await until()).reason.kind === 'breakpoint') count++;
  return count;
}

/** Where in the page an instruction crosses into the next. */
const CROSSING = CODE + 0xffe;
const FUNCTION = CODE + 19 + 0x100;
const REP_STOSB = FUNCTION + 8;
/** A loop with a jump that is taken or not, a call, a repetition, and an instruction across a page's end. */
function program(): SystemMachine {
  const machine = new SystemMachine();
  machine.write(FUNCTION, [
    ...[0x51, 0xbf, ...le(DATA, 4), 0xb1, 4], // push rcx; mov edi, DATA; mov cl, 4
    ...[0xf3, 0xaa, 0x59], // rep stosb; pop rcx
    ...[0xe9, ...le(CROSSING - (FUNCTION + 16), 4)], // jmp
  ]);
  machine.write(CROSSING, [0x48, 0x83, 0xc3, 1, RET]); // add rbx, 1; ret
  return machine.set({ rax: 0 }).code([
    ...[0xb9, ...le(3, 4)], // mov ecx, 3
    ...[...INC_RAX, 0xa8, 1, 0x74, 2, NOP, NOP], // loop: inc rax; test al, 1; jz over; nop; nop
    ...[0xe8, ...le(0x100, 4)], // over: call FUNCTION
    ...[0xff, 0xc9, 0x75, 0xee, HLT], // dec ecx; jnz loop; hlt
  ]);
}

describe('breakpoints', () => {
  it('stop as often as their instruction is executed, wherever it is', async () => {
    const traced = program();
    const addresses = (await trace(traced, debugged(traced))).filter((address) => address !== REP_STOSB);
    const distinct = [...new Set(addresses)];

    const counts = await Promise.all(distinct.map((address) => countStops(program(), address)));

    expect(distinct.length).toBe(17);
    expect(counts).toEqual(distinct.map((address) => addresses.filter((other) => other === address).length));
  });

  it('stop once at a repetition, not at each of its iterations', async () => {
    expect(await countStops(program(), REP_STOSB)).toBe(3);
  });

  it('stop in a loop that is translated, at once and each time around', async () => {
    const machine = new SystemMachine().code([...INC_RAX, NOP, 0xeb, 0xfa]); // inc rax; nop; jmp
    const { debug, until } = debugged(machine);
    debug.resume();
    while (machine.cpu.translationStatistics.retired < 1e6) await new Promise((resolve) => setTimeout(resolve, 5));
    debug.pause();
    debug.setBreakpoints([{ linear: BigInt(CODE + 3) }]);

    const stops = [await until(), await until()];
    const first = machine.get('rax');
    await until();

    expect(stops.map(at)).toEqual([CODE + 3, CODE + 3]);
    expect(machine.get('rax')).toBe(first + 1n);
    debug.setBreakpoints([]);
  });

  it('let the code be translated again when they are gone', async () => {
    const machine = new SystemMachine().code([...INC_RAX, 0xeb, 0xfb]);
    const { debug, until } = debugged(machine);
    debug.setBreakpoints([{ linear: BigInt(CODE) }]);
    await until();
    debug.setBreakpoints([]);

    debug.resume();
    while (machine.cpu.translationStatistics.retired < 1e6) await new Promise((resolve) => setTimeout(resolve, 5));

    expect(debug.pause().reason).toEqual({ kind: 'pause' });
  });

  it('stop only in the address space that they are for', async () => {
    const machine = new SystemMachine().code([NOP, NOP, HLT]);
    const { debug, until } = debugged(machine);
    const other = BigInt(machine.pages.root) + 0x1000n;
    debug.setBreakpoints([
      { linear: BigInt(CODE + 1), cr3: other },
      { linear: BigInt(CODE + 2), cr3: BigInt(machine.pages.root) },
    ]);

    expect(at(await until())).toBe(CODE + 2);
  });

  it('end a run of many steps', async () => {
    const machine = new SystemMachine().code([NOP, NOP, NOP, HLT]);
    const { debug } = debugged(machine);
    debug.setBreakpoints([{ linear: BigInt(CODE + 2) }]);

    expect(await debug.step({ count: 100 })).toMatchObject({ reason: { kind: 'breakpoint' }, rip: BigInt(CODE + 2) });
  });
});

describe('steps', () => {
  it('execute one instruction each', async () => {
    const machine = new SystemMachine().set({ rax: 0 }).code([...INC_RAX, ...INC_RAX, HLT]);
    const { debug } = debugged(machine);

    const stop = await debug.step();

    expect([machine.get('rax'), at(stop), stop.reason]).toEqual([1n, CODE + 3, { kind: 'step' }]);
  });

  it('execute one iteration of a repetition', async () => {
    const machine = new SystemMachine().set({ rcx: 3, rdi: DATA, rax: 7 }).code([0xf3, 0xaa, HLT]);
    const { debug } = debugged(machine);

    const stop = await debug.step();

    expect([machine.get('rcx'), at(stop), machine.read(DATA, 2)]).toEqual([2n, CODE, [7, 0]]);
  });

  it('over a repetition do all of it', async () => {
    const machine = new SystemMachine().set({ rcx: 300, rdi: DATA, rax: 7 }).code([0xf3, 0xaa, HLT]);
    const { debug } = debugged(machine);

    const stop = await debug.step({ over: true });

    expect([machine.get('rcx'), at(stop), stop.reason]).toEqual([0n, CODE + 2, { kind: 'step' }]);
  });

  it('over a call come back in the same frame, though the function calls itself', async () => {
    // f: inc rax; cmp al, 3; jae done; call f; done: ret
    const f = [...INC_RAX, 0x3c, 3, 0x73, 5, 0xe8, ...le(-12, 4), RET];
    const machine = new SystemMachine().set({ rax: 0 }).code([0xe8, ...le(1, 4), HLT, ...f]);
    const { debug } = debugged(machine);
    await debug.step({ count: 4 }); // call, inc, cmp, jae: at the inner call

    const stop = await debug.step({ over: true });

    expect([at(stop), machine.get('rax'), machine.get('rsp')]).toEqual([CODE + 18, 3n, BigInt(STACK - 8)]);
  });

  it('go into the kernel by SYSCALL and back by SYSRET', async () => {
    const { machine, debug } = withKernel([...SYSCALL, NOP, HLT]);

    await debug.step();
    const inside = [Number(machine.rip), machine.cpl];
    await debug.step();

    expect([inside, Number(machine.rip), machine.cpl]).toEqual([[CODE, 0], USER_CODE + 2, 3]);
  });

  it('over SYSCALL come back to user code', async () => {
    const { machine, debug } = withKernel([...SYSCALL, NOP, HLT], [...INC_RAX, ...SYSRETQ]);
    machine.set({ rax: 41 });

    const stop = await debug.step({ over: true });

    expect([at(stop), machine.cpl, machine.get('rax')]).toEqual([USER_CODE + 2, 3, 42n]);
  });

  it('take an interrupt that waits instead of the instruction', async () => {
    const machine = new SystemMachine('long', { acknowledge: () => 0x40 }).code([NOP, HLT]);
    machine.flags = FLAG.IF;
    machine.cpu.setIntr(true);
    const { debug } = debugged(machine);

    const stop = await debug.step();

    expect([stop.reason, at(stop)]).toEqual([{ kind: 'interrupt', vector: 0x40 }, HANDLERS + 0x40]);
    expect(machine.delivered()).toMatchObject({ vector: 0x40, rip: BigInt(CODE) });
  });

  it('execute the instruction behind STI before an interrupt is taken', async () => {
    const machine = new SystemMachine('long', { acknowledge: () => 0x40 }).code([0xfb, NOP, HLT]);
    machine.flags = 0;
    machine.cpu.setIntr(true);
    const { debug } = debugged(machine);

    const stops = [await debug.step(), await debug.step(), await debug.step()];

    expect(stops.map(at)).toEqual([CODE + 1, CODE + 2, HANDLERS + 0x40]);
  });

  it.each([
    ['an ordinary instruction', FLAG.IF, CODE + 1],
    ["an instruction that the guest's own single-step trap follows", FLAG.IF | FLAG.TF, HANDLERS + VECTOR.DB],
  ])('can have interrupts wait: %s', async (_, flags, then) => {
    const machine = new SystemMachine('long', { acknowledge: () => 0x40 }).code([NOP, HLT]);
    machine.flags = flags;
    machine.cpu.setIntr(true);
    const { debug } = debugged(machine);

    const held = await debug.step({ holdInterrupts: true });
    machine.flags = FLAG.IF;
    const taken = await debug.step();

    expect([at(held), taken.reason]).toEqual([then, { kind: 'interrupt', vector: 0x40 }]);
  });

  it('that hold interrupts still give a halted CPU the one that it waits for', async () => {
    const machine = new SystemMachine('long', { acknowledge: () => 0x40 }).code([HLT]);
    machine.flags = FLAG.IF;
    const { debug } = debugged(machine);
    await debug.step();
    machine.cpu.setIntr(true);

    expect((await debug.step({ holdInterrupts: true })).reason).toEqual({ kind: 'interrupt', vector: 0x40 });
  });

  it("deliver the guest's own single-step trap", async () => {
    const machine = new SystemMachine().code([NOP, HLT]);
    machine.flags = FLAG.TF;
    const { debug } = debugged(machine);

    await debug.step();

    expect(machine.delivered()).toMatchObject({ vector: VECTOR.DB, rip: BigInt(CODE + 1) });
  });

  it('tell an exception with its error code, at its handler', async () => {
    const machine = new SystemMachine().set({ rbx: 0x70000000 }).code([0x8b, 0x03, HLT]); // mov eax, [rbx]
    const { debug } = debugged(machine);

    const stop = await debug.step();

    expect(stop).toMatchObject({
      reason: { kind: 'exception', vector: VECTOR.PF, name: '#PF page fault', error: 0 },
      rip: BigInt(HANDLERS + VECTOR.PF),
    });
  });

  it('on a halted CPU go to the next timer that wakes it', async () => {
    const machine = new SystemMachine('long', { acknowledge: () => 0x41 }).code([HLT]);
    machine.flags = FLAG.IF;
    const { debug, timers, time } = debugged(machine);
    const wakeNs = time.nowNs() + 3e9;
    timers.createTimer('wake', () => machine.cpu.setIntr(true)).arm(wakeNs);
    await debug.step();

    const stop = await debug.step();

    expect(stop.reason).toEqual({ kind: 'interrupt', vector: 0x41 });
    expect(time.nowNs()).toBeGreaterThanOrEqual(wakeNs);
  });

  it('on a CPU that nothing can wake say so', async () => {
    const machine = new SystemMachine().code([HLT]);
    const { debug } = debugged(machine);
    await debug.step();

    expect((await debug.step()).reason).toEqual({ kind: 'halted' });
  });
});

describe('events', () => {
  it('stop before a system call, with its number', async () => {
    // mov eax, 0x050f0027: the bytes of SYSCALL where none is; then the real one
    const { machine, until } = withKernel([0xb8, 0x27, 0, 0x0f, 0x05, 0x0f, 0xb6, 0xc0, ...SYSCALL, NOP]);

    const stop = await until({ events: ['system-call'] });

    expect(stop).toMatchObject({
      reason: { kind: 'system-call', instruction: 'syscall', number: 0x27n },
      rip: BigInt(USER_CODE + 8),
    });
    expect(machine.cpl).toBe(3);
  });

  it('stop before each of the system calls of a loop, also when it is translated', async () => {
    const loop = [...INC_RAX, 0x84, 0xc0, 0x75, 0xf9, ...SYSCALL, 0xeb, 0xf5]; // inc rax; test al, al; jnz; syscall; jmp
    const { machine, debug, until } = withKernel(loop);
    machine.set({ rax: 0 });
    debug.resume();
    while (machine.cpu.translationStatistics.retired < 1e6) await new Promise((resolve) => setTimeout(resolve, 5));
    debug.pause();

    const stops = [await until({ events: ['system-call'] }), await until({ events: ['system-call'] })];

    expect(stops.map(at)).toEqual([USER_CODE + 7, USER_CODE + 7]);
    expect(stops[1]!.instructions - stops[0]!.instructions).toBe(256 * 3 + 3);
  });

  it('stop when the CPU comes back to user code, and when it leaves it', async () => {
    const { until } = withKernel([NOP, ...SYSCALL, NOP, HLT], [NOP, ...SYSRETQ]);

    const into = await until({ events: ['kernel-mode'] });
    const back = await until({ events: ['user-mode'] });

    expect([into, back].map((stop) => [stop.reason.kind, at(stop)])).toEqual([
      ['kernel-mode', CODE],
      ['user-mode', USER_CODE + 3],
    ]);
  });

  it('stop at an exception', async () => {
    const { until } = debugged(new SystemMachine().code([NOP, 0x0f, 0x0b]));

    const stop = await until({ events: ['exception'] });

    expect(stop.reason).toEqual({ kind: 'exception', vector: VECTOR.UD, name: '#UD invalid opcode' });
  });

  it('stop at a change of mode', async () => {
    // push code32; push target; retfq
    const machine = new SystemMachine().code([0x6a, SELECTOR.code32, 0x68, ...le(CODE + 0x80, 4), 0x48, 0xcb]);
    machine.write(CODE + 0x80, [NOP, HLT]);
    const { until } = debugged(machine);

    const stop = await until({ events: ['mode-change'] });

    expect(stop).toMatchObject({
      reason: { from: '64-bit mode', to: '32-bit compatibility mode' },
      rip: BigInt(CODE + 0x80),
    });
  });

  it('do not bring a run to an end that was reached before', async () => {
    const machine = new SystemMachine().code([NOP, NOP, 0xeb, 0xfc]);
    const { until } = debugged(machine);

    const stop = await until({ linear: BigInt(CODE + 1), events: ['exception'] });

    expect(stop.reason).toEqual({ kind: 'address', linear: BigInt(CODE + 1) });
  });
});

describe('standing still', () => {
  it('stops the clock, which then goes on where it was', async () => {
    const machine = new SystemMachine().code([0xeb, 0xfe]);
    const { debug, time } = debugged(machine);
    const stoppedNs = time.nowNs();
    const bootUnixMs = time.bootUnixMs;
    await new Promise((resolve) => setTimeout(resolve, 30));

    const stillNs = time.nowNs();
    debug.resume();

    expect(stillNs).toBe(stoppedNs);
    expect(time.nowNs() - stoppedNs).toBeLessThan(20e6);
    expect(time.bootUnixMs - bootUnixMs).toBeGreaterThanOrEqual(29);
    debug.pause();
  });

  it('comes from one call to pause, whoever waits', async () => {
    const machine = new SystemMachine().code([0xeb, 0xfe]);
    const { debug } = debugged(machine);
    debug.resume();
    const waiting = [debug.stopped(), debug.stopped()];

    const stop = debug.pause();

    expect(await Promise.all(waiting)).toEqual([stop, stop]);
  });

  it('ends with the machine', async () => {
    const machine = new SystemMachine().code([HLT]);
    const { until } = debugged(machine);
    machine.flags = 0;

    expect((await until()).reason).toEqual({ kind: 'ended' });
  });
});

describe('orders that make no sense', () => {
  const order = (action: (on: Debugged) => unknown) => async () =>
    action(debugged(new SystemMachine().code([NOP, HLT])));

  it.each([
    ['no step', { count: 0 }, 'LIMIT'],
    ['too many steps', { count: 1e9 }, 'LIMIT'],
    ['half a step', { count: 0.5 }, 'LIMIT'],
    ['several steps over', { count: 2, over: true }, 'USAGE'],
  ])('are refused: %s', async (_, options, code) => {
    await expect(order(({ debug }) => debug.step(options))()).rejects.toMatchObject({ code });
  });

  it.each([
    ['an event that there is not', { events: ['coffee' as never] }, 'USAGE'],
    ['events that are no list', { events: 7 as never }, 'USAGE'],
    ['an address of 65 bits', { linear: 1n << 64n }, 'USAGE'],
    ['a number for an address', { linear: 4096 as never }, 'USAGE'],
  ])('are refused: %s', async (_, until, code) => {
    await expect(order(({ debug }) => debug.resume(until))()).rejects.toMatchObject({ code });
  });

  it('are refused: more breakpoints than anybody needs', async () => {
    const many = Array.from({ length: 65 }, (_, n) => ({ linear: BigInt(n) }));

    await expect(order(({ debug }) => debug.setBreakpoints(many))()).rejects.toMatchObject({ code: 'LIMIT' });
  });
});
