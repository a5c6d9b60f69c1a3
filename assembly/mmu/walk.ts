/**
 * Page walks: 32-bit, PAE and 4-level paging with large pages, NX, WP, SMEP, SMAP and accessed/dirty bits.
 * SDM Vol. 3A, chapter 4. Only this code sets accessed and dirty bits; it leaves out protection keys and 5 levels.
 */
import { CPL, CR0, CR3, CR4, EFER, EFLAGS_REST, PDPTE, RAM_BASE, STATS, STAT_TLB_MISSES } from '../layout';
import {
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
  PHYSICAL_BITS,
} from '../system/control';
import { AC } from '../engine/flags';
import { pageFault } from '../system/fault';
import { largeFlags } from './tlb';
import { physicalRead32, physicalRead64, physicalWrite32, physicalWrite64 } from './physical';

/** Access kinds: bits as in the page-fault error code. SDM Vol. 3A, 4.7. */
export const ACCESS_WRITE: u32 = 2;
export const ACCESS_USER: u32 = 4;
export const ACCESS_FETCH: u32 = 16;
/** A supervisor access that the CPU makes by itself (descriptor tables, TSS): SMAP ignores EFLAGS.AC. */
export const ACCESS_IMPLICIT: u32 = 1 << 8;

const PTE_P: u64 = 1;
const PTE_W: u64 = 2;
const PTE_U: u64 = 4;
const PTE_A: u64 = 0x20;
const PTE_D: u64 = 0x40;
const PTE_PS: u64 = 0x80;
const PTE_G: u64 = 0x100;
const PTE_NX: u64 = 1 << 63;
const FRAME_MASK: u64 = (((<u64>1) << PHYSICAL_BITS) - 1) & ~0xfff;
const RESERVED_HIGH: u64 = (((<u64>1) << 52) - 1) & ~(((<u64>1) << PHYSICAL_BITS) - 1);

// Results of walk()
export let walkedWritable: bool = false; // a store in this mode is allowed and the dirty bit is set
export let walkedFlags: u32 = 0; // as TLB_GLOBAL

function denied(linear: u64, access: u32, present: u32, reserved: u32): u64 {
  let error: u32 = present | (access & (ACCESS_WRITE | ACCESS_USER)) | (reserved << 3);
  const nx = (load<u64>(EFER) & EFER_NXE) != 0 && (load<u64>(CR4) & CR4_PAE) != 0;
  if (access & ACCESS_FETCH && (nx || (load<u64>(CR4) & CR4_SMEP) != 0)) error |= ACCESS_FETCH;
  if (probing) {
    probeFailed = true;
    return 0;
  }
  pageFault(linear, error);
  return 0;
}

/** Set while a walk must not fault (debugger reads): a failure then sets probeFailed. */
export let probing: bool = false;
export let probeFailed: bool = false;

/** Translates for a reader that must not disturb the guest: physical address, or all ones. Sets no accessed bits. */
export function probe(linear: u64): u64 {
  probing = true;
  probeFailed = false;
  const physical = walk(linear, ACCESS_IMPLICIT);
  probing = false;
  return probeFailed ? u64.MAX_VALUE : physical;
}

/** The privilege part of an access by the running program. */
export function currentAccess(): u32 {
  return load<u32>(CPL) == 3 ? ACCESS_USER : 0;
}

/** Walks the paging structures. Returns the physical address of `linear`, or raises #PF. */
export function walk(linear: u64, access: u32): u64 {
  store<u64>(STATS + STAT_TLB_MISSES, load<u64>(STATS + STAT_TLB_MISSES) + 1);
  const cr0 = load<u64>(CR0);
  if (!(cr0 & CR0_PG)) {
    walkedWritable = true;
    walkedFlags = 0;
    return linear & 0xffffffff;
  }
  const cr4 = load<u64>(CR4);
  if (!(cr4 & CR4_PAE)) return walk32(linear, access);
  const efer = load<u64>(EFER);
  const reservedNx: u64 = efer & EFER_NXE ? 0 : PTE_NX;
  let reserved: u64 = RESERVED_HIGH | reservedNx;
  let table: u64;
  let shift: u64;
  let rights: u64 = PTE_W | PTE_U;
  let noExecute: u64 = 0;
  if (efer & EFER_LMA) {
    table = load<u64>(CR3) & FRAME_MASK;
    shift = 39;
  } else {
    const pdpte = load<u64>(PDPTE + ((<usize>(linear >> 30)) & 3) * 8);
    if (!(pdpte & PTE_P)) return denied(linear, access, 0, 0);
    table = pdpte & FRAME_MASK;
    shift = 21;
    reserved |= (<u64>0x7ff) << 52;
  }
  let entryAt: u64 = 0;
  let entry: u64 = 0;
  while (true) {
    entryAt = table + (((linear >> shift) & 0x1ff) << 3);
    entry = physicalRead64(entryAt);
    if (!(entry & PTE_P)) return denied(linear, access, 0, 0);
    if (entry & (reserved | (shift == 39 ? PTE_PS : 0))) return denied(linear, access, 1, 1);
    rights &= entry;
    noExecute |= entry & PTE_NX;
    const leaf = shift == 12 || (shift < 39 && (entry & PTE_PS) != 0);
    if (leaf) break;
    if (!(entry & PTE_A) && !probing) physicalWrite64(entryAt, entry | PTE_A);
    table = entry & FRAME_MASK;
    shift -= 9;
  }
  const offsetMask: u64 = ((<u64>1) << shift) - 1;
  // Large pages: bit 12 is PAT, the rest up to the page size is reserved (SDM Vol. 3A, tables 4-16 and 4-18).
  if (shift > 12 && entry & (offsetMask & ~0x1fff & FRAME_MASK)) return denied(linear, access, 1, 1);
  if (!checkRights(linear, access, rights, noExecute, cr0, cr4)) return 0;
  const wanted: u64 = PTE_A | (access & ACCESS_WRITE ? PTE_D : 0);
  if ((entry & wanted) != wanted && !probing) {
    entry |= wanted;
    physicalWrite64(entryAt, entry);
  }
  finish(linear, access, rights, entry, shift, cr0, cr4);
  return (entry & FRAME_MASK & ~offsetMask) | (linear & offsetMask);
}

function walk32(linear: u64, access: u32): u64 {
  const cr0 = load<u64>(CR0);
  const cr4 = load<u64>(CR4);
  const directoryAt: u64 = (load<u64>(CR3) & 0xfffff000) + (((linear >> 22) & 0x3ff) << 2);
  const directory: u64 = physicalRead32(directoryAt);
  if (!(directory & PTE_P)) return denied(linear, access, 0, 0);
  let rights: u64 = directory & (PTE_W | PTE_U);
  if (directory & PTE_PS && cr4 & CR4_PSE) {
    // PSE-36: bits 13..20 hold physical address bits 32..39; bit 21 is reserved.
    if (directory & (1 << 21)) return denied(linear, access, 1, 1);
    if (!checkRights(linear, access, rights, 0, cr0, cr4)) return 0;
    const wanted: u64 = PTE_A | (access & ACCESS_WRITE ? PTE_D : 0);
    if ((directory & wanted) != wanted && !probing) physicalWrite32(directoryAt, <u32>(directory | wanted));
    finish(linear, access, rights, directory | wanted, 22, cr0, cr4);
    return (directory & 0xffc00000) | ((directory & 0x1fe000) << 19) | (linear & 0x3fffff);
  }
  if (!(directory & PTE_A) && !probing) physicalWrite32(directoryAt, <u32>(directory | PTE_A));
  const tableAt: u64 = (directory & 0xfffff000) + (((linear >> 12) & 0x3ff) << 2);
  const entry: u64 = physicalRead32(tableAt);
  if (!(entry & PTE_P)) return denied(linear, access, 0, 0);
  rights &= entry;
  if (!checkRights(linear, access, rights, 0, cr0, cr4)) return 0;
  const wanted: u64 = PTE_A | (access & ACCESS_WRITE ? PTE_D : 0);
  if ((entry & wanted) != wanted && !probing) physicalWrite32(tableAt, <u32>(entry | wanted));
  finish(linear, access, rights, entry | wanted, 12, cr0, cr4);
  return (entry & 0xfffff000) | (linear & 0xfff);
}

/** SDM Vol. 3A, 4.6. */
function checkRights(linear: u64, access: u32, rights: u64, noExecute: u64, cr0: u64, cr4: u64): bool {
  let allowed: bool;
  const userPage = (rights & PTE_U) != 0;
  if (access & ACCESS_USER) {
    allowed = userPage && (!(access & ACCESS_WRITE) || (rights & PTE_W) != 0);
  } else {
    allowed = !(access & ACCESS_WRITE) || (rights & PTE_W) != 0 || !(cr0 & CR0_WP);
    if (userPage) {
      if (access & ACCESS_FETCH) {
        if (cr4 & CR4_SMEP) allowed = false;
      } else if (cr4 & CR4_SMAP && !smapLifted(access)) allowed = false;
    }
  }
  if (access & ACCESS_FETCH && noExecute) allowed = false;
  if (!allowed && !probing) denied(linear, access, 1, 0);
  return allowed || probing;
}

function smapLifted(access: u32): bool {
  return !(access & ACCESS_IMPLICIT) && (load<u32>(EFLAGS_REST) & AC) != 0;
}

function finish(linear: u64, access: u32, rights: u64, entry: u64, shift: u64, cr0: u64, cr4: u64): void {
  const mayWrite = (rights & PTE_W) != 0 || (!(access & ACCESS_USER) && !(cr0 & CR0_WP));
  walkedWritable = mayWrite && (entry & PTE_D) != 0;
  walkedFlags = (cr4 & CR4_PGE && entry & PTE_G ? 1 : 0) | (shift > 12 ? largeFlags(linear, shift) : 0);
}
