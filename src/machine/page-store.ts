/**
 * Copies of RAM pages for checkpoints of one machine. A checkpoint that follows another shares the pages that have not
 * changed; zero pages take nothing.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { forEachWrittenPage, PAGE_BYTES, type WrittenMemory } from './snapshot.ts';

const PAGES_PER_SLAB = 256;
const WORD_BYTES = 4;
const PAGE_WORDS = PAGE_BYTES / WORD_BYTES;
const MIB = 2 ** 20;

/** RAM as it was: for each page the place of its copy, or 0 for a page of zeroes. */
export type StoredRam = Uint32Array<ArrayBuffer>;

export class PageStore {
  readonly #bytesMax: number;
  readonly #slabs: Uint32Array<ArrayBuffer>[] = [];
  /** By place: how many checkpoints have it. Place 0 stands for zeroes. */
  #userCounts = new Uint32Array(PAGES_PER_SLAB);
  #placeCount = 1;
  readonly #free: number[] = [];
  #pageCount = 0;

  /** @param bytesMax what all copies together may take. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#pageCount * PAGE_BYTES;
  }

  /** Copies RAM, as far as it differs from what `before` has. Throws LIMIT, and then has taken nothing. */
  save(memory: WrittenMemory, before: StoredRam | undefined): StoredRam {
    const ram = new Uint32Array(memory.size / PAGE_BYTES);
    const all = memory.view(0, memory.size);
    const words = new Uint32Array(all.buffer, all.byteOffset, memory.size / WORD_BYTES);
    try {
      forEachWrittenPage(memory, (page) => {
        const from = page * PAGE_WORDS;
        const old = before?.[page] ?? 0;
        if (old !== 0 && this.#equals(old, words, from)) {
          this.#userCounts[old]!++;
          ram[page] = old;
        } else if (!isZero(words, from)) {
          ram[page] = this.#add(words, from);
        }
      });
    } catch (error) {
      this.release(ram);
      throw error;
    }
    return ram;
  }

  /** Makes RAM what it was. */
  restore(memory: WrittenMemory, ram: StoredRam): void {
    for (let page = 0; page < ram.length; page++) {
      const place = ram[page]!;
      if (place !== 0) memory.write(page * PAGE_BYTES, this.#bytes(place));
      else if (memory.isWritten(page)) memory.fill(page * PAGE_BYTES, PAGE_BYTES, 0);
    }
  }

  release(ram: StoredRam): void {
    for (const place of ram) {
      if (place === 0 || --this.#userCounts[place]! > 0) continue;
      this.#free.push(place);
      this.#pageCount--;
    }
    if (this.#pageCount > 0) return;
    // Nothing is left: the host gets its memory back.
    this.#slabs.length = this.#free.length = 0;
    this.#placeCount = 1;
  }

  /** Bytes of those pages that `ram` alone has. */
  ownBytes(ram: StoredRam): number {
    let count = 0;
    for (const place of ram) if (place !== 0 && this.#userCounts[place] === 1) count += PAGE_BYTES;
    return count;
  }

  #add(words: Uint32Array, from: number): number {
    if (this.heldBytes + PAGE_BYTES > this.#bytesMax)
      throw new VivariumError(
        ErrorCodes.LIMIT,
        `the saved states take the ${Math.floor(this.#bytesMax / MIB)} MiB that they may; release an older one first`,
      );
    const place = this.#free.pop() ?? this.#placeCount++;
    const slab = Math.floor(place / PAGES_PER_SLAB);
    this.#slabs[slab] ??= new Uint32Array(PAGES_PER_SLAB * PAGE_WORDS);
    if (place >= this.#userCounts.length) {
      const grown = new Uint32Array(2 * this.#userCounts.length);
      grown.set(this.#userCounts);
      this.#userCounts = grown;
    }
    this.#slabs[slab].set(words.subarray(from, from + PAGE_WORDS), (place % PAGES_PER_SLAB) * PAGE_WORDS);
    this.#userCounts[place] = 1;
    this.#pageCount++;
    return place;
  }

  #bytes(place: number): Uint8Array {
    const slab = this.#slabs[Math.floor(place / PAGES_PER_SLAB)]!;
    return new Uint8Array(slab.buffer, (place % PAGES_PER_SLAB) * PAGE_BYTES, PAGE_BYTES);
  }

  #equals(place: number, words: Uint32Array, from: number): boolean {
    const slab = this.#slabs[Math.floor(place / PAGES_PER_SLAB)]!;
    const start = (place % PAGES_PER_SLAB) * PAGE_WORDS;
    for (let word = 0; word < PAGE_WORDS; word++) if (slab[start + word] !== words[from + word]) return false;
    return true;
  }
}

function isZero(words: Uint32Array, from: number): boolean {
  for (let word = from; word < from + PAGE_WORDS; word++) if (words[word] !== 0) return false;
  return true;
}
