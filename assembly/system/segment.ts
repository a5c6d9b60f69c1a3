/** Segment bases, limits and types for data accesses outside the flat case. SDM Vol. 3A, chapter 3 and 5.2-5.5. */
import {
  CPL,
  FS,
  LINEAR_MASK,
  MODE,
  MODE_64,
  MODE_CODE_MASK,
  MODE_PROTECTED,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
} from '../layout';
import { Insn } from '../engine/backend';
import { faultAt, GP, SS_VECTOR } from './fault';

export const FLAG_WRITABLE: u32 = 1 << 9; // data: writable; code: readable
export const FLAG_EXPAND_DOWN: u32 = 1 << 10; // data; code: conforming
export const FLAG_CODE: u32 = 1 << 11;
export const FLAG_S: u32 = 1 << 12;
export const FLAG_DPL_SHIFT: u32 = 13;
export const FLAG_P: u32 = 1 << 15;
export const FLAG_L: u32 = 1 << 21;
export const FLAG_DB: u32 = 1 << 22;
export const FLAG_G: u32 = 1 << 23;

/** Applies a segment to an effective address (already cut to the address size); checks limits outside 64-bit mode. */
export function segmentLinear(i: Insn, segment: u32, offset: u64, size: u32): u64 {
  const at: usize = SEG + <usize>segment * SEG_SIZE;
  if ((load<u32>(MODE) & MODE_CODE_MASK) == MODE_64)
    return segment >= <u32>FS ? offset + load<u64>(at, SEG_BASE) : offset;
  const flags = load<u32>(at, SEG_FLAGS);
  const vector = segment == SS ? SS_VECTOR : GP;
  if (load<u32>(MODE) & MODE_PROTECTED) {
    if (!(flags & FLAG_P)) faultAt(i, GP); // a null selector
    if ((flags & (FLAG_CODE | FLAG_WRITABLE)) == FLAG_CODE) faultAt(i, GP); // execute-only
  }
  const last = offset + size - 1;
  const limit: u64 = load<u32>(at, SEG_LIMIT);
  if ((flags & (FLAG_CODE | FLAG_EXPAND_DOWN)) == FLAG_EXPAND_DOWN) {
    const top: u64 = flags & FLAG_DB ? 0xffffffff : 0xffff;
    if (offset <= limit || last > top) faultAt(i, vector);
  } else if (last > limit) faultAt(i, vector);
  return (offset + load<u64>(at, SEG_BASE)) & 0xffffffff;
}

/** Raises #GP(0) when `segment` may not be written: code or read-only data in protected mode. */
export function checkWritable(i: Insn, segment: u32): void {
  const mode = load<u32>(MODE);
  if ((mode & MODE_CODE_MASK) == MODE_64 || !(mode & MODE_PROTECTED)) return;
  const flags = load<u32>(SEG + <usize>segment * SEG_SIZE, SEG_FLAGS);
  if ((flags & (FLAG_CODE | FLAG_WRITABLE)) != FLAG_WRITABLE) faultAt(i, GP);
}

/** A stack access when SS is not flat. */
export function stackLinear(i: Insn, offset: u64, size: u32): u64 {
  return segmentLinear(i, SS, offset, size);
}
