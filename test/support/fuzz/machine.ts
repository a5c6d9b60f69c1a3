/**
 * One machine of a pair that run in lockstep: a core with a host that answers everything the same way, can be stopped after any
 * instruction, and whose whole state can be compared.
 */
import * as L from '../../../assembly/layout.ts';
import { Cpu, type SegmentRegister } from '../../../src/core/cpu.ts';
import { instantiateCore, type CpuHost } from '../../../src/core/load.ts';
import type { Tier } from '../../../src/core/translator.ts';
import { IMAGE_BYTES, RAM_BYTES } from './memory-map.ts';
import { QUIET_HOST } from '../quiet-host.ts';

/** What a program starts with, and starts again with after a kick. */
export interface Registers {
  readonly gpr: readonly bigint[];
  readonly rip: bigint;
  readonly eflags: number;
  readonly mxcsr: number;
  readonly fcw: number;
  readonly fsw: number;
  readonly ftw: number;
  /** 8 x87 registers of 16 bytes, physical order, and 16 vector registers of 32 bytes. */
  readonly fpr: Uint8Array;
  readonly xmm: Uint8Array;
}
export interface CpuSetup {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly cpl: 0 | 3;
  readonly segments: readonly SegmentRegister[];
  readonly gdt: readonly [base: number, limit: number];
  readonly idt: readonly [base: number, limit: number];
  /** MSRs and the like by their address in assembly/layout.ts. */
  readonly system: readonly (readonly [address: number, value: bigint])[];
}

/** Instructions of a region at most, if not less is chosen, and of a run of decoded ones: both end late by as much. */
const REGION_MAX = 480;
const RUN_MAX = 48;
export const TAIL = REGION_MAX + RUN_MAX + 12;
/** Runs or steps without an instruction done after which a program counts as stuck: its handlers fault. */
const STUCK_AFTER = 3000;

const TRAP_FLAG = 0x100;

/** State that must be equal: [name, from, to). Lazy flags are compared as EFLAGS. */
const FIELDS: readonly (readonly [name: string, from: number, to: number])[] = [
  ['general registers', L.GPR, L.GPR + 128],
  ['rip', L.RIP, L.RIP + 8],
  ['cr0', L.CR0, L.CR0 + 8],
  ['cr2', L.CR2, L.CR2 + 8],
  ['cr3', L.CR3, L.CR3 + 8],
  ['cr4', L.CR4, L.CR4 + 8],
  ['cr8, efer, xcr0', L.CR8, L.DR],
  ['debug registers', L.DR, L.DR + 64],
  ['segments', L.SEG, L.SEG + 8 * L.SEG_SIZE],
  ['gdtr, idtr, cpl', L.GDTR_BASE, L.CPL + 4],
  ['nmi', L.NMI_PENDING, L.NMI_BLOCKED + 4],
  ['halted', L.HALTED, L.HALTED + 4],
  ['shutdown', L.SHUTDOWN, L.SHUTDOWN + 4],
  ['mxcsr', L.MXCSR, L.MXCSR + 4],
  ['x87 control', L.FCW, L.FDS + 2],
  ['x87 registers', L.FPR, L.FPR + 128],
  ['vector registers', L.XMM, L.XMM + 512],
  ['msrs', L.MSR_STAR, L.MSR_NB_CFG + 8],
];

export type Stop = 'reached' | 'halted' | 'shutdown' | 'stuck' | 'overrun';

export class FuzzMachine {
  readonly cpu: Cpu;
  readonly ram: Buffer;
  readonly block: DataView;
  readonly #bytes: Buffer;
  /** Hash of all port and device accesses. */
  #accesses = 0;
  #vector = -1;
  #base = 0;
  #tail = TAIL;

  constructor(module: WebAssembly.Module) {
    const note = (kind: number, address: number, value: number) => {
      this.#accesses = (Math.imul(this.#accesses ^ kind ^ address, 0x9e3779b1) + Math.imul(value, 0x85ebca6b)) >>> 0;
      return (this.#accesses & 0xff) * 0x01010101;
    };
    const host: CpuHost = {
      ...QUIET_HOST,
      portRead: (port, size) => note(1, port, size) >>> 0,
      portWrite: (port, size, value) => void note(2 + size, port, value),
      mmioRead: (physical, size) => note(8, physical, size) >>> 0,
      mmioWrite: (physical, size, value) => void note(16 + size, physical, value),
      tscTicks: () => 0x123456,
      acknowledge: () => {
        const vector = this.#vector;
        this.#vector = -1;
        this.cpu.setIntr(false);
        return vector;
      },
    };
    const core = instantiateCore(module, RAM_BYTES, host, { tier: '0' });
    this.cpu = new Cpu(core);
    this.#bytes = Buffer.from(core.memory.buffer);
    this.ram = Buffer.from(core.memory.buffer, L.RAM_BASE, RAM_BYTES);
    this.block = new DataView(core.memory.buffer, 0, L.DATA_BASE);
  }

  setTier(tier: Tier, threshold?: number): void {
    this.cpu.core.translator.setTier(tier);
    if (threshold !== undefined) this.block.setUint32(L.T_THRESHOLD, threshold, true);
  }

  /** Regions get no bigger than this; 0 for as big as they can be. */
  setRegionSize(instructions: number): void {
    this.block.setUint32(L.T_INSNS_MAX, instructions, true);
    this.#tail = (instructions || REGION_MAX) + RUN_MAX + 12;
  }

  /** Puts a program in place. */
  load(image: Uint8Array, setup: CpuSetup, registers: Registers): void {
    this.cpu.reset();
    this.ram.fill(0);
    this.ram.set(image);
    this.cpu.core.exports.flushCode();
    this.#accesses = 0;
    this.#vector = -1;
    this.#base = this.cpu.instructionCount;
    this.setUp(setup);
    this.setRegisters(registers);
  }
  /** Writes memory as a device does. */
  deviceWrite(physical: number, bytes: Uint8Array): void {
    this.ram.set(bytes, physical);
    this.cpu.core.exports.invalidate(physical, bytes.length);
  }
  setUp(setup: CpuSetup): void {
    const { cpu, block } = this;
    for (const name of ['cr0', 'cr3', 'cr4', 'efer'] as const) cpu.setControl(name, setup[name]);
    cpu.setControl('gdtrBase', BigInt(setup.gdt[0]));
    cpu.setControl('idtrBase', BigInt(setup.idt[0]));
    cpu.setTableLimits(setup.gdt[1], setup.idt[1]);
    setup.segments.forEach((segment, n) => cpu.setSegment(n, segment));
    block.setUint32(L.CPL, setup.cpl, true);
    block.setBigUint64(L.XCR0, 3n, true);
    for (const at of [L.HALTED, L.SHUTDOWN, L.INTR, L.NMI_PENDING, L.NMI_BLOCKED, L.SHADOW])
      block.setUint32(at, 0, true);
    for (let n = 0; n < 8; n++)
      block.setBigUint64(L.DR + 8 * n, [0n, 0n, 0n, 0n, 0n, 0n, 0xffff0ff0n, 0x400n][n]!, true);
    for (const [at, value] of setup.system) block.setBigUint64(at, value, true);
  }
  setRegisters(r: Registers): void {
    const { cpu, block } = this;
    r.gpr.forEach((value, n) => cpu.setGpr(n, value));
    cpu.setControl('rip', r.rip);
    block.setUint32(L.MXCSR, r.mxcsr, true);
    block.setUint16(L.FCW, r.fcw, true);
    block.setUint16(L.FSW, r.fsw, true);
    block.setUint8(L.FTW, r.ftw);
    this.#bytes.set(r.fpr, L.FPR);
    this.#bytes.set(r.xmm, L.XMM);
    cpu.eflags = r.eflags;
    cpu.commit();
  }

  /** Instructions since the program was loaded. */
  get count(): number {
    return this.cpu.instructionCount - this.#base;
  }
  get isInterruptible(): boolean {
    return (this.cpu.eflags & 0x200) !== 0 && !this.isDown;
  }
  get isNmiOpen(): boolean {
    return this.block.getUint32(L.NMI_BLOCKED, true) === 0 && !this.isDown;
  }
  get isDown(): boolean {
    return this.block.getUint32(L.SHUTDOWN, true) !== 0;
  }
  interrupt(vector: number): void {
    this.#vector = vector;
    this.cpu.setIntr(true);
  }

  /** Runs up to exactly `stop` instructions, in slices of about `budget`. */
  runTo(stop: number, budget: number): Stop {
    let idle = 0;
    let before = -1;
    for (;;) {
      const { count } = this;
      if (count > stop) return 'overrun';
      idle = count === before ? idle + 1 : 0;
      before = count;
      if (this.isDown) return 'shutdown';
      // What can wake it waits for a run().
      const canWake = this.cpu.isHalted && (this.#vector >= 0 || this.block.getUint32(L.NMI_PENDING, true) !== 0);
      if (this.cpu.isHalted && !canWake) return 'halted';
      if (count === stop) return 'reached';
      if (idle > STUCK_AFTER) return 'stuck';
      if (stop - count > this.#tail || canWake) {
        this.cpu.run(Math.max(1, Math.min(stop - count - this.#tail, budget)));
        this.cpu.core.translator.compilePending();
      } else if (this.cpu.eflags & TRAP_FLAG) {
        // Then a run is one instruction and the trap behind it, which step() leaves out.
        this.cpu.run(1);
      } else this.cpu.step();
    }
  }

  /** What differs between two machines, by name; undefined when nothing does. */
  differsFrom(other: FuzzMachine, ramBytes = IMAGE_BYTES): string | undefined {
    if (this.count !== other.count) return `instruction count: ${other.count}, should be ${this.count}`;
    for (const [name, from, to] of FIELDS) {
      const mine = this.#bytes.subarray(from, to);
      const theirs = other.#bytes.subarray(from, to);
      if (mine.equals(theirs)) continue;
      const at = mine.findIndex((byte, n) => byte !== theirs[n]) & ~7;
      const word = (bytes: Buffer) =>
        Buffer.from(bytes.subarray(at, at + 8))
          .reverse()
          .toString('hex');
      return `${name} + 0x${at.toString(16)}: ${word(theirs)}, should be ${word(mine)}`;
    }
    const [mine, theirs] = [this.cpu.eflags, other.cpu.eflags];
    if (mine !== theirs) return `eflags: ${theirs.toString(16)}, should be ${mine.toString(16)}`;
    if (this.#accesses !== other.#accesses) return 'accesses of devices';
    if (this.ram.compare(other.ram, 0, ramBytes, 0, ramBytes) !== 0) {
      const at = this.ram.findIndex((byte, n) => byte !== other.ram[n]) & ~7;
      const word = (bytes: Buffer) =>
        Buffer.from(bytes.subarray(at, at + 8))
          .reverse()
          .toString('hex');
      return `memory at 0x${at.toString(16)}: ${word(other.ram)}, should be ${word(this.ram)}`;
    }
    return undefined;
  }

  /** Instructions that translated code did. */
  get translated(): number {
    return Number(this.block.getBigUint64(L.T_STATS + L.TS_RETIRED, true));
  }
}
