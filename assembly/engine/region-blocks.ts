/**
 * The region being translated: its instructions and blocks. Filled by region.ts, read by region-writer.ts. Offsets are in
 * bytes from the linear address of the page of the first block; pages are numbered in the order in which they were found.
 */
import { REGION_PAGES_MAX } from '../layout';

export const INSNS_MAX: i32 = 480;
export const BLOCKS_MAX: i32 = 96;

// ---- instructions: 48 bytes each, the decoded record first
export const I_OFFSET: usize = 16; // i32
export const I_TARGET: usize = 20; // i32
export const I_KIND: usize = 24; // u8: INSN_*
export const I_PAGE: usize = 25; // u8
export const I_READS: usize = 26; // u8: flag groups
export const I_WRITES: usize = 27;
export const I_PASSES: usize = 28;
export const I_LEAVES: usize = 29;
export const I_ON_CONDITION: usize = 30;
export const I_WANTED: usize = 31;
export const I_BLOCK: usize = 32; // i16: the block that begins here, or -1
export const I_LENGTH: usize = 34; // u8
export const I_FORM: usize = 35; // u8: FORM_* flags
const INSN_SIZE: usize = 48;

export const INSN_BRANCHES: u32 = 1;
export const INSN_ENDS: u32 = 2;
export const INSN_INDIRECT: u32 = 4;
export const INSN_HELPER: u32 = 8;
export const INSN_LEADER: u32 = 16;
/** Control comes here from outside. */
export const INSN_ENTRY: u32 = 32;
export const INSN_CALL: u32 = 64;
/** Control comes back here from a call. */
export const INSN_RETURN: u32 = 128;

const insns: usize = memory.data(INSNS_MAX * 48);
export let insnCount: i32 = 0;
/** Instructions in the order of their offsets: u16 each. */
const order: usize = memory.data(INSNS_MAX * 2);

export function insnAt(n: i32): usize {
  return insns + <usize>n * INSN_SIZE;
}
export function newInsn(): usize {
  const at = insnAt(insnCount++);
  memory.fill(at, 0, INSN_SIZE);
  store<i16>(at, -1, I_BLOCK);
  return at;
}
export function insnInOrder(k: i32): usize {
  return insnAt(<i32>load<u16>(order + ((<usize>k) << 1)));
}
export function setOrder(k: i32, n: i32): void {
  store<u16>(order + ((<usize>k) << 1), <u16>n);
}
export function kindOf(insn: usize): u32 {
  return load<u8>(insn, I_KIND);
}
export function addKind(insn: usize, bits: u32): void {
  store<u8>(insn, load<u8>(insn, I_KIND) | (<u8>bits), I_KIND);
}

// ---- pages
const seen: usize = memory.data(REGION_PAGES_MAX * 8192); // u16 for each byte: number of the instruction there, plus 1
const pages: usize = memory.data(REGION_PAGES_MAX * 8); // i32 offset in pages, u32 unit
export let pageCount: i32 = 0;

export function clearRegion(): void {
  insnCount = 0;
  pageCount = 0;
  blockCount = 0;
}
export function pageOffsetOf(page: i32): i32 {
  return load<i32>(pages + ((<usize>page) << 3));
}
export function unitOf(page: i32): usize {
  return load<u32>(pages + ((<usize>page) << 3), 4);
}
/** Number of a page already in the region, or -1. */
export function findPage(offsetInPages: i32): i32 {
  for (let p: i32 = 0; p < pageCount; p++) if (pageOffsetOf(p) == offsetInPages) return p;
  return -1;
}
export function addPage(offsetInPages: i32, unit: usize): i32 {
  if (pageCount >= REGION_PAGES_MAX) return -1;
  const at = pages + ((<usize>pageCount) << 3);
  store<i32>(at, offsetInPages);
  store<u32>(at, <u32>unit, 4);
  memory.fill(seen + <usize>pageCount * 8192, 0, 8192);
  return pageCount++;
}
function seenAt(page: i32, offset: i32): usize {
  return seen + <usize>page * 8192 + ((<usize>(offset & 0xfff)) << 1);
}
/** Number of the instruction at an offset, or -1. */
export function findInsn(offset: i32): i32 {
  const page = findPage(offset >> 12);
  return page < 0 ? -1 : <i32>load<u16>(seenAt(page, offset)) - 1;
}
export function setInsn(page: i32, offset: i32, n: i32): void {
  store<u16>(seenAt(page, offset), <u16>(n + 1));
}

// ---- blocks: 48 bytes each
export const B_FIRST: usize = 0; // i32: place of its first instruction in the order
export const B_COUNT: usize = 4; // i32
export const B_NEEDS: usize = 8; // u8: flag groups that something reads before they are written
export const B_EXITS: usize = 9; // u8: flag groups that an exit shows before they are written
export const B_PREDECESSORS: usize = 10; // u8: edges from inside, at most 255
export const B_ENTRY: usize = 11; // u8
export const B_LOOP_END: usize = 12; // i32: last block of the loop that begins here, or -1
export const B_DISPATCH: usize = 16; // u8: that loop is entered elsewhere, too
export const B_STATE_KNOWN: usize = 17; // u8: its one predecessor left the flags in B_STATE
export const B_TARGETED: usize = 18; // u8: an edge goes there that enters a loop elsewhere than at its head
export const B_STATE: usize = 20; // i32
export const B_REGISTERS: usize = 24; // u32: and that predecessor's registersKnown()
export const B_HELD: usize = 28; // u8: and its flagsHeld()
// Registers that its instructions read or write, and write (bits): u16 each.
export const B_GPR_USED: usize = 32;
export const B_GPR_WRITTEN: usize = 34;
export const B_XMM_USED: usize = 36;
export const B_XMM_WRITTEN: usize = 38;
export const B_SCOPE: usize = 40; // i16: head of the loop around it that has registers in locals, or -1
export const B_PREDECESSOR: usize = 42; // i16: one of them
const BLOCK_SIZE: usize = 48;
const blocks: usize = memory.data(BLOCKS_MAX * 48);
export let blockCount: i32 = 0;

export function blockAt(n: i32): usize {
  return blocks + <usize>n * BLOCK_SIZE;
}
export function newBlock(first: i32): i32 {
  const at = blockAt(blockCount);
  memory.fill(at, 0, BLOCK_SIZE);
  store<i32>(at, first, B_FIRST);
  store<i32>(at, -1, B_LOOP_END);
  store<i16>(at, -1, B_SCOPE);
  return blockCount++;
}
/**
 * The only block that control comes from, when it is before this one and what is known at its end holds here, too; else -1. In a
 * scope nothing holds that was known outside.
 */
export function knownFrom(block: i32): i32 {
  const at = blockAt(block);
  if (load<u8>(at, B_ENTRY) || load<u8>(at, B_PREDECESSORS) != 1) return -1;
  const from = <i32>load<i16>(at, B_PREDECESSOR);
  const scope = scopeOf(block);
  return from < block && (scope < 0 || scope == scopeOf(from)) ? from : -1;
}
export function scopeOf(block: i32): i32 {
  return <i32>load<i16>(blockAt(block), B_SCOPE);
}
/** Number of the block that begins at an offset, or -1. */
export function findBlock(offset: i32): i32 {
  const n = findInsn(offset);
  return n < 0 ? -1 : <i32>load<i16>(insnAt(n), I_BLOCK);
}
export function firstInsn(block: i32): usize {
  return insnInOrder(load<i32>(blockAt(block), B_FIRST));
}
export function lastInsn(block: i32): usize {
  const at = blockAt(block);
  return insnInOrder(load<i32>(at, B_FIRST) + load<i32>(at, B_COUNT) - 1);
}
/** Offset behind an instruction. */
export function endOf(insn: usize): i32 {
  return load<i32>(insn, I_OFFSET) + <i32>load<u8>(insn, I_LENGTH);
}
/** The block after it, when control may fall through to it; -1 when it can't or what follows is outside. */
export function fallThrough(block: i32): i32 {
  const last = lastInsn(block);
  return kindOf(last) & INSN_ENDS ? -1 : findBlock(endOf(last));
}
/** The block that its last instruction branches to or calls, or -1. */
export function branchTarget(block: i32): i32 {
  const last = lastInsn(block);
  if (!(kindOf(last) & INSN_BRANCHES) || (kindOf(last) & INSN_CALL && !followsCalls)) return -1;
  return findBlock(load<i32>(last, I_TARGET));
}
/** Callees are part of the region. */
export let followsCalls: bool = false;
export function setFollowsCalls(value: bool): void {
  followsCalls = value;
}
export function formOf(insn: usize): u32 {
  return load<u8>(insn, I_FORM);
}
export function isCall(block: i32): bool {
  return (kindOf(lastInsn(block)) & INSN_CALL) != 0;
}
