/**
 * Boots a Linux bzImage (Documentation/arch/x86/boot.rst): the compressed kernel goes to 1 MiB and is entered by the
 * 64-bit protocol when it has that entry, else by the 32-bit one. The real-mode part is not run; its header is kept.
 */
import type { GuestMemory } from '../../devices/bus.ts';
import { BOOT_PARAMS, HIGH_MEMORY_START } from '../memory-map.ts';
import * as P from './boot-params.ts';
import { enterLongMode, enterProtectedMode, RSI } from './cpu-state.ts';
import { badKernel, checkFits, placeCommandLine, placeInitrd, type BootRequest, type BootTarget } from './request.ts';

const SECTOR_BYTES = 512;
const DEFAULT_SETUP_SECTS = 4;
const PARAGRAPH_BYTES = 16; // the unit of syssize
/** Protocol 2.06 (Linux 2.6.22) brought cmdline_size; older kernels are not worth their exceptions. */
const VERSION_MIN = 0x206;
const VERSION_INIT_SIZE = 0x20a;
const VERSION_XLOADFLAGS = 0x20c;
const ENTRY_64_OFFSET = 0x200;
const HEADER_BYTES_MIN = P.INIT_SIZE + 4;

/** Whether the file begins as a kernel with a setup header does. */
export function isBzImage(file: Uint8Array): boolean {
  if (file.length < HEADER_BYTES_MIN) return false;
  const view = viewOf(file);
  return view.getUint16(P.BOOT_FLAG, true) === P.BOOT_FLAG_VALUE && view.getUint32(P.HEADER, true) === P.HEADER_VALUE;
}

/** Loads the kernel and sets the CPU to its entry. Throws BAD_KERNEL, BAD_MEMORY_SIZE or USAGE. */
export function bootBzImage({ memory, cpu, rsdpPhysical }: BootTarget, request: BootRequest): void {
  const { kernel: file } = request;
  const view = viewOf(file);
  const version = view.getUint16(P.VERSION, true);
  if (version < VERSION_MIN || (file[P.LOADFLAGS]! & P.LOADED_HIGH) === 0)
    badKernel('is a Linux too old to be booted here; use 2.6.22 or later');
  const setupBytes = ((file[P.SETUP_SECTS]! || DEFAULT_SETUP_SECTS) + 1) * SECTOR_BYTES;
  const bodyBytes = view.getUint32(P.SYSSIZE, true) * PARAGRAPH_BYTES;
  if (bodyBytes === 0 || setupBytes + bodyBytes >= file.length + PARAGRAPH_BYTES)
    badKernel('is cut off: the bzImage is shorter than its header says');
  const body = file.subarray(setupBytes);
  const headerEnd = Math.min(P.HEADER + file[P.JUMP_DISTANCE]!, P.HEADER_END_MAX);

  const kernelEnd = load(memory, view, version, body);
  const commandLine = placeCommandLine(memory, request.commandLine, view.getUint32(P.CMDLINE_SIZE, true)).physical;
  const initrd = placeInitrd(memory, request.initrd, kernelEnd, view.getUint32(P.INITRD_ADDR_MAX, true));
  writeParams(memory, file.subarray(P.HEADER_START, headerEnd), commandLine, initrd, rsdpPhysical);

  const registers = { [RSI]: BOOT_PARAMS };
  const has64 = version >= VERSION_XLOADFLAGS && (view.getUint16(P.XLOADFLAGS, true) & P.XLF_KERNEL_64) !== 0;
  if (has64) enterLongMode(memory, cpu, { entry: HIGH_MEMORY_START + ENTRY_64_OFFSET, registers });
  else enterProtectedMode(memory, cpu, { entry: HIGH_MEMORY_START, registers });
}

/** Copies the compressed kernel; returns the end of what it uses before it can read its memory map. */
function load(memory: GuestMemory, view: DataView, version: number, body: Uint8Array): number {
  let end = HIGH_MEMORY_START + body.length;
  if (version >= VERSION_INIT_SIZE) {
    const start = Math.max(HIGH_MEMORY_START, Number(view.getBigUint64(P.PREF_ADDRESS, true)));
    end = Math.max(end, start + view.getUint32(P.INIT_SIZE, true));
  }
  checkFits(memory, end);
  memory.write(HIGH_MEMORY_START, body);
  return end;
}

function writeParams(
  memory: GuestMemory,
  header: Uint8Array,
  commandLine: number,
  initrd: P.BootParams['initrd'],
  rsdpPhysical: number,
): void {
  P.writeBootParams(memory, { header, commandLine, initrd, rsdpPhysical, code32Start: HIGH_MEMORY_START });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
