/** The CPU's state as text, for reports of triple faults, panics and our own bugs. */
import * as L from '../../assembly/layout.ts';
import type { Cpu } from './cpu.ts';

export const GPR_NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
/** The order in which people list them. */
export const PRINT_ORDER = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15] as const;
export const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;
const CODE_BYTES_SHOWN = 16;
const STACK_WORDS_SHOWN = 8;
const RSP = 4;
const REGISTERS_PER_LINE = 4;
const CR0_PE = 1n; // SDM Vol. 3A, 2.5
const EFER_LMA = 1n << 10n; // SDM Vol. 3A, 2.2.1

function hex(value: bigint | number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Words for the mode that the CPU is in. */
export function modeText(cpu: Cpu): string {
  return describeMode(cpu, cpu.word32(L.MODE));
}
function describeMode(cpu: Cpu, mode: number): string {
  if ((cpu.getControl('cr0') & CR0_PE) === 0n) return 'real mode';
  if ((mode & L.MODE_V86) !== 0) return 'virtual-8086 mode';
  const width = mode & L.MODE_CODE_MASK;
  if (width === L.MODE_64) return '64-bit mode';
  const bits = width === L.MODE_32 ? '32-bit' : '16-bit';
  return (cpu.getControl('efer') & EFER_LMA) !== 0n ? `${bits} compatibility mode` : `${bits} protected mode`;
}

/** Registers, the code at RIP and the top of the stack, one fact a line. */
export function dumpCpu(cpu: Cpu): string {
  const view = new DataView(cpu.core.memory.buffer, 0, L.DATA_BASE);
  const u64 = (at: number) => hex(view.getBigUint64(at, true), 16);
  const u32 = (at: number) => hex(view.getUint32(at, true), 8);
  const lines: string[] = [];
  const rip = cpu.getControl('rip');
  const mode = view.getUint32(L.MODE, true);
  const state = view.getUint32(L.SHUTDOWN, true) !== 0 ? ', shut down' : cpu.isHalted ? ', halted' : '';
  lines.push(
    `cpu 0: ${describeMode(cpu, mode)}, cpl ${view.getUint32(L.CPL, true)}${state}, ${cpu.instructionCount} instructions`,
  );
  lines.push(`rip ${hex(rip, 16)}  eflags ${hex(cpu.eflags, 8)}`);
  const registers = PRINT_ORDER.map((register) => `${GPR_NAMES[register].padEnd(3)} ${hex(cpu.getGpr(register), 16)}`);
  for (let i = 0; i < registers.length; i += REGISTERS_PER_LINE)
    lines.push(registers.slice(i, i + REGISTERS_PER_LINE).join('  '));
  lines.push(`cr0 ${u64(L.CR0)}  cr2 ${u64(L.CR2)}  cr3 ${u64(L.CR3)}  cr4 ${u64(L.CR4)}`);
  lines.push(
    `efer ${u64(L.EFER)}  gdtr ${u64(L.GDTR_BASE)}+${u32(L.GDTR_LIMIT)}  idtr ${u64(L.IDTR_BASE)}+${u32(L.IDTR_LIMIT)}`,
  );
  SEGMENT_NAMES.forEach((name, segment) => {
    const { selector, base, limit, flags } = cpu.getSegment(segment);
    lines.push(
      `${name.padEnd(4)} ${hex(selector, 4)}  base ${hex(base, 16)}  limit ${hex(limit, 8)}  flags ${hex(flags, 8)}`,
    );
  });
  lines.push(`last fault: vector ${view.getUint32(L.FAULT_VECTOR, true)}, error code ${u32(L.FAULT_ERROR)}`);
  const code = cpu.peek(
    BigInt.asUintN(64, rip + view.getBigUint64(L.CODE_BASE, true)) & view.getBigUint64(L.LINEAR_MASK, true),
    CODE_BYTES_SHOWN,
  );
  lines.push(`code at rip: ${[...code].map((byte) => hex(byte, 2)).join(' ') || 'not mapped'}`);
  const stackLinear = (cpu.getGpr(RSP) & view.getBigUint64(L.STACK_MASK, true)) + cpu.getSegment(L.SS).base;
  const wordBytes = (mode & L.MODE_CODE_MASK) === L.MODE_64 ? 8 : 4;
  const stack = cpu.peek(BigInt.asUintN(64, stackLinear), STACK_WORDS_SHOWN * wordBytes);
  const words: string[] = [];
  for (let at = 0; at + wordBytes <= stack.length; at += wordBytes) {
    words.push(
      [...stack.subarray(at, at + wordBytes)]
        .reverse()
        .map((byte) => hex(byte, 2))
        .join(''),
    );
  }
  lines.push(`stack: ${words.join(' ') || 'not mapped'}`);
  return lines.join('\n');
}
