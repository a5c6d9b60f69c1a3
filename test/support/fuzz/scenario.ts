/**
 * A scenario: a machine in some mode with a random program in it. Modes differ in where things are and how they are reached;
 * kinds (kinds.ts) choose a mode and what the program is made of.
 */
import * as L from '../../../assembly/layout.ts';
import type { CodeMode } from '../../../src/core/disasm/decode.ts';
import { le } from '../little-endian.ts';
import { POINTERS } from '../random-encoding.ts';
import { fillValues, random64 } from '../random-values.ts';
import type { Random } from '../random.ts';
import { handlerData, longHandlers, protectedHandlers, realHandlers, type Recovery } from './handlers.ts';
import { Image } from './image.ts';
import type { Style } from './instructions.ts';
import type { CpuSetup, Registers } from './machine.ts';
import {
  CODE_FRAMES,
  CODE_PAGES,
  DATA_BYTES,
  DATA_FRAMES,
  FRAME_ORDER,
  GDT,
  HANDLER_DATA,
  HANDLERS,
  IDT,
} from './memory-map.ts';
import { MODES, type Mode } from './modes.ts';
import { makeSpaces, type Entry } from './paging.ts';
import { choosePlaces, CODE_BYTES } from './places.ts';
import { assemble, randomProgram, type Assembled, type Piece, type Program } from './program.ts';

/** What a kind may choose. */
export interface Choices {
  readonly mode: Mode;
  readonly groups: Style['groups'];
  readonly pieces?: (place: Place) => readonly Piece[];
  readonly pieceChance?: number;
  /** Where address registers point, besides plain data: how often to the edges of pages, and to where nothing is. */
  readonly edges?: number;
  readonly bad?: number;
  readonly wild?: number;
  readonly segments?: number;
  /** Code may be written where it runs. */
  readonly writableCode?: boolean;
  /** Offset of the code in its first page. */
  readonly start?: (random: Random) => number;
  readonly blockCount?: number;
  readonly blockLength?: number;
  /** MXCSR and the x87 control word. */
  readonly mxcsr?: (random: Random) => number;
  readonly fcw?: (random: Random) => number;
  /** CR0.AM and EFLAGS.AC. */
  readonly alignment?: boolean;
  /** A second address space with other code and data at the same addresses. */
  readonly spaces?: boolean;
  /** The kernel changes its page tables. Implied by `spaces`. */
  readonly changes?: boolean;
  /** CR4.SMAP and a kernel with pages of users; SMEP where its code is its own. */
  readonly smap?: boolean;
  /** CR4.PCIDE. */
  readonly pcid?: boolean;
  /** Code, data and stack are in one page of 2 MiB, 4 MiB or 1 GiB. */
  readonly large?: boolean;
}

/** Where things are as the program sees them: linear addresses, or offsets where segments have bases. */
export interface Place {
  readonly bits: CodeMode;
  /** First page of code. */
  readonly code: number;
  /** The code again, writable. */
  readonly codeAlias: number;
  readonly codeBytes: number;
  readonly data: number;
  readonly stackTop: number;
  /** Addresses near which something ends. */
  readonly edges: readonly bigint[];
  readonly bad: readonly bigint[];
  /** Addresses of page-table entries of data and code pages that may change, where the program is the kernel. */
  readonly entries: readonly Entry[];
  /** Roots of the address spaces. */
  readonly roots: readonly number[];
}

export interface Scenario {
  readonly mode: Mode;
  readonly bits: CodeMode;
  readonly place: Place;
  readonly program: Program;
  readonly cpu: CpuSetup;
  /** With some items left out. */
  build(dropped: ReadonlySet<number>): Built;
  registers(random: Random, assembled: Assembled): Registers;
}
export interface Built {
  readonly image: Uint8Array;
  readonly assembled: Assembled;
  /** Physical address of a byte of the program. */
  readonly physical: (offset: number) => number;
}

const TABLE = 0x2800;
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x64, 0x65];

// SDM Vol. 3A, 2.5 and 2.2.1
const CR0_PROTECTED = 0x33n; // PE MP ET NE
const CR0_PG = 0x80000000n;
const CR0_WP = 0x10000n;
const CR0_AM = 0x40000n;
const CR4_PSE = 0x10n;
const CR4_PAE = 0x20n;
const CR4_PGE = 0x80n;
const CR4_SSE = 0x600n; // OSFXSR OSXMMEXCPT
const CR4_FSGSBASE = 0x10000n;
const CR4_PCIDE = 0x20000n;
const CR4_SMEP = 0x100000n;
const CR4_SMAP = 0x200000n;
const EFER_LONG = 0xd01n; // NXE LMA LME SCE
const EFER_NXE = 0x800n;
const EFLAGS_AC = 0x40000;
const SYSCALL_ENTRY = HANDLERS + 0xf00;
const SYSRETQ = [0x48, 0x0f, 0x07];

/** Settled flags mostly; then others. */
export const usualMxcsr = (random: Random): number => (random.chance(0.7) ? 0x1fa0 : 0x1f80);
export const usualFcw = (): number => 0x37f;

export function makeScenario(random: Random, choices: Choices): Scenario {
  const { mode, smap = false, large = false } = choices;
  const traits = MODES[mode];
  const { bits, long, paged } = traits;
  const ring = traits.ring === 'either' ? random.pick([0, 3] as const) : traits.ring;
  const image = new Image();
  image.flatDescriptors();
  const data = new Uint8Array(0x8000);
  fillValues(random, data);
  image.write(DATA_FRAMES, data);
  const { paging, globals, roots, aliasDistance, userCode, entries } = makeSpaces(random, image, {
    ...{ long, paged, ring, large },
    writableCode: choices.writableCode ?? false,
    spaces: choices.spaces ?? false,
    changes: choices.changes ?? choices.spaces ?? false,
    userPages: smap,
  });
  const {
    segments,
    code: codeOffset,
    data: dataOffset,
    stackTop,
    edges,
    bad,
  } = choosePlaces(random, image, {
    ...{ mode, ring, large },
  });

  const place: Place = {
    bits,
    code: codeOffset,
    codeAlias: codeOffset + aliasDistance,
    codeBytes: CODE_BYTES,
    data: dataOffset,
    stackTop,
    edges,
    bad,
    entries,
    roots,
  };
  const table = { at: dataOffset + TABLE, count: 16 };
  const style: Style = {
    bits,
    groups: choices.groups,
    absolute: (r) => (dataOffset + (r.chance(0.9) ? r.below(DATA_BYTES / 8) * 8 : r.below(DATA_BYTES))) >>> 0,
    segments: choices.segments ?? 0.03,
    segmentPrefixes: SEGMENT_PREFIXES,
    alignment: 8,
    relative: true,
    wild: choices.wild ?? 0.02,
  };
  const program = randomProgram(random, {
    style,
    blockCount: choices.blockCount ?? 4 + random.below(28),
    blockLength: choices.blockLength ?? 14,
    pieces: choices.pieces?.(place) ?? [],
    pieceChance: choices.pieceChance ?? 0.15,
    table,
  });
  const start = choices.start?.(random) ?? (random.chance(0.5) ? random.below(0x800) : 0xe00 + random.below(0x200));

  // ---- where address registers point
  const [edgeChance, badChance] = [choices.edges ?? 0.1, choices.bad ?? 0.03];
  const mask = bits === 64 ? (1n << 64n) - 1n : 0xffffffffn;
  const pointer = (r: Random): bigint => {
    if (r.chance(badChance)) return (r.pick(bad) + BigInt(r.below(16))) & mask;
    if (r.chance(edgeChance)) return (r.pick(edges) - BigInt(r.below(40))) & mask;
    if (choices.writableCode && r.chance(0.05))
      return BigInt((r.chance(0.5) ? place.code : place.codeAlias) + r.below(CODE_BYTES));
    if (r.chance(0.05)) return (BigInt(stackTop) - BigInt(r.below(64))) & mask;
    return BigInt(dataOffset + r.below(DATA_BYTES / 16 - 32) * 16 + 128);
  };
  const general = (r: Random): bigint[] =>
    Array.from({ length: 16 }, (_, n) => {
      if (n >= 8 && bits !== 64) return 0n;
      if (n === 4) return BigInt(stackTop - r.below(16) * (bits / 8)) & mask;
      if (POINTERS.includes(n) && r.chance(0.95)) return pointer(r);
      if (n === 1 && r.chance(0.8)) return BigInt(1 + r.below(40));
      return random64(r) & mask;
    });
  const flagsOf = (r: Random): number =>
    0x202 |
    (r.u32() & 0x8d5) |
    (r.chance(0.08) ? 0x400 : 0) |
    ((choices.alignment || smap) && r.chance(0.5) ? EFLAGS_AC : 0);
  const fcw = choices.fcw ?? usualFcw;
  const mxcsr = choices.mxcsr ?? usualMxcsr;

  const selectors = [L.CS, L.SS, L.DS, L.ES, L.FS, L.GS].map((n) => segments[n]!.selector);
  const handlerRandom = { gpr: general(random), flags: flagsOf(random) & ~0x400 };
  const wordBytes = (bits / 8) as 2 | 4 | 8;
  const otherSpace = new Set<number>();
  program.blocks.flat().forEach((_, n) => {
    if (choices.spaces && random.chance(0.15)) otherSpace.add(n);
  });
  const physicalIn = (space: number) => (offset: number) => {
    if (!paged || large) return CODE_FRAMES + offset;
    return CODE_FRAMES + 0x1000 * (FRAME_ORDER[(offset >> 12) % CODE_PAGES]! + 4 * space) + (offset & 0xfff);
  };
  const base = image.bytes.slice();

  const build = (dropped: ReadonlySet<number>): Built => {
    const built = new Image();
    built.bytes.set(base);
    const assembled = assemble(program, bits, dropped);
    const put = (bytes: Uint8Array, space: number) => {
      const physical = physicalIn(space);
      bytes.forEach((byte, n) => {
        if (start + n < CODE_BYTES) built.bytes[physical(start + n)] = byte;
      });
    };
    put(assembled.bytes, 0);
    if (choices.spaces) put(assemble(program, bits, new Set([...dropped, ...otherSpace])).bytes, 1);
    // In a large page every other one by its other address.
    const blocks = assembled.blocks.map(
      (offset, n) => codeOffset + start + offset + (large && n % 2 === 1 ? aliasDistance : 0),
    );
    for (let n = 0; n < table.count; n++)
      built.write(DATA_FRAMES + TABLE + wordBytes * n, le(blocks[(n * 7) % blocks.length]!, wordBytes));
    const recovery: Recovery = {
      blocks,
      stack: BigInt(stackTop),
      registers: handlerRandom.gpr,
      flags: handlerRandom.flags,
      selectors,
    };
    if (long) built.longTables(longHandlers(recovery));
    else if (mode === 'real') built.realTables(realHandlers(recovery));
    else built.protectedTables(protectedHandlers(recovery, ring));
    built.write(HANDLER_DATA, handlerData(recovery, long ? 8 : mode === 'real' ? 2 : 4));
    return { image: built.bytes, assembled, physical: (offset) => physicalIn(0)(start + offset) };
  };

  base.set(SYSRETQ, SYSCALL_ENTRY);
  let cr4 = CR4_SSE;
  if (long || paging === 'pae') cr4 |= CR4_PAE;
  if (globals) cr4 |= CR4_PGE;
  if (long) cr4 |= CR4_FSGSBASE;
  if (large && paging === 'legacy') cr4 |= CR4_PSE;
  if (choices.pcid) cr4 |= CR4_PCIDE;
  if (smap) cr4 |= CR4_SMAP | (userCode ? 0n : CR4_SMEP);
  const cpu: CpuSetup = {
    cr0: mode === 'real' ? 0x10n : CR0_PROTECTED | (paged ? CR0_PG | CR0_WP : 0n) | (choices.alignment ? CR0_AM : 0n),
    cr3: BigInt(roots[0] ?? 0),
    cr4,
    efer: long ? EFER_LONG : paging === 'pae' && mode !== 'real' ? EFER_NXE : 0n,
    cpl: ring,
    segments,
    gdt: [GDT, 0xff],
    idt: mode === 'real' ? [0, 0x3ff] : [IDT, 0xfff],
    system: [
      [L.MSR_STAR, 0x0020_0008_0000_0000n],
      [L.MSR_LSTAR, BigInt(SYSCALL_ENTRY)],
      [L.MSR_CSTAR, BigInt(SYSCALL_ENTRY)],
      [L.MSR_FMASK, 0x700n],
      // PAE keeps its directory pointers in the processor.
      ...(paged && paging === 'pae'
        ? [0, 1, 2, 3].map((n) => [L.PDPTE + 8 * n, image.read64(roots[0]! + 8 * n)] as const)
        : []),
    ],
  };

  const registers = (r: Random, assembled: Assembled): Registers => {
    const depth = r.below(9);
    const fpr = new Uint8Array(128);
    fillValues(r, fpr);
    for (let n = 0; n < 8; n++) fpr.fill(0, 16 * n + 10, 16 * n + 16);
    const xmm = new Uint8Array(512);
    for (let n = 0; n < (bits === 64 ? 16 : 8); n++) fillValues(r, xmm.subarray(32 * n, 32 * n + 16));
    return {
      gpr: general(r),
      rip: BigInt(codeOffset + start + r.pick(assembled.blocks) + (large && r.chance(0.3) ? aliasDistance : 0)),
      eflags: flagsOf(r),
      mxcsr: mxcsr(r),
      fcw: fcw(r),
      fsw: ((8 - depth) & 7) << 11,
      ftw: depth === 0 ? 0 : (0xff00 >> depth) & 0xff,
      fpr,
      xmm,
    };
  };
  return { mode, bits, place, program, cpu, build, registers };
}
