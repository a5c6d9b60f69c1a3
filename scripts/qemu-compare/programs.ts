/** Random programs for scripts/qemu-compare.ts: mostly system instructions, with stores, stack and string operations between. */
import {
  CODE,
  DATA,
  LANDING,
  LDT_SELECTOR,
  NOT_PRESENT,
  RANDOM_SELECTORS,
  READ_ONLY,
  STACK,
  SUPERVISOR,
  type Bits,
} from './image.ts';
import { le } from '../../test/support/little-endian.ts';
import type { Random } from '../../test/support/random.ts';

export interface Program {
  readonly ring: 0 | 3;
  readonly code: readonly number[];
  readonly listing: readonly string[];
  readonly registers: readonly bigint[];
  readonly flags: number;
  /** It has a read-modify-write: QEMU reports the fault of the read, processors that of the write. */
  readonly readsFirst: boolean;
}

interface Piece {
  readonly text: string;
  readonly bytes: readonly number[];
  readonly readsFirst?: boolean;
}
interface Context {
  readonly random: Random;
  readonly bits: Bits;
  readonly ring: 0 | 3;
  /** Address of the piece. */
  readonly at: number;
}
type Maker = (context: Context) => Piece;

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;
/** Registers that arithmetic may change; the others stay addresses. */
const SCRATCH = [RAX, RCX, RDX] as const;
const FIXED_SELECTORS = [
  0, 1, 3, 0x08, 0x10, 0x18, 0x1b, 0x23, 0x20, 0x2b, 0x28, 0x33, 0x13, 0x38, 0x48, 0x7ff, 0x1000, 0xffff, 0x0c, 0x0f,
  0x14, 0x17, 0x78,
] as const;
const FLAG_BITS = [1, 4, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x3000, 0x40000, 0x200000] as const;
const OFTEN = 3;

/** 64 random bits, and those as canonical address: QEMU takes others where processors do not. */
const wide = (r: Random) => (BigInt(r.u32()) << 32n) | BigInt(r.u32());
const canonical = (r: Random) => BigInt.asUintN(64, BigInt.asIntN(48, wide(r)));
const hex = (value: number | bigint) => value.toString(16);
const rex = (c: Context, w: boolean) => (c.bits === 64 && w ? [0x48] : []);
/** For SS: not null, which QEMU takes where only 64-bit code may have it. */
const stackSelector = (r: Random) => {
  const s = selector(r);
  return s < 4 ? 0x10 : s;
};
const selector = (r: Random) =>
  r.below(2) ? r.pick(FIXED_SELECTORS) : r.pick(RANDOM_SELECTORS) | r.pick([0, 0, 3, 1]);
const flagsImage = (r: Random) => r.pick(FLAG_BITS) | r.pick(FLAG_BITS) | 2;

/** mov r32, imm32 */
const load = (register: number, value: number) => [0xb8 + register, ...le(value, 4)];
/** mov r, imm of full width */
const loadWide = (c: Context, register: number, value: bigint) =>
  c.bits === 64 ? [0x48, 0xb8 + register, ...le(value, 8)] : load(register, Number(value & 0xffffffffn));
/** [disp32] operand for `reg`. */
const absolute = (c: Context, reg: number, address: number) =>
  c.bits === 64 ? [0x04 | (reg << 3), 0x25, ...le(address, 4)] : [0x05 | (reg << 3), ...le(address, 4)];
/** mov word or dword [address], imm */
const poke = (c: Context, address: number, value: number, size: 1 | 2 | 4) =>
  size === 1
    ? [0xc6, ...absolute(c, 0, address), value & 255]
    : [...(size === 2 ? [0x66] : []), 0xc7, ...absolute(c, 0, address), ...le(value, size)];

/** Addresses at the edges of pages with different rights. */
function edge(r: Random): number {
  return (
    r.pick([
      DATA + 0x1000,
      READ_ONLY,
      SUPERVISOR,
      NOT_PRESENT,
      READ_ONLY + 0x800,
      SUPERVISOR + 0x10,
      DATA + 0x800,
      CODE + 0x1800,
    ]) - r.pick([0, 1, 2, 3, 4, 7, 8, 15, 16])
  );
}
/** The same and non-canonical ones, but none that becomes so only at its end, and none in RBP: QEMU knows neither #SS nor the end. */
function wideEdge(c: Context, base: number): bigint {
  if (c.bits === 32 || base === RBP || c.random.below(4)) return BigInt(edge(c.random));
  return c.random.pick([
    0x7ffffffffff0n,
    0x800000000000n,
    0xffff7fffffffffffn,
    0xffff800000000000n,
    0xfffffffffffffff0n,
    1n << 63n,
  ]);
}

const both: Record<string, Maker> = {
  alu: (c) => {
    const [op, d, s] = [c.random.below(8), c.random.pick(SCRATCH), c.random.pick(SCRATCH)];
    return {
      text: `alu${op} r${d}, r${s}`,
      bytes: [...rex(c, c.random.below(2) > 0), (op << 3) | 1, 0xc0 | (s << 3) | d],
    };
  },
  immediate: (c) => {
    const d = c.random.pick(SCRATCH);
    const value = c.random.u32();
    return { text: `mov r${d}, ${hex(value)}`, bytes: load(d, value) };
  },
  loadMemory: (c) => {
    const base = c.random.pick([RBX, RBX, RBP]);
    const address = wideEdge(c, base);
    const size = c.random.pick([[0x8a], [0x66, 0x8b], [0x8b], [...rex(c, true), 0x8b]]);
    return {
      text: `mov reg, [r${base} = ${hex(address)}]`,
      bytes: [...loadWide(c, base, address), ...size, 0x40 | (RDX << 3) | base, 0],
    };
  },
  storeMemory: (c) => {
    const base = c.random.pick([RBX, RBX, RBP]);
    const address = wideEdge(c, base);
    const size = c.random.pick([[0x88], [0x66, 0x89], [0x89], [...rex(c, true), 0x89]]);
    return {
      text: `mov [r${base} = ${hex(address)}], reg`,
      bytes: [...loadWide(c, base, address), ...size, 0x40 | (RAX << 3) | base, 0],
    };
  },
  modifyMemory: (c) => {
    const address = wideEdge(c, RBX);
    const op = c.random.pick([
      [0xff, 0x03],
      [0x01, 0x03],
      [0x87, 0x03],
      [0x0f, 0xc1, 0x03],
      [0x0f, 0xb1, 0x13],
      [0xf7, 0x1b],
    ]);
    return {
      text: `op ${op.map(hex).join(' ')} at ${hex(address)}`,
      bytes: [...loadWide(c, RBX, address), ...rex(c, c.random.below(2) > 0), ...op],
      readsFirst: true,
    };
  },
  segmentMemory: (c) => {
    // Outside 64-bit mode QEMU checks neither null selectors (FS, GS) nor writes through CS.
    const s = c.random.pick(c.bits === 64 ? [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] : [0x26, 0x36, 0x3e]);
    const address = c.bits === 64 && s >= 0x64 ? c.random.below(0x1000) : edge(c.random);
    const store = c.random.below(2) > 0;
    return {
      text: `${store ? 'store' : 'load'} seg ${hex(s)}: [${hex(address)}]`,
      bytes: [...load(RBX, address), s, store ? 0x89 : 0x8b, 0x03],
    };
  },
  pushMemory: (c) => {
    const address = edge(c.random);
    return { text: `push [${hex(address)}]`, bytes: [...load(RBX, address), 0xff, 0x33] };
  },
  popMemory: (c) => {
    const address = edge(c.random);
    return { text: `push; pop [${hex(address)}]`, bytes: [0x50, ...load(RBX, address), 0x8f, 0x03] };
  },
  pushPop: (c) => ({ text: 'push; pop', bytes: [0x50 + c.random.below(8), 0x58 + c.random.pick(SCRATCH)] }),
  callNear: () => ({ text: 'call next', bytes: [0xe8, ...le(0, 4)] }),
  enterLeave: (c) => ({ text: 'enter; leave', bytes: [0xc8, c.random.below(64) * 8, 0, c.random.below(3), 0xc9] }),
  strings: (c) => {
    const r = c.random;
    const op = r.pick([0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]); // QEMU's CMPS reads the destination first
    const setup = [...load(RSI, edge(r)), ...load(RDI, edge(r)), ...load(RCX, r.below(40)), r.pick([0xfc, 0xfc, 0xfd])];
    const prefix = r.pick([[], [0xf3], [0xf3], [0xf2]]);
    return {
      text: `${prefix.map(hex).join('')} string ${hex(op)}`,
      bytes: [...setup, ...prefix, ...rex(c, r.below(3) === 0), op, 0xfc],
    };
  },
  selfModify: (c) => {
    const value = c.random.below(256);
    const poked = poke(c, c.at, 0, 1).length;
    return { text: `change the next mov to ${hex(value)}`, bytes: [...poke(c, c.at + poked + 1, value, 1), 0xb0, 0] };
  },
  loadSegment: (c) => {
    // In 32-bit code ES and DS stay writable: QEMU does not check.
    const n = c.random.pick(c.bits === 64 ? [0, 0, 2, 3, 4, 5] : [2, 4, 5]);
    const s = n === 2 ? stackSelector(c.random) : selector(c.random);
    return { text: `mov sreg${n}, ${hex(s)}`, bytes: [...load(RAX, s), 0x8e, 0xc0 | (n << 3)] };
  },
  popSegment: (c) => {
    const s = selector(c.random);
    return {
      text: `pop ${c.random.below(2) ? 'fs' : 'gs'} ${hex(s)}`,
      bytes: [0x68, ...le(s, 4), 0x0f, c.random.pick([0xa1, 0xa9])],
    };
  },
  farPointer: (c) => {
    const op = c.random.pick([0xb2, 0xb4, 0xb5]);
    const s = op === 0xb2 ? stackSelector(c.random) : selector(c.random);
    // LSS keeps the stack pointer.
    const value = op === 0xb2 ? STACK : c.random.u32() & 0x7fffffff;
    const target = op === 0xb2 ? RSP : RDX;
    return {
      text: `load far ${hex(op)} ${hex(s)}`,
      bytes: [
        ...poke(c, DATA + 0x40, value, 4),
        ...poke(c, DATA + 0x44, s, 2),
        0x0f,
        op,
        ...absolute(c, target, DATA + 0x40),
      ],
    };
  },
  query: (c) => {
    const s = selector(c.random);
    const lar = c.random.below(2) > 0;
    // QEMU leaves the limit out of LAR's result.
    return {
      text: `${lar ? 'lar' : 'lsl'} ${hex(s)}`,
      bytes: [
        ...load(RCX, s),
        0x0f,
        lar ? 2 : 3,
        0xd1,
        0x0f,
        0x94,
        0xc0,
        ...(lar ? [0x81, 0xe2, ...le(0xf0ff00, 4)] : []),
      ],
    };
  },
  verify: (c) => {
    const s = selector(c.random);
    return {
      text: `ver ${hex(s)}`,
      bytes: [...load(RCX, s), 0x0f, 0x00, c.random.pick([0xe1, 0xe9]), 0x0f, 0x94, 0xc0],
    };
  },
  storeTables: (c) => {
    const op = c.random.pick([
      [0x01, 0x03],
      [0x01, 0x0b],
      [0x00, 0x03],
      [0x00, 0x0b],
      [0x01, 0x23],
    ]);
    return { text: `store table ${op.map(hex).join(' ')}`, bytes: [...load(RBX, DATA + 0x100), 0x0f, ...op] };
  },
  storeTablesRegister: (c) => {
    const op = c.random.pick([
      [0x00, 0xc2],
      [0x00, 0xca],
      [0x01, 0xe2],
    ]);
    return {
      text: `store table ${op.map(hex).join(' ')} in a register`,
      bytes: [...c.random.pick([[], [0x66], rex(c, true)]), 0x0f, ...op],
    };
  },
  popFlags: (c) => {
    const flags = flagsImage(c.random);
    return {
      text: `popf ${hex(flags)}`,
      bytes: [0x68, ...le(flags, 4), ...c.random.pick([[], [], [0x66]]), 0x9d, 0x90],
    };
  },
  interruptFlag: (c) => ({ text: 'cli or sti', bytes: [c.random.pick([0xfa, 0xfb, 0xfa])] }),
  direction: () => ({ text: 'std; cld', bytes: [0xfd, 0xfc] }),
  software: (c) => {
    const n = c.random.pick([3, 4, 0x80, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x20, 0xff]);
    return { text: `int ${hex(n)}`, bytes: [0xcd, n] };
  },
  breakpoint: () => ({ text: 'int3', bytes: [0xcc] }),
  farJump: (c) => {
    const s = selector(c.random);
    const reg = c.random.pick([5, 3]);
    return {
      text: `${reg === 5 ? 'jmp' : 'call'} far ${hex(s)}`,
      bytes: [
        ...poke(c, DATA + 0x40, LANDING, 4),
        ...poke(c, DATA + 0x44, s, 2),
        0xff,
        ...absolute(c, reg, DATA + 0x40),
      ],
    };
  },
  farReturn: (c) => {
    const s = selector(c.random);
    const ss = stackSelector(c.random);
    return {
      text: `retf ${hex(s)} (ss ${hex(ss)})`,
      bytes: [
        0x68,
        ...le(ss, 4),
        0x68,
        ...le(STACK, 4),
        0x68,
        ...le(s, 4),
        0x68,
        ...le(LANDING, 4),
        ...rex(c, true),
        0xcb,
      ],
    };
  },
  interruptReturn: (c) => {
    const [s, ss] = [selector(c.random), stackSelector(c.random)];
    // TF off: where it traps in 32-bit QEMU depends on the target's level.
    const flags = flagsImage(c.random) & ~0x100;
    return {
      text: `iret ${hex(s)} (ss ${hex(ss)}, flags ${hex(flags)})`,
      bytes: [
        0x68,
        ...le(ss, 4),
        0x68,
        ...le(STACK, 4),
        0x68,
        ...le(flags, 4),
        0x68,
        ...le(s, 4),
        0x68,
        ...le(LANDING, 4),
        ...rex(c, true),
        0xcf,
      ],
    };
  },
  goodReturn: (c) => {
    const r = c.random;
    const targets =
      c.bits === 64
        ? [
            [0x33, 0x2b],
            [0x23, 0x2b],
            [0x08, 0x10],
            [0x08, 0],
          ]
        : [
            [0x23, 0x2b],
            [0x18, 0x10],
          ];
    const [s, ss] = r.pick(targets) as [number, number];
    const flags = flagsImage(r) & ~0x100;
    return {
      text: `iret ${hex(s)} (ss ${hex(ss)}, flags ${hex(flags)})`,
      bytes: [
        0x68,
        ...le(ss, 4),
        0x68,
        ...le(STACK, 4),
        0x68,
        ...le(flags, 4),
        0x68,
        ...le(s, 4),
        0x68,
        ...le(LANDING, 4),
        ...rex(c, true),
        0xcf,
      ],
    };
  },
  privileged: (c) => {
    const op = c.random.pick([
      [0x0f, 0x06],
      [0x0f, 0x09],
      [0x0f, 0x20, 0xc0],
      [0x0f, 0x20, 0xd0],
      [0x0f, 0x21, 0xc8],
      [0x0f, 0x00, 0xd1],
      [0x0f, 0x01, 0x3b],
      [0x0f, 0x20, 0xe1],
    ]);
    return { text: `privileged ${op.map(hex).join(' ')}`, bytes: op };
  },
  undefined: (c) => {
    const op = c.random.pick([
      [0x0f, 0x0b],
      [0x0f, 0xff, 0xc0],
      [0x8e, 0xc8],
      [0xf0, 0x90],
      [0x0f, 0x01, 0xca],
      ...(c.ring === 0 ? [[0x0f, 0x20, 0xc8]] : []),
    ]);
    return { text: `undefined ${op.map(hex).join(' ')}`, bytes: op };
  },
  shift: (c) => {
    const count = c.random.below(70);
    return {
      text: `shift by ${count}`,
      bytes: [
        ...rex(c, c.random.below(2) > 0),
        0xc1,
        0xc0 | (c.random.pick([0, 1, 4, 5, 7]) << 3) | RAX,
        count,
        0x85,
        0xc0,
      ],
    };
  },
};

const ring0: Record<string, Maker> = {
  loadLdt: (c) => {
    const s = c.random.below(2) ? LDT_SELECTOR : selector(c.random);
    return { text: `lldt ${hex(s)}`, bytes: [...load(RCX, s), 0x0f, 0x00, 0xd1] };
  },
  cr2: () => ({ text: 'mov cr2, rcx', bytes: [0x0f, 0x22, 0xd1] }),
  cr0: (c) => {
    const bits = c.random.pick([2, 4, 8, 0x20, 0xa, 0x40000, 0]);
    return { text: `mov cr0 with ${hex(bits)}`, bytes: [...load(RAX, 0x80010031 | bits), 0x0f, 0x22, 0xc0] };
  },
  lmsw: (c) => ({ text: 'lmsw', bytes: [...load(RAX, c.random.below(16)), 0x0f, 0x01, 0xf0] }),
  x87: () => ({ text: 'fld1 (#NM with TS or EM)', bytes: [0xd9, 0xe8, 0xdd, 0xd8] }),
  debug: (c) => {
    const n = c.random.below(4);
    return {
      text: `mov dr${n}, rcx; mov rax, dr${n}`,
      bytes: [0x0f, 0x23, 0xc1 | (n << 3), 0x0f, 0x21, 0xc0 | (n << 3)],
    };
  },
  dr6: (c) => ({
    text: 'mov dr6',
    bytes: [...load(RAX, c.random.u32() & ~0x1000), 0x0f, 0x23, 0xf0, 0x0f, 0x21, 0xf2],
  }),
};

const ring0Long: Record<string, Maker> = {
  cr8: (c) => {
    const value = c.random.below(16); // QEMU does not check for more
    return { text: `mov cr8, ${value}`, bytes: [...load(RAX, value), 0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x20, 0xc2] };
  },
  swapgs: () => ({ text: 'swapgs', bytes: [0x0f, 0x01, 0xf8] }),
  msr: (c) => {
    const msr = 0xc0000100 + c.random.below(3);
    const value = canonical(c.random);
    return {
      text: `wrmsr ${hex(msr)}, ${hex(value)}`,
      bytes: [
        ...load(RCX, msr),
        ...load(RAX, Number(value & 0xffffffffn)),
        ...load(RDX, Number(value >> 32n)),
        0x0f,
        0x30,
        0x0f,
        0x32,
      ],
    };
  },
  syscall: (c) => {
    const wr = (msr: number, low: number, high: number) => [
      ...load(RCX, msr),
      ...load(RAX, low),
      ...load(RDX, high),
      0x0f,
      0x30,
    ];
    return {
      text: 'syscall',
      bytes: [
        ...wr(0xc0000081, 0, 0x00200008),
        ...wr(0xc0000082, LANDING, 0),
        ...wr(0xc0000084, flagsImage(c.random) | 0xdd5, 0),
        0x0f,
        0x05,
      ] /* QEMU loses the arithmetic flags and DF */,
    };
  },
  sysret: (c) => ({
    text: 'sysret',
    bytes: [
      ...load(RCX, 0xc0000081),
      ...load(RAX, 0),
      ...load(RDX, 0x00200008),
      0x0f,
      0x30,
      ...load(RCX, LANDING),
      0x41,
      0xbb,
      ...le(flagsImage(c.random) & ~0x100, 4),
      ...rex(c, c.random.below(2) > 0),
      0x0f,
      0x07,
    ],
  }),
};

const bothLong: Record<string, Maker> = {
  bases: (c) => {
    const op = c.random.pick([0xd0, 0xd8, 0xc2, 0xca]);
    return {
      text: `fsgsbase ${hex(op)}`,
      bytes: [...loadWide(c, RAX, canonical(c.random)), 0xf3, ...rex(c, c.random.below(3) > 0), 0x0f, 0xae, op],
    };
  },
  indirect: (c) => {
    // QEMU raises #GP for a non-canonical target there, not at the branch.
    const target = c.random.pick([
      BigInt(LANDING),
      0xffff800000000000n,
      BigInt(NOT_PRESENT),
      0x7ffffffff000n,
      ...(c.ring === 3 ? [BigInt(SUPERVISOR)] : []),
    ]);
    return { text: `jmp ${hex(target)}`, bytes: [...loadWide(c, RDX, target), 0xff, c.random.pick([0xe2, 0xd2])] };
  },
  stackPointer: (c) => {
    const value = c.random.pick([
      BigInt(NOT_PRESENT),
      BigInt(READ_ONLY) + 8n,
      BigInt(DATA) + 4n,
      0x7ffffffff000n,
      BigInt(SUPERVISOR) + 16n,
    ]);
    // Far returns of QEMU 7 read the stack with supervisor rights; a RET would go to a random address.
    const far =
      c.ring === 0
        ? [
            [0x48, 0xcf],
            [0x48, 0xcb],
          ]
        : [];
    return {
      text: `rsp = ${hex(value)}; push or pop or ret`,
      bytes: [...loadWide(c, RSP, value), ...c.random.pick([[0x50], [0x58], [0x9c], [0xe8, 0, 0, 0, 0], ...far])],
    };
  },
};

export function makeProgram(random: Random, bits: Bits): Program {
  const ring = random.below(2) ? 0 : 3;
  const makers = Object.values({
    ...both,
    ...(bits === 64 ? bothLong : {}),
    ...(ring === 0 ? ring0 : {}),
    ...(ring === 0 && bits === 64 ? ring0Long : {}),
  });
  const code: number[] = [];
  const listing: string[] = [];
  let readsFirst = false;
  for (let left = 1 + random.below(2 * OFTEN); left > 0; left--) {
    const piece = random.pick(makers)({ random, bits, ring, at: CODE + code.length });
    if (code.length + piece.bytes.length > 300) break;
    listing.push(
      `${hex(CODE + code.length)}: ${piece.text}  [${piece.bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}]`,
    );
    code.push(...piece.bytes);
    readsFirst ||= piece.readsFirst ?? false;
  }
  const registers = Array.from({ length: 16 }, () => (bits === 64 ? wide(random) : BigInt(random.u32())));
  registers[RBX] = BigInt(DATA + 0x400);
  registers[RSI] = BigInt(DATA + 0x800);
  registers[RDI] = BigInt(DATA + 0xc00);
  registers[RBP] = BigInt(STACK + 0x100);
  registers[RSP] = BigInt(STACK);
  return {
    ring,
    code,
    listing,
    registers,
    flags: (random.below(4) ? 0 : random.pick([1, 0x40, 0x800, 0x3000])) | 2,
    readsFirst,
  };
}
