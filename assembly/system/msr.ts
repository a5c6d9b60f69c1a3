/** Model-specific registers. SDM Vol. 4; AMD64 Vol. 2, appendix A. What is not here raises #GP(0). */
import {
  EFER,
  EXCHANGE,
  FS,
  GS,
  MSR_CSTAR,
  MSR_FMASK,
  MSR_HWCR,
  MSR_KERNEL_GS_BASE,
  MSR_KVM_SYSTEM_TIME,
  MSR_KVM_WALL_CLOCK,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRR_FIXED,
  MSR_MTRR_VARIABLE,
  MSR_NB_CFG,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSCFG,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_ADJUST,
  MSR_TSC_AUX,
  SEG,
  SEG_BASE,
  SEG_SIZE,
} from '../layout';
import { apicRead, apicWrite, paravirtWrite } from '../host';
import { isCanonical } from '../mmu/access';
import { writeEfer } from './crwrite';
import { fault, GP } from './fault';
import { readTsc, writeTsc, writeTscAdjust } from './time';

const IA32_TSC: u32 = 0x10;
const IA32_APIC_BASE: u32 = 0x1b;
const IA32_TSC_ADJUST: u32 = 0x3b;
const IA32_BIOS_SIGN_ID: u32 = 0x8b;
const IA32_MTRRCAP: u32 = 0xfe;
const IA32_SYSENTER_CS: u32 = 0x174;
const IA32_SYSENTER_ESP: u32 = 0x175;
const IA32_SYSENTER_EIP: u32 = 0x176;
const IA32_MCG_CAP: u32 = 0x179;
const IA32_MISC_ENABLE: u32 = 0x1a0;
const IA32_MTRR_PHYSBASE0: u32 = 0x200;
const IA32_MTRR_FIX64K_00000: u32 = 0x250;
const IA32_MTRR_FIX16K_80000: u32 = 0x258;
const IA32_MTRR_FIX16K_A0000: u32 = 0x259;
const IA32_MTRR_FIX4K_C0000: u32 = 0x268;
const IA32_PAT: u32 = 0x277;
const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;
const IA32_TSC_DEADLINE: u32 = 0x6e0;
const X2APIC_FIRST: u32 = 0x800;
const X2APIC_LAST: u32 = 0x8ff;
const KVM_FIRST: u32 = 0x4b564d00;
const KVM_LAST: u32 = 0x4b564d08;
const KVM_WALL_CLOCK_NEW: u32 = 0x4b564d00;
const KVM_SYSTEM_TIME_NEW: u32 = 0x4b564d01;
const KVM_WALL_CLOCK: u32 = 0x11;
const KVM_SYSTEM_TIME: u32 = 0x12;
const IA32_EFER: u32 = 0xc0000080;
const IA32_STAR: u32 = 0xc0000081;
const IA32_LSTAR: u32 = 0xc0000082;
const IA32_CSTAR: u32 = 0xc0000083;
const IA32_FMASK: u32 = 0xc0000084;
const IA32_FS_BASE: u32 = 0xc0000100;
const IA32_GS_BASE: u32 = 0xc0000101;
const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
const IA32_TSC_AUX: u32 = 0xc0000103;
const SYSCFG: u32 = 0xc0010010;
const HWCR: u32 = 0xc0010015;
const NB_CFG: u32 = 0xc001001f;

/** 8 variable ranges, fixed ranges, write combining. */
const MTRRCAP: u64 = 0x508;
/** Microcode revision that we report; there is nothing to patch. */
const MICROCODE: u64 = 0x08301055;

/** Address of an MSR that is plain storage, or 0. */
function storage(msr: u32): usize {
  if (msr == IA32_STAR) return MSR_STAR;
  if (msr == IA32_FMASK) return MSR_FMASK;
  if (msr == IA32_SYSENTER_CS) return MSR_SYSENTER_CS;
  if (msr == IA32_MISC_ENABLE) return MSR_MISC_ENABLE;
  if (msr == IA32_MTRR_DEF_TYPE) return MSR_MTRR_DEF_TYPE;
  if (msr >= IA32_MTRR_PHYSBASE0 && msr < IA32_MTRR_PHYSBASE0 + 16)
    return MSR_MTRR_VARIABLE + ((<usize>(msr - IA32_MTRR_PHYSBASE0)) << 3);
  if (msr == IA32_MTRR_FIX64K_00000) return MSR_MTRR_FIXED;
  if (msr == IA32_MTRR_FIX16K_80000) return MSR_MTRR_FIXED + 8;
  if (msr == IA32_MTRR_FIX16K_A0000) return MSR_MTRR_FIXED + 16;
  if (msr >= IA32_MTRR_FIX4K_C0000 && msr < IA32_MTRR_FIX4K_C0000 + 8)
    return MSR_MTRR_FIXED + 24 + ((<usize>(msr - IA32_MTRR_FIX4K_C0000)) << 3);
  if (msr == SYSCFG) return MSR_SYSCFG;
  if (msr == HWCR) return MSR_HWCR;
  if (msr == NB_CFG) return MSR_NB_CFG;
  return 0;
}
/** Address of an MSR that holds a canonical address, or 0. */
function address(msr: u32): usize {
  if (msr == IA32_LSTAR) return MSR_LSTAR;
  if (msr == IA32_CSTAR) return MSR_CSTAR;
  if (msr == IA32_KERNEL_GS_BASE) return MSR_KERNEL_GS_BASE;
  if (msr == IA32_SYSENTER_ESP) return MSR_SYSENTER_ESP;
  if (msr == IA32_SYSENTER_EIP) return MSR_SYSENTER_EIP;
  if (msr == IA32_FS_BASE) return SEG + FS * SEG_SIZE + SEG_BASE;
  if (msr == IA32_GS_BASE) return SEG + GS * SEG_SIZE + SEG_BASE;
  return 0;
}
function isApic(msr: u32): bool {
  return (msr >= X2APIC_FIRST && msr <= X2APIC_LAST) || msr == IA32_APIC_BASE || msr == IA32_TSC_DEADLINE;
}

export function readMsr(msr: u32): u64 {
  const plain = storage(msr);
  if (plain) return load<u64>(plain);
  const pointer = address(msr);
  if (pointer) return load<u64>(pointer);
  if (isApic(msr)) {
    if (!apicRead(msr)) fault(GP, 0);
    return load<u64>(EXCHANGE);
  }
  if (msr == IA32_EFER) return load<u64>(EFER);
  if (msr == IA32_PAT) return load<u64>(MSR_PAT);
  if (msr == IA32_TSC) return readTsc();
  if (msr == IA32_TSC_ADJUST) return load<u64>(MSR_TSC_ADJUST);
  if (msr == IA32_TSC_AUX) return load<u64>(MSR_TSC_AUX);
  if (msr == IA32_MTRRCAP) return MTRRCAP;
  if (msr == IA32_BIOS_SIGN_ID) return MICROCODE;
  if (msr == IA32_MCG_CAP) return 0;
  if (msr == KVM_WALL_CLOCK || msr == KVM_WALL_CLOCK_NEW) return load<u64>(MSR_KVM_WALL_CLOCK);
  if (msr == KVM_SYSTEM_TIME || msr == KVM_SYSTEM_TIME_NEW) return load<u64>(MSR_KVM_SYSTEM_TIME);
  fault(GP, 0);
  return 0;
}

/** Memory types 0, 1, 4, 5, 6, 7 in each byte. SDM Vol. 3A, 11.12.2. */
function validPat(value: u64): bool {
  for (let n: u64 = 0; n < 64; n += 8) {
    const type = (value >> n) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

export function writeMsr(msr: u32, value: u64): void {
  const plain = storage(msr);
  if (plain) {
    store<u64>(plain, value);
    return;
  }
  const pointer = address(msr);
  if (pointer) {
    if (!isCanonical(value)) fault(GP, 0);
    store<u64>(pointer, value);
    return;
  }
  if (isApic(msr)) {
    if (!apicWrite(msr, <u32>value, <u32>(value >> 32))) fault(GP, 0);
    return;
  }
  if (msr == IA32_EFER) writeEfer(value);
  else if (msr == IA32_PAT) {
    if (!validPat(value)) fault(GP, 0);
    store<u64>(MSR_PAT, value);
  } else if (msr == IA32_TSC) writeTsc(value);
  else if (msr == IA32_TSC_ADJUST) writeTscAdjust(value);
  else if (msr == IA32_TSC_AUX) {
    if (value >> 32) fault(GP, 0);
    store<u64>(MSR_TSC_AUX, value);
  } else if (msr == IA32_BIOS_SIGN_ID) return;
  else if (msr == KVM_WALL_CLOCK || msr == KVM_SYSTEM_TIME || (msr >= KVM_FIRST && msr <= KVM_LAST)) {
    if (!paravirtWrite(msr, <u32>value, <u32>(value >> 32))) fault(GP, 0);
    if (msr == KVM_WALL_CLOCK || msr == KVM_WALL_CLOCK_NEW) store<u64>(MSR_KVM_WALL_CLOCK, value);
    else if (msr == KVM_SYSTEM_TIME || msr == KVM_SYSTEM_TIME_NEW) store<u64>(MSR_KVM_SYSTEM_TIME, value);
  } else fault(GP, 0);
}
