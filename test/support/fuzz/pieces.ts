/** What kinds of programs put between random instructions: short sequences that come to what a kind is about. */
import { le } from '../little-endian.ts';
import type { Random } from '../random.ts';
import { DATA_BYTES } from './memory-map.ts';
import type { Item, Piece } from './program.ts';
import type { Place } from './scenario.ts';

export const one = (...bytes: number[]): Item => ({ bytes });
/** Operand at an address without a base register, for `reg`. */
export const absolute = (p: Place, reg: number, at: number): number[] =>
  p.bits === 64
    ? [(reg << 3) | 4, 0x25, ...le(at, 4)]
    : p.bits === 32
      ? [(reg << 3) | 5, ...le(at, 4)]
      : [(reg << 3) | 6, ...le(at, 2)];
const word = (p: Place) => (p.bits === 64 ? 8 : p.bits / 8);
/** mov register, value of full width */
export const load = (p: Place, register: number, value: bigint): number[] =>
  p.bits === 64 ? [0x48, 0xb8 + register, ...le(value, 8)] : [0xb8 + register, ...le(value, word(p))];
export const rexW = (p: Place) => (p.bits === 64 ? [0x48] : []);

/** Stores into the program's own code. In real mode and with segments, through CS where that may be written. */
export function selfModifying(p: Place): readonly Piece[] {
  const target = (r: Random) => (r.chance(0.7) ? p.code : p.codeAlias) + r.below(0x1000 + 0x600);
  const override = p.bits === 16 ? [0x2e] : [];
  return [
    (r) => [one(...override, 0xc6, ...absolute(p, 0, target(r)), r.below(256))],
    (r) => [one(...override, 0xfe, ...absolute(p, r.below(2), target(r)))],
    (r) => [one(...override, 0x80, ...absolute(p, r.below(8), target(r)), r.pick([1, 0x80, 7]))],
    // The immediate of the next instruction: inc byte [rip + 1]; mov eax, imm
    (r) =>
      p.bits === 64
        ? [one(0xfe, 0x05, ...le(1, 4), 0xb8, ...le(r.u32(), 4))]
        : [
            one(
              0xe8,
              ...le(0, p.bits / 8),
              ...(p.bits === 32 ? [0x5b, 0xfe, 0x43] : [0x5b, 0x2e, 0xfe, 0x47]),
              p.bits === 32 ? 5 : 6,
              0xb8,
              ...le(r.u32(), p.bits / 8),
            ),
          ],
    // What a later instruction is: 90 and 40+r are one byte in 32-bit code, 90 and f8 everywhere.
    (r) => (p.bits === 64 ? [one(0x80, 0x35, ...le(0, 4), 0x68), one(0x90)] : [one(0x90 + r.below(8))]),
    // A string store over code.
    (r) => [one(...load(p, 7, BigInt(target(r))), ...load(p, 1, BigInt(1 + r.below(6))), 0xf3, r.pick([0xaa, 0xa4]))],
  ];
}
/** Accesses at the ends of pages, plain and by repeated string instructions. */
export function crossing(p: Place): readonly Piece[] {
  const near = (r: Random) => BigInt.asUintN(64, r.pick(p.edges) - BigInt(r.below(24)));
  const size = (r: Random) => r.pick([[], rexW(p), [0x66]]);
  return [
    (r) => [
      one(...load(p, 3, near(r))),
      one(...size(r), r.pick([0x8b, 0x89, 0x01, 0x03, 0x31, 0x87]), 0x43, r.below(24)),
    ],
    (r) => [one(...load(p, 3, near(r))), one(0x0f, r.pick([0x10, 0x11, 0x6f, 0x7f, 0x28]), 0x43, r.below(24))],
    (r) => [
      one(...load(p, 5, near(r))),
      one(r.pick([0xdd, 0xdb, 0xd9, 0xdf]), 0x45 | (r.pick([0, 2, 3, 5, 7]) << 3), r.below(24)),
    ],
  ];
}
export function strings(p: Place): readonly Piece[] {
  const near = (r: Random) =>
    r.chance(0.6) ? r.pick(p.edges) - BigInt(r.below(60)) : BigInt(p.data + r.below(DATA_BYTES));
  return [
    (r) => [
      one(...load(p, 6, near(r))),
      one(...load(p, 7, near(r))),
      one(...load(p, 1, BigInt(r.below(r.chance(0.1) ? 3000 : 50)))),
      one(r.pick([0xfc, 0xfc, 0xfc, 0xfd])),
      one(
        ...r.pick([[0xf3], [0xf3], [0xf2], []]),
        ...(r.chance(0.4) ? (r.chance(0.5) ? [0x66] : rexW(p)) : []),
        r.pick([0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xa7, 0xac, 0xad, 0xae, 0xaf]),
      ),
      one(0xfc),
    ],
  ];
}
/** Pushes and pops in numbers, frames, and a stack pointer near the end of a page. */
export function stacks(p: Place): readonly Piece[] {
  const saved = (r: Random) => one(0x50 + r.below(8));
  const tops = p.edges.filter((at) => at >= 0x100n);
  return [
    (r) => Array.from({ length: 1 + r.below(6) }, () => saved(r)),
    (r) => [saved(r), saved(r), one(0x58 + r.pick([0, 1, 2])), one(0x58 + r.pick([0, 1, 2]))],
    (r) => [one(0xc8, r.below(64) * 8, 0, r.pick([0, 0, 0, 1, 2])), one(0xc9)],
    (r) => [one(0x6a, r.below(256)), one(0x9c), one(0x58), one(0x58)],
    (r) => [one(...rexW(p), 0x83, r.pick([0xc4, 0xec]), r.below(12) * 8)],
    (r) => [
      one(...load(p, 4, r.chance(0.5) ? BigInt(p.stackTop) : r.pick(tops) - BigInt(r.below(8) * word(p)))),
      saved(r),
      saved(r),
      one(0x58),
    ],
    (r) => [one(0xff, ...absolute(p, 6, p.data + r.below(DATA_BYTES)))],
    (r) => [one(0x8f, ...absolute(p, 0, p.data + r.below(DATA_BYTES)))],
    (r) => [one(...rexW(p), 0x8b, 0x44, 0x24, r.below(8) * 8), one(...rexW(p), 0x89, 0x4c, 0x24, r.below(8) * 8)],
    () => [one(0x54), one(0x5c)], // push rsp; pop rsp
  ];
}
/** What faults. */
export function faults(p: Place): readonly Piece[] {
  const bad = (r: Random) => (r.pick(p.bad) + BigInt(r.below(8))) & (p.bits === 64 ? (1n << 64n) - 1n : 0xffffffffn);
  return [
    (r) => [
      one(...load(p, 3, bad(r))),
      one(...r.pick([[], rexW(p)]), r.pick([0x8b, 0x89, 0x01, 0x87, 0x39]), r.pick([0x03, 0x0b, 0x13])),
    ],
    (r) => [one(...load(p, 3, BigInt(p.data + 0x2000 + r.below(0x3000)))), one(r.pick([0x88, 0x8a, 0x00, 0x86]), 0x03)],
    () => [one(0x0f, 0x0b)],
    (r) => [one(...rexW(p), r.pick([0xf7]), r.pick([0xf1, 0xf9]))], // div, idiv
    (r) => [one(...load(p, 3, bad(r))), one(0xff, r.pick([0x33, 0x13, 0x23]))], // push, call, jmp [bx]
    (r) => [one(...load(p, 3, bad(r))), one(0xff, 0xe3)],
    (r) => [one(0x0f, 0x28, 0x43, r.below(16))], // movaps: aligned or not
    (r) => [one(0xcd, r.pick([3, 4, 0x80, 13, 6]))],
    (r) => [one(...load(p, 4, bad(r))), one(r.pick([0x50, 0x58, 0xc3, 0xc9]))],
    () => [one(0xf4)],
  ];
}
/** Addresses that wrap, and those just beside what is canonical, with displacements on either side. */
export function wraps(p: Place): readonly Piece[] {
  const around =
    p.bits === 64
      ? [0n, 1n << 47n, (1n << 64n) - (1n << 47n), 1n << 63n, 1n << 48n, 1n << 32n, 0x7ffff000n, 0x80000000n]
      : p.bits === 32
        ? [0n, 0x80000000n, 0xffff0000n]
        : [0n, 0x8000n];
  const target = [BigInt(p.data + 0x40), ...p.edges];
  const mask = p.bits === 64 ? (1n << 64n) - 1n : p.bits === 32 ? 0xffffffffn : 0xffffn;
  const op = (r: Random) => r.pick([[0x8b], [0x89], [...rexW(p), 0x8b], [...rexW(p), 0x89], [0x8a], [0x66, 0x01]]);
  const far = p.bits === 16 ? 2 : 4;
  return [
    (r) => {
      // base + displacement lands on what is mapped, though the base does not.
      const displacement = r.pick([0x7fffffff, -0x80000000, 0x7ffffff0, -1, 1, 0x1000, r.u32() | 0]);
      const base = (r.pick(target) - BigInt(displacement)) & mask;
      const modrm = p.bits === 16 ? 0x87 : 0x83;
      return [one(...load(p, 3, base)), one(...op(r), modrm, ...le(displacement, far))];
    },
    (r) => [
      one(...load(p, 3, (r.pick(around) + BigInt(r.below(64) - 32)) & mask)),
      one(...op(r), p.bits === 16 ? 0x47 : 0x43, r.below(256)),
    ],
    (r) => {
      // Base and index, scaled.
      if (p.bits === 16) return [one(0x90)];
      const index = r.chance(0.5) ? (r.pick(around) + BigInt(r.below(64))) & mask : BigInt(r.u32());
      const scale = r.below(4);
      const base = (r.pick(target) - (index << BigInt(scale))) & mask;
      return [one(...load(p, 3, base)), one(...load(p, 1, index)), one(...op(r), 0x04, (scale << 6) | 0x0b)];
    },
    (r) => {
      // A tag of an empty slot of the TLB: the page beside, with bits of other slots.
      if (p.bits === 16) return [one(0x90)];
      const page = r.below(2048) << 12;
      const upper =
        p.bits === 64
          ? r.pick([0n, 1n << 47n, 1n << 48n, 0xffffn << 48n, 1n << 22n, 1n << 63n])
          : BigInt(r.pick([0, 0x400000, 0x80000000]));
      return [one(...load(p, 3, (BigInt(page) | upper) & mask)), one(...op(r), 0x43, r.below(256))];
    },
    (r) => [
      one(...load(p, 4, (r.pick(around) + BigInt(r.below(32) - 16)) & mask)),
      one(r.pick([0x50, 0x58, 0x9c])),
      one(...load(p, 4, BigInt(p.stackTop))),
    ],
    (r) => (p.bits === 64 ? [one(0x67, 0x8b, 0x83, ...le(r.u32(), 4))] : [one(0x67, 0x8b, 0x00)]),
  ];
}
/** Sticky flags and controls change under way. */
export function floatControls(p: Place): readonly Piece[] {
  const at = p.data + 0x3c0;
  const store = (value: number) => one(0xc7, ...absolute(p, 0, at), ...le(value, p.bits === 16 ? 2 : 4));
  return [
    (r) => [
      store(r.pick([0x1f80, 0x1fa0, 0x1fa0, 0x1fbf, 0x5fa0, 0x9fa0, 0x1fe0, 0x9fc0, 0x1f00, 0x0, 0x1e80])),
      one(0x0f, 0xae, ...absolute(p, 2, at)),
    ],
    (r) => [store(r.pick([0x37f, 0x27f, 0x7f, 0xb7f, 0xf7f, 0x37e, 0x300, 0x35f])), one(0xd9, ...absolute(p, 5, at))],
    () => [one(0x0f, 0xae, ...absolute(p, 3, at))],
    () => [one(0xdb, 0xe2)],
    () => [one(0xdb, 0xe3)],
  ];
}
/** Control goes to the same code by its other address. */
export function aliasJumps(p: Place): readonly Piece[] {
  const by = BigInt(p.codeAlias - p.code);
  if (by === 0n) return [];
  // call next; pop rax; xor eax, difference; add eax, what is left; jmp rax
  const rest =
    p.bits === 64
      ? [0x48, 0x35, ...le(by, 4), 0x48, 0x83, 0xc0, 12, 0xff, 0xe0]
      : [0x35, ...le(by, 4), 0x83, 0xc0, 10, 0xff, 0xe0];
  const bytes = [0xe8, ...le(0, 4), 0x58, ...rest];
  bytes[bytes.length - 3] = bytes.length - 5;
  return [() => [one(...bytes)]];
}
