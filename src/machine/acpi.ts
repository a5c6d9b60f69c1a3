/**
 * The ACPI tables of the machine (ACPI 6.4 §5.2): RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT, as one image below 1 MiB.
 * Leaves out MCFG (configuration space is reached by ports) and HPET (there is none).
 */
import { assert } from '../util/errors.ts';
import { APIC_DEFAULT_BASE } from '../devices/apic/registers.ts';
import { IOAPIC_BASE, TIMER_PIN } from '../devices/ioapic/registers.ts';
import * as P from '../devices/power/registers.ts';
import { CENTURY } from '../devices/rtc/registers.ts';
import type { Aml } from './aml.ts';
import { dsdtTerms } from './dsdt.ts';
import {
  ACPI_TABLES_PHYSICAL,
  MP_TABLE_PHYSICAL,
  OEM_ID,
  OEM_TABLE_ID,
  setChecksum,
  TableWriter,
  type MachineDescription,
  type TableImage,
} from './firmware-tables.ts';

const RSDP_BYTES = 36;
const RSDP_V1_BYTES = 20;
const RSDP_CHECKSUM = 8;
const RSDP_EXTENDED_CHECKSUM = 32;
const HEADER_CHECKSUM = 9;
const FACS_BYTES = 64;
const FACS_ALIGNMENT = 64;
const TABLE_ALIGNMENT = 16;
const CREATOR_ID = 'VIVA';
const REVISION = 1;

// FADT (§5.2.9)
const FADT_REVISION = 4;
const NO_C2_LATENCY = 0xffff;
const BOOT_LEGACY_DEVICES = 1 << 0; // IAPC_BOOT_ARCH (table 5.11)
const BOOT_NO_VGA = 1 << 2;
const FLAG_WBINVD = 1 << 0; // table 5.10
const FLAG_PROC_C1 = 1 << 2;
const FLAG_NO_SLEEP_BUTTON = 1 << 5;
const FLAG_RTC_NOT_FIXED = 1 << 6;
const FLAG_TIMER_32_BIT = 1 << 8;
const FLAG_RESET_REGISTER = 1 << 10;
const FADT_FLAGS =
  FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_RTC_NOT_FIXED | FLAG_TIMER_32_BIT | FLAG_RESET_REGISTER;
const GAS_BYTES = 12; // generic address structure (§5.2.3.2)
const GAS_SYSTEM_IO = 1;
const ACCESS_BYTE = 1;
const ACCESS_WORD = 2;
const ACCESS_DWORD = 3;
const PM1_EVENT_BYTES = 4;
const PM1_CONTROL_BYTES = 2;
const PM_TIMER_BYTES = 4;

// MADT (§5.2.12)
const MADT_REVISION = 3;
const MADT_PCAT_COMPAT = 1;
const MADT_LOCAL_APIC = 0;
const MADT_IOAPIC = 1;
const MADT_OVERRIDE = 2;
const MADT_LOCAL_NMI = 4;
const LOCAL_APIC_ENABLED = 1;
const ALL_PROCESSORS = 0xff;
const MAX_APIC_ID = 254;
/** MPS INTI flags (table 5.26). */
const INTI_CONFORMS = 0;
const INTI_HIGH_LEVEL = 0x0d;
const LINT1 = 1;

/** The tables, and where a boot protocol can point to. */
export interface AcpiTables extends TableImage {
  readonly rsdpPhysical: number;
}

/** Builds the tables. `extraAml` goes into \_SB of the DSDT, for devices that announce themselves there. */
export function buildAcpiTables(machine: MachineDescription, extraAml: Aml = []): AcpiTables {
  assert(
    machine.cpuApicIds.length > 0 && machine.cpuApicIds.every((id) => id <= MAX_APIC_ID),
    'the tables need a CPU, and IDs of at most 254',
  );
  const image = new TableWriter().zeros(RSDP_BYTES);
  const place = (bytes: Uint8Array, alignment = TABLE_ALIGNMENT): number => {
    image.zeros((alignment - (image.byteCount % alignment)) % alignment);
    const physical = ACPI_TABLES_PHYSICAL + image.byteCount;
    image.raw(bytes);
    return physical;
  };
  const facs = place(buildFacs(), FACS_ALIGNMENT);
  const dsdt = place(table('DSDT', 2, new TableWriter().raw(dsdtTerms(machine, extraAml))));
  const fadt = place(table('FACP', FADT_REVISION, fadtBody(facs, dsdt)));
  const madt = place(table('APIC', MADT_REVISION, madtBody(machine)));
  const rsdt = place(table('RSDT', 1, new TableWriter().uint(fadt, 4).uint(madt, 4)));
  const xsdt = place(table('XSDT', 1, new TableWriter().uint(fadt, 8).uint(madt, 8)));
  const bytes = image.toBytes();
  bytes.set(buildRsdp(rsdt, xsdt));
  assert(ACPI_TABLES_PHYSICAL + bytes.length <= MP_TABLE_PHYSICAL, 'the ACPI tables are too large for their area');
  return { physical: ACPI_TABLES_PHYSICAL, bytes, rsdpPhysical: ACPI_TABLES_PHYSICAL };
}

/** §5.2.5.3 */
function buildRsdp(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new TableWriter()
    .text('RSD PTR ', 8)
    .uint(0, 1)
    .text(OEM_ID, 6)
    .uint(2, 1)
    .uint(rsdt, 4)
    .uint(RSDP_BYTES, 4)
    .uint(xsdt, 8)
    .uint(0, 4)
    .toBytes();
  setChecksum(bytes, RSDP_CHECKSUM, RSDP_V1_BYTES);
  setChecksum(bytes, RSDP_EXTENDED_CHECKSUM);
  return bytes;
}

/** A table with its header (§5.2.6). */
function table(signature: string, revision: number, body: TableWriter): Uint8Array {
  const content = body.toBytes();
  const headerBytes = 36;
  const bytes = new TableWriter()
    .text(signature, 4)
    .uint(headerBytes + content.length, 4)
    .uint(revision, 1)
    .uint(0, 1)
    .text(OEM_ID, 6)
    .text(OEM_TABLE_ID, 8)
    .uint(REVISION, 4)
    .text(CREATOR_ID, 4)
    .uint(REVISION, 4)
    .raw(content)
    .toBytes();
  setChecksum(bytes, HEADER_CHECKSUM);
  return bytes;
}

/** §5.2.10; it has no checksum. */
function buildFacs(): Uint8Array {
  const version = 2;
  const zerosBeforeVersion = 24; // signature of hardware, waking vectors, lock, flags
  const writer = new TableWriter().text('FACS', 4).uint(FACS_BYTES, 4).zeros(zerosBeforeVersion).uint(version, 1);
  return writer.zeros(FACS_BYTES - writer.byteCount).toBytes();
}

function fadtBody(facs: number, dsdt: number): TableWriter {
  const eventPort = P.ACPI_PORT + P.PM1_STATUS;
  const controlPort = P.ACPI_PORT + P.PM1_CONTROL;
  const timerPort = P.ACPI_PORT + P.PM_TIMER;
  return new TableWriter()
    .uint(facs, 4)
    .uint(dsdt, 4)
    .uint(0, 1) // reserved
    .uint(0, 1) // Preferred_PM_Profile: unspecified
    .uint(P.SCI_IRQ, 2)
    .uint(0, 4) // SMI_CMD: none, the machine is always in ACPI mode
    .zeros(4) // ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT
    .uint(eventPort, 4)
    .uint(0, 4) // PM1b_EVT_BLK
    .uint(controlPort, 4)
    .uint(0, 4) // PM1b_CNT_BLK
    .uint(0, 4) // PM2_CNT_BLK
    .uint(timerPort, 4)
    .zeros(8) // GPE0_BLK, GPE1_BLK
    .uint(PM1_EVENT_BYTES, 1)
    .uint(PM1_CONTROL_BYTES, 1)
    .uint(0, 1) // PM2_CNT_LEN
    .uint(PM_TIMER_BYTES, 1)
    .zeros(4) // GPE lengths, GPE1_BASE, CST_CNT
    .uint(NO_C2_LATENCY, 2)
    .uint(NO_C2_LATENCY, 2) // nor C3
    .zeros(6) // FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH
    .zeros(2) // DAY_ALRM, MON_ALRM
    .uint(CENTURY, 1)
    .uint(BOOT_LEGACY_DEVICES | BOOT_NO_VGA, 2)
    .uint(0, 1) // reserved
    .uint(FADT_FLAGS, 4)
    .raw(ioAddress(P.RESET_CONTROL, 1, ACCESS_BYTE))
    .uint(P.RESET_VALUE, 1)
    .zeros(3) // ARM_BOOT_ARCH, minor version
    .uint(facs, 8)
    .uint(dsdt, 8)
    .raw(ioAddress(eventPort, PM1_EVENT_BYTES, ACCESS_WORD))
    .zeros(GAS_BYTES)
    .raw(ioAddress(controlPort, PM1_CONTROL_BYTES, ACCESS_WORD))
    .zeros(GAS_BYTES)
    .zeros(GAS_BYTES)
    .raw(ioAddress(timerPort, PM_TIMER_BYTES, ACCESS_DWORD))
    .zeros(2 * GAS_BYTES);
}

/** A generic address structure for `byteCount` bytes of I/O ports. */
function ioAddress(port: number, byteCount: number, accessSize: number): Uint8Array {
  return new TableWriter()
    .uint(GAS_SYSTEM_IO, 1)
    .uint(8 * byteCount, 1)
    .uint(0, 1)
    .uint(accessSize, 1)
    .uint(port, 8)
    .toBytes();
}

function madtBody({ cpuApicIds, ioApicId }: MachineDescription): TableWriter {
  const body = new TableWriter().uint(APIC_DEFAULT_BASE, 4).uint(MADT_PCAT_COMPAT, 4);
  cpuApicIds.forEach((apicId, processorUid) => {
    body.uint(MADT_LOCAL_APIC, 1).uint(8, 1).uint(processorUid, 1).uint(apicId, 1).uint(LOCAL_APIC_ENABLED, 4);
  });
  body.uint(MADT_IOAPIC, 1).uint(12, 1).uint(ioApicId, 1).uint(0, 1).uint(IOAPIC_BASE, 4).uint(0, 4);
  interruptOverride(body, 0, TIMER_PIN, INTI_CONFORMS);
  interruptOverride(body, P.SCI_IRQ, P.SCI_IRQ, INTI_HIGH_LEVEL);
  return body.uint(MADT_LOCAL_NMI, 1).uint(6, 1).uint(ALL_PROCESSORS, 1).uint(INTI_CONFORMS, 2).uint(LINT1, 1);
}

function interruptOverride(body: TableWriter, isaIrq: number, gsi: number, flags: number): void {
  body.uint(MADT_OVERRIDE, 1).uint(10, 1).uint(0, 1).uint(isaIrq, 1).uint(gsi, 4).uint(flags, 2);
}
