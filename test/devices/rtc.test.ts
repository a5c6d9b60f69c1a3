import { beforeEach, describe, expect, test } from 'vitest';
import { Rtc } from '../../src/devices/rtc/device.ts';
import * as R from '../../src/devices/rtc/registers.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { ManualClock, RecordingLine, seededRandom } from './support.ts';

const MIB = 1024 * 1024;
const TIME = [R.CENTURY, R.YEAR, R.MONTH, R.DAY_OF_MONTH, R.HOURS, R.MINUTES, R.SECONDS];

let clock: ManualClock;
let ports: PortMap;
let irq: RecordingLine;
let rtc: Rtc;

beforeEach(() => {
  clock = new ManualClock();
  ports = new PortMap();
  irq = new RecordingLine();
  rtc = new Rtc(clock, irq, { lowBytes: 512 * MIB, highBytes: 4096 * MIB });
  rtc.connect(ports);
});

function read(index: number): number {
  ports.write(R.RTC_INDEX, 1, index);
  return ports.read(R.RTC_DATA, 1);
}

function write(index: number, value: number): void {
  ports.write(R.RTC_INDEX, 1, index);
  ports.write(R.RTC_DATA, 1, value);
}

describe('Rtc', () => {
  test('gives the time of power-on in BCD and 24 hours', () => {
    expect(TIME.map(read)).toEqual([0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x58]);
    expect(read(R.DAY_OF_WEEK)).toBe(5); // a Thursday
  });

  test('runs with the clock, over midnight of a leap day', () => {
    clock.advance(2e9);
    expect(TIME.map(read)).toEqual([0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00]);
  });

  test('gives binary and 12 hours when told to', () => {
    write(R.REGISTER_B, R.B_BINARY);
    expect([read(R.YEAR), read(R.HOURS), read(R.MINUTES)]).toEqual([24, 11 | R.HOURS_PM, 59]);
  });

  test('a time that is set runs on from there', () => {
    write(R.REGISTER_B, R.B_SET | R.B_24_HOUR);
    const values = [0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59];
    TIME.forEach((index, i) => write(index, values[i] ?? 0));
    clock.advance(5e9);
    const still = TIME.map(read);
    write(R.REGISTER_B, R.B_24_HOUR);
    clock.advance(1e9);
    expect([still, TIME.map(read)]).toEqual([values, [0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00]]);
  });

  test('a divider that leaves reset updates first after half a second', () => {
    write(R.REGISTER_A, R.A_DIVIDER_RESET);
    write(R.SECONDS, 0x10);
    clock.advance(3e9);
    write(R.REGISTER_A, R.A_DIVIDER_NORMAL);
    clock.advance(499e6);
    const before = read(R.SECONDS);
    clock.advance(2e6);
    expect([before, read(R.SECONDS)]).toEqual([0x10, 0x11]);
  });

  test('a state from a clock with fractions of a nanosecond can be loaded', () => {
    clock.jump(0.25);
    write(R.REGISTER_A, R.A_DIVIDER_RESET);
    write(R.REGISTER_A, R.A_DIVIDER_NORMAL);
    const state = rtc.save();
    rtc.load(state);
    expect(rtc.save()).toEqual(state);
  });

  test('UIP is set shortly before an update and never else', () => {
    clock.advance(997_000_000);
    const before = read(R.REGISTER_A) & R.A_UPDATE_IN_PROGRESS;
    clock.advance(1_000_000);
    const during = read(R.REGISTER_A) & R.A_UPDATE_IN_PROGRESS;
    clock.advance(2_000_000);
    expect([before, during, read(R.REGISTER_A) & R.A_UPDATE_IN_PROGRESS]).toEqual([0, R.A_UPDATE_IN_PROGRESS, 0]);
  });

  test('the periodic interrupt comes at its rate while register C is read', () => {
    write(R.REGISTER_A, R.A_DIVIDER_NORMAL | 0xf); // 2 Hz
    write(R.REGISTER_B, R.B_24_HOUR | R.B_PERIODIC);
    clock.advance(500_000_000);
    const first = [irq.level, read(R.REGISTER_C), irq.level];
    clock.advance(500_000_000);
    expect([first, irq.rises]).toEqual([[true, R.C_REQUEST | R.C_PERIODIC, false], 2]);
  });

  test('an interrupt that is not acknowledged needs no more timers', () => {
    write(R.REGISTER_B, R.B_24_HOUR | R.B_PERIODIC);
    clock.advance(1e9);
    expect([irq.rises, clock.nextDeadlineNs()]).toEqual([1, undefined]);
  });

  test('flags are set without their interrupts for guests that poll', () => {
    clock.advance(1e9);
    expect([read(R.REGISTER_C), irq.rises, read(R.REGISTER_C)]).toEqual([R.C_PERIODIC | R.C_UPDATE_ENDED, 0, 0]);
  });

  test('the alarm interrupts at its time', () => {
    write(R.HOURS_ALARM, 0x00);
    write(R.MINUTES_ALARM, 0x01);
    write(R.SECONDS_ALARM, 0x30);
    write(R.REGISTER_B, R.B_24_HOUR | R.B_ALARM);
    clock.advance(91.9e9);
    const before = irq.level;
    clock.advance(0.2e9);
    expect([before, irq.level, read(R.REGISTER_C) & R.C_ALARM]).toEqual([false, true, R.C_ALARM]);
  });

  test('an alarm of "don\'t care" bytes comes each second', () => {
    for (const index of [R.HOURS_ALARM, R.MINUTES_ALARM, R.SECONDS_ALARM]) write(index, 0xff);
    write(R.REGISTER_B, R.B_24_HOUR | R.B_ALARM);
    clock.advance(1.1e9);
    const first = irq.rises;
    read(R.REGISTER_C);
    clock.advance(1e9);
    expect([first, irq.rises]).toEqual([1, 2]);
  });

  test('an alarm at an impossible time never comes and costs nothing', () => {
    write(R.MINUTES_ALARM, 0x75);
    write(R.REGISTER_B, R.B_24_HOUR | R.B_ALARM);
    expect(clock.nextDeadlineNs()).toBeUndefined();
  });

  test('setting the clock disables the update-ended interrupt', () => {
    write(R.REGISTER_B, R.B_SET | R.B_UPDATE_ENDED | R.B_24_HOUR);
    expect(read(R.REGISTER_B)).toBe(R.B_SET | R.B_24_HOUR);
  });

  test('CMOS RAM tells the memory size and keeps what is written', () => {
    write(0x7f, 0x5a);
    const word = (index: number) => read(index) | (read(index + 1) << 8);
    expect(read(0x7f)).toBe(0x5a);
    expect([
      word(R.BASE_MEMORY_LOW),
      word(R.EXTENDED_MEMORY_LOW),
      word(R.MEMORY_ABOVE_16M_LOW),
      word(R.MEMORY_ABOVE_4G_LOW),
    ]).toEqual([640, 0xffff, 496 * 16, 0]);
    expect(read(R.MEMORY_ABOVE_4G_LOW + 2)).toBe(1);
    expect(read(R.REGISTER_D)).toBe(R.D_VALID);
  });

  test('a saved and loaded clock tells the same time and keeps its interrupts', () => {
    write(R.REGISTER_B, R.B_24_HOUR | R.B_UPDATE_ENDED);
    clock.advance(0.5e9);
    const otherIrq = new RecordingLine();
    const other = new Rtc(clock, otherIrq, { lowBytes: 0, highBytes: 0 });
    other.load(rtc.save());
    expect(other.save()).toEqual(rtc.save());
    clock.advance(0.6e9);
    expect([irq.level, otherIrq.level]).toEqual([true, true]);
  });

  test('any sequence of accesses is survived', () => {
    const random = seededRandom(146818);
    for (let i = 0; i < 20_000; i++) {
      write(random(3) === 0 ? random(256) : random(14), random(256));
      expect(read(random(128))).toBeLessThan(256);
      clock.jump(random(2e9));
      clock.runDue();
    }
    rtc.load(rtc.save());
  });
});
