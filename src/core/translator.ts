/**
 * The host's half of the translator: the core writes function bodies, this makes modules of them, many to one, and puts their
 * functions into the core's table. WebAssembly core specification 2.0, section 5.5. What the bodies may call is the list of
 * imports here, in the order of IMPORT_* in assembly/engine/emit.ts.
 */
import {
  TIER_INTERPRET,
  TIER_MIXED,
  TIER_TRANSLATE,
  T_LEAVES_MANY,
  T_PASSED_MANY,
  T_THRESHOLD,
  T_TIER,
} from '../../assembly/layout.ts';

/** How eagerly code is translated: '0' never, '1' all of it at first sight, 'mixed' what is hot. */
export type Tier = '0' | '1' | 'mixed';
const TIERS = { '0': TIER_INTERPRET, '1': TIER_TRANSLATE, mixed: TIER_MIXED } as const;
/**
 * Heat at which code is translated: about what the interpreter needs to have spent there to pay for it. A sample of where it
 * is (every 1,200 to 1,700 instructions) adds 10, an exit of translated code to a place that is not translated adds 1.
 */
const THRESHOLD = 600;

/** Exits to other code after which a region is made anew with what it calls, and exits in the middle after which it is made more careful. */
const PASSED_MANY = 16_000;
const PASSED_MANY_AT_ONCE = 6;
const LEAVES_MANY = 1200;
const LEAVES_MANY_AT_ONCE = 10;
/** Bytes of modules in use at which all of it is dropped and made anew as needed: V8 keeps about five times as much machine code. */
export const MODULE_BYTES_MAX = 64 << 20;
/** Regions that make a module at once, and slices (of about a millisecond) that fewer wait for more. */
const BATCH = 48;
const SLICES_WAIT = 30;

const I32 = 0x7f;
const I64 = 0x7e;
const FUNC = 0x60;
const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const EXTERNAL = { function: 0, memory: 2 } as const;

/** Functions of the core that translated code calls: name, parameters, results. */
export const IMPORTS: readonly (readonly [name: string, parameters: readonly number[], results: readonly number[]])[] =
  [
    ['callHelper', [I32], [I32]],
    ['divideWide', [I64, I64, I64], [I64]],
    ['mulHigh', [I64, I64], [I64]],
    ['mulHighSigned', [I64, I64], [I64]],
    ['mulOverflows', [I64, I64], [I32]],
    ['x87Call', [I32], []],
    ['x87Single', [I32, I32], [I32]],
    ['x87Double', [I32, I64], [I32]],
    ['x87Integer', [I32, I64], [I32]],
    ['x87PushSingle', [I32], [I32]],
    ['x87PushDouble', [I64], [I32]],
    ['x87PushInteger', [I64], [I32]],
    ['x87PushExtended', [I32, I64], [I32]],
    ['x87Registers', [I32, I32, I32, I32], [I32]],
    ['x87Compare', [I32, I32, I32], [I32]],
    ['x87CompareToFlags', [I32, I32, I32], [I32]],
    ['x87PushRegister', [I32], [I32]],
    ['x87Copy', [I32, I32], [I32]],
    ['x87Exchange', [I32], [I32]],
    ['x87ChangeSign', [I32, I32], [I32]],
    ['x87SquareRoot', [], [I32]],
    ['x87ToSingle', [I32], [I32]],
    ['x87ToDouble', [I32], [I64]],
    ['x87ToInteger16', [I32, I32], [I32]],
    ['x87ToInteger32', [I32, I32], [I32]],
    ['x87ToInteger64', [I32, I32], [I64]],
    ['x87ToExtended', [], [I32]],
    ['x87SetControl', [I32], []],
    ['x87AddRegisters', [I32, I32, I32, I32, I32], [I32]],
    ['x87MultiplyRegisters', [I32, I32, I32], [I32]],
    ['x87AddDouble', [I64, I32, I32], [I32]],
    ['x87MultiplyDouble', [I64], [I32]],
  ];

/** What the translator needs of the core's exports. */
export interface TranslatorCore {
  readonly table: WebAssembly.Table;
  linkRegion(region: number, slot: number): void;
  dropTranslations(): void;
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return bytes;
}
const name = (text: string): number[] => [...leb(text.length), ...new TextEncoder().encode(text)];
const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...leb(bytes.length), ...bytes];

/** Everything of a module up to its function section: type 0 is that of a region, (block: i32) → exit: i32. */
const PREAMBLE: readonly number[] = [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(
    SECTION.type,
    vector([
      [FUNC, 1, I32, 1, I32],
      ...IMPORTS.map(([, parameters, results]) => [
        FUNC,
        ...vector(parameters.map((p) => [p])),
        ...vector(results.map((r) => [r])),
      ]),
    ]),
  ),
  ...section(
    SECTION.import,
    vector([
      [...name('core'), ...name('memory'), EXTERNAL.memory, 0, 1],
      ...IMPORTS.map(([field], n) => [...name('core'), ...name(field), EXTERNAL.function, ...leb(n + 1)]),
    ]),
  ),
];

export interface FunctionBody {
  /** Local declarations included. */
  readonly body: Uint8Array;
  /** Where in the body are branches that are hardly ever taken. */
  readonly unlikely: Uint32Array;
}

/** Section metadata.code.branch_hint: engines that know it keep what is rare out of the way. */
function branchHints(functions: readonly FunctionBody[]): number[] {
  const hinted = functions.flatMap(({ unlikely }, n) =>
    unlikely.length === 0
      ? []
      : [[...leb(IMPORTS.length + n), ...vector([...unlikely].map((offset) => [...leb(offset), 1, 0]))]],
  );
  return section(SECTION.custom, [...name('metadata.code.branch_hint'), ...vector(hinted)]);
}

/** A module of these functions, exported as "0", "1" and so on. */
export function moduleOf(functionBodies: readonly FunctionBody[]): Uint8Array<ArrayBuffer> {
  const bodies = functionBodies.map(({ body }) => body);
  const functions = section(SECTION.function, vector(bodies.map(() => [0])));
  const exports = section(
    SECTION.export,
    vector(bodies.map((_, n) => [...name(String(n)), EXTERNAL.function, ...leb(IMPORTS.length + n)])),
  );
  const sizes = bodies.map((body) => leb(body.length));
  const count = leb(bodies.length);
  const codeBytes = bodies.reduce((sum, body, n) => sum + body.length + sizes[n]!.length, count.length);
  const codeHead = [SECTION.code, ...leb(codeBytes), ...count];
  const head = [...PREAMBLE, ...functions, ...exports, ...branchHints(functionBodies), ...codeHead];
  const bytes = new Uint8Array(head.length + codeBytes - count.length);
  bytes.set(head);
  let at = head.length;
  bodies.forEach((body, n) => {
    bytes.set(sizes[n]!, at);
    bytes.set(body, at + sizes[n]!.length);
    at += sizes[n]!.length + body.length;
  });
  return bytes;
}

export interface TranslatorStatistics {
  readonly modules: number;
  /** Of all modules so far, and of those in use. */
  readonly moduleBytes: number;
  readonly liveModuleBytes: number;
  /** Time spent in compiling synchronously, in milliseconds. */
  readonly compileMs: number;
}

export class Translator {
  readonly #core: TranslatorCore;
  readonly #memory: WebAssembly.Memory;
  readonly #imports: WebAssembly.Imports;
  readonly #bytes: Uint8Array;
  readonly #nowMs: () => number;
  #pending: (FunctionBody & { readonly region: number })[] = [];
  /** Slots of the table that regions use, and those that are free again. */
  readonly #firstSlot: number;
  #usedSlots = 0;
  #slicesWaited = 0;
  #isEager = false;
  #tier: Tier = 'mixed';
  /** With tier '1': a module for each region at once, rather than one for those of a slice. A whole guest is too much for that. */
  compilesAtOnce = true;
  #modules = 0;
  #moduleBytes = 0;
  #liveBytes = 0;
  #compileMs = 0;
  /** For tests: sees each module's bytes before it is compiled. */
  onModule: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;

  /** `nowMs` is for statistics alone. */
  constructor(exports: TranslatorCore, memory: WebAssembly.Memory, nowMs: () => number = () => 0) {
    this.#core = exports;
    this.#memory = memory;
    this.#nowMs = nowMs;
    this.#bytes = new Uint8Array(memory.buffer);
    const core: Record<string, WebAssembly.ImportValue> = { memory };
    const functions = exports as unknown as Record<string, WebAssembly.ImportValue>;
    for (const [field] of IMPORTS) core[field] = functions[field]!;
    this.#imports = { core };
    this.#firstSlot = exports.table.length;
  }

  /** Chooses the tier from now on. What is translated already stays. */
  setTier(tier: Tier): void {
    this.#tier = tier;
    const view = new DataView(this.#memory.buffer);
    view.setUint32(T_TIER, TIERS[tier], true);
    view.setUint32(T_THRESHOLD, tier === '1' ? 1 : THRESHOLD, true);
    view.setUint32(T_PASSED_MANY, tier === '1' ? PASSED_MANY_AT_ONCE : PASSED_MANY, true);
    view.setUint32(T_LEAVES_MANY, tier === '1' ? LEAVES_MANY_AT_ONCE : LEAVES_MANY, true);
    this.#isEager = tier === '1';
  }

  get tier(): Tier {
    return this.#tier;
  }

  /** The core wrote a region's body. */
  translated(region: number, start: number, byteCount: number, hints: number, hintCount: number): void {
    this.#pending.push({
      region,
      body: this.#bytes.slice(start, start + byteCount),
      unlikely: new Uint32Array(this.#memory.buffer, hints, hintCount).slice(),
    });
    if (this.#isEager && this.compilesAtOnce) this.compilePending();
  }

  /** All regions are gone. */
  dropped(): void {
    this.#pending = [];
    for (let n = 0; n < this.#usedSlots; n++) this.#core.table.set(this.#firstSlot + n, null);
    this.#usedSlots = 0;
    this.#liveBytes = 0;
  }

  /** A slice ended: makes a module when enough regions wait, or one has waited long. Each module costs about a millisecond. */
  sliceEnded(): void {
    if (this.#liveBytes > MODULE_BYTES_MAX) this.#core.dropTranslations();
    if (this.#pending.length === 0) return;
    if (!this.#isEager && ++this.#slicesWaited < SLICES_WAIT && this.#pending.length < BATCH) return;
    this.compilePending();
  }

  /** Makes one module of all regions that wait, and has control go there from now on. */
  compilePending(): void {
    if (this.#pending.length === 0) return;
    const batch = this.#pending;
    this.#pending = [];
    this.#slicesWaited = 0;
    const startMs = this.#nowMs();
    const bytes = moduleOf(batch);
    this.onModule?.(bytes);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), this.#imports);
    const { table } = this.#core;
    const needed = this.#firstSlot + this.#usedSlots + batch.length - table.length;
    if (needed > 0) table.grow(Math.max(needed, 256));
    batch.forEach(({ region }, n) => {
      const slot = this.#firstSlot + this.#usedSlots++;
      table.set(slot, instance.exports[String(n)]);
      this.#core.linkRegion(region, slot);
    });
    this.#modules++;
    this.#moduleBytes += bytes.length;
    this.#liveBytes += bytes.length;
    this.#compileMs += this.#nowMs() - startMs;
  }

  get statistics(): TranslatorStatistics {
    return {
      modules: this.#modules,
      moduleBytes: this.#moduleBytes,
      liveModuleBytes: this.#liveBytes,
      compileMs: this.#compileMs,
    };
  }
}
