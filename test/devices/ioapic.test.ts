import { beforeEach, describe, expect, test } from 'vitest';
import { ApicPage } from '../../src/devices/apic/access.ts';
import { ApicBus } from '../../src/devices/apic/bus.ts';
import { LocalApic } from '../../src/devices/apic/local-apic.ts';
import * as A from '../../src/devices/apic/registers.ts';
import { IoApic } from '../../src/devices/ioapic/device.ts';
import * as R from '../../src/devices/ioapic/registers.ts';
import { fanOut } from '../../src/devices/irq-lines.ts';
import { MmioMap } from '../../src/devices/mmio-map.ts';
import { Pic } from '../../src/devices/pic/device.ts';
import { Pit } from '../../src/devices/pit/device.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { ManualClock, RecordingPins, seededRandom } from './support.ts';

let clock: ManualClock;
let mmio: MmioMap;
let apic: LocalApic;
let ioApic: IoApic;
let pins: RecordingPins;
let acknowledgeExternal: () => number;

beforeEach(() => {
  clock = new ManualClock();
  mmio = new MmioMap();
  pins = new RecordingPins();
  acknowledgeExternal = () => 0;
  const bus = new ApicBus();
  apic = new LocalApic({
    id: 0,
    isBootstrap: true,
    cpu: pins,
    bus,
    clock,
    timerHz: 1e9,
    acknowledgeExternal: () => acknowledgeExternal(),
  });
  apic.spurious = 0x1ff;
  mmio.register(A.APIC_DEFAULT_BASE, A.APIC_PAGE_BYTES, new ApicPage(() => apic));
  ioApic = new IoApic(bus, 1);
  ioApic.connect(mmio);
});

function read(register: number): number {
  mmio.write(R.IOAPIC_BASE + R.IOREGSEL, 4, register);
  return mmio.read(R.IOAPIC_BASE + R.IOWIN, 4);
}

function write(register: number, value: number): void {
  mmio.write(R.IOAPIC_BASE + R.IOREGSEL, 4, register);
  mmio.write(R.IOAPIC_BASE + R.IOWIN, 4, value);
}

const program = (pin: number, low: number) => write(R.IOREDTBL + 2 * pin, low);
const entry = (pin: number) => read(R.IOREDTBL + 2 * pin);
const eoi = () => apic.endOfInterrupt();

describe('IoApic', () => {
  test('tells ID, version and 24 masked inputs', () => {
    expect([read(R.IOAPICID), read(R.IOAPICVER), entry(0), entry(23)]).toEqual([
      1 << 24,
      0x170020,
      R.ENTRY_MASKED,
      R.ENTRY_MASKED,
    ]);
  });

  test('an edge is delivered once, and one while masked is lost', () => {
    const line = ioApic.line(4);
    line.set(true);
    program(4, 0x34);
    const lost = apic.hasInterrupt();
    line.set(false);
    line.set(true);
    expect([lost, apic.acknowledge(), apic.acknowledge()]).toEqual([false, 0x34, -1]);
  });

  test('a level waits for EOI and comes again while asserted', () => {
    program(17, R.ENTRY_LEVEL | 0x61);
    const line = ioApic.line(17);
    line.set(true);
    const first = apic.acknowledge();
    const remoteIrr = entry(17) & R.ENTRY_REMOTE_IRR;
    eoi();
    const second = apic.acknowledge();
    line.set(false);
    eoi();
    expect([first, remoteIrr, second, apic.acknowledge(), entry(17) & R.ENTRY_REMOTE_IRR]).toEqual([
      0x61,
      R.ENTRY_REMOTE_IRR,
      0x61,
      -1,
      0,
    ]);
  });

  test('unmasking an asserted level delivers it', () => {
    program(17, R.ENTRY_MASKED | R.ENTRY_LEVEL | 0x61);
    ioApic.line(17).set(true);
    const masked = apic.hasInterrupt();
    program(17, R.ENTRY_LEVEL | 0x61);
    expect([masked, apic.acknowledge()]).toEqual([false, 0x61]);
  });

  test('the EOI register ends an interrupt by its vector', () => {
    program(17, R.ENTRY_LEVEL | 0x61);
    const line = ioApic.line(17);
    line.set(true);
    line.set(false);
    mmio.write(R.IOAPIC_BASE + R.IOEOI, 4, 0x61);
    expect(entry(17) & R.ENTRY_REMOTE_IRR).toBe(0);
  });

  test('going to edge and back clears remote IRR, as kernels do for old IOAPICs', () => {
    program(17, R.ENTRY_LEVEL | 0x61);
    const line = ioApic.line(17);
    line.set(true);
    line.set(false);
    program(17, R.ENTRY_MASKED | 0x61);
    program(17, R.ENTRY_LEVEL | 0x61);
    expect(entry(17)).toBe(R.ENTRY_LEVEL | 0x61);
  });

  test('a level that nobody takes leaves remote IRR clear', () => {
    write(R.IOREDTBL + 2 * 17 + 1, 9 << 24);
    program(17, R.ENTRY_LEVEL | 0x61);
    ioApic.line(17).set(true);
    expect(entry(17) & R.ENTRY_REMOTE_IRR).toBe(0);
  });

  test('read-only bits stay, and registers that are not there read 0', () => {
    program(3, 0xffffffff & ~R.ENTRY_LEVEL);
    expect([entry(3), read(0x0f), read(0x40), mmio.read(R.IOAPIC_BASE + 0x20, 4)]).toEqual([
      R.ENTRY_WRITABLE & ~R.ENTRY_LEVEL,
      0,
      0,
      0,
    ]);
  });

  test('the timer interrupt works through pin 2, as kernels check', () => {
    const ports = new PortMap();
    const pic = new Pic(apic.lint0);
    pic.connect(ports);
    const pit = new Pit(clock, fanOut(pic.line(0), ioApic.line(R.TIMER_PIN)));
    pit.connect(ports);
    program(R.TIMER_PIN, 0x30);
    ports.write(0x43, 1, 0x34);
    ports.write(0x40, 1, 4773 & 0xff);
    ports.write(0x40, 1, 4773 >> 8);
    const vectors = Array.from({ length: 5 }, () => {
      clock.advance(4_100_000);
      const vector = apic.acknowledge();
      eoi();
      return vector;
    });
    expect(vectors).toEqual([0x30, 0x30, 0x30, 0x30, 0x30]);
  });

  test('the PIC works through pin 0 as ExtINT', () => {
    const ports = new PortMap();
    const pic = new Pic(fanOut(apic.lint0, ioApic.line(R.PIC_PIN)));
    pic.connect(ports);
    acknowledgeExternal = () => pic.acknowledge();
    ports.write(0x20, 1, 0x11);
    ports.write(0x21, 1, 0x30);
    ports.write(0x21, 1, 0x04);
    ports.write(0x21, 1, 0x01);
    program(R.PIC_PIN, A.Delivery.EXTINT << R.ENTRY_DELIVERY_SHIFT);
    pic.line(0).set(true);
    expect([pins.intr, apic.acknowledge(), pins.intr]).toEqual([true, 0x30, false]);
  });

  test('saved and loaded it has the same entries and knows which wires are high', () => {
    program(17, R.ENTRY_LEVEL | 0x61);
    ioApic.line(17).set(true);
    const other = new IoApic(new ApicBus(), 5);
    other.load(ioApic.save());
    expect(other.save()).toEqual(ioApic.save());
  });

  test('any sequence of accesses and wires is survived', () => {
    const random = seededRandom(82093);
    const lines = Array.from({ length: R.PIN_COUNT }, (_, pin) => ioApic.line(pin));
    for (let i = 0; i < 20_000; i++) {
      write(random(256), random(2 ** 32));
      mmio.write(R.IOAPIC_BASE + random(0x100), 4, random(2 ** 32));
      mmio.read(R.IOAPIC_BASE + random(0x100), 4);
      lines[random(R.PIN_COUNT)]?.set(random(2) === 0);
      expect(apic.acknowledge()).toBeLessThan(256);
      eoi();
    }
    ioApic.load(ioApic.save());
  });
});
