/**
 * A machine for tests of the system architecture: CPU and RAM, page tables, GDT, IDT, TSS; no devices. Every vector's
 * handler is one HLT, so that an exception or interrupt ends the run with its frame on the stack: see {@link Stop}.
 * Long mode by default; 'protected' is flat 32-bit without paging, 'real' has all segment bases 0.
 */
import * as L from '../../assembly/layout.ts';
import { Cpu } from '../../src/core/cpu.ts';
import { instantiateCore, type CpuHost } from '../../src/core/load.ts';
import { WasmGuestMemory } from '../../src/machine/guest-memory.ts';
import { coreModule, tierOfTests } from './core-module.ts';
import { le } from './little-endian.ts';
import { PageTables } from './page-tables.ts';
import { QUIET_HOST } from './quiet-host.ts';

export type MachineMode = 'long' | 'protected' | 'real';

// Where things are (linear and physical)
export const CODE = 0x1000;
export const GDT = 0x2000;
export const IDT = 0x3000;
export const TSS = 0x4000;
export const HANDLERS = 0x5000;
export const LDT = 0x6000;
export const STACK = 0x8000;
/** Stack of ring 0 in the TSS; also of rings 1 and 2, lower. */
export const RING0_STACK = 0x9000;
export const IST_STACK = 0xa000;
export const DATA = 0x10000;
export const USER_CODE = 0x400000;
export const USER_STACK = 0x408000;
export const USER_DATA = 0x410000;
/** Frames without a mapping of their own. */
export const FRAMES = 0x800000;
const SUPERVISOR_END = 0x100000;
const USER_END = 0x420000;
const PAGE_TABLES = 0xc00000;
const RAM_BYTES = 16 << 20;
const GDT_BYTES = 0x100;

/** Selectors; a number is an offset in the GDT, user ones with RPL 3. STAR and SYSENTER_CS orders are kept. */
export const SELECTOR = {
  code64: 0x08,
  data: 0x10,
  code32: 0x18,
  userCode32: 0x23,
  userData: 0x2b,
  userCode64: 0x33,
  tss: 0x38,
  sysenterCode: 0x48,
  sysenterData: 0x50,
  sysenterUserCode: 0x5b,
  sysenterUserData: 0x63,
  code16: 0x68,
  data16: 0x70,
  ldt: 0x78,
  /** From here on for tests. */
  free: 0x90,
} as const;

// Descriptor fields, SDM Vol. 3A, 3.4.5: type with S and P, DPL in bits 5 and 6
export const TYPE_CODE = 0x9b;
export const TYPE_CODE_CONFORMING = 0x9f;
export const TYPE_DATA = 0x93;
export const TYPE_DATA_READ_ONLY = 0x91;
export const TYPE_DATA_DOWN = 0x97;
export const TYPE_LDT = 0x82;
export const TYPE_TSS = 0x89;
export const TYPE_TSS_BUSY = 0x8b;
export const TYPE_INTERRUPT_GATE = 0x8e;
export const TYPE_TRAP_GATE = 0x8f;
export const TYPE_INTERRUPT_GATE_16 = 0x86;
export const TYPE_CALL_GATE = 0x8c;
export const TYPE_CALL_GATE_16 = 0x84;
export const RING3 = 0x60;
export const FLAT = 0xfffff;
export const SIZE_G = 8;
export const SIZE_B = 4;
export const SIZE_L = 2;

export const CR0 = {
  PE: 1n,
  MP: 2n,
  EM: 4n,
  TS: 8n,
  ET: 0x10n,
  NE: 0x20n,
  WP: 0x10000n,
  AM: 0x40000n,
  NW: 1n << 29n,
  CD: 1n << 30n,
  PG: 1n << 31n,
} as const;
export const CR4 = {
  TSD: 4n,
  DE: 8n,
  PSE: 0x10n,
  PAE: 0x20n,
  PGE: 0x80n,
  OSFXSR: 0x200n,
  UMIP: 0x800n,
  FSGSBASE: 1n << 16n,
  PCIDE: 1n << 17n,
  OSXSAVE: 1n << 18n,
  SMEP: 1n << 20n,
  SMAP: 1n << 21n,
} as const;
export const EFER = { SCE: 1n, LME: 0x100n, LMA: 0x400n, NXE: 0x800n } as const;
export const FLAG = {
  CF: 1,
  FIXED: 2,
  ZF: 0x40,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x10000,
  VM: 0x20000,
  AC: 0x40000,
  ID: 0x200000,
} as const;
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  AC: 17,
} as const;
const WITH_ERROR = [8, 10, 11, 12, 13, 14, 17];

export const REGISTERS = [
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
] as const;
export type Register = (typeof REGISTERS)[number];

/** An exception or interrupt that was delivered: what its frame says. `rsp` and `ss` only where they were pushed. */
export interface Delivered {
  readonly vector: number;
  readonly error: number | undefined;
  readonly rip: bigint;
  readonly cs: number;
  readonly flags: number;
  readonly rsp: bigint | undefined;
  readonly ss: number | undefined;
}

export interface Gate {
  readonly selector?: number;
  readonly offset?: number;
  readonly type?: number;
  readonly ist?: number;
}

export class SystemMachine {
  readonly cpu: Cpu;
  readonly ram: Uint8Array;
  readonly memory: WasmGuestMemory;
  readonly mode: MachineMode;
  /** Of long mode; 32-bit tests make their own. */
  readonly pages: PageTables;
  readonly #block: DataView;

  constructor(mode: MachineMode = 'long', host: Partial<CpuHost> = {}) {
    const core = instantiateCore(coreModule(), RAM_BYTES, { ...QUIET_HOST, ...host }, { tier: tierOfTests() });
    this.mode = mode;
    this.cpu = new Cpu(core);
    this.ram = new Uint8Array(core.memory.buffer, L.RAM_BASE, RAM_BYTES);
    this.#block = new DataView(core.memory.buffer, 0, L.DATA_BASE);
    this.memory = new WasmGuestMemory(core.memory, RAM_BYTES, (physical, byteCount) =>
      core.exports.invalidate(physical, byteCount),
    );
    this.pages = new PageTables(this.memory, PAGE_TABLES, 'long');
    this.#tables();
    if (mode === 'long') this.#enterLong();
    else if (mode === 'protected') this.#enterProtected();
    else this.#enterReal();
    this.set({ rsp: STACK, rdx: 0 });
    this.commit();
  }

  #tables(): void {
    const code = TYPE_CODE;
    this.descriptor(SELECTOR.code64, 0, FLAT, code, SIZE_G | SIZE_L);
    for (const at of [SELECTOR.data, SELECTOR.sysenterData]) this.descriptor(at, 0, FLAT, TYPE_DATA, SIZE_G | SIZE_B);
    for (const at of [SELECTOR.code32, SELECTOR.sysenterCode]) this.descriptor(at, 0, FLAT, code, SIZE_G | SIZE_B);
    for (const at of [SELECTOR.userCode32, SELECTOR.sysenterUserCode])
      this.descriptor(at, 0, FLAT, code | RING3, SIZE_G | SIZE_B);
    for (const at of [SELECTOR.userData, SELECTOR.sysenterUserData])
      this.descriptor(at, 0, FLAT, TYPE_DATA | RING3, SIZE_G | SIZE_B);
    this.descriptor(SELECTOR.userCode64, 0, FLAT, code | RING3, SIZE_G | SIZE_L);
    this.descriptor(SELECTOR.tss, TSS, 0x67, TYPE_TSS, 0);
    this.descriptor(SELECTOR.code16, 0, 0xffff, code, 0);
    this.descriptor(SELECTOR.data16, 0, 0xffff, TYPE_DATA, 0);
    this.descriptor(SELECTOR.ldt, LDT, 0xfff, TYPE_LDT, 0);
    for (let vector = 0; vector < 256; vector++) {
      this.gate(vector);
      this.write(4 * vector, this.mode === 'real' ? [...le(HANDLERS + vector, 2), 0, 0] : []);
    }
    this.write(TSS + 102, le(0x68, 2)); // the I/O map would be beyond the limit
    this.write(HANDLERS, new Array<number>(256).fill(0xf4)); // hlt
    if (this.mode === 'long') {
      for (let level = 0; level < 3; level++) this.write(TSS + 4 + 8 * level, le(RING0_STACK - 0x400 * level, 8));
      for (let entry = 0; entry < 7; entry++) this.write(TSS + 36 + 8 * entry, le(IST_STACK + 0x400 * entry, 8));
    } else this.write(TSS + 4, [...le(RING0_STACK, 4), ...le(SELECTOR.data, 4)]);
    this.cpu.setControl('gdtrBase', BigInt(GDT));
    this.cpu.setControl('idtrBase', this.mode === 'real' ? 0n : BigInt(IDT));
    this.cpu.setTableLimits(GDT_BYTES - 1, this.mode === 'real' ? 0x3ff : 0xfff);
  }
  #enterLong(): void {
    for (let at = 0; at < SUPERVISOR_END; at += 0x1000) this.pages.map(at, at, 'w');
    for (let at = USER_CODE; at < USER_END; at += 0x1000) this.pages.map(at, at, 'wu');
    this.cpu.setControl('cr3', BigInt(this.pages.root));
    this.cpu.setControl('cr4', CR4.PAE);
    this.cpu.setControl('efer', EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE);
    this.cpu.setControl('cr0', CR0.PE | CR0.PG | CR0.ET | CR0.WP | CR0.NE);
    this.#flat(SELECTOR.code64, SELECTOR.data);
  }
  #enterProtected(): void {
    this.cpu.setControl('cr0', CR0.PE | CR0.ET | CR0.NE);
    this.#flat(SELECTOR.code32, SELECTOR.data);
  }
  #enterReal(): void {
    this.cpu.setControl('cr0', CR0.ET);
    for (const n of [L.ES, L.SS, L.DS, L.FS, L.GS])
      this.cpu.setSegment(n, { selector: 0, base: 0n, limit: 0xffff, flags: 0x9300 });
    this.cpu.setSegment(L.CS, { selector: 0, base: 0n, limit: 0xffff, flags: 0x9b00 });
  }
  #flat(code: number, data: number): void {
    this.load(L.CS, code);
    for (const n of [L.ES, L.SS, L.DS, L.FS, L.GS]) this.load(n, data);
    this.load(L.TR, SELECTOR.tss);
    this.write(GDT + SELECTOR.tss + 5, [TYPE_TSS_BUSY]);
    this.cpu.setSegment(L.LDTR, { selector: 0, base: 0n, limit: 0, flags: 0 });
  }

  // ---- tables ------------------------------------------------------------------------------------------------------
  /** A descriptor in the GDT, or at `table`. `size` is G, B and L: the high nibble of byte 6. */
  descriptor(selector: number, base: number, limit: number, type: number, size: number, table = GDT): this {
    return this.write(table + (selector & ~7), [
      ...le(limit, 2),
      ...le(base, 3),
      type,
      (size << 4) | ((limit >> 16) & 15),
      (base >>> 24) & 255,
    ]);
  }
  /** A gate of the IDT; by default an interrupt gate to the vector's HLT. */
  gate(vector: number, { selector, offset = HANDLERS + vector, type = TYPE_INTERRUPT_GATE, ist = 0 }: Gate = {}): this {
    if (this.mode === 'real') return this;
    const wide = this.mode === 'long';
    const code = selector ?? (wide ? SELECTOR.code64 : SELECTOR.code32);
    const bytes = [
      ...le(offset, 2),
      ...le(code, 2),
      ist,
      type,
      ...le(offset >> 16, 2),
      ...(wide ? new Array<number>(8).fill(0) : []),
    ];
    return this.write(IDT + vector * (wide ? 16 : 8), bytes);
  }
  /** A call gate in the GDT. */
  callGate(at: number, selector: number, offset: number, type = TYPE_CALL_GATE, count = 0): this {
    const bytes = [...le(offset, 2), ...le(selector, 2), count, type, ...le(offset >> 16, 2)];
    return this.write(GDT + (at & ~7), this.mode === 'long' ? [...bytes, ...new Array<number>(8).fill(0)] : bytes);
  }
  /** Loads a segment register from the GDT without checks, its RPL as privilege level for CS. */
  load(segment: number, selector: number): this {
    const at = GDT + (selector & ~7);
    const low = this.memory.read32(at);
    const high = this.memory.read32(at + 4);
    const granular = ((high >>> 20) & SIZE_G) !== 0;
    const limit = (low & 0xffff) | (high & 0xf0000);
    this.cpu.setSegment(segment, {
      selector,
      base: BigInt(((low >>> 16) | ((high & 255) << 16) | (high & 0xff000000)) >>> 0),
      limit: granular ? ((limit << 12) | 0xfff) >>> 0 : limit,
      flags: high & 0xf0ff00,
    });
    if (segment === L.CS) this.#block.setUint32(L.CPL, selector & 3, true);
    return this;
  }
  commit(): this {
    this.cpu.commit();
    return this;
  }

  // ---- state ---------------------------------------------------------------------------------------------------------
  write(at: number, bytes: ArrayLike<number>): this {
    this.memory.write(at, Uint8Array.from(bytes));
    return this;
  }
  read(at: number, byteCount: number): number[] {
    return Array.from(this.ram.subarray(at, at + byteCount));
  }
  read64(at: number): bigint {
    return this.memory.read64(at);
  }
  /** Writes code and points RIP to it; a halted CPU goes on. */
  code(bytes: readonly number[], at = CODE): this {
    this.write(at, bytes);
    this.#block.setUint32(L.HALTED, 0, true);
    this.cpu.setControl('rip', BigInt(at));
    return this;
  }
  /** The same in ring 3, 64-bit or 32-bit code. */
  userCode(bytes: readonly number[], bits: 32 | 64 = this.mode === 'long' ? 64 : 32): this {
    this.load(L.CS, bits === 64 ? SELECTOR.userCode64 : SELECTOR.userCode32);
    for (const n of [L.ES, L.SS, L.DS]) this.load(n, SELECTOR.userData);
    return this.set({ rsp: USER_STACK }).code(bytes, USER_CODE).commit();
  }
  set(registers: Partial<Record<Register, number | bigint>>): this {
    for (const [name, value] of Object.entries(registers))
      this.cpu.setGpr(REGISTERS.indexOf(name as Register), BigInt.asUintN(64, BigInt(value)));
    return this;
  }
  get(register: Register): bigint {
    return this.cpu.getGpr(REGISTERS.indexOf(register));
  }
  /** Adds control register bits. */
  enable(bits: { cr0?: bigint; cr4?: bigint; efer?: bigint }): this {
    for (const name of ['cr0', 'cr4', 'efer'] as const)
      this.cpu.setControl(name, this.cpu.getControl(name) | (bits[name] ?? 0n));
    return this.commit();
  }
  disable(bits: { cr0?: bigint; cr4?: bigint; efer?: bigint }): this {
    for (const name of ['cr0', 'cr4', 'efer'] as const)
      this.cpu.setControl(name, this.cpu.getControl(name) & ~(bits[name] ?? 0n));
    return this.commit();
  }
  get flags(): number {
    return this.cpu.eflags;
  }
  set flags(value: number) {
    this.cpu.eflags = value | FLAG.FIXED;
  }
  get rip(): bigint {
    return this.cpu.getControl('rip');
  }
  get cr2(): bigint {
    return this.cpu.getControl('cr2');
  }
  get cpl(): number {
    return this.#block.getUint32(L.CPL, true);
  }
  selector(segment: number): number {
    return this.cpu.getSegment(segment).selector;
  }
  /** A value of the CPU block by its offset (assembly/layout.ts). */
  block64(at: number): bigint {
    return this.#block.getBigUint64(at, true);
  }
  setBlock64(at: number, value: bigint): this {
    this.#block.setBigUint64(at, value, true);
    return this;
  }

  // ---- running ---------------------------------------------------------------------------------------------------------
  /** Runs up to HLT. What was delivered, undefined when the code itself halted. Throws when neither happens. */
  run(budget = 100_000): Delivered | undefined {
    const exit = this.cpu.run(budget);
    if (exit !== L.EXIT_HALT) throw new Error(`the machine did not halt (exit ${exit})\n${this.cpu.dump()}`);
    return this.delivered();
  }
  /** Executes one instruction, a fault is delivered. */
  step(steps = 1): this {
    for (let n = 0; n < steps; n++) this.cpu.step();
    return this;
  }
  /** The frame on the stack when RIP is in a handler or just behind its HLT. */
  delivered(): Delivered | undefined {
    const vector = Number(this.rip) - HANDLERS - (this.cpu.isHalted ? 1 : 0);
    if (vector < 0 || vector > 255) return undefined;
    const size = this.mode === 'long' ? 8 : this.mode === 'protected' ? 4 : 2;
    const ss = this.cpu.getSegment(L.SS);
    let at = ss.base + this.get('rsp');
    const pop = () => {
      const value = this.#slot(at, size);
      at += BigInt(size);
      return value;
    };
    const error = this.mode !== 'real' && WITH_ERROR.includes(vector) ? Number(pop()) : undefined;
    const [rip, cs, flags] = [pop(), Number(pop()) & 0xffff, Number(pop())];
    const outer = this.mode === 'long' || (this.mode === 'protected' && (cs & 3) !== this.cpl);
    return {
      vector,
      error,
      rip,
      cs,
      flags,
      rsp: outer ? pop() : undefined,
      ss: outer ? Number(pop()) & 0xffff : undefined,
    };
  }
  #slot(linear: bigint, size: number): bigint {
    const physical = this.cpu.probe(linear)!;
    return this.read(physical, size).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }
}
