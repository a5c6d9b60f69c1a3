/** Code as text, with names where they are known; memory as it is. Reads RAM alone and changes nothing. */
import { disassemble, type CodeMode } from '../../core/disassembler.ts';
import type { GuestMemory } from '../../devices/bus.ts';
import { walkPages, type PagingState } from './page-walk.ts';
import type { KernelSymbols } from './kallsyms.ts';
import type { CodeLine, CodeView, MemoryView } from './types.ts';

const PAGE_BYTES = 4096;
const INSTRUCTION_BYTES_MAX = 15; // SDM Vol. 2A, 2.3.11
/** Instructions whose first operand, when it is a number, is where they go. */
const JUMPS = /^(call|jmp|j[a-z]+|loop[a-z]*)$/;

type Piece = MemoryView['pieces'][number];

/** What of a range is RAM, with neighbours joined. Linear ranges end at 2^64. */
export function readMemory(
  memory: GuestMemory,
  paging: PagingState,
  space: 'linear' | 'physical',
  at: bigint,
  byteCount: number,
): MemoryView {
  const pieces: Piece[] = [];
  for (let done = 0; done < byteCount;) {
    const here = at + BigInt(done);
    if (here >> 64n !== 0n) break;
    const count = Math.min(byteCount - done, PAGE_BYTES - Number(here & 0xfffn));
    done += count;
    const physical = space === 'physical' ? Number(here) : physicalOf(memory, paging, here);
    if (physical === undefined || physical >= memory.size) continue;
    const bytes = memory.view(physical, Math.min(count, memory.size - physical)).slice();
    const before = pieces.at(-1);
    if (before !== undefined && before.at + BigInt(before.bytes.length) === here && follows(before, physical))
      pieces[pieces.length - 1] = { ...before, bytes: join(before.bytes, bytes) };
    else pieces.push({ at: here, physical, bytes });
  }
  return { space, at, byteCount, pieces };
}

function follows(before: Piece, physical: number): boolean {
  return before.physical + before.bytes.length === physical;
}
function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function physicalOf(memory: GuestMemory, paging: PagingState, linear: bigint): number | undefined {
  const { result } = walkPages(memory, paging, linear);
  return result.kind === 'mapped' ? result.physical : undefined;
}

/** `count` instructions from a linear address on. */
export function readCode(
  memory: GuestMemory,
  paging: PagingState,
  bits: CodeMode,
  at: bigint,
  count: number,
  symbols: KernelSymbols | undefined,
): CodeView {
  const mask = bits === 64 ? (1n << 64n) - 1n : 0xffff_ffffn;
  const bytes = leading(readMemory(memory, paging, 'linear', at, count * INSTRUCTION_BYTES_MAX));
  const lines: CodeLine[] = [];
  let offset = 0;
  while (lines.length < count && offset < bytes.length) {
    const linear = (at + BigInt(offset)) & mask;
    const { length, text, mnemonic, operands } = disassemble(bytes.subarray(offset, offset + INSTRUCTION_BYTES_MAX), {
      address: linear,
      mode: bits,
    });
    const goal = JUMPS.test(mnemonic) && /^0x[0-9a-f]+$/.test(operands[0] ?? '') ? BigInt(operands[0]!) : undefined;
    const symbol = symbols?.at(linear);
    const goalSymbol = goal === undefined ? undefined : symbols?.at(goal);
    lines.push({
      linear,
      bytes: bytes.slice(offset, offset + length),
      text,
      ...(symbol === undefined ? {} : { symbol }),
      ...(goal === undefined
        ? {}
        : { target: { linear: goal, ...(goalSymbol === undefined ? {} : { symbol: goalSymbol }) } }),
    });
    offset += length;
  }
  return { bits, lines, ...(lines.length < count ? { unreadable: (at + BigInt(offset)) & mask } : {}) };
}

/** What can be read from the start without a gap. */
function leading({ at, pieces }: MemoryView): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(0);
  for (const piece of pieces) {
    if (piece.at !== at + BigInt(bytes.length)) break;
    bytes = join(bytes, piece.bytes);
  }
  return bytes;
}
