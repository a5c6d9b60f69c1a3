/** Builds page tables in guest memory for tests: 4-level, PAE and 32-bit. SDM Vol. 3A, chapter 4. */
import type { WasmGuestMemory } from '../../src/machine/guest-memory.ts';

/** What holds the tables. */
export type TableMemory = Pick<WasmGuestMemory, 'read32' | 'write32' | 'read64' | 'write64'>;

export type Paging = 'long' | 'pae' | 'legacy';

export const PTE = { P: 1n, W: 2n, U: 4n, A: 0x20n, D: 0x40n, PS: 0x80n, G: 0x100n, NX: 1n << 63n } as const;
const FRAME = 0x000f_ffff_ffff_f000n;
const PAGE_BYTES = 0x1000;

export class PageTables {
  /** For CR3. */
  readonly root: number;
  readonly #memory: TableMemory;
  readonly #paging: Paging;
  #next: number;

  /** `at`: physical address of free memory for the tables. */
  constructor(memory: TableMemory, at: number, paging: Paging) {
    this.#memory = memory;
    this.#paging = paging;
    this.#next = at;
    this.root = this.#table();
    // PAE: the four directory pointers are loaded with CR3 and have no rights.
    if (paging === 'pae') for (let n = 0; n < 4; n++) memory.write64(this.root + 8 * n, BigInt(this.#table()) | PTE.P);
  }

  #table(): number {
    const at = this.#next;
    this.#next += PAGE_BYTES;
    return at;
  }
  #shifts(): number[] {
    return { long: [39, 30, 21, 12], pae: [30, 21, 12], legacy: [22, 12] }[this.#paging];
  }
  /** Physical address of the entry for `linear` at the level that maps 2^shift bytes. */
  entryAt(linear: number | bigint, shift = 12): number {
    const bits = this.#paging === 'legacy' ? 10n : 9n;
    let table = this.root;
    for (const level of this.#shifts()) {
      const at =
        table +
        Number((BigInt.asUintN(64, BigInt(linear)) >> BigInt(level)) & ((1n << bits) - 1n)) *
          (this.#paging === 'legacy' ? 4 : 8);
      if (level === shift) return at;
      if (!(this.get(at) & PTE.P)) this.set(at, BigInt(this.#table()) | PTE.P | PTE.W | PTE.U);
      table = Number(this.get(at) & FRAME);
    }
    throw new RangeError(`no level of 2^${shift} bytes`);
  }
  get(at: number): bigint {
    return this.#paging === 'legacy' ? BigInt(this.#memory.read32(at)) : this.#memory.read64(at);
  }
  set(at: number, entry: bigint): void {
    if (this.#paging === 'legacy') this.#memory.write32(at, Number(entry));
    else this.#memory.write64(at, entry);
  }
  /** Maps a page. `rights`: w writable, u user, x no-execute, g global, p PS (a large page). Levels above allow all. */
  map(linear: number | bigint, physical: number | bigint, rights: string, shift = 12): number {
    const names = { w: PTE.W, u: PTE.U, x: PTE.NX, g: PTE.G, p: PTE.PS };
    let entry = BigInt(physical) | PTE.P;
    for (const [letter, bit] of Object.entries(names)) if (rights.includes(letter)) entry |= bit;
    const at = this.entryAt(linear, shift);
    this.set(at, entry);
    return at;
  }
  /** The entry that maps 2^shift bytes at `linear`. */
  entry(linear: number | bigint, shift = 12): bigint {
    return this.get(this.entryAt(linear, shift));
  }
  /** Changes bits of an entry. */
  change(linear: number | bigint, clear: bigint, set: bigint, shift = 12): void {
    const at = this.entryAt(linear, shift);
    this.set(at, (this.get(at) & ~clear) | set);
  }
}
