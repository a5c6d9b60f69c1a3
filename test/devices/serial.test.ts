import { beforeEach, describe, expect, test } from 'vitest';
import { Serial } from '../../src/devices/serial/device.ts';
import * as R from '../../src/devices/serial/registers.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { ManualClock, RecordingLine, seededRandom } from './support.ts';

const BASE = R.COM1_PORT;

let clock: ManualClock;
let ports: PortMap;
let irq: RecordingLine;
let sent: number[];
let roomCount: number;
let serial: Serial;

beforeEach(() => {
  clock = new ManualClock();
  ports = new PortMap();
  irq = new RecordingLine();
  sent = [];
  roomCount = 0;
  serial = new Serial({ clock, irq, output: (bytes) => sent.push(...bytes), onRoom: () => roomCount++ });
  serial.connect(ports, BASE);
});

const read = (register: number) => ports.read(BASE + register, 1);
const write = (register: number, value: number) => ports.write(BASE + register, 1, value);
const bytes = (text: string) => new TextEncoder().encode(text);

describe('Serial output', () => {
  test('reaches the sink in order, in one piece, a moment later', () => {
    write(R.DATA, 0x00);
    write(R.DATA, 0xff);
    const before = [...sent];
    clock.advance(1e6);
    expect([before, sent]).toEqual([[], [0x00, 0xff]]);
  });

  test('does not wait when its buffer is full', () => {
    for (let i = 0; i < 5000; i++) write(R.DATA, i & 0xff);
    expect(sent.length).toBe(4096);
  });

  test('the transmitter is always empty', () => {
    write(R.DATA, 1);
    expect(read(R.LSR)).toBe(R.LSR_THR_EMPTY | R.LSR_TRANSMITTER_EMPTY);
  });

  test('enabling the transmit interrupt raises it each time, as drivers test', () => {
    write(R.IER, R.IER_TRANSMIT);
    const first = read(R.IIR_FCR);
    write(R.IER, 0);
    write(R.IER, R.IER_TRANSMIT);
    expect([first, read(R.IIR_FCR), read(R.IIR_FCR)]).toEqual([R.IIR_TRANSMIT, R.IIR_TRANSMIT, R.IIR_NONE]);
  });

  test('each write after an acknowledged transmit interrupt gives a new edge', () => {
    write(R.IER, R.IER_TRANSMIT);
    read(R.IIR_FCR);
    write(R.DATA, 0x41);
    expect([irq.rises, irq.level]).toEqual([2, true]);
  });
});

describe('Serial input', () => {
  test('waits until the guest enables the receive interrupt', () => {
    serial.receive(bytes('hi'));
    const early = read(R.LSR) & R.LSR_DATA_READY;
    write(R.IER, R.IER_RECEIVE);
    expect([early, irq.level, read(R.IIR_FCR), read(R.DATA)]).toEqual([0, true, R.IIR_RECEIVE, 0x68]);
  });

  test('reaches a guest that polls', () => {
    serial.receive(bytes('k'));
    const polls = Array.from({ length: 20 }, () => read(R.LSR) & R.LSR_DATA_READY);
    expect(polls.includes(R.LSR_DATA_READY)).toBe(true);
    expect(read(R.DATA)).toBe(0x6b);
  });

  test('is not eaten by a driver that starts up: autoconfiguration, FIFO clearing and a stray read', () => {
    serial.receive(bytes('echo'));
    write(R.IER, 0x0f & ~R.IER_RECEIVE);
    write(R.IER, 0);
    write(R.IIR_FCR, R.FCR_ENABLE);
    write(R.IIR_FCR, 0x07);
    write(R.IIR_FCR, 0);
    read(R.LSR);
    read(R.DATA);
    write(R.IIR_FCR, 0x81);
    write(R.IER, R.IER_RECEIVE | R.IER_LINE);
    expect([read(R.DATA), read(R.DATA), read(R.DATA), read(R.DATA)]).toEqual([...bytes('echo')]);
  });

  test('is not eaten by a driver that enables the FIFO after the interrupt', () => {
    serial.receive(bytes('echo'));
    write(R.IER, R.IER_RECEIVE | R.IER_LINE);
    clock.advance(100_000);
    write(R.IIR_FCR, R.FCR_ENABLE);
    write(R.IIR_FCR, 0x81);
    clock.advance(100_000);
    expect([read(R.DATA), read(R.DATA), read(R.DATA), read(R.DATA)]).toEqual([...bytes('echo')]);
  });

  test('raises the interrupt at the trigger level, and below it after four character times', () => {
    write(R.IIR_FCR, R.FCR_ENABLE | (2 << R.FCR_TRIGGER_SHIFT)); // 8 bytes
    write(R.LCR, 0x83);
    write(R.DATA, 1); // 115,200 baud
    write(R.IER, 0);
    write(R.LCR, 0x03);
    write(R.IER, R.IER_RECEIVE);
    serial.receive(bytes('abc'));
    const at0 = irq.level;
    clock.advance(348_000);
    expect([at0, irq.level, read(R.IIR_FCR)]).toEqual([false, true, R.IIR_FIFO_ENABLED | R.IIR_TIMEOUT]);
    read(R.DATA);
    expect(read(R.IIR_FCR)).toBe(R.IIR_FIFO_ENABLED | R.IIR_NONE);
  });

  test('eight bytes at a trigger of eight interrupt at once', () => {
    write(R.IIR_FCR, R.FCR_ENABLE | (2 << R.FCR_TRIGGER_SHIFT));
    write(R.IER, R.IER_RECEIVE);
    serial.receive(bytes('abcdefgh'));
    expect(read(R.IIR_FCR)).toBe(R.IIR_FIFO_ENABLED | R.IIR_RECEIVE);
  });

  test('arrives byte for byte, in order, however long it is', () => {
    write(R.IIR_FCR, R.FCR_ENABLE);
    write(R.IER, R.IER_RECEIVE);
    const input = Uint8Array.from({ length: 3000 }, (_, i) => (i * 7) & 0xff);
    serial.receive(input);
    const got: number[] = [];
    for (let step = 0; step < 4000 && got.length < input.length; step++) {
      while ((read(R.LSR) & R.LSR_DATA_READY) !== 0) got.push(read(R.DATA));
      clock.advance(80_000);
    }
    expect(got).toEqual([...input]);
  });

  test('pushes back on the host and says when there is room', () => {
    const accepted = serial.receive(new Uint8Array(10_000));
    write(R.IIR_FCR, R.FCR_ENABLE);
    write(R.IER, R.IER_RECEIVE);
    const before = roomCount;
    for (let step = 0; step < 400; step++) {
      while ((read(R.LSR) & R.LSR_DATA_READY) !== 0) read(R.DATA);
      clock.advance(80_000);
    }
    expect([accepted, before, roomCount]).toEqual([4096, 0, 1]);
  });

  test('a BREAK is a zero byte with its flag, and a line interrupt', () => {
    write(R.IER, R.IER_LINE);
    serial.receiveBreak();
    const source = read(R.IIR_FCR);
    const status = read(R.LSR) & (R.LSR_BREAK | R.LSR_DATA_READY);
    expect([source, status, read(R.IIR_FCR), read(R.DATA)]).toEqual([
      R.IIR_LINE,
      R.LSR_BREAK | R.LSR_DATA_READY,
      R.IIR_NONE,
      0,
    ]);
  });
});

describe('Serial registers', () => {
  test('IER keeps four bits, the scratch register eight', () => {
    write(R.IER, 0xff);
    write(R.SCR, 0xa5);
    expect([read(R.IER), read(R.SCR)]).toEqual([0x0f, 0xa5]);
  });

  test('DLAB shows the divisor in place of data and IER', () => {
    write(R.LCR, R.LCR_DLAB);
    write(R.DATA, 0x34);
    write(R.IER, 0x12);
    const divisor = [read(R.DATA), read(R.IER)];
    write(R.LCR, 0);
    clock.advance(1e7);
    expect([divisor, read(R.IER), sent]).toEqual([[0x34, 0x12], 0, []]);
  });

  test('loopback returns the modem outputs as inputs, by which drivers find the chip', () => {
    write(R.MCR, R.MCR_LOOPBACK | R.MCR_RTS | R.MCR_OUT2);
    expect(read(R.MSR) & 0xf0).toBe(R.MSR_DCD | R.MSR_CTS);
  });

  test('loopback returns data, does not send it, and overruns like a line', () => {
    write(R.MCR, R.MCR_LOOPBACK);
    write(R.DATA, 0x11);
    write(R.DATA, 0x22);
    clock.advance(1e7);
    const status = read(R.LSR);
    expect([status & (R.LSR_OVERRUN | R.LSR_DATA_READY), read(R.LSR) & R.LSR_OVERRUN, read(R.DATA), sent]).toEqual([
      R.LSR_OVERRUN | R.LSR_DATA_READY,
      0,
      0x11,
      [],
    ]);
  });

  test('a modem change interrupts until MSR is read', () => {
    write(R.IER, R.IER_MODEM);
    write(R.MCR, R.MCR_LOOPBACK);
    const source = read(R.IIR_FCR);
    const deltas = read(R.MSR) & R.MSR_DELTAS;
    expect([source, deltas, read(R.IIR_FCR)]).toEqual([
      R.IIR_MODEM,
      R.MSR_DELTA_CTS | R.MSR_DELTA_DSR | R.MSR_DELTA_DCD,
      R.IIR_NONE,
    ]);
  });

  test('IIR says that FIFOs are enabled', () => {
    write(R.IIR_FCR, R.FCR_ENABLE);
    expect(read(R.IIR_FCR)).toBe(R.IIR_FIFO_ENABLED | R.IIR_NONE);
  });

  test('a saved and loaded UART has the same input waiting and the same interrupt', () => {
    write(R.IIR_FCR, R.FCR_ENABLE);
    write(R.IER, R.IER_RECEIVE);
    write(R.DATA, 0x21);
    serial.receive(bytes('state of the art, longer than a FIFO'));
    const state = serial.save();
    const otherIrq = new RecordingLine();
    const other = new Serial({ clock, irq: otherIrq, output: () => {} });
    other.load(state);
    expect([other.save(), sent, otherIrq.level]).toEqual([state, [0x21], true]);
  });

  test('any sequence of accesses and input is survived', () => {
    const random = seededRandom(16550);
    for (let i = 0; i < 20_000; i++) {
      write(random(8), random(256));
      expect(read(random(8))).toBeLessThan(256);
      serial.receive(new Uint8Array(random(40)));
      clock.jump(random(1e6));
      clock.runDue();
    }
    serial.load(serial.save());
  });
});
