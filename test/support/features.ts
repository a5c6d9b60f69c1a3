/** Which CPUID feature an instruction needs that the core does not announce. */
import { CpuidFeature, Decoder, DecoderOptions } from 'iced-x86';
import type { CoreDriver } from './core-driver.ts';
import type { Vector } from './vector-file.ts';

/** Where CPUID tells of a feature: leaf, subleaf, register (0 eax … 3 edx), bit. SDM Vol. 2A, CPUID; AMD64 Vol. 3, appendix E. */
export const BITS: Record<string, [leaf: number, register: number, bit: number]> = {
  FPU: [1, 3, 0],
  FPU287: [1, 3, 0],
  FPU387: [1, 3, 0],
  TSC: [1, 3, 4],
  MSR: [1, 3, 5],
  CX8: [1, 3, 8],
  SEP: [1, 3, 11],
  CMOV: [1, 3, 15],
  CLFSH: [1, 3, 19],
  MMX: [1, 3, 23],
  FXSR: [1, 3, 24],
  SSE: [1, 3, 25],
  SSE2: [1, 3, 26],
  SSE3: [1, 2, 0],
  PCLMULQDQ: [1, 2, 1],
  MONITOR: [1, 2, 3],
  VMX: [1, 2, 5],
  SSSE3: [1, 2, 9],
  FMA: [1, 2, 12],
  CMPXCHG16B: [1, 2, 13],
  SSE4_1: [1, 2, 19],
  SSE4_2: [1, 2, 20],
  MOVBE: [1, 2, 22],
  POPCNT: [1, 2, 23],
  AES: [1, 2, 25],
  XSAVE: [1, 2, 26],
  AVX: [1, 2, 28],
  F16C: [1, 2, 29],
  RDRAND: [1, 2, 30],
  FSGSBASE: [7, 1, 0],
  BMI1: [7, 1, 3],
  AVX2: [7, 1, 5],
  BMI2: [7, 1, 8],
  INVPCID: [7, 1, 10],
  AVX512F: [7, 1, 16],
  AVX512DQ: [7, 1, 17],
  RDSEED: [7, 1, 18],
  ADX: [7, 1, 19],
  SMAP: [7, 1, 20],
  CLFLUSHOPT: [7, 1, 23],
  CLWB: [7, 1, 24],
  AVX512BW: [7, 1, 30],
  AVX512VL: [7, 1, 31],
  SHA: [7, 1, 29],
  PKU: [7, 2, 3],
  GFNI: [7, 2, 8],
  VAES: [7, 2, 9],
  VPCLMULQDQ: [7, 2, 10],
  RDPID: [7, 2, 22],
  CET_SS: [7, 2, 7],
  CET_IBT: [7, 3, 20],
  SERIALIZE: [7, 3, 14],
  LZCNT: [0x80000001, 2, 5],
  SSE4A: [0x80000001, 2, 6],
  PREFETCHW: [0x80000001, 2, 8],
  XOP: [0x80000001, 2, 11],
  SKINIT: [0x80000001, 2, 12],
  FMA4: [0x80000001, 2, 16],
  TBM: [0x80000001, 2, 21],
  MONITORX: [0x80000001, 2, 29],
  SVM: [0x80000001, 2, 2],
  SYSCALL: [0x80000001, 3, 11],
  RDTSCP: [0x80000001, 3, 27],
  D3NOW: [0x80000001, 3, 31],
  D3NOWEXT: [0x80000001, 3, 30],
  CLZERO: [0x80000008, 1, 0],
  RDPRU: [0x80000008, 1, 4],
  WBNOINVD: [0x80000008, 1, 9],
  MCOMMIT: [0x80000008, 1, 8],
};

const announced = new WeakMap<CoreDriver, Map<string, boolean>>();

/** Name of the first missing feature, or undefined when the instruction is announced or is no instruction. */
export function missingFeature(driver: CoreDriver, v: Vector): string | undefined {
  const code = new Uint8Array(16);
  code.set(v.code.subarray(0, 16));
  const decoder = new Decoder(v.mode === 0 ? 64 : 32, code, DecoderOptions.AMD);
  const instruction = decoder.decode();
  try {
    if (instruction.isInvalid) return undefined;
    let known = announced.get(driver);
    if (!known) announced.set(driver, (known = new Map<string, boolean>()));
    for (const feature of instruction.cpuidFeatures()) {
      const name = CpuidFeature[feature]!;
      const at = BITS[name];
      if (!at) continue;
      let has = known.get(name);
      if (has === undefined) known.set(name, (has = driver.hasFeature(...at)));
      if (!has) return name;
    }
    return undefined;
  } finally {
    instruction.free();
    decoder.free();
  }
}
