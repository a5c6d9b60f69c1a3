/**
 * Follows the page tables for one address and tells each step: 32-bit, PAE and 4-level paging with large pages, as
 * assembly/mmu/walk.ts does for the CPU. SDM Vol. 3A, chapter 4. Reads RAM alone and sets no bits. What the access would
 * be allowed to do is told, not tried; protection keys and 5 levels are left out, as in the CPU.
 */
import * as L from '../../../assembly/layout.ts';
import type { Cpu } from '../../core/cpu.ts';
import type { GuestMemory } from '../../devices/bus.ts';
import type { PageWalk, WalkLevel } from './types.ts';

const CR0_PG = 1n << 31n; // SDM Vol. 3A, 2.5
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const CR4_PGE = 1n << 7n;
const EFER_LMA = 1n << 10n;
const EFER_NXE = 1n << 11n;
// Entries: tables 4-5, 4-6, 4-8 to 4-20
const ENTRY_P = 1n;
const ENTRY_RW = 2n;
const ENTRY_US = 4n;
const ENTRY_PS = 1n << 7n;
const ENTRY_G = 1n << 8n;
const ENTRY_XD = 1n << 63n;
const FLAGS: readonly (readonly [name: string, bit: bigint])[] = [
  ['P', ENTRY_P],
  ['RW', ENTRY_RW],
  ['US', ENTRY_US],
  ['PWT', 1n << 3n],
  ['PCD', 1n << 4n],
  ['A', 1n << 5n],
  ['D', 1n << 6n],
  ['PS', ENTRY_PS],
  ['G', ENTRY_G],
  ['XD', ENTRY_XD],
];
/** Physical addresses have 40 bits here (CPUID 80000008h): higher ones up to 51 are reserved. */
const PHYSICAL_BITS = 40n;
const FRAME = ((1n << PHYSICAL_BITS) - 1n) & ~0xfffn;
const RESERVED_HIGH = ((1n << 52n) - 1n) & ~((1n << PHYSICAL_BITS) - 1n);
const PAE_RESERVED = 0x7ffn << 52n;
const PAT_LARGE = 1n << 12n;
const PSE_36_RESERVED = 1n << 21n;
const TABLE_MASK_32 = 0xffff_f000n;
const PDPTES_MASK = 0xffff_ffe0n;

interface Level {
  readonly name: string;
  readonly shift: bigint;
}
const LEVELS: readonly Level[] = [
  { name: 'PML4E', shift: 39n },
  { name: 'PDPTE', shift: 30n },
  { name: 'PDE', shift: 21n },
  { name: 'PTE', shift: 12n },
];

/** What a walk needs to know of the CPU. */
export interface PagingState {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** The four directory-pointer entries that a load of CR3 read; only PAE paging uses them. */
  readonly pdptes: readonly bigint[];
}

export function pagingOf(cpu: Cpu): PagingState {
  return {
    cr0: cpu.word64(L.CR0),
    cr3: cpu.word64(L.CR3),
    cr4: cpu.word64(L.CR4),
    efer: cpu.word64(L.EFER),
    pdptes: [0, 1, 2, 3].map((n) => cpu.word64(L.PDPTE + 8 * n)),
  };
}

type Result = PageWalk['result'];

/** Walks for `linear`, with the tables of another CR3 if one is given. */
export function walkPages(memory: GuestMemory, cpu: PagingState, linear: bigint, cr3 = cpu.cr3): PageWalk {
  const levels: WalkLevel[] = [];
  const walk = (paging: PageWalk['paging'], result: Result): PageWalk => ({ linear, cr3, paging, levels, result });
  if ((cpu.cr0 & CR0_PG) === 0n) {
    const physical = Number(linear & 0xffff_ffffn);
    const all = { pageBytes: 4096, writable: true, user: true, executable: true, global: false };
    return walk('off', { kind: 'mapped', physical, ...all, ram: physical < memory.size });
  }
  const walker = new Walker(memory, cpu, linear, levels);
  if ((cpu.cr4 & CR4_PAE) === 0n) return walk('32-bit', walker.walk32(cr3));
  if ((cpu.efer & EFER_LMA) === 0n) return walk('PAE', walker.walkPae(cr3));
  if (BigInt.asUintN(64, BigInt.asIntN(48, linear)) !== linear)
    return walk('4-level', unmapped('the address is not canonical: bits 48 to 63 must be copies of bit 47'));
  return walk('4-level', walker.walkFrom(0, cr3 & FRAME, ENTRY_RW | ENTRY_US));
}

function unmapped(reason: string): Result {
  return { kind: 'unmapped', reason };
}

class Walker {
  readonly #memory: GuestMemory;
  readonly #cpu: PagingState;
  readonly #linear: bigint;
  readonly #levels: WalkLevel[];

  constructor(memory: GuestMemory, cpu: PagingState, linear: bigint, levels: WalkLevel[]) {
    this.#memory = memory;
    this.#cpu = cpu;
    this.#linear = linear;
    this.#levels = levels;
  }

  walkPae(cr3: bigint): Result {
    if (this.#linear >> 32n !== 0n) return unmapped('outside of long mode addresses have 32 bits');
    const index = Number((this.#linear >> 30n) & 3n);
    // The CPU holds them since CR3 was loaded; those of another address space are in memory.
    const own = cr3 === this.#cpu.cr3;
    const physical = Number(cr3 & PDPTES_MASK) + 8 * index;
    const value = own ? this.#cpu.pdptes[index]! : this.#read64(physical);
    if (value === undefined) return this.#outsideRam('PDPTE', physical);
    this.#note('PDPTE', index, own ? undefined : physical, value, value & FRAME);
    if ((value & ENTRY_P) === 0n) return this.#notPresent('PDPTE');
    return this.walkFrom(2, value & FRAME, ENTRY_RW | ENTRY_US, PAE_RESERVED);
  }

  /** Tables of 512 entries of 8 bytes, from a level on. */
  walkFrom(first: number, root: bigint, allRights: bigint, alsoReserved = 0n): Result {
    const reserved = RESERVED_HIGH | alsoReserved | ((this.#cpu.efer & EFER_NXE) === 0n ? ENTRY_XD : 0n);
    let table = root;
    let rights = allRights;
    let noExecute = 0n;
    for (const { name, shift } of LEVELS.slice(first)) {
      const index = Number((this.#linear >> shift) & 0x1ffn);
      const physical = Number(table) + 8 * index;
      const value = this.#read64(physical);
      if (value === undefined) return this.#outsideRam(name, physical);
      const isPage = shift === 12n || (shift < 39n && (value & ENTRY_PS) !== 0n);
      const offsetMask = (1n << shift) - 1n;
      this.#note(name, index, physical, value, isPage ? value & FRAME & ~offsetMask : value & FRAME);
      if ((value & ENTRY_P) === 0n) return this.#notPresent(name);
      const misused =
        (value & (reserved | (shift === 39n ? ENTRY_PS : 0n))) !== 0n ||
        (isPage && shift > 12n && (value & offsetMask & FRAME & ~PAT_LARGE) !== 0n);
      if (misused) return unmapped(`a reserved bit of the ${name} is set: an access raises #PF`);
      rights &= value;
      noExecute |= value & ENTRY_XD;
      if (isPage) {
        const at = (value & FRAME & ~offsetMask) | (this.#linear & offsetMask);
        return this.#mapped(at, Number(1n << shift), rights, noExecute, value);
      }
      table = value & FRAME;
    }
    return this.#notPresent('PTE'); // the last level always is a page
  }

  /** Tables of 1024 entries of 4 bytes. */
  walk32(cr3: bigint): Result {
    const linear = this.#linear;
    if (linear >> 32n !== 0n) return unmapped('outside of long mode addresses have 32 bits');
    const directoryIndex = Number(linear >> 22n);
    const directoryAt = Number(cr3 & TABLE_MASK_32) + 4 * directoryIndex;
    const directory = this.#read32(directoryAt);
    if (directory === undefined) return this.#outsideRam('PDE', directoryAt);
    const isLarge = (directory & ENTRY_PS) !== 0n && (this.#cpu.cr4 & CR4_PSE) !== 0n;
    // PSE-36: bits 13 to 20 are bits 32 to 39 of the address, table 4-4.
    const large = (directory & 0xffc0_0000n) | ((directory & 0x1f_e000n) << 19n);
    this.#note('PDE', directoryIndex, directoryAt, directory, isLarge ? large : directory & TABLE_MASK_32);
    if ((directory & ENTRY_P) === 0n) return this.#notPresent('PDE');
    if (isLarge) {
      if ((directory & PSE_36_RESERVED) !== 0n)
        return unmapped('a reserved bit of the PDE is set: an access raises #PF');
      return this.#mapped(large | (linear & 0x3f_ffffn), 1 << 22, directory, 0n, directory);
    }
    const index = Number((linear >> 12n) & 0x3ffn);
    const physical = Number(directory & TABLE_MASK_32) + 4 * index;
    const value = this.#read32(physical);
    if (value === undefined) return this.#outsideRam('PTE', physical);
    this.#note('PTE', index, physical, value, value & TABLE_MASK_32);
    if ((value & ENTRY_P) === 0n) return this.#notPresent('PTE');
    return this.#mapped((value & TABLE_MASK_32) | (linear & 0xfffn), 4096, directory & value, 0n, value);
  }

  #mapped(at: bigint, pageBytes: number, rights: bigint, noExecute: bigint, last: bigint): Result {
    const physical = Number(at);
    return {
      kind: 'mapped',
      physical,
      pageBytes,
      writable: (rights & ENTRY_RW) !== 0n,
      user: (rights & ENTRY_US) !== 0n,
      executable: noExecute === 0n,
      global: (this.#cpu.cr4 & CR4_PGE) !== 0n && (last & ENTRY_G) !== 0n,
      ram: physical < this.#memory.size,
    };
  }
  #notPresent(name: string): Result {
    return unmapped(`the ${name} is not present (bit P is 0): an access raises #PF`);
  }
  #outsideRam(name: string, physical: number): Result {
    return unmapped(`the table with the ${name} would be at 0x${physical.toString(16)}, where no RAM is`);
  }
  #note(name: string, index: number, physical: number | undefined, value: bigint, address: bigint): void {
    const flags = FLAGS.filter(([, bit]) => (value & bit) !== 0n).map(([flag]) => flag);
    this.#levels.push({ name, index, physical, value, flags, address: Number(address) });
  }
  #read64(physical: number): bigint | undefined {
    return physical + 8 <= this.#memory.size ? this.#memory.read64(physical) : undefined;
  }
  #read32(physical: number): bigint | undefined {
    return physical + 4 <= this.#memory.size ? BigInt(this.#memory.read32(physical)) : undefined;
  }
}
