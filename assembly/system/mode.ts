/** What follows from the control registers and segments: the mode key of decoded code, masks, TLB bank. SDM Vol. 3A, 2.2. */
import {
  CODE_BASE,
  CPL,
  CR0,
  CR4,
  CS,
  DS,
  EA_MASK,
  EFER,
  EFLAGS_REST,
  ES,
  FS,
  IP_MASK,
  LINEAR_MASK,
  MODE,
  MODE_16,
  MODE_32,
  MODE_64,
  MODE_CODE_MASK,
  MODE_CS_LIMIT,
  MODE_FLAT,
  MODE_NO_AVX,
  MODE_NO_MMX,
  MODE_NO_SSE,
  MODE_NO_X87,
  MODE_PROTECTED,
  MODE_TS,
  MODE_V86,
  MODE_WAIT,
  SEG,
  SEG_BASE,
  SEG_FLAGS,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
  STACK_FLAT,
  STACK_MASK,
  TLB,
  TLB_BANK_SIZE,
  T_KEY,
  T_KEY_BANK_SHIFT,
  T_KEY_GLOBAL,
  T_KEY_STACK_16,
  T_KEY_STACK_FLAT,
  T_KEY_USER,
  XCR0,
} from '../layout';
import { VM } from '../engine/flags';
import { newGeneration } from '../engine/regions';
import { bank, BANK_KERNEL_AC, BANK_KERNEL, selectBank } from '../mmu/tlb';
import { CR0_EM, CR0_MP, CR0_PE, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, EFER_LMA } from './control';
import { FLAG_CODE, FLAG_DB, FLAG_EXPAND_DOWN, FLAG_L, FLAG_P, FLAG_WRITABLE } from './segment';

/** XCR0: x87, SSE and AVX state enabled. SDM Vol. 1, 13.3. */
const XCR0_AVX_ALL: u64 = 7;

function isFlat(segment: u32, protectedMode: bool): bool {
  const at: usize = SEG + <usize>segment * SEG_SIZE;
  if (load<u64>(at, SEG_BASE) != 0 || load<u32>(at, SEG_LIMIT) != 0xffffffff) return false;
  if (!protectedMode) return true;
  const flags = load<u32>(at, SEG_FLAGS);
  return (flags & (FLAG_P | FLAG_WRITABLE | FLAG_CODE | FLAG_EXPAND_DOWN)) == (FLAG_P | FLAG_WRITABLE);
}

/** Call after a load of ES, DS, FS or GS instead. Returns whether decoded code depends on it: then the mode is another one. */
export function updateDataSegment(segment: u32): bool {
  const mode = load<u32>(MODE);
  if (segment >= <u32>FS || (mode & MODE_CODE_MASK) == MODE_64) return false;
  // Still as flat as the others are.
  if (mode & MODE_FLAT && isFlat(segment, (mode & MODE_PROTECTED) != 0)) return false;
  updateMode();
  return load<u32>(MODE) != mode;
}
/** Call after a change of EFLAGS.AC instead. */
export function updateAccess(): void {
  if (load<u32>(CPL) == 3) updateMode();
  else selectBank();
}

/** Call after any change of CR0, CR4, EFER, XCR0, EFLAGS.VM or AC, CPL, or a segment register. */
export function updateMode(): void {
  const cr0 = load<u64>(CR0);
  const cr4 = load<u64>(CR4);
  const cs: usize = SEG + CS * SEG_SIZE;
  const csFlags = load<u32>(cs, SEG_FLAGS);
  const isProtected = (cr0 & CR0_PE) != 0;
  const v86 = isProtected && (load<u32>(EFLAGS_REST) & VM) != 0;
  const lma = (load<u64>(EFER) & EFER_LMA) != 0;
  let mode: u32;
  if (lma && csFlags & FLAG_L) mode = MODE_64 | MODE_FLAT;
  else {
    mode = csFlags & FLAG_DB ? MODE_32 : MODE_16;
    const checks = isProtected && !v86;
    if (isFlat(DS, checks) && isFlat(ES, checks) && isFlat(SS, checks)) mode |= MODE_FLAT;
    if (load<u32>(cs, SEG_LIMIT) != 0xffffffff) mode |= MODE_CS_LIMIT;
  }
  if (isProtected && !v86) mode |= MODE_PROTECTED;
  if (v86) mode |= MODE_V86;
  if (cr0 & (CR0_EM | CR0_TS)) mode |= MODE_NO_X87;
  if (cr0 & CR0_EM) mode |= MODE_NO_MMX | MODE_NO_SSE;
  if (!(cr4 & CR4_OSFXSR)) mode |= MODE_NO_SSE;
  if (cr0 & CR0_TS) mode |= MODE_TS;
  if (!(cr4 & CR4_OSXSAVE) || (load<u64>(XCR0) & XCR0_AVX_ALL) != XCR0_AVX_ALL || !isProtected || v86)
    mode |= MODE_NO_AVX;
  if ((cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) mode |= MODE_WAIT;
  store<u32>(MODE, mode);

  const is64 = (mode & 3) == MODE_64;
  store<u64>(EA_MASK, u64.MAX_VALUE);
  store<u64>(EA_MASK + 8, 0xffffffff);
  store<u64>(EA_MASK + 16, 0xffff);
  store<u64>(LINEAR_MASK, is64 ? u64.MAX_VALUE : 0xffffffff);
  // 16-bit code has a 32-bit EIP too; only branches of operand size 16 cut it.
  store<u64>(IP_MASK, is64 ? u64.MAX_VALUE : 0xffffffff);
  const codeBase: u64 = is64 ? 0 : load<u64>(cs, SEG_BASE);
  // Where code may lie in its segment is checked once for each region.
  if (codeBase != load<u64>(CODE_BASE) || mode & MODE_CS_LIMIT) newGeneration(true);
  store<u64>(CODE_BASE, codeBase);
  const ssFlags = load<u32>(SEG + SS * SEG_SIZE, SEG_FLAGS);
  store<u64>(STACK_MASK, is64 ? u64.MAX_VALUE : ssFlags & FLAG_DB ? 0xffffffff : 0xffff);
  store<u32>(STACK_FLAT, is64 || isFlat(SS, isProtected && !v86) ? 1 : 0);
  selectBank();
  const key: u32 =
    mode |
    (load<u32>(STACK_FLAT) ? T_KEY_STACK_FLAT : 0) |
    (load<u64>(STACK_MASK) == 0xffff ? T_KEY_STACK_16 : 0) |
    ((<u32>(((bank == BANK_KERNEL_AC ? BANK_KERNEL : bank) - TLB) / TLB_BANK_SIZE)) << T_KEY_BANK_SHIFT) |
    (load<u32>(CPL) == 3 ? T_KEY_USER : 0);
  store<u32>(T_KEY, key);
  store<u32>(T_KEY_GLOBAL, key);
}
