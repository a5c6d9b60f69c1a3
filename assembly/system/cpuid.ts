/**
 * CPUID: tells exactly what is implemented. SDM Vol. 2A, CPUID; AMD64 Vol. 3, appendix E; KVM leaves: the kernel's
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
import { CR4, GPR, XCR0 } from '../layout';
import { CR4_OSXSAVE } from './control';
import { XCR0_SUPPORTED } from './crwrite';

let a: u32 = 0;
let b: u32 = 0;
let c: u32 = 0;
let d: u32 = 0;
function answer(eax: u32, ebx: u32, ecx: u32, edx: u32): void {
  a = eax;
  b = ebx;
  c = ecx;
  d = edx;
}

const MAX_BASIC: u32 = 0xd;
const MAX_EXTENDED: u32 = 0x80000008;
const MAX_HYPERVISOR: u32 = 0x40000001;
/** Family 17h, model 31h, stepping 0. */
const SIGNATURE: u32 = 0x00830f10;

// Leaf 1 ECX
const SSE3: u32 = 1 << 0;
const PCLMULQDQ: u32 = 1 << 1;
const SSSE3: u32 = 1 << 9;
const CMPXCHG16B: u32 = 1 << 13;
const PCID: u32 = 1 << 17;
const SSE4_1: u32 = 1 << 19;
const SSE4_2: u32 = 1 << 20;
const X2APIC: u32 = 1 << 21;
const MOVBE: u32 = 1 << 22;
const POPCNT: u32 = 1 << 23;
const TSC_DEADLINE: u32 = 1 << 24;
const AES: u32 = 1 << 25;
const XSAVE: u32 = 1 << 26;
const OSXSAVE: u32 = 1 << 27;
const RDRAND: u32 = 1 << 30;
const HYPERVISOR: u32 = 1 << 31;
// Leaf 1 EDX
const FPU: u32 = 1 << 0;
const DE: u32 = 1 << 2;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const CX8: u32 = 1 << 8;
const APIC: u32 = 1 << 9;
const SEP: u32 = 1 << 11;
const MTRR: u32 = 1 << 12;
const PGE: u32 = 1 << 13;
const CMOV: u32 = 1 << 15;
const PAT: u32 = 1 << 16;
const PSE36: u32 = 1 << 17;
const CLFSH: u32 = 1 << 19;
const MMX: u32 = 1 << 23;
const FXSR: u32 = 1 << 24;
const SSE: u32 = 1 << 25;
const SSE2: u32 = 1 << 26;
const COMMON_EDX: u32 = FPU | DE | PSE | TSC | MSR | PAE | CX8 | APIC | MTRR | PGE | CMOV | PAT | PSE36 | MMX | FXSR;
// Leaf 6
const ARAT: u32 = 1 << 2;
// Leaf 7 EBX, ECX. ERMS is not told: kernels would copy by bytes, and each byte counts as an instruction.
const FSGSBASE: u32 = 1 << 0;
const TSC_ADJUST: u32 = 1 << 1;
const SMEP: u32 = 1 << 7;
const INVPCID: u32 = 1 << 10;
const RDSEED: u32 = 1 << 18;
const ADX: u32 = 1 << 19;
const SMAP: u32 = 1 << 20;
const CLFLUSHOPT: u32 = 1 << 23;
const CLWB: u32 = 1 << 24;
const SHA: u32 = 1 << 29;
const UMIP: u32 = 1 << 2;
// Leaf 0x80000001 ECX, EDX
const LAHF: u32 = 1 << 0;
const ABM: u32 = 1 << 5;
const PREFETCHW: u32 = 1 << 8;
const SYSCALL: u32 = 1 << 11;
const NX: u32 = 1 << 20;
const MMXEXT: u32 = 1 << 22;
const PAGE1GB: u32 = 1 << 26;
const RDTSCP: u32 = 1 << 27;
const LM: u32 = 1 << 29;
// KVM features
const KVM_CLOCKSOURCE: u32 = 1 << 0;
const KVM_NOP_IO_DELAY: u32 = 1 << 1;
const KVM_CLOCKSOURCE2: u32 = 1 << 3;
const KVM_CLOCKSOURCE_STABLE: u32 = 1 << 24;

function fourCc(c0: u32, c1: u32, c2: u32, c3: u32): u32 {
  return c0 | (c1 << 8) | (c2 << 16) | (c3 << 24);
}

/** Size of the XSAVE area for the given components: legacy 512, header 64, AVX 256. */
function xsaveSize(components: u64): u32 {
  return components & 4 ? 832 : 576;
}

export function cpuid(leaf: u32, subleaf: u32): void {
  answer(0, 0, 0, 0);
  if (leaf == 0 || leaf == 0x80000000) {
    // "AuthenticAMD"
    answer(
      leaf ? MAX_EXTENDED : MAX_BASIC,
      fourCc(0x41, 0x75, 0x74, 0x68),
      fourCc(0x63, 0x41, 0x4d, 0x44),
      fourCc(0x65, 0x6e, 0x74, 0x69),
    );
  } else if (leaf == 1) {
    let ecx: u32 =
      SSE3 |
      PCLMULQDQ |
      SSSE3 |
      CMPXCHG16B |
      PCID |
      SSE4_1 |
      SSE4_2 |
      X2APIC |
      MOVBE |
      POPCNT |
      TSC_DEADLINE |
      AES |
      XSAVE |
      RDRAND |
      HYPERVISOR;
    if (load<u64>(CR4) & CR4_OSXSAVE) ecx |= OSXSAVE;
    // CLFLUSH line of 64 bytes, one logical processor, initial APIC id 0
    answer(SIGNATURE, (8 << 8) | (1 << 16), ecx, COMMON_EDX | SEP | CLFSH | SSE | SSE2);
  } else if (leaf == 6) answer(ARAT, 0, 0, 0);
  else if (leaf == 7) {
    if (subleaf == 0)
      answer(0, FSGSBASE | TSC_ADJUST | SMEP | INVPCID | RDSEED | ADX | SMAP | CLFLUSHOPT | CLWB | SHA, UMIP, 0);
  } else if (leaf == 0xd) {
    if (subleaf == 0) answer(<u32>XCR0_SUPPORTED, xsaveSize(load<u64>(XCR0)), xsaveSize(XCR0_SUPPORTED), 0);
    else if (subleaf == 1) answer(1, 0, 0, 0); // XSAVEOPT
  } else if (leaf == 0x40000000) {
    // "KVMKVMKVM\0\0\0"
    answer(MAX_HYPERVISOR, fourCc(0x4b, 0x56, 0x4d, 0x4b), fourCc(0x56, 0x4d, 0x4b, 0x56), fourCc(0x4d, 0, 0, 0));
  } else if (leaf == 0x40000001) {
    answer(KVM_CLOCKSOURCE | KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 | KVM_CLOCKSOURCE_STABLE, 0, 0, 0);
  } else if (leaf == 0x80000001) {
    answer(SIGNATURE, 0, LAHF | ABM | PREFETCHW, COMMON_EDX | SYSCALL | NX | MMXEXT | PAGE1GB | RDTSCP | LM);
  } else if (leaf >= 0x80000002 && leaf <= 0x80000004) brand(leaf - 0x80000002);
  else if (leaf == 0x80000005) answer(0xff40ff18, 0xff40ff30, 0x20080140, 0x40040140);
  else if (leaf == 0x80000006) answer(0, 0x42006400, 0x02008140, 0);
  else if (leaf == 0x80000007)
    answer(0, 0, 0, 1 << 8); // invariant TSC
  else if (leaf == 0x80000008) answer(0x3028, 0, 0, 0); // 40 physical bits, 48 linear bits
  store<u64>(GPR, <u64>a);
  store<u64>(GPR + 24, <u64>b);
  store<u64>(GPR + 8, <u64>c);
  store<u64>(GPR + 16, <u64>d);
}

/** "Vivarium virtual CPU" in 48 bytes, zero padded. */
function brand(part: u32): void {
  if (part == 0)
    answer(
      fourCc(0x56, 0x69, 0x76, 0x61),
      fourCc(0x72, 0x69, 0x75, 0x6d),
      fourCc(0x20, 0x76, 0x69, 0x72),
      fourCc(0x74, 0x75, 0x61, 0x6c),
    );
  else if (part == 1) answer(fourCc(0x20, 0x43, 0x50, 0x55), 0, 0, 0);
}
