/**
 * Linux's boot_params, the "zero page" (Linux Documentation/arch/x86/zero-page.rst), with the setup header inside it
 * (boot.rst, "The Real-Mode Kernel Header"): what a 32-bit or 64-bit entry gets to know about the machine.
 */
import type { GuestMemory } from '../../devices/bus.ts';
import { BOOT_PARAMS, e820Map } from '../memory-map.ts';

const BOOT_PARAMS_BYTES = 0x1000;
const ACPI_RSDP_ADDR = 0x070;
const E820_ENTRIES = 0x1e8;
const E820_TABLE = 0x2d0;
const E820_ENTRY_BYTES = 20;

// Setup header, at the same offsets in a bzImage
export const HEADER_START = 0x1f1;
/** The header has room up to here in boot_params. */
export const HEADER_END_MAX = 0x290;
export const SETUP_SECTS = 0x1f1;
export const SYSSIZE = 0x1f4;
export const BOOT_FLAG = 0x1fe;
export const BOOT_FLAG_VALUE = 0xaa55;
export const JUMP_DISTANCE = 0x201;
export const HEADER = 0x202;
export const HEADER_VALUE = 0x53726448; // "HdrS"
export const VERSION = 0x206;
const TYPE_OF_LOADER = 0x210;
const LOADER_UNDEFINED = 0xff;
export const LOADFLAGS = 0x211;
export const LOADED_HIGH = 1 << 0;
export const CODE32_START = 0x214;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const CMD_LINE_PTR = 0x228;
export const INITRD_ADDR_MAX = 0x22c;
const KERNEL_ALIGNMENT = 0x230;
export const XLOADFLAGS = 0x236;
export const XLF_KERNEL_64 = 1 << 0;
export const CMDLINE_SIZE = 0x238;
export const PREF_ADDRESS = 0x258;
export const INIT_SIZE = 0x260;

const VMLINUX_VERSION = 0x20c;
const VMLINUX_ALIGNMENT = 0x1000000;

export interface BootParams {
  /** The bzImage's header from {@link HEADER_START} on; a vmlinux has none. */
  readonly header?: Uint8Array;
  readonly commandLine: number;
  readonly initrd: { physical: number; byteCount: number };
  readonly rsdpPhysical: number;
  readonly code32Start?: number;
}

/** Writes boot_params to its place in base memory. */
export function writeBootParams(memory: GuestMemory, params: BootParams): void {
  memory.fill(BOOT_PARAMS, BOOT_PARAMS_BYTES, 0);
  if (params.header !== undefined) {
    memory.write(BOOT_PARAMS + HEADER_START, params.header.subarray(0, HEADER_END_MAX - HEADER_START));
  } else {
    memory.write16(BOOT_PARAMS + BOOT_FLAG, BOOT_FLAG_VALUE);
    memory.write32(BOOT_PARAMS + HEADER, HEADER_VALUE);
    memory.write16(BOOT_PARAMS + VERSION, VMLINUX_VERSION);
    memory.write8(BOOT_PARAMS + LOADFLAGS, LOADED_HIGH);
    memory.write32(BOOT_PARAMS + KERNEL_ALIGNMENT, VMLINUX_ALIGNMENT);
  }
  memory.write8(BOOT_PARAMS + TYPE_OF_LOADER, LOADER_UNDEFINED);
  if (params.code32Start !== undefined) memory.write32(BOOT_PARAMS + CODE32_START, params.code32Start);
  memory.write32(BOOT_PARAMS + CMD_LINE_PTR, params.commandLine);
  memory.write32(BOOT_PARAMS + RAMDISK_IMAGE, params.initrd.physical);
  memory.write32(BOOT_PARAMS + RAMDISK_SIZE, params.initrd.byteCount);
  memory.write64(BOOT_PARAMS + ACPI_RSDP_ADDR, BigInt(params.rsdpPhysical));
  const map = e820Map(memory.size);
  memory.write8(BOOT_PARAMS + E820_ENTRIES, map.length);
  map.forEach(({ start, byteCount, type }, index) => {
    const at = BOOT_PARAMS + E820_TABLE + index * E820_ENTRY_BYTES;
    memory.write64(at, BigInt(start));
    memory.write64(at + 8, BigInt(byteCount));
    memory.write32(at + 16, type);
  });
}
