/**
 * A bare core for instruction tests: user mode with the vectors' memory map, no devices. Faults are caught before
 * delivery and reported.
 */
import * as L from '../../assembly/layout.ts';
import { Translator, type TranslatorCore } from '../../src/core/translator.ts';
import type { UserState } from './native.ts';
import type { CpuState, Vector } from './vector-file.ts';

export interface CoreExports extends TranslatorCore {
  configure(ramBytes: number): void;
  run(budget: number): number;
  step(): number;
  deliverFault(): void;
  requestExit(): void;
  instructionCount(): number;
  updateMode(): void;
  flushTlb(): void;
  flushCode(): void;
  invalidate(physical: number, byteCount: number): void;
  eflags(): number;
  setEflags(value: number): void;
  probe(): void;
  decodeLength(): number;
}

export interface Outcome {
  exception: number | undefined;
  errorCode: number;
}

interface Region {
  linear: bigint;
  physical: number;
  bytes: number;
  writable: boolean;
  executable: boolean;
}

const RECORDER_TASK_SIZE = 0x7ffffffff000n;
const RAM_BYTES = 16 << 20;
const RUN_BUDGET = 1000;
const RUNS_MAX = 1000;
const PML4 = 0x1000;
const TABLES = 0x2000;
const REGIONS: Region[] = [
  { linear: 0x10000000n, physical: 0x100000, bytes: 0x2000, writable: true, executable: true },
  { linear: 0x20000000n, physical: 0x102000, bytes: 0x2000, writable: true, executable: false },
  { linear: 0x20002000n, physical: 0x104000, bytes: 0x1000, writable: false, executable: false },
  { linear: 0x30000000n, physical: 0x105000, bytes: 0x1000, writable: true, executable: false },
  { linear: 0x600000000000n, physical: 0x106000, bytes: 0x1000, writable: true, executable: false },
];
const IMAGE = 0x100000;
const IMAGE_BYTES = 0x7000;

const PTE_PRESENT = 1n;
const PTE_WRITE = 2n;
const PTE_USER = 4n;
const PTE_ACCESSED_DIRTY = 0x60n;
const PTE_NX = 1n << 63n;

const SELECTORS = { code64: 0x33, code32: 0x23, data: 0x2b };
const FLAGS_DATA = 0xc0f300; // G, B, present, DPL 3, data, writable, accessed
const FLAGS_CODE32 = 0xc0fb00;
const FLAGS_CODE64 = 0xa0fb00;

const CR0 = 0x80050033n; // PG AM WP NE ET MP PE
const CR4 = 0x40620n; // OSXSAVE OSXMMEXCPT OSFXSR PAE
const EFER = 0xd01n; // NXE LMA LME SCE
const GS_BASE = 0x20000400n;
const TSS_LIMIT = 0x65; // the offset of the I/O map would be at 0x66

export class CoreDriver {
  readonly core: CoreExports;
  readonly memory: WebAssembly.Memory;
  readonly translator: Translator;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  private readonly fault = new Error('guest fault');
  private codePhysical = 0x100000;
  private readonly expected = new Uint8Array(IMAGE_BYTES);

  constructor(module: WebAssembly.Module) {
    const pages = (L.RAM_BASE + RAM_BYTES) / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const host = {
      raise: () => {
        throw this.fault;
      },
      portRead: () => 0xffffffff,
      portWrite: () => {},
      mmioRead: () => 0xffffffff,
      mmioWrite: () => {},
      tsc: () => 0,
      random32: () => 0x5eed,
      acknowledge: () => -1,
      apicRead: () => 0,
      apicWrite: () => 0,
      readTpr: () => 0,
      writeTpr: () => {},
      paravirtWrite: () => 0,
      note: () => {},
      translated: (region: number, start: number, byteCount: number, hints: number, hintCount: number) =>
        this.translator.translated(region, start, byteCount, hints, hintCount),
      translationsDropped: () => this.translator.dropped(),
    };
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory,
        abort: () => {
          throw new Error('abort in the core');
        },
      },
      host,
    });
    this.core = instance.exports as unknown as CoreExports;
    this.memory = memory;
    this.view = new DataView(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.translator = new Translator(this.core, memory);
    this.core.configure(RAM_BYTES);
    this.map();
    const set = (at: number, value: bigint) => this.view.setBigUint64(at, value, true);
    set(L.CR0, CR0);
    set(L.CR3, BigInt(PML4));
    set(L.CR4, CR4);
    set(L.EFER, EFER);
    set(L.XCR0, 7n);
    // A task-state segment without an I/O map: no port is allowed.
    this.view.setUint32(L.SEG + L.TR * L.SEG_SIZE + L.SEG_LIMIT, TSS_LIMIT, true);
  }

  private map(): void {
    let next = TABLES;
    const ram = (physical: number) => L.RAM_BASE + physical;
    const table = (at: number, index: number): number => {
      const entry = this.view.getBigUint64(ram(at + index * 8), true);
      if (entry & PTE_PRESENT) return Number(entry & 0xffffff000n);
      const made = next;
      next += 0x1000;
      this.view.setBigUint64(
        ram(at + index * 8),
        BigInt(made) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED_DIRTY,
        true,
      );
      return made;
    };
    for (const r of REGIONS) {
      for (let offset = 0; offset < r.bytes; offset += 4096) {
        const linear = r.linear + BigInt(offset);
        const index = (shift: bigint) => Number((linear >> shift) & 511n);
        const leaf = table(table(table(PML4, index(39n)), index(30n)), index(21n));
        const rights = (r.writable ? PTE_WRITE : 0n) | (r.executable ? 0n : PTE_NX);
        this.view.setBigUint64(
          ram(leaf + index(12n) * 8),
          BigInt(r.physical + offset) | PTE_PRESENT | PTE_USER | PTE_ACCESSED_DIRTY | rights,
          true,
        );
      }
    }
  }

  private physical(linear: bigint): number {
    const r = REGIONS.find((x) => linear >= x.linear && linear < x.linear + BigInt(x.bytes));
    if (!r) throw new RangeError(`address 0x${linear.toString(16)} is not in the vectors' memory map`);
    return r.physical + Number(linear - r.linear);
  }

  private segment(n: number, selector: number, flags: number, base = 0n): void {
    const at = L.SEG + n * L.SEG_SIZE;
    this.view.setBigUint64(at + L.SEG_BASE, base, true);
    this.view.setUint32(at + L.SEG_LIMIT, 0xffffffff, true);
    this.view.setUint32(at + L.SEG_FLAGS, flags, true);
    this.view.setUint16(at + L.SEG_SELECTOR, selector, true);
  }

  /** Puts a vector's initial state and memory in place. */
  load(v: Pick<Vector, 'mode' | 'initial' | 'memory' | 'code'> & Partial<Vector>): void {
    const { view, bytes } = this;
    bytes.fill(0, L.RAM_BASE + IMAGE, L.RAM_BASE + IMAGE + IMAGE_BYTES);
    this.core.invalidate(IMAGE, IMAGE_BYTES);
    const s = v.initial;
    for (let n = 0; n < 16; n++) view.setBigUint64(L.GPR + n * 8, s.gpr[n]!, true);
    view.setBigUint64(L.RIP, s.rip, true);
    view.setUint32(L.CPL, 3, true);
    view.setUint32(L.SHADOW, 0, true);
    view.setUint32(L.HALTED, 0, true);
    for (const n of [L.ES, L.SS, L.DS]) this.segment(n, SELECTORS.data, FLAGS_DATA);
    this.segment(L.FS, 0, v.mode === 0 ? FLAGS_DATA : 0);
    this.segment(L.GS, 0, v.mode === 0 ? FLAGS_DATA : 0, v.mode === 0 ? GS_BASE : 0n);
    if (v.mode === 0) this.segment(L.CS, SELECTORS.code64, FLAGS_CODE64);
    else this.segment(L.CS, SELECTORS.code32, FLAGS_CODE32);
    view.setUint32(L.MXCSR, s.mxcsr, true);
    view.setUint16(L.FCW, s.x87.fcw, true);
    view.setUint16(L.FSW, s.x87.fsw, true);
    view.setUint8(L.FTW, s.x87.tag);
    const top = (s.x87.fsw >> 11) & 7;
    for (let n = 0; n < 8; n++) bytes.set(s.x87.st.subarray(n * 10, n * 10 + 10), L.FPR + ((top + n) & 7) * 16);
    bytes.set(s.ymm, L.XMM);
    this.core.setEflags(s.eflags);
    for (const piece of v.memory) this.put(bytes.subarray(L.RAM_BASE), piece.address, piece.bytes);
    // The code is cut at the end of its mapping.
    const at = this.physical(s.rip);
    const room = IMAGE + 0x2000 - at;
    bytes.set(v.code.subarray(0, Math.min(v.code.length, room)), L.RAM_BASE + at);
    this.codePhysical = at;
  }

  /** The same for a state of test/support/native.ts. */
  loadUser(s: UserState): void {
    const st = new Uint8Array(80);
    for (let n = 0; n < 8; n++) st.set(s.st.subarray(n * 16, n * 16 + 10), n * 10);
    const x87 = { fcw: s.fcw, fsw: s.fsw, tag: s.ftw, st };
    const initial = { gpr: s.gpr, rip: s.rip, eflags: s.eflags, mxcsr: s.mxcsr, x87, ymm: s.ymm };
    this.load({ mode: s.mode, initial, memory: [], code: new Uint8Array() });
    this.bytes.set(s.image, L.RAM_BASE + IMAGE);
  }

  userState(mode: 0 | 1): UserState {
    const { view, bytes } = this;
    const fsw = view.getUint16(L.FSW, true);
    const st = new Uint8Array(128);
    for (let n = 0; n < 8; n++) {
      const at = L.FPR + (((fsw >> 11) + n) & 7) * 16;
      st.set(bytes.subarray(at, at + 10), n * 16);
    }
    return {
      mode,
      gpr: Array.from({ length: 16 }, (_, n) => view.getBigUint64(L.GPR + n * 8, true)),
      rip: view.getBigUint64(L.RIP, true),
      eflags: this.core.eflags() >>> 0,
      mxcsr: view.getUint32(L.MXCSR, true),
      fcw: view.getUint16(L.FCW, true),
      fsw,
      ftw: view.getUint8(L.FTW),
      st,
      ymm: bytes.slice(L.XMM, L.XMM + 512),
      image: bytes.slice(L.RAM_BASE + IMAGE, L.RAM_BASE + IMAGE + IMAGE_BYTES),
    };
  }

  cr2(): bigint {
    return this.view.getBigUint64(L.CR2, true);
  }

  /** Runs until a fault, which is not delivered; no exception when there is none within many instructions. */
  runToFault(): Outcome {
    return this.caught(() => {
      for (let n = 0; n < RUNS_MAX; n++) this.core.run(RUN_BUDGET);
    });
  }

  private put(ram: Uint8Array, address: bigint, piece: Uint8Array, base = 0): void {
    for (let n = 0; n < piece.length; n++) ram[this.physical(address + BigInt(n)) - base] = piece[n]!;
  }

  /** Executes one instruction; a REP instruction to its end. `once` does it, by default on tier 0. */
  execute(once: () => void = () => this.core.step()): Outcome {
    const start = this.view.getBigUint64(L.RIP, true);
    const repeats = this.isRepeated();
    for (let n = 0; n < 4096; n++) {
      const outcome = this.caught(once);
      if (outcome.exception !== undefined) return outcome;
      if (!repeats || this.view.getBigUint64(L.RIP, true) !== start) break;
    }
    return { exception: undefined, errorCode: 0 };
  }

  /** Calls `action`; the guest's fault that ends it. */
  private caught(action: () => void): Outcome {
    try {
      action();
    } catch (e) {
      if (e !== this.fault) throw e;
      this.settle();
      const has = this.view.getUint32(L.FAULT_HAS_ERROR, true);
      return {
        exception: this.view.getUint32(L.FAULT_VECTOR, true),
        errorCode: has ? this.view.getUint32(L.FAULT_ERROR, true) : 0,
      };
    }
    return { exception: undefined, errorCode: 0 };
  }

  private isRepeated(): boolean {
    for (let at = this.codePhysical; at < this.codePhysical + 15; at++) {
      const b = this.bytes[L.RAM_BASE + at]!;
      if (b === 0xf2 || b === 0xf3) return true;
      if (![0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0].includes(b) && (b & 0xf0) !== 0x40) return false;
    }
    return false;
  }

  /** RIP of the faulting instruction, as delivery would find it. */
  private settle(): void {
    const record = this.view.getUint32(L.CURRENT, true);
    if (record === 0) return;
    const where = this.view.getUint16(record + L.R_WHERE, true) & 0xfff;
    const ip = this.view.getBigUint64(L.LINEAR_PAGE, true) + BigInt(where);
    this.view.setBigUint64(L.RIP, ip, true);
  }

  /** Executes CPUID and tests one bit. Register: 0 eax, 1 ebx, 2 ecx, 3 edx. */
  hasFeature(leaf: number, register: number, bit: number): boolean {
    this.bytes.set([0x0f, 0xa2], L.RAM_BASE + IMAGE);
    this.core.invalidate(IMAGE, 2);
    this.segment(L.CS, SELECTORS.code64, FLAGS_CODE64);
    this.core.updateMode();
    this.view.setBigUint64(L.RIP, REGIONS[0]!.linear, true);
    this.view.setBigUint64(L.GPR, BigInt(leaf), true);
    this.view.setBigUint64(L.GPR + 8, 0n, true);
    try {
      this.core.step();
    } catch (e) {
      if (e !== this.fault) throw e;
      return false;
    }
    const at = L.GPR + [0, 3, 1, 2][register]! * 8;
    return ((this.view.getUint32(at, true) >>> bit) & 1) === 1;
  }

  /** What differs from the vector's final state; empty when nothing does. */
  compare(v: Vector, outcome: Outcome): string[] {
    const { view } = this;
    const wrong: string[] = [];
    const hex = (x: bigint | number | undefined) => (x === undefined ? 'none' : `0x${x.toString(16)}`);
    const check = (name: string, got: bigint | number | undefined, want: bigint | number | undefined) => {
      if (got !== want) wrong.push(`${name} is ${hex(got)}, should be ${hex(want)}`);
    };
    check('exception', outcome.exception, v.exception);
    if (v.exception !== undefined) {
      // The recording kernel reports every user access at or above its TASK_SIZE_MAX as a protection violation (bit 0),
      // so that programs learn nothing of its page tables.
      const hidden = v.exception === 14 && v.cr2 >= RECORDER_TASK_SIZE ? 1 : 0;
      check('error code', outcome.errorCode | hidden, v.errorCode);
      if (v.exception === 14) check('cr2', view.getBigUint64(L.CR2, true), v.cr2);
    }
    const s: CpuState = v.final;
    const names = [
      'rax',
      'rcx',
      'rdx',
      'rbx',
      'rsp',
      'rbp',
      'rsi',
      'rdi',
      'r8',
      'r9',
      'r10',
      'r11',
      'r12',
      'r13',
      'r14',
      'r15',
    ];
    for (let n = 0; n < 16; n++) check(names[n]!, view.getBigUint64(L.GPR + n * 8, true), s.gpr[n]);
    check('rip', view.getBigUint64(L.RIP, true), s.rip);
    check('eflags', (this.core.eflags() & v.eflagsMask) >>> 0, (s.eflags & v.eflagsMask) >>> 0);
    check('mxcsr', view.getUint32(L.MXCSR, true), s.mxcsr);
    check('fcw', view.getUint16(L.FCW, true), s.x87.fcw);
    const fsw = view.getUint16(L.FSW, true);
    check('fsw', fsw & v.fswMask, s.x87.fsw & v.fswMask);
    check('ftw', view.getUint8(L.FTW), s.x87.tag);
    const top = (fsw >> 11) & 7;
    for (let n = 0; n < 8; n++) {
      const at = L.FPR + ((top + n) & 7) * 16;
      const got = this.bytes.subarray(at, at + 10);
      const want = s.x87.st.subarray(n * 10, n * 10 + 10);
      if (!same(got, want) && !(v.approx === 2 && closeF80(got, want, 2n)))
        wrong.push(`st${n} is ${text(got)}, should be ${text(want)}`);
    }
    for (let n = 0; n < 16; n++) {
      const got = this.bytes.subarray(L.XMM + n * 32, L.XMM + n * 32 + 32);
      const want = s.ymm.subarray(n * 32, n * 32 + 32);
      if (!same(got, want) && !(v.approx === 1 && closeF32(got, want)))
        wrong.push(`ymm${n} is ${text(got)}, should be ${text(want)}`);
    }
    this.compareMemory(v, wrong);
    return wrong;
  }

  private compareMemory(v: Vector, wrong: string[]): void {
    const expected = this.expected.fill(0);
    for (const piece of v.memory) this.put(expected, piece.address, piece.bytes, IMAGE);
    const at = this.codePhysical - IMAGE;
    expected.set(v.code.subarray(0, Math.min(v.code.length, 0x2000 - at)), at);
    for (const piece of v.changed) this.put(expected, piece.address, piece.bytes, IMAGE);
    const got = this.bytes.subarray(L.RAM_BASE + IMAGE, L.RAM_BASE + IMAGE + IMAGE_BYTES);
    if (Buffer.compare(got, expected) === 0) return;
    const bad = expected.findIndex((b, n) => b !== got[n]);
    wrong.push(
      `memory at image offset 0x${bad.toString(16)} is ${text(got.subarray(bad, bad + 16))}, should be ${text(expected.subarray(bad, bad + 16))}`,
    );
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let n = 0; n < b.length; n++) if (a[n] !== b[n]) return false;
  return true;
}
function text(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** Relative error of each f32 at most 1.5 · 2⁻¹² (rcp, rsqrt); equal bits otherwise. */
function closeF32(got: Uint8Array, want: Uint8Array): boolean {
  const g = new DataView(got.buffer, got.byteOffset, 32);
  const w = new DataView(want.buffer, want.byteOffset, 32);
  for (let n = 0; n < 32; n += 4) {
    if (g.getUint32(n, true) === w.getUint32(n, true)) continue;
    const a = g.getFloat32(n, true);
    const b = w.getFloat32(n, true);
    if (!(Math.abs(a - b) <= Math.abs(b) * 1.5 * 2 ** -12)) return false;
  }
  return true;
}

/** Distance in units in the last place of two f80 of the same sign. */
function closeF80(got: Uint8Array, want: Uint8Array, ulps: bigint): boolean {
  const key = (b: Uint8Array) => {
    const v = new DataView(b.buffer, b.byteOffset, 10);
    const exponent = v.getUint16(8, true);
    const magnitude = (BigInt(exponent & 0x7fff) << 63n) + (v.getBigUint64(0, true) & 0x7fffffffffffffffn);
    return exponent & 0x8000 ? -magnitude : magnitude;
  };
  const d = key(got) - key(want);
  return d <= ulps && d >= -ulps;
}
