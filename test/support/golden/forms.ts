/** One instruction for each form (scripts/isa/forms.ts), in the first mode of 64, 32 and 16 bits that has it. */
import * as L from '../../../assembly/layout.ts';
import type { CompiledRow } from '../../../assembly/isa/compile.ts';
import { TABLES } from '../../../assembly/isa/tables.ts';
import { compile, type Form } from '../../../scripts/isa/forms.ts';
import { decode, type CodeMode } from '../../../src/core/disasm/decode.ts';
import { canBeMemory, canBeRegister, encodeRow, existsIn, mandatoryPrefixes, wantedW } from '../encode-row.ts';

export interface FormCase {
  /** The semantic function with its operand kinds, without the backend. */
  readonly name: string;
  readonly group: string;
  /** As the decoder numbers it: R_OP of its records. */
  readonly number: number;
  readonly bits: CodeMode;
  readonly code: Uint8Array;
}

/** BOUND is not in 64-bit mode, where alone there are 64-bit operands. */
const UNREACHABLE = ['BOUND<u64, R0>'];
const MODES = [64, 32, 16] as const;
const OPERAND_SIZES = [16, 32, 64] as const;
type OperandSize = (typeof OPERAND_SIZES)[number];

// Operands: registers 1 and 2, memory 16 bytes above rBX, an immediate that is no special case anywhere.
const REG = 1;
const RM_REGISTER = 2;
const DATA_SEGMENT = 3;
const CONTROL_REGISTER = 3;
const DISPLACEMENT = 0x10;
const MOD_DISP8 = 0x40;
const MOD_REGISTER = 0xc0;
const RM_BX = { 16: 7, 32: 3, 64: 3 } as const;
const IMMEDIATE = [5, 0, 0, 0, 0, 0, 0, 0, 0];
const OPERAND_SIZE_PREFIX = 0x66;
const REX_W = 0x48;
const ABSOLUTE = [0x10, 0x10, 0, 0x20, 0, 0, 0, 0];

/** Which of a row's forms the decoder takes. */
function formNumberAt(formNumbers: readonly number[], row: CompiledRow, size: OperandSize, memory: boolean): number {
  const width = (row.words[1]! >> L.ROW_WIDTH_SHIFT) & 3;
  const index = width === L.WIDTH_V ? OPERAND_SIZES.indexOf(size) : width === L.WIDTH_Y && size === 64 ? 1 : 0;
  return formNumbers[row.words[2]! + 2 * index + Number(memory)]!;
}

function regFieldOf(row: CompiledRow): number {
  if (row.regField < 8) return row.regField;
  const operand = row.operands.find(({ source }) => source === L.SOURCE_REG);
  if (operand?.letter === 'S') return DATA_SEGMENT;
  return operand?.letter === 'C' ? CONTROL_REGISTER : REG;
}

/** The row's instruction of this operand size, if the mode has one. */
function encode(row: CompiledRow, bits: CodeMode, size: OperandSize, memory: boolean): Uint8Array | undefined {
  const isSized = ((row.words[1]! >> L.ROW_WIDTH_SHIFT) & 3) !== L.WIDTH_ONE;
  const w = wantedW(row);
  const rexW = bits === 64 && (w === 1 || (w === 'either' && size === 64));
  const reg = regFieldOf(row) << 3;
  const modrm = memory ? [MOD_DISP8 | reg | RM_BX[bits], DISPLACEMENT] : [MOD_REGISTER | reg | RM_REGISTER];
  for (const mandatory of mandatoryPrefixes(row)) {
    for (const toggle of [[], [OPERAND_SIZE_PREFIX]]) {
      for (const rex of rexW ? [0, REX_W] : [0]) {
        const code = encodeRow(row, bits, {
          prefixes: [...toggle, ...mandatory],
          rex,
          opcode: row.opcodes[row.opcodes.length > 1 ? RM_REGISTER : 0]!,
          modrm: row.hasModrm ? modrm : [],
          rest: row.immediate === L.IMM_MOFFS ? ABSOLUTE : IMMEDIATE,
        });
        if (code !== undefined && (!isSized || decode(code, bits)!.operandSize === size)) return code;
      }
    }
  }
  return undefined;
}

/** `ADD<Interp, u32, M, R0>(i)` is the form `ADD<u32, M, R0>`. */
function nameOf({ call }: Form): string {
  return call
    .replace(/\(i\)$/, '')
    .replace(/<Interp>/, '')
    .replace(/\bInterp, /, '');
}

/** All forms, those first that come first in the tables. Throws when a form has no encoding here. */
export function allForms(): readonly FormCase[] {
  const { rows, forms, formNumbers } = compile(TABLES);
  const found = new Map<number, FormCase>();
  for (const bits of MODES) {
    for (const row of rows.filter((r) => existsIn(r, bits))) {
      for (const size of OPERAND_SIZES) {
        for (const memory of [false, true]) {
          if (memory ? !canBeMemory(row) : !canBeRegister(row)) continue;
          const number = formNumberAt(formNumbers, row, size, memory);
          const form = forms[number - L.OP_FIRST];
          if (form === undefined || found.has(number)) continue;
          const code = encode(row, bits, size, memory);
          if (code !== undefined) found.set(number, { name: nameOf(form), group: form.group, number, bits, code });
        }
      }
    }
  }
  const missing = forms.filter((form) => !found.has(form.number) && !UNREACHABLE.includes(nameOf(form))).map(nameOf);
  if (missing.length > 0) throw new Error(`no encoding of ${missing.join(', ')}`);
  return forms.flatMap(({ number }) => found.get(number) ?? []);
}
