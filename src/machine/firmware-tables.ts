/**
 * What the ACPI and MP tables share: the description of the machine that both are made from, where they lie, and a writer
 * for packed tables with checksums.
 */

/** The area that guests search for tables: ACPI 6.4 §5.2.5.1, MultiProcessor Specification 1.4 §4. */
export const FIRMWARE_AREA_START = 0xe0000;
export const FIRMWARE_AREA_END = 0x100000;
/** ACPI tables begin here, the RSDP first. */
export const ACPI_TABLES_PHYSICAL = FIRMWARE_AREA_START;
/** The MP floating pointer and configuration table. */
export const MP_TABLE_PHYSICAL = 0xf0000;

export const OEM_ID = 'VIVAR';
export const OEM_TABLE_ID = 'VIVARIUM';

/** The machine as its tables tell it. */
export interface MachineDescription {
  /** APIC IDs of the CPUs, the one that starts first in front. At most 255 and none above 254. */
  readonly cpuApicIds: readonly number[];
  readonly ioApicId: number;
  /** How many slots of PCI bus 0 to describe interrupts for; fewer make the guest's start quicker. */
  readonly pciSlotCount: number;
  /** Physical addresses that the PCI host bridge decodes, both ends included. */
  readonly pciMemory: AddressRange;
  /** A second window above 4 GiB. */
  readonly pciMemory64?: AddressRange;
  /** Serial ports, 1–4, that the machine has. */
  readonly serialPorts: readonly number[];
}

export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** The usual PCI window: from 3 GiB to the IOAPIC's page. */
export const DEFAULT_PCI_MEMORY: AddressRange = { first: 0xc0000000, last: 0xfebfffff };

/** Bytes to put at a guest-physical address before the guest starts; the area must be reserved in the memory map. */
export interface TableImage {
  readonly physical: number;
  readonly bytes: Uint8Array;
}

/** Appends little-endian fields. */
export class TableWriter {
  readonly #bytes: number[] = [];

  get byteCount(): number {
    return this.#bytes.length;
  }

  uint(value: number, byteCount: number): this {
    for (let index = 0; index < byteCount; index++) this.#bytes.push(Math.floor(value / 2 ** (8 * index)) % 256);
    return this;
  }

  /** Text, padded with spaces (or cut) to `byteCount`. */
  text(value: string, byteCount: number): this {
    return this.raw(new TextEncoder().encode(value.padEnd(byteCount).slice(0, byteCount)));
  }

  zeros(byteCount: number): this {
    for (let index = 0; index < byteCount; index++) this.#bytes.push(0);
    return this;
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Sets the byte at `offset` so that the first `byteCount` bytes add up to 0 modulo 256. */
export function setChecksum(bytes: Uint8Array, offset: number, byteCount = bytes.length): void {
  bytes[offset] = 0;
  let sum = 0;
  for (let index = 0; index < byteCount; index++) sum += bytes[index] ?? 0;
  bytes[offset] = -sum & 0xff;
}
