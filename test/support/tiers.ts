/**
 * One instruction on both tiers: the interpreter, and translated code, which leaves to the interpreter what it can't do. Gives
 * all that user code can see of the state, as it was before and after.
 */
import * as L from '../../assembly/layout.ts';
import { CoreDriver, type Outcome } from './core-driver.ts';
import { coreModule } from './core-module.ts';
import { REGISTERS, type Register } from './cpu-fixture.ts';
import { executeTranslated, type Done } from './translated.ts';
import type { CpuState, Vector } from './vector-file.ts';

/** Addresses of the vectors' memory map (docs/vectors.md). */
export const CODE = 0x10000100n;
export const STACK = 0x30000800n;
export const STACK_END = 0x30000000n;
/** Not the first data page, whose TLB slot is the stack's. */
export const DATA = 0x20001000n;
export const READ_ONLY = 0x20002000n;
export const UNMAPPED = 0x20010000n;

const IMAGE = 0x100000;
const IMAGE_BYTES = 0x7000;
const DATA_IN_IMAGE = 0x3000;
const STACK_IN_IMAGE = 0x5000;

export interface Setup {
  readonly code: readonly number[];
  readonly registers?: Partial<Record<Register, bigint>>;
  readonly memory?: readonly (readonly [address: bigint, bytes: ArrayLike<number>])[];
  readonly eflags?: number;
  readonly mxcsr?: number;
  readonly xmm0?: ArrayLike<number>;
  /** ST(0), 10 bytes. */
  readonly st0?: ArrayLike<number>;
  /** System registers by their address in assembly/layout.ts. */
  readonly system?: readonly (readonly [address: number, value: bigint])[];
}

export type State = Readonly<Record<Register, bigint>> & {
  readonly rip: bigint;
  readonly eflags: number;
  readonly mxcsr: number;
  readonly cpl: number;
  /** As hexadecimal digits: control and status words, pointers, and the registers. */
  readonly segments: string;
  readonly x87: string;
  readonly vectors: string;
  readonly memory: string;
};

export interface Run {
  readonly before: State;
  readonly after: State;
  readonly outcome: Outcome;
  /** CR2, zero before the instruction. */
  readonly cr2: bigint;
}
export interface TranslatedRun extends Run {
  /** The module that was made for the instruction. */
  readonly module: Uint8Array<ArrayBuffer>;
  /** What became of its first execution. */
  readonly done: Done;
}

const drivers: [CoreDriver?, CoreDriver?] = [];
function driverOf(tier: 0 | 1): CoreDriver {
  return (drivers[tier] ??= new CoreDriver(coreModule()));
}

function initialState({ registers = {}, eflags = 0x202, mxcsr = 0x1f80, xmm0 = [], st0 = [] }: Setup): CpuState {
  const st = new Uint8Array(80);
  st.set(Uint8Array.from(st0));
  const ymm = new Uint8Array(512);
  ymm.set(Uint8Array.from(xmm0));
  return {
    gpr: REGISTERS.map((name, n) => registers[name] ?? (name === 'rsp' ? STACK : BigInt(0x1111 * n))),
    rip: CODE,
    eflags,
    mxcsr,
    x87: { fcw: 0x37f, fsw: 0, tag: st0.length > 0 ? 1 : 0, st },
    ymm,
  };
}

function load(driver: CoreDriver, setup: Setup): State {
  const state = initialState(setup);
  const vector: Vector = {
    index: 0,
    mode: 0,
    group: 0,
    exception: undefined,
    approx: 0,
    code: Uint8Array.from(setup.code),
    errorCode: 0,
    cr2: 0n,
    eflagsMask: 0,
    fswMask: 0,
    initial: state,
    final: state,
    memory: (setup.memory ?? []).map(([address, bytes]) => ({ address, bytes: Uint8Array.from(bytes) })),
    changed: [],
  };
  driver.load(vector);
  driver.view.setBigUint64(L.CR2, 0n, true);
  for (const [address, value] of setup.system ?? []) driver.view.setBigUint64(address, value, true);
  return capture(driver);
}

function faultAddress({ view }: CoreDriver): bigint {
  return view.getBigUint64(L.CR2, true);
}

function capture({ view, bytes, core }: CoreDriver): State {
  const hex = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString('hex');
  const gpr = Object.fromEntries(REGISTERS.map((name, n) => [name, view.getBigUint64(L.GPR + n * 8, true)]));
  return {
    ...(gpr as Record<Register, bigint>),
    rip: view.getBigUint64(L.RIP, true),
    eflags: core.eflags() >>> 0,
    mxcsr: view.getUint32(L.MXCSR, true),
    cpl: view.getUint32(L.CPL, true),
    segments: hex(L.SEG, L.SEG + 8 * L.SEG_SIZE),
    x87: hex(L.FCW, L.FPR + 8 * 16),
    vectors: hex(L.XMM, L.XMM + 16 * 32),
    memory: hex(L.RAM_BASE + IMAGE, L.RAM_BASE + IMAGE + IMAGE_BYTES),
  };
}

/** `byteCount` bytes of a state's memory from an address in the data pages, as hexadecimal digits. */
export function dataAt(state: State, address: bigint, byteCount: number): string {
  const at = (Number(address - DATA) + DATA_IN_IMAGE) * 2;
  return state.memory.slice(at, at + byteCount * 2);
}
/** The same on the stack page. */
export function stackAt(state: State, address: bigint, byteCount: number): string {
  const at = (Number(address - STACK_END) + STACK_IN_IMAGE) * 2;
  return state.memory.slice(at, at + byteCount * 2);
}

export function interpret(setup: Setup): Run {
  const driver = driverOf(0);
  const before = load(driver, setup);
  const outcome = driver.execute();
  return { before, after: capture(driver), outcome, cr2: faultAddress(driver) };
}

/** The instruction has run once on tier 0, which alone fills the TLB. */
export function translateAndRun(setup: Setup): TranslatedRun {
  const driver = driverOf(1);
  load(driver, setup);
  driver.execute();
  const before = load(driver, setup);
  const modules: Uint8Array<ArrayBuffer>[] = [];
  const dones: Done[] = [];
  driver.translator.onModule = (bytes) => void modules.push(bytes);
  const outcome = driver.execute(() => executeTranslated(driver, (done) => void dones.push(done)));
  driver.translator.onModule = undefined;
  return { before, after: capture(driver), outcome, cr2: faultAddress(driver), module: modules[0]!, done: dones[0]! };
}
