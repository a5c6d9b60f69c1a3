/** Has the core translate code in 64, 32 (user mode) or 16 bits (real mode) and gives the module that came of it. */
import * as L from '../../../assembly/layout.ts';
import type { CodeMode } from '../../../src/core/disasm/decode.ts';
import type { Translator } from '../../../src/core/translator.ts';
import { CoreDriver } from '../core-driver.ts';
import { CODE as REAL_CODE, CpuFixture } from '../cpu-fixture.ts';
import { CODE, DATA, STACK } from '../tiers.ts';

export interface Translation {
  readonly module: Uint8Array<ArrayBuffer>;
  /** Form of the first instruction as the decoder numbers it. */
  readonly form: number;
}

/** A core with code in place, fresh as far as translated code can tell. */
interface Place {
  readonly translator: Translator;
  readonly view: DataView;
  readonly codePhysical: number;
  readonly start: bigint;
  /** Puts registers, memory and code in place; nothing is decoded. */
  load(code: Uint8Array): void;
  /** Runs about as many instructions, or up to a fault. */
  run(instructions: number): void;
}

const MODES_OF_VECTORS = { 64: 0, 32: 1 } as const;
const CODE_PHYSICAL = 0x100100; // CODE in the memory map of core-driver.ts
const MXCSR = 0x1fa0;
const RSP = 4;
const X87_TAGS = 0xff;
const INSTRUCTIONS_MAX = 1000;

function userPlace(module: WebAssembly.Module, bits: 32 | 64): Place {
  const driver = new CoreDriver(module);
  const x87 = { fcw: 0x37f, fsw: 0, tag: X87_TAGS, st: new Uint8Array(80) };
  const gpr = Array.from({ length: 16 }, (_, n) => (n === RSP ? STACK : DATA));
  return {
    translator: driver.translator,
    view: driver.view,
    codePhysical: CODE_PHYSICAL,
    start: CODE,
    load: (code) => {
      driver.core.flushCode();
      driver.load({
        mode: MODES_OF_VECTORS[bits],
        initial: { gpr, rip: CODE, eflags: 0x202, mxcsr: MXCSR, x87, ymm: new Uint8Array(512) },
        memory: [],
        code,
      });
    },
    run: (instructions) => void driver.execute(() => driver.core.run(instructions)),
  };
}

function realPlace(module: WebAssembly.Module): Place {
  const fixture = new CpuFixture(16, {}, module);
  const { exports, memory, translator } = fixture.cpu.core;
  return {
    translator,
    view: new DataView(memory.buffer),
    codePhysical: REAL_CODE,
    start: BigInt(REAL_CODE),
    load: (code) => {
      exports.flushCode();
      fixture.set({ rbx: 0x4000, rsp: 0x8000 }).code([...code]);
    },
    run: (instructions) => void fixture.run(instructions),
  };
}

export class GoldenTranslator {
  readonly #module: WebAssembly.Module;
  readonly #places = new Map<CodeMode, Place>();

  /** `module`: the core. */
  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** Translates the first instruction alone. */
  translateFirst(bits: CodeMode, code: Uint8Array): Translation {
    const place = this.#place(bits);
    place.load(code);
    return translateHere(place, code, 1);
  }
  /** Translates all that is executed of code which ends by a fault. */
  translateAll(bits: CodeMode, code: Uint8Array): Translation {
    const place = this.#place(bits);
    const { view } = place;
    place.load(code);
    const registers = new Uint8Array(view.buffer, L.GPR, 128);
    const before = registers.slice();
    place.run(INSTRUCTIONS_MAX);
    registers.set(before);
    view.setBigUint64(L.RIP, place.start, true);
    return translateHere(place, code, 0);
  }

  #place(bits: CodeMode): Place {
    let place = this.#places.get(bits);
    if (place === undefined)
      this.#places.set(bits, (place = bits === 16 ? realPlace(this.#module) : userPlace(this.#module, bits)));
    return place;
  }
}

/** `instructions`: of a region, at most; 0 for as many as can be. */
function translateHere(place: Place, code: Uint8Array, instructions: number): Translation {
  const { translator, view } = place;
  const modules: Uint8Array<ArrayBuffer>[] = [];
  view.setUint32(L.T_INSNS_MAX, instructions, true);
  translator.onModule = (bytes) => void modules.push(bytes);
  translator.setTier('1');
  try {
    place.run(1);
  } finally {
    translator.setTier('0');
    translator.onModule = undefined;
  }
  const module = modules[0];
  const text = Buffer.from(code).toString('hex');
  if (module === undefined) throw new Error(`nothing was translated of ${text}`);
  if (!WebAssembly.validate(module)) throw new Error(`the module of ${text} is not valid`);
  return { module, form: formAt(place) };
}
function formAt({ view, codePhysical }: Place): number {
  const unit = view.getUint32(L.PAGE_UNITS + 4 * (codePhysical >> 12), true);
  let record = view.getUint32(unit + L.U_MAP + 4 * (codePhysical & 0xfff), true);
  if (view.getUint16(record + L.R_OP, true) === L.OP_ENTER) record += L.RECORD_SIZE;
  return view.getUint16(record + L.R_OP, true);
}
