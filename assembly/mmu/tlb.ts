/**
 * The data TLB: banks of 1024 direct-mapped entries (layout.ts, TLB_*). One compare of (linear ^ tag) covers tag,
 * permission and page crossing. Policy: entries are not tagged with a PCID, so every load of CR3 drops all that is
 * not global; INVLPG of a large page drops everything, as entries are 4 KiB pieces.
 * The invalid tag of slot s is a page that maps to slot s ^ 1, so no address that reaches slot s matches it.
 */
import {
  CPL, CR0, CR4, EFLAGS_REST, FETCH, FETCH_BANK_SIZE, FETCH_ENTRIES, STATS, STAT_FLUSHES, TLB, TLB_ADDEND, TLB_BANKS, TLB_BANK_SIZE,
  TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_GLOBAL, TLB_PHYSICAL, TLB_READ, TLB_WRITE,
} from '../layout';
import { AC } from '../engine/flags';
import { CR0_AM, CR4_SMAP } from '../system/control';

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
}

export function slotOf(linear: u64): usize {
  return (<usize>(linear >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
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

export function flushFetch(): void {
  for (let b: usize = 0; b < 2; b++) {
    for (let s: usize = 0; s < <usize>FETCH_ENTRIES; s++) dropFetchEntry(FETCH + b * FETCH_BANK_SIZE + (s << 4), s);
  }
}

/** Drops everything, or everything that is not global. */
export function flushTlb(globalToo: bool): void {
  store<u64>(STATS + STAT_FLUSHES, load<u64>(STATS + STAT_FLUSHES) + 1);
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    let entry: usize = TLB + b * TLB_BANK_SIZE;
    for (let s: usize = 0; s < <usize>TLB_ENTRIES; s++) {
      if (globalToo || !(load<u32>(entry, TLB_GLOBAL) & 1)) dropEntry(entry, s);
      entry += TLB_ENTRY_SIZE;
    }
  }
  flushFetch();
}

/** INVLPG. */
export function flushPage(linear: u64): void {
  const s = <usize>(linear >> 12) & (TLB_ENTRIES - 1);
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    const entry: usize = TLB + b * TLB_BANK_SIZE + s * TLB_ENTRY_SIZE;
    const hit = load<u64>(entry, TLB_READ) == (linear & ~0xfff);
    if (hit && load<u32>(entry, TLB_GLOBAL) & 2) {
      flushTlb(true);
      return;
    }
    dropEntry(entry, s);
  }
  const f = <usize>(linear >> 12) & (FETCH_ENTRIES - 1);
  dropFetchEntry(FETCH + (f << 4), f);
  dropFetchEntry(FETCH + FETCH_BANK_SIZE + (f << 4), f);
}

/** A physical page now holds decoded code: stores to it must take the slow path. */
export function protectFrame(frame: u32): void {
  for (let b: usize = 0; b < <usize>TLB_BANKS; b++) {
    let entry: usize = TLB + b * TLB_BANK_SIZE;
    for (let s: usize = 0; s < <usize>TLB_ENTRIES; s++) {
      if (load<u32>(entry, TLB_PHYSICAL) == frame) store<u64>(entry, invalidTag(s), TLB_WRITE);
      entry += TLB_ENTRY_SIZE;
    }
  }
}

/** Forgets a unit in the fetch TLB. */
export function dropUnit(unit: usize): void {
  for (let b: usize = 0; b < 2; b++) {
    for (let s: usize = 0; s < <usize>FETCH_ENTRIES; s++) {
      const entry: usize = FETCH + b * FETCH_BANK_SIZE + (s << 4);
      if (load<u32>(entry, 8) == <u32>unit) dropFetchEntry(entry, s);
    }
  }
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
  const slot = <usize>(linear >> 12) & (TLB_ENTRIES - 1);
  store<u64>(entry, page, TLB_READ);
  store<u64>(entry, writable ? page : invalidTag(slot), TLB_WRITE);
  store<u32>(entry, hostPage - <u32>page, TLB_ADDEND);
  store<u32>(entry, frame, TLB_PHYSICAL);
  store<u32>(entry, flags, TLB_GLOBAL);
}
