/**
 * One CPU as the machine and debuggers see it: runs slices of instructions, delivers the faults that unwind out of the
 * core, and gives access to registers. The block's layout is assembly/layout.ts; the run protocol assembly/engine/run.ts.
 */
import * as L from '../../assembly/layout.ts';
import { assert, AssertionError } from '../util/errors.ts';
import { dumpCpu } from './dump.ts';
import { GUEST_FAULT, type Core } from './load.ts';
import { readTranslationStatistics, type TranslationStatistics } from './translation-statistics.ts';

/** Why a slice ended: EXIT_BUDGET, EXIT_HALT or EXIT_SHUTDOWN of assembly/layout.ts. */
export type RunExit = typeof L.EXIT_BUDGET | typeof L.EXIT_HALT | typeof L.EXIT_SHUTDOWN;

/** A segment register with its hidden part. `flags` is as SEG_FLAGS of assembly/layout.ts describes. */
export interface SegmentRegister {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  readonly flags: number;
}

/** Registers that {@link Cpu.getControl} and {@link Cpu.setControl} know by name. */
export const CONTROL_REGISTERS = {
  rip: L.RIP,
  cr0: L.CR0,
  cr2: L.CR2,
  cr3: L.CR3,
  cr4: L.CR4,
  efer: L.EFER,
  gdtrBase: L.GDTR_BASE,
  idtrBase: L.IDTR_BASE,
} as const;
export type ControlRegister = keyof typeof CONTROL_REGISTERS;

/**
 * What each fault and each restart inside one slice costs of its budget. Without it, a guest whose fault handler faults
 * at its first instruction would retire nothing and hold the host for ever.
 */
const UNWIND_COST = 16;
/** A fault in delivering a fault is a double fault, and one more shuts the CPU down; more is our bug. */
const NESTED_FAULTS_MAX = 8;
const UNMAPPED = 0xffff_ffff_ffff_ffffn;

export class Cpu {
  readonly core: Core;
  readonly #view: DataView;
  /** The core forgets a request when it unwinds or comes back for an event. */
  #exitRequested = false;

  constructor(core: Core) {
    this.core = core;
    this.#view = new DataView(core.memory.buffer, 0, L.DATA_BASE);
  }

  /**
   * Runs about `budget` instructions, fewer when the CPU halts, shuts down or something called {@link requestExit}.
   * Throws an AssertionError with a dump of the CPU when the core or a device fails: our bug, never the guest's.
   */
  run(budget: number): RunExit {
    const exit = this.#run(budget);
    this.core.translator.sliceEnded();
    return exit;
  }

  #run(budget: number): RunExit {
    const { exports } = this.core;
    let left = budget;
    let before = exports.instructionCount();
    this.#exitRequested = false;
    for (;;) {
      let exit: number;
      try {
        exit = exports.run(left);
      } catch (thrown) {
        this.#deliverFault(thrown);
        exit = L.EXIT_EVENT;
      }
      if (exit !== L.EXIT_EVENT) return exit as RunExit;
      if (this.#exitRequested) return L.EXIT_BUDGET;
      const now = exports.instructionCount();
      left -= now - before + UNWIND_COST;
      before = now;
      if (left <= 0) return L.EXIT_BUDGET;
    }
  }

  /** Executes one instruction and, if it faults, delivers the fault. No interrupt is taken. */
  step(): RunExit {
    try {
      return this.core.exports.step() as RunExit;
    } catch (thrown) {
      this.#deliverFault(thrown);
      return L.EXIT_BUDGET;
    }
  }

  /** Ends the {@link run} under way soon. For calls from inside it; harmless between runs. */
  requestExit(): void {
    this.#exitRequested = true;
    this.core.exports.requestExit();
  }

  /** Processor reset: registers and caches, not memory. */
  reset(): void {
    this.core.exports.reset();
  }

  /** Instructions retired since power-on. */
  get instructionCount(): number {
    return this.core.exports.instructionCount();
  }

  /** What the translator did so far. */
  get translationStatistics(): TranslationStatistics {
    return readTranslationStatistics(this.core);
  }

  /** The INTR pin. */
  setIntr(waiting: boolean): void {
    this.#view.setUint32(L.INTR, waiting ? 1 : 0, true);
  }
  raiseNmi(): void {
    this.#view.setUint32(L.NMI_PENDING, 1, true);
  }
  get isHalted(): boolean {
    return this.#view.getUint32(L.HALTED, true) !== 0;
  }
  /** Halted with nothing but a non-maskable interrupt to wake it. */
  get isHaltedForGood(): boolean {
    const INTERRUPT_ENABLE = 1 << 9; // EFLAGS.IF, SDM Vol. 1, 3.4.3
    return this.isHalted && (this.eflags & INTERRUPT_ENABLE) === 0 && this.#view.getUint32(L.NMI_PENDING, true) === 0;
  }

  /** General register by its x86 number: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, 5 RBP, 6 RSI, 7 RDI, 8 to 15. */
  getGpr(register: number): bigint {
    return this.#view.getBigUint64(L.GPR + 8 * (register & 15), true);
  }
  setGpr(register: number, value: bigint): void {
    this.#view.setBigUint64(L.GPR + 8 * (register & 15), value, true);
  }
  getControl(name: ControlRegister): bigint {
    return this.#view.getBigUint64(CONTROL_REGISTERS[name], true);
  }
  /** After the last change, call {@link commit}. */
  setControl(name: ControlRegister, value: bigint): void {
    this.#view.setBigUint64(CONTROL_REGISTERS[name], value, true);
  }
  setTableLimits(gdt: number, idt: number): void {
    this.#view.setUint32(L.GDTR_LIMIT, gdt, true);
    this.#view.setUint32(L.IDTR_LIMIT, idt, true);
  }

  /** `segment` is ES, CS, … TR of assembly/layout.ts. */
  getSegment(segment: number): SegmentRegister {
    const at = L.SEG + segment * L.SEG_SIZE;
    return {
      selector: this.#view.getUint16(at + L.SEG_SELECTOR, true),
      base: this.#view.getBigUint64(at + L.SEG_BASE, true),
      limit: this.#view.getUint32(at + L.SEG_LIMIT, true),
      flags: this.#view.getUint32(at + L.SEG_FLAGS, true),
    };
  }
  /** After the last change, call {@link commit}. */
  setSegment(segment: number, { selector, base, limit, flags }: SegmentRegister): void {
    const at = L.SEG + segment * L.SEG_SIZE;
    this.#view.setUint16(at + L.SEG_SELECTOR, selector, true);
    this.#view.setBigUint64(at + L.SEG_BASE, base, true);
    this.#view.setUint32(at + L.SEG_LIMIT, limit, true);
    this.#view.setUint32(at + L.SEG_FLAGS, flags, true);
  }

  get eflags(): number {
    return this.core.exports.eflags() >>> 0;
  }
  set eflags(value: number) {
    this.core.exports.setEflags(value);
  }

  /** Makes the core take over what was changed: modes, address translation. */
  commit(): void {
    this.core.exports.updateMode();
    this.core.exports.flushTlb();
  }

  /** The guest's TSC less the machine's ticks: what the guest added by writing it. */
  get tscOffset(): bigint {
    return this.#view.getBigInt64(L.TSC_OFFSET, true);
  }
  /** Physical address of a linear one as the guest's page tables have it now, or undefined. Changes nothing. */
  probe(linear: bigint): number | undefined {
    this.#view.setBigUint64(L.EXCHANGE, linear, true);
    this.core.exports.probe();
    const physical = this.#view.getBigUint64(L.EXCHANGE, true);
    return physical === UNMAPPED ? undefined : Number(physical);
  }

  /** Bytes at a linear address, as far as they are mapped RAM. For debugging. */
  peek(linear: bigint, byteCount: number): Uint8Array {
    const bytes = new Uint8Array(byteCount);
    const memory = new Uint8Array(this.core.memory.buffer, L.RAM_BASE, this.core.ramBytes);
    for (let i = 0; i < byteCount; i++) {
      const physical = this.probe(BigInt.asUintN(64, linear + BigInt(i)));
      if (physical === undefined || physical >= memory.length) return bytes.subarray(0, i);
      bytes[i] = memory[physical]!;
    }
    return bytes;
  }

  /** The registers as text, for people. */
  dump(): string {
    return dumpCpu(this);
  }

  /** The CPU block, for a snapshot. */
  save(): Uint8Array {
    return new Uint8Array(this.core.memory.buffer, L.CPU_BLOCK, L.CPU_BLOCK_SIZE).slice();
  }
  /** Takes over a saved block, all of it. Guest memory must be loaded before. */
  load(block: Uint8Array): void {
    assert(block.length === L.CPU_BLOCK_SIZE, 'a saved CPU block has its full length');
    const { exports, memory } = this.core;
    exports.reset(); // drops everything derived from the old state
    const own = new Uint8Array(memory.buffer, L.CPU_BLOCK, L.CPU_BLOCK_SIZE);
    const records = own.slice(L.STEP_RECORDS - L.CPU_BLOCK, L.CODE_BYTES - L.CPU_BLOCK);
    own.set(block);
    // What is no state of the CPU but part of how the core works: a file must not say how.
    own.set(records, L.STEP_RECORDS - L.CPU_BLOCK);
    this.#view.setBigUint64(L.GPR_ZERO, 0n, true);
    // These point into decoded code of the machine that was saved.
    for (const pointer of [L.CURRENT, L.START, L.UNIT]) this.#view.setUint32(pointer, 0, true);
    this.commit();
  }

  #deliverFault(thrown: unknown): void {
    let current = thrown;
    for (let depth = 0; depth < NESTED_FAULTS_MAX; depth++) {
      if (current !== GUEST_FAULT) throw this.#bug(current);
      try {
        this.core.exports.deliverFault();
        return;
      } catch (nested) {
        current = nested;
      }
    }
    throw this.#bug(new Error('the delivery of a fault faults without end'));
  }

  #bug(cause: unknown): AssertionError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new AssertionError(`the machine failed: ${reason}\n${this.dump()}`, { cause });
  }
}
