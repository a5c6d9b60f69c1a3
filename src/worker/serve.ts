/**
 * The worker's side, the same in Node and browsers: makes a machine from its configuration, joins its devices to the
 * streams and runs it. What differs by platform is injected.
 */
import { transfer } from 'comlink';
import { compileCore } from '../core/load.ts';
import type { Clock } from '../devices/clock.ts';
import type { BlockBackend } from '../devices/virtio/blk/backend.ts';
import { ChunkDisk } from '../devices/virtio/blk/chunk-disk.ts';
import type { ChunkStore } from '../devices/virtio/blk/chunk-store.ts';
import type { ConsolePortOptions } from '../devices/virtio/console/port.ts';
import type { FileSystem } from '../devices/virtio/p9/filesystem.ts';
import type { MachineHost } from '../machine/host.ts';
import { MachineTime } from '../machine/time.ts';
import { Machine, type MachineExit, type MachineSnapshot, type MachineStatistics } from '../machine/machine.ts';
import { memorySource, SnapshotFile, type SnapshotSource } from '../machine/snapshot-file/read.ts';
import { crc32, type Checksum } from '../util/crc.ts';
import { assert, VivariumError } from '../util/errors.ts';
import type {
  Breakpoint,
  CheckpointInfo,
  DeviceConfig,
  DevicesOpened,
  DiskConfig,
  HostMessage,
  Look,
  LookRequest,
  MachineConfig,
  MachineControl,
  MachineCreated,
  Outcome,
  PortConfig,
  RestoreConfig,
  RunUntil,
  ShareConfig,
  StepOptions,
  Stop,
  StreamName,
} from './protocol.ts';
import { PartialInput, StreamHub, type DataPort } from './stream-hub.ts';

/** What the maker of a share's file system may need. */
export interface ShareContext {
  /** The machine's clock, for the times of files. */
  readonly clock: Pick<Clock, 'nowNs' | 'bootUnixMs'>;
  /** Nobody wants the machine any more. */
  readonly signal: AbortSignal;
}

export interface OpenedShare {
  readonly fileSystem: FileSystem;
  /** Something for whoever starts the machine; a structured clone carries it. */
  readonly details?: unknown;
}

/** What a platform, and the script that starts the worker, bring along. */
export interface WorkerPlatform {
  readonly host: MachineHost;
  openDisk(disk: Exclude<DiskConfig, { kind: 'chunks' }>): BlockBackend | Promise<BlockBackend>;
  /**
   * Opens the store of a disk that outlives its machine; it is made if there is none. Throws CONFLICT while somebody else has
   * it, USAGE where there are none.
   */
  openChunks(place: string): Promise<ChunkStore>;
  /** Makes the file system of a share, whose calls answer at once if they can. */
  openShare(share: ShareConfig, context: ShareContext): OpenedShare | Promise<OpenedShare>;
  /** Opens a snapshot's file. Throws NOT_FOUND, what fetching it may, or USAGE where there are no such files. */
  openSnapshot(restore: StoredSnapshot): OpenedSnapshot | Promise<OpenedSnapshot>;
  /** A faster CRC-32 than ours. */
  readonly checksum?: Checksum;
  /** Called with every message that arrives on the port. */
  listen(port: MessagePort, receive: (message: HostMessage) => void): DataPort;
}

/** A snapshot that did not come along. */
export type StoredSnapshot = Exclude<RestoreConfig, { readonly kind: 'memory' }>;
export interface OpenedSnapshot extends SnapshotSource {
  /** @param isGood whether a machine could be made of it. */
  close(isGood: boolean): void;
}

interface OpenDevices {
  readonly disks: readonly BlockBackend[];
  readonly shares: readonly (OpenedShare & { readonly tag: string })[];
}

export class MachineServer implements MachineControl {
  readonly #platform: WorkerPlatform;
  #machine: Machine | undefined;
  #hub: StreamHub | undefined;
  #time: MachineTime | undefined;
  #ports: readonly JoinedPort[] = [];
  readonly #opened = new Map<number, OpenDevices>();
  #openedCount = 0;
  readonly #givenUp = new AbortController();

  constructor(platform: WorkerPlatform) {
    this.#platform = platform;
  }

  create(config: MachineConfig, data: MessagePort): Promise<Outcome<MachineCreated>> {
    return outcome(async () => {
      assert(this.#machine === undefined, 'a worker runs one machine');
      const hub = new StreamHub(this.#platform.listen(data, (message) => hub.receive(message)));
      this.#hub = hub;
      const { host } = this.#platform;
      const time = new MachineTime(() => host.monotonicNs(), host.unixMs());
      this.#time = time;
      assert((config.boot === undefined) !== (config.restore === undefined), 'a machine boots or is restored');
      const coreModule = await compileCore(config.core as Uint8Array<ArrayBuffer>);
      const { disks, shares } = await this.#openAll(config);
      const ports = (config.ports ?? []).map((port, id) => joinPort(hub, () => machine, port, id));
      this.#ports = ports;
      const machine: Machine = new Machine({
        coreModule,
        ramBytes: config.ramBytes,
        ...(config.tier === undefined ? {} : { tier: config.tier }),
        host,
        time,
        ...(config.boot === undefined ? {} : { boot: config.boot }),
        disks,
        shares,
        consolePorts: ports.map(({ options }) => options),
        ...(config.consoleSize === undefined ? {} : { consoleSize: config.consoleSize }),
        ...(config.checkpointBytesMax === undefined ? {} : { checkpointBytesMax: config.checkpointBytesMax }),
        com1: this.#serialSink('com1'),
        com2: this.#serialSink('com2'),
        debugConsole: this.#serialSink('debug'),
        onCom1Room: (): void => com1Input.resume(),
      });
      const com1Input: PartialInput = new PartialInput(hub, 'com1', (bytes) => machine.com1Input(bytes));
      if (config.restore !== undefined) await this.#restore(machine, config.restore);
      this.#givenUp.signal.throwIfAborted();
      if (config.paused === true) await machine.inspection.pause();
      this.#machine = machine;
      return { shareDetails: shares.map(({ details }) => details) };
    });
  }

  open(devices: DeviceConfig): Promise<Outcome<DevicesOpened>> {
    return outcome(async () => {
      const opened = await this.#openAll(devices);
      const number = this.#openedCount++;
      this.#opened.set(number, opened);
      return { number, shareDetails: opened.shares.map(({ details }) => details) };
    });
  }

  attach(opened: number): Promise<Outcome<void>> {
    return outcome(async () => {
      const devices = this.#opened.get(opened);
      assert(devices !== undefined, 'devices are opened before they are attached, and attached once');
      this.#opened.delete(opened);
      try {
        this.#started().attach(devices);
      } catch (error) {
        for (const disk of devices.disks) disk.close?.();
        throw error;
      }
    });
  }

  save(): Promise<Outcome<MachineSnapshot>> {
    const saved = outcome(() => this.#started().save());
    return saved.then((snapshot) =>
      snapshot.ok ? transfer(snapshot, [snapshot.value.ram.bytes.buffer, snapshot.value.ram.numbers.buffer]) : snapshot,
    );
  }

  checkpoint(): Promise<Outcome<CheckpointInfo>> {
    return outcome(() => this.#started().checkpoint());
  }

  goBack(checkpoint: number): Promise<Outcome<void>> {
    return outcome(async () => {
      this.#started().goBack(checkpoint);
      for (const port of this.#ports) port.inputDropped();
    });
  }

  releaseCheckpoint(checkpoint: number): void {
    this.#started().releaseCheckpoint(checkpoint);
  }

  run(): Promise<Outcome<MachineExit>> {
    return outcome(async () => {
      const machine = this.#started();
      try {
        return await machine.run();
      } finally {
        this.#hub?.end(this.statistics());
        await machine.closeDisks();
      }
    });
  }

  stop(): void {
    this.#givenUp.abort();
    this.#machine?.stop();
  }
  pressPowerButton(): void {
    this.#started().pressPowerButton();
  }
  resizeConsole(columns: number, rows: number): void {
    this.#started().resizeConsole(columns, rows);
  }
  detachDisk(serial: string): Promise<Outcome<void>> {
    return outcome(() => this.#started().detachDisk(serial));
  }
  setPortOpen(port: number, open: boolean): void {
    this.#started().consolePort(port).setHostOpen(open);
  }
  dump(): string {
    return this.#started().dump();
  }
  statistics(): MachineStatistics {
    return this.#started().statistics();
  }

  look(request: LookRequest): Promise<Outcome<Look>> {
    return outcome(() => this.#started().inspection.look(request));
  }
  pause(): Promise<Outcome<Stop>> {
    return outcome(() => this.#started().inspection.pause());
  }
  step(options?: StepOptions): Promise<Outcome<Stop>> {
    return outcome(() => this.#started().inspection.step(options));
  }
  resume(until?: RunUntil): Promise<Outcome<void>> {
    return outcome(() => this.#started().inspection.resume(until));
  }
  stopped(): Promise<Outcome<Stop>> {
    return outcome(() => this.#started().inspection.stopped());
  }
  setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<Outcome<void>> {
    return outcome(() => this.#started().inspection.setBreakpoints(breakpoints));
  }

  async #openAll({ disks = [], shares = [] }: DeviceConfig): Promise<OpenDevices> {
    const { openShare } = this.#platform;
    const { signal } = this.#givenUp;
    const clock = this.#time;
    assert(clock !== undefined, 'the machine was not created');
    const openedDisks: BlockBackend[] = [];
    try {
      for (const disk of disks) openedDisks.push(await this.#openDisk(disk));
      const openedShares = await Promise.all(
        shares.map(async (share) => ({ tag: share.tag, ...(await openShare(share, { clock, signal })) })),
      );
      signal.throwIfAborted();
      return { disks: openedDisks, shares: openedShares };
    } catch (error) {
      for (const disk of openedDisks) disk.close?.();
      throw error;
    }
  }

  async #openDisk(disk: DiskConfig): Promise<BlockBackend> {
    if (disk.kind !== 'chunks') return this.#platform.openDisk(disk);
    const { keep } = disk;
    const store = keep === undefined ? undefined : await this.#platform.openChunks(keep.place);
    return ChunkDisk.open({
      ...disk,
      id: disk.serial,
      keep: keep === undefined ? undefined : { ...keep, store: store! },
      onTrouble: ({ code, message }) => this.#hub?.diskTrouble(code, message),
    });
  }

  async #restore(machine: Machine, restore: RestoreConfig): Promise<void> {
    const { checksum = crc32 } = this.#platform;
    const opened = restore.kind === 'memory' ? undefined : await this.#platform.openSnapshot(restore);
    let isGood = false;
    try {
      const source = opened ?? memorySource((restore as RestoreConfig & { kind: 'memory' }).bytes);
      const file = await SnapshotFile.open(source, checksum);
      file.checkIdentity(restore.identity);
      await machine.restore(file);
      isGood = true;
    } finally {
      opened?.close(isGood);
    }
  }

  #started(): Machine {
    assert(this.#machine !== undefined, 'the machine was not created');
    return this.#machine;
  }

  /** A serial port can't refuse bytes: while its stream is full, the whole machine stands still. */
  #serialSink(stream: StreamName): (bytes: Uint8Array) => void {
    return (bytes) => {
      const full = this.#hub?.output(stream, bytes);
      const machine = this.#machine;
      if (full === undefined || machine === undefined) return;
      machine.hold();
      void full.then(() => machine.release());
    };
  }
}

interface JoinedPort {
  readonly options: ConsolePortOptions;
  /** What waited for the guest is gone: the machine went back. */
  inputDropped(): void;
}

/** Joins a console port to its stream. Its credit follows what the guest's driver takes. */
function joinPort(hub: StreamHub, machine: () => Machine, { name, console }: PortConfig, id: number): JoinedPort {
  const stream: StreamName = `port${id}`;
  let untakenBytes = 0;
  const taken = (): void => {
    hub.taken(stream, untakenBytes);
    untakenBytes = 0;
  };
  hub.onInput(stream, (bytes) => {
    untakenBytes += bytes.length;
    machine().consolePort(id).send(bytes);
  });
  return {
    inputDropped: taken,
    options: {
      ...(name === undefined ? {} : { name }),
      ...(console === undefined ? {} : { console }),
      output: (bytes) => hub.output(stream, bytes),
      onGuestOpen: (open) => hub.guestOpen(stream, open),
      onDrain: taken,
    },
  };
}

/** Runs something and turns what it throws into data that keeps the error's code. */
async function outcome<T>(action: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await action() };
  } catch (error) {
    if (error instanceof VivariumError) return { ok: false, code: error.code, message: error.message };
    return {
      ok: false,
      code: 'ASSERTION',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}
