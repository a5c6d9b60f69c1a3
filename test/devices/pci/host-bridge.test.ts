import { describe, expect, it } from 'vitest';
import type { MmioDevice } from '../../../src/devices/bus.ts';
import { PciFunction, type BarKind } from '../../../src/devices/pci/function.ts';
import { PciBench } from '../../support/virtio-driver.ts';

class TestFunction extends PciFunction {
  readonly writes: { offset: number; value: number }[] = [];

  constructor(bars: { index: number; kind: BarKind; byteCount: number }[], interruptPin = 1) {
    super({ vendorId: 0x1234, deviceId: 0x5678, classCode: 0xff0000, interruptPin });
    const device: MmioDevice = {
      mmioRead: (offset) => 0x1000 + offset,
      mmioWrite: (offset, _size, value) => {
        this.writes.push({ offset, value });
      },
    };
    for (const bar of bars) this.addBar(bar.index, bar.kind, bar.byteCount, device);
  }
}
const MEMORY_BAR = { index: 0, kind: 'memory32', byteCount: 0x2000 } as const;

describe('configuration mechanism #1', () => {
  it('finds the host bridge as device 0', () => {
    const bench = new PciBench();
    expect(bench.configRead(0, 0x00, 4)).toBe(0x00081b36);
    expect(bench.configRead(0, 0x0a, 2)).toBe(0x0600);
  });

  it('reads all ones where there is no device', () => {
    const bench = new PciBench();
    expect(bench.configRead(5, 0x00, 4)).toBe(0xffffffff);
  });

  it('reads all ones on other buses and with the enable bit clear', () => {
    const bench = new PciBench();
    bench.ports.write(0xcf8, 4, 0x80010000);
    expect(bench.ports.read(0xcfc, 4)).toBe(0xffffffff);
    bench.ports.write(0xcf8, 4, 0x00000000);
    expect(bench.ports.read(0xcfc, 4)).toBe(0xffffffff);
  });

  it('ignores byte writes to the address register', () => {
    const bench = new PciBench();
    bench.ports.write(0xcf8, 4, 0x80000008);
    bench.ports.write(0xcfb, 1, 0x01);
    expect(bench.ports.read(0xcf8, 4)).toBe(0x80000008);
  });

  it('reads bytes and words out of a doubleword', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([]), 3);
    expect(bench.configRead(3, 0x02, 2)).toBe(0x5678);
    expect(bench.configRead(3, 0x01, 1)).toBe(0x12);
  });

  it('keeps read-only registers', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([]), 3);
    bench.configWrite(3, 0x00, 4, 0);
    expect(bench.configRead(3, 0x00, 4)).toBe(0x56781234);
  });
});

describe('base address registers', () => {
  it('are assigned and decoded from the start', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    const base = bench.configRead(1, 0x10, 4);
    expect(base).toBe(0xc0000000);
    expect(bench.mmio.read(base + 8, 4)).toBe(0x1008);
  });

  it('do not overlap between functions', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.host.attach(new TestFunction([{ ...MEMORY_BAR, byteCount: 16 }]), 2);
    bench.host.attach(new TestFunction([{ ...MEMORY_BAR, byteCount: 0x4000 }]), 3);
    expect([bench.configRead(1, 0x10, 4), bench.configRead(2, 0x10, 4), bench.configRead(3, 0x10, 4)]).toEqual([
      0xc0000000, 0xc0002000, 0xc0004000,
    ]);
  });

  it('tell their size when all ones are written', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.configWrite(1, 0x10, 4, 0xffffffff);
    expect(bench.configRead(1, 0x10, 4)).toBe(0xffffe000);
  });

  it('tell the size of a 64-bit range in both halves', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([{ index: 2, kind: 'memory64', byteCount: 0x1000 }]), 1);
    bench.configWrite(1, 0x18, 4, 0xffffffff);
    bench.configWrite(1, 0x1c, 4, 0xffffffff);
    expect(bench.configRead(1, 0x18, 4)).toBe(0xfffff004);
    expect(bench.configRead(1, 0x1c, 4)).toBe(0xffffffff);
  });

  it('answer at a new address after being moved, and no longer at the old one', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.configWrite(1, 0x10, 4, 0xd0000000);
    expect(bench.mmio.read(0xd0000004, 4)).toBe(0x1004);
    expect(bench.mmio.read(0xc0000004, 4)).toBe(0xffffffff);
  });

  it('do not answer while memory decoding is off', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.configWrite(1, 0x04, 2, 0);
    expect(bench.mmio.read(0xc0000000, 4)).toBe(0xffffffff);
  });

  it('do nothing outside the window, wherever a guest puts them', () => {
    const bench = new PciBench();
    const pciFunction = new TestFunction([MEMORY_BAR]);
    bench.host.attach(pciFunction, 1);
    bench.configWrite(1, 0x10, 4, 0x00100000);
    bench.mmio.write(0x00100000, 4, 1);
    expect(pciFunction.writes).toEqual([]);
  });

  it('give a place that two functions claim to the lower one', () => {
    const bench = new PciBench();
    const lower = new TestFunction([MEMORY_BAR]);
    const higher = new TestFunction([MEMORY_BAR]);
    bench.host.attach(higher, 2);
    bench.host.attach(lower, 1);
    bench.configWrite(2, 0x10, 4, bench.configRead(1, 0x10, 4));
    bench.mmio.write(bench.configRead(1, 0x10, 4), 4, 7);
    expect(lower.writes).toEqual([{ offset: 0, value: 7 }]);
    expect(higher.writes).toEqual([]);
  });

  it('decode I/O ports', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([{ index: 1, kind: 'io', byteCount: 32 }]), 1);
    const base = bench.configRead(1, 0x14, 4) & ~3;
    expect(bench.configRead(1, 0x14, 4) & 3).toBe(1);
    expect(bench.ports.read(base + 4, 2)).toBe(0x1004);
  });

  it('go back to what firmware gave on reset', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.configWrite(1, 0x10, 4, 0xd0000000);
    bench.host.reset();
    expect(bench.configRead(1, 0x10, 4)).toBe(0xc0000000);
    expect(bench.mmio.read(0xc0000000, 4)).toBe(0x1000);
  });
});

describe('hot plug', () => {
  it('gives a late function a free device number and free addresses', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    const device = bench.host.attach(new TestFunction([MEMORY_BAR]));
    expect(device).toBe(2);
    expect(bench.mmio.read(bench.configRead(2, 0x10, 4), 4)).toBe(0x1000);
  });

  it('keeps clear of where a moved function will be after a reset', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.configWrite(1, 0x10, 4, 0xd0000000);
    bench.host.attach(new TestFunction([MEMORY_BAR]), 2);
    expect(bench.configRead(2, 0x10, 4)).toBe(0xc0002000);
  });

  it('leaves all ones behind a removed function', () => {
    const bench = new PciBench();
    bench.host.attach(new TestFunction([MEMORY_BAR]), 1);
    bench.host.detach(1);
    expect(bench.configRead(1, 0x00, 4)).toBe(0xffffffff);
    expect(bench.mmio.read(0xc0000000, 4)).toBe(0xffffffff);
  });

  it('refuses a 32nd device with a user error', () => {
    const bench = new PciBench();
    Array.from({ length: 31 }, () => bench.host.attach(new TestFunction([])));
    expect(() => bench.host.attach(new TestFunction([]))).toThrow(/at most 31 PCI devices/);
  });
});

describe('INTx', () => {
  it("reaches the wire of its slot and tells firmware's choice in the Interrupt Line register", () => {
    const bench = new PciBench();
    const pciFunction = new TestFunction([], 1);
    bench.host.attach(pciFunction, 2);
    pciFunction.setIntx(true);
    expect(bench.levels).toEqual([false, false, true, false]);
    expect(bench.configRead(2, 0x3c, 1)).toBe(18);
  });

  it('keeps a shared wire up until the last function lets go', () => {
    const bench = new PciBench();
    const first = new TestFunction([]);
    const second = new TestFunction([]);
    bench.host.attach(first, 1);
    bench.host.attach(second, 5);
    first.setIntx(true);
    second.setIntx(true);
    first.setIntx(false);
    expect(bench.levels[1]).toBe(true);
    second.setIntx(false);
    expect(bench.levels[1]).toBe(false);
  });

  it('is hidden by the disable bit but shown in STATUS', () => {
    const bench = new PciBench();
    const pciFunction = new TestFunction([]);
    bench.host.attach(pciFunction, 1);
    pciFunction.setIntx(true);
    bench.configWrite(1, 0x04, 2, 1 << 10);
    expect(bench.levels[1]).toBe(false);
    expect(bench.configRead(1, 0x06, 2) & (1 << 3)).toBe(1 << 3);
  });
});

describe('saved state', () => {
  it('brings back addresses, the address register and pins', () => {
    const bench = new PciBench();
    const pciFunction = new TestFunction([MEMORY_BAR]);
    bench.host.attach(pciFunction, 1);
    bench.configWrite(1, 0x10, 4, 0xd0000000);
    pciFunction.setIntx(true);
    const other = new PciBench();
    other.host.attach(new TestFunction([MEMORY_BAR]), 1);
    other.host.load(bench.host.save());
    expect(other.mmio.read(0xd0000004, 4)).toBe(0x1004);
    expect(other.ports.read(0xcf8, 4)).toBe(bench.ports.read(0xcf8, 4));
    expect(other.levels[1]).toBe(true);
  });

  it('is refused by a machine with other devices', () => {
    const bench = new PciBench();
    const other = new PciBench();
    other.host.attach(new TestFunction([]), 1);
    expect(() => other.host.load(bench.host.save())).toThrow(/other PCI devices/);
  });
});
