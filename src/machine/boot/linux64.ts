/**
 * Boots an ELF vmlinux by Linux's 64-bit protocol (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"): RSI points to
 * boot_params, the kernel runs at its link address.
 */
import { BOOT_PARAMS } from '../memory-map.ts';
import { writeBootParams } from './boot-params.ts';
import { enterLongMode, RSI } from './cpu-state.ts';
import { physicalEntry, type ElfImage } from './elf.ts';
import { loadSegments } from './load-segments.ts';
import { placeCommandLine, placeInitrd, type BootRequest, type BootTarget } from './request.ts';

/** Without a header to tell, what every 64-bit kernel since 2.6 takes: below 2 GiB. */
const INITRD_ADDR_MAX = 0x7fffffff;
const COMMAND_LINE_BYTES_MAX = 2047;

/** Loads the kernel and sets the CPU to its entry. Throws BAD_KERNEL, BAD_MEMORY_SIZE or USAGE. */
export function bootLinux64({ memory, cpu, rsdpPhysical }: BootTarget, image: ElfImage, request: BootRequest): void {
  const entry = physicalEntry(image);
  const kernelEnd = loadSegments(memory, image);
  const commandLine = placeCommandLine(memory, request.commandLine, COMMAND_LINE_BYTES_MAX).physical;
  const initrd = placeInitrd(memory, request.initrd, kernelEnd, INITRD_ADDR_MAX);
  writeBootParams(memory, { commandLine, initrd, rsdpPhysical });
  enterLongMode(memory, cpu, { entry, registers: { [RSI]: BOOT_PARAMS } });
}
