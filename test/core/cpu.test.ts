import { describe, expect, it } from 'vitest';
import { EXIT_BUDGET, EXIT_SHUTDOWN } from '../../assembly/layout.ts';
import { Cpu } from '../../src/core/cpu.ts';
import { createMemory, instantiateCore, type CpuHost } from '../../src/core/load.ts';
import { WasmGuestMemory } from '../../src/machine/guest-memory.ts';
import { enterProtectedMode } from '../../src/machine/boot/cpu-state.ts';
import { AssertionError } from '../../src/util/errors.ts';
import { coreModule, tierOfTests } from '../support/core-module.ts';
import { QUIET_HOST } from '../support/quiet-host.ts';

const MIB = 1 << 20;
const RAM_BYTES = 16 * MIB;
const CODE = 0x100000;
const RAX = 0;

/** A CPU in flat 32-bit mode before `code`. */
function create(code: number[], host: Partial<CpuHost> = {}): Cpu {
  const cpu = new Cpu(instantiateCore(coreModule(), RAM_BYTES, { ...QUIET_HOST, ...host }, { tier: tierOfTests() }));
  const memory = new WasmGuestMemory(cpu.core.memory, RAM_BYTES, (physical, byteCount) =>
    cpu.core.exports.invalidate(physical, byteCount),
  );
  memory.write(CODE, Uint8Array.from(code));
  enterProtectedMode(memory, cpu, { entry: CODE, registers: {} });
  return cpu;
}

describe('CPU driver', () => {
  it('runs until its budget is used up', () => {
    const cpu = create([0xff, 0xc0, 0xeb, 0xfc]); // inc eax; jmp back

    const exit = cpu.run(1000);

    expect(exit).toBe(EXIT_BUDGET);
    expect(cpu.instructionCount).toBeGreaterThanOrEqual(1000);
    expect(cpu.getGpr(RAX)).toBeGreaterThanOrEqual(400n);
  });

  it('shuts down when a fault finds no handler', () => {
    const cpu = create([0x0f, 0x0b]); // ud2, and the IDT is empty

    const exit = cpu.run(1000);

    expect(exit).toBe(EXIT_SHUTDOWN);
  });

  it('turns what a device throws into a report with the state of the CPU', () => {
    const cpu = create([0xb8, 0x44, 0x33, 0x22, 0x11, 0xa1, 0x00, 0x00, 0xe0, 0xfe], {
      mmioRead: () => {
        throw new Error('device on fire');
      },
    }); // mov eax, 11223344h; mov eax, [fee00000h]

    const run = () => cpu.run(1000);

    expect(run).toThrow(AssertionError);
    expect(run).toThrow(/the machine failed: device on fire\ncpu 0: 32-bit protected mode/);
  });

  it('shows registers, code and stack in a dump', () => {
    const cpu = create([0xb8, 0x44, 0x33, 0x22, 0x11, 0xeb, 0xfe]);
    cpu.run(100);

    const dump = cpu.dump();

    expect(dump).toContain('rip 0000000000100005');
    expect(dump).toContain('rax 0000000011223344');
    expect(dump).toContain('code at rip: eb fe');
    expect(dump).toContain('cs   0010  base 0000000000000000  limit ffffffff');
  });

  it('goes on where a saved block left off', () => {
    const cpu = create([0xff, 0xc0, 0xeb, 0xfc]);
    cpu.run(1000);
    const block = cpu.save();
    const count = cpu.instructionCount;
    const other = create([0xff, 0xc0, 0xeb, 0xfc]);

    other.load(block);

    expect([other.instructionCount, other.getGpr(RAX), other.getControl('rip')]).toEqual([
      count,
      cpu.getGpr(RAX),
      cpu.getControl('rip'),
    ]);
    expect(other.run(1000)).toBe(EXIT_BUDGET);
    expect(other.getGpr(RAX)).toBeGreaterThan(cpu.getGpr(RAX));
  });

  it('does not let a fault handler that faults hold the host', () => {
    const cpu = create([0x0f, 0x0b]); // #UD, whose handler is the same instruction
    const memory = new WasmGuestMemory(cpu.core.memory, RAM_BYTES, () => {});
    memory.write64(0x8000 + 6 * 8, 0x00108e0000100000n); // interrupt gate to 10:100000
    cpu.setControl('idtrBase', 0x8000n);
    cpu.setTableLimits(0x2f, 0x7ff);
    cpu.setGpr(4, 0x900000n);

    const exit = cpu.run(100_000);

    expect(exit).toBe(EXIT_BUDGET);
    expect(cpu.getGpr(4)).toBeLessThan(0x900000n);
  });
});

describe('memory of a machine', () => {
  it('has a least and a largest size', () => {
    expect(() => createMemory(15 * MIB)).toThrow("a machine can't have 15 MiB of memory; choose between 16M and 3G");
    expect(() => createMemory(3 * 1024 * MIB + 4096)).toThrow('choose between 16M and 3G');
    expect(() => createMemory(16 * MIB + 1)).toThrow("a machine can't have 16777217 bytes of memory");
    expect(() => createMemory(NaN)).toThrow('choose between 16M and 3G');
  });
});
