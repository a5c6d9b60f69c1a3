/**
 * The data TLB: banks of 4096 direct-mapped entries (layout.ts, TLB_*). One compare of (linear ^ tag) covers tag,
 * permission and page crossing. Policy: entries are not tagged with a PCID, so every load of CR3 drops all that is
 * not global. Entries are 4 KiB pieces; INVLPG in a large page drops all pieces of that page.
 * The invalid tag of slot s is a page that maps to slot s ^ 1, so no address that reaches slot s matches it.
 */
import {
  CPL,
  CR0,
  CR4,
  EFLAGS_REST,
  FETCH,
  FETCH_BANK_SIZE,
  FETCH_ENTRIES,
  FETCH_FILLED,
  FETCH_FILLED_LOCAL,
  PAGE_FLAGS,
  PAGE_STORABLE,
  STATS,
  STAT_FLUSHES,
  TLB,
  TLB_ADDEND,
  TLB_BANKS,
  TLB_BANK_SIZE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_FILLED,
  TLB_FILLED_LOCAL,
  TLB_GLOBAL,
  TLB_PHYSICAL,
  TLB_READ,
  TLB_WRITE,
  T_BANK,
} from '../layout';
import { AC } from '../engine/flags';
import { newGeneration } from '../engine/regions';
import { CR0_AM, CR4_SMAP } from '../system/control';

/** Words of the maps of filled entries. */
const TLB_WORDS: usize = (TLB_BANKS * TLB_ENTRIES) >> 6;
const FETCH_WORDS: usize = (2 * FETCH_ENTRIES) >> 6;

/** Bank in use; follows CPL, EFLAGS.AC and CR0.AM (selectBank). */
export let bank: usize = TLB;
/** Fetch-TLB bank in use. */
export let fetchBank: usize = FETCH;

export const BANK_USER: usize = TLB;
export const BANK_KERNEL: usize = TLB + TLB_BANK_SIZE;
export const BANK_KERNEL_AC: usize = TLB + 2 * TLB_BANK_SIZE;
export const BANK_ALIGN: usize = TLB + 3 * TLB_BANK_SIZE;

export function selectBank(): void {
  const user = load<u32>(CPL) == 3;
  const ac = (load<u32>(EFLAGS_REST) & AC) != 0;
  fetchBank = user ? FETCH : FETCH + FETCH_BANK_SIZE;
  if (user) bank = ac && (load<u64>(CR0) & CR0_AM) != 0 ? BANK_ALIGN : BANK_USER;
  else bank = ac && (load<u64>(CR4) & CR4_SMAP) != 0 ? BANK_KERNEL_AC : BANK_KERNEL;
  store<u32>(T_BANK, <u32>bank);
}

export function slotOf(linear: u64): usize {
  return ((<usize>(linear >> 12)) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
}

function invalidTag(slot: usize): u64 {
  return (<u64>(slot ^ 1)) << 12;
}

function dropEntry(entry: usize, slot: usize): void {
  store<u64>(entry, invalidTag(slot), TLB_READ);
  store<u64>(entry, invalidTag(slot), TLB_WRITE);
  store<u32>(entry, 0, TLB_GLOBAL);
  store<u32>(entry, 0xffffffff, TLB_PHYSICAL);
}

function dropFetchEntry(entry: usize, slot: usize): void {
  store<u64>(entry, invalidTag(slot));
  store<u32>(entry, 0, 8);
  store<u32>(entry, 0xffffffff, 12);
}

/** Puts every entry into the dropped state: memory starts as zeros, which are no invalid tags. */
export function resetTlb(): void {
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    for (let s: usize = 0; s < <usize>TLB_ENTRIES; s++) dropEntry(TLB + b * TLB_BANK_SIZE + s * TLB_ENTRY_SIZE, s);
  }
  for (let b: usize = 0; b < 2; b++) {
    for (let s: usize = 0; s < <usize>FETCH_ENTRIES; s++) dropFetchEntry(FETCH + b * FETCH_BANK_SIZE + (s << 4), s);
  }
  memory.fill(TLB_FILLED, 0, FETCH_FILLED_LOCAL + FETCH_WORDS * 8 - TLB_FILLED);
}

// A hint, by 2 MiB stretch of linear addresses (hashed): a piece of a large page that covers it may be in a TLB.
const LARGE_HINTS: usize = memory.data(4096);
const LARGE_SHIFT: u64 = 21;
/** The same for 1 GiB pages. */
const HUGE_HINTS: usize = memory.data(256);
const HUGE_SHIFT: u64 = 30;
function largeHint(linear: u64): usize {
  // Upper bits tell the kernel's addresses from a program's.
  return LARGE_HINTS + ((<usize>((linear >> LARGE_SHIFT) ^ (linear >> 33))) & 4095);
}
function hugeHint(linear: u64): usize {
  return HUGE_HINTS + ((<usize>((linear >> HUGE_SHIFT) ^ (linear >> 38))) & 255);
}
const LARGE: u32 = 2;
const LARGE_SIZE_SHIFT: u32 = 8;

/** A walk ended at a page of 2^shift bytes (more than 4 KiB). Returns its TLB_GLOBAL bits. */
export function largeFlags(linear: u64, shift: u64): u32 {
  if (shift == HUGE_SHIFT) store<u8>(hugeHint(linear), 1);
  else store<u8>(largeHint(linear), 1);
  // A 4 MiB page covers two stretches.
  if (shift == 22) store<u8>(largeHint(linear ^ (1 << LARGE_SHIFT)), 1);
  return LARGE | ((<u32>shift) << LARGE_SIZE_SHIFT);
}

/** Drops the fetch entries whose bits are set in `map`, and clears it. */
function dropFetchFilled(map: usize): void {
  for (let w: usize = 0; w < FETCH_WORDS; w++) {
    let bits = load<u64>(map + (w << 3));
    if (!bits) continue;
    store<u64>(map + (w << 3), 0);
    while (bits) {
      const n = (w << 6) + <usize>ctz(bits);
      dropFetchEntry(FETCH + (n << 4), n & (FETCH_ENTRIES - 1));
      bits &= bits - 1;
    }
  }
}

export function flushFetch(): void {
  newGeneration(true);
  dropFetchFilled(FETCH_FILLED);
  memory.fill(FETCH_FILLED_LOCAL, 0, FETCH_WORDS * 8);
}

/** Drops everything, or everything that is not global. Only entries that were filled since are touched: CR3 changes often. */
export function flushTlb(globalToo: bool): void {
  store<u64>(STATS + STAT_FLUSHES, load<u64>(STATS + STAT_FLUSHES) + 1);
  const map: usize = globalToo ? TLB_FILLED : TLB_FILLED_LOCAL;
  for (let w: usize = 0; w < TLB_WORDS; w++) {
    let bits = load<u64>(map + (w << 3));
    if (!bits) continue;
    store<u64>(map + (w << 3), 0);
    while (bits) {
      const n = (w << 6) + <usize>ctz(bits);
      const entry: usize = TLB + n * TLB_ENTRY_SIZE;
      // A global page may have replaced the one that set the bit.
      if (globalToo || !(load<u32>(entry, TLB_GLOBAL) & 1)) dropEntry(entry, n & (TLB_ENTRIES - 1));
      bits &= bits - 1;
    }
  }
  if (globalToo) {
    memory.fill(LARGE_HINTS, 0, 4096);
    memory.fill(HUGE_HINTS, 0, 256);
    memory.fill(TLB_FILLED_LOCAL, 0, TLB_WORDS * 8);
    flushFetch();
  } else {
    newGeneration(false);
    dropFetchFilled(FETCH_FILLED_LOCAL);
  }
}

function setBit(map: usize, n: usize): void {
  const word = map + ((n >> 6) << 3);
  const place: u64 = n & 63;
  store<u64>(word, load<u64>(word) | ((<u64>1) << place));
}

/** Is the page of a valid fetch entry global? Surely so, if nothing else was there since the last flush. */
export function isFetchGlobal(entry: usize): bool {
  const n: usize = (entry - FETCH) >> 4;
  return ((load<u64>(FETCH_FILLED_LOCAL + ((n >> 6) << 3)) >> (<u64>(n & 63))) & 1) == 0;
}
/** Enters a unit for the page at `linear` into the fetch TLB under `tag`; `flags` are walkedFlags. */
export function fillFetch(linear: u64, tag: u64, unit: usize, frame: u32, flags: u32): void {
  const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  // What it replaces may be part of a region.
  if (load<u32>(entry, 8) && (load<u64>(entry) != tag || load<u32>(entry, 8) != <u32>unit))
    newGeneration(isFetchGlobal(entry));
  store<u64>(entry, tag);
  store<u32>(entry, <u32>unit, 8);
  store<u32>(entry, frame, 12);
  const n: usize = (entry - FETCH) >> 4;
  setBit(FETCH_FILLED, n);
  if (!(flags & 1)) setBit(FETCH_FILLED_LOCAL, n);
}

/** Drops every piece of a large page that holds `linear`. */
function dropLarge(linear: u64): void {
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    let entry: usize = TLB + b * TLB_BANK_SIZE;
    for (let s: usize = 0; s < <usize>TLB_ENTRIES; s++) {
      const flags = load<u32>(entry, TLB_GLOBAL);
      if (flags & LARGE && !((load<u64>(entry, TLB_READ) ^ linear) >> (<u64>(flags >> LARGE_SIZE_SHIFT))))
        dropEntry(entry, s);
      entry += TLB_ENTRY_SIZE;
    }
  }
}

/** INVLPG. */
export function flushPage(linear: u64): void {
  const s = (<usize>(linear >> 12)) & (TLB_ENTRIES - 1);
  if (load<u8>(largeHint(linear)) | load<u8>(hugeHint(linear))) {
    dropLarge(linear);
    flushFetch();
  }
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) dropEntry(TLB + b * TLB_BANK_SIZE + s * TLB_ENTRY_SIZE, s);
  dropFetchPage(FETCH, linear);
  dropFetchPage(FETCH + FETCH_BANK_SIZE, linear);
}
/** Drops the fetch entry of a page. Another page's in that slot stays: data often shares its slot with code. */
function dropFetchPage(fetch: usize, linear: u64): void {
  const slot = (<usize>(linear >> 12)) & (FETCH_ENTRIES - 1);
  const entry = fetch + (slot << 4);
  // Only the tag's lower half is compared: the upper one may have FETCH_EDGE.
  if (((<u32>load<u64>(entry)) ^ (<u32>linear)) >>> 12 || !load<u32>(entry, 8)) return;
  newGeneration(true);
  dropFetchEntry(entry, slot);
}

/** A physical page now holds decoded code: stores to it must take the slow path. */
export function protectFrame(frame: u32): void {
  const flags: usize = PAGE_FLAGS + <usize>frame;
  if (!(load<u8>(flags) & PAGE_STORABLE)) return;
  store<u8>(flags, load<u8>(flags) & ~PAGE_STORABLE);
  for (let w: usize = 0; w < TLB_WORDS; w++) {
    let bits = load<u64>(TLB_FILLED + (w << 3));
    while (bits) {
      const n = (w << 6) + <usize>ctz(bits);
      const entry: usize = TLB + n * TLB_ENTRY_SIZE;
      if (load<u32>(entry, TLB_PHYSICAL) == frame) store<u64>(entry, invalidTag(n & (TLB_ENTRIES - 1)), TLB_WRITE);
      bits &= bits - 1;
    }
  }
}

/** Forgets a unit in the fetch TLB. */
export function dropUnit(unit: usize): void {
  for (let w: usize = 0; w < FETCH_WORDS; w++) {
    let bits = load<u64>(FETCH_FILLED + (w << 3));
    while (bits) {
      const n = (w << 6) + <usize>ctz(bits);
      const entry: usize = FETCH + (n << 4);
      if (load<u32>(entry, 8) == <u32>unit) dropFetchEntry(entry, n & (FETCH_ENTRIES - 1));
      bits &= bits - 1;
    }
  }
  newGeneration(true);
}

/** Makes the dirty-tracking path see every page's next store (a snapshot cleared the dirty flags). */
export function dropWriteTags(): void {
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    let entry: usize = TLB + b * TLB_BANK_SIZE;
    for (let s: usize = 0; s < <usize>TLB_ENTRIES; s++) {
      store<u64>(entry, invalidTag(s), TLB_WRITE);
      entry += TLB_ENTRY_SIZE;
    }
  }
}

export function fillEntry(entry: usize, linear: u64, writable: bool, hostPage: u32, frame: u32, flags: u32): void {
  const page = linear & ~0xfff;
  const slot = (<usize>(linear >> 12)) & (TLB_ENTRIES - 1);
  store<u64>(entry, page, TLB_READ);
  store<u64>(entry, writable ? page : invalidTag(slot), TLB_WRITE);
  if (writable) {
    const pageFlags: usize = PAGE_FLAGS + <usize>frame;
    store<u8>(pageFlags, load<u8>(pageFlags) | PAGE_STORABLE);
  }
  store<u32>(entry, hostPage - <u32>page, TLB_ADDEND);
  store<u32>(entry, frame, TLB_PHYSICAL);
  store<u32>(entry, flags, TLB_GLOBAL);
  const n: usize = (entry - TLB) / TLB_ENTRY_SIZE;
  setBit(TLB_FILLED, n);
  if (!(flags & 1)) setBit(TLB_FILLED_LOCAL, n);
}
