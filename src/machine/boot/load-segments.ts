/** Copies an ELF image's segments to their physical addresses. */
import type { GuestMemory } from '../../devices/bus.ts';
import { HIGH_MEMORY_START } from '../memory-map.ts';
import type { ElfImage } from './elf.ts';
import { badKernel, checkFits } from './request.ts';

/** Loads all segments; returns where the kernel ends. Throws BAD_KERNEL or BAD_MEMORY_SIZE. */
export function loadSegments(memory: GuestMemory, { segments }: ElfImage): number {
  for (const { physical, memoryBytes } of segments) {
    if (!Number.isSafeInteger(physical + memoryBytes)) badKernel('is damaged: a segment has an impossible address');
    if (physical < HIGH_MEMORY_START)
      badKernel('wants to be loaded below 1 MiB, where the boot data lies; link it at 1 MiB or above');
  }
  const end = Math.max(...segments.map(({ physical, memoryBytes }) => physical + memoryBytes));
  checkFits(memory, end);
  for (const { physical, bytes, memoryBytes } of segments) {
    memory.write(physical, bytes);
    memory.fill(physical + bytes.length, memoryBytes - bytes.length, 0);
  }
  return end;
}
