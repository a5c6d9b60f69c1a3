/**
 * A scenario: a machine in some mode with a random program in it. Modes differ in where things are and how they are reached;
 * kinds (kinds.ts) choose a mode and what the program is made of.
 */
import * as L from '../../../assembly/layout.ts';
import type { CodeMode } from '../../../src/core/disasm/decode.ts';
import type { SegmentRegister } from '../../../src/core/cpu.ts';
import { PageTables } from '../page-tables.ts';
import type { Random } from '../random.ts';
import { le, POINTERS, type Style } from './encode.ts';
import { handlerData, longHandlers, protectedHandlers, realHandlers, RELOADED, type Recovery } from './handlers.ts';
import { B, G, Image, LONG, TYPE_CODE, TYPE_DATA } from './image.ts';
import type { CpuSetup, Registers } from './machine.ts';
import {
  CODE_FRAMES,
  DATA_BYTES,
  DATA_FRAMES,
  GDT,
  HANDLER_DATA,
  HANDLERS,
  IDT,
  LINEAR,
  PAGE_TABLE_BYTES,
  PAGE_TABLES,
  SELECTOR,
  SPARE_FRAMES,
  STACK_BYTES,
  STACK_FRAMES,
  SYSTEM_END,
} from './memory-map.ts';
import { assemble, randomProgram, type Assembled, type Piece, type Program } from './program.ts';

export type Mode =
  'user64' | 'kernel64' | 'compatibility' | 'user32' | 'kernel32' | 'flat32' | 'segmented32' | 'protected16' | 'real';

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
export interface Entry {
  /** Of the entry. */
  readonly at: number;
  /** Of the page. */
  readonly linear: number;
  /** Bits that turn one valid entry into another. */
  readonly flips: readonly number[];
}

export interface Scenario {
  readonly mode: Mode;
  readonly bits: CodeMode;
  readonly place: Place;
  readonly program: Program;
  /** Items of the program that the other address space does not have. */
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

/** Room of the program's code; its frames are in another order than its pages. */
const CODE_PAGES = 4;
const CODE_BYTES = CODE_PAGES * 0x1000;
const FRAME_ORDER = [2, 0, 3, 1];
const TABLE = 0x2800;
const PTE_W = 2;
const PTE_P = 1;

const REAL_SEGMENT = (base: number, code: boolean): SegmentRegister => ({
  selector: base >> 4,
  base: BigInt(base),
  limit: 0xffff,
  flags: code ? 0x9b00 : 0x9300,
});
const NO_SEGMENT: SegmentRegister = { selector: 0, base: 0n, limit: 0, flags: 0 };

const CR0_PROTECTED = 0x33n; // PE MP ET NE
const CR0_PG = 0x80000000n;
const CR0_WP = 0x10000n;
const CR0_AM = 0x40000n;
const CR4_SSE = 0x600n; // OSFXSR OSXMMEXCPT
const CR4_PAE = 0x20n;
const CR4_PGE = 0x80n;
const EFER_LONG = 0xd01n; // NXE LMA LME SCE
const EFER_NXE = 0x800n;

const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  3,
  1e10,
  -1e-10,
  1e300,
  1e-310,
  65504,
  2147483648,
  -2147483648.5,
  Infinity,
  -Infinity,
  NaN,
];
const EDGE_VALUES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

export function random64(random: Random): bigint {
  const whole = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return random.pick([random.pick(EDGE_VALUES), whole, whole & 0xffffffffn, whole & 0xffn]);
}
/** Numbers of all kinds. */
export function fillValues(random: Random, bytes: Uint8Array): void {
  random.fill(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const kind = random.below(6);
    if (kind === 0)
      for (let n = 0; n < 16; n += 4)
        view.setFloat32(at + n, random.pick(FLOATS) * (random.chance(0.5) ? 1 : random.below(1000)), true);
    else if (kind === 1)
      for (let n = 0; n < 16; n += 8)
        view.setFloat64(at + n, random.pick(FLOATS) * (random.chance(0.5) ? 1 : random.below(1000)), true);
    else if (kind === 2) for (let n = 0; n < 16; n += 8) view.setBigUint64(at + n, random64(random), true);
    else if (kind === 3) {
      view.setUint8(at + 7, view.getUint8(at + 7) | 0x80);
      view.setUint16(at + 8, (random.below(2) << 15) | (0x3fff + random.below(100) - 50), true);
    }
  }
}

/** Settled flags mostly; then others. */
export const usualMxcsr = (random: Random): number => (random.chance(0.7) ? 0x1fa0 : 0x1f80);
export const usualFcw = (): number => 0x37f;

export function makeScenario(random: Random, choices: Choices): Scenario {
  const { mode } = choices;
  const long = mode === 'user64' || mode === 'kernel64' || mode === 'compatibility';
  const bits: CodeMode =
    mode === 'user64' || mode === 'kernel64' ? 64 : mode === 'protected16' || mode === 'real' ? 16 : 32;
  const ring =
    mode === 'user64' || mode === 'user32' || mode === 'compatibility' || (mode === 'segmented32' && random.chance(0.5))
      ? 3
      : 0;
  const paged = long || mode === 'user32' || mode === 'kernel32';
  const image = new Image();
  image.flatDescriptors();
  const data = new Uint8Array(0x8000);
  fillValues(random, data);
  image.write(DATA_FRAMES, data);

  // ---- paging
  const paging = long ? 'long' : random.chance(0.5) ? 'pae' : 'legacy';
  const entries: Entry[] = [];
  const roots: number[] = [];
  let nextTables = PAGE_TABLES;
  const globals = random.chance(0.5);
  const noExecute = paging !== 'legacy' && random.chance(0.5) ? 'x' : '';
  const mapSpace = (space: number): void => {
    const tables = new PageTables(image, nextTables, paging);
    nextTables += PAGE_TABLE_BYTES;
    roots.push(tables.root);
    const user = ring === 3 ? 'u' : random.chance(0.1) ? 'u' : '';
    const g = globals ? 'g' : '';
    for (let at = 0; at < SYSTEM_END; at += 0x1000) tables.map(at, at, `w${g}`);
    if (ring === 0) for (let at = PAGE_TABLES; at < CODE_FRAMES; at += 0x1000) tables.map(at, at, 'w');
    const shift = space * 4;
    for (let n = 0; n < CODE_PAGES; n++) {
      const frame = CODE_FRAMES + 0x1000 * (FRAME_ORDER[n]! + shift);
      const at = tables.map(LINEAR.code + 0x1000 * n, frame, user + (choices.writableCode ? 'w' : ''));
      tables.map(LINEAR.codeAlias + 0x1000 * n, frame, `${user}w`);
      if (choices.spaces && space === 0) entries.push({ at, linear: LINEAR.code + 0x1000 * n, flips: [0x4000, PTE_W] });
    }
    for (const [base, rights] of [
      [LINEAR.data, 'w'],
      [LINEAR.dataAlias, 'w'],
    ] as const) {
      for (let n = 0; n < 2; n++) {
        const frame = DATA_FRAMES + 0x1000 * (choices.spaces ? n ^ space : n);
        const at = tables.map(base + 0x1000 * n, frame, user + rights + noExecute);
        if (choices.spaces && space === 0)
          entries.push({ at, linear: base + 0x1000 * n, flips: [0x1000, PTE_W, PTE_P] });
      }
    }
    tables.map(LINEAR.data + 0x2000, DATA_FRAMES + 0x2000, user + noExecute);
    tables.map(LINEAR.data + 0x4000, DATA_FRAMES + 0x3000, `w${noExecute}`);
    for (let n = 0; n < 2; n++)
      tables.map(LINEAR.stack + 0x1000 * n, STACK_FRAMES + 0x1000 * n, `${user}w${noExecute}`);
    if (long) {
      tables.map(LINEAR.high, DATA_FRAMES + 0x4000, `${user}w${noExecute}`);
      tables.map(LINEAR.userTop, DATA_FRAMES + 0x5000, `${user}w`);
      tables.map(LINEAR.kernelBottom, DATA_FRAMES + 0x6000, `${user}w`);
      tables.map(LINEAR.last64, DATA_FRAMES + 0x7000, `${user}w`);
    } else tables.map(LINEAR.last32, DATA_FRAMES + 0x7000, `${user}w`);
  };
  if (paged) for (let space = 0; space < (choices.spaces ? 2 : 1); space++) mapSpace(space);

  // ---- segments and places
  const dpl = ring === 3 ? 0x60 : 0;
  const rpl = ring;
  let segments: SegmentRegister[];
  let codeBase = 0;
  let codeOffset: number;
  let dataOffset: number;
  let stackTop: number;
  let edges: bigint[];
  let bad: bigint[];
  const flat = (code: number, other: number) =>
    [L.ES, L.CS, L.SS, L.DS, L.FS, L.GS].map((n) => image.segment(n === L.CS ? code : other));
  const page = (base: number | bigint, ...offsets: number[]) =>
    offsets.map((o) => BigInt.asUintN(64, BigInt(base) + BigInt(o)));
  if (bits === 64) {
    segments = flat(ring === 3 ? SELECTOR.userCode64 : SELECTOR.code64, ring === 3 ? SELECTOR.userData : SELECTOR.data);
    const base = (): bigint =>
      random.pick([
        0n,
        BigInt(LINEAR.data),
        BigInt(LINEAR.data) + 0x1ff8n,
        LINEAR.high,
        LINEAR.kernelBottom - 8n,
        LINEAR.last64,
        random64(random),
      ]);
    for (const n of [L.FS, L.GS])
      segments[n] = { ...segments[n]!, base: BigInt.asUintN(64, BigInt.asIntN(48, base())) };
    codeOffset = LINEAR.code;
    dataOffset = LINEAR.data;
    stackTop = LINEAR.stack + STACK_BYTES - 0x100;
    edges = [
      ...page(LINEAR.data, 0, 0x1000, 0x1000, 0x2000, 0x3000, 0x4000),
      ...page(LINEAR.dataAlias, 0x1000, 0x2000),
      ...page(LINEAR.stack, 0, 0x1000, 0x2000),
      ...page(LINEAR.high, 0, 0x1000),
      ...page(LINEAR.userTop, 0, 0x1000),
      ...page(LINEAR.kernelBottom, 0, 0x1000),
      ...page(LINEAR.last64, 0, 0x1000),
      ...page(LINEAR.code, 0x1000, 0x2000),
    ];
    bad = [
      0n,
      0x1000n,
      BigInt(LINEAR.data) + 0x3000n,
      0x8000_0000_0000n,
      0xffff_7fff_ffff_ff00n,
      1n << 63n,
      0x1000_2000_0000n,
      0x0001_0000_2000_0000n,
      0xffff_0000_2000_0000n,
    ];
  } else if (mode === 'compatibility' || mode === 'user32' || mode === 'kernel32' || mode === 'flat32') {
    segments = flat(ring === 3 ? SELECTOR.userCode32 : SELECTOR.code32, ring === 3 ? SELECTOR.userData : SELECTOR.data);
    const [c, d, s] = paged ? [LINEAR.code, LINEAR.data, LINEAR.stack] : [CODE_FRAMES, DATA_FRAMES, STACK_FRAMES];
    codeOffset = c;
    dataOffset = d;
    stackTop = s + STACK_BYTES - 0x100;
    edges = [
      ...page(d, 0, 0x1000, 0x1000, 0x2000, 0x3000, 0x4000),
      ...page(s, 0, 0x1000, 0x2000),
      ...page(LINEAR.last32, 0, 0x1000),
      ...page(c, 0x1000, 0x2000),
    ];
    bad = [0n, 0x1000n, BigInt(d) + 0x3000n, 0x80000000n, 0xffffff00n];
    if (random.chance(0.3)) {
      // FS or GS elsewhere.
      image.descriptor(
        SELECTOR.ownFs,
        random.pick([d + 0x100, d + 0x1ff0, 0xfffff000]),
        random.pick([0xfff, 0xfffff]),
        TYPE_DATA | dpl,
        B | random.pick([0, G]),
      );
      segments[random.pick([L.FS, L.GS])] = image.segment(SELECTOR.ownFs | rpl);
    }
  } else if (mode === 'real') {
    codeBase = CODE_FRAMES;
    segments = [
      REAL_SEGMENT(random.pick([DATA_FRAMES, SPARE_FRAMES]), false),
      REAL_SEGMENT(CODE_FRAMES, true),
      REAL_SEGMENT(STACK_FRAMES, false),
      REAL_SEGMENT(DATA_FRAMES, false),
      REAL_SEGMENT(random.pick([DATA_FRAMES + 0xff0, CODE_FRAMES, 0xffff0]), false),
      REAL_SEGMENT(random.pick([SPARE_FRAMES, DATA_FRAMES]), false),
    ];
    codeOffset = 0;
    dataOffset = 0;
    stackTop = random.pick([0xff00, 0x20, 0x1000, 0xfffe, 1, 0]);
    edges = page(0, 0, 0x1000, 0x2000, 0xffff, 0x10000, 0x10000);
    bad = [0xffffn, 0xfffen, 0xffff0000n];
  } else {
    // Segments with bases and limits, 16 or 32 bits.
    const wide = bits === 32 ? B : 0;
    codeBase = CODE_FRAMES;
    const dataLimit = random.pick([0xffff, 0x5fff, 0x2fff, 0x3001]);
    const odd = random.pick([0, 0, 0x10, 0x123]);
    image.descriptor(
      SELECTOR.ownCode,
      CODE_FRAMES,
      random.pick([0xffff, CODE_BYTES + 0x10, CODE_BYTES - 1]),
      TYPE_CODE | dpl,
      wide,
    );
    image.descriptor(SELECTOR.ownData, DATA_FRAMES + odd, dataLimit, TYPE_DATA | dpl, B);
    image.descriptor(
      SELECTOR.ownExtra,
      random.pick([DATA_FRAMES, SPARE_FRAMES]),
      random.pick([0xffff, 0x1fff]),
      random.pick([TYPE_DATA, TYPE_DATA, 0x91, 0x97]) | dpl,
      B,
    );
    image.descriptor(SELECTOR.ownStack, STACK_FRAMES, 0xffff, TYPE_DATA | dpl, random.chance(0.8) ? wide : wide ^ B);
    image.descriptor(
      SELECTOR.ownFs,
      DATA_FRAMES + 0x234,
      random.pick([0xfff, 0xffff]),
      random.pick([TYPE_DATA, TYPE_CODE]) | dpl,
      B,
    );
    image.descriptor(
      SELECTOR.ownGs,
      random.pick([0xffff_f000, SPARE_FRAMES]),
      random.pick([0xffff, 0xfffff]),
      TYPE_DATA | dpl,
      B | random.pick([0, G]),
    );
    segments = [
      SELECTOR.ownExtra,
      SELECTOR.ownCode,
      SELECTOR.ownStack,
      SELECTOR.ownData,
      SELECTOR.ownFs,
      SELECTOR.ownGs,
    ].map((s) => image.segment(s | rpl));
    codeOffset = 0;
    dataOffset = 0;
    stackTop = random.pick([0xff00, 0x2000, 0x1010, 0xfffe]);
    edges = page(0, 0, 0x1000, 0x2000, dataLimit + 1, dataLimit + 1, 0xffff, 0x10000);
    bad = [0xffffn, 0xfffen, 0xffff0000n, 0x8000_0000n];
  }
  segments = [...segments, NO_SEGMENT, mode === 'real' ? NO_SEGMENT : image.segment(SELECTOR.tss)];

  const place: Place = {
    bits,
    code: codeOffset,
    codeAlias: bits === 64 || paged ? LINEAR.codeAlias : codeOffset,
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
    0x202 | (r.u32() & 0x8d5) | (r.chance(0.08) ? 0x400 : 0) | (choices.alignment && r.chance(0.5) ? 0x40000 : 0);
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
    if (!paged) return CODE_FRAMES + offset;
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
    const blocks = assembled.blocks.map((offset) => codeOffset + start + offset);
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

  const syscallEntry = BigInt(HANDLERS + 0xf00);
  image.write(HANDLERS + 0xf00, [0x48, 0x0f, 0x07]); // sysretq
  base.set([0x48, 0x0f, 0x07], HANDLERS + 0xf00);
  const cpu: CpuSetup = {
    cr0: mode === 'real' ? 0x10n : CR0_PROTECTED | (paged ? CR0_PG | CR0_WP : 0n) | (choices.alignment ? CR0_AM : 0n),
    cr3: BigInt(roots[0] ?? 0),
    cr4: CR4_SSE | (long || paging === 'pae' ? CR4_PAE : 0n) | (globals ? CR4_PGE : 0n) | (long ? 1n << 16n : 0n),
    efer: long ? EFER_LONG : paging === 'pae' && mode !== 'real' ? EFER_NXE : 0n,
    cpl: ring,
    segments,
    gdt: [GDT, 0xff],
    idt: mode === 'real' ? [0, 0x3ff] : [IDT, 0xfff],
    system: [
      [L.MSR_STAR, 0x0020_0008_0000_0000n],
      [L.MSR_LSTAR, syscallEntry],
      [L.MSR_CSTAR, syscallEntry],
      [L.MSR_FMASK, 0x700n],
      // PAE keeps its directory pointers in the processor.
      ...(paged && paging === 'pae'
        ? [0, 1, 2, 3].map((n) => [L.PDPTE + 8 * n, image.read64(roots[0]! + 8 * n)] as const)
        : []),
    ],
  };
  void LONG;
  void RELOADED;

  const registers = (r: Random, assembled: Assembled): Registers => {
    const depth = r.below(9);
    const fpr = new Uint8Array(128);
    fillValues(r, fpr);
    for (let n = 0; n < 8; n++) fpr.fill(0, 16 * n + 10, 16 * n + 16);
    const xmm = new Uint8Array(512);
    for (let n = 0; n < (bits === 64 ? 16 : 8); n++) fillValues(r, xmm.subarray(32 * n, 32 * n + 16));
    return {
      gpr: general(r),
      rip: BigInt(codeOffset + start + r.pick(assembled.blocks)),
      eflags: flagsOf(r),
      mxcsr: mxcsr(r),
      fcw: fcw(r),
      fsw: ((8 - depth) & 7) << 11,
      ftw: depth === 0 ? 0 : (0xff00 >> depth) & 0xff,
      fpr,
      xmm,
    };
  };
  void codeBase;
  return { mode, bits, place, program, cpu, build, registers };
}
