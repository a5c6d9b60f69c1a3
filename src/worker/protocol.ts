/**
 * What passes between a machine's worker and whoever started it. Control goes over comlink; byte streams go over a message
 * port of their own, in batches whose buffers are transferred, with credits both ways so that nobody's memory fills.
 * Types only, and data that a structured clone carries.
 */
import type { ChunkedFileShape } from '../devices/virtio/blk/chunked-file.ts';
import type { BootEntry } from '../machine/boot/request.ts';
import type { DiskIdentity } from '../devices/virtio/blk/chunk-store.ts';
import type {
  CheckpointInfo,
  MachineExit,
  MachineSnapshot,
  MachineStatistics,
  Tier,
  TranslationStatistics,
} from '../machine/machine.ts';
import type { Breakpoint, Look, LookRequest, RunUntil, StepOptions, Stop } from '../machine/inspect/types.ts';
import type { SnapshotIdentity } from '../machine/snapshot-file/format.ts';
import type { ErrorCode } from '../util/errors.ts';

export type * from '../machine/inspect/types.ts';
export type {
  BootEntry,
  CheckpointInfo,
  DiskIdentity,
  MachineExit,
  MachineSnapshot,
  MachineStatistics,
  SnapshotIdentity,
  Tier,
  TranslationStatistics,
};

/**
 * A disk on the virtio bus: /dev/vda, vdb, … in order. The guest can find it by its serial number, at most 20 printable
 * ASCII characters. Byte counts are multiples of 512.
 */
export type DiskConfig =
  /** A raw image file on the host; Node only. */
  | { readonly kind: 'file'; readonly path: string; readonly readOnly: boolean; readonly serial?: string }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array; readonly readOnly: boolean; readonly serial?: string }
  /** Read-only, of files and of bytes, with zeroes between them. */
  | {
      readonly kind: 'extents';
      readonly serial: string;
      readonly byteCount: number;
      readonly extents: readonly DiskExtent[];
    }
  /** Room in a folder of the host, with these bytes on it and else zeroes; gone with the machine. Node only. */
  | {
      readonly kind: 'scratch';
      readonly serial: string;
      readonly byteCount: number;
      readonly folder: string;
      readonly parts: readonly DiskBytes[];
    }
  /** In the worker's memory, in chunks; these bytes are on it in the beginning. Checkpoints keep it. */
  | {
      readonly kind: 'chunks';
      readonly serial: string;
      readonly byteCount: number;
      readonly parts: readonly DiskBytes[];
      /** What its chunks and those of checkpoints may take together, in bytes; above it the guest gets I/O errors. */
      readonly bytesMax: number;
      readonly keep?: KeepConfig | undefined;
    };

/** Where a disk outlives its machine. */
export interface KeepConfig {
  /** For WorkerPlatform.openChunks: a path in a folder of the host, or in the origin's storage. */
  readonly place: string;
  /** What errors call it. */
  readonly name: string;
  /** What the disk is made for; what is there must be of the same. */
  readonly identity: DiskIdentity;
}

/** Bytes at an offset of a disk. */
export interface DiskBytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}
/** Bytes, a file of the host (Node only), or a file of a web server (browsers only) at an offset of a disk. */
export type DiskExtent =
  | DiskBytes
  | { readonly offset: number; readonly path: string }
  | { readonly offset: number; readonly remote: RemoteFile };

/** A file of a web server, fetched in chunks as it is read. */
export interface RemoteFile extends ChunkedFileShape {
  readonly url: string;
}

/**
 * A folder that the guest mounts by its tag over 9P. The file system answers at once, so it is made inside the worker,
 * by the worker's script, from this description; `kind` and the rest are between that script and who starts it.
 */
export interface ShareConfig {
  readonly tag: string;
  readonly kind: string;
  readonly [detail: string]: unknown;
}

/** Devices that the guest gets while it runs. */
export interface DeviceConfig {
  readonly disks?: readonly DiskConfig[];
  readonly shares?: readonly ShareConfig[];
}

/** Devices that are ready to be attached. */
export interface DevicesOpened extends MachineCreated {
  /** For {@link MachineControl.attach}. */
  readonly number: number;
}

/** What the worker tells about the machine that it made. */
export interface MachineCreated {
  /** What opening each share told, in the order of the configuration; between the worker's script and who starts it. */
  readonly shareDetails: readonly unknown[];
}

/** A port of the virtio console: /dev/virtio-ports/NAME in the guest, or hvcN when it is a console. */
export interface PortConfig {
  readonly name?: string;
  readonly console?: boolean;
}

export interface BootConfig {
  readonly kernel: Uint8Array;
  /** What errors call the kernel. */
  readonly kernelName?: string;
  readonly initrd?: Uint8Array;
  readonly commandLine: string;
  readonly entry?: BootEntry;
}

/** A saved machine to go on with. It is refused unless it is of the machine that `identity` describes. */
export type RestoreConfig = { readonly identity: SnapshotIdentity } & (
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  /** A file of a web server; browsers only. */
  | { readonly kind: 'remote'; readonly remote: RemoteFile }
);

/** A machine that boots, or one that goes on from a snapshot: one of the two is given. */
export interface MachineConfig {
  /** The bytes of core.wasm. */
  readonly core: Uint8Array;
  readonly ramBytes: number;
  /** How eagerly the CPU translates code: 'mixed' if not given. */
  readonly tier?: Tier;
  readonly boot?: BootConfig;
  readonly restore?: RestoreConfig;
  readonly disks?: readonly DiskConfig[];
  readonly shares?: readonly ShareConfig[];
  readonly ports?: readonly PortConfig[];
  readonly consoleSize?: { readonly columns: number; readonly rows: number };
  /** What RAM of checkpoints may take together, in bytes: 1 GiB if not given. */
  readonly checkpointBytesMax?: number;
  /** Stands still before its first instruction, until somebody has it go on (MachineInspection). */
  readonly paused?: boolean;
}

/** A byte stream of the machine: serial ports, the debug console, or a virtio console port by its number. */
export type StreamName = 'com1' | 'com2' | 'debug' | `port${number}`;

/** From the worker, on the data port. */
export type WorkerMessage =
  | { readonly type: 'output'; readonly stream: StreamName; readonly bytes: Uint8Array }
  /** So many bytes of input have reached the guest's device. */
  | { readonly type: 'taken'; readonly stream: StreamName; readonly byteCount: number }
  /** The guest opened or closed its side of a console port. */
  | { readonly type: 'guest-open'; readonly stream: StreamName; readonly open: boolean }
  /** What the guest wrote to a disk has no room or was not kept; the guest got an error. */
  | { readonly type: 'disk-trouble'; readonly code: ErrorCode; readonly message: string }
  /** Nothing more comes. */
  | { readonly type: 'end'; readonly statistics: MachineStatistics };

/** To the worker, on the data port. */
export type HostMessage =
  | { readonly type: 'input'; readonly stream: StreamName; readonly bytes: Uint8Array }
  /** So many bytes of output were written where they belong. */
  | { readonly type: 'written'; readonly stream: StreamName; readonly byteCount: number };

/** A result or an error that keeps its code on the way. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode | 'ASSERTION'; readonly message: string };

/** What the worker exposes over comlink. */
export interface MachineControl {
  /** Builds the machine; resolves when the kernel or the snapshot is loaded. {@link stop} gives up. */
  create(config: MachineConfig, data: MessagePort): Promise<Outcome<MachineCreated>>;
  /** Makes devices without the guest seeing them. */
  open(devices: DeviceConfig): Promise<Outcome<DevicesOpened>>;
  /** Plugs devices that were opened in, all or none; the guest must then rescan its PCI bus. */
  attach(opened: number): Promise<Outcome<void>>;
  /** A copy of the machine as it stands; it goes on. */
  save(): Promise<Outcome<MachineSnapshot>>;
  /** Keeps the machine as it stands, in the worker; it goes on. */
  checkpoint(): Promise<Outcome<CheckpointInfo>>;
  /** Goes back to a checkpoint. Input on its way is dropped. */
  goBack(checkpoint: number): Promise<Outcome<void>>;
  releaseCheckpoint(checkpoint: number): void;
  /** Runs it to its end. */
  run(): Promise<Outcome<MachineExit>>;
  /** Pulls the plug, or gives up making the machine. */
  stop(): void;
  pressPowerButton(): void;
  resizeConsole(columns: number, rows: number): void;
  /** Pulls out a disk by its serial number, which the guest must have let go of. */
  detachDisk(serial: string): Promise<Outcome<void>>;
  /** Connects or disconnects our side of a console port: while disconnected, the guest reads end of file. */
  setPortOpen(port: number, open: boolean): void;
  dump(): string;
  statistics(): MachineStatistics;
  // What MachineInspection has, with errors that keep their codes.
  look(request: LookRequest): Promise<Outcome<Look>>;
  pause(): Promise<Outcome<Stop>>;
  step(options?: StepOptions): Promise<Outcome<Stop>>;
  resume(until?: RunUntil): Promise<Outcome<void>>;
  stopped(): Promise<Outcome<Stop>>;
  setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<Outcome<void>>;
}
