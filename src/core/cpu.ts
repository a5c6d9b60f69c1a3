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
const EFLAGS_TF = 1 << 8; // SDM Vol. 1, 3.4.3
const EFLAGS_IF = 1 << 9;
const NMI_VECTOR = 2; // SDM Vol. 3A, table 6-1
/** FAULT_KIND of an external interrupt: assembly/system/interrupt.ts. */
const KIND_EXTERNAL = 3;

/** What {@link Cpu.advance} did. */
export const Advance = {
  /** Executed code. */
  EXECUTED: 0,
  /** Delivered an interrupt, which {@link Cpu.lastVector} names; executed nothing. */
  INTERRUPT: 1,
  /** An instruction raised an exception, which was delivered. */
  EXCEPTION: 2,
  /** Nothing: the CPU is halted, or shut down. */
  HALTED: 3,
  SHUTDOWN: 4,
} as const;
export type Advance = (typeof Advance)[keyof typeof Advance];

export class Cpu {
  readonly core: Core;
  readonly #view: DataView;
  /** The core forgets a request when it unwinds or comes back for an event. */
  #exitRequested = false;
  /** Of the interrupt or exception that {@link advance} delivered last. */
  lastVector = 0;

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

  /**
   * Does the next thing that the processor would do, for debuggers: takes an interrupt that can be taken, or executes one
   * instruction, exactly. Without `exactly` it may be several that follow each other in one page, up to the first jump that
   * is taken. With `holdInterrupts` they wait, unless the CPU is halted and waits for one. Only the interpreter may be at
   * work: the tier is '0'.
   */
  advance(exactly: boolean, holdInterrupts = false): Advance {
    const view = this.#view;
    if (view.getUint32(L.SHUTDOWN, true) !== 0) return Advance.SHUTDOWN;
    const mayTake = !this.isInShadow && (!holdInterrupts || this.isHalted);
    if (mayTake && this.#takeInterrupt()) return Advance.INTERRUPT;
    if (this.isHalted) return Advance.HALTED;
    const { exports } = this.core;
    try {
      // run() knows the single-step trap of the guest itself, and then does one instruction alone.
      if (exactly && (view.getUint32(L.EFLAGS_REST, true) & EFLAGS_TF) === 0) exports.step();
      else if (holdInterrupts) this.#runHolding();
      else exports.run(1);
      return Advance.EXECUTED;
    } catch (thrown) {
      this.#deliverFault(thrown);
      return Advance.EXCEPTION;
    }
  }

  /** run() would take an interrupt that waits: it does not see it. */
  #runHolding(): void {
    const view = this.#view;
    const held = [L.INTR, L.NMI_PENDING].filter((pin) => view.getUint32(pin, true) !== 0);
    for (const pin of held) view.setUint32(pin, 0, true);
    try {
      this.core.exports.run(1);
    } finally {
      // One that went away meanwhile is not there when it is acknowledged.
      for (const pin of held) view.setUint32(pin, 1, true);
    }
  }

  /** Interrupts wait for one more instruction: the one before was STI or loaded SS. */
  get isInShadow(): boolean {
    const view = this.#view;
    if (view.getUint32(L.SHADOW, true) === 0) return false;
    const low = (view.getUint32(L.ICOUNT_BASE, true) - view.getUint32(L.COUNT, true)) >>> 0;
    return (
      view.getUint32(L.SHADOW_COUNT, true) === low &&
      view.getBigInt64(L.SHADOW_COUNT, true) === view.getBigInt64(L.ICOUNT_BASE, true) - view.getBigInt64(L.COUNT, true)
    );
  }

  /** What the core does at the start of a run, without the run. */
  #takeInterrupt(): boolean {
    const view = this.#view;
    let vector = NMI_VECTOR;
    if (view.getUint32(L.NMI_PENDING, true) !== 0 && view.getUint32(L.NMI_BLOCKED, true) === 0) {
      view.setUint32(L.NMI_PENDING, 0, true);
      view.setUint32(L.NMI_BLOCKED, 1, true);
    } else {
      if (view.getUint32(L.INTR, true) === 0 || (view.getUint32(L.EFLAGS_REST, true) & EFLAGS_IF) === 0) return false;
      vector = this.core.acknowledge();
      if (vector < 0) return false;
    }
    view.setUint32(L.HALTED, 0, true);
    view.setUint32(L.CURRENT, 0, true);
    view.setUint32(L.FAULT_VECTOR, vector, true);
    view.setUint32(L.FAULT_KIND, KIND_EXTERNAL, true);
    view.setUint32(L.FAULT_ERROR, 0, true);
    view.setUint32(L.FAULT_HAS_ERROR, 0, true);
    this.lastVector = vector;
    try {
      this.core.exports.deliverFault();
    } catch (thrown) {
      this.#deliverFault(thrown);
    }
    return true;
  }

  /** Ends the {@link run} under way soon. For calls from inside it; harmless between runs. */
  requestExit(): void {
    this.#exitRequested = true;
    this.core.exports.requestExit();
  }
  /** Whether {@link requestExit} was called since the last time that this was asked, or a run began. */
  takeExitRequest(): boolean {
    const was = this.#exitRequested;
    this.#exitRequested = false;
    return was;
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
    return this.isHalted && (this.eflags & EFLAGS_IF) === 0 && this.#view.getUint32(L.NMI_PENDING, true) === 0;
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

  /** Words of the CPU block by their place in assembly/layout.ts, for debuggers. */
  word32(at: number): number {
    return this.#view.getUint32(at, true);
  }
  word64(at: number): bigint {
    return this.#view.getBigUint64(at, true);
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
      this.lastVector = this.#view.getUint32(L.FAULT_VECTOR, true);
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
