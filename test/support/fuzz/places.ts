/** Where things are in each mode, as a program sees them, and the segments that make it so. SDM Vol. 3A, 3.4. */
import * as L from '../../../assembly/layout.ts';
import type { SegmentRegister } from '../../../src/core/cpu.ts';
import type { Random } from '../random.ts';
import { random64 } from '../random-values.ts';
import { B, G, TYPE_CODE, TYPE_DATA, type Image } from './image.ts';
import {
  CODE_FRAMES,
  CODE_PAGES,
  DATA_FRAMES,
  LARGE,
  LINEAR,
  SELECTOR,
  SPARE_FRAMES,
  STACK_BYTES,
  STACK_FRAMES,
} from './memory-map.ts';
import { MODES, type Mode } from './modes.ts';

/** Linear addresses, or offsets where segments have bases. */
export interface Places {
  readonly segments: readonly SegmentRegister[];
  readonly code: number;
  readonly data: number;
  readonly stackTop: number;
  /** Addresses near which something ends. */
  readonly edges: readonly bigint[];
  /** Addresses where nothing is. */
  readonly bad: readonly bigint[];
}

export const CODE_BYTES = CODE_PAGES * 0x1000;
const LARGE_PAGE_BYTES = 0x200000;
const REAL_SEGMENT = (base: number, code: boolean): SegmentRegister => ({
  selector: base >> 4,
  base: BigInt(base),
  limit: 0xffff,
  flags: code ? 0x9b00 : 0x9300,
});
const RING3 = 0x60; // DPL of a descriptor
const NO_SEGMENT: SegmentRegister = { selector: 0, base: 0n, limit: 0, flags: 0 };

const flat = (image: Image, code: number, other: number): SegmentRegister[] =>
  [L.ES, L.CS, L.SS, L.DS, L.FS, L.GS].map((n) => image.segment(n === L.CS ? code : other));
const page = (base: number | bigint, ...offsets: number[]): bigint[] =>
  offsets.map((o) => BigInt.asUintN(64, BigInt(base) + BigInt(o)));

export interface PlaceChoices {
  readonly mode: Mode;
  readonly ring: 0 | 3;
  /** All is in one large page. */
  readonly large: boolean;
}

/** Writes descriptors into the image where the mode needs them. */
export function choosePlaces(random: Random, image: Image, choices: PlaceChoices): Places {
  const { mode } = choices;
  const places =
    MODES[mode].bits === 64
      ? places64(random, image, choices)
      : mode === 'real'
        ? realPlaces(random)
        : mode === 'segmented32' || mode === 'protected16'
          ? segmentedPlaces(random, image, choices)
          : flatPlaces(random, image, choices);
  const tss = mode === 'real' ? NO_SEGMENT : image.segment(SELECTOR.tss);
  return { ...places, segments: [...places.segments, NO_SEGMENT, tss] };
}

/** First addresses of code, data and stack in flat segments. */
function starts({ mode, large }: PlaceChoices): [code: number, data: number, stack: number] {
  if (large) return [LARGE + CODE_FRAMES, LARGE + DATA_FRAMES, LARGE + STACK_FRAMES];
  return MODES[mode].paged ? [LINEAR.code, LINEAR.data, LINEAR.stack] : [CODE_FRAMES, DATA_FRAMES, STACK_FRAMES];
}
const largeEdges = ({ large }: PlaceChoices): bigint[] =>
  large ? page(LARGE, LARGE_PAGE_BYTES, LARGE_PAGE_BYTES, 2 * LARGE_PAGE_BYTES, 0) : [];

function places64(random: Random, image: Image, choices: PlaceChoices): Places {
  const { ring } = choices;
  const [code, data, stack] = starts(choices);
  const segments = flat(
    image,
    ring === 3 ? SELECTOR.userCode64 : SELECTOR.code64,
    ring === 3 ? SELECTOR.userData : SELECTOR.data,
  );
  const base = (): bigint =>
    random.pick([
      0n,
      BigInt(data),
      BigInt(data) + 0x1ff8n,
      LINEAR.high,
      LINEAR.kernelBottom - 8n,
      LINEAR.last64,
      random64(random),
    ]);
  for (const n of [L.FS, L.GS]) segments[n] = { ...segments[n]!, base: BigInt.asUintN(64, BigInt.asIntN(48, base())) };
  const stackTop = stack + STACK_BYTES - 0x100;
  const edges = [
    ...page(data, 0, 0x1000, 0x1000, 0x2000, 0x3000, 0x4000),
    ...page(LINEAR.dataAlias, 0x1000, 0x2000),
    ...page(stack, 0, 0x1000, 0x2000),
    ...page(LINEAR.high, 0, 0x1000),
    ...page(LINEAR.userTop, 0, 0x1000),
    ...page(LINEAR.kernelBottom, 0, 0x1000),
    ...page(LINEAR.last64, 0, 0x1000),
    ...page(code, 0x1000, 0x2000),
    ...largeEdges(choices),
  ];
  const bad = [
    0n,
    0x1000n,
    BigInt(data) + 0x3000n,
    0x8000_0000_0000n,
    0xffff_7fff_ffff_ff00n,
    1n << 63n,
    0x1000_2000_0000n,
    0x0001_0000_2000_0000n,
    0xffff_0000_2000_0000n,
  ];
  return { segments, code, data, stackTop, edges, bad };
}

function flatPlaces(random: Random, image: Image, choices: PlaceChoices): Places {
  const { ring } = choices;
  const dpl = ring === 3 ? RING3 : 0;
  const segments = flat(
    image,
    ring === 3 ? SELECTOR.userCode32 : SELECTOR.code32,
    ring === 3 ? SELECTOR.userData : SELECTOR.data,
  );
  const [code, data, stack] = starts(choices);
  const stackTop = stack + STACK_BYTES - 0x100;
  const edges = [
    ...page(data, 0, 0x1000, 0x1000, 0x2000, 0x3000, 0x4000),
    ...page(stack, 0, 0x1000, 0x2000),
    ...page(LINEAR.last32, 0, 0x1000),
    ...page(code, 0x1000, 0x2000),
    ...largeEdges(choices),
  ];
  const bad = [0n, 0x1000n, BigInt(data) + 0x3000n, 0x80000000n, 0xffffff00n];
  if (random.chance(0.3)) {
    // FS or GS elsewhere.
    image.descriptor(
      SELECTOR.ownFs,
      random.pick([data + 0x100, data + 0x1ff0, 0xfffff000]),
      random.pick([0xfff, 0xfffff]),
      TYPE_DATA | dpl,
      B | random.pick([0, G]),
    );
    segments[random.pick([L.FS, L.GS])] = image.segment(SELECTOR.ownFs | ring);
  }
  return { segments, code, data, stackTop, edges, bad };
}

function realPlaces(random: Random): Places {
  const segments = [
    REAL_SEGMENT(random.pick([DATA_FRAMES, SPARE_FRAMES]), false),
    REAL_SEGMENT(CODE_FRAMES, true),
    REAL_SEGMENT(STACK_FRAMES, false),
    REAL_SEGMENT(DATA_FRAMES, false),
    REAL_SEGMENT(random.pick([DATA_FRAMES + 0xff0, CODE_FRAMES, 0xffff0]), false),
    REAL_SEGMENT(random.pick([SPARE_FRAMES, DATA_FRAMES]), false),
  ];
  const code = 0;
  const data = 0;
  const stackTop = random.pick([0xff00, 0x20, 0x1000, 0xfffe, 1, 0]);
  const edges = page(0, 0, 0x1000, 0x2000, 0xffff, 0x10000, 0x10000);
  const bad = [0xffffn, 0xfffen, 0xffff0000n];
  return { segments, code, data, stackTop, edges, bad };
}

/** Segments with bases and limits, 16 or 32 bits. */
function segmentedPlaces(random: Random, image: Image, { mode, ring }: PlaceChoices): Places {
  const { bits } = MODES[mode];
  const dpl = ring === 3 ? RING3 : 0;
  const wide = bits === 32 ? B : 0;
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
  const segments = [
    SELECTOR.ownExtra,
    SELECTOR.ownCode,
    SELECTOR.ownStack,
    SELECTOR.ownData,
    SELECTOR.ownFs,
    SELECTOR.ownGs,
  ].map((s) => image.segment(s | ring));
  const code = 0;
  const data = 0;
  const stackTop = random.pick([0xff00, 0x2000, 0x1010, 0xfffe]);
  const edges = page(0, 0, 0x1000, 0x2000, dataLimit + 1, dataLimit + 1, 0xffff, 0x10000);
  const bad = [0xffffn, 0xfffen, 0xffff0000n, 0x8000_0000n];
  return { segments, code, data, stackTop, edges, bad };
}
