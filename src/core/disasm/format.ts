/**
 * A decoded instruction in Intel syntax, by its row's operand letters (assembly/isa/form.ts). Numbers are hexadecimal,
 * immediates unsigned at their operand's width, branch targets absolute.
 */
import * as L from '../../../assembly/layout.ts';
import type { Operand } from '../../../assembly/isa/compile.ts';
import type { Decoded, MemoryOperand } from './decode.ts';

const WORD_REGISTERS = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const BYTE_REGISTERS = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
/** Numbers 4 to 7 of the 8-bit registers without a REX prefix. */
const HIGH_REGISTERS = ['ah', 'ch', 'dh', 'bh'];
const SEGMENT_REGISTERS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const SP = 4;
const BP = 5;
const CONTROL_REGISTERS = [0, 2, 3, 4, 8]; // SDM Vol. 3A, 2.5
const DEBUG_REGISTERS = 8;
const SI = 6;
const DI = 7;

const MEMORY_SIZES: Record<number, string> = {
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  6: 'fword ptr ',
  8: 'qword ptr ',
  10: 'tbyte ptr ',
  16: 'xmmword ptr ',
  32: 'ymmword ptr ',
};
/** Bytes of a memory operand by its size letters; v, y, x and z depend on the instruction. */
const SIZE_LETTERS: Record<string, number> = {
  b: 1, w: 2, d: 4, q: 8, ss: 4, sd: 8, t: 10, dq: 16, qq: 32,
}; // prettier-ignore

/** One operation, several names by operand size: 16, 32, 64 bits. */
const BY_OPERAND_SIZE: Record<string, readonly [string, string, string]> = {
  PUSHA: ['PUSHA', 'PUSHAD', 'PUSHAD'],
  POPA: ['POPA', 'POPAD', 'POPAD'],
  PUSHF: ['PUSHF', 'PUSHFD', 'PUSHFQ'],
  POPF: ['POPF', 'POPFD', 'POPFQ'],
  IRET: ['IRET', 'IRETD', 'IRETQ'],
  SYSRET: ['SYSRET', 'SYSRET', 'SYSRETQ'],
  SYSEXIT: ['SYSEXIT', 'SYSEXIT', 'SYSEXITQ'],
  MOVD: ['MOVD', 'MOVD', 'MOVQ'],
  PEXTRD: ['PEXTRD', 'PEXTRD', 'PEXTRQ'],
  PINSRD: ['PINSRD', 'PINSRD', 'PINSRQ'],
};
/** The same by address size. */
const BY_ADDRESS_SIZE: Record<string, readonly [string, string, string]> = { JRCXZ: ['JCXZ', 'JECXZ', 'JRCXZ'] };
const SIZES = [16, 32, 64];
/** String instructions are named with their width, and REP counts only before these. */
const STRING_NAMES = ['MOVS', 'STOS', 'LODS', 'INS', 'OUTS', 'CMPS', 'SCAS'];
const COMPARING_NAMES = ['CMPS', 'SCAS'];
const WIDTH_LETTERS: Record<number, string> = { 8: 'B', 16: 'W', 32: 'D', 64: 'Q' };
const REPNE = 0xf2;

export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

export function generalRegister(number: number, bits: number, rex = 0): string {
  if (bits === 8) {
    if (number >= 8) return `r${number}b`;
    return rex === 0 && number >= 4 ? HIGH_REGISTERS[number - 4]! : BYTE_REGISTERS[number]!;
  }
  if (number >= 8) return `r${number}${bits === 16 ? 'w' : bits === 32 ? 'd' : ''}`;
  return `${bits === 16 ? '' : bits === 32 ? 'e' : 'r'}${WORD_REGISTERS[number]!}`;
}

/** Width in bits of a general register or immediate with size letters `suffix`. */
function widthOf(d: Decoded, suffix: string): number {
  if (suffix === 'v') return d.operandSize;
  if (suffix === 'z') return d.operandSize === 16 ? 16 : 32;
  if (suffix === 'y') return d.operandSize === 64 ? 64 : 32;
  return (SIZE_LETTERS[suffix] ?? 4) * 8;
}

function memorySize(d: Decoded, operand: Operand): string {
  const { mem } = d.row.row.options;
  if (mem !== undefined) return MEMORY_SIZES[mem] ?? '';
  const { suffix } = operand;
  if (suffix === '') return '';
  if (suffix === 'p') return MEMORY_SIZES[d.operandSize / 8 + 2]!;
  if (suffix === 's') return MEMORY_SIZES[6]!; // and 10 in 64-bit mode, which has no word of its own
  if (suffix === 'a') return MEMORY_SIZES[d.operandSize / 4]!;
  if (suffix === 'v' || suffix === 'y' || suffix === 'z') return MEMORY_SIZES[widthOf(d, suffix) / 8]!;
  return MEMORY_SIZES[SIZE_LETTERS[suffix] ?? (d.wide ? 32 : 16)]!;
}

/** `[base + index*scale + displacement]`, with its segment override. */
function address(d: Decoded, m: MemoryOperand): string {
  const terms: string[] = [];
  const register = (n: number) => generalRegister(n, d.addressSize);
  if (m.relative) terms.push(d.addressSize === 64 ? 'rip' : 'eip');
  if (m.base !== undefined) terms.push(register(m.base));
  if (m.index !== undefined)
    terms.push(m.scale === 1 && m.base !== undefined ? register(m.index) : `${register(m.index)}*${m.scale}`);
  let text = terms.join(' + ');
  if (text === '') text = hex(BigInt.asUintN(d.addressSize, m.displacement));
  else if (m.displacement < 0n) text += ` - ${hex(-m.displacement)}`;
  else if (m.displacement > 0n) text += ` + ${hex(m.displacement)}`;
  const usual = m.base === SP || m.base === BP ? L.SS : L.DS;
  return `${overridden(d, usual)}[${text}]`;
}
function overridden(d: Decoded, usual: number): string {
  return d.segment === undefined || d.segment === usual ? '' : `${SEGMENT_REGISTERS[d.segment]!}:`;
}

function vector(d: Decoded, operand: Operand, number: number): string {
  return `${d.wide && (operand.suffix === 'x' || operand.suffix === 'qq') ? 'ymm' : 'xmm'}${number}`;
}

/** Undefined: the encoding names a register that is not there. */
function operandText(d: Decoded, operand: Operand, next: bigint): string | undefined {
  const { letter, suffix } = operand;
  const mask = (bits: number, value: bigint) => BigInt.asUintN(bits, value);
  switch (letter) {
    case 'AL':
    case 'CL':
      return letter.toLowerCase();
    case 'AX':
    case 'DX':
      return letter.toLowerCase();
    case 'rAX':
      return generalRegister(0, d.operandSize);
    case 'eAX':
      return generalRegister(0, widthOf(d, suffix));
    case '1':
      return hex(1);
    case 'ST0':
      return 'st';
    case 'STi':
      return `st(${d.rm & 7})`;
    case 'E':
    case 'W':
    case 'Q':
    case 'M':
      if (d.memory !== undefined) return memorySize(d, operand) + address(d, d.memory);
      break;
    case 'O':
      return memorySize(d, operand) + address(d, d.memory!);
    case 'I':
      if (d.row.immediate === L.IMM_IB && suffix === 'b') return hex(mask(8, d.immediate));
      return hex(mask(suffix === 'w' ? 16 : d.operandSize, d.immediate));
    case 'J':
      return hex(mask(d.operandSize, next + d.immediate));
    case 'A':
      return `${hex(d.second)}:${hex(d.immediate)}`;
    case 'X':
      return `${memorySize(d, operand)}${overridden(d, L.DS)}[${generalRegister(SI, d.addressSize)}]`;
    case 'Y': {
      // MASKMOVQ and MASKMOVDQU take an override; with string instructions it is ES always, and not shown.
      const segment = d.row.hasModrm ? overridden(d, L.DS) : '';
      return `${memorySize(d, operand)}${segment}[${generalRegister(DI, d.addressSize)}]`;
    }
  }
  const number =
    operand.source === L.SOURCE_REG
      ? d.reg
      : operand.source === L.SOURCE_OPCODE
        ? (d.opcode & 7) | ((d.rex & 1) << 3)
        : operand.source === L.SOURCE_VVVV
          ? d.vvvv
          : operand.source === L.SOURCE_IS4
            ? d.is4
            : d.rm;
  switch (letter) {
    case 'C':
      return CONTROL_REGISTERS.includes(number) ? `cr${number}` : undefined;
    case 'D':
      return number < DEBUG_REGISTERS ? `dr${number}` : undefined;
    case 'S':
      // CS can be read only.
      return operand === d.row.operands[0] && (number & 7) === L.CS ? undefined : SEGMENT_REGISTERS[number & 7];
    case 'P':
    case 'Q':
    case 'N':
      return `mm${number & 7}`;
    case 'V':
    case 'W':
    case 'U':
    case 'H':
    case 'L':
      return vector(d, operand, number);
    default: {
      // With control and debug registers the operand size is the mode's.
      const system = d.row.operands.some((o) => o.letter === 'C' || o.letter === 'D');
      return generalRegister(number, system ? (d.mode === 64 ? 64 : 32) : widthOf(d, suffix), d.rex);
    }
  }
}

/** Mnemonic and operands; undefined when an operand does not exist. `next`: address of the next instruction. */
export function format(d: Decoded, next: bigint): { mnemonic: string; operands: string[]; text: string } | undefined {
  const { name, options } = d.row.row;
  const [word, ...fixed] = (options.asm ?? name).split(' ');
  const bySize = BY_OPERAND_SIZE[word!]?.[SIZES.indexOf(d.operandSize)];
  const byAddress = BY_ADDRESS_SIZE[word!]?.[SIZES.indexOf(d.addressSize)];
  const isString = STRING_NAMES.includes(name);
  const width = isString ? WIDTH_LETTERS[widthOf(d, d.row.operands[0]!.suffix)]! : '';
  const mnemonic = `${bySize ?? byAddress ?? word!}${width}`.toLowerCase();
  const operands = fixed.map((f) => f.toLowerCase());
  for (const operand of d.row.operands) {
    const text = operandText(d, operand, next);
    if (text === undefined) return undefined;
    operands.push(text);
  }
  if (d.row.immediate === L.IMM_IWIB) operands.push(hex(d.immediate), hex(d.second));
  let prefix = d.lock ? 'lock ' : '';
  if (d.repeat !== 0 && isString) {
    const compares = COMPARING_NAMES.includes(name);
    prefix += !compares ? 'rep ' : d.repeat === REPNE ? 'repne ' : 'repe ';
  }
  return { mnemonic, operands, text: `${prefix}${mnemonic}${operands.length > 0 ? ' ' : ''}${operands.join(', ')}` };
}
