/** What a Computer is made of, what may be asked of it, and what it gives: types alone. */
import type { EditableFiles } from '../container/container-files.ts';
import type { StartMachine } from '../container/guest-machine.ts';
import type { IsolationOptions } from '../container/lifecycle/config.ts';
import type { VivariumError } from '../util/errors.ts';
import type { Tier } from '../worker/protocol.ts';
import type { PrepareImage } from './image.ts';
import type { ProcessExit } from './process.ts';
import type { TerminalSize } from './run-options.ts';
import type { GuestParts, SnapshotStore } from './start-guest.ts';

/** What a platform brings along. */
export interface ComputerParts {
  readonly startMachine: StartMachine;
  /** The bytes of core.wasm. */
  readonly core: Uint8Array;
  /** Our guest kernel, and the initramfs with the agent; read when a guest boots. */
  readonly readGuest: () => GuestParts | Promise<GuestParts>;
  readonly prepareImage: PrepareImage;
  /** Where booted guests are kept, so that later ones need not boot. Without it each one boots. */
  readonly snapshots?: SnapshotStore | undefined;
  /** Where disks that outlive their computers are; without it none does. */
  readonly kept?: KeptDisks | undefined;
}

/** The disks that are kept by a name. */
export interface KeptDisks {
  /** The folder of their folders, for WorkerPlatform.openChunks: of the host, or in the origin's storage. */
  readonly folder: string;
  /**
   * Keeps others out until the result is called. Throws CONFLICT while somebody has it. Where openChunks does that by itself,
   * it need not be there.
   */
  readonly lock?: (name: string) => Promise<() => Promise<void>>;
  /** Removes what is kept by a name; nothing if there is none. Throws CONFLICT while somebody uses it. */
  remove(name: string): Promise<void>;
}

export interface ComputerOptions {
  /** As PrepareImage takes it: a layout folder or an archive in Node, a static image in a browser. */
  readonly image: string;
  /** `os/architecture` of the image; without it the best one that runs. */
  readonly platform?: string | undefined;
  /** Memory of the machine in bytes, in whole pages: 64 MiB to 3 GiB. Default 512 MiB. */
  readonly memoryBytes?: number | undefined;
  /** How much may be written to its disk, file system included, in bytes: 8 MiB to 16 TiB. Default 512 MiB. */
  readonly storageBytes?: number | undefined;
  /**
   * Host memory that its disk may take, with what snapshots keep of it, in bytes. Above it the guest gets I/O errors.
   * Default 1 GiB.
   */
  readonly diskMemoryBytesMax?: number | undefined;
  /** Host memory that snapshots of its memory may take together, in bytes. Default 1 GiB. */
  readonly snapshotBytesMax?: number | undefined;
  /** Default `computer`. */
  readonly hostname?: string | undefined;
  /** `NAME=value` each, over the image's, for all programs; a bare `NAME` removes it. */
  readonly env?: readonly string[] | undefined;
  /** Limits, rights, namespaces, as far as they are not Docker's. */
  readonly isolation?: Partial<IsolationOptions> | undefined;
  /**
   * Keeps the disk under this name, letters, digits, dots and dashes: the next computer of the same image and size that
   * has the name finds it. One at a time.
   */
  readonly keep?: string | undefined;
  /** How eagerly the CPU translates code. Default 'mixed': what is hot. */
  readonly tier?: Tier | undefined;
  /** Gives up starting it. */
  readonly signal?: AbortSignal | undefined;
  /** Takes what the guest kernel prints, and makes it print more. */
  readonly onConsole?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Is told when what the guest writes could not be kept: NO_SPACE or STORE. The guest got an I/O error. */
  readonly onTrouble?: ((error: VivariumError) => void) | undefined;
}

/** A program to start in the computer. */
export interface ProgramOptions {
  /** The program, looked up in the PATH of its environment, and its arguments. */
  readonly args: readonly string[];
  /** `NAME=value` each, over the computer's; a bare `NAME` removes it. */
  readonly env?: readonly string[] | undefined;
  /** Absolute path. Default: the image's. */
  readonly cwd?: string | undefined;
  /** `user[:group]`, names of the computer's /etc/passwd and /etc/group or numbers. Default: the image's. */
  readonly user?: string | undefined;
  /** Gives the program a terminal of this size. */
  readonly tty?: TerminalSize | undefined;
  /** Its stdin is open; else it reads end of file. With a terminal it always is. */
  readonly stdin?: boolean | undefined;
  /** Ends it (SIGKILL), or gives up starting it. */
  readonly signal?: AbortSignal | undefined;
}

/** A program that is run to its end. */
export interface RunProgramOptions extends Omit<ProgramOptions, 'stdin' | 'tty'> {
  /** Its stdin. Without it, it reads end of file. */
  readonly input?: Uint8Array | undefined;
  /** What is kept of each of stdout and stderr, in bytes; the rest is dropped. Default 1 MiB. */
  readonly outputBytesMax?: number | undefined;
  /** After that it is killed with what it has started (SIGKILL to its process group), in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export interface ProgramResult {
  readonly exit: ProcessExit;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** It wrote more than was kept. */
  readonly truncated: boolean;
  /** It was killed because its time was over. */
  readonly timedOut: boolean;
}

/** The computer's files, one at a time, as root. */
export type ComputerFiles = EditableFiles;

/** A computer as it stood, memory and disk; it is kept in the computer's worker until it is released. */
export interface ComputerSnapshot {
  /** Host memory that it takes by itself, in bytes; what it shares with other snapshots counts once. */
  readonly byteCount: number;
  /** Frees it; then it can't be restored any more. More calls do nothing. */
  release(): Promise<void>;
}
