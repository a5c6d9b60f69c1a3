/**
 * Translated code of vector, MMX and SSE floating-point instructions: every encoding of the tables between registers, on many
 * operands and controls, and a few with memory. What translated code leaves to tier 0 it must leave untouched.
 */
import { describe, expect, it } from 'vitest';
import { TABLES } from '../../assembly/isa/tables.ts';
import type { Row } from '../../assembly/isa/form.ts';
import * as L from '../../assembly/layout.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { coreModule } from '../support/core-module.ts';
import { Operands } from '../support/float-operands.ts';
import { Random } from '../support/random.ts';
import { DATA, dataAt, interpret, READ_ONLY, translateAndRun, UNMAPPED, type Setup } from '../support/tiers.ts';
import { executeTranslated } from '../support/translated.ts';
import type { CpuState, Vector } from '../support/vector-file.ts';

const GROUPS = ['simd', 'mmx', 'float'];
const RIP = 0x10000100n;
const ROUNDS = 250;
const ROUNDS_EACH_IMMEDIATE = 60;

const SETTLED = 0x1fa0;
const MASKED = 0x1f80;
const ROUND_UP = 0x4000;
const FLUSH_TO_ZERO_DENORMALS_ARE_ZERO = 0x8040;
const CONTROLS = [SETTLED, SETTLED, SETTLED, MASKED, SETTLED | ROUND_UP, SETTLED | FLUSH_TO_ZERO_DENORMALS_ARE_ZERO];
const IMMEDIATES = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0f, 0x10, 0x1b, 0x20, 0x41, 0x9c, 0xe4, 0xff,
];

interface Encoding {
  readonly name: string;
  readonly row: Row;
  readonly code: readonly number[];
}

/** Bytes of a row between registers 0 and 1, for each immediate; none when an operand must be memory. */
function encode(row: Row): Encoding[] {
  if (/\b[MY]/.test(row.operands)) return [];
  const prefixes: number[] = [];
  const code: number[] = [];
  let immediates: readonly (number | undefined)[] = [undefined];
  for (const word of row.opcode.split(' ')) {
    if (word === '/r') code.push(0xc1);
    else if (word.startsWith('/')) code.push(0xc0 | (Number(word[1]) << 3));
    else if (word === 'ib') immediates = IMMEDIATES;
    else if (word === 'W1') code.push(0x48);
    else if (word === 'NP' || word === 'W0') continue;
    else if (code.length === 0 && ['66', 'F2', 'F3'].includes(word)) prefixes.push(Number.parseInt(word, 16));
    else code.push(Number.parseInt(word, 16));
  }
  const wide = /\b[EGRM]y/.test(row.operands) ? [[], [0x48]] : [[]];
  return wide.flatMap((rex) =>
    immediates.map((imm) => {
      const bytes = [...prefixes, ...rex, ...code, ...(imm === undefined ? [] : [imm])];
      return { name: `${row.name} ${Buffer.from(bytes).toString('hex')}`, row, code: bytes };
    }),
  );
}
const ROWS = TABLES.filter((t) => GROUPS.includes(t.group))
  .flatMap((t) => t.rows)
  .filter((row) => encode(row).length > 0);

function stateAt(rip: bigint): CpuState {
  return {
    gpr: Array.from({ length: 16 }, () => 0n),
    rip,
    eflags: 0x202,
    mxcsr: MASKED,
    x87: { fcw: 0x37f, fsw: 0, tag: 0, st: new Uint8Array(80) },
    ymm: new Uint8Array(512),
  };
}
let shared: CoreDriver | undefined;
/** The driver with an instruction in place. */
function driverFor(code: readonly number[]): CoreDriver {
  const driver = (shared ??= new CoreDriver(coreModule()));
  const state = stateAt(RIP);
  const vector: Vector = {
    ...{ index: 0, mode: 0, group: 0, exception: undefined, approx: 0, code: Uint8Array.from(code), errorCode: 0 },
    ...{ cr2: 0n, eflagsMask: 0, fswMask: 0, initial: state, final: state, memory: [], changed: [] },
  };
  driver.load(vector);
  return driver;
}

/** Numbers of all kinds: of floating point, near the edges of lanes, and small ones, which also are shift counts. */
class Values {
  readonly #random: Random;
  readonly #single: Operands;
  readonly #double: Operands;
  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#single = new Operands(32, seed);
    this.#double = new Operands(64, seed);
  }
  next(): { a: Uint8Array; b: Uint8Array; c: Uint8Array } {
    const c = this.#bytes();
    const kind = this.#random.below(4);
    if (kind === 0) return { ...this.#single.next(), c };
    if (kind === 1) return { ...this.#double.next(), c };
    if (kind === 2) return { a: this.#bytes(), b: Uint8Array.of(this.#random.below(80), ...new Uint8Array(15)), c };
    return { a: this.#bytes(), b: this.#bytes(), c };
  }
  #bytes(): Uint8Array {
    return Uint8Array.from({ length: 16 }, () => this.#random.pick([0, 1, 0x7f, 0x80, 0xff, this.#random.below(256)]));
  }
}

/** All that these instructions can change. */
function capture({ bytes, view, core }: CoreDriver): string {
  const hex = (from: number, size: number) => Buffer.from(bytes.buffer, from, size).toString('hex');
  return [
    hex(L.GPR, 128),
    hex(L.XMM, 64),
    hex(L.FPR, 128),
    view.getUint16(L.FSW, true),
    view.getUint8(L.FTW),
    view.getUint32(L.MXCSR, true).toString(16),
    core.eflags().toString(16),
    view.getBigUint64(L.RIP, true),
  ].join(' ');
}

interface Comparison {
  readonly difference: string | undefined;
  /** How often translated code did it all. */
  readonly translated: number;
}
/** Runs translated code and the interpreter on the same states. */
function compare(code: readonly number[], rounds: number): Comparison {
  const driver = driverFor(code);
  const { bytes, view, core } = driver;
  const values = new Values(code.reduce((sum, byte) => sum * 31 + byte, 7));
  let translated = 0;
  for (let n = 0; n < rounds; n++) {
    const { a, b, c } = values.next();
    const setUp = () => {
      bytes.set(a.subarray(0, 8), L.GPR);
      bytes.set(b.subarray(0, 8), L.GPR + 8);
      bytes.set(a, L.XMM);
      bytes.set(b, L.XMM + 32);
      bytes.fill(0x55, L.FPR, L.FPR + 128);
      bytes.set(c.subarray(0, 8), L.FPR);
      bytes.set(b.subarray(0, 8), L.FPR + 16);
      view.setUint16(L.FSW, 0x1800, true);
      view.setUint8(L.FTW, 0);
      view.setUint32(L.MXCSR, CONTROLS[n % CONTROLS.length]!, true);
      core.setEflags(0x8d7);
      view.setBigUint64(L.RIP, RIP, true);
      return capture(driver);
    };
    const before = setUp();
    executeTranslated(driver, (done) => void (translated += done === 'translated' ? 1 : 0));
    const after = capture(driver);
    setUp();
    core.step();
    const expected = capture(driver);
    if (after !== expected) return { difference: `${before}\n${after}\nshould be\n${expected}`, translated };
  }
  return { difference: undefined, translated };
}

describe('translated code between registers', () => {
  it.each(ROWS.map((row) => [`${row.name} ${row.opcode}`, row] as const))(
    '%s does what the interpreter does, or leaves it alone',
    (_name, row) => {
      const encodings = encode(row);
      const rounds = encodings.length > 2 ? ROUNDS_EACH_IMMEDIATE : ROUNDS;

      const compared = encodings.map(({ name, code }) => ({ name, ...compare(code, rounds) }));

      expect(compared.filter(({ difference }) => difference !== undefined)).toEqual([]);
      expect(compared.filter(({ translated }) => translated === 0)).toEqual([]);
    },
  );
});

// ---- single instructions, with memory -------------------------------------------------------------------------------
const double = (...values: number[]): number[] => [...new Uint8Array(Float64Array.from(values).buffer)];
const qwords = (...values: bigint[]): number[] => [...new Uint8Array(BigUint64Array.from(values).buffer)];
const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex');
const COUNTING = Array.from({ length: 16 }, (_, n) => n);
const LETTERS = Array.from({ length: 16 }, (_, n) => 0x41 + n);
const NAN = qwords(0x7ff8000000000000n);
const FLAGS = 0x8d5;
const at = (bytes: readonly number[]) => ({ registers: { rbx: DATA }, memory: [[DATA, bytes]] }) as const;

const COMISD = [0x66, 0x0f, 0x2f, 0x03]; // comisd xmm0, [rbx]
const CVTTSD2SI = [0xf2, 0x0f, 0x2c, 0x03]; // cvttsd2si eax, [rbx]
const PSLLW = [0x66, 0x0f, 0xf1, 0x03]; // psllw xmm0, [rbx]
const MOVAPS_STORE = [0x0f, 0x29, 0x03]; // movaps [rbx], xmm0
const MOVSD_STORE = [0xf2, 0x0f, 0x11, 0x03]; // movsd [rbx], xmm0
const MOVHPS_STORE = [0x0f, 0x17, 0x03]; // movhps [rbx], xmm0
const MOVQ_STORE_MMX = [0x0f, 0x7f, 0x03]; // movq [rbx], mm0
const PADDB_MMX = [0x0f, 0xfc, 0x03]; // paddb mm0, [rbx]

interface Effect {
  readonly name: string;
  readonly setup: Setup;
  readonly expected: readonly number[];
}
const XMM0: Effect[] = [
  {
    name: 'PSHUFD turns the doublewords around',
    setup: { code: [0x66, 0x0f, 0x70, 0x03, 0x1b], ...at(COUNTING) },
    expected: [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3],
  },
  {
    name: 'PALIGNR takes the upper bytes of the source, then the lower ones of the destination',
    setup: { code: [0x66, 0x0f, 0x3a, 0x0f, 0x03, 5], xmm0: LETTERS, ...at(COUNTING) },
    expected: [...COUNTING.slice(5), ...LETTERS.slice(0, 5)],
  },
  {
    name: 'PALIGNR by more than 16 moves the destination down',
    setup: { code: [0x66, 0x0f, 0x3a, 0x0f, 0x03, 20], xmm0: LETTERS, ...at(COUNTING) },
    expected: [...LETTERS.slice(4), 0, 0, 0, 0],
  },
  {
    name: 'SHUFPS takes two singles of each operand',
    setup: { code: [0x0f, 0xc6, 0x03, 0x4e], xmm0: LETTERS, ...at(COUNTING) },
    expected: [...LETTERS.slice(8, 16), ...COUNTING.slice(0, 8)],
  },
  {
    name: 'PSLLW by 15 keeps one bit of each word',
    setup: { code: PSLLW, xmm0: LETTERS, ...at(qwords(15n, 0n)) },
    expected: LETTERS.map((_, n) => (n % 2 && LETTERS[n - 1]! & 1 ? 0x80 : 0)),
  },
  {
    name: 'PSLLW by 16 clears',
    setup: { code: PSLLW, xmm0: LETTERS, ...at(qwords(16n, 0n)) },
    expected: new Array<number>(16).fill(0),
  },
  {
    name: 'PSLLW by 2³² clears',
    setup: { code: PSLLW, xmm0: LETTERS, ...at(qwords(1n << 32n, 0n)) },
    expected: new Array<number>(16).fill(0),
  },
  {
    name: 'CMPSD with LE is all ones when equal, and keeps the high half',
    setup: { code: [0xf2, 0x0f, 0xc2, 0x03, 2], xmm0: double(2, 7), ...at(double(2)) },
    expected: [...qwords(0xffffffffffffffffn), ...double(7)],
  },
  {
    name: 'CMPSD with NLT is zero when less',
    setup: { code: [0xf2, 0x0f, 0xc2, 0x03, 5], xmm0: double(1, 7), ...at(double(2)) },
    expected: [...qwords(0n), ...double(7)],
  },
  {
    name: 'MOVSD from memory clears the high half',
    setup: { code: [0xf2, 0x0f, 0x10, 0x03], xmm0: LETTERS, ...at(double(2.5)) },
    expected: double(2.5, 0),
  },
  {
    name: 'PMOVZXBQ reads two bytes',
    setup: { code: [0x66, 0x0f, 0x38, 0x32, 0x03], ...at([200, 100, 50]) },
    expected: qwords(200n, 100n),
  },
  {
    name: 'ROUNDSD up by its immediate, whatever MXCSR says',
    setup: { code: [0x66, 0x0f, 0x3a, 0x0b, 0x03, 0x0a], xmm0: double(0, 7), ...at(double(1.25)) },
    expected: double(2, 7),
  },
];

describe('vector instructions with memory on both tiers', () => {
  it.each(XMM0)('$name', ({ setup, expected }) => {
    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted.after.vectors.slice(0, 32)).toBe(hex(expected));
    expect([translated.done, translated.after]).toEqual(['translated', interpreted.after]);
  });

  it('COMISD sets ZF PF CF and clears the others', () => {
    const setup: Setup = { code: COMISD, xmm0: double(1), eflags: 0x2 | FLAGS, ...at(double(2)) };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted.after.eflags & FLAGS).toBe(1);
    expect([translated.done, translated.after]).toEqual(['translated', interpreted.after]);
  });

  it('MOVSD stores the low half', () => {
    const setup: Setup = { code: MOVSD_STORE, xmm0: double(1.5, 2.5), registers: { rbx: DATA } };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(dataAt(interpreted.after, DATA, 16)).toBe(hex(double(1.5, 0)));
    expect([translated.done, translated.after]).toEqual(['translated', interpreted.after]);
  });

  it('PADDB of MMX registers leaves TOP at 0 and all tags valid', () => {
    const setup: Setup = { code: PADDB_MMX, st0: [250, 1, 2, 3, 4, 5, 6, 7, 0xff, 0x3f], ...at(COUNTING) };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted.after.x87).toContain('fa020406080a0c0effff');
    expect([translated.done, translated.after]).toEqual(['translated', interpreted.after]);
  });
});

const LEAVES: { readonly name: string; readonly setup: Setup }[] = [
  { name: 'COMISD with a NaN', setup: { code: COMISD, xmm0: double(1), ...at(NAN) } },
  { name: 'COMISD with a denormal', setup: { code: COMISD, xmm0: qwords(1n), ...at(double(1)) } },
  { name: 'CVTTSD2SI out of range', setup: { code: CVTTSD2SI, mxcsr: SETTLED, ...at(double(2 ** 31)) } },
  { name: 'CVTTSD2SI of a fraction while PE is clear', setup: { code: CVTTSD2SI, ...at(double(1.5)) } },
  { name: 'CMPSD with a NaN', setup: { code: [0xf2, 0x0f, 0xc2, 0x03, 0], xmm0: double(1), ...at(NAN) } },
  {
    name: 'DIVSD by zero',
    setup: { code: [0xf2, 0x0f, 0x5e, 0x03], mxcsr: SETTLED, xmm0: double(1), ...at(double(0)) },
  },
  { name: 'MOVAPS to a misaligned address', setup: { code: MOVAPS_STORE, registers: { rbx: DATA + 8n } } },
  { name: 'MOVSD to read-only memory', setup: { code: MOVSD_STORE, registers: { rbx: READ_ONLY } } },
  { name: 'MOVHPS to read-only memory', setup: { code: MOVHPS_STORE, registers: { rbx: READ_ONLY } } },
  {
    name: 'MOVQ of an MMX register to read-only memory',
    setup: { code: MOVQ_STORE_MMX, registers: { rbx: READ_ONLY } },
  },
  { name: 'PADDB of an MMX register with unmapped memory', setup: { code: PADDB_MMX, registers: { rbx: UNMAPPED } } },
  {
    name: 'PADDB of an MMX register with an x87 exception pending',
    setup: { code: PADDB_MMX, ...at(COUNTING), system: [[L.FCW, 0x8081n << 16n] as const] },
  },
];

describe('translated code leaves to tier 0, with nothing changed', () => {
  it.each(LEAVES)('$name', ({ setup }) => {
    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(translated.done).toBe('left');
    expect({ after: translated.after, outcome: translated.outcome, cr2: translated.cr2 }).toEqual({
      after: interpreted.after,
      outcome: interpreted.outcome,
      cr2: interpreted.cr2,
    });
  });
});
