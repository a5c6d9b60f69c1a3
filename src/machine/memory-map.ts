/**
 * The guest-physical memory map of the board, as the E820 tables of the boot protocols tell it (ACPI 6.4 §15.3), and the
 * places below 1 MiB where a loader puts what it hands to a kernel.
 */
import { FIRMWARE_AREA_END } from './firmware-tables.ts';

/** Base memory ends here; above it firmware keeps its extended data area. */
export const LOW_MEMORY_END = 0x9fc00;
export const HIGH_MEMORY_START = 0x100000;

// What a loader places in base memory. Kernels copy it before they use these places.
export const LOADER_GDT = 0x500;
export const HVM_START_INFO = 0x6000;
export const BOOT_PARAMS = 0x7000;
/** Six pages: PML4, PDPT and four page directories. */
export const LOADER_PAGE_TABLES = 0x9000;
export const LOADER_STACK_TOP = 0x9000;
export const COMMAND_LINE = 0x20000;
/** With its end; more than any kernel takes. */
export const COMMAND_LINE_BYTES_MAX = 0x10000;

/** Address range types of ACPI table 15.4. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

export interface E820Entry {
  readonly start: number;
  readonly byteCount: number;
  readonly type: number;
}

/** The map for `ramBytes` of RAM, which is one piece from 0 on; the area of VGA and firmware is kept out of use. */
export function e820Map(ramBytes: number): E820Entry[] {
  return [
    { start: 0, byteCount: LOW_MEMORY_END, type: E820_RAM },
    { start: LOW_MEMORY_END, byteCount: FIRMWARE_AREA_END - LOW_MEMORY_END, type: E820_RESERVED },
    { start: HIGH_MEMORY_START, byteCount: ramBytes - HIGH_MEMORY_START, type: E820_RAM },
  ];
}
