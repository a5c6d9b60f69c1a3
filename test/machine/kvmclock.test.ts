import { describe, expect, it } from 'vitest';
import { KvmClock, tscScale } from '../../src/machine/kvmclock.ts';
import { FakeMemory } from '../support/fake-memory.ts';

const MSR_WALL_CLOCK = 0x4b564d00;
const MSR_SYSTEM_TIME = 0x4b564d01;

function create() {
  const memory = new FakeMemory(0x10000);
  const clock = new KvmClock({
    memory,
    tscHz: 1_000_000_000,
    now: () => ({ nowNs: 5000.5, guestTsc: 7000n }),
    bootUnixMs: () => 1_700_000_000_250,
  });
  return { memory, clock };
}

describe('KVM clock', () => {
  it('tells time and scale at the place that the guest names', () => {
    const { memory, clock } = create();

    const accepted = clock.write(MSR_SYSTEM_TIME, 0x2000 | 1, 0);

    expect(accepted).toBe(true);
    expect(memory.read32(0x2000) % 2).toBe(0);
    expect([memory.read64(0x2008), memory.read64(0x2010)]).toEqual([7000n, 5000n]);
    expect([memory.read32(0x2018), memory.read8(0x201c), memory.read8(0x201d)]).toEqual([0x80000000, 1, 1]);
  });

  it('writes nothing while it is not enabled', () => {
    const { memory, clock } = create();

    clock.write(MSR_SYSTEM_TIME, 0x2000, 0);

    expect(memory.read64(0x2008)).toBe(0n);
  });

  it('tells when the machine was powered on', () => {
    const { memory, clock } = create();

    clock.write(MSR_WALL_CLOCK, 0x3000, 0);

    expect([memory.read32(0x3004), memory.read32(0x3008)]).toEqual([1_700_000_000, 250_000_000]);
  });

  it('survives a place that is not RAM', () => {
    const { clock } = create();

    expect(clock.write(MSR_SYSTEM_TIME, 0xfffffff1, 0xffffffff)).toBe(true);
  });

  it('refuses other registers', () => {
    const { clock } = create();

    expect(clock.write(0x4b564d02, 0, 0)).toBe(false);
  });
});

describe('TSC scale', () => {
  it('is exact for slow and fast clocks', () => {
    expect(tscScale(1_000_000_000)).toEqual({ multiplier: 0x80000000, shift: 1 });
    expect(tscScale(4_000_000_000)).toEqual({ multiplier: 0x80000000, shift: -1 });
    expect(tscScale(500_000_000)).toEqual({ multiplier: 0x80000000, shift: 2 });
  });

  it('keeps 31 bits of an odd frequency', () => {
    const { multiplier, shift } = tscScale(2_893_000_000);

    expect((multiplier / 2 ** 32) * 2 ** shift * 2.893).toBeCloseTo(1, 9);
  });
});
