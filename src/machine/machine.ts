/**
 * A machine: a board with a kernel loaded, run by the run loop until it ends. It lives on one thread and never blocks it;
 * its host drives it by these methods between slices.
 */
import { checkRamBytes } from '../core/load.ts';
import type { TranslationStatistics } from '../core/translation-statistics.ts';
import type { Tier } from '../core/translator.ts';
import type { ByteSink } from '../devices/byte-batch.ts';
import { debugExitStatus } from '../devices/debug/exit.ts';
import type { BlockBackend } from '../devices/virtio/blk/backend.ts';
import { VirtioBlk } from '../devices/virtio/blk/device.ts';
import { VirtioConsole } from '../devices/virtio/console/device.ts';
import type { ConsolePort, ConsolePortOptions } from '../devices/virtio/console/port.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { VirtioP9, type VirtioP9Options } from '../devices/virtio/p9/device.ts';
import { VirtioRng } from '../devices/virtio/rng/device.ts';
import { assert, ErrorCodes, VivariumError } from '../util/errors.ts';
import { Board } from './board.ts';
import { bootKernel } from './boot/detect.ts';
import { Checkpoints, type CheckpointInfo } from './checkpoint.ts';
import type { BootRequest } from './boot/request.ts';
import type { MachineHost } from './host.ts';
import { Debugger } from './inspect/debugger.ts';
import { Inspector } from './inspect/inspector.ts';
import type { MachineInspection } from './inspect/types.ts';
import { LateTranslation } from './late-translation.ts';
import type { SnapshotFile } from './snapshot-file/read.ts';
import { Notes } from './notes.ts';
import { RunLoop } from './run-loop.ts';
import { MachineTime } from './time.ts';
import {
  badState,
  clearRam,
  loadDevices,
  loadRam,
  saveDevices,
  saveRam,
  SNAPSHOT_VERSION,
  type MachineSnapshot,
} from './snapshot.ts';

export type { CheckpointInfo, MachineSnapshot, Tier, TranslationStatistics };

/** How a machine ended. `dump` is the CPU's state as text. */
export type MachineExit =
  | { readonly kind: 'power-off' }
  /** The guest reset the machine; the default is to end it. */
  | { readonly kind: 'reset'; readonly dump: string }
  /** The guest wrote `value` to the debug exit port; `status` is what a process makes of it, (value << 1) | 1. */
  | { readonly kind: 'debug-exit'; readonly value: number; readonly status: number }
  | { readonly kind: 'triple-fault'; readonly dump: string }
  /** The CPU halted with interrupts off, for good. */
  | { readonly kind: 'halted'; readonly dump: string }
  /** {@link Machine.stop} was called. */
  | { readonly kind: 'stopped' };

export interface MachineOptions {
  readonly coreModule: WebAssembly.Module;
  /** How eagerly the CPU translates code: 'mixed' if not given. */
  readonly tier?: Tier;
  /** RAM size in bytes, 16 MiB to 3 GiB in whole pages. */
  readonly ramBytes: number;
  readonly host: MachineHost;
  /** What to boot; without it, the machine waits for {@link Machine.load}. */
  readonly boot?: BootRequest;
  readonly disks?: readonly BlockBackend[];
  readonly shares?: readonly VirtioP9Options[];
  /** Ports of the virtio console, 0 first; none makes no such device. */
  readonly consolePorts?: readonly ConsolePortOptions[];
  readonly consoleSize?: { readonly columns: number; readonly rows: number };
  /** What the guest sends over its serial ports and the debug console (port e9h). */
  readonly com1?: ByteSink;
  readonly com2?: ByteSink;
  readonly debugConsole?: ByteSink;
  /** COM1 takes input again after {@link Machine.com1Input} took less than it was given. */
  readonly onCom1Room?: () => void;
  /** The machine's time, when something else needs it too: a file system. */
  readonly time?: MachineTime;
  /** What RAM of checkpoints may take together, in bytes: 1 GiB if not given. */
  readonly checkpointBytesMax?: number;
  /** The CPU has something for the log. */
  readonly onNote?: (code: number, detail: number) => void;
}

/** What a machine has done so far. */
export interface MachineStatistics {
  readonly instructions: number;
  readonly machineNs: number;
  /** Somebody who looks inside has it stand still. */
  readonly isPaused: boolean;
  /** A disk has not answered yet: it may be fetched from far away. */
  readonly isWaitingForDisk: boolean;
  readonly translation: TranslationStatistics;
  /** Of the last slices. */
  readonly instructionsPerSecond: number;
  readonly unclaimed: Board['unclaimed'];
  /** Unusual things the guest asked the CPU for, a bounded number. */
  readonly notes: readonly string[];
}

const NS_PER_SECOND = 1e9;
/** What a container's start takes; translating any of it has been measured to cost more than it saves. */
const LATE_INSTRUCTIONS = 20e6;
const CHECKPOINT_BYTES_MAX = 2 ** 30;
const DISCARD: ByteSink = () => {};

export class Machine {
  readonly board: Board;
  /** Looks inside, stops and steps. */
  readonly inspection: MachineInspection;
  readonly #debugger: Debugger;
  readonly #console: VirtioConsole | undefined;
  readonly #notes = new Notes();
  #disks: readonly { readonly backend: BlockBackend; readonly device: VirtioBlk }[];
  readonly #loop: RunLoop;
  readonly #tier: Tier;
  readonly #lateTranslation: LateTranslation;
  readonly #checkpoints: Checkpoints;
  /** What was executed before the machine went back to where it had been. */
  #instructionsUndone = 0;
  #state: 'new' | 'running' | 'ended' = 'new';
  #end: ((exit: MachineExit) => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;

  /** Builds the machine and loads the kernel. Throws BAD_MEMORY_SIZE, BAD_KERNEL, USAGE or LIMIT. */
  constructor(options: MachineOptions) {
    checkRamBytes(options.ramBytes);
    const { host } = options;
    const time = options.time ?? new MachineTime(() => host.monotonicNs(), host.unixMs());
    const ports = options.consolePorts ?? [];
    this.#console = ports.length === 0 ? undefined : new VirtioConsole({ ports, ...options.consoleSize });
    this.#disks = (options.disks ?? []).map((backend) => ({ backend, device: new VirtioBlk(backend) }));
    const virtio: VirtioDevice[] = [
      new VirtioRng((target) => host.fillRandom(target)),
      ...(this.#console === undefined ? [] : [this.#console]),
      ...this.#disks.map(({ device }) => device),
      ...(options.shares ?? []).map((share) => new VirtioP9(share)),
    ];
    this.board = new Board({
      coreModule: options.coreModule,
      ...(options.tier === undefined ? {} : { tier: options.tier }),
      ramBytes: options.ramBytes,
      host,
      time,
      events: {
        powerOff: () => this.#finish({ kind: 'power-off' }),
        reset: () => this.#finish({ kind: 'reset', dump: this.dump() }),
        debugExit: (value) => this.#finish({ kind: 'debug-exit', value, status: debugExitStatus(value) }),
        wake: () => this.#loop.wake(),
        note: (code, detail) => {
          this.#notes.add(code, detail);
          options.onNote?.(code, detail);
        },
      },
      com1: options.com1 ?? DISCARD,
      com2: options.com2 ?? DISCARD,
      debugConsole: options.debugConsole ?? DISCARD,
      onCom1Room: options.onCom1Room ?? (() => {}),
      virtio,
    });
    const { cpu } = this.board;
    this.#tier = options.tier ?? 'mixed';
    this.#lateTranslation = new LateTranslation(cpu, () => cpu.core.translator.setTier(this.#tier));
    this.#debugger = new Debugger({
      cpu,
      undisturbed: this.#lateTranslation,
      timers: this.board.timers,
      time,
      onClockJump: (byMs) => this.board.rtc.shift(byMs),
    });
    this.#loop = new RunLoop({
      cpu: this.#debugger,
      timers: this.board.timers,
      scheduler: host,
      onShutdown: () => this.#finish({ kind: 'triple-fault', dump: this.dump() }),
      onDeadHalt: () => this.#finish({ kind: 'halted', dump: this.dump() }),
      onError: (error) => {
        this.#state = 'ended';
        this.#debugger.end();
        this.#fail?.(error);
      },
    });
    this.#checkpoints = new Checkpoints(this.board, options.checkpointBytesMax ?? CHECKPOINT_BYTES_MAX);
    this.#debugger.connect(this.#loop);
    this.inspection = new Inspector(this.board, this.#debugger, () => this.statistics());
    if (options.boot === undefined) return;
    const { memory } = this.board;
    bootKernel({ memory, cpu, rsdpPhysical: this.board.placeTables() }, options.boot);
  }

  /** Runs until the machine ends. Rejects with an AssertionError when we fail. Call once. */
  run(): Promise<MachineExit> {
    assert(this.#state === 'new', 'a machine runs once');
    this.#state = 'running';
    return new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
      this.#loop.start();
    });
  }

  /** Ends the machine as if its plug were pulled. */
  stop(): void {
    this.#finish({ kind: 'stopped' });
  }

  /** Input for COM1. Returns how many bytes were taken; for the rest, wait for `onCom1Room`. */
  com1Input(bytes: Uint8Array): number {
    const taken = this.board.com1.receive(bytes);
    this.#loop.wake();
    return taken;
  }

  /** A port of the virtio console, by its number. */
  consolePort(id: number): ConsolePort {
    assert(this.#console !== undefined, 'the machine has no virtio console');
    return this.#console.port(id);
  }

  /** The terminal behind the virtio console has a new size. */
  resizeConsole(columns: number, rows: number): void {
    this.#console?.resize(columns, rows);
    this.#loop.wake();
  }

  /**
   * Puts disks and shares on the PCI bus, all or none; a running guest finds them when it looks again. Throws LIMIT when
   * there is no room for them.
   */
  attach({ disks = [], shares = [] }: Pick<MachineOptions, 'disks' | 'shares'>): void {
    const newDisks = disks.map((backend) => ({ backend, device: new VirtioBlk(backend) }));
    const devices = [...newDisks.map(({ device }) => device), ...shares.map((share) => new VirtioP9(share))];
    const attached: VirtioDevice[] = [];
    try {
      for (const device of devices) {
        this.board.attach(device);
        attached.push(device);
      }
    } catch (error) {
      for (const device of attached) this.board.detach(device);
      throw error;
    }
    this.#disks = [...this.#disks, ...newDisks];
  }

  /**
   * Pulls out a disk by its serial number, once what is under way has ended. Throws NOT_FOUND, or USAGE when the guest
   * has not let go of it.
   */
  async detachDisk(serial: string): Promise<void> {
    const disk = this.#disks.find(({ backend }) => backend.id === serial);
    if (disk === undefined) throw new VivariumError(ErrorCodes.NOT_FOUND, `the machine has no disk ${serial}`);
    if (!this.board.detach(disk.device))
      throw new VivariumError(ErrorCodes.USAGE, `the guest uses the disk ${serial}; have it let go of it first`);
    this.#disks = this.#disks.filter((other) => other !== disk);
    await disk.device.quiesce();
    disk.backend.close?.();
  }

  /** Lets go of all disks, once what was written is kept, if it is to be and can. After the machine has ended. */
  async closeDisks(): Promise<void> {
    const disks = this.#disks;
    this.#disks = [];
    for (const { backend, device } of disks) {
      await device.quiesce();
      if (!backend.readOnly) await Promise.resolve(backend.flush()).catch(() => {}); // it was told when the guest wrote it
      backend.close?.();
    }
  }

  /** Asks the guest to shut down. */
  pressPowerButton(): void {
    this.board.power.pressPowerButton();
    this.#loop.wake();
  }

  /** Stands still until {@link release} was called as often: somebody can't take more output. */
  hold(): void {
    this.#loop.hold();
  }
  release(): void {
    this.#loop.release();
  }

  /** Whether the guest is idle: its CPU sleeps until a timer or input. */
  get isIdle(): boolean {
    return this.#loop.isSleeping;
  }

  /** The CPU's state as text. */
  dump(): string {
    return [this.board.cpu.dump(), ...this.#notes.list()].join('\n');
  }

  statistics(): MachineStatistics {
    const { cpu, time, unclaimed } = this.board;
    return {
      instructions: cpu.instructionCount + this.#instructionsUndone,
      translation: cpu.translationStatistics,
      machineNs: time.nowNs(),
      isPaused: this.#debugger.state === 'paused',
      isWaitingForDisk: this.#disks.some(({ device }) => device.isBusy),
      instructionsPerSecond: this.#loop.speed * NS_PER_SECOND,
      unclaimed,
      notes: this.#notes.list(),
    };
  }

  /** Saves the machine as it stands between two slices, once its devices have come to rest. It goes on afterwards. */
  save(): Promise<MachineSnapshot> {
    const { board } = this;
    return this.#atRest(() => ({
      version: SNAPSHOT_VERSION,
      ramBytes: board.memory.size,
      nowNs: board.time.nowNs(),
      bootUnixMs: board.time.bootUnixMs,
      cpu: board.cpu.save(),
      ram: saveRam(board.memory),
      devices: saveDevices(board.devices),
    }));
  }

  /**
   * Keeps the machine as it stands, memory and disks, to go back to; it goes on afterwards. Throws LIMIT when that takes too
   * much memory, and USAGE when a disk can't be kept.
   */
  checkpoint(): Promise<CheckpointInfo> {
    return this.#atRest(() => this.#checkpoints.keep(this.#disks.map(({ backend }) => backend)));
  }

  /**
   * Goes back to where it was, in place, also while it runs; what its devices were in the middle of is dropped. Input that the
   * guest had not taken is what it was then. One that was paused goes on. Throws BAD_STATE.
   */
  goBack(checkpoint: number): void {
    if (this.#state !== 'running') throw badState('the machine has ended');
    const { cpu } = this.board;
    const executed = cpu.instructionCount;
    this.#checkpoints.goBack(
      checkpoint,
      this.#disks.map(({ backend }) => backend),
    );
    this.#instructionsUndone += executed - cpu.instructionCount;
    this.#debugger.moved();
    if (this.#debugger.state === 'paused') this.#debugger.resume();
    this.#loop.wake();
    // What is kept of them is what it was, too; trouble with that is told by the disk.
    for (const { backend } of this.#disks) if (!backend.readOnly) void Promise.resolve(backend.flush()).catch(() => {});
  }

  releaseCheckpoint(checkpoint: number): void {
    this.#checkpoints.release(checkpoint);
  }

  async #atRest<T>(action: () => T): Promise<T> {
    this.hold();
    try {
      await Promise.all([...this.board.devices.values()].map((device) => device.quiesce()));
      return action();
    } finally {
      this.release();
    }
  }

  /**
   * Takes a snapshot over before {@link run}. The machine must have been made with the same memory, disks, shares and
   * ports. Machine time goes on where it was; the clock of the day shows what it is now. Throws BAD_STATE; the machine is
   * then good for nothing.
   */
  load(snapshot: MachineSnapshot): void {
    if (snapshot.version !== SNAPSHOT_VERSION)
      throw badState(`it has version ${snapshot.version} and this build reads ${SNAPSHOT_VERSION}`);
    this.#checkLoadable(snapshot.ramBytes);
    clearRam(this.board.memory);
    loadRam(this.board.memory, snapshot.ram);
    this.#takeOver(snapshot);
  }

  /** The same with a snapshot in a file. */
  async restore(file: SnapshotFile): Promise<void> {
    const { memory } = this.board;
    const { ramBytes, nowNs, bootUnixMs } = file.header;
    this.#checkLoadable(ramBytes);
    const cpu = await file.cpu();
    const devices = await file.devices();
    clearRam(memory);
    await file.loadRam(memory);
    this.#takeOver({ nowNs, bootUnixMs, cpu, devices });
    this.#translateLate();
  }

  #translateLate(): void {
    if (this.#tier !== 'mixed') return;
    this.board.cpu.core.translator.setTier('0');
    this.#lateTranslation.wait(LATE_INSTRUCTIONS);
  }

  #checkLoadable(ramBytes: number): void {
    assert(this.#state === 'new', 'a snapshot is loaded before the machine runs');
    if (ramBytes !== this.board.memory.size)
      throw badState('it is of a machine with other memory; start one of the same size');
  }

  #takeOver({ nowNs, bootUnixMs, cpu, devices }: Omit<MachineSnapshot, 'version' | 'ramBytes' | 'ram'>): void {
    const { board } = this;
    board.time.set(nowNs);
    board.cpu.load(cpu);
    loadDevices(board.devices, devices);
    board.rtc.shift(board.time.bootUnixMs - bootUnixMs);
  }

  #finish(exit: MachineExit): void {
    if (this.#state !== 'running') return;
    this.#state = 'ended';
    this.#loop.stop();
    this.board.cpu.requestExit();
    this.board.flushOutput();
    this.#debugger.end();
    this.#end?.(exit);
  }
}
