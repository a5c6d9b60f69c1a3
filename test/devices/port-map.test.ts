import { describe, expect, test } from 'vitest';
import { PortMap } from '../../src/devices/port-map.ts';
import type { AccessSize } from '../../src/devices/bus.ts';

class Registers {
  readonly widestPortAccess: AccessSize;
  readonly log: string[] = [];
  constructor(widest: AccessSize) {
    this.widestPortAccess = widest;
  }
  portRead(port: number, size: AccessSize): number {
    this.log.push(`r${size} ${port.toString(16)}`);
    return port & 0xff;
  }
  portWrite(port: number, size: AccessSize, value: number): void {
    this.log.push(`w${size} ${port.toString(16)}=${value.toString(16)}`);
  }
}

describe('PortMap', () => {
  test('a port nobody claims reads as all ones in each size and is counted', () => {
    const ports = new PortMap();
    expect([ports.read(0x80, 1), ports.read(0x80, 2), ports.read(0x80, 4)]).toEqual([0xff, 0xffff, 0xffffffff]);
    expect(ports.unclaimedReads).toBe(3);
  });

  test('a write that nobody takes is counted', () => {
    const ports = new PortMap();
    ports.write(0x80, 4, 1);
    expect(ports.unclaimedWrites).toBe(1);
  });

  test('a dword to a byte-wide device arrives as four bytes, low first', () => {
    const ports = new PortMap();
    const device = new Registers(1);
    ports.register(0x10, 4, device);
    ports.write(0x10, 4, 0x44332211);
    expect(device.log).toEqual(['w1 10=11', 'w1 11=22', 'w1 12=33', 'w1 13=44']);
  });

  test('a dword read of a word-wide device is two words put together', () => {
    const ports = new PortMap();
    ports.register(0x10, 4, new Registers(2));
    expect(ports.read(0x10, 4)).toBe(0x120010);
  });

  test('an access that leaves a device reaches its part, and the rest reads as ones', () => {
    const ports = new PortMap();
    ports.register(0x10, 1, new Registers(4));
    expect(ports.read(0x10, 2)).toBe(0xff10);
  });

  test('a word at the last port does not wrap', () => {
    const ports = new PortMap();
    ports.register(0xffff, 1, new Registers(1));
    expect(ports.read(0xffff, 2)).toBe(0xffff);
    expect(ports.read(0xfffe, 2)).toBe(0xffff);
  });

  test('two devices on one port are refused', () => {
    const ports = new PortMap();
    ports.register(0x10, 4, new Registers(1));
    expect(() => ports.register(0x13, 1, new Registers(1))).toThrow(/claimed twice/);
  });

  test('a byte claim inside a dword register takes byte accesses only', () => {
    const ports = new PortMap();
    const config = new Registers(4);
    const reset = new Registers(1);
    ports.register(0xcf8, 4, config);
    ports.registerByte(0xcf9, reset);
    ports.write(0xcf8, 4, 0x80000000);
    ports.write(0xcf9, 1, 6);
    expect(config.log).toEqual(['w4 cf8=80000000']);
    expect(reset.log).toEqual(['w1 cf9=6']);
  });

  test('a range that moves answers at its new place only', () => {
    const ports = new PortMap();
    const range = ports.register(0x1000, 8, new Registers(4));
    range.move(0x2000);
    expect([ports.read(0x1000, 1), ports.read(0x2004, 1)]).toEqual([0xff, 0x04]);
  });

  test('a range moved onto another leaves the older one in place, and outside the space it is unmapped', () => {
    const ports = new PortMap();
    const fixed = new Registers(4);
    ports.register(0x60, 1, fixed);
    const range = ports.register(0x1000, 8, new Registers(1));
    range.move(0x60);
    ports.read(0x60, 1);
    range.move(0xfffc);
    expect(fixed.log).toEqual(['r1 60']);
    expect(ports.read(0xfffc, 1)).toBe(0xff);
  });
});
