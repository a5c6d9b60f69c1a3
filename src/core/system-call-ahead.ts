/**
 * Looks for a system call in the user code that the interpreter would execute without a jump, by the decoded records
 * (assembly/layout.ts, "decoded record" and "code unit"), so that a debugger can stop before it. The records are the truth
 * about what is executed next; where there are none yet, the answer is to go one instruction at a time.
 */
import * as L from '../../assembly/layout.ts';
import type { Cpu } from './cpu.ts';
import { disassemble, type CodeMode } from './disassembler.ts';

const PAGE_MASK = 0xfff;
/** As RUN_MAX of assembly/engine/decode.ts, with pseudo records. */
const RECORDS_MAX = 52;
const INSTRUCTION_BYTES_MAX = 15; // SDM Vol. 2A, 2.3.11
/** The last two bytes of SYSCALL (0F 05), SYSENTER (0F 34) and INT 80h (CD 80), SDM Vol. 2; little-endian words. */
const SYSCALL = 0x050f;
const SYSENTER = 0x340f;
const INT_80 = 0x80cd;

export const Ahead = {
  /** The next instruction is a system call. */
  HERE: 0,
  /** One may follow soon. */
  NEAR: 1,
  /** None before the next jump that is taken. */
  NONE: 2,
} as const;
export type Ahead = (typeof Ahead)[keyof typeof Ahead];

/** The size of code, from MODE of assembly/layout.ts. */
export function codeBits(mode: number): CodeMode {
  const code = mode & L.MODE_CODE_MASK;
  return code === L.MODE_64 ? 64 : code === L.MODE_32 ? 32 : 16;
}

/** Linear address of the next instruction. */
export function codeLinear(cpu: Cpu): bigint {
  return BigInt.asUintN(64, cpu.getControl('rip') + cpu.word64(L.CODE_BASE)) & cpu.word64(L.LINEAR_MASK);
}

export class SystemCallAhead {
  readonly #cpu: Cpu;
  readonly #view: DataView;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.#view = new DataView(cpu.core.memory.buffer);
  }

  /** For user code (privilege level 3), between two instructions. */
  look(): Ahead {
    const view = this.#view;
    const mode = view.getUint32(L.MODE, true);
    const unit = this.#unit(mode);
    const offset = (view.getUint32(L.RIP, true) + view.getUint32(L.CODE_BASE, true)) & PAGE_MASK;
    const first = unit === 0 ? 0 : view.getUint32(unit + L.U_MAP + 4 * offset, true);
    if (first === 0) return this.instruction() === undefined ? Ahead.NEAR : Ahead.HERE;
    const page = L.RAM_BASE + view.getUint32(unit + L.U_FRAME, true) * (PAGE_MASK + 1);
    // Behind the last record of a run lies something else: what it tells can only make us more careful.
    for (let n = 0, record = first; n < RECORDS_MAX; n++, record += L.RECORD_SIZE) {
      const op = view.getUint16(record + L.R_OP, true);
      if (op === L.OP_ENTER) continue; // the instruction's own record follows
      if (op === L.OP_END || op === L.OP_STOP || op === L.OP_INVALID || op === L.OP_RAISE) return Ahead.NONE;
      const where = view.getUint16(record + L.R_WHERE, true);
      const isFirst = (where & PAGE_MASK) === offset;
      // RESYNC, or an instruction that crosses into the next page.
      if (op < L.OP_FIRST) return isFirst && this.instruction() !== undefined ? Ahead.HERE : Ahead.NEAR;
      const length = where >> 12;
      if (length < 2 || !endsLikeOne(view.getUint16(page + (where & PAGE_MASK) + length - 2, true))) continue;
      if (!isFirst) return Ahead.NEAR;
      if (this.instruction() !== undefined) return Ahead.HERE;
    }
    return Ahead.NONE;
  }

  /** The next instruction's text if it is a system call. */
  instruction(): string | undefined {
    const bytes = this.#cpu.peek(codeLinear(this.#cpu), INSTRUCTION_BYTES_MAX);
    const { text, mnemonic } = disassemble(bytes, { mode: codeBits(this.#view.getUint32(L.MODE, true)) });
    return mnemonic === 'syscall' || mnemonic === 'sysenter' || text === 'int 0x80' ? text : undefined;
  }

  /** The decoded code of the page that the next instruction is in, or 0 when the fetch TLB does not have it. */
  #unit(mode: number): number {
    const view = this.#view;
    // Near a segment's limit there are units of another kind.
    if ((mode & L.MODE_CS_LIMIT) !== 0) return 0;
    const is64 = (mode & L.MODE_CODE_MASK) === L.MODE_64;
    const low = (view.getUint32(L.RIP, true) + view.getUint32(L.CODE_BASE, true)) >>> 0;
    const high = is64 ? view.getUint32(L.RIP + 4, true) : 0;
    const entry = L.FETCH + ((low >>> 12) & (L.FETCH_ENTRIES - 1)) * 16;
    const tagLow = (((low & ~PAGE_MASK) >>> 0) | mode) >>> 0;
    const isThere = view.getUint32(entry, true) === tagLow && view.getUint32(entry + 4, true) === high;
    return isThere ? view.getUint32(entry + 8, true) : 0;
  }
}

function endsLikeOne(word: number): boolean {
  return word === SYSCALL || word === SYSENTER || word === INT_80;
}
