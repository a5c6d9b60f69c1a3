/**
 * What a pod takes of the place where it runs: how machines start, where images and records are. The entry point brings it, and
 * tests bring their own.
 */
import type { LayerDisk, OwnDiskRequest } from '../rootfs-plan.ts';
import type { Guest } from '../guest.ts';
import type { IdentityName } from '../identity-files.ts';
import type { ContainerConfig, ContainerState } from '../lifecycle/config.ts';
import type { ExecutionConfig } from '../../oci/spec.ts';
import type { InodeAttributes } from '../../oci/tree.ts';
import type { ShareConfig } from '../../worker/protocol.ts';

/** An image whose layers are ready to be attached. */
export interface PodImage {
  readonly execution: ExecutionConfig;
  /** Files of the image that say who is who (/etc/passwd and /etc/group), where it has them. */
  readonly accounts: ReadonlyMap<string, Uint8Array>;
  readonly layers: readonly LayerDisk[];
  readonly rootAttributes: InodeAttributes;
  readonly takesIdentity: readonly IdentityName[];
}

/** Writes a container's log. */
export interface OutputLog {
  /** Resolves when the log has it, so that a program is no faster than its log. */
  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void | Promise<void>;
  close(): Promise<void>;
}

/** The records of the containers of this pod. */
export interface PodRecords {
  readConfig(id: string): Promise<ContainerConfig>;
  readState(id: string): Promise<ContainerState>;
  writeState(id: string, state: ContainerState): Promise<void>;
  writeConfig(config: ContainerConfig): Promise<void>;
  /** Removes everything of it. */
  remove(config: ContainerConfig): Promise<void>;
  /** Tells the world; what goes wrong with that is told elsewhere. */
  event(config: ContainerConfig, action: string, attributes?: Readonly<Record<string, string>>): void;
  /** Resolves when all events so far are written. */
  flush(): Promise<void>;
  openLog(config: ContainerConfig): Promise<OutputLog>;
}

/** A guest that was started; `saved` never rejects. */
export interface PodGuest {
  readonly guest: Guest;
  /** Resolves when it is kept for later starts. */
  readonly saved: Promise<void>;
}

export interface PodHost {
  /** Somebody looks at the machine when its last container has gone. */
  readonly keepsMachine: boolean;
  /** Starts the pod's machine; resolves when its agent listens. `started` gets each guest as soon as there is one. */
  startGuest(started: (guest: Guest) => void, signal: AbortSignal): Promise<PodGuest>;
  prepareImage(config: Pick<ContainerConfig, 'image'>, signal: AbortSignal): Promise<PodImage>;
  /** The file with a container's disk, made if it is not there. */
  diskFile(config: ContainerConfig, request: OwnDiskRequest): Promise<string>;
  /** Folder for disks that go with the machine. */
  readonly scratchFolder: string;
  folderShare(tag: string, folder: string, readOnly: boolean): ShareConfig;
  readonly records: PodRecords;
  /** Milliseconds of a clock that never steps. */
  nowMs(): number;
  /** RFC 3339 with nanoseconds. */
  timestamp(): string;
  /** A guest has ended that nobody asked to. */
  guestFailed(error: Error): void;
  /** What users should know of guests that were started, one line each; once. */
  takeNotices(): readonly string[];
  /** For whoever looks into the supervisor's own log. */
  note(text: string): void;
}
