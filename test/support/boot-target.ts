/** A machine of memory and CPU registers only, for boot protocol tests. */
import type { SegmentRegister } from '../../src/core/cpu.ts';
import type { BootCpu, BootTarget } from '../../src/machine/boot/request.ts';
import { FakeMemory } from './fake-memory.ts';

export const RSDP_PHYSICAL = 0xe0000;

export class RecordingCpu implements BootCpu {
  readonly gpr = new Map<number, bigint>();
  readonly control = new Map<string, bigint>();
  readonly segments = new Map<number, SegmentRegister>();
  limits: readonly number[] = [];
  eflags = 0;
  commits = 0;
  setGpr(register: number, value: bigint): void {
    this.gpr.set(register, value);
  }
  setControl(name: string, value: bigint): void {
    this.control.set(name, value);
  }
  setSegment(segment: number, value: SegmentRegister): void {
    this.segments.set(segment, value);
  }
  setTableLimits(gdt: number, idt: number): void {
    this.limits = [gdt, idt];
  }
  commit(): void {
    this.commits++;
  }
}

export function bootTarget(ramBytes = 32 << 20): BootTarget & { memory: FakeMemory; cpu: RecordingCpu } {
  return { memory: new FakeMemory(ramBytes), cpu: new RecordingCpu(), rsdpPhysical: RSDP_PHYSICAL };
}
