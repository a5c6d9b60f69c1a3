/** The kinds of programs that the fuzzer makes: one entry each. */
import type { Random } from '../random.ts';
import type { Action } from './lockstep.ts';
import type { Mode } from './modes.ts';
import { aliasJumps, crossing, faults, floatControls, selfModifying, stacks, strings, wraps } from './pieces.ts';
import type { Piece } from './program.ts';
import { usualMxcsr, type Choices, type Place } from './scenario.ts';
import { controls, interruptFlag, kernelEntry, largePages, pcids, remaps, smap, spaces } from './system-pieces.ts';

export interface Kind {
  readonly name: string;
  /** Drawn anew for each program. */
  readonly choices: (random: Random) => Choices;
  /** How often each happens between stretches. */
  readonly weights: Readonly<Partial<Record<Action['name'], number>>>;
  /** Of each program. */
  readonly instructions: number;
}

const INTEGER = { alu: 30, mov: 26, shift: 10, bit: 6, muldiv: 5, stack: 8, flag: 3, string: 4, misc: 2, branch: 1 };
const LEGACY = { ...INTEGER, legacy: 4 };
const WITH_SYSTEM = { ...INTEGER, system: 1, io: 1 };
const SSE = { simd: 30, 'simd-later': 14, float: 40, mov: 10, alu: 10, stack: 2 };
const X87 = { x87: 60, mmx: 12, mov: 10, alu: 10, stack: 2, simd: 2 };

const mixed =
  (...makers: ((p: Place) => readonly Piece[])[]) =>
  (p: Place): readonly Piece[] =>
    makers.flatMap((make) => make(p));

// ---- kinds -----------------------------------------------------------------------------------------------------------
const CALM = { none: 3, kick: 12 } as const;
/**
 * Dropping decoded code also drops translations of the fetch TLB, which shows where the program can change page tables without a
 * flush, or sees their accessed bits: only for programs that can't.
 */
const FLUSHED = { ...CALM, flush: 1 } as const;
const PER_PROGRAM = 12_000;
const all: readonly Mode[] = [
  'user64',
  'kernel64',
  'compatibility',
  'user32',
  'kernel32',
  'flat32',
  'segmented32',
  'protected16',
  'real',
];
const kind = (
  name: string,
  choices: Kind['choices'],
  weights: Kind['weights'] = CALM,
  instructions = PER_PROGRAM,
): Kind => ({ name, choices, weights, instructions });
const exoticMxcsr = (r: Random): number => (r.chance(0.4) ? usualMxcsr(r) : r.below(0x10000));
const exoticFcw = (r: Random): number =>
  r.chance(0.4) ? 0x37f : 0x40 | r.below(64) | (r.pick([0, 2, 3]) << 8) | (r.below(4) << 10);

export const KINDS: readonly Kind[] = [
  kind('int64-user', () => ({ mode: 'user64', groups: INTEGER }), FLUSHED),
  kind('int64-kernel', () => ({ mode: 'kernel64', groups: WITH_SYSTEM })),
  kind('int32', (r) => ({ mode: r.pick(['compatibility', 'user32', 'kernel32', 'flat32']), groups: LEGACY })),
  kind(
    'segmented32',
    () => ({ mode: 'segmented32', groups: LEGACY, segments: 0.25, edges: 0.2, pieces: stacks }),
    FLUSHED,
  ),
  kind('protected16', () => ({ mode: 'protected16', groups: LEGACY, segments: 0.15, pieces: stacks }), FLUSHED),
  kind('real', () => ({ mode: 'real', groups: LEGACY, segments: 0.15, pieces: mixed(stacks, strings) }), FLUSHED),
  kind('sse', (r) => ({ mode: r.pick(['user64', 'kernel64', 'user32']), groups: SSE, mxcsr: usualMxcsr })),
  kind(
    'sse-controls',
    (r) => ({
      mode: r.pick(['user64', 'user32', 'protected16']),
      groups: SSE,
      mxcsr: exoticMxcsr,
      pieces: floatControls,
      pieceChance: 0.05,
    }),
    FLUSHED,
  ),
  kind('x87', (r) => ({ mode: r.pick(['user64', 'compatibility', 'flat32', 'real']), groups: X87 }), FLUSHED),
  kind(
    'x87-controls',
    (r) => ({
      mode: r.pick(['user64', 'user32', 'segmented32']),
      groups: X87,
      fcw: exoticFcw,
      pieces: floatControls,
      pieceChance: 0.05,
    }),
    FLUSHED,
  ),
  kind(
    'self-modifying',
    (r) => ({
      mode: r.pick(['user64', 'kernel64', 'user32', 'flat32', 'real', 'real']),
      groups: INTEGER,
      writableCode: true,
      pieces: selfModifying,
      pieceChance: 0.06,
    }),
    { none: 4, kick: 6, restore: 6, patch: 3 },
    8_000,
  ),
  kind('page-crossing', (r) => ({
    mode: r.pick(all),
    groups: { ...INTEGER, simd: 8, x87: 4 },
    edges: 0.5,
    start: (q) => 0xfff - q.below(0x180),
    pieces: crossing,
  })),
  kind('faulting', (r) => ({
    mode: r.pick(all),
    groups: { ...WITH_SYSTEM, simd: 4, x87: 3 },
    bad: 0.2,
    pieces: faults,
    alignment: r.chance(0.4),
    pieceChance: 0.12,
  })),
  kind(
    'interrupts',
    (r) => ({ mode: r.pick(all), groups: WITH_SYSTEM, pieces: mixed(interruptFlag, stacks), pieceChance: 0.08 }),
    { kick: 3, interrupt: 12, nmi: 3, none: 1 },
  ),
  kind(
    'kernel-entry',
    (r) => ({
      mode: r.pick(['kernel64', 'kernel32', 'kernel32', 'flat32', 'segmented32', 'protected16']),
      groups: INTEGER,
      pieces: kernelEntry,
      pieceChance: 0.2,
    }),
    { kick: 6, interrupt: 8, nmi: 2, none: 2 },
  ),
  kind('spaces', () => ({ mode: 'kernel64', groups: INTEGER, spaces: true, pieces: spaces, pieceChance: 0.06 }), {
    none: 4,
    kick: 8,
  }),
  kind(
    'smap',
    (r) => ({
      mode: r.pick(['kernel64', 'kernel64', 'kernel32']),
      groups: INTEGER,
      smap: true,
      changes: true,
      alignment: r.chance(0.3),
      pieces: mixed(smap, smap, spaces, controls),
      pieceChance: 0.12,
    }),
    { none: 4, kick: 8, interrupt: 2 },
  ),
  kind(
    'pcid',
    () => ({
      mode: 'kernel64',
      groups: INTEGER,
      spaces: true,
      pcid: true,
      pieces: mixed(pcids, spaces, controls),
      pieceChance: 0.06,
    }),
    { none: 4, kick: 8 },
  ),
  kind(
    'large-pages',
    (r) => {
      const mode = r.pick<Mode>(['user64', 'kernel64', 'kernel64', 'compatibility', 'user32', 'kernel32']);
      const isKernel = mode === 'kernel64' || mode === 'kernel32';
      return {
        mode,
        groups: INTEGER,
        large: true,
        changes: isKernel,
        pieces: isKernel
          ? mixed(largePages, aliasJumps, aliasJumps, remaps, remaps, remaps, spaces, controls)
          : mixed(largePages, aliasJumps),
        pieceChance: 0.2,
        edges: 0.15,
      };
    },
    { none: 4, kick: 8 },
  ),
  kind(
    'alias',
    (r) => ({
      mode: r.pick(['user64', 'user32']),
      groups: INTEGER,
      writableCode: true,
      pieces: mixed(selfModifying, aliasJumps),
      pieceChance: 0.05,
    }),
    { none: 4, kick: 6, restore: 6 },
    8_000,
  ),
  kind('wrap', (r) => ({
    mode: r.pick(['user64', 'kernel64', 'compatibility', 'flat32', 'kernel32', 'real']),
    groups: INTEGER,
    wild: 0.4,
    pieces: wraps,
    pieceChance: 0.25,
  })),
  kind('strings', (r) => ({ mode: r.pick(all), groups: { ...INTEGER, string: 20 }, pieces: strings })),
  kind('stacks', (r) => ({
    mode: r.pick(all),
    groups: { mov: 10, alu: 10, stack: 20 },
    pieces: stacks,
    pieceChance: 0.5,
  })),
];
