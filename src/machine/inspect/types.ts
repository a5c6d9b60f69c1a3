/**
 * What "look inside" shows of a machine, and how it is stopped and stepped: data that a structured clone carries, and
 * the one interface that panes, labs and tests use. Linear addresses and register values are bigints, physical addresses
 * numbers, as elsewhere.
 */
import type { DeviceState } from '../../devices/bus.ts';
import type { QueueView } from '../../devices/virtio/queue.ts';
import type { TranslationStatistics } from '../../core/translation-statistics.ts';

export type { QueueView };

// ---- stopping and going on ------------------------------------------------------------------------------------------

/** Why a machine stands still. */
export type StopReason =
  /** {@link MachineInspection.pause} was called. */
  | { readonly kind: 'pause' }
  /** The step that was asked for is done. */
  | { readonly kind: 'step' }
  /** RIP is at a breakpoint; its instruction has not been executed. */
  | { readonly kind: 'breakpoint'; readonly linear: bigint }
  /** RIP is where {@link RunUntil} said. */
  | { readonly kind: 'address'; readonly linear: bigint }
  /** User code is about to execute SYSCALL, SYSENTER or INT 80h; `number` is RAX, as Linux has it. */
  | { readonly kind: 'system-call'; readonly instruction: string; readonly number: bigint }
  /** The CPU has just come to privilege level 3, or left it. */
  | { readonly kind: 'user-mode' }
  | { readonly kind: 'kernel-mode' }
  /** An interrupt was delivered: RIP is at its handler. */
  | { readonly kind: 'interrupt'; readonly vector: number }
  /** An exception was delivered; `name` as in SDM Vol. 3A, table 6-1. `error` where there is an error code. */
  | { readonly kind: 'exception'; readonly vector: number; readonly name: string; readonly error?: number }
  /** Real, protected, compatibility or 64-bit mode, or paging, has changed. */
  | { readonly kind: 'mode-change'; readonly from: string; readonly to: string }
  /** The CPU is halted and nothing is there that could wake it. */
  | { readonly kind: 'halted' }
  /** The machine has ended: nothing can be stepped any more. */
  | { readonly kind: 'ended' };

export interface Stop {
  readonly reason: StopReason;
  /** Instruction pointer, and instructions retired since power-on. */
  readonly rip: bigint;
  readonly instructions: number;
}

/** Events at which a run may end. `exception` is a fault or a trap; INT n is an instruction and none of these. */
export type RunEvent = 'system-call' | 'user-mode' | 'kernel-mode' | 'interrupt' | 'exception' | 'mode-change';

/** What ends a run besides breakpoints and a pause: the first that happens. */
export interface RunUntil {
  readonly events?: readonly RunEvent[];
  /** A linear address, once. */
  readonly linear?: bigint;
}

/** Stops before an instruction at a linear address is executed. */
export interface Breakpoint {
  readonly linear: bigint;
  /** Only in this address space: the page directory's physical address in CR3 (its other bits are ignored). */
  readonly cr3?: bigint;
}

export interface StepOptions {
  /** Instructions, 1 if not given, at most {@link STEP_COUNT_MAX}; a breakpoint ends them early. */
  readonly count?: number;
  /** A CALL, a system call or a REP with all that it brings about counts as one. With a count of 1 only. */
  readonly over?: boolean;
  /**
   * Interrupts wait while it steps, so that it stays with what it follows; a halted CPU still gets the one it waits for. Not
   * with `over`.
   */
  readonly holdInterrupts?: boolean;
}

// ---- what there is to see -------------------------------------------------------------------------------------------

/** A register with the bits of it that have names and are set. */
export interface NamedBits {
  readonly value: bigint;
  readonly names: readonly string[];
}

export interface SegmentState {
  readonly name: string;
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  /** In words: `code, 64-bit, ring 3`. */
  readonly description: string;
}

export interface RegisterState {
  /** `64-bit mode`, `32-bit compatibility mode`, `real mode` and so on. */
  readonly mode: string;
  /** Privilege level, 0 to 3. */
  readonly cpl: number;
  readonly halted: boolean;
  readonly instructions: number;
  readonly rip: bigint;
  /** Linear address of the next instruction, and what function of the kernel it is in. */
  readonly codeLinear: bigint;
  readonly symbol?: SymbolPlace;
  /** RAX, RBX, … R15 in the order in which people list them. */
  readonly general: readonly { readonly name: string; readonly value: bigint }[];
  readonly rflags: NamedBits & { readonly iopl: number };
  readonly segments: readonly SegmentState[];
  readonly gdtr: { readonly base: bigint; readonly limit: number };
  readonly idtr: { readonly base: bigint; readonly limit: number };
  readonly control: readonly (NamedBits & { readonly name: string })[];
  readonly msrs: readonly { readonly name: string; readonly value: bigint }[];
  /** What holds or awaits interrupts. */
  readonly interrupts: {
    readonly enabled: boolean;
    /** An interrupt waits at the CPU's pin; a non-maskable one. */
    readonly waiting: boolean;
    readonly nmiWaiting: boolean;
    /** The instruction before was STI or a load of SS: interrupts wait for one more. */
    readonly shadow: boolean;
  };
  /** Vector of the last exception that was raised. */
  readonly lastException: number;
}

export interface VectorState {
  readonly mxcsr: number;
  /** XMM0 to XMM15, 16 bytes each, least significant first. */
  readonly xmm: readonly Uint8Array[];
  readonly x87: {
    readonly control: number;
    readonly status: number;
    readonly top: number;
    /** ST(0) to ST(7); undefined where the tag word says empty. `bits`: 10 bytes, least significant first. */
    readonly st: readonly ({ readonly bits: Uint8Array; readonly value: number } | undefined)[];
  };
}

/** A name and how far behind its address one is. */
export interface SymbolPlace {
  readonly name: string;
  readonly offset: number;
}

export interface CodeLine {
  readonly linear: bigint;
  readonly bytes: Uint8Array;
  /** In Intel syntax; `(bad)` for what is no instruction. */
  readonly text: string;
  readonly symbol?: SymbolPlace;
  /** Where a direct jump or call goes. */
  readonly target?: { readonly linear: bigint; readonly symbol?: SymbolPlace };
}

export interface CodeView {
  readonly bits: 16 | 32 | 64;
  readonly lines: readonly CodeLine[];
  /** Where reading ended early because nothing, or a device, is there. */
  readonly unreadable?: bigint;
}

export interface MemoryView {
  readonly space: 'linear' | 'physical';
  readonly at: bigint;
  readonly byteCount: number;
  /** Pieces that are RAM, in order; what lies between them is not mapped, or a device, which is never read. */
  readonly pieces: readonly { readonly at: bigint; readonly physical: number; readonly bytes: Uint8Array }[];
}

export interface WalkLevel {
  /** PML4E, PDPTE, PDE or PTE: SDM Vol. 3A, 4.2. */
  readonly name: string;
  /** Which entry of its table. */
  readonly index: number;
  /** Where the entry lies; undefined for a PDPTE that the CPU holds in a register. */
  readonly physical: number | undefined;
  readonly value: bigint;
  /** Names of the bits that are set: P RW US PWT PCD A D PS G XD. */
  readonly flags: readonly string[];
  /** The physical address in it: of the next table, or of the page. */
  readonly address: number;
}

export interface PageWalk {
  readonly linear: bigint;
  readonly cr3: bigint;
  readonly paging: 'off' | '32-bit' | 'PAE' | '4-level';
  readonly levels: readonly WalkLevel[];
  readonly result:
    | {
        readonly kind: 'mapped';
        readonly physical: number;
        readonly pageBytes: number;
        /** Of all levels together. */
        readonly writable: boolean;
        readonly user: boolean;
        readonly executable: boolean;
        readonly global: boolean;
        /** Whether the address is RAM. */
        readonly ram: boolean;
      }
    /** `reason` is a sentence. */
    | { readonly kind: 'unmapped'; readonly reason: string };
}

export interface TlbEntry {
  readonly linear: bigint;
  readonly physical: number;
  /** A store needs no further walk. */
  readonly writable: boolean;
  readonly global: boolean;
  /** Of the page that the 4 KiB piece is part of. */
  readonly pageBytes: number;
}
export interface TlbBank {
  /** `user`, `supervisor`, `supervisor, AC set`, `user code`, `supervisor code`. */
  readonly name: string;
  readonly inUse: boolean;
  readonly entryCount: number;
  readonly filledCount: number;
  /** By linear address; at most as many as were asked for. */
  readonly entries: readonly TlbEntry[];
}

export interface CoreStatistics {
  readonly instructions: number;
  readonly machineNs: number;
  /** Of the last slices. */
  readonly instructionsPerSecond: number;
  readonly decoded: number;
  readonly tlbMisses: number;
  readonly tlbFlushes: number;
  /** Pages of decoded code dropped because they were written. */
  readonly invalidations: number;
  readonly exceptions: number;
  readonly translation: TranslationStatistics;
}

export interface VirtioView {
  /** PCI device and function, as `00:03.0`. */
  readonly place: string;
  /** `block`, `console`, `entropy`, `9p` … */
  readonly type: string;
  readonly status: readonly string[];
  readonly features: bigint;
  readonly queues: readonly QueueView[];
  /** How often a driver broke the rules, and how the last time. */
  readonly faults: number;
  readonly lastFault: string;
}
export interface InterruptControllers {
  /** Vectors that wait and that are being served. */
  readonly localApic: {
    readonly requested: readonly number[];
    readonly inService: readonly number[];
    readonly priority: number;
  };
  /** The I/O APIC's pins that are not masked, with their vectors. */
  readonly ioApic: readonly {
    readonly pin: number;
    readonly vector: number;
    readonly level: boolean;
    readonly high: boolean;
  }[];
}
export interface DevicesView {
  readonly virtio: readonly VirtioView[];
  readonly interrupts: InterruptControllers;
  /** Every device's own state, by name, as a snapshot has it. */
  readonly states: Readonly<Record<string, DeviceState>>;
}
export interface MemoryRange {
  readonly start: number;
  readonly byteCount: number;
  readonly what: string;
}

/** What to look at; each part is given only if it is asked for. */
export interface LookRequest {
  readonly registers?: boolean;
  readonly vectors?: boolean;
  /** Instructions from `at` on (the next one if not given), at most {@link CODE_LINES_MAX}. */
  readonly code?: { readonly at?: bigint; readonly count: number };
  /** At most {@link MEMORY_BYTES_MAX} bytes each; from the top of the stack on if no address is given. */
  readonly memory?: readonly {
    readonly space: 'linear' | 'physical';
    readonly at?: bigint;
    readonly byteCount: number;
  }[];
  /** Of the next instruction's address if none is given, with the CPU's own CR3 if none is given. */
  readonly walks?: readonly { readonly linear?: bigint; readonly cr3?: bigint }[];
  readonly tlb?: { readonly entryCount: number };
  readonly statistics?: boolean;
  readonly devices?: boolean;
  readonly memoryMap?: boolean;
  /** Linear addresses whose names are wanted, and names whose addresses are. */
  readonly symbols?: { readonly at?: readonly bigint[]; readonly named?: readonly string[] };
}

export interface Look {
  readonly state: 'running' | 'paused' | 'ended';
  /** Why it stands still, when it does. */
  readonly stop?: Stop;
  readonly registers?: RegisterState;
  readonly vectors?: VectorState;
  readonly code?: CodeView;
  readonly memory?: readonly MemoryView[];
  readonly walks?: readonly PageWalk[];
  readonly tlb?: readonly TlbBank[];
  readonly statistics?: CoreStatistics;
  readonly devices?: DevicesView;
  readonly memoryMap?: readonly MemoryRange[];
  readonly symbols?: SymbolsView;
  readonly breakpoints: readonly Breakpoint[];
}

export interface SymbolsView {
  /** Names that the guest's kernel keeps of its own code; 0 when it keeps none, or has not begun to run. */
  readonly count: number;
  readonly at: readonly (SymbolPlace | undefined)[];
  readonly named: readonly (bigint | undefined)[];
}

/** A machine from inside. Everything works while it stands still; {@link look} also while it runs. */
export interface MachineInspection {
  /** All that a view needs in one call; nothing of it changes the guest. Throws USAGE or LIMIT. */
  look(request: LookRequest): Promise<Look>;
  /** Stands still between two instructions, its clock included. */
  pause(): Promise<Stop>;
  /** One instruction or more, interrupts as they come. Pauses first if need be. Resolves when it stands still again. */
  step(options?: StepOptions): Promise<Stop>;
  /** Goes on. With breakpoints or `until` it is slower, as each is looked for exactly. */
  resume(until?: RunUntil): Promise<void>;
  /** Resolves when it stands still: at once if it does. */
  stopped(): Promise<Stop>;
  /** Replaces all breakpoints. Throws USAGE or LIMIT. */
  setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<void>;
}
