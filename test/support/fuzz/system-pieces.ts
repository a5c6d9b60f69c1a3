/** Pieces for kernels: SMAP and rings, PCIDs, control registers, page tables, the flag that holds interrupts. */
import { le } from '../little-endian.ts';
import type { Random } from '../random.ts';
import { DATA_BYTES, LARGE, SELECTOR } from './memory-map.ts';
import { absolute, load, one, rexW } from './pieces.ts';
import type { Item, Piece } from './program.ts';
import type { Place } from './scenario.ts';

const STAC = [0x0f, 0x01, 0xcb];
const CLAC = [0x0f, 0x01, 0xca];
const PTE_P = 1;
const CR0_WP = 0x10000;
const CR4_PGE = 0x80;
const CR4_PCIDE = 0x20000;
const CR4_SMAP = 0x200000;
const NO_FLUSH = 1n << 63n; // of a value for CR3: SDM Vol. 3A, 4.10.4.1

/** The kernel changes address spaces and entries of its page tables. */
export function spaces(p: Place): readonly Piece[] {
  const pieces: Piece[] = p.roots.map((root) => () => [one(...load(p, 0, BigInt(root)), 0x0f, 0x22, 0xd8)]);
  return [
    ...pieces,
    (r) => {
      const { at, linear, flips } = r.pick(p.entries);
      // xor dword [entry], bits; invlpg [page]
      return [one(0x81, ...absolute(p, 6, at), ...le(r.pick(flips), 4)), one(0x0f, 0x01, ...absolute(p, 7, linear))];
    },
    (r) => {
      const { at } = r.pick(p.entries);
      // Accessed and dirty bits are looked at, and cleared with a flush of all that is not global.
      return [one(0x81, ...absolute(p, 4, at), ...le(~0x60, 4)), one(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8)];
    },
    (r) => [one(...rexW(p), 0x8b, ...absolute(p, 2, r.pick(p.entries).at))],
  ];
}

export function interruptFlag(): readonly Piece[] {
  return [
    () => [one(0xfa), one(0xfb)],
    () => [one(0xfb)],
    () => [one(0xfa)],
    () => [one(0xfb), one(0x90)],
    () => [one(0x9c), one(0x9d)],
  ];
}

/** An access of a page that may be the kernel's or a user's, of the data or of the stack. */
function access(p: Place, random: Random): Item {
  const at = random.chance(0.7) ? p.data + random.below(DATA_BYTES) : p.stackTop - random.below(0x1000);
  const op = random.pick([0x8b, 0x89, 0x01, 0x03, 0x87]);
  return one(...(random.chance(0.3) ? rexW(p) : []), op, ...absolute(p, 1, at));
}
/** Ring 3 goes on with the next instruction; what it may not do brings it back to ring 0. */
function toRing3(p: Place): Item {
  const toCode =
    p.bits === 64
      ? [0x6a, SELECTOR.userCode64, 0x48, 0x8d, 0x05, ...le(3, 4), 0x50, 0x48, 0xcf] // push cs; lea rax, [rip + 3]; push rax; iretq
      : [0x6a, SELECTOR.userCode32, 0xe8, ...le(0, 4), 0x83, 0x04, 0x24, 5, 0xcf]; // push cs; call +0; add [esp], 5; iret
  return one(0x6a, SELECTOR.userData, 0x54, 0x9c, ...toCode); // push ss; push rsp; pushf
}
/** EFLAGS.AC set and cleared around accesses, in ring 0 and in ring 3. */
export function smap(p: Place): readonly Piece[] {
  const toggleAc = one(0x9c, 0x80, 0x74, 0x24, 2, 4, 0x9d); // pushf; xor byte [rsp + 2], 4; popf
  return [
    (r) => [one(...STAC), access(p, r), one(...CLAC)],
    (r) => [one(...CLAC), access(p, r), one(...STAC), access(p, r)],
    () => [one(...STAC)],
    () => [one(...CLAC)],
    () => [toggleAc],
    (r) => [access(p, r), access(p, r)],
    (r) => [access(p, r), toRing3(p), access(p, r), access(p, r)],
    (r) => [toRing3(p), toggleAc, access(p, r)],
    (r) => [one(0x6a, r.below(256), 0x58)], // push; pop: the stack's page
    () => [flipControl(4, CR4_SMAP)],
  ];
}

/** What a kernel does where it is entered and left: segments, model-specific registers, interrupts held and let in around accesses. */
export function kernelEntry(p: Place): readonly Piece[] {
  const SEGMENTS = [0, 3, 4, 5]; // ES DS FS GS
  const PUSH_POP = [
    [
      [0x0f, 0xa0],
      [0x0f, 0xa1],
    ], // FS
    [
      [0x0f, 0xa8],
      [0x0f, 0xa9],
    ], // GS
    ...(p.bits === 64
      ? []
      : [
          [[0x1e], [0x1f]], // DS
          [[0x06], [0x07]], // ES
        ]),
  ];
  const { data, userData, userCode32, ownData, ownExtra, tss } = SELECTOR;
  // mov ax, selector; mov segment, ax
  const put = (segment: number, selector: number) =>
    one(...(p.bits === 16 ? [] : [0x66]), 0xb8, ...le(selector, 2), 0x8e, 0xc0 | (segment << 3));
  const selector = (r: Random) => r.pick([data, data, userData, userData, ownData, ownExtra, userCode32, 0, tss]);
  const msr = (number: number, value: number) =>
    one(...load(p, 1, BigInt(number)), ...load(p, 0, BigInt(value)), ...load(p, 2, 0n), 0x0f, 0x30);
  const GS_BASES = [0xc0000101, 0xc0000102]; // IA32_GS_BASE, IA32_KERNEL_GS_BASE
  return [
    (r) => [put(r.pick(SEGMENTS), selector(r)), access(p, r)],
    (r) => [one(0xfb), put(r.pick([2, ...SEGMENTS]), data), access(p, r)],
    (r) => {
      const [push, pop] = r.pick(PUSH_POP) as [number[], number[]];
      return [one(...push), put(r.pick(SEGMENTS), selector(r)), access(p, r), one(...pop), access(p, r)];
    },
    (r) => [one(0x9c), one(0xfa), access(p, r), one(0x9d), access(p, r)],
    (r) => [one(0xfa), access(p, r), one(0xfb), access(p, r), access(p, r)],
    () => [one(0xfb), one(0xfa)],
    (r) =>
      p.bits === 64
        ? [
            msr(r.pick(GS_BASES), p.data + r.below(0x400)),
            one(0x0f, 0x01, 0xf8), // swapgs
            one(0x65, 0x8b, ...absolute(p, 2, r.below(0x400))),
          ]
        : [one(...load(p, 1, 0x174n), 0x0f, 0x32)], // rdmsr of IA32_SYSENTER_CS
  ];
}

/** xor of CR0 or CR4 by way of rAX. */
function flipControl(register: 0 | 4, bits: number): Item {
  const field = 0xc0 | (register << 3);
  return one(0x0f, 0x20, field, 0x35, ...le(bits, 4), 0x0f, 0x22, field);
}
export function controls(): readonly Piece[] {
  return [() => [flipControl(0, CR0_WP)], () => [flipControl(4, CR4_PGE)]];
}

/** CR3 with PCIDs, with and without a flush, and INVPCID of every type. */
export function pcids(p: Place): readonly Piece[] {
  const descriptor = p.data + 0x3c0;
  const pcid = (r: Random) => r.pick([0, 0, 1, 2, 0xfff]);
  const linear = (r: Random) => r.pick([p.data, p.data + 0x1000, p.code, p.stackTop]);
  const root = (r: Random) => BigInt(r.pick(p.roots) | pcid(r)) | (r.chance(0.5) ? NO_FLUSH : 0n);
  return [
    (r) => [one(...load(p, 0, root(r)), 0x0f, 0x22, 0xd8)],
    (r) => [
      one(
        ...[...rexW(p), 0xc7, ...absolute(p, 0, descriptor), ...le(pcid(r), 4)],
        ...[...rexW(p), 0xc7, ...absolute(p, 0, descriptor + 8), ...le(linear(r), 4)],
        ...[...load(p, 0, BigInt(r.below(4))), 0x66, 0x0f, 0x38, 0x82, ...absolute(p, 0, descriptor)],
      ),
    ],
    (r) => {
      // An entry changes, and INVPCID of all contexts says so.
      const { at, flips } = r.pick(p.entries);
      return [
        one(0x81, ...absolute(p, 6, at), ...le(r.pick(flips), 4)),
        one(
          ...[...rexW(p), 0xc7, ...absolute(p, 0, descriptor), ...le(0, 4)],
          ...[...load(p, 0, 2n), 0x66, 0x0f, 0x38, 0x82, ...absolute(p, 0, descriptor)],
        ),
      ];
    },
    () => [flipControl(4, CR4_PCIDE)],
    () => [one(0x0f, 0x20, 0xd9)], // mov rcx, cr3
  ];
}

/** Pages that can be present or not come and go, each time with INVLPG, at its beginning or elsewhere. */
export function remaps(p: Place): readonly Piece[] {
  return p.entries
    .filter(({ flips }) => flips.includes(PTE_P))
    .map(({ at, linear }) => (r) => [
      one(0x81, ...absolute(p, 6, at), ...le(PTE_P, 4)), // xor dword [entry], P
      one(0x0f, 0x01, ...absolute(p, 7, linear + r.below(0x1000))),
    ]);
}
/** Accesses all over a large page and at its end. */
export function largePages(p: Place): readonly Piece[] {
  const ends = [0x200000, 0x400000].map((size) => BigInt(LARGE + size));
  const op = (r: Random) =>
    r.pick([[0x8b], [0x89], [...rexW(p), 0x8b], [...rexW(p), 0x01], [0x0f, 0x10], [0x0f, 0x11]]);
  return [
    (r) => [one(...load(p, 3, r.pick(ends) - BigInt(r.below(40)))), one(...op(r), 0x43, r.below(32))],
    (r) => [one(...load(p, 3, BigInt(p.data + 0x100000 + r.below(0x80000)))), one(...op(r), 0x43, r.below(32))],
    // The same again behind the page.
    (r) => [one(...load(p, 3, BigInt(p.data + 0x200000 + r.below(DATA_BYTES)))), one(...op(r), 0x43, r.below(32))],
    (r) => [
      one(...load(p, 5, BigInt(p.data + 0x200000 * r.below(3) + r.below(DATA_BYTES)))),
      one(...op(r), 0x45, r.below(32)),
    ],
  ];
}
