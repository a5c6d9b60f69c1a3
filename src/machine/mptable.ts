/**
 * The MP floating pointer structure and configuration table (MultiProcessor Specification 1.4 §4), for guests without
 * ACPI: CPUs, PCI and ISA bus, the IOAPIC and the interrupts into it.
 */
import { APIC_DEFAULT_BASE, VERSION_VALUE as LOCAL_APIC_VERSION } from '../devices/apic/registers.ts';
import { IOAPIC_BASE, PIC_PIN, TIMER_PIN, VERSION_VALUE as IOAPIC_VERSION } from '../devices/ioapic/registers.ts';
import { CASCADE_IRQ } from '../devices/pic/registers.ts';
import { SCI_IRQ } from '../devices/power/registers.ts';
import {
  MP_TABLE_PHYSICAL,
  OEM_ID,
  OEM_TABLE_ID,
  setChecksum,
  TableWriter,
  type MachineDescription,
  type TableImage,
} from './firmware-tables.ts';
import { PCI_PIN_COUNT, pciGsi } from './pci-interrupts.ts';

const SPEC_REVISION = 4; // 1.4
const POINTER_BYTES = 16;
const POINTER_PARAGRAPHS = 1;
const POINTER_CHECKSUM = 10;
const HEADER_CHECKSUM = 7;
const HEADER_BYTES = 44;
const HEADER_LENGTH_OFFSET = 4;
const HEADER_COUNT_OFFSET = 34;

// Entry types (table 4-3)
const ENTRY_PROCESSOR = 0;
const ENTRY_BUS = 1;
const ENTRY_IOAPIC = 2;
const ENTRY_IO_INTERRUPT = 3;
const ENTRY_LOCAL_INTERRUPT = 4;
const CPU_ENABLED = 1;
const CPU_BOOTSTRAP = 2;
const IOAPIC_ENABLED = 1;
// Interrupt types (table 4-11)
const TYPE_INT = 0;
const TYPE_NMI = 1;
const TYPE_EXTINT = 3;
const CONFORMS = 0;
const HIGH_LEVEL = 0x0d;
const ALL_LOCAL_APICS = 0xff;

const PCI_BUS = 0;
const ISA_BUS = 1;
const ISA_IRQ_COUNT = 16;

/** What the table tells of each CPU. */
export interface MpCpuIdentity {
  /** CPUID leaf 1 EAX: stepping, model, family. */
  readonly signature: number;
  /** CPUID leaf 1 EDX. */
  readonly features: number;
}

/** Builds the pointer structure with the table behind it. */
export function buildMpTable(machine: MachineDescription, cpu: MpCpuIdentity): TableImage {
  const table = new TableWriter().zeros(HEADER_BYTES);
  let entryCount = 0;
  const entry = (type: number): TableWriter => {
    entryCount++;
    return table.uint(type, 1);
  };

  machine.cpuApicIds.forEach((apicId, index) => {
    entry(ENTRY_PROCESSOR)
      .uint(apicId, 1)
      .uint(LOCAL_APIC_VERSION & 0xff, 1)
      .uint(CPU_ENABLED | (index === 0 ? CPU_BOOTSTRAP : 0), 1)
      .uint(cpu.signature >>> 0, 4)
      .uint(cpu.features >>> 0, 4)
      .zeros(8);
  });
  entry(ENTRY_BUS).uint(PCI_BUS, 1).text('PCI', 6);
  entry(ENTRY_BUS).uint(ISA_BUS, 1).text('ISA', 6);
  entry(ENTRY_IOAPIC)
    .uint(machine.ioApicId, 1)
    .uint(IOAPIC_VERSION & 0xff, 1)
    .uint(IOAPIC_ENABLED, 1)
    .uint(IOAPIC_BASE, 4);

  const ioInterrupt = (type: number, flags: number, bus: number, irq: number, pin: number): void => {
    entry(ENTRY_IO_INTERRUPT)
      .uint(type, 1)
      .uint(flags, 2)
      .uint(bus, 1)
      .uint(irq, 1)
      .uint(machine.ioApicId, 1)
      .uint(pin, 1);
  };
  ioInterrupt(TYPE_EXTINT, CONFORMS, ISA_BUS, 0, PIC_PIN);
  for (let irq = 0; irq < ISA_IRQ_COUNT; irq++) {
    if (irq === CASCADE_IRQ) continue;
    ioInterrupt(TYPE_INT, irq === SCI_IRQ ? HIGH_LEVEL : CONFORMS, ISA_BUS, irq, irq === 0 ? TIMER_PIN : irq);
  }
  for (let slot = 0; slot < machine.pciSlotCount; slot++) {
    for (let pin = 0; pin < PCI_PIN_COUNT; pin++)
      ioInterrupt(TYPE_INT, CONFORMS, PCI_BUS, (slot << 2) | pin, pciGsi(slot, pin)); // table D-1
  }

  const localInterrupt = (type: number, apicId: number, lint: number): void => {
    entry(ENTRY_LOCAL_INTERRUPT)
      .uint(type, 1)
      .uint(CONFORMS, 2)
      .uint(ISA_BUS, 1)
      .uint(0, 1)
      .uint(apicId, 1)
      .uint(lint, 1);
  };
  localInterrupt(TYPE_EXTINT, machine.cpuApicIds[0] ?? 0, 0);
  localInterrupt(TYPE_NMI, ALL_LOCAL_APICS, 1);

  const tableBytes = table.toBytes();
  tableBytes.set(header(tableBytes.length, entryCount));
  setChecksum(tableBytes, HEADER_CHECKSUM);
  return { physical: MP_TABLE_PHYSICAL, bytes: new TableWriter().raw(floatingPointer()).raw(tableBytes).toBytes() };
}

/** §4.1. Feature byte 1 is 0: a configuration table is present; byte 2 bit 7 is 0: virtual wire mode. */
function floatingPointer(): Uint8Array {
  const bytes = new TableWriter()
    .text('_MP_', 4)
    .uint(MP_TABLE_PHYSICAL + POINTER_BYTES, 4)
    .uint(POINTER_PARAGRAPHS, 1)
    .uint(SPEC_REVISION, 1)
    .zeros(6)
    .toBytes();
  setChecksum(bytes, POINTER_CHECKSUM);
  return bytes;
}

/** §4.2 */
function header(byteCount: number, entryCount: number): Uint8Array {
  const writer = new TableWriter()
    .text('PCMP', HEADER_LENGTH_OFFSET)
    .uint(byteCount, 2)
    .uint(SPEC_REVISION, 1)
    .uint(0, 1)
    .text(OEM_ID, 8)
    .text(OEM_TABLE_ID, 12);
  writer.zeros(HEADER_COUNT_OFFSET - writer.byteCount); // no OEM table
  return writer.uint(entryCount, 2).uint(APIC_DEFAULT_BASE, 4).zeros(4).toBytes();
}
