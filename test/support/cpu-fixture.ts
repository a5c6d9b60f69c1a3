/**
 * A flat ring-0 machine for instruction tests, in 16, 32 or 64-bit code: 16 MiB of RAM, no devices, no interrupts. Code
 * is given as bytes. In 16-bit code this is real mode with all segment bases 0, otherwise paging is off (32) or maps
 * memory to itself in 2 MiB pages (64).
 */
import * as L from '../../assembly/layout.ts';
import { Cpu } from '../../src/core/cpu.ts';
import { GUEST_FAULT, instantiateCore, type CpuHost } from '../../src/core/load.ts';
import { enterLongMode, enterProtectedMode } from '../../src/machine/boot/cpu-state.ts';
import { LOADER_PAGE_TABLES } from '../../src/machine/memory-map.ts';
import { WasmGuestMemory } from '../../src/machine/guest-memory.ts';
import { coreModule, tierOfTests } from './core-module.ts';
import { QUIET_HOST } from './quiet-host.ts';

export type CodeBits = 16 | 32 | 64;

/** Where code is put and execution begins. */
export const CODE = 0x1000;
/** Initial stack pointer. */
export const STACK = 0x8000;

const RAM_BYTES = 16 << 20;
const PAGE_BYTES = 0x1000;
const LARGE_PAGE_BYTES = 0x200000;
const ENTRY_LARGE_WRITABLE = 0x83; // present, writable, PS: SDM Vol. 3A, table 4-17
const REAL_LIMIT = 0xffff;
const REAL_DATA_FLAGS = 0x9300;
const REAL_CODE_FLAGS = 0x9b00;
const EFLAGS_FIXED = 2; // bit 1, SDM Vol. 1, 3.4.3

/** General registers by x86 number. */
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

/** A fault that an instruction raised; nothing was delivered. */
export interface GuestFault {
  readonly vector: number;
  readonly errorCode: number;
  /** The faulting instruction. */
  readonly rip: bigint;
}

export class CpuFixture {
  readonly cpu: Cpu;
  readonly ram: Uint8Array;
  readonly memory: WasmGuestMemory;
  readonly #view: DataView;

  /** `module`: the core, if it is not the tests' own. */
  constructor(bits: CodeBits, host: Partial<CpuHost> = {}, module = coreModule()) {
    const core = instantiateCore(module, RAM_BYTES, { ...QUIET_HOST, ...host }, { tier: tierOfTests() });
    this.cpu = new Cpu(core);
    this.ram = new Uint8Array(core.memory.buffer, L.RAM_BASE, RAM_BYTES);
    this.#view = new DataView(core.memory.buffer, 0, L.DATA_BASE);
    this.memory = new WasmGuestMemory(core.memory, RAM_BYTES, (physical, byteCount) =>
      core.exports.invalidate(physical, byteCount),
    );
    const state = { entry: CODE, registers: { 4: STACK } };
    if (bits === 64) enterLongMode(this.memory, this.cpu, state);
    else enterProtectedMode(this.memory, this.cpu, state);
    if (bits === 16) this.#enterRealMode();
  }

  #enterRealMode(): void {
    for (const n of [L.ES, L.SS, L.DS, L.FS, L.GS])
      this.cpu.setSegment(n, { selector: 0, base: 0n, limit: REAL_LIMIT, flags: REAL_DATA_FLAGS });
    this.cpu.setSegment(L.CS, { selector: 0, base: 0n, limit: REAL_LIMIT, flags: REAL_CODE_FLAGS });
    this.cpu.setControl('cr0', 0n);
    this.cpu.commit();
  }

  /** Writes code at CODE, or elsewhere, and points RIP to it. */
  code(bytes: readonly number[], at = CODE): this {
    this.write(at, bytes);
    this.cpu.setControl('rip', BigInt(at));
    return this;
  }
  /** Writes memory as a device would. */
  write(at: number, bytes: ArrayLike<number>): this {
    this.memory.write(at, Uint8Array.from(bytes));
    return this;
  }
  /** Takes away the 2 MiB page at `linear` (64-bit code only): accesses raise #PF until it is mapped again. */
  setMapped(linear: number, mapped: boolean): this {
    const entry = LOADER_PAGE_TABLES + 2 * PAGE_BYTES + 8 * (linear / LARGE_PAGE_BYTES);
    this.memory.write32(entry, (linear | (mapped ? ENTRY_LARGE_WRITABLE : 0)) >>> 0);
    this.cpu.commit();
    return this;
  }
  /** Privilege level as IRET would set it; the segments stay flat. */
  setCpl(level: number): this {
    this.#view.setUint32(L.CPL, level, true);
    this.cpu.commit();
    return this;
  }
  /** A copy of memory. */
  read(at: number, byteCount: number): number[] {
    return Array.from(this.ram.subarray(at, at + byteCount));
  }
  set(registers: Partial<Record<Register, number | bigint>>): this {
    for (const [name, value] of Object.entries(registers))
      this.cpu.setGpr(REGISTERS.indexOf(name as Register), BigInt.asUintN(64, BigInt(value)));
    return this;
  }
  get(register: Register): bigint {
    return this.cpu.getGpr(REGISTERS.indexOf(register));
  }
  get rip(): bigint {
    return this.cpu.getControl('rip');
  }
  get flags(): number {
    return this.cpu.eflags;
  }
  set flags(value: number) {
    this.cpu.eflags = value | EFLAGS_FIXED;
  }
  /** Instructions retired since the fixture was made. */
  get count(): number {
    return this.cpu.instructionCount;
  }

  /** Executes `steps` instructions one by one (an iteration of a REP is one), or up to a fault, which is returned. */
  step(steps = 1): GuestFault | undefined {
    return this.#catch(() => {
      for (let n = 0; n < steps; n++) this.cpu.core.exports.step();
    });
  }
  /** Runs at full speed up to HLT or about `budget` instructions, or up to a fault, which is returned. */
  run(budget = 100_000): GuestFault | undefined {
    return this.#catch(() => this.cpu.core.exports.run(budget));
  }

  #catch(execute: () => void): GuestFault | undefined {
    try {
      execute();
      return undefined;
    } catch (thrown) {
      if (thrown !== GUEST_FAULT) throw thrown;
    }
    const errorCode = this.#view.getUint32(L.FAULT_HAS_ERROR, true) ? this.#view.getUint32(L.FAULT_ERROR, true) : 0;
    return { vector: this.#view.getUint32(L.FAULT_VECTOR, true), errorCode, rip: this.#faultAddress() };
  }
  #faultAddress(): bigint {
    const record = this.#view.getUint32(L.CURRENT, true);
    if (record === 0) return this.rip;
    const records = new DataView(this.cpu.core.memory.buffer);
    const base = this.cpu.getSegment(L.CS).base;
    return (
      records.getBigUint64(L.LINEAR_PAGE, true) + BigInt(records.getUint16(record + L.R_WHERE, true) & 0xfff) - base
    );
  }
}
