/** What every boot protocol takes and needs: the request, guest memory, the CPU, and the placing of an initramfs. */
import type { Cpu } from '../../core/cpu.ts';
import type { GuestMemory } from '../../devices/bus.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { COMMAND_LINE, COMMAND_LINE_BYTES_MAX } from '../memory-map.ts';

const PAGE_BYTES = 0x1000;
const MIB = 1024 * 1024;

/** Which entry of a kernel to take: `auto` follows what the kernel offers. */
export type BootEntry = 'auto' | 'linux64' | 'pvh';

export interface BootRequest {
  /** The kernel file: vmlinux (ELF) or bzImage. */
  readonly kernel: Uint8Array;
  /** What errors call it. */
  readonly kernelName?: string;
  readonly initrd?: Uint8Array | undefined;
  readonly commandLine: string;
  readonly entry?: BootEntry;
}

/** The parts of the CPU that a loader sets. */
export type BootCpu = Pick<Cpu, 'setGpr' | 'setControl' | 'setSegment' | 'setTableLimits' | 'eflags' | 'commit'>;

/** A machine that is ready to be loaded. */
export interface BootTarget {
  readonly memory: GuestMemory;
  readonly cpu: BootCpu;
  /** Where the ACPI tables begin. */
  readonly rsdpPhysical: number;
}

/** Throws BAD_KERNEL: "the kernel …". */
export function badKernel(what: string): never {
  throw new VivariumError(ErrorCodes.BAD_KERNEL, `the kernel ${what}`);
}

/** Checks that a kernel's range is RAM above `floor` bytes. Throws BAD_MEMORY_SIZE. */
export function checkFits(memory: GuestMemory, end: number): void {
  if (end > memory.size) {
    throw new VivariumError(
      ErrorCodes.BAD_MEMORY_SIZE,
      `the kernel needs at least ${Math.ceil(end / MIB)} MiB of memory, and the machine has ${Math.floor(memory.size / MIB)}; choose more with -m`,
    );
  }
}

/** Writes the command line with its end to its place. Throws USAGE when it is longer than `maxBytes` (without its end). */
export function placeCommandLine(
  memory: GuestMemory,
  commandLine: string,
  maxBytes = COMMAND_LINE_BYTES_MAX - 1,
): { physical: number; byteCount: number } {
  const bytes = new TextEncoder().encode(commandLine);
  const limit = Math.min(maxBytes, COMMAND_LINE_BYTES_MAX - 1);
  if (bytes.length > limit)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the kernel command line has ${bytes.length} bytes and this kernel takes ${limit}; make it shorter`,
    );
  if (bytes.includes(0))
    throw new VivariumError(ErrorCodes.USAGE, 'the kernel command line has a zero byte in it; remove it');
  memory.write(COMMAND_LINE, bytes);
  memory.write8(COMMAND_LINE + bytes.length, 0);
  return { physical: COMMAND_LINE, byteCount: bytes.length };
}

/**
 * Puts the initramfs as high as the kernel takes it, out of the way of its own data. Throws BAD_MEMORY_SIZE when there is
 * no room above `kernelEnd`.
 */
export function placeInitrd(
  memory: GuestMemory,
  initrd: Uint8Array | undefined,
  kernelEnd: number,
  maxPhysical: number,
): { physical: number; byteCount: number } {
  if (initrd === undefined || initrd.length === 0) return { physical: 0, byteCount: 0 };
  const top = Math.min(memory.size, maxPhysical + 1);
  const physical = Math.floor((top - initrd.length) / PAGE_BYTES) * PAGE_BYTES;
  if (physical < kernelEnd) {
    throw new VivariumError(
      ErrorCodes.BAD_MEMORY_SIZE,
      `the initramfs of ${Math.ceil(initrd.length / MIB)} MiB does not fit above the kernel in ${Math.floor(memory.size / MIB)} MiB of memory; choose more with -m`,
    );
  }
  memory.write(physical, initrd);
  return { physical, byteCount: initrd.length };
}
