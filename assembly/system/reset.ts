/** State after RESET. SDM Vol. 3A, table 9-1; AMD64 Vol. 2, 14.1.3. */
import {
  CPU_BLOCK,
  CPU_BLOCK_SIZE,
  CR0,
  CS,
  DR,
  EFER,
  FCW,
  FTW,
  GDTR_LIMIT,
  GPR,
  IDTR_LIMIT,
  LDTR,
  MSR_APIC_BASE,
  MSR_HWCR,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_PAT,
  MXCSR,
  RIP,
  SEG,
  SEG_SIZE,
  STATS,
  TR,
  XCR0,
} from '../layout';
import { resetTlb } from '../mmu/tlb';
import { CR0_CD, CR0_ET, CR0_NW } from './control';
import { setSegment } from './descriptor';
import { initDelivery } from './interrupt';
import { updateMode } from './mode';
import { initRun } from '../engine/run';
import { Flags } from '../engine/flags';
import { FLAG_CODE, FLAG_P, FLAG_S, FLAG_WRITABLE } from './segment';

/** MTRRs on, memory is write-back unless a range says otherwise. SDM Vol. 3A, 11.11.2.1. */
const MTRR_ENABLED_WRITE_BACK: u64 = 0x806;
/** TscFreqSel: the TSC counts at the P0 frequency. AMD BKDG, MSRC001_0015. */
const HWCR_TSC_AT_P0: u64 = 1 << 24;
const PAT_RESET: u64 = 0x0007040600070406;
const APIC_BASE_RESET: u64 = 0xfee00900; // enabled, bootstrap processor
const REAL_DATA: u32 = FLAG_P | FLAG_S | FLAG_WRITABLE | (1 << 8);

export function resetCpu(): void {
  memory.fill(CPU_BLOCK, 0, CPU_BLOCK_SIZE);
  initRun();
  initDelivery();
  store<u64>(CR0, CR0_CD | CR0_NW | CR0_ET);
  store<u64>(RIP, 0xfff0);
  store<u64>(GPR + 16, 0x00000f00); // EDX: family 15
  for (let s: u32 = 0; s < 6; s++) setSegment(s, 0, 0, 0xffff, REAL_DATA);
  setSegment(CS, 0xf000, 0xffff0000, 0xffff, REAL_DATA | FLAG_CODE);
  setSegment(LDTR, 0, 0, 0xffff, FLAG_P | (2 << 8));
  setSegment(TR, 0, 0, 0xffff, FLAG_P | (11 << 8));
  store<u32>(GDTR_LIMIT, 0xffff);
  store<u32>(IDTR_LIMIT, 0xffff);
  store<u64>(DR + 6 * 8, 0xffff0ff0);
  store<u64>(DR + 7 * 8, 0x400);
  store<u32>(MXCSR, 0x1f80);
  store<u16>(FCW, 0x40); // RESET value; FNINIT makes it 37F
  store<u8>(FTW, 0xff);
  store<u64>(XCR0, 1);
  store<u64>(MSR_PAT, PAT_RESET);
  store<u64>(MSR_APIC_BASE, APIC_BASE_RESET);
  store<u64>(MSR_MISC_ENABLE, 1);
  // As firmware leaves them, since no firmware runs before a directly booted kernel.
  store<u64>(MSR_MTRR_DEF_TYPE, MTRR_ENABLED_WRITE_BACK);
  store<u64>(MSR_HWCR, HWCR_TSC_AT_P0);
  Flags.set(2);
  resetTlb();
  updateMode();
}
