import { expect, test } from 'vitest';
import { fanOut, LevelOutput, SharedLine } from '../../src/devices/irq-lines.ts';
import { PciInterrupts, pciGsi, pciIsaIrq } from '../../src/machine/pci-interrupts.ts';
import { RecordingLine } from './support.ts';

test('a shared line is asserted while any source is', () => {
  const target = new RecordingLine();
  const shared = new SharedLine(target);
  const [a, b] = [shared.source(), shared.source()];
  a.set(true);
  b.set(true);
  a.set(false);
  const whileOne = target.level;
  b.set(false);
  expect([whileOne, target.level, target.rises]).toEqual([true, false, 1]);
});

test('a source that repeats its level counts once', () => {
  const target = new RecordingLine();
  const source = new SharedLine(target).source();
  source.set(true);
  source.set(true);
  source.set(false);
  expect(target.level).toBe(false);
});

test('fan-out drives every target', () => {
  const [a, b] = [new RecordingLine(), new RecordingLine()];
  fanOut(a, b).set(true);
  expect([a.level, b.level]).toEqual([true, true]);
});

test('a level output passes on changes only, and everything after forget', () => {
  const levels: boolean[] = [];
  const output = new LevelOutput({ set: (level) => levels.push(level) });
  output.set(true);
  output.set(true);
  output.forget();
  output.set(true);
  expect(levels).toEqual([true, true]);
});

test('PCI pins of one slot reach different IOAPIC inputs, and the PIC too', () => {
  const ioApic = new Map<number, RecordingLine>();
  const pic = new Map<number, RecordingLine>();
  const into = (map: Map<number, RecordingLine>) => (pin: number) => {
    const line = new RecordingLine();
    map.set(pin, line);
    return line;
  };
  const interrupts = new PciInterrupts(into(ioApic), into(pic));
  interrupts.line(3, 1).set(true);
  expect([pciGsi(3, 0), pciGsi(3, 1), pciGsi(31, 3)]).toEqual([19, 16, 18]);
  expect(ioApic.get(16)?.level).toBe(true);
  expect(pic.get(pciIsaIrq(3, 1))?.level).toBe(true);
});
