/** Registers as people read them: values, names of bits, modes and segments in words. SDM Vol. 3A, chapters 2, 3 and 6. */
import * as L from '../../../assembly/layout.ts';
import type { Cpu } from '../../core/cpu.ts';
import { GPR_NAMES, modeText, PRINT_ORDER, SEGMENT_NAMES } from '../../core/dump.ts';
import { codeLinear } from '../../core/system-call-ahead.ts';
import type { NamedBits, RegisterState, SegmentState, VectorState } from './types.ts';

// SDM Vol. 1, 3.4.3
const RFLAGS_BITS = {
  CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, TF: 8, IF: 9, DF: 10, OF: 11, NT: 14, RF: 16, VM: 17, AC: 18, VIF: 19, VIP: 20, ID: 21,
}; // prettier-ignore
const IOPL_SHIFT = 12;
const RFLAGS_IF = 1 << 9;
// SDM Vol. 3A, 2.5
const CR0_BITS = { PE: 0, MP: 1, EM: 2, TS: 3, ET: 4, NE: 5, WP: 16, AM: 18, NW: 29, CD: 30, PG: 31 };
const CR4_BITS = {
  VME: 0, PVI: 1, TSD: 2, DE: 3, PSE: 4, PAE: 5, MCE: 6, PGE: 7, PCE: 8, OSFXSR: 9, OSXMMEXCPT: 10, UMIP: 11, FSGSBASE: 16,
  PCIDE: 17, OSXSAVE: 18, SMEP: 20, SMAP: 21,
}; // prettier-ignore
const EFER_BITS = { SCE: 0, LME: 8, LMA: 10, NXE: 11 }; // SDM Vol. 3A, 2.2.1
// Segment flags as in a descriptor's second dword, SDM Vol. 3A, 3.4.5
const SEGMENT_PRESENT = 1 << 15;
const SEGMENT_CODE_OR_DATA = 1 << 12;
const SEGMENT_CODE = 1 << 11;
const SEGMENT_CONFORMING_OR_DOWN = 1 << 10;
const SEGMENT_READ_OR_WRITE = 1 << 9;
const SEGMENT_LONG = 1 << 21;
const SEGMENT_BIG = 1 << 22;
const SEGMENT_LEVEL_SHIFT = 13;
const MSRS: readonly (readonly [name: string, at: number])[] = [
  ['STAR', L.MSR_STAR],
  ['LSTAR', L.MSR_LSTAR],
  ['CSTAR', L.MSR_CSTAR],
  ['FMASK', L.MSR_FMASK],
  ['KERNEL_GS_BASE', L.MSR_KERNEL_GS_BASE],
  ['SYSENTER_CS', L.MSR_SYSENTER_CS],
  ['SYSENTER_ESP', L.MSR_SYSENTER_ESP],
  ['SYSENTER_EIP', L.MSR_SYSENTER_EIP],
  ['PAT', L.MSR_PAT],
  ['APIC_BASE', L.MSR_APIC_BASE],
  ['TSC_AUX', L.MSR_TSC_AUX],
];
const XMM_BYTES = 32; // of a slot, which has room for YMM
const X87_BYTES = 16;
const TOP_SHIFT = 11; // SDM Vol. 1, 8.1.3
// Extended doubles, SDM Vol. 1, 4.2.2
const EXTENDED_BYTES = 10;
const EXTENDED_BIAS = 16383;
const EXTENDED_FRACTION_BITS = 63;
const EXTENDED_SPECIAL = 0x7fff;

function named(value: bigint, bits: Readonly<Record<string, number>>): NamedBits {
  return { value, names: Object.keys(bits).filter((name) => (value >> BigInt(bits[name]!)) & 1n) };
}

export function readRegisters(cpu: Cpu): RegisterState {
  const flags = cpu.eflags;
  return {
    mode: modeText(cpu),
    cpl: cpu.word32(L.CPL),
    halted: cpu.isHalted,
    instructions: cpu.instructionCount,
    rip: cpu.getControl('rip'),
    codeLinear: codeLinear(cpu),
    general: PRINT_ORDER.map((number) => ({ name: GPR_NAMES[number], value: cpu.getGpr(number) })),
    rflags: { ...named(BigInt(flags), RFLAGS_BITS), iopl: (flags >> IOPL_SHIFT) & 3 },
    segments: SEGMENT_NAMES.map((name, index) => segment(cpu, name, index)),
    gdtr: { base: cpu.word64(L.GDTR_BASE), limit: cpu.word32(L.GDTR_LIMIT) },
    idtr: { base: cpu.word64(L.IDTR_BASE), limit: cpu.word32(L.IDTR_LIMIT) },
    control: [
      { name: 'CR0', ...named(cpu.word64(L.CR0), CR0_BITS) },
      { name: 'CR2', value: cpu.word64(L.CR2), names: [] },
      { name: 'CR3', value: cpu.word64(L.CR3), names: [] },
      { name: 'CR4', ...named(cpu.word64(L.CR4), CR4_BITS) },
      { name: 'EFER', ...named(cpu.word64(L.EFER), EFER_BITS) },
    ],
    msrs: MSRS.map(([name, at]) => ({ name, value: cpu.word64(at) })),
    interrupts: {
      enabled: (flags & RFLAGS_IF) !== 0,
      waiting: cpu.word32(L.INTR) !== 0,
      nmiWaiting: cpu.word32(L.NMI_PENDING) !== 0,
      shadow: cpu.isInShadow,
    },
    lastException: cpu.word32(L.FAULT_VECTOR),
  };
}

function segment(cpu: Cpu, name: string, index: number): SegmentState {
  const { selector, base, limit, flags } = cpu.getSegment(index);
  return { name, selector, base, limit, description: describe(flags) };
}

function describe(flags: number): string {
  if ((flags & SEGMENT_PRESENT) === 0) return 'none';
  const level = `ring ${(flags >> SEGMENT_LEVEL_SHIFT) & 3}`;
  if ((flags & SEGMENT_CODE_OR_DATA) === 0) return `system, ${level}`;
  if ((flags & SEGMENT_CODE) === 0) {
    const writable = (flags & SEGMENT_READ_OR_WRITE) !== 0 ? 'data' : 'data, read-only';
    return `${writable}${(flags & SEGMENT_CONFORMING_OR_DOWN) !== 0 ? ', expands down' : ''}, ${level}`;
  }
  const bits = (flags & SEGMENT_LONG) !== 0 ? '64-bit' : (flags & SEGMENT_BIG) !== 0 ? '32-bit' : '16-bit';
  return `code, ${bits}${(flags & SEGMENT_CONFORMING_OR_DOWN) !== 0 ? ', conforming' : ''}, ${level}`;
}

/** x87 and SSE state. */
export function readVectors(cpu: Cpu): VectorState {
  const block = new Uint8Array(cpu.core.memory.buffer, 0, L.DATA_BASE);
  const status = cpu.word32(L.FSW) & 0xffff;
  const top = (status >> TOP_SHIFT) & 7;
  const tags = block[L.FTW]!;
  const st = Array.from({ length: 8 }, (_, n) => {
    const physical = (top + n) & 7;
    if ((tags & (1 << physical)) === 0) return undefined;
    const at = L.FPR + X87_BYTES * physical;
    const bits = block.slice(at, at + EXTENDED_BYTES);
    return { bits, value: extendedValue(bits) };
  });
  return {
    mxcsr: cpu.word32(L.MXCSR),
    xmm: Array.from({ length: 16 }, (_, n) => block.slice(L.XMM + XMM_BYTES * n, L.XMM + XMM_BYTES * n + 16)),
    x87: { control: cpu.word32(L.FCW) & 0xffff, status, top, st },
  };
}

/** An 80-bit float as the nearest double, for reading. */
function extendedValue(bits: Uint8Array): number {
  const view = new DataView(bits.buffer, bits.byteOffset, bits.length);
  const significand = view.getBigUint64(0, true);
  const sign = (view.getUint16(8, true) & 0x8000) !== 0 ? -1 : 1;
  const exponent = view.getUint16(8, true) & 0x7fff;
  if (exponent === EXTENDED_SPECIAL)
    return BigInt.asUintN(EXTENDED_FRACTION_BITS, significand) === 0n ? sign * Infinity : NaN;
  return sign * Number(significand) * 2 ** (Math.max(exponent, 1) - EXTENDED_BIAS - EXTENDED_FRACTION_BITS);
}
