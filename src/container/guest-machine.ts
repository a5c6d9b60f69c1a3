/**
 * What running containers takes of a machine: byte streams, its end, and what it tells about itself. RunningMachine of
 * src/worker is one; entry points start it and hand it down, and tests bring their own.
 */
import type { VivariumError } from '../util/errors.ts';
import type {
  CheckpointInfo,
  DeviceConfig,
  MachineConfig,
  MachineExit,
  MachineInspection,
  MachineSnapshot,
  MachineStatistics,
  StreamName,
} from '../worker/protocol.ts';

/** A byte stream of the machine. */
export interface MachineByteStream {
  /** Takes what the guest sends; while its promise waits, the guest may have to. */
  onData: ((bytes: Uint8Array) => void | Promise<void>) | null;
  /** Sends to the guest, in order; never blocks. */
  send(bytes: Uint8Array): void;
}

/** Devices that are ready to be attached. */
export interface OpenedDevices {
  /** What opening each share told, in order. */
  readonly shareDetails: readonly unknown[];
  /** Plugs them in, all or none. Once; then the guest must look for them. Throws LIMIT when there is no room for them. */
  attach(): Promise<void>;
}

export interface GuestMachine {
  /** How it ended, once all its output is handed over. Rejects when we failed. */
  readonly exit: Promise<MachineExit>;
  /** Is told when something that the guest wrote to a disk has no room or was not kept: LIMIT, NO_SPACE or STORE. */
  onDiskTrouble: ((error: VivariumError) => void) | null;
  stream(name: StreamName): MachineByteStream;
  /** Makes devices without the guest seeing them yet. Throws what opening them does. */
  open(devices: DeviceConfig): Promise<OpenedDevices>;
  /** A copy of the machine as it stands; it goes on. */
  save(): Promise<MachineSnapshot>;
  /** Keeps it as it stands, memory and disks, to go back to; it goes on. Throws LIMIT, or USAGE for a disk that can't be kept. */
  checkpoint(): Promise<CheckpointInfo>;
  /** Goes back to a checkpoint; input on its way is dropped. Throws BAD_STATE when it was released. */
  goBack(checkpoint: number): Promise<void>;
  releaseCheckpoint(checkpoint: number): Promise<void>;
  /** Pulls the plug. */
  stop(): Promise<void>;
  /** Ends the worker at once. */
  terminate(): Promise<void>;
  /** The CPU's state as text. */
  dump(): Promise<string>;
  statistics(): Promise<MachineStatistics>;
  /** Looks inside, stops and steps. */
  readonly inspection: MachineInspection;
  /** Unix time in milliseconds as the machine's host has it. */
  unixMs(): number;
  /** Pulls out a disk by its serial number. Throws NOT_FOUND, or USAGE when the guest has not let go of it. */
  detachDisk(serial: string): Promise<void>;
}

export interface MachineStart {
  readonly config: MachineConfig;
  /** Gets the machine before the guest's first instruction, to connect its streams. */
  readonly prepare: (machine: GuestMachine) => void;
  /** Gives up while the machine is being made. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts a machine. Throws what making one may throw, also what opening a share does. */
export type StartMachine = (start: MachineStart) => Promise<GuestMachine>;
