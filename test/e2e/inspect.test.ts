/** Looking inside a Linux guest: a system call followed from a program into the kernel and back. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { MachineInspection, RegisterState, Stop } from '../../src/machine/inspect/types.ts';
import { Machine } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { coreModule, tierOfTests } from '../support/core-module.ts';
import { guestAssets } from '../support/guest-assets.ts';
import { shellInitramfs } from '../support/shell-initramfs.ts';

/** The shell opens a file for ever. */
const SCRIPT = 'echo READY; while true; do : < /dev/null; done';
const OPEN_AT = 257n; // openat, arch/x86/entry/syscalls/syscall_64.tbl of Linux 6.1
let machine: Machine;
let inside: MachineInspection;
let text = '';

beforeAll(async () => {
  const { kernel, busybox } = guestAssets();
  let ready!: () => void;
  const isReady = new Promise<void>((resolve) => (ready = resolve));
  machine = new Machine({
    coreModule: coreModule(),
    ramBytes: 256 << 20,
    tier: tierOfTests(),
    host: nodeHost(),
    boot: {
      kernel: readFileSync(kernel),
      initrd: shellInitramfs(busybox, SCRIPT),
      commandLine: 'console=ttyS0 quiet panic=-1',
    },
    com1: (bytes) => {
      text += new TextDecoder('latin1').decode(bytes);
      if (text.includes('READY')) ready();
    },
  });
  inside = machine.inspection;
  machine.run().catch(() => {});
  await isReady;
});
afterAll(() => machine.stop());

const registers = async (): Promise<RegisterState> => (await inside.look({ registers: true })).registers!;
const general = (of: RegisterState, name: string): bigint => of.general.find((other) => other.name === name)!.value;
const until = async (...[events]: Parameters<MachineInspection['resume']>): Promise<Stop> => {
  await inside.resume(events);
  return inside.stopped();
};

describe('a system call of a program on Linux', () => {
  it('is followed by steps into the kernel and back', async () => {
    await inside.pause();
    let call = await until({ events: ['system-call'] });
    while (call.reason.kind === 'system-call' && call.reason.number !== OPEN_AT)
      call = await until({ events: ['system-call'] });
    const program = await registers();

    await inside.step({ holdInterrupts: true });
    const kernel = await registers();
    await until({ events: ['user-mode'] });
    const back = await registers();

    expect(call.reason).toEqual({ kind: 'system-call', instruction: 'syscall', number: OPEN_AT });
    expect([program.cpl, general(program, 'rax')]).toEqual([3, OPEN_AT]);
    expect([kernel.cpl, kernel.symbol]).toEqual([0, { name: 'entry_SYSCALL_64', offset: 0 }]);
    expect(general(kernel, 'rcx')).toBe(program.rip + 2n);
    expect([back.cpl, back.rip]).toEqual([3, program.rip + 2n]);
  });

  it('is stepped over in one go', async () => {
    const call = await until({ events: ['system-call'] });

    const after = await inside.step({ over: true });

    expect([after.reason.kind, after.rip]).toEqual(['step', call.rip + 2n]);
  });

  it('stops at a function of the kernel by its name', async () => {
    const { symbols } = await inside.look({ symbols: { named: ['do_sys_openat2', 'no_such_function'] } });
    const linear = symbols!.named[0]!;
    await inside.setBreakpoints([{ linear }]);

    const stop = await until();
    const { code, registers: now } = await inside.look({ registers: true, code: { count: 8 } });
    await inside.setBreakpoints([]);

    expect(symbols!.count).toBeGreaterThan(10_000);
    expect(symbols!.named[1]).toBeUndefined();
    expect([stop.reason, now!.cpl]).toEqual([{ kind: 'breakpoint', linear }, 0]);
    expect(code!.lines[0]).toMatchObject({ linear, symbol: { name: 'do_sys_openat2', offset: 0 } });
  });

  it('leaves a machine that goes on at full speed', async () => {
    await inside.resume();
    const before = machine.statistics().translation.retired;

    await vi.waitFor(() => expect(machine.statistics().translation.retired).toBeGreaterThan(before + 5e6), 20_000);
    expect((await inside.look({})).state).toBe('running');
  });

  it('takes place in memory that the page tables explain', async () => {
    await inside.pause();
    await until({ events: ['system-call'] });
    const {
      registers: now,
      walks,
      memory,
      devices,
    } = await inside.look({
      registers: true,
      walks: [{}],
      memory: [{ space: 'linear', byteCount: 16 }],
      devices: true,
    });
    const [walk] = walks!;

    expect(walk!.levels.map(({ name }) => name)).toEqual(['PML4E', 'PDPTE', 'PDE', 'PTE']);
    expect(walk!.result).toMatchObject({ kind: 'mapped', user: true, executable: true, writable: false, ram: true });
    expect(memory![0]).toMatchObject({ at: general(now!, 'rsp') });
    expect(devices!.virtio[0]).toMatchObject({
      type: 'entropy',
      status: expect.arrayContaining(['DRIVER_OK']) as string[],
    });
  });
});
