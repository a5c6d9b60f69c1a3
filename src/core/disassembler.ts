/**
 * Disassembler in Intel syntax, derived from the instruction tables (assembly/isa/*.table.ts): it knows exactly the
 * encodings that the core executes. For dumps, traces, the debugger and tests.
 */
import { decode, type CodeMode } from './disasm/decode.ts';
import { format } from './disasm/format.ts';

export type { CodeMode } from './disasm/decode.ts';

export interface Disassembled {
  /** In bytes; 1 when it is no instruction. */
  length: number;
  /** Lower case, e.g. `lock add dword ptr [rbx + rcx*4 - 0x10], eax`. */
  text: string;
  mnemonic: string;
  operands: string[];
}

export interface DisassembleOptions {
  /** Address of the first byte, for branch targets. */
  address?: bigint;
  mode: CodeMode;
}

const BAD = '(bad)';

/** The first instruction of `bytes`. Never throws: what is no instruction, or is cut off, is `(bad)` of length 1. */
export function disassemble(bytes: Uint8Array, { address = 0n, mode }: DisassembleOptions): Disassembled {
  const decoded = decode(bytes, mode);
  const formatted = decoded && format(decoded, address + BigInt(decoded.length));
  if (formatted === undefined) return { length: 1, text: BAD, mnemonic: BAD, operands: [] };
  return { length: decoded!.length, ...formatted };
}
