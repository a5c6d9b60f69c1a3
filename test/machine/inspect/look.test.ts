import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBlockBackend } from '../../../src/devices/virtio/blk/backend.ts';
import type { LookRequest } from '../../../src/machine/inspect/types.ts';
import { Machine, type MachineOptions } from '../../../src/machine/machine.ts';
import { nodeHost } from '../../../src/worker/node-host.ts';
import { coreModule } from '../../support/core-module.ts';
import { kernel64, spin } from '../../support/tiny-guest.ts';

const LOAD = 0x100000;
const LOAD_LINEAR = BigInt(LOAD);
const RAM_BYTES = 16 << 20;
const running: Machine[] = [];

/** A machine that stands still at the first instruction of a 64-bit guest. */
async function paused(code: number[], options: Partial<MachineOptions> = {}): Promise<Machine> {
  const machine = new Machine({
    coreModule: coreModule(),
    ramBytes: RAM_BYTES,
    host: nodeHost(),
    boot: { kernel: kernel64(code), commandLine: '' },
    ...options,
  });
  running.push(machine);
  await machine.inspection.pause();
  machine.run().catch(() => {});
  return machine;
}
const look = async (code: number[], request: LookRequest, options?: Partial<MachineOptions>) =>
  (await paused(code, options)).inspection.look(request);

afterEach(() => running.splice(0).forEach((machine) => machine.stop()));

describe('looking inside a machine', () => {
  it('shows mode, registers and the names of their bits', async () => {
    const { registers, state } = await look(spin(), { registers: true });

    expect(state).toBe('paused');
    expect(registers).toMatchObject({
      mode: '64-bit mode',
      cpl: 0,
      halted: false,
      rip: LOAD_LINEAR,
      codeLinear: LOAD_LINEAR,
    });
    expect(registers!.general.map(({ name }) => name).slice(0, 5)).toEqual(['rax', 'rbx', 'rcx', 'rdx', 'rsi']);
    expect(registers!.control.find(({ name }) => name === 'CR0')!.names).toEqual(expect.arrayContaining(['PE', 'PG']));
    expect(registers!.segments.find(({ name }) => name === 'cs')!.description).toBe('code, 64-bit, ring 0');
  });

  it('shows a flag once an instruction has set it', async () => {
    const machine = await paused([0x31, 0xc0, 0xeb, 0xfe]); // xor eax, eax
    await machine.inspection.step();

    const { registers } = await machine.inspection.look({ registers: true });

    expect(registers!.rflags.names).toEqual(['PF', 'ZF']);
  });

  it('shows x87 and SSE registers', async () => {
    // fninit; fldpi; fld1; mov eax, 7; movd xmm1, eax
    const machine = await paused([
      0xdb, 0xe3, 0xd9, 0xeb, 0xd9, 0xe8, 0xb8, 7, 0, 0, 0, 0x66, 0x0f, 0x6e, 0xc8, 0xeb, 0xfe,
    ]);
    // What a kernel does before there is SSE: CR4.OSFXSR.
    machine.board.cpu.setControl('cr4', machine.board.cpu.getControl('cr4') | 0x200n);
    machine.board.cpu.commit();
    await machine.inspection.step({ count: 5 });

    const { vectors } = await machine.inspection.look({ vectors: true });

    expect(vectors!.x87.st.map((st) => st?.value)).toEqual([1, Math.PI, ...new Array<undefined>(6).fill(undefined)]);
    expect([...vectors!.xmm[1]!.slice(0, 4)]).toEqual([7, 0, 0, 0]);
  });

  it('shows code with its bytes and where jumps go', async () => {
    const { code } = await look([0xff, 0xc0, 0xeb, 0xfc], { code: { count: 2 } });

    expect(code!.lines).toEqual([
      { linear: LOAD_LINEAR, bytes: Uint8Array.of(0xff, 0xc0), text: 'inc eax' },
      {
        linear: LOAD_LINEAR + 2n,
        bytes: Uint8Array.of(0xeb, 0xfc),
        text: 'jmp 0x100000',
        target: { linear: LOAD_LINEAR },
      },
    ]);
  });

  it('says where code ends because nothing is there', async () => {
    const { code } = await look(spin(), { code: { at: BigInt(RAM_BYTES) - 2n, count: 4 } });

    expect(code!.lines).toHaveLength(1); // add [rax], al
    expect(code!.unreadable).toBe(BigInt(RAM_BYTES));
  });

  it('shows memory as far as it is RAM', async () => {
    const { memory } = await look(spin(), {
      memory: [
        { space: 'linear', at: LOAD_LINEAR, byteCount: 4 },
        { space: 'physical', at: BigInt(RAM_BYTES) - 4n, byteCount: 16 },
        { space: 'physical', at: 0xfee0_0000n, byteCount: 16 },
        { space: 'linear', at: 0xffff_ffff_ffff_fff0n, byteCount: 64 },
      ],
    });

    expect(memory!.map(({ pieces }) => pieces.map(({ bytes }) => bytes.length))).toEqual([[4], [4], [], []]);
    expect([...memory![0]!.pieces[0]!.bytes]).toEqual(spin());
  });

  it('shows TLB entries that the guest has used', async () => {
    const machine = await paused([0x8b, 0x04, 0x25, 0, 0, 0x20, 0, 0xeb, 0xfe]); // mov eax, [0x200000]
    await machine.inspection.step();

    const { tlb } = await machine.inspection.look({ tlb: { entryCount: 16 } });

    const supervisor = tlb!.find(({ name }) => name === 'supervisor')!;
    expect(supervisor).toMatchObject({ inUse: true, entryCount: 4096, filledCount: supervisor.entries.length });
    expect(supervisor.entries).toContainEqual(
      expect.objectContaining({ linear: 0x200000n, physical: 0x200000, pageBytes: 1 << 21 }),
    );
    expect(tlb!.find(({ name }) => name === 'supervisor code')!.entries.map(({ linear }) => linear)).toContain(
      LOAD_LINEAR,
    );
  });

  it('shows virtio devices with their queues, interrupt controllers and the memory map', async () => {
    const { devices, memoryMap } = await look(
      spin(),
      { devices: true, memoryMap: true },
      { disks: [new MemoryBlockBackend(new Uint8Array(512))] },
    );

    expect(devices!.virtio.map(({ place, type, status }) => [place, type, status])).toEqual([
      ['00:01.0', 'entropy', []],
      ['00:02.0', 'block', []],
    ]);
    expect(devices!.virtio[1]!.queues[0]).toMatchObject({ index: 0, ready: false, inFlight: 0, waiting: 0 });
    expect(devices!.interrupts.localApic).toEqual({ requested: [], inService: [], priority: 0 });
    expect(Object.keys(devices!.states)).toContain('localApic');
    expect(memoryMap!.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['RAM', 'I/O APIC', 'local APIC', 'PCI window', 'PCI 00:01.0, BAR 0']),
    );
  });

  it('counts what core and translator did', async () => {
    const machine = await paused(spin());
    await machine.inspection.step({ count: 10 });

    const { statistics } = await machine.inspection.look({ statistics: true });

    expect(statistics).toMatchObject({ instructions: 10, exceptions: 0 });
    expect(statistics!.decoded).toBeGreaterThan(0);
  });

  it('works while the machine runs, and says so', async () => {
    const machine = await paused(spin());
    await machine.inspection.resume();

    const { state, stop, registers } = await machine.inspection.look({ registers: true });

    expect([state, stop, registers!.mode]).toEqual(['running', undefined, '64-bit mode']);
  });

  it('can be saved while it stands still, and goes on from there', async () => {
    const machine = await paused(spin());
    await machine.inspection.step({ count: 5 });
    const snapshot = await machine.save();
    const again = new Machine({ coreModule: coreModule(), ramBytes: RAM_BYTES, host: nodeHost() });
    running.push(again);

    again.load(snapshot);
    await again.inspection.pause();
    await again.inspection.step({ count: 4 });

    expect([again.board.cpu.instructionCount, again.board.cpu.getGpr(0)]).toEqual([
      9,
      machine.board.cpu.getGpr(0) + 2n,
    ]);
    expect((await machine.inspection.look({})).state).toBe('paused');
  });

  it('tells that the machine has ended', async () => {
    const machine = await paused(spin());
    machine.stop();

    expect((await machine.inspection.look({})).state).toBe('ended');
    expect((await machine.inspection.step()).reason).toEqual({ kind: 'ended' });
  });

  it.each<[string, LookRequest, string]>([
    ['too much memory', { memory: [{ space: 'linear', at: 0n, byteCount: 1 << 20 }] }, 'LIMIT'],
    ['a place that is no space', { memory: [{ space: 'disk' as never, at: 0n, byteCount: 1 }] }, 'USAGE'],
    ['a negative address', { walks: [{ linear: -1n }] }, 'USAGE'],
    ['too many walks', { walks: new Array<{ linear: bigint }>(65).fill({ linear: 0n }) }, 'LIMIT'],
    ['too many lines', { code: { count: 1e6 } }, 'LIMIT'],
    ['part of a TLB entry', { tlb: { entryCount: 0.5 } }, 'LIMIT'],
  ])('refuses what makes no sense: %s', async (_, request, code) => {
    await expect(look(spin(), request)).rejects.toMatchObject({ code });
  });
});
