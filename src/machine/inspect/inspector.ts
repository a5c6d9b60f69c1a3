/** One machine from inside: answers what a view asks for, and stops and steps by {@link Debugger}. */
import * as L from '../../../assembly/layout.ts';
import { codeBits, codeLinear } from '../../core/system-call-ahead.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Board } from '../board.ts';
import type { MachineStatistics } from '../machine.ts';
import { readCode, readMemory } from './code.ts';
import type { Debugger } from './debugger.ts';
import { readDevices, readMemoryMap } from './devices.ts';
import { findKernelSymbols, type KernelSymbols } from './kallsyms.ts';
import { checkAddress, checkCount, checkList, CODE_LINES_MAX, MEMORY_BYTES_MAX, TLB_ENTRIES_MAX } from './limits.ts';
import { pagingOf, walkPages, type PagingState } from './page-walk.ts';
import { readRegisters, readVectors } from './registers.ts';
import { readTlb } from './tlb.ts';
import type {
  Breakpoint,
  CoreStatistics,
  Look,
  LookRequest,
  MachineInspection,
  RegisterState,
  RunUntil,
  StepOptions,
  Stop,
  SymbolsView,
} from './types.ts';

const RSP = 4;
/** A kernel's image is in one piece of physical memory; its tables are not farther than this from its entry. */
const KERNEL_BYTES_MAX = 64 << 20;
/** Instructions after which a search that found nothing is worth another. */
const SEARCH_AGAIN_AFTER = 100e6;

export class Inspector implements MachineInspection {
  readonly #board: Board;
  readonly #debugger: Debugger;
  readonly #statistics: () => MachineStatistics;
  #symbols: KernelSymbols | undefined;
  #searchedAt = -Infinity;

  constructor(board: Board, debug: Debugger, statistics: () => MachineStatistics) {
    this.#board = board;
    this.#debugger = debug;
    this.#statistics = statistics;
  }

  pause(): Promise<Stop> {
    return Promise.resolve(this.#debugger.pause());
  }
  step(options?: StepOptions): Promise<Stop> {
    return this.#debugger.step(options);
  }
  resume(until?: RunUntil): Promise<void> {
    return attempt(() => this.#debugger.resume(until));
  }
  stopped(): Promise<Stop> {
    return this.#debugger.stopped();
  }
  setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<void> {
    return attempt(() => this.#debugger.setBreakpoints(breakpoints));
  }
  look(request: LookRequest): Promise<Look> {
    return attempt(() => this.#look(request));
  }

  #look(request: LookRequest): Look {
    const { cpu, memory } = this.#board;
    const { state, lastStop, breakpoints } = this.#debugger;
    const paging = pagingOf(cpu);
    return {
      state,
      ...(lastStop === undefined ? {} : { stop: lastStop }),
      breakpoints,
      ...(request.registers === true ? { registers: this.#registers(paging) } : {}),
      ...(request.vectors === true ? { vectors: readVectors(cpu) } : {}),
      ...(request.code === undefined ? {} : { code: this.#code(request.code, paging) }),
      ...(request.memory === undefined
        ? {}
        : {
            memory: checkList('memory areas', request.memory).map(({ space, at, byteCount }) =>
              readMemory(
                memory,
                paging,
                checkSpace(space),
                at === undefined ? this.#stackLinear() : checkAddress('the start of memory to show', at),
                checkCount('the number of bytes to show', byteCount, 0, MEMORY_BYTES_MAX),
              ),
            ),
          }),
      ...(request.walks === undefined
        ? {}
        : {
            walks: checkList('addresses to translate', request.walks).map(({ linear, cr3 }) =>
              walkPages(
                memory,
                paging,
                linear === undefined ? codeLinear(cpu) : checkAddress('the address to translate', linear),
                cr3 === undefined ? undefined : checkAddress('CR3', cr3),
              ),
            ),
          }),
      ...(request.tlb === undefined
        ? {}
        : { tlb: readTlb(cpu, checkCount('the number of TLB entries', request.tlb.entryCount, 0, TLB_ENTRIES_MAX)) }),
      ...(request.statistics === true ? { statistics: this.#count() } : {}),
      ...(request.devices === true ? { devices: readDevices(this.#board) } : {}),
      ...(request.memoryMap === true ? { memoryMap: readMemoryMap(this.#board) } : {}),
      ...(request.symbols === undefined ? {} : { symbols: this.#names(request.symbols) }),
    };
  }

  #stackLinear(): bigint {
    const { cpu } = this.#board;
    const is64 = codeBits(cpu.word32(L.MODE)) === 64;
    const top = cpu.getGpr(RSP) & cpu.word64(L.STACK_MASK);
    return is64 ? top : BigInt.asUintN(32, top + cpu.getSegment(L.SS).base);
  }

  #registers(paging: PagingState): RegisterState {
    const registers = readRegisters(this.#board.cpu);
    const symbol = this.#kernelSymbols(paging)?.at(registers.codeLinear);
    return { ...registers, ...(symbol === undefined ? {} : { symbol }) };
  }

  #code({ at, count }: NonNullable<LookRequest['code']>, paging: PagingState): Look['code'] {
    const { cpu, memory } = this.#board;
    const from = at === undefined ? codeLinear(cpu) : checkAddress('the start of code to show', at);
    const lineCount = checkCount('the number of instructions to show', count, 0, CODE_LINES_MAX);
    return readCode(memory, paging, codeBits(cpu.word32(L.MODE)), from, lineCount, this.#kernelSymbols(paging));
  }

  #count(): CoreStatistics {
    const { cpu } = this.#board;
    const count = (which: number): number => Number(cpu.word64(L.STATS + which));
    const { instructions, machineNs, instructionsPerSecond, translation } = this.#statistics();
    return {
      instructions,
      machineNs,
      instructionsPerSecond,
      decoded: count(L.STAT_DECODED),
      tlbMisses: count(L.STAT_TLB_MISSES),
      tlbFlushes: count(L.STAT_FLUSHES),
      invalidations: count(L.STAT_INVALIDATIONS),
      exceptions: count(L.STAT_FAULTS),
      translation,
    };
  }

  #names({ at = [], named = [] }: NonNullable<LookRequest['symbols']>): SymbolsView {
    const symbols = this.#kernelSymbols(pagingOf(this.#board.cpu));
    return {
      count: symbols?.count ?? 0,
      at: checkList('addresses to name', at).map((linear) => symbols?.at(checkAddress('an address to name', linear))),
      named: checkList('names', named).map((name) => symbols?.named(String(name))),
    };
  }

  /** Out of the kernel that SYSCALL leads into: searched for once, and again later if nothing was found. */
  #kernelSymbols(paging: PagingState): KernelSymbols | undefined {
    const { cpu, memory } = this.#board;
    if (this.#symbols !== undefined || cpu.instructionCount < this.#searchedAt + SEARCH_AGAIN_AFTER)
      return this.#symbols;
    const entry = cpu.word64(L.MSR_LSTAR);
    const { result } = walkPages(memory, paging, entry);
    if (entry === 0n || result.kind !== 'mapped' || !result.ram) return undefined;
    this.#searchedAt = cpu.instructionCount;
    const start = result.physical - (result.physical % 4096);
    this.#symbols = findKernelSymbols(memory.view(start, Math.min(KERNEL_BYTES_MAX, memory.size - start)));
    return this.#symbols;
  }
}

function checkSpace(space: unknown): 'linear' | 'physical' {
  if (space === 'linear' || space === 'physical') return space;
  throw new VivariumError(ErrorCodes.USAGE, `memory is linear or physical, not ${String(space)}`);
}

/** What a function gives or throws, as a promise. */
function attempt<T>(action: () => T): Promise<T> {
  return new Promise((resolve) => resolve(action()));
}
