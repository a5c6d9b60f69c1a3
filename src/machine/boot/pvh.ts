/**
 * Boots an ELF kernel by the PVH protocol (Xen docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h): its
 * note names a 32-bit entry, and EBX points to hvm_start_info with the command line, modules and memory map.
 */
import { e820Map, HVM_START_INFO } from '../memory-map.ts';
import { enterProtectedMode, RBX } from './cpu-state.ts';
import type { ElfImage } from './elf.ts';
import { loadSegments } from './load-segments.ts';
import { badKernel, placeCommandLine, placeInitrd, type BootRequest, type BootTarget } from './request.ts';

const NOTE_NAME = 'Xen';
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

const START_INFO_MAGIC = 0x336ec578;
const START_INFO_VERSION = 1;
const START_INFO_BYTES = 56;
const MODULE_BYTES = 32;
const MEMORY_MAP_ENTRY_BYTES = 24;
const MODULE_LIST = HVM_START_INFO + 0x40;
const MEMORY_MAP = MODULE_LIST + MODULE_BYTES;

/** A 32-bit kernel without highmem maps 896 MiB, and its initramfs must lie in it. */
const INITRD_ADDR_MAX_32 = 0x37ffffff;
const INITRD_ADDR_MAX_64 = 0x7fffffff;

/** The physical address of the 32-bit entry, or undefined when the kernel has none. */
export function pvhEntry({ notes }: ElfImage): number | undefined {
  const note = notes.find(({ name, type }) => name === NOTE_NAME && type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (note === undefined || note.description.length < 4) return undefined;
  return new DataView(note.description.buffer, note.description.byteOffset).getUint32(0, true);
}

/** Loads the kernel and sets the CPU to its entry. Throws BAD_KERNEL, BAD_MEMORY_SIZE or USAGE. */
export function bootPvh({ memory, cpu, rsdpPhysical }: BootTarget, image: ElfImage, request: BootRequest): void {
  const entry = pvhEntry(image);
  if (entry === undefined) badKernel('has no PVH entry; use a kernel with CONFIG_PVH, or its bzImage');
  if (!image.segments.some(({ physical, memoryBytes }) => entry >= physical && entry < physical + memoryBytes)) {
    badKernel('is damaged: its PVH entry point is outside of what it loads');
  }
  const kernelEnd = loadSegments(memory, image);
  const commandLine = placeCommandLine(memory, request.commandLine).physical;
  const initrd = placeInitrd(memory, request.initrd, kernelEnd, image.is64 ? INITRD_ADDR_MAX_64 : INITRD_ADDR_MAX_32);

  const map = e820Map(memory.size);
  const bytes = new Uint8Array(START_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, START_INFO_MAGIC, true);
  view.setUint32(4, START_INFO_VERSION, true);
  view.setUint32(12, initrd.byteCount > 0 ? 1 : 0, true); // nr_modules
  view.setBigUint64(16, BigInt(MODULE_LIST), true);
  view.setBigUint64(24, BigInt(commandLine), true);
  view.setBigUint64(32, BigInt(rsdpPhysical), true);
  view.setBigUint64(40, BigInt(MEMORY_MAP), true);
  view.setUint32(48, map.length, true);
  memory.write(HVM_START_INFO, bytes);
  memory.fill(MODULE_LIST, MODULE_BYTES, 0);
  memory.write64(MODULE_LIST, BigInt(initrd.physical));
  memory.write64(MODULE_LIST + 8, BigInt(initrd.byteCount));
  map.forEach(({ start, byteCount, type }, index) => {
    const at = MEMORY_MAP + index * MEMORY_MAP_ENTRY_BYTES;
    memory.write64(at, BigInt(start));
    memory.write64(at + 8, BigInt(byteCount));
    memory.write64(at + 16, BigInt(type));
  });
  enterProtectedMode(memory, cpu, { entry, registers: { [RBX]: HVM_START_INFO } });
}
