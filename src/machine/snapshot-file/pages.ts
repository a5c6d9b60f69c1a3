/**
 * RAM in a snapshot file: pages that are equal are stored once, and runs say where they go. Pages that no run names are
 * zero.
 */
import type { RamPages } from '../snapshot.ts';
import { BLOCK_PAGES, damaged, PAGE_BYTES, RUN_BYTES, RUN_REPEATS, STORED_ZERO } from './format.ts';

const WORDS = PAGE_BYTES / 4;
const HASH_FACTOR = 0x01000193; // FNV-1a's prime; any odd factor would do
const HASH_SHIFT = 15;

/** Guest pages [page, page + count) hold the stored pages from `stored` on, or all the one that `stored` is. */
export interface PageRun {
  readonly page: number;
  count: number;
  readonly stored: number;
  repeats: boolean;
}

export interface PageTable {
  /** By rising guest page. */
  readonly runs: readonly PageRun[];
  /** For each stored page the index of a page that has its content. */
  readonly stored: readonly number[];
}

/** Finds equal pages. */
export function buildPageTable({ numbers, bytes }: RamPages): PageTable {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const stored: number[] = [];
  /** Stored pages by hash. */
  const known = new Map<number, number[]>();
  const runs: PageRun[] = [];
  numbers.forEach((page, index) => {
    const hash = hashPage(words, index);
    let candidates = known.get(hash);
    if (candidates === undefined) known.set(hash, (candidates = []));
    let place = candidates.find((candidate) => equalPages(words, stored[candidate]!, index));
    if (place === undefined) {
      place = stored.length;
      stored.push(index);
      candidates.push(place);
    }
    append(runs, page, place);
  });
  return { runs, stored };
}

function append(runs: PageRun[], page: number, stored: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.page + last.count === page) {
    const isNext = !last.repeats && last.stored + last.count === stored;
    const isSame = (last.repeats || last.count === 1) && last.stored === stored;
    if (isNext || isSame) {
      last.count++;
      last.repeats = isSame;
      return;
    }
  }
  runs.push({ page, count: 1, stored, repeats: false });
}

function hashPage(words: Uint32Array, index: number): number {
  let hash = 0;
  for (let at = index * WORDS, end = at + WORDS; at < end; at++) {
    hash = Math.imul(hash ^ words[at]!, HASH_FACTOR);
    hash ^= hash >>> HASH_SHIFT;
  }
  return hash;
}

function equalPages(words: Uint32Array, a: number, b: number): boolean {
  for (let i = 0, atA = a * WORDS, atB = b * WORDS; i < WORDS; i++) if (words[atA + i] !== words[atB + i]) return false;
  return true;
}

export function encodeRuns(runs: readonly PageRun[]): Uint8Array {
  const bytes = new Uint8Array(runs.length * RUN_BYTES);
  const view = new DataView(bytes.buffer);
  runs.forEach(({ page, count, stored, repeats }, index) => {
    view.setUint32(index * RUN_BYTES, page, true);
    view.setUint32(index * RUN_BYTES + 4, (repeats ? count | RUN_REPEATS : count) >>> 0, true);
    view.setUint32(index * RUN_BYTES + 8, stored, true);
  });
  return bytes;
}

/** Throws BAD_STATE when runs overlap, are out of order, or name pages that do not exist. */
export function decodeRuns(bytes: Uint8Array, pageCount: number, storedPages: number): PageRun[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const runs: PageRun[] = [];
  let free = 0;
  for (let at = 0; at < bytes.length; at += RUN_BYTES) {
    const page = view.getUint32(at, true);
    const countAndFlag = view.getUint32(at + 4, true);
    const stored = view.getUint32(at + 8, true);
    const repeats = (countAndFlag & RUN_REPEATS) !== 0;
    const count = (countAndFlag & ~RUN_REPEATS) >>> 0;
    if (stored === STORED_ZERO) throw damaged('it is whole, and yet names pages as zero');
    if (page < free || count === 0 || page + count > pageCount) throw damaged('its pages are out of order');
    if (stored + (repeats ? 1 : count) > storedPages) throw damaged('it names pages that it does not have');
    free = page + count;
    runs.push({ page, count, stored, repeats });
  }
  return runs;
}

/** A piece of a block and where it goes: `count` pages from `offset` bytes in the block on; a repeated one is one page. */
export interface Placement {
  readonly page: number;
  readonly count: number;
  readonly offset: number;
  readonly repeats: boolean;
}

/** Where the pages of each block go. */
export function placeByBlock(runs: readonly PageRun[], storedPages: number): Placement[][] {
  const blocks: Placement[][] = Array.from({ length: Math.ceil(storedPages / BLOCK_PAGES) }, () => []);
  for (const { page, count, stored, repeats } of runs) {
    if (repeats) {
      const block = blocks[Math.floor(stored / BLOCK_PAGES)]!;
      block.push({ page, count, offset: (stored % BLOCK_PAGES) * PAGE_BYTES, repeats });
      continue;
    }
    for (let done = 0; done < count;) {
      const within = (stored + done) % BLOCK_PAGES;
      const piece = Math.min(count - done, BLOCK_PAGES - within);
      const block = blocks[Math.floor((stored + done) / BLOCK_PAGES)]!;
      block.push({ page: page + done, count: piece, offset: within * PAGE_BYTES, repeats });
      done += piece;
    }
  }
  return blocks;
}
