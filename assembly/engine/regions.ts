/**
 * Translated regions: what the core knows of each, how it is found from an address, and when it dies. A region is one
 * WebAssembly function for some blocks of code in up to four pages, whose linear addresses count from the page of its first
 * block. It is good for any linear address at which the same physical pages follow each other in the same mode.
 */
import {
  CODE_BASE,
  CS,
  ENTRIES,
  ENTRIES_MAX,
  ENTRY_SIZE,
  EXITS,
  EXITS_END,
  FETCH_ENTRIES,
  HEAT,
  HEAT_ENTRIES,
  LINEAR_MASK,
  PAGE_DROPS,
  PAGE_DROPS_SIZE,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MODE_CS_LIMIT,
  REGIONS,
  REGIONS_MAX,
  REGION_SIZE,
  SEG,
  SEG_LIMIT,
  SEG_SIZE,
  TS_DROPPED,
  TS_FLUSHES,
  T_GENERATION,
  T_GENERATION_GLOBAL,
  T_KEY,
  T_STATS,
  U_FRAME,
  U_REGIONS,
} from '../layout';
import { translationsDropped } from '../host';
import { fetchBank, isFetchGlobal } from '../mmu/tlb';
import { allocateBusyExitSpace, allocateExitSpace, setArena } from './emit-control';

// Fields of a region.
export const R_ALIVE: usize = 0; // u32
export const R_KEY: usize = 4; // u32: T_KEY that it was made for
export const R_SLOT: usize = 56; // u32: index in the table of functions; 0 until its module is there
export const R_PAGES: usize = 16; // u32: how many
export const R_ENTRIES: usize = 20; // u32: list of {u16 block, u16 needs flags, i32 offset}
export const R_ENTRY_COUNT: usize = 24; // u32
export const R_FLAGS: usize = 28; // u32
export const R_VALID_BASE: usize = 32; // u64: base at which its mapping was checked
export const R_VALID_GENERATION: usize = 40; // u32: when
export const R_LEAST: usize = 44; // i32: offsets of its first instruction and behind its last
export const R_END: usize = 48; // i32
export const R_LEAVES: usize = 52; // u16: exits of kind LEAVE so far
export const R_SEED: usize = 8; // u64: linear address that it was made for
export const R_MASK: usize = 64; // u32: pages that are known to be mapped at R_VALID_BASE since R_VALID_GENERATION
export const R_LINKS: usize = 68; // u32: a link for each page, {i32 page offset in pages, u32 unit, u32 next link of the unit's list, u32 region}
export const PAGE_LINK_SIZE: usize = 16;
/** R_FLAGS: its indirect jumps went to new places since it was made. */
export const REGION_LEARNT: u32 = 4;
/** R_FLAGS: not all of its pages are global. */
export const REGION_LOCAL: u32 = 8;
/** R_FLAGS: callees are part of it. */
export const REGION_CALLS: u32 = 2;
/** R_FLAGS: has 16-bit branches, so the whole region must lie in the first 64 KiB of its segment. */
export const REGION_16_BIT: u32 = 1;

/**
 * Exits: what translated code returns is the address of one of these, or 0 when a helper changed control and the next record is
 * set already. An exit in the middle is 16 bytes long; one to other code is 32, for it remembers where it last went to.
 */
export const X_KIND: usize = 0; // u8
export const X_FLAGS: usize = 1; // u8: state of the lazy flags
export const X_COUNT: usize = 2; // u16: LEAVE: instructions of the block that were not done
export const X_SINCE: usize = 2; // u16: the others: units of 65,536 instructions when X_PASSED was zero
export const X_OFFSET: usize = 4; // i32: where control goes, from the region's base
export const X_REGION: usize = 8; // u16: number of the region that it is of
export const X_PASSED: usize = 10; // u16: how often it was taken
// Where it went: good while X_GENERATION is one of the two of now.
export const X_SLOT: usize = 12; // u16
export const X_BLOCK: usize = 14; // u8
export const X_READS_FLAGS: usize = 15; // u8
export const X_TARGET: usize = 16; // u64: linear
export const X_GENERATION: usize = 24; // u32
export const X_TO_OFFSET: usize = 28; // i32: of the target from the base of its region
const LEAVE_SIZE: usize = 16;
const EXIT_SIZE: usize = 32;
/** Tier 0 does the instruction at the offset. */
export const EXIT_LEAVE: u32 = 1;
export const EXIT_JUMP: u32 = 2;
/** To the address in RIP. */
export const EXIT_INDIRECT: u32 = 3;
/** The same by a jump, at the offset: where it goes is worth remembering. */
export const EXIT_SWITCH: u32 = 4;

/** A new exit of a region, which goes nowhere yet. */
export function newExit(kind: u32, region: usize): usize {
  const leaves = kind == EXIT_LEAVE;
  const x = leaves ? allocateExitSpace(LEAVE_SIZE) : allocateBusyExitSpace(EXIT_SIZE);
  memory.fill(x, 0, leaves ? LEAVE_SIZE : EXIT_SIZE);
  store<u8>(x, <u8>kind, X_KIND);
  store<u16>(x, <u16>indexOf(region), X_REGION);
  return x;
}

/** Regions of a page may die so often by writes before it is left to the interpreter. */
const DROPS_MAX: u32 = 6;

export let regionCount: u32 = 0;
export function regionAt(index: u32): usize {
  return REGIONS + <usize>index * REGION_SIZE;
}
export function countStatistic(which: usize, by: u64): void {
  store<u64>(T_STATS + which, load<u64>(T_STATS + which) + by);
}
/** Translated addresses must be looked up again: those in global pages too, or the others only. */
export function newGeneration(globalToo: bool): void {
  store<u32>(T_GENERATION, ++generation);
  if (globalToo) store<u32>(T_GENERATION_GLOBAL, ++generation);
}
/** Never 0, which is the generation of what is not known. */
let generation: u32 = 0;
/** Numbers are about to be used again: all that holds one must go first. */
export function isOutOfGenerations(): bool {
  return generation > 0xf0000000;
}

/** A new region's place, or 0 when there is no more. */
export function newRegion(): usize {
  if (regionCount >= <u32>REGIONS_MAX) return 0;
  const region = regionAt(regionCount++);
  memory.fill(region, 0, REGION_SIZE);
  return region;
}
export function indexOf(region: usize): u32 {
  return <u32>((region - REGIONS) / REGION_SIZE);
}

/** Where the region's link for a page is. */
export function linkOf(region: usize, page: i32): usize {
  return <usize>load<u32>(region, R_LINKS) + <usize>page * PAGE_LINK_SIZE;
}
/** Enters a region into the list of a unit it has code of. */
export function linkPage(region: usize, page: i32, offsetInPages: i32, unit: usize): void {
  const link = linkOf(region, page);
  store<i32>(link, offsetInPages);
  store<u32>(link, <u32>unit, 4);
  store<u32>(link, load<u32>(unit, U_REGIONS), 8);
  store<u32>(link, <u32>region, 12);
  store<u32>(unit, <u32>link, U_REGIONS);
}
/** A unit dies, and with it all regions that have code of it. */
export function dropRegionsOf(unit: usize): void {
  let link: usize = load<u32>(unit, U_REGIONS);
  if (!link) return;
  while (link) {
    const region: usize = load<u32>(link, 12);
    if (load<u32>(region, R_ALIVE)) {
      store<u32>(region, 0, R_ALIVE);
      countStatistic(TS_DROPPED, 1);
    }
    link = load<u32>(link, 8);
  }
  store<u32>(unit, 0, U_REGIONS);
  const drops = dropsOf(load<u32>(unit, U_FRAME));
  if (load<u8>(drops) < 255) store<u8>(drops, load<u8>(drops) + 1);
  newGeneration(true);
}
function dropsOf(frame: u32): usize {
  return PAGE_DROPS + ((<usize>frame) & (PAGE_DROPS_SIZE - 1));
}
/** Code there is written over and over: translating it again does not pay. */
export function isRewritten(frame: u32): bool {
  return load<u8>(dropsOf(frame)) >= <u8>DROPS_MAX;
}
/** Heat that says: can't be translated. */
export const COLD_FOR_EVER: u32 = 65535;
/** Frames are used for other things in time: what was rewritten often, or could not be translated, may be worth a look by now. */
export function forgive(): void {
  for (let n: usize = 0; n < <usize>PAGE_DROPS_SIZE; n += 8) {
    store<u64>(PAGE_DROPS + n, (load<u64>(PAGE_DROPS + n) >> 1) & 0x7f7f7f7f7f7f7f7f);
  }
  for (let heat: usize = HEAT; heat < <usize>(HEAT + (HEAT_ENTRIES << 1)); heat += 2) {
    if (load<u16>(heat) == <u16>COLD_FOR_EVER) store<u16>(heat, 0);
  }
}
function forget(region: usize): void {
  store<u32>(region, 0, R_ALIVE);
  const pages = load<i32>(region, R_PAGES);
  for (let p: i32 = 0; p < pages; p++) store<u32>(load<u32>(linkOf(region, p), 4), 0, U_REGIONS);
}
/** Counts how often all regions went: numbers of regions are used again, and stubs tell of which time theirs is. */
export let epoch: u32 = 0;
/** All regions go. No guest can tell. */
export function dropAllRegions(): void {
  if (regionCount) {
    countStatistic(TS_FLUSHES, 1);
    for (let n: u32 = 0; n < regionCount; n++) {
      const region = regionAt(n);
      if (load<u32>(region, R_ALIVE)) countStatistic(TS_DROPPED, 1);
      forget(region);
    }
    translationsDropped();
  }
  regionCount = 0;
  epoch++;
  setArena(EXITS, EXITS_END);
  memory.fill(HEAT, 0, HEAT_ENTRIES << 1);
  memory.fill(PAGE_DROPS, 0, PAGE_DROPS_SIZE);
  memory.fill(ENTRIES, 0, ENTRIES_MAX * ENTRY_SIZE);
  generation = 0;
  newGeneration(true);
}

// ---- is the region good at this address? -------------------------------------------------------------------------------
/** Addresses this far around the base are canonical. */
const REACH: u64 = 0x80000000 + 0x10000;

/** Has nothing changed since that generation? */
export function isNow(since: u32): bool {
  return since == load<u32>(T_GENERATION) || since == load<u32>(T_GENERATION_GLOBAL);
}
/** Number of the region's page that lies `offsetInPages` from its base. */
export function pageOf(region: usize, offsetInPages: i32): i32 {
  const pages = load<i32>(region, R_PAGES);
  for (let p: i32 = 0; p < pages; p++) if (load<i32>(linkOf(region, p)) == offsetInPages) return p;
  return -1;
}
/**
 * Checks that the region may run at `base`, and that its page number `page` is what the fetch TLB has there. Other pages are
 * checked when control comes to them: translated code looks into R_MASK and leaves where a page's bit is missing.
 */
export function isGoodAt(region: usize, base: u64, page: i32): bool {
  if (load<u32>(region, R_KEY) != load<u32>(T_KEY) || page < 0) return false;
  const isOfNow = isNow(load<u32>(region, R_VALID_GENERATION));
  const isKnown = isOfNow && load<u64>(region, R_VALID_BASE) == base;
  const mask: u32 = isKnown ? load<u32>(region, R_MASK) : 0;
  if (mask & (1 << page)) return true;
  if (!isKnown && !fits(region, base)) return false;
  const link = linkOf(region, page);
  const linear = (base + ((<u64>(<i64>load<i32>(link))) << 12)) & load<u64>(LINEAR_MASK);
  const entry = fetchBank + (((<usize>(linear >> 12)) & (FETCH_ENTRIES - 1)) << 4);
  if (load<u64>(entry) != (linear | (<u64>load<u32>(MODE))) || load<u32>(entry, 8) != load<u32>(link, 4)) return false;
  const isGlobal = load<u32>(region, R_VALID_GENERATION) == load<u32>(T_GENERATION_GLOBAL);
  if (!isFetchGlobal(entry)) {
    store<u32>(region, load<u32>(region, R_FLAGS) | REGION_LOCAL, R_FLAGS);
    // Who knows it as global, or as it lies elsewhere, must look again.
    if (isOfNow && (isGlobal || !isKnown)) newGeneration(isGlobal);
    store<u32>(region, load<u32>(T_GENERATION), R_VALID_GENERATION);
  } else if (!isKnown) {
    if (isOfNow) newGeneration(isGlobal);
    const isLocal = (load<u32>(region, R_FLAGS) & REGION_LOCAL) != 0;
    store<u32>(region, load<u32>(isLocal ? T_GENERATION : T_GENERATION_GLOBAL), R_VALID_GENERATION);
  }
  store<u64>(region, base, R_VALID_BASE);
  store<u32>(region, mask | (1 << page), R_MASK);
  return true;
}
/** Do its addresses suit the mode when it lies at `base`? */
function fits(region: usize, base: u64): bool {
  const mode = load<u32>(MODE);
  if ((mode & MODE_CODE_MASK) == MODE_64) {
    // No branch of it can reach an address that is not canonical.
    return <u64>((<i64>(base + REACH)) >> 47) + 1 <= 1 && <u64>((<i64>(base - REACH)) >> 47) + 1 <= 1;
  }
  // Offsets in the segment must not wrap.
  const least = <u64>(<i64>load<i32>(region, R_LEAST));
  const first = (base + least - load<u64>(CODE_BASE)) & 0xffffffff;
  const last = first + <u64>(load<i32>(region, R_END) - load<i32>(region, R_LEAST)) + 16;
  if (last > 0xffffffff) return false;
  if (mode & MODE_CS_LIMIT && last > <u64>load<u32>(SEG + CS * SEG_SIZE, SEG_LIMIT)) return false;
  if (load<u32>(region, R_FLAGS) & REGION_16_BIT && last > 0xffff) return false;
  return base + least <= 0xffffffff && base + <u64>(<i64>load<i32>(region, R_END)) <= 0xffffffff;
}

// ---- the cache of entries ------------------------------------------------------------------------------------------------
// {u64 linear, u32 key and u32 generation (as T_KEY, T_GENERATION), u32 slot, u32 block and more, u32 region, i32 offset from the base}
// An entry of the generation of now is good: when its region is found to lie elsewhere, a new generation begins.
export const E_KEY: usize = 8;
export const E_GENERATION: usize = 12;
export const E_SLOT: usize = 16;
export const E_BLOCK: usize = 20; // u8
export const E_READS_FLAGS: usize = 21; // u8: the block needs the two words of the flags
export const E_REGION: usize = 24;
export const E_OFFSET: usize = 28;

export function entryFor(linear: u64): usize {
  const mixed = (<u32>linear) ^ (<u32>(linear >> 14));
  return ENTRIES + ((<usize>mixed) & (ENTRIES_MAX - 1)) * ENTRY_SIZE;
}
/** Where the heat of an address is kept. */
export function heatOf(linear: u64): usize {
  const mixed = (<u32>linear) ^ (<u32>(linear >> 16)) ^ (<u32>(linear >> 32));
  return HEAT + (((<usize>mixed) & (HEAT_ENTRIES - 1)) << 1);
}
