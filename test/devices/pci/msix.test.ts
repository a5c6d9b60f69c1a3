import { describe, expect, it } from 'vitest';
import { Msix } from '../../../src/devices/pci/msix.ts';

const ENABLE = 0x8000;
const FUNCTION_MASK = 0x4000;

function programmed(): { msix: Msix; sent: number[][] } {
  const sent: number[][] = [];
  const msix = new Msix(2, { send: (address, data) => sent.push([address, data]) });
  msix.table.mmioWrite(16, 4, 0xfee01000);
  msix.table.mmioWrite(24, 4, 0x31);
  msix.table.mmioWrite(28, 4, 0);
  return { msix, sent };
}

describe('MSI-X', () => {
  it('sends the address and data of the vector', () => {
    const { msix, sent } = programmed();
    msix.controlChanged(ENABLE);
    msix.trigger(1);
    expect(sent).toEqual([[0xfee01000, 0x31]]);
  });

  it('starts with every vector masked', () => {
    const { msix, sent } = programmed();
    msix.controlChanged(ENABLE);
    msix.trigger(0);
    expect(sent).toEqual([]);
    expect(msix.table.mmioRead(12, 4)).toBe(1);
  });

  it('keeps a masked vector pending and sends it once when unmasked', () => {
    const { msix, sent } = programmed();
    msix.controlChanged(ENABLE);
    msix.table.mmioWrite(28, 4, 1);
    msix.trigger(1);
    msix.trigger(1);
    expect(msix.pba.mmioRead(0, 4)).toBe(0b10);
    msix.table.mmioWrite(28, 4, 0);
    expect(sent).toEqual([[0xfee01000, 0x31]]);
    expect(msix.pba.mmioRead(0, 4)).toBe(0);
  });

  it('keeps vectors pending under the function mask', () => {
    const { msix, sent } = programmed();
    msix.controlChanged(ENABLE | FUNCTION_MASK);
    msix.trigger(1);
    expect(sent).toEqual([]);
    msix.controlChanged(ENABLE);
    expect(sent).toHaveLength(1);
  });

  it('sends nothing while disabled or for a vector that does not exist', () => {
    const { msix, sent } = programmed();
    msix.trigger(1);
    msix.controlChanged(ENABLE);
    msix.trigger(0xffff);
    expect(sent).toEqual([]);
  });

  it('ignores writes past the table and reads 0 there', () => {
    const { msix } = programmed();
    msix.table.mmioWrite(32, 4, 5);
    expect(msix.table.mmioRead(32, 4)).toBe(0);
  });

  it('saves entries and pending bits', () => {
    const { msix } = programmed();
    msix.controlChanged(ENABLE | FUNCTION_MASK);
    msix.trigger(1);
    const sent: number[][] = [];
    const other = new Msix(2, { send: (address, data) => sent.push([address, data]) });
    other.load(msix.save());
    other.controlChanged(ENABLE);
    expect(sent).toEqual([[0xfee01000, 0x31]]);
  });
});
