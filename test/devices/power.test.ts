import { beforeEach, describe, expect, test } from 'vitest';
import { DebugConsole } from '../../src/devices/debug/console.ts';
import { DebugExit, debugExitStatus } from '../../src/devices/debug/exit.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { AcpiPm } from '../../src/devices/power/acpi-pm.ts';
import * as R from '../../src/devices/power/registers.ts';
import { ResetControl } from '../../src/devices/power/reset.ts';
import type { AccessSize } from '../../src/devices/bus.ts';
import { ManualClock, RecordingLine, seededRandom } from './support.ts';

const CONTROL = R.ACPI_PORT + R.PM1_CONTROL;
const STATUS = R.ACPI_PORT + R.PM1_STATUS;
const ENABLE = R.ACPI_PORT + R.PM1_ENABLE;
const TIMER = R.ACPI_PORT + R.PM_TIMER;

let clock: ManualClock;
let ports: PortMap;
let sci: RecordingLine;
let events: string[];
let pm: AcpiPm;
let reset: ResetControl;

beforeEach(() => {
  clock = new ManualClock();
  ports = new PortMap();
  sci = new RecordingLine();
  events = [];
  pm = new AcpiPm(clock, sci, () => events.push('off'));
  pm.connect(ports);
  reset = new ResetControl(() => events.push('reset'));
  reset.connect(ports);
});

describe('AcpiPm', () => {
  test('entering S5 powers off', () => {
    ports.write(CONTROL, 2, (R.SLEEP_TYPE_S5 << R.SLEEP_TYPE_SHIFT) | R.SLEEP_ENABLE);
    expect(events).toEqual(['off']);
  });

  test('setting the sleep type alone, or another one, does nothing', () => {
    ports.write(CONTROL, 2, R.SLEEP_TYPE_S5 << R.SLEEP_TYPE_SHIFT);
    ports.write(CONTROL, 2, (1 << R.SLEEP_TYPE_SHIFT) | R.SLEEP_ENABLE);
    expect(events).toEqual([]);
  });

  test('the machine is in ACPI mode and stays in it, and SLP_EN reads as zero', () => {
    ports.write(CONTROL, 2, R.SLEEP_ENABLE | (1 << R.SLEEP_TYPE_SHIFT));
    expect(ports.read(CONTROL, 2)).toBe(R.SCI_ENABLE | (1 << R.SLEEP_TYPE_SHIFT));
  });

  test('the timer counts 3.579545 MHz in 32 bits and wraps', () => {
    clock.advance(1e9);
    const second = ports.read(TIMER, 4);
    clock.jump(1200e9);
    expect([second, ports.read(TIMER, 4)]).toEqual([3_579_545, (1201 * 3_579_545) % 2 ** 32]);
  });

  test('the timer can be read in bytes', () => {
    clock.jump(1e9);
    expect([0, 1, 2, 3].map((i) => ports.read(TIMER + i, 1))).toEqual([0x99, 0x9e, 0x36, 0x00]);
  });

  test('the timer status raises the SCI when its top bit changes', () => {
    ports.write(ENABLE, 2, R.PM1_TIMER);
    clock.advance(599e9);
    const before = sci.level;
    clock.advance(2e9);
    expect([before, sci.level]).toEqual([false, true]);
    ports.write(STATUS, 2, R.PM1_TIMER);
    expect(sci.level).toBe(false);
  });

  test('the power button raises the SCI once enabled, until its status is written', () => {
    pm.pressPowerButton();
    const disabled = sci.level;
    ports.write(ENABLE, 2, R.PM1_POWER_BUTTON);
    const enabled = [sci.level, ports.read(STATUS, 2)];
    ports.write(STATUS, 2, R.PM1_POWER_BUTTON);
    expect([disabled, enabled, sci.level]).toEqual([false, [true, R.PM1_POWER_BUTTON], false]);
  });

  test('saved and loaded it has the same registers and drives the SCI', () => {
    ports.write(ENABLE, 2, R.PM1_POWER_BUTTON);
    pm.pressPowerButton();
    const otherSci = new RecordingLine();
    const other = new AcpiPm(clock, otherSci, () => {});
    other.load(pm.save());
    expect([other.save(), otherSci.level]).toEqual([pm.save(), true]);
  });

  test('any access of any size is survived', () => {
    const random = seededRandom(64);
    const sizes: AccessSize[] = [1, 2, 4];
    for (let i = 0; i < 10_000; i++) {
      ports.write(R.ACPI_PORT - 2 + random(16), sizes[random(3)] ?? 1, random(2 ** 32));
      expect(ports.read(R.ACPI_PORT - 2 + random(16), sizes[random(3)] ?? 1)).toBeLessThan(2 ** 32);
      clock.jump(random(1e12));
      clock.runDue();
    }
  });
});

describe('ResetControl', () => {
  test('the reset register resets on a rise of its bit', () => {
    ports.write(R.RESET_CONTROL, 1, R.RESET_SYSTEM);
    const armed = events.length;
    ports.write(R.RESET_CONTROL, 1, R.RESET_VALUE);
    ports.write(R.RESET_CONTROL, 1, R.RESET_VALUE);
    expect([armed, events]).toEqual([0, ['reset']]);
  });

  test('the keyboard controller pulses reset only for commands with that bit low', () => {
    ports.write(R.KEYBOARD_COMMAND, 1, 0xff);
    ports.write(R.KEYBOARD_COMMAND, 1, 0xae);
    const before = events.length;
    ports.write(R.KEYBOARD_COMMAND, 1, 0xfe);
    expect([before, events]).toEqual([0, ['reset']]);
  });

  test('port 92h shows A20 on and resets on a rise of its bit', () => {
    const initial = ports.read(R.SYSTEM_CONTROL_A, 1);
    ports.write(R.SYSTEM_CONTROL_A, 1, R.A20_GATE | R.FAST_RESET);
    expect([initial, events]).toEqual([R.A20_GATE, ['reset']]);
  });

  test('saved and loaded it does not reset again', () => {
    ports.write(R.RESET_CONTROL, 1, R.RESET_VALUE);
    const other = new ResetControl(() => events.push('again'));
    other.load(reset.save());
    other.portWrite(R.RESET_CONTROL, 1, R.RESET_VALUE);
    expect([other.save(), events]).toEqual([reset.save(), ['reset']]);
  });
});

describe('debug ports', () => {
  test('the exit port passes the value on, and its status is odd', () => {
    const values: number[] = [];
    new DebugExit((value) => values.push(value)).connect(ports);
    ports.write(0xf4, 1, 3);
    ports.write(0xf4, 4, 0x10);
    expect([values, values.map(debugExitStatus)]).toEqual([
      [3, 0x10],
      [7, 0x21],
    ]);
  });

  test('the console port tells that it is there and gathers what is written', () => {
    const pieces: Uint8Array[] = [];
    const console = new DebugConsole(clock, (bytes) => pieces.push(bytes));
    console.connect(ports);
    ports.write(0xe9, 1, 0x68);
    ports.write(0xe9, 1, 0x69);
    console.flush();
    expect([ports.read(0xe9, 1), pieces]).toEqual([0xe9, [Uint8Array.of(0x68, 0x69)]]);
  });
});
