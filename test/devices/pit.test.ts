import { beforeEach, describe, expect, test } from 'vitest';
import { Pit } from '../../src/devices/pit/device.ts';
import * as R from '../../src/devices/pit/registers.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { ManualClock, RecordingLine, seededRandom } from './support.ts';

const CHANNEL_2 = R.CHANNEL_0 + 2;
const ticks = (count: number) => Math.ceil((count * 1e9) / R.PIT_HZ);

let clock: ManualClock;
let ports: PortMap;
let irq: RecordingLine;
let pit: Pit;

beforeEach(() => {
  clock = new ManualClock();
  ports = new PortMap();
  irq = new RecordingLine();
  pit = new Pit(clock, irq);
  pit.connect(ports);
});

function program(channel: number, mode: number, count: number): void {
  ports.write(R.CONTROL, 1, (channel << 6) | 0x30 | (mode << 1));
  ports.write(R.CHANNEL_0 + channel, 1, count & 0xff);
  ports.write(R.CHANNEL_0 + channel, 1, (count >> 8) & 0xff);
}

function readCount(channel: number): number {
  const low = ports.read(R.CHANNEL_0 + channel, 1);
  return low | (ports.read(R.CHANNEL_0 + channel, 1) << 8);
}

describe('Pit', () => {
  test('needs no timer before it is programmed', () => {
    expect(clock.nextDeadlineNs()).toBeUndefined();
  });

  test('mode 2 raises IRQ 0 once per period', () => {
    program(0, 2, 11932); // 100 Hz
    clock.advance(1e9);
    expect(irq.rises).toBe(99);
  });

  test('mode 3 raises IRQ 0 once per period', () => {
    program(0, 3, 11932);
    clock.advance(1e9);
    expect(irq.rises).toBe(99);
  });

  test('mode 0 raises IRQ 0 once, one clock after the count', () => {
    program(0, 0, 1000);
    clock.advance(ticks(1000) - 1);
    const before = irq.rises;
    clock.advance(ticks(10));
    expect([before, irq.rises, irq.level, clock.nextDeadlineNs()]).toEqual([0, 1, true, undefined]);
  });

  test('mode 4 strobes IRQ 0 once per programming, as one-shot clock events need', () => {
    program(0, 4, 500);
    clock.advance(ticks(600));
    program(0, 4, 500);
    clock.advance(ticks(600));
    expect(irq.rises).toBe(2);
  });

  test('a programmed mode 0 lowers IRQ 0 at once', () => {
    program(0, 0, 10);
    clock.advance(ticks(20));
    ports.write(R.CONTROL, 1, 0x30);
    expect(irq.level).toBe(false);
  });

  test('a guest that stalls the host gets one interrupt for the missed ones', () => {
    program(0, 2, 2);
    clock.jump(1e9);
    clock.runDue();
    expect(irq.rises).toBe(1);
    expect(clock.nextDeadlineNs()).toBeGreaterThanOrEqual(1e9 + 10_000);
  });

  test('channel 2 counts down unlatched while its gate is high, low byte first', () => {
    ports.write(R.PORT_B, 1, R.PORT_B_GATE2);
    program(2, 0, 0xffff);
    clock.advance(ticks(0x1235));
    expect(readCount(2)).toBe(0xffff - 0x1234);
  });

  test('channel 2 stands still while its gate is low and goes on after', () => {
    ports.write(R.PORT_B, 1, R.PORT_B_GATE2);
    program(2, 0, 1000);
    clock.advance(ticks(101));
    ports.write(R.PORT_B, 1, 0);
    clock.advance(ticks(5000));
    const paused = readCount(2);
    ports.write(R.PORT_B, 1, R.PORT_B_GATE2);
    clock.advance(ticks(100));
    expect([paused, readCount(2)]).toEqual([900, 800]);
  });

  test('port B shows OUT 2 after the terminal count, by which kernels calibrate', () => {
    ports.write(R.PORT_B, 1, R.PORT_B_GATE2);
    program(2, 0, 59659); // 50 ms
    clock.advance(49_900_000);
    const before = ports.read(R.PORT_B, 1) & R.PORT_B_OUT2;
    clock.advance(200_000);
    expect([before, ports.read(R.PORT_B, 1) & R.PORT_B_OUT2]).toEqual([0, R.PORT_B_OUT2]);
  });

  test('port B keeps its writable bits and toggles the refresh bit', () => {
    ports.write(R.PORT_B, 1, 0xff);
    const first = ports.read(R.PORT_B, 1);
    clock.advance(ticks(R.REFRESH_TICKS));
    expect([first & 0x0f, (first ^ ports.read(R.PORT_B, 1)) & R.PORT_B_REFRESH]).toEqual([0x0f, R.PORT_B_REFRESH]);
  });

  test('a latched count stays until it is read whole', () => {
    program(0, 2, 50_000);
    clock.advance(ticks(1001));
    ports.write(R.CONTROL, 1, 0x00);
    clock.advance(ticks(300));
    expect([readCount(0), readCount(0)]).toEqual([49_000, 48_700]);
  });

  test('read-back gives status first, then the count', () => {
    program(0, 2, 50_000);
    clock.advance(ticks(101));
    ports.write(R.CONTROL, 1, 0xc2);
    expect([ports.read(R.CHANNEL_0, 1), readCount(0)]).toEqual([0xb4, 49_900]);
  });

  test('status says that no count was loaded', () => {
    ports.write(R.CONTROL, 1, 0x34);
    ports.write(R.CONTROL, 1, 0xe2);
    expect(ports.read(R.CHANNEL_0, 1) & R.STATUS_NULL_COUNT).toBe(R.STATUS_NULL_COUNT);
  });

  test('a new count in mode 2 is taken at the end of the period', () => {
    program(0, 2, 1000);
    clock.advance(ticks(501));
    ports.write(R.CHANNEL_0, 1, 0xd0);
    ports.write(R.CHANNEL_0, 1, 0x07); // 2,000
    const during = readCount(0);
    clock.advance(ticks(600));
    expect([during, readCount(0), irq.rises]).toEqual([500, 1900, 1]);
  });

  test('BCD counts read as decimal digits', () => {
    ports.write(R.CONTROL, 1, 0x31);
    ports.write(R.CHANNEL_0, 1, 0x00);
    ports.write(R.CHANNEL_0, 1, 0x10); // 1000
    clock.advance(ticks(2));
    expect(readCount(0)).toBe(0x0999);
  });

  test('a count of 0 is the whole range', () => {
    program(0, 2, 0);
    clock.advance(54_925_500);
    const first = irq.rises;
    clock.advance(54_925_500);
    expect([first, irq.rises]).toEqual([0, 1]);
  });

  test('mode 1 starts when the gate rises', () => {
    program(2, 1, 100);
    clock.advance(ticks(500));
    const idle = ports.read(R.PORT_B, 1) & R.PORT_B_OUT2;
    ports.write(R.PORT_B, 1, R.PORT_B_GATE2);
    clock.advance(ticks(50));
    const running = ports.read(R.PORT_B, 1) & R.PORT_B_OUT2;
    clock.advance(ticks(100));
    expect([idle, running, ports.read(R.PORT_B, 1) & R.PORT_B_OUT2]).toEqual([R.PORT_B_OUT2, 0, R.PORT_B_OUT2]);
  });

  test('a saved and loaded timer fires at the same time', () => {
    program(0, 2, 11932);
    clock.advance(25e6);
    const otherIrq = new RecordingLine();
    const other = new Pit(clock, otherIrq);
    other.load(pit.save());
    expect(other.save()).toEqual(pit.save());
    otherIrq.rises = 0;
    irq.rises = 0;
    clock.advance(1e9);
    expect(otherIrq.rises).toBe(irq.rises);
  });

  test('any sequence of port accesses is survived', () => {
    const random = seededRandom(8254);
    const all = [R.CHANNEL_0, R.CHANNEL_0 + 1, CHANNEL_2, R.CONTROL, R.CONTROL, R.PORT_B];
    for (let i = 0; i < 20_000; i++) {
      ports.write(all[random(all.length)] ?? 0, 1, random(256));
      expect(ports.read(all[random(all.length)] ?? 0, 1)).toBeLessThan(256);
      clock.jump(random(100_000));
      clock.runDue();
    }
    pit.load(pit.save());
  });
});
