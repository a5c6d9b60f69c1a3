/**
 * CPU states in which kernels expect to be entered: flat 32-bit protected mode without paging, and 64-bit mode over
 * identity-mapped 2 MiB pages. Descriptors: SDM Vol. 3A, 3.4.5; paging structures: 4.5.
 */
import { CS, DS, ES, FS, GS, LDTR, SS, TR } from '../../../assembly/layout.ts';
import type { GuestMemory } from '../../devices/bus.ts';
import { LOADER_GDT, LOADER_PAGE_TABLES, LOADER_STACK_TOP } from '../memory-map.ts';
import type { BootCpu } from './request.ts';

/** General registers by their x86 numbers. */
export const RAX = 0;
export const RBX = 3;
export const RSP = 4;
export const RSI = 6;

// Selectors that the Linux boot protocol names: __BOOT_CS, __BOOT_DS; then our TSS
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const TSS_SELECTOR = 0x20;
const GDT_BYTES = 0x30; // the TSS has 16 bytes in long mode

// Descriptor bits as in its second dword
const PRESENT = 1 << 15;
const CODE_OR_DATA = 1 << 12;
const CODE_READ_ACCESSED = 0xb << 8;
const DATA_WRITE_ACCESSED = 0x3 << 8;
const TSS_BUSY = 0xb << 8;
const LDT = 0x2 << 8;
const LONG = 1 << 21;
const BIG = 1 << 22;
const GRANULAR = 1 << 23;
const DATA_FLAGS = PRESENT | CODE_OR_DATA | DATA_WRITE_ACCESSED | BIG | GRANULAR;
const CODE32_FLAGS = PRESENT | CODE_OR_DATA | CODE_READ_ACCESSED | BIG | GRANULAR;
const CODE64_FLAGS = PRESENT | CODE_OR_DATA | CODE_READ_ACCESSED | LONG | GRANULAR;
const TSS_FLAGS = PRESENT | TSS_BUSY;
const FLAT_LIMIT = 0xffffffff;
const TSS_LIMIT = 0x67;

const CR0_PE = 1n << 0n;
const CR0_ET = 1n << 4n;
const CR0_PG = 1n << 31n;
const CR4_PAE = 1n << 5n;
const EFER_LME = 1n << 8n;
const EFER_LMA = 1n << 10n;
const EFLAGS_RESERVED = 2;

const PAGE_BYTES = 0x1000;
const LARGE_PAGE_BYTES = 0x200000n;
const TABLE_ENTRIES = 512;
const DIRECTORY_COUNT = 4;
const ENTRY_PRESENT_WRITABLE = 3n;
const ENTRY_LARGE = 1n << 7n;

/** An entry state: where to begin, and general registers by number; the others are zero. */
export interface EntryState {
  readonly entry: number;
  readonly registers: Readonly<Record<number, number>>;
}

/** 32-bit protected mode: paging off, flat segments, interrupts off. */
export function enterProtectedMode(memory: GuestMemory, cpu: BootCpu, state: EntryState): void {
  setSegments(memory, cpu, CODE32_FLAGS);
  cpu.setControl('cr0', CR0_PE | CR0_ET);
  cpu.setControl('cr3', 0n);
  cpu.setControl('cr4', 0n);
  cpu.setControl('efer', 0n);
  begin(cpu, state);
}

/** 64-bit mode: the first 4 GiB mapped to themselves, flat segments, interrupts off. */
export function enterLongMode(memory: GuestMemory, cpu: BootCpu, state: EntryState): void {
  mapIdentity(memory);
  setSegments(memory, cpu, CODE64_FLAGS);
  cpu.setControl('cr3', BigInt(LOADER_PAGE_TABLES));
  cpu.setControl('cr4', CR4_PAE);
  cpu.setControl('efer', EFER_LME | EFER_LMA);
  cpu.setControl('cr0', CR0_PE | CR0_ET | CR0_PG);
  begin(cpu, state);
}

function begin(cpu: BootCpu, { entry, registers }: EntryState): void {
  for (let register = 0; register < 16; register++) cpu.setGpr(register, BigInt(registers[register] ?? 0));
  if (registers[RSP] === undefined) cpu.setGpr(RSP, BigInt(LOADER_STACK_TOP));
  cpu.setControl('rip', BigInt(entry));
  cpu.eflags = EFLAGS_RESERVED;
  cpu.commit();
}

function setSegments(memory: GuestMemory, cpu: BootCpu, codeFlags: number): void {
  memory.fill(LOADER_GDT, GDT_BYTES, 0);
  writeDescriptor(memory, CODE_SELECTOR, FLAT_LIMIT, codeFlags);
  writeDescriptor(memory, DATA_SELECTOR, FLAT_LIMIT, DATA_FLAGS);
  writeDescriptor(memory, TSS_SELECTOR, TSS_LIMIT, TSS_FLAGS);
  cpu.setControl('gdtrBase', BigInt(LOADER_GDT));
  cpu.setControl('idtrBase', 0n);
  cpu.setTableLimits(GDT_BYTES - 1, 0);
  cpu.setSegment(CS, { selector: CODE_SELECTOR, base: 0n, limit: FLAT_LIMIT, flags: codeFlags });
  for (const segment of [DS, ES, SS, FS, GS])
    cpu.setSegment(segment, { selector: DATA_SELECTOR, base: 0n, limit: FLAT_LIMIT, flags: DATA_FLAGS });
  cpu.setSegment(TR, { selector: TSS_SELECTOR, base: 0n, limit: TSS_LIMIT, flags: TSS_FLAGS });
  cpu.setSegment(LDTR, { selector: 0, base: 0n, limit: 0, flags: PRESENT | LDT });
}

/** A descriptor with base 0. */
function writeDescriptor(memory: GuestMemory, selector: number, limit: number, flags: number): void {
  const raw = (flags & GRANULAR) !== 0 ? limit >>> 12 : limit;
  const at = LOADER_GDT + selector;
  memory.write32(at, raw & 0xffff);
  memory.write32(at + 4, (flags | (raw & 0xf0000)) >>> 0);
}

function mapIdentity(memory: GuestMemory): void {
  const pointerTable = LOADER_PAGE_TABLES + PAGE_BYTES;
  const directories = pointerTable + PAGE_BYTES;
  memory.fill(LOADER_PAGE_TABLES, PAGE_BYTES * (2 + DIRECTORY_COUNT), 0);
  memory.write64(LOADER_PAGE_TABLES, BigInt(pointerTable) | ENTRY_PRESENT_WRITABLE);
  for (let index = 0; index < DIRECTORY_COUNT; index++) {
    memory.write64(pointerTable + 8 * index, BigInt(directories + PAGE_BYTES * index) | ENTRY_PRESENT_WRITABLE);
  }
  for (let index = 0; index < DIRECTORY_COUNT * TABLE_ENTRIES; index++) {
    memory.write64(directories + 8 * index, (BigInt(index) * LARGE_PAGE_BYTES) | ENTRY_PRESENT_WRITABLE | ENTRY_LARGE);
  }
}
