import { beforeEach, describe, expect, test } from 'vitest';
import { Pic } from '../../src/devices/pic/device.ts';
import * as R from '../../src/devices/pic/registers.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import { RecordingLine, seededRandom } from './support.ts';

const NONSPECIFIC_EOI = 0x20;
const READ_IRR = 0x0a;
const READ_ISR = 0x0b;
const POLL = 0x0c;

let ports: PortMap;
let intr: RecordingLine;
let pic: Pic;

function initialize(icw4 = 0x01): void {
  ports.write(R.MASTER_COMMAND, 1, 0x11);
  ports.write(R.MASTER_DATA, 1, 0x30);
  ports.write(R.MASTER_DATA, 1, 0x04);
  ports.write(R.MASTER_DATA, 1, icw4);
  ports.write(R.SLAVE_COMMAND, 1, 0x11);
  ports.write(R.SLAVE_DATA, 1, 0x38);
  ports.write(R.SLAVE_DATA, 1, 0x02);
  ports.write(R.SLAVE_DATA, 1, icw4);
}

beforeEach(() => {
  ports = new PortMap();
  intr = new RecordingLine();
  pic = new Pic(intr);
  pic.connect(ports);
  initialize();
});

describe('Pic', () => {
  test('an edge raises INTR, the acknowledgement gives its vector and lowers INTR', () => {
    pic.line(4).set(true);
    const before = intr.level;
    expect([before, pic.acknowledge(), intr.level]).toEqual([true, 0x34, false]);
  });

  test('an edge-triggered input needs another edge', () => {
    const line = pic.line(4);
    line.set(true);
    pic.acknowledge();
    ports.write(R.MASTER_COMMAND, 1, NONSPECIFIC_EOI);
    const held = intr.level;
    line.set(false);
    line.set(true);
    expect([held, intr.level]).toEqual([false, true]);
  });

  test('a slave input goes through the cascade and needs both EOIs', () => {
    pic.line(8).set(true);
    const vector = pic.acknowledge();
    ports.write(R.SLAVE_COMMAND, 1, READ_ISR);
    ports.write(R.MASTER_COMMAND, 1, READ_ISR);
    expect([vector, ports.read(R.SLAVE_COMMAND, 1), ports.read(R.MASTER_COMMAND, 1)]).toEqual([0x38, 0x01, 0x04]);
  });

  test('a mask holds the request back without losing it', () => {
    ports.write(R.MASTER_DATA, 1, 0xff);
    pic.line(1).set(true);
    const masked = intr.level;
    ports.write(R.MASTER_DATA, 1, 0xfd);
    expect([masked, intr.level, ports.read(R.MASTER_DATA, 1)]).toEqual([false, true, 0xfd]);
  });

  test('a lower priority waits for the EOI of a higher one, a higher one does not', () => {
    pic.line(3).set(true);
    pic.acknowledge();
    pic.line(5).set(true);
    const lower = intr.level;
    pic.line(0).set(true);
    expect([lower, intr.level, pic.acknowledge()]).toEqual([false, true, 0x30]);
  });

  test('a request that goes away before the acknowledgement is spurious IRQ 7, with nothing in service', () => {
    const line = pic.line(5);
    line.set(true);
    line.set(false);
    const vector = pic.acknowledge();
    ports.write(R.MASTER_COMMAND, 1, READ_ISR);
    expect([vector, ports.read(R.MASTER_COMMAND, 1)]).toEqual([0x37, 0]);
  });

  test('a level-triggered input asks again until it is low', () => {
    ports.write(R.ELCR_SLAVE, 1, 0x04); // IRQ 10
    const line = pic.line(10);
    line.set(true);
    pic.acknowledge();
    ports.write(R.SLAVE_COMMAND, 1, NONSPECIFIC_EOI);
    ports.write(R.MASTER_COMMAND, 1, NONSPECIFIC_EOI);
    const again = intr.level;
    line.set(false);
    expect([again, intr.level]).toEqual([true, false]);
  });

  test('the ELCR bits of the always edge-triggered inputs stay clear', () => {
    ports.write(R.ELCR_MASTER, 2, 0xffff);
    expect([ports.read(R.ELCR_MASTER, 1), ports.read(R.ELCR_SLAVE, 1)]).toEqual([0xf8, 0xde]);
  });

  test('automatic EOI leaves nothing in service', () => {
    initialize(0x03);
    pic.line(6).set(true);
    pic.acknowledge();
    ports.write(R.MASTER_COMMAND, 1, READ_ISR);
    expect(ports.read(R.MASTER_COMMAND, 1)).toBe(0);
  });

  test('a poll answers with the request and acknowledges it', () => {
    pic.line(6).set(true);
    ports.write(R.MASTER_COMMAND, 1, POLL);
    const answer = ports.read(R.MASTER_COMMAND, 1);
    expect([answer, intr.level]).toEqual([0x86, false]);
  });

  test('special mask mode lets lower priorities through while the higher one is masked in service', () => {
    pic.line(3).set(true);
    pic.acknowledge();
    pic.line(5).set(true);
    ports.write(R.MASTER_DATA, 1, 1 << 3);
    const normal = intr.level;
    ports.write(R.MASTER_COMMAND, 1, 0x68);
    expect([normal, intr.level, pic.acknowledge()]).toEqual([false, true, 0x35]);
  });

  test('rotation on EOI makes the served input the lowest', () => {
    pic.line(3).set(true);
    pic.acknowledge();
    ports.write(R.MASTER_COMMAND, 1, 0xa0);
    pic.line(3).set(false);
    pic.line(3).set(true);
    pic.line(7).set(true);
    expect(pic.acknowledge()).toBe(0x37);
  });

  test('a specific EOI ends just its level', () => {
    pic.line(3).set(true);
    pic.acknowledge();
    pic.line(1).set(true);
    pic.acknowledge();
    ports.write(R.MASTER_COMMAND, 1, 0x63);
    ports.write(R.MASTER_COMMAND, 1, READ_ISR);
    expect(ports.read(R.MASTER_COMMAND, 1)).toBe(0x02);
  });

  test('ICW1 forgets edges but not level-triggered wires', () => {
    ports.write(R.ELCR_MASTER, 1, 0x20);
    pic.line(4).set(true);
    pic.line(5).set(true);
    initialize();
    ports.write(R.MASTER_COMMAND, 1, READ_IRR);
    expect(ports.read(R.MASTER_COMMAND, 1)).toBe(0x20);
  });

  test('a saved and loaded PIC goes on where it was', () => {
    pic.line(3).set(true);
    pic.acknowledge();
    pic.line(1).set(true);
    pic.line(12).set(true);
    const otherIntr = new RecordingLine();
    const other = new Pic(otherIntr);
    other.load(pic.save());
    expect(other.save()).toEqual(pic.save());
    expect([otherIntr.level, other.acknowledge()]).toEqual([true, 0x31]);
  });

  test('a damaged state is refused by name', () => {
    expect(() => pic.load({ ...pic.save(), master: 7 })).toThrow(/saved state of pic .*"master"/);
  });

  test('any sequence of writes, wires and acknowledgements is survived', () => {
    const random = seededRandom(8259);
    const all = [R.MASTER_COMMAND, R.MASTER_DATA, R.SLAVE_COMMAND, R.SLAVE_DATA, R.ELCR_MASTER, R.ELCR_SLAVE];
    const lines = [0, 1, 3, 4, 7, 8, 12, 15].map((irq) => pic.line(irq));
    for (let i = 0; i < 20_000; i++) {
      ports.write(all[random(all.length)] ?? 0, 1, random(256));
      ports.read(all[random(all.length)] ?? 0, 1);
      lines[random(lines.length)]?.set(random(2) === 0);
      expect(pic.acknowledge()).toBeLessThan(256);
    }
    pic.load(pic.save());
  });
});
