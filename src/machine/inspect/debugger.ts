/**
 * Stops, steps and goes on with a machine's CPU. Without breakpoints it only stands between run loop and CPU and costs
 * nothing. With breakpoints, or events to stop at, it takes the interpreter through the code in pieces that can't pass one:
 * from a jump to the next one that is taken, and one instruction at a time where a breakpoint follows in the same page.
 *
 * While the machine stands still, so does its clock; a step moves it on by a nanosecond an instruction.
 */
import * as L from '../../../assembly/layout.ts';
import { Advance, type Cpu, type RunExit } from '../../core/cpu.ts';
import { disassemble } from '../../core/disassembler.ts';
import { modeText } from '../../core/dump.ts';
import { Ahead, codeBits, codeLinear, SystemCallAhead } from '../../core/system-call-ahead.ts';
import type { Tier } from '../../core/translator.ts';
import type { TimerQueue } from '../../devices/timer-queue.ts';
import { assert, ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { RunLoop, SlicedCpu } from '../run-loop.ts';
import type { MachineTime } from '../time.ts';
import { exceptionName } from './exceptions.ts';
import { BREAKPOINTS_MAX, checkAddress, checkCount, checkList, STEP_COUNT_MAX } from './limits.ts';
import type { Breakpoint, RunEvent, RunUntil, StepOptions, Stop, StopReason } from './types.ts';

const PAGE_MASK = 0xfff;
const RAX = 0;
const RSP = 4;
const USER_LEVEL = 3;
const CR3_FRAME = 0x000f_ffff_ffff_f000n;
const CR0_PG = 1n << 31n; // SDM Vol. 3A, 2.5
const EFER_LMA = 1n << 10n; // SDM Vol. 3A, 2.2.1
const INSTRUCTION_BYTES_MAX = 15; // SDM Vol. 2A, 2.3.11
/** The interpreter decodes no more than 48 instructions in a row (RUN_MAX of assembly/engine/decode.ts). */
const RUN_BYTES_MAX = 48 * INSTRUCTION_BYTES_MAX;
const NS_PER_INSTRUCTION = 1;
/** What a function takes off the stack for its caller, at most: other tasks' stacks are farther away. */
const RELEASED_BYTES_MAX = 4096n;
/** Deadlines that a step on a halted CPU goes through until one wakes it. */
const WAKE_TRIES = 64;
const EVENTS: readonly RunEvent[] = [
  'system-call',
  'user-mode',
  'kernel-mode',
  'interrupt',
  'exception',
  'mode-change',
];

/** Where to stop, as halves of addresses: comparing bigints would take longer than the code between. */
interface Target {
  readonly low: number;
  readonly high: number;
  readonly linear: bigint;
  readonly cr3: bigint | undefined;
  readonly kind: 'breakpoint' | 'address' | 'step';
  /** For the end of a step over something: the stack must not be deeper, and the level the same. */
  readonly frame?: { readonly rsp: bigint; readonly cpl: number };
}

/** An instruction in its context. */
interface Passing {
  readonly linear: bigint;
  readonly rsp: bigint;
  readonly cr3: bigint;
  readonly isRepetition: boolean;
}

export interface DebuggerParts {
  readonly cpu: Cpu;
  /** The CPU as it runs when nobody looks. */
  readonly undisturbed: SlicedCpu;
  readonly timers: TimerQueue;
  readonly time: MachineTime;
  /** Called when the clock goes on, by so many milliseconds of Unix time later than it seems. */
  readonly onClockJump: (byMs: number) => void;
}

export class Debugger implements SlicedCpu {
  readonly #parts: DebuggerParts;
  readonly #cpu: Cpu;
  readonly #systemCall: SystemCallAhead;
  #loop: RunLoop | undefined;
  #breakpoints: readonly Breakpoint[] = [];
  #permanent: readonly Target[] = [];
  /** All in force, with those of the run under way. */
  #targets: readonly Target[] = [];
  #events = new Set<RunEvent>();
  /** The tier to go back to when nothing is looked for any more. */
  #tierBefore: Tier | undefined;
  #stop: Stop | undefined;
  #isEnded = false;
  /** Where the last stop was: the instruction there is not stopped at again before it is executed. */
  #passing: Passing | undefined;
  /** The same, when an interrupt or a fault came instead: it is executed when control comes back to it. */
  #passingLater: Passing | undefined;
  #waiting: ((stop: Stop) => void)[] = [];

  constructor(parts: DebuggerParts) {
    this.#parts = parts;
    this.#cpu = parts.cpu;
    this.#systemCall = new SystemCallAhead(parts.cpu);
  }

  /** The run loop that drives this. Once. */
  connect(loop: RunLoop): void {
    this.#loop = loop;
  }

  get state(): 'running' | 'paused' | 'ended' {
    return this.#isEnded ? 'ended' : this.#stop === undefined ? 'running' : 'paused';
  }
  get lastStop(): Stop | undefined {
    return this.#stop;
  }
  get breakpoints(): readonly Breakpoint[] {
    return this.#breakpoints;
  }

  // ---- orders ---------------------------------------------------------------------------------------------------------

  pause(): Stop {
    if (this.#isEnded) return this.#endedStop();
    return this.#stop ?? this.#pause({ kind: 'pause' });
  }

  async step({ count = 1, over = false, holdInterrupts = false }: StepOptions = {}): Promise<Stop> {
    checkCount('the number of steps', count, 1, STEP_COUNT_MAX);
    if (over && count !== 1) throw new VivariumError(ErrorCodes.USAGE, 'steps over calls are made one at a time');
    const before = this.pause();
    if (this.#isEnded) return before;
    const end = over ? this.#behind() : undefined;
    if (end === undefined) return this.#stepHere(count, holdInterrupts);
    this.#go([end], []);
    return this.stopped();
  }

  resume({ events = [], linear }: RunUntil = {}): void {
    for (const event of checkList('events', events))
      if (!EVENTS.includes(event))
        throw new VivariumError(
          ErrorCodes.USAGE,
          `there is no event "${String(event)}" to stop at; choose from ${EVENTS.join(', ')}`,
        );
    const once = linear === undefined ? [] : [target(checkAddress('where to stop', linear), 'address')];
    if (this.#isEnded) return;
    this.pause();
    this.#go(once, events);
  }

  stopped(): Promise<Stop> {
    if (this.#isEnded) return Promise.resolve(this.#endedStop());
    if (this.#stop !== undefined) return Promise.resolve(this.#stop);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  setBreakpoints(breakpoints: readonly Breakpoint[]): void {
    const checked = checkList('breakpoints', breakpoints, BREAKPOINTS_MAX).map(({ linear, cr3 }) => ({
      linear: checkAddress('a breakpoint', linear),
      ...(cr3 === undefined ? {} : { cr3: checkAddress("a breakpoint's CR3", cr3) & CR3_FRAME }),
    }));
    const temporary = this.#targets.filter(({ kind }) => kind !== 'breakpoint');
    this.#breakpoints = checked;
    this.#permanent = checked.map(({ linear, cr3 }) => target(linear, 'breakpoint', cr3));
    this.#targets = [...this.#permanent, ...temporary];
  }

  /** The machine went back to where it was once. It stands still if it did, elsewhere. */
  moved(): void {
    this.#passing = undefined;
    this.#passingLater = undefined;
    if (this.#stop !== undefined && !this.#isEnded) this.#stop = this.#stopFor({ kind: 'pause' });
  }

  /** The machine is no more. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#tell(this.#endedStop());
  }

  // ---- the CPU of the run loop ----------------------------------------------------------------------------------------

  get instructionCount(): number {
    return this.#cpu.instructionCount;
  }
  get isHaltedForGood(): boolean {
    return this.#cpu.isHaltedForGood;
  }

  run(budget: number): RunExit {
    if (this.#targets.length === 0 && this.#events.size === 0) {
      this.#setExact(false);
      this.#passing = undefined;
      return this.#parts.undisturbed.run(budget);
    }
    this.#setExact(true);
    const cpu = this.#cpu;
    const end = cpu.instructionCount + budget;
    cpu.takeExitRequest();
    do {
      const advance = this.#advance();
      if (this.#stop !== undefined) return L.EXIT_BUDGET;
      if (advance === Advance.HALTED) return L.EXIT_HALT;
      if (advance === Advance.SHUTDOWN) return L.EXIT_SHUTDOWN;
    } while (!cpu.takeExitRequest() && cpu.instructionCount < end);
    return L.EXIT_BUDGET;
  }

  /** Only the interpreter stops where it is told to. What is translated stays for later. */
  #setExact(exact: boolean): void {
    const { translator } = this.#cpu.core;
    if (exact && this.#tierBefore === undefined) {
      this.#tierBefore = translator.tier;
      translator.setTier('0');
    } else if (!exact && this.#tierBefore !== undefined) {
      translator.setTier(this.#tierBefore);
      this.#tierBefore = undefined;
    }
  }

  /** One piece, or none when it is time to stop: then `#stop` is set. */
  #advance(): Advance {
    const cpu = this.#cpu;
    const level = cpu.word32(L.CPL);
    const looksForCalls = level === USER_LEVEL && this.#events.has('system-call');
    const ahead = looksForCalls ? this.#systemCall.look() : Ahead.NONE;
    const here = this.#passing === undefined ? this.#arrival(ahead) : undefined;
    if (here !== undefined && !this.#isPassedNow()) {
      this.#pause(here);
      return Advance.EXECUTED;
    }
    const mode = this.#events.has('mode-change') ? this.#mode() : '';
    const advance = cpu.advance(ahead !== Ahead.NONE || this.#isTargetAhead());
    if (this.#passing !== undefined) this.#pass(this.#passing, advance);
    const reason = this.#event(advance, level, mode);
    if (reason !== undefined) this.#pause(reason);
    return advance;
  }

  /** Why to stop before the next instruction. */
  #arrival(ahead: Ahead): StopReason | undefined {
    if (this.#targets.length > 0) {
      const [low, high] = this.#halves();
      for (const candidate of this.#targets) {
        if (candidate.low !== low || candidate.high !== high || !this.#fits(candidate)) continue;
        const { kind, linear } = candidate;
        return kind === 'step' ? { kind } : { kind, linear };
      }
    }
    if (ahead !== Ahead.HERE) return undefined;
    const instruction = this.#systemCall.instruction() ?? '';
    return { kind: 'system-call', instruction, number: this.#cpu.getGpr(RAX) };
  }

  /** Is this the instruction that something came in between of when it was to be passed? */
  #isPassedNow(): boolean {
    const later = this.#passingLater;
    const now = this.#here();
    if (later === undefined || later.linear !== now.linear || later.rsp !== now.rsp || later.cr3 !== now.cr3)
      return false;
    this.#passingLater = undefined;
    this.#passing = later;
    return true;
  }

  /** The instruction to be passed was executed, or not. */
  #pass(passing: Passing, advance: Advance): void {
    if (advance === Advance.HALTED) return;
    if (advance !== Advance.EXECUTED) this.#passingLater = passing;
    // A repetition is at the same place after each of its iterations.
    else if (passing.isRepetition && codeLinear(this.#cpu) === passing.linear) return;
    this.#passing = undefined;
  }

  /** Why to stop after a piece: it was done with what the CPU was before. */
  #event(advance: Advance, level: number, mode: string): StopReason | undefined {
    const events = this.#events;
    if (events.size === 0) return undefined;
    if (advance === Advance.INTERRUPT && events.has('interrupt')) return this.#delivered(advance);
    if (advance === Advance.EXCEPTION && events.has('exception')) return this.#delivered(advance);
    const now = this.#cpu.word32(L.CPL);
    if (now !== level && now === USER_LEVEL && events.has('user-mode')) return { kind: 'user-mode' };
    if (now !== level && level === USER_LEVEL && events.has('kernel-mode')) return { kind: 'kernel-mode' };
    if (events.has('mode-change') && this.#mode() !== mode)
      return { kind: 'mode-change', from: mode, to: this.#mode() };
    return undefined;
  }

  #delivered(advance: Advance): StopReason {
    const cpu = this.#cpu;
    const vector = cpu.lastVector;
    if (advance === Advance.INTERRUPT) return { kind: 'interrupt', vector };
    const name = exceptionName(vector);
    if (cpu.word32(L.FAULT_HAS_ERROR) === 0) return { kind: 'exception', vector, name };
    return { kind: 'exception', vector, name, error: cpu.word32(L.FAULT_ERROR) };
  }

  #mode(): string {
    const cpu = this.#cpu;
    const paging = (cpu.getControl('cr0') & CR0_PG) !== 0n;
    const long = (cpu.getControl('efer') & EFER_LMA) !== 0n;
    return `${modeText(cpu)}${paging && !long ? ' with paging' : ''}`;
  }

  /** Low and high half of the next instruction's linear address. */
  #halves(): readonly [low: number, high: number] {
    const cpu = this.#cpu;
    const is64 = (cpu.word32(L.MODE) & L.MODE_CODE_MASK) === L.MODE_64;
    return [(cpu.word32(L.RIP) + cpu.word32(L.CODE_BASE)) >>> 0, is64 ? cpu.word32(L.RIP + 4) : 0];
  }

  /** Could a run from here to the next jump pass a target? It never leaves the page forward but by its last instruction. */
  #isTargetAhead(): boolean {
    if (this.#targets.length === 0) return false;
    const [low, high] = this.#halves();
    for (const candidate of this.#targets) {
      const ahead = candidate.low - low;
      if (candidate.high === high && ahead > 0 && ahead < RUN_BYTES_MAX && ahead + (low & PAGE_MASK) <= PAGE_MASK)
        return true;
    }
    // A repetition that is passed over must be seen to end.
    return this.#passing !== undefined;
  }

  #fits({ cr3, frame }: Target): boolean {
    const cpu = this.#cpu;
    if (cr3 !== undefined && (cpu.getControl('cr3') & CR3_FRAME) !== cr3) return false;
    if (frame === undefined) return true;
    const above = cpu.getGpr(RSP) - frame.rsp;
    return cpu.word32(L.CPL) === frame.cpl && above >= 0n && above < RELEASED_BYTES_MAX;
  }

  // ---- standing still ---------------------------------------------------------------------------------------------------

  #pause(reason: StopReason): Stop {
    assert(this.#loop !== undefined, 'a debugger has a run loop');
    this.#loop.hold();
    this.#parts.time.stop();
    return this.#tell(this.#stopFor(reason));
  }

  #stopFor(reason: StopReason): Stop {
    return { reason, rip: this.#cpu.getControl('rip'), instructions: this.#cpu.instructionCount };
  }
  #endedStop(): Stop {
    return this.#stopFor({ kind: 'ended' });
  }

  /** It stands still now: tells whoever waits for it. */
  #tell(stop: Stop): Stop {
    this.#stop = stop;
    this.#events.clear();
    this.#targets = this.#permanent;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(stop);
    return stop;
  }

  /** Goes on until one of these, or a breakpoint. */
  #go(once: readonly Target[], events: readonly RunEvent[]): void {
    assert(this.#loop !== undefined, 'a debugger has a run loop');
    const { time, onClockJump } = this.#parts;
    this.#passHere();
    this.#stop = undefined;
    this.#targets = [...this.#permanent, ...once];
    this.#events = new Set(events);
    const before = time.bootUnixMs;
    time.start();
    onClockJump(time.bootUnixMs - before);
    this.#loop.release();
    this.#loop.wake();
  }

  /** The instruction here is executed before anything stops here again. */
  #passHere(): void {
    this.#passing = this.#here();
    this.#passingLater = undefined;
  }
  #here(): Passing {
    const cpu = this.#cpu;
    return {
      linear: codeLinear(cpu),
      rsp: cpu.getGpr(RSP),
      cr3: cpu.getControl('cr3'),
      isRepetition: /^rep/.test(this.#next().text),
    };
  }

  #next(): { text: string; mnemonic: string; length: number } {
    const cpu = this.#cpu;
    const bytes = cpu.peek(codeLinear(cpu), INSTRUCTION_BYTES_MAX);
    return disassemble(bytes, { mode: codeBits(cpu.word32(L.MODE)) });
  }

  /** Where a step over the next instruction ends, unless it is an ordinary one. */
  #behind(): Target | undefined {
    const cpu = this.#cpu;
    const { mnemonic, text, length } = this.#next();
    const calls = ['call', 'syscall', 'sysenter', 'int', 'int3', 'into'].includes(mnemonic);
    if (!calls && !/^rep/.test(text)) return undefined;
    const frame = { rsp: cpu.getGpr(RSP), cpl: cpu.word32(L.CPL) };
    const linear = BigInt.asUintN(64, codeLinear(cpu) + BigInt(length)) & cpu.word64(L.LINEAR_MASK);
    return { ...target(linear, 'step', cpu.getControl('cr3') & CR3_FRAME), frame };
  }

  /** Steps while everything else stands still. */
  #stepHere(count: number, holdInterrupts: boolean): Stop {
    const cpu = this.#cpu;
    this.#setExact(true);
    let reason: StopReason = { kind: 'step' };
    for (let n = 0; n < count && reason.kind === 'step'; n++) {
      const advance = this.#advanceStill(holdInterrupts);
      if (this.#isEnded) return this.#endedStop();
      if (advance === Advance.INTERRUPT || advance === Advance.EXCEPTION) reason = this.#delivered(advance);
      else if (advance === Advance.HALTED || advance === Advance.SHUTDOWN) reason = { kind: 'halted' };
      else if (n + 1 < count) {
        const linear = codeLinear(cpu);
        const hit = this.#permanent.find((candidate) => candidate.linear === linear && this.#fits(candidate));
        if (hit !== undefined) reason = { kind: 'breakpoint', linear };
      }
    }
    return this.#tell(this.#stopFor(reason));
  }

  #advanceStill(holdInterrupts: boolean): Advance {
    const { time, timers } = this.#parts;
    for (let tries = 0; ; tries++) {
      timers.runDue();
      const advance = this.#cpu.advance(true, holdInterrupts);
      if (advance !== Advance.HALTED) {
        time.advance(NS_PER_INSTRUCTION);
        return advance;
      }
      // Nothing happens before the next deadline, so it is now.
      const deadlineNs = timers.nextDeadlineNs();
      if (deadlineNs === undefined || tries === WAKE_TRIES) return advance;
      time.advance(Math.max(0, deadlineNs - time.nowNs()));
    }
  }
}

function target(linear: bigint, kind: Target['kind'], cr3?: bigint): Target {
  return { low: Number(linear & 0xffff_ffffn), high: Number(linear >> 32n), linear, cr3, kind };
}
