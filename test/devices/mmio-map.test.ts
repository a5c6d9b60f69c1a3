import { describe, expect, test } from 'vitest';
import type { AccessSize } from '../../src/devices/bus.ts';
import { MmioMap } from '../../src/devices/mmio-map.ts';

class Registers {
  readonly log: string[] = [];
  readonly fill: number;
  constructor(fill: number) {
    this.fill = fill;
  }
  mmioRead(offset: number, size: AccessSize): number {
    this.log.push(`r${size} ${offset}`);
    return this.fill;
  }
  mmioWrite(offset: number, size: AccessSize, value: number): void {
    this.log.push(`w${size} ${offset}=${value}`);
  }
}

describe('MmioMap', () => {
  test('a device sees the offset within its range', () => {
    const map = new MmioMap();
    const device = new Registers(7);
    map.register(0xfee00000, 0x1000, device);
    expect(map.read(0xfee00020, 4)).toBe(7);
    expect(device.log).toEqual(['r4 32']);
  });

  test('values are cut to the access size and unsigned', () => {
    const map = new MmioMap();
    map.register(0, 0x1000, new Registers(-1));
    expect([map.read(0, 1), map.read(0, 2), map.read(0, 4)]).toEqual([0xff, 0xffff, 0xffffffff]);
  });

  test('unclaimed addresses read as ones, ignore writes and are counted', () => {
    const map = new MmioMap();
    map.write(0x1000, 4, 1);
    expect(map.read(0x1000, 4)).toBe(0xffffffff);
    expect([map.unclaimedReads, map.unclaimedWrites]).toEqual([1, 1]);
  });

  test('an access across the end of a range is split', () => {
    const map = new MmioMap();
    const device = new Registers(0x12);
    map.register(0x1000, 0x10, device);
    expect(map.read(0x100e, 4)).toBe(0xffff0012);
    expect(device.log).toEqual(['r2 14']);
  });

  test('an access from before a range is split', () => {
    const map = new MmioMap();
    const device = new Registers(0);
    map.register(0x1000, 0x10, device);
    map.write(0xffe, 4, 0x44332211);
    expect(device.log).toEqual([`w2 0=${0x4433}`]);
  });

  test('registration over another range is refused', () => {
    const map = new MmioMap();
    map.register(0x1000, 0x1000, new Registers(0));
    expect(() => map.register(0x1fff, 1, new Registers(0))).toThrow(/overlaps/);
  });

  test('a moved range answers at its new place only, above 4 GiB too', () => {
    const map = new MmioMap();
    const range = map.register(0xc0000000, 0x1000, new Registers(5));
    range.move(0x80_0000_0000);
    expect([map.claims(0xc0000000), map.read(0x80_0000_0ffc, 4)]).toEqual([false, 5]);
  });

  test('a guest that moves a BAR over a fixed device and over another BAR gets what is left', () => {
    const map = new MmioMap();
    map.register(0x2000, 0x1000, new Registers(1));
    const bar = map.reserve(0x3000, new Registers(2));
    bar.move(0x1000);
    expect([map.read(0x1000, 1), map.read(0x2000, 1), map.read(0x3000, 1)]).toEqual([2, 1, 2]);
  });

  test('the parts of an overlapped range keep offsets from its start', () => {
    const map = new MmioMap();
    map.register(0x2000, 0x1000, new Registers(1));
    const device = new Registers(2);
    map.reserve(0x3000, device).move(0x1000);
    map.read(0x3004, 4);
    expect(device.log).toEqual([`r4 ${0x2004}`]);
  });

  test('a place that is no address unmaps the range', () => {
    const map = new MmioMap();
    const range = map.register(0x1000, 0x1000, new Registers(1));
    range.move(2 ** 52 - 1);
    expect(map.claims(0x1000)).toBe(false);
  });
});
