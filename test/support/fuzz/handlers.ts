/**
 * The guest's code behind its IDT. A fault ends in the next block of the program, with address registers as the program wants
 * them; an interrupt returns to where it came from. SDM Vol. 3A, 6.12 and 6.14.
 */
import { HANDLER_DATA, RING0_STACK, SELECTOR } from './memory-map.ts';
import { le } from '../little-endian.ts';

/** In HANDLER_DATA: number of the block that comes next, stack pointer, registers, blocks' addresses; counts of interrupts. */
const NEXT = HANDLER_DATA;
const STACK = HANDLER_DATA + 8;
const REGISTERS = HANDLER_DATA + 0x10;
const INTERRUPTS = HANDLER_DATA + 0x80;
export const BLOCK_TABLE = HANDLER_DATA + 0x100;
/** Registers that are loaded: RBX, RBP, RSI, RDI, RCX, R13, R14, R15. */
export const RELOADED = [3, 5, 6, 7, 1, 13, 14, 15] as const;

/** Where the handler goes on, and with what. */
export interface Recovery {
  readonly blocks: readonly number[];
  readonly stack: bigint;
  readonly registers: readonly bigint[];
  readonly flags: number;
  /** CS, SS, DS, ES, FS, GS. */
  readonly selectors: readonly number[];
}

export interface Handlers {
  /** Bytes of the code, and where in it vectors enter. */
  readonly code: number[];
  readonly fault: number;
  readonly faultWithError: number;
  readonly interrupt: number;
}

/** HANDLER_DATA for a program. `wordBytes`: of a block's address. */
export function handlerData(recovery: Recovery, wordBytes: 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(0x1000);
  bytes.set(le(recovery.stack, 8), STACK - HANDLER_DATA);
  RELOADED.forEach((register, n) => bytes.set(le(recovery.registers[register]!, 8), REGISTERS - HANDLER_DATA + 8 * n));
  recovery.blocks.forEach((at, n) => bytes.set(le(at, wordBytes), BLOCK_TABLE - HANDLER_DATA + wordBytes * n));
  return bytes;
}

/** 64-bit code; every vector has a stack of its own (IST). */
export function longHandlers({ blocks, flags, selectors }: Recovery): Handlers {
  const reload = RELOADED.flatMap((register, n) => [
    register < 8 ? 0x48 : 0x4c,
    0x8b,
    ((register & 7) << 3) | 4,
    0x25,
    ...le(REGISTERS + 8 * n, 4),
  ]);
  const code = [
    ...[0x6a, 0], // push 0: no error code
    0x50, // push rax
    ...[0x8b, 0x04, 0x25, ...le(NEXT, 4), 0xff, 0xc0, 0x3d, ...le(blocks.length, 4)], // eax = next + 1; cmp
    ...[0x72, 2, 0x31, 0xc0, 0x89, 0x04, 0x25, ...le(NEXT, 4)], // jb +2; xor eax, eax; next = eax
    ...[0x48, 0x8b, 0x04, 0xc5, ...le(BLOCK_TABLE, 4), 0x48, 0x89, 0x44, 0x24, 16], // frame's RIP = table[rax]
    ...[0x48, 0x8b, 0x04, 0x25, ...le(STACK, 4), 0x48, 0x89, 0x44, 0x24, 40], // frame's RSP
    ...[0xc7, 0x44, 0x24, 32, ...le(flags, 4)], // frame's RFLAGS
    ...[0x48, 0xc7, 0x44, 0x24, 24, ...le(selectors[0]!, 4)],
    ...[0x48, 0xc7, 0x44, 0x24, 48, ...le(selectors[1]!, 4)],
    ...[0x58, ...reload, 0x48, 0x83, 0xc4, 8, 0x48, 0xcf], // pop rax; …; add rsp, 8; iretq
  ];
  return {
    code: [...code, 0xff, 0x04, 0x25, ...le(INTERRUPTS, 4), 0x48, 0xcf], // inc dword; iretq
    fault: 0,
    faultWithError: 2,
    interrupt: code.length,
  };
}

/** 32-bit code, whatever size the interrupted code has. The old frame is left behind. */
export function protectedHandlers({ blocks, flags, selectors }: Recovery, ring: 0 | 3): Handlers {
  const [cs, ss, ds, es, fs, gs] = selectors as [number, number, number, number, number, number];
  const segment = (selector: number, register: number) => [
    0x66,
    0xb8,
    ...le(selector, 2),
    0x8e,
    0xc0 | (register << 3),
  ];
  const frame =
    ring === 3
      ? [0xbc, ...le(RING0_STACK, 4), 0x68, ...le(ss, 4), 0xff, 0x35, ...le(STACK, 4)] // mov esp; push ss; push esp
      : [...segment(ss, 2), 0x8b, 0x25, ...le(STACK, 4)];
  const reload = RELOADED.flatMap((register, n) =>
    register < 8 ? [0x8b, 5 | (register << 3), ...le(REGISTERS + 8 * n, 4)] : [],
  );
  const code = [
    ...segment(SELECTOR.data, 3),
    ...[0xa1, ...le(NEXT, 4), 0x40, 0x3d, ...le(blocks.length, 4), 0x72, 2, 0x31, 0xc0, 0xa3, ...le(NEXT, 4)],
    ...[0x8b, 0x14, 0x85, ...le(BLOCK_TABLE, 4)], // mov edx, [eax * 4 + table]
    ...[...frame, 0x68, ...le(flags, 4), 0x68, ...le(cs, 4), 0x52],
    ...[...reload, ...segment(es, 0), ...segment(fs, 4), ...segment(gs, 5), ...segment(ds, 3), 0xcf],
  ];
  return { code: [...code, 0xcf], fault: 0, faultWithError: 0, interrupt: code.length };
}

/** Real mode, in segment 0. */
export function realHandlers({ blocks, flags, selectors }: Recovery): Handlers {
  const [cs, ss, ds, es, fs, gs] = selectors as [number, number, number, number, number, number];
  const segment = (selector: number, register: number) => [0xb8, ...le(selector, 2), 0x8e, 0xc0 | (register << 3)];
  const reload = RELOADED.flatMap((register, n) =>
    register < 8 ? [0x66, 0x8b, 6 | (register << 3), ...le(REGISTERS + 8 * n, 2)] : [],
  );
  const code = [
    ...[0x31, 0xc0, 0x8e, 0xd8], // xor ax, ax; mov ds, ax
    ...[
      0x8b,
      0x1e,
      ...le(NEXT, 2),
      0x43,
      0x81,
      0xfb,
      ...le(blocks.length, 2),
      0x72,
      2,
      0x31,
      0xdb,
      0x89,
      0x1e,
      ...le(NEXT, 2),
    ],
    ...[0xd1, 0xe3, 0x8b, 0x97, ...le(BLOCK_TABLE, 2)], // shl bx, 1; mov dx, [bx + table]
    ...[...segment(ss, 2), 0x8b, 0x26, ...le(STACK, 2)],
    ...[0x68, ...le(flags, 2), 0x68, ...le(cs, 2), 0x52],
    ...[...reload, ...segment(es, 0), ...segment(fs, 4), ...segment(gs, 5), ...segment(ds, 3), 0xcf],
  ];
  return { code: [...code, 0xcf], fault: 0, faultWithError: 0, interrupt: code.length };
}
