/**
 * One core with a little code, for tests of what single-instruction vectors do not reach: sequences, control registers,
 * images in memory, real mode. User mode and the vectors' memory map, unless real() is called.
 */
import * as L from '../../assembly/layout.ts';
import { CoreDriver, type Outcome } from '../support/core-driver.ts';
import { coreModule } from '../support/core-module.ts';
import type { CpuState } from '../support/vector-file.ts';

export const CODE = 0x10000100;
/** Two writable pages, and after them one that is read-only and nothing. */
export const DATA = 0x20000000;
export const READ_ONLY = 0x20002000;
const DATA_PHYSICAL = 0x102000;
const REAL_CODE_SEGMENT = 0x1800;
const REAL_DATA_SEGMENT = 0x1900;
const REAL_CODE_FLAGS = 0x9b00;
const REAL_DATA_FLAGS = 0x9300;
const CR0_REAL = 0x30n; // NE and ET

export class UnitBench {
  readonly driver: CoreDriver;
  private dataPhysical = DATA_PHYSICAL;
  private dataLinear = DATA;

  /** `code` lies at CODE; RDI holds DATA. */
  constructor(code: number[], mode: 0 | 1 = 0) {
    this.driver = new CoreDriver(coreModule());
    const gpr = new Array<bigint>(16).fill(0n);
    gpr[4] = 0x30000800n;
    gpr[7] = BigInt(DATA);
    const initial: CpuState = {
      gpr,
      rip: BigInt(CODE),
      eflags: 0x202,
      mxcsr: 0x1f80,
      x87: { fcw: 0x37f, fsw: 0, tag: 0, st: new Uint8Array(80) },
      ymm: new Uint8Array(512),
    };
    this.driver.load({
      index: 0,
      mode,
      group: 0,
      exception: undefined,
      approx: 0,
      code: Uint8Array.from(code),
      errorCode: 0,
      cr2: 0n,
      eflagsMask: 0,
      fswMask: 0,
      initial,
      final: initial,
      memory: [],
      changed: [],
    });
  }

  /** Real mode with `code` at 1800:0010, data at 1900:0000 and DI = 0. */
  static real(code: number[]): UnitBench {
    const bench = new UnitBench([]);
    const { view, bytes, core } = bench.driver;
    const segment = (n: number, selector: number, flags: number) => {
      const at = L.SEG + n * L.SEG_SIZE;
      view.setBigUint64(at + L.SEG_BASE, BigInt(selector << 4), true);
      view.setUint32(at + L.SEG_LIMIT, 0xffff, true);
      view.setUint32(at + L.SEG_FLAGS, flags, true);
      view.setUint16(at + L.SEG_SELECTOR, selector, true);
    };
    segment(L.CS, REAL_CODE_SEGMENT, REAL_CODE_FLAGS);
    for (const n of [L.DS, L.ES, L.SS]) segment(n, REAL_DATA_SEGMENT, REAL_DATA_FLAGS);
    view.setBigUint64(L.CR0, CR0_REAL, true);
    view.setBigUint64(L.EFER, 0n, true);
    view.setUint32(L.CPL, 0, true);
    view.setBigUint64(L.RIP, 0x10n, true);
    view.setBigUint64(L.GPR + 7 * 8, 0n, true);
    bytes.set(code, L.RAM_BASE + (REAL_CODE_SEGMENT << 4) + 0x10);
    bench.dataPhysical = REAL_DATA_SEGMENT << 4;
    bench.dataLinear = 0;
    core.updateMode();
    core.flushTlb();
    return bench;
  }

  /** Steps `count` instructions; the vector of the exception that ended them, if any. */
  step(count = 1): number | undefined {
    let outcome: Outcome = { exception: undefined, errorCode: 0 };
    for (let n = 0; n < count && outcome.exception === undefined; n++) outcome = this.driver.execute();
    return outcome.exception;
  }

  private at(linear: number): number {
    return L.RAM_BASE + this.dataPhysical + (linear - this.dataLinear);
  }
  write(linear: number, bytes: ArrayLike<number>): void {
    this.driver.bytes.set(bytes, this.at(linear));
  }
  read(linear: number, count: number): number[] {
    return Array.from(this.driver.bytes.subarray(this.at(linear), this.at(linear) + count));
  }
  u16(linear: number): number {
    return this.driver.view.getUint16(this.at(linear), true);
  }
  u32(linear: number): number {
    return this.driver.view.getUint32(this.at(linear), true);
  }
  u64(linear: number): bigint {
    return this.driver.view.getBigUint64(this.at(linear), true);
  }
  setU16(linear: number, value: number): void {
    this.driver.view.setUint16(this.at(linear), value, true);
  }
  setU32(linear: number, value: number): void {
    this.driver.view.setUint32(this.at(linear), value, true);
  }
  setU64(linear: number, value: bigint): void {
    this.driver.view.setBigUint64(this.at(linear), value, true);
  }

  /** Changes bits of a control register (L.CR0, L.CR4, L.XCR0). */
  control(register: number, set: bigint, clear = 0n): void {
    const { view, core } = this.driver;
    view.setBigUint64(register, (view.getBigUint64(register, true) & ~clear) | set, true);
    core.updateMode();
  }
  get rip(): number {
    return Number(this.driver.view.getBigUint64(L.RIP, true));
  }
  get cr2(): number {
    return Number(this.driver.view.getBigUint64(L.CR2, true));
  }
  gpr(n: number): bigint {
    return this.driver.view.getBigUint64(L.GPR + n * 8, true);
  }
  setGpr(n: number, value: bigint): void {
    this.driver.view.setBigUint64(L.GPR + n * 8, value, true);
  }
  get fcw(): number {
    return this.driver.view.getUint16(L.FCW, true);
  }
  get fsw(): number {
    return this.driver.view.getUint16(L.FSW, true);
  }
  get ftw(): number {
    return this.driver.view.getUint8(L.FTW);
  }
  get mxcsr(): number {
    return this.driver.view.getUint32(L.MXCSR, true);
  }
  setMxcsr(value: number): void {
    this.driver.view.setUint32(L.MXCSR, value, true);
  }
  /** ST(n) as sign-and-exponent:significand in hex. */
  st(n: number): string {
    const { view } = this.driver;
    const at = L.FPR + ((((this.fsw >> 11) & 7) + n) & 7) * 16;
    return `${view.getUint16(at + 8, true).toString(16)}:${view.getBigUint64(at, true).toString(16)}`;
  }
  /** Fills YMM(n) with a byte. */
  fillYmm(n: number, lower: number, upper: number): void {
    this.driver.bytes.fill(lower, L.XMM + n * 32, L.XMM + n * 32 + 16);
    this.driver.bytes.fill(upper, L.XMM + n * 32 + 16, L.XMM + n * 32 + 32);
  }
  /** First byte of the lower and of the upper half of YMM(n). */
  ymm(n: number): [lower: number, upper: number] {
    return [this.driver.bytes[L.XMM + n * 32]!, this.driver.bytes[L.XMM + n * 32 + 16]!];
  }
}
