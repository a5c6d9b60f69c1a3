/** Bytes of an instruction from its row in the instruction tables and from parts that the caller chooses. SDM Vol. 2A, 2.1. */
import * as L from '../../assembly/layout.ts';
import type { CompiledRow } from '../../assembly/isa/compile.ts';
import { decode, type CodeMode } from '../../src/core/disasm/decode.ts';

export interface Parts {
  /** Legacy prefixes, those that belong to the opcode included. */
  readonly prefixes: readonly number[];
  /** REX, 0 for none. */
  readonly rex: number;
  readonly opcode: number;
  /** ModRM, SIB and displacement, empty if there are none. */
  readonly modrm: readonly number[];
  /** Immediate or address; it may be longer than the row needs. */
  readonly rest: readonly number[];
}

/** Any of NP, 66, F3 and F2 will do, so none belongs to the opcode. */
const ANY_PREFIX = 15;
const MANDATORY: readonly (readonly [bit: number, prefixes: readonly number[]])[] = [
  [L.ROW_PREFIX_NP, []],
  [L.ROW_PREFIX_66, [0x66]],
  [L.ROW_PREFIX_F3, [0xf3]],
  [L.ROW_PREFIX_F2, [0xf2]],
];

/** Whether 66 is free to choose the operand size. */
export function isSizedBy66(row: CompiledRow): boolean {
  return row.prefixMask === ANY_PREFIX;
}
/** Prefixes that belong to the row's opcode, each way one list. */
export function mandatoryPrefixes(row: CompiledRow): readonly (readonly number[])[] {
  if (row.prefixMask === ANY_PREFIX) return [[]];
  return MANDATORY.filter(([bit]) => row.prefixMask & bit).map(([, prefixes]) => prefixes);
}
/** Whether the row wants REX.W (1), must not have it (0), or takes either. */
export function wantedW(row: CompiledRow): 0 | 1 | 'either' {
  const mask = (row.words[0]! >> L.ROW_W_SHIFT) & 3;
  return mask === 3 ? 'either' : mask === 2 ? 1 : 0;
}
export function canBeMemory(row: CompiledRow): boolean {
  return row.hasModrm && (row.words[0]! & L.ROW_MEM) !== 0;
}
export function canBeRegister(row: CompiledRow): boolean {
  return !row.hasModrm || (row.words[0]! & L.ROW_REG) !== 0;
}
export function existsIn(row: CompiledRow, bits: CodeMode): boolean {
  return (row.words[0]! & (1 << (L.ROW_MODE_SHIFT + { 16: 0, 32: 1, 64: 2 }[bits]))) !== 0;
}

/** The instruction, or undefined when these parts are one of another row. VEX encodings are not made. */
export function encodeRow(row: CompiledRow, bits: CodeMode, parts: Parts): Uint8Array | undefined {
  if (row.map >= 4) return undefined;
  const bytes = [...parts.prefixes];
  if (parts.rex) bytes.push(parts.rex);
  if (row.map > 0) bytes.push(0x0f);
  if (row.map > 1) bytes.push(row.map === 2 ? 0x38 : 0x3a);
  bytes.push(parts.opcode);
  if (row.fixedModrm !== undefined) bytes.push(row.fixedModrm);
  else bytes.push(...parts.modrm);
  bytes.push(...parts.rest);
  const code = Uint8Array.from(bytes);
  const decoded = decode(code, bits);
  if (decoded === undefined || decoded.row.row !== row.row) return undefined;
  return code.subarray(0, decoded.length);
}
