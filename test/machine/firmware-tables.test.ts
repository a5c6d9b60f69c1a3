import { describe, expect, test } from 'vitest';
import { buildAcpiTables } from '../../src/machine/acpi.ts';
import * as aml from '../../src/machine/aml.ts';
import { DEFAULT_PCI_MEMORY, FIRMWARE_AREA_END, type MachineDescription } from '../../src/machine/firmware-tables.ts';
import { buildMpTable } from '../../src/machine/mptable.ts';

const MACHINE: MachineDescription = {
  cpuApicIds: [0, 1],
  ioApicId: 2,
  pciSlotCount: 32,
  pciMemory: DEFAULT_PCI_MEMORY,
  serialPorts: [1, 2],
};

const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const text = (bytes: Uint8Array, start: number, end: number) => new TextDecoder().decode(bytes.subarray(start, end));

function acpi(machine = MACHINE) {
  const tables = buildAcpiTables(machine);
  const view = new DataView(tables.bytes.buffer);
  const tableAt = (physical: number) => {
    const start = physical - tables.physical;
    return tables.bytes.subarray(start, start + view.getUint32(start + 4, true));
  };
  const rsdp = tables.bytes.subarray(tables.rsdpPhysical - tables.physical, tables.rsdpPhysical - tables.physical + 36);
  const xsdt = tableAt(Number(view.getBigUint64(tables.rsdpPhysical - tables.physical + 24, true)));
  const xsdtView = new DataView(xsdt.buffer, xsdt.byteOffset);
  const [fadt, madt] = [36, 44].map((offset) => tableAt(Number(xsdtView.getBigUint64(offset, true)))) as [
    Uint8Array,
    Uint8Array,
  ];
  const fadtView = new DataView(fadt.buffer, fadt.byteOffset);
  const dsdt = tableAt(Number(fadtView.getBigUint64(140, true)));
  return { tables, rsdp, xsdt, fadt, fadtView, madt, dsdt };
}

describe('ACPI tables', () => {
  test('lie in the BIOS area, the RSDP on a paragraph', () => {
    const { tables } = acpi();
    expect([
      tables.physical >= 0xe0000,
      tables.physical + tables.bytes.length <= FIRMWARE_AREA_END,
      tables.rsdpPhysical % 16,
    ]).toEqual([true, true, 0]);
  });

  test('every checksum is right', () => {
    const { rsdp, xsdt, fadt, madt, dsdt } = acpi();
    expect([rsdp.subarray(0, 20), rsdp, xsdt, fadt, madt, dsdt].map(sum)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('each signature and the FADT length are as the specification has them', () => {
    const { rsdp, xsdt, fadt, madt, dsdt } = acpi();
    expect([text(rsdp, 0, 8), ...[xsdt, fadt, madt, dsdt].map((table) => text(table, 0, 4)), fadt.length]).toEqual([
      'RSD PTR ',
      'XSDT',
      'FACP',
      'APIC',
      'DSDT',
      244,
    ]);
  });

  test('the FADT names the power management ports, the SCI and the reset register', () => {
    const { fadtView } = acpi();
    const word = (offset: number) => fadtView.getUint32(offset, true);
    expect([
      fadtView.getUint16(46, true),
      word(56),
      word(64),
      word(76),
      fadtView.getUint32(120, true),
      fadtView.getUint8(128),
    ]).toEqual([9, 0x600, 0x604, 0x608, 0xcf9, 6]);
  });

  test('32-bit and 64-bit pointers of the FADT agree', () => {
    const { fadtView } = acpi();
    expect([BigInt(fadtView.getUint32(36, true)), BigInt(fadtView.getUint32(40, true))]).toEqual([
      fadtView.getBigUint64(132, true),
      fadtView.getBigUint64(140, true),
    ]);
  });

  test('the MADT lists CPUs, the IOAPIC, both overrides and the NMI', () => {
    const { madt } = acpi();
    const entries: string[] = [];
    for (let offset = 44; offset < madt.length; offset += madt[offset + 1] ?? 1)
      entries.push([...madt.subarray(offset, offset + (madt[offset + 1] ?? 1))].join(' '));
    expect(entries).toEqual([
      '0 8 0 0 1 0 0 0',
      '0 8 1 1 1 0 0 0',
      '1 12 2 0 0 0 192 254 0 0 0 0',
      '2 10 0 0 2 0 0 0 0 0',
      '2 10 0 9 9 0 0 0 13 0',
      '4 6 255 0 0 1',
    ]);
  });

  test('too much for the area is refused', () => {
    expect(() => buildAcpiTables(MACHINE, new Array<number>(0x10000).fill(0))).toThrow(/too large/);
  });
});

describe('AML', () => {
  test('integers take their shortest form', () => {
    expect([
      aml.integer(0),
      aml.integer(1),
      aml.integer(0x80),
      aml.integer(0x1234),
      aml.integer(0x12345678),
      aml.integer(2 ** 32),
    ]).toEqual([
      [0x00],
      [0x01],
      [0x0a, 0x80],
      [0x0b, 0x34, 0x12],
      [0x0c, 0x78, 0x56, 0x34, 0x12],
      [0x0e, 0, 0, 0, 0, 1, 0, 0, 0],
    ]);
  });

  test('an EISA identifier is packed as the specification shows PNP0A03', () => {
    expect(aml.eisaId('PNP0A03')).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03]);
  });

  test('names are padded, and paths have their prefixes', () => {
    expect([aml.nameString('\\_S5'), aml.nameString('A.B')]).toEqual([
      [0x5c, ...Buffer.from('_S5_')],
      [0x2e, ...Buffer.from('A___B___')],
    ]);
  });

  test('package lengths count themselves in one byte and in two', () => {
    const content = (count: number) => aml.buffer(new Array<number>(count).fill(0xee)).slice(0, 3);
    expect([content(60), content(61), content(0x100)]).toEqual([
      [0x11, 0x3f, 0x0a],
      [0x11, 0x41, 0x04],
      [0x11, 0x45, 0x10],
    ]);
  });

  test('a value too large for its field is our bug', () => {
    expect(() => aml.ioPorts(0x10000, 1)).toThrow(/does not fit/);
  });
});

describe('MP table', () => {
  const image = buildMpTable(MACHINE, { signature: 0x00a20f10, features: 0x178bfbff });
  const view = new DataView(image.bytes.buffer);
  const table = image.bytes.subarray(16);

  test('the pointer is on a paragraph and points behind itself', () => {
    expect([
      text(image.bytes, 0, 4),
      image.physical % 16,
      view.getUint32(4, true),
      sum(image.bytes.subarray(0, 16)),
    ]).toEqual(['_MP_', 0, image.physical + 16, 0]);
  });

  test('the table has the right length and checksum', () => {
    expect([text(table, 0, 4), view.getUint16(16 + 4, true), sum(table)]).toEqual(['PCMP', table.length, 0]);
  });

  test('the entry count is what the entries are', () => {
    let count = 0;
    for (let offset = 44; offset < table.length; offset += table[offset] === 0 ? 20 : 8) count++;
    expect(view.getUint16(16 + 34, true)).toBe(count);
  });

  test('only the first CPU is the boot CPU', () => {
    expect([table[44 + 3], table[64 + 3]]).toEqual([3, 1]);
  });
});
