/**
 * The usual cases of x87 instructions (assembly/x87/fast.ts, assembly/engine/emit-x87.ts) against the exact functions: same
 * registers, tags, status, pointers, flags and memory whatever the operands. The exact functions are reached with an exception
 * pending while CR0.NE is clear: nothing is raised then, and no usual case is taken.
 */
import { describe, expect, it } from 'vitest';
import * as L from '../../assembly/layout.ts';
import { Random } from '../support/random.ts';
import { executeTranslated } from '../support/translated.ts';
import { CODE, DATA, UnitBench } from './unit-bench.ts';

const ROUNDS = 120;
const TIMEOUT_MS = 60_000;
const CR0_NE = 0x20n;
const FSW_ES_B = 0x8080;
const FLAGS = 0x3f;
const FCW_USUAL = 0x37f;
const INTEGER_BIT = 1n << 63n;
const FRACTION = INTEGER_BIT - 1n;
const QUIET = 1n << 62n;
const BIAS = 0x3fff;
const STATE_BYTES = L.FPR + 8 * 16 - L.FCW;
const STATUS_AT = L.FSW - L.FCW;
const MEMORY_BYTES = 16;

type Operand = 'single' | 'double' | 'extended' | 'integer';
interface Case {
  readonly name: string;
  readonly code: readonly number[];
  readonly operand: Operand;
}

const OPERATIONS = ['ADD', 'MUL', 'COM', 'COMP', 'SUB', 'SUBR', 'DIV', 'DIVR'];
const memory = (name: string, opcode: number, digit: number, operand: Operand): Case => ({
  name,
  code: [opcode, (digit << 3) | 7], // [rdi]
  operand,
});
const registers = (name: string, opcode: number, base: number): Case[] =>
  [0, 1, 5].map((n) => ({ name: `${name} ST(${String(n)})`, code: [opcode, base + n], operand: 'extended' }));
const plain = (name: string, opcode: number, modrm: number): Case => ({
  name,
  code: [opcode, modrm],
  operand: 'extended',
});

const CASES: Case[] = [
  ...OPERATIONS.flatMap((name, n) => [
    memory(`F${name} m32`, 0xd8, n, 'single'),
    memory(`F${name} m64`, 0xdc, n, 'double'),
    memory(`FI${name} m32`, 0xda, n, 'integer'),
    memory(`FI${name} m16`, 0xde, n, 'integer'),
    ...registers(`F${name} ST, `, 0xd8, 0xc0 + 8 * n),
    ...(n === 2 || n === 3 ? [] : registers(`F${name} to`, 0xdc, 0xc0 + 8 * n)),
    ...(n === 2 || n === 3 ? [] : registers(`F${name}P to`, 0xde, 0xc0 + 8 * n)),
  ]),
  memory('FLD m32', 0xd9, 0, 'single'),
  memory('FLD m64', 0xdd, 0, 'double'),
  memory('FLD m80', 0xdb, 5, 'extended'),
  memory('FILD m16', 0xdf, 0, 'integer'),
  memory('FILD m32', 0xdb, 0, 'integer'),
  memory('FILD m64', 0xdf, 5, 'integer'),
  memory('FST m32', 0xd9, 2, 'single'),
  memory('FST m64', 0xdd, 2, 'double'),
  memory('FSTP m32', 0xd9, 3, 'single'),
  memory('FSTP m64', 0xdd, 3, 'double'),
  memory('FSTP m80', 0xdb, 7, 'extended'),
  memory('FIST m16', 0xdf, 2, 'integer'),
  memory('FIST m32', 0xdb, 2, 'integer'),
  memory('FISTP m16', 0xdf, 3, 'integer'),
  memory('FISTP m32', 0xdb, 3, 'integer'),
  memory('FISTP m64', 0xdf, 7, 'integer'),
  memory('FISTTP m16', 0xdf, 1, 'integer'),
  memory('FISTTP m32', 0xdb, 1, 'integer'),
  memory('FISTTP m64', 0xdd, 1, 'integer'),
  ...registers('FLD', 0xd9, 0xc0),
  ...registers('FXCH', 0xd9, 0xc8),
  ...registers('FST', 0xdd, 0xd0),
  ...registers('FSTP', 0xdd, 0xd8),
  ...registers('FUCOM', 0xdd, 0xe0),
  ...registers('FUCOMP', 0xdd, 0xe8),
  ...registers('FCOMI', 0xdb, 0xf0),
  ...registers('FUCOMI', 0xdb, 0xe8),
  ...registers('FCOMIP', 0xdf, 0xf0),
  ...registers('FUCOMIP', 0xdf, 0xe8),
  plain('FCOMPP', 0xde, 0xd9),
  plain('FUCOMPP', 0xda, 0xe9),
  plain('FCHS', 0xd9, 0xe0),
  plain('FABS', 0xd9, 0xe1),
  plain('FLD1', 0xd9, 0xe8),
  plain('FLDZ', 0xd9, 0xee),
  plain('FSQRT', 0xd9, 0xfa),
];

function random64(random: Random): bigint {
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}
/** Significands with what makes rounding hard: ties of all widths, carries, few bits. */
function significand(random: Random): bigint {
  const tail = 1n << BigInt(random.pick([10, 11, 12, 39, 40, 41, 1, 0]));
  const choices = [
    () => random64(random),
    () => random64(random) & ~0x7ffn,
    () => (random64(random) & ~(2n * tail - 1n)) | tail,
    () => FRACTION & ~(tail - 1n),
    () => FRACTION,
    () => 0n,
    () => 1n << BigInt(random.below(63)),
    () => BigInt(random.below(4)),
  ];
  return INTEGER_BIT | (random.pick(choices)() & FRACTION);
}
function exponent(random: Random): number {
  return random.pick([
    () => BIAS + random.below(4) - 2,
    () => BIAS + random.below(140) - 70,
    () => BIAS + random.below(140) - 70,
    () => BIAS + random.pick([-1024, -1022, -149, -127, 127, 1023]) + random.below(5) - 2,
    () => 1 + random.below(3),
    () => 0x7ffe - random.below(3),
    () => random.below(0x8000),
  ])();
}
function extended(random: Random): [hi: number, lo: bigint] {
  const sign = random.pick([0, 0x8000]);
  const rare = random.below(40);
  if (rare < 4) return [sign, 0n];
  if (rare === 4) return [sign, random64(random) & FRACTION];
  if (rare === 5) return [sign, random64(random) | INTEGER_BIT];
  if (rare === 6) return [sign | 0x7fff, INTEGER_BIT];
  if (rare === 7) return [sign | 0x7fff, INTEGER_BIT | QUIET | random64(random)];
  if (rare === 8) return [sign | 0x7fff, INTEGER_BIT | ((random64(random) & ~QUIET) | 1n)];
  if (rare === 9) return [sign | exponent(random), random64(random) & FRACTION];
  return [sign | exponent(random), significand(random)];
}
function putOperand(view: DataView, at: number, operand: Operand, random: Random): void {
  view.setBigUint64(at, random64(random), true);
  view.setBigUint64(at + 8, random64(random), true);
  const [hi, lo] = extended(random);
  if (operand === 'extended') {
    view.setBigUint64(at, lo, true);
    view.setUint16(at + 8, hi, true);
  } else if (operand === 'integer') {
    view.setBigInt64(at, BigInt.asIntN(64, random64(random)) >> BigInt(random.below(64)), true);
  } else {
    const isDouble = operand === 'double';
    const fields = isDouble ? 0x7ff : 0xff;
    const field = random.pick([0, 1, fields - 1, fields, (fields >> 1) + random.below(60) - 30]);
    const fraction = random.pick([0n, lo & FRACTION, lo & FRACTION]);
    if (isDouble) view.setBigUint64(at, (BigInt(hi >> 15) << 63n) | (BigInt(field) << 52n) | (fraction >> 11n), true);
    else view.setUint32(at, Number((BigInt(hi >> 15) << 31n) | (BigInt(field) << 23n) | (fraction >> 40n)), true);
  }
}

interface Result {
  readonly x87: string;
  readonly fsw: number;
  readonly eflags: number;
  readonly memory: string;
  readonly rip: bigint;
}

class Trial {
  readonly #bench: UnitBench;
  readonly #memory: number;
  readonly #state = new Uint8Array(STATE_BYTES);
  readonly #operand = new Uint8Array(MEMORY_BYTES);
  readonly #cr0: bigint;

  constructor(code: readonly number[]) {
    this.#bench = new UnitBench([...code]);
    const { bytes, view } = this.#bench.driver;
    this.#bench.setU64(DATA, 0x0123456789abcdefn);
    this.#memory = Buffer.from(bytes.buffer, L.RAM_BASE).indexOf(Buffer.from('efcdab8967452301', 'hex')) + L.RAM_BASE;
    this.#cr0 = view.getBigUint64(L.CR0, true);
  }

  /** Chooses the state before. */
  choose(operand: Operand, random: Random): void {
    const state = new DataView(this.#state.buffer);
    const fcw = random.chance(0.6)
      ? FCW_USUAL
      : (random.below(4) << 10) |
        (random.pick([0, 2, 3]) << 8) |
        0x40 |
        (random.chance(0.7) ? FLAGS : random.below(64));
    const top = random.below(8);
    const rolled = (tags: number) => ((tags << top) | (tags >> (8 - top))) & 0xff;
    random.fill(this.#state);
    state.setUint16(0, fcw, true);
    state.setUint16(STATUS_AT, (top << 11) | (random.u32() & 0x4700) | (random.u32() & fcw & FLAGS), true);
    state.setUint8(L.FTW - L.FCW, rolled(random.chance(0.2) ? random.below(256) : 0b1011));
    for (let n = 0; n < 8; n++) {
      const [hi, lo] = extended(random);
      const at = L.FPR - L.FCW + 16 * n;
      state.setBigUint64(at, lo, true);
      state.setUint16(at + 8, hi, true);
      // Equal magnitudes and near ones: cancellation.
      if (n > 0 && random.chance(0.2)) this.#state.copyWithin(at, at - 16, at - 6);
      if (random.chance(0.1)) state.setUint8(at, state.getUint8(at) ^ 1);
    }
    putOperand(new DataView(this.#operand.buffer), 0, operand, random);
  }

  run(execute: (bench: UnitBench) => void, isExact: boolean): Result {
    const { view, bytes, core } = this.#bench.driver;
    bytes.set(this.#state, L.FCW);
    bytes.set(this.#operand, this.#memory);
    if (isExact) view.setUint16(L.FSW, view.getUint16(L.FSW, true) | FSW_ES_B, true);
    view.setBigUint64(L.CR0, isExact ? this.#cr0 & ~CR0_NE : this.#cr0, true);
    view.setBigUint64(L.RIP, BigInt(CODE), true);
    core.setEflags(0x8d7);
    execute(this.#bench);
    const after = bytes.slice(L.FCW, L.FCW + STATE_BYTES);
    const fsw = view.getUint16(L.FSW, true);
    new DataView(after.buffer).setUint16(STATUS_AT, fsw & ~FSW_ES_B, true);
    return {
      x87: Buffer.from(after).toString('hex'),
      fsw,
      eflags: core.eflags() >>> 0,
      memory: Buffer.from(bytes.subarray(this.#memory, this.#memory + MEMORY_BYTES)).toString('hex'),
      rip: view.getBigUint64(L.RIP, true),
    };
  }
  get before(): string {
    return `${Buffer.from(this.#state).toString('hex')} ${Buffer.from(this.#operand).toString('hex')}`;
  }
}

const withoutStatus = ({ x87, eflags, memory: operand, rip }: Result) => ({ x87, eflags, operand, rip });
const isPending = (fsw: number, fcw: number) => (fsw & ~fcw & FLAGS) !== 0;

function compare(tested: Case, execute: (bench: UnitBench) => void): void {
  const random = new Random(0x87 + tested.code[0]! * 256 + tested.code[1]!);
  const trial = new Trial(tested.code);
  for (let n = 0; n < ROUNDS; n++) {
    trial.choose(tested.operand, random);
    const exact = trial.run((bench) => bench.step(), true);
    const fast = trial.run(execute, false);
    const fcw = parseInt(exact.x87.slice(2, 4) + exact.x87.slice(0, 2), 16);
    expect(withoutStatus(fast), trial.before).toEqual(withoutStatus(exact));
    expect((fast.fsw & FSW_ES_B) !== 0, trial.before).toBe(isPending(fast.fsw, fcw));
  }
}

describe('the usual case of an x87 instruction is what the exact functions do', { timeout: TIMEOUT_MS }, () => {
  it.each(CASES)('$name, interpreted', (tested) => {
    compare(tested, (bench) => bench.step());
  });
  it.each(CASES)('$name, translated', (tested) => {
    compare(tested, (bench) => {
      executeTranslated(bench.driver);
    });
  });
});
