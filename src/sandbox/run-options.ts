/** What a user may ask of a run, and the checks that need no machine. */
import type { Tier } from '../worker/protocol.ts';
import { containerIsolation } from '../container/isolation/options.ts';
import type { IsolationOptions } from '../container/lifecycle/config.ts';
import { checkExt4Size } from '../oci/disk/ext4.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const MIB = 2 ** 20;
export const DEFAULT_MEMORY_BYTES = 512 * MIB;
/** Room is taken on the host as it is written to. */
export const DEFAULT_STORAGE_BYTES = 10 * 1024 * MIB;
/** Kernel and initramfs take about 40 MiB, and a program wants some too. */
export const MEMORY_BYTES_MIN = 64 * MIB;
/** The PCI bus has slots for these besides what every machine has. */
const VOLUMES_MAX = 20;
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*$/;
const HOST_NAME_BYTES_MAX = 64; // Linux, utsname(2)
const SCREEN_SIDE_MAX = 65535;

/** A folder of the host in the container. */
export interface Volume {
  /** Absolute path on the host. */
  readonly hostPath: string;
  /** Absolute path in the container; made if it is not there. */
  readonly guestPath: string;
  readonly readOnly?: boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface RunOptions {
  /** A layout folder, or an archive of an OCI layout or of `docker save`, perhaps with `:NAME`. */
  readonly image: string;
  /** `os/architecture` of the image; without it the best one that runs. */
  readonly platform?: string | undefined;
  /** Replaces the image's Cmd. */
  readonly command?: readonly string[] | undefined;
  /** Replaces the image's Entrypoint, and drops its Cmd. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value` each, over the image's; a bare `NAME` removes it. */
  readonly env?: readonly string[] | undefined;
  /** Absolute path in the container. */
  readonly cwd?: string | undefined;
  /** `user[:group]`, names of the image or numbers. */
  readonly user?: string | undefined;
  /** The container's host name; a random one without. */
  readonly hostname?: string | undefined;
  /** Gives the program a terminal of this size. */
  readonly tty?: TerminalSize | undefined;
  /** The program's stdin is open; else it reads end of file. */
  readonly stdin?: boolean | undefined;
  readonly volumes?: readonly Volume[] | undefined;
  /** Limits, rights, namespaces. Default: Docker's. */
  readonly isolation?: IsolationOptions | undefined;
  /** Sent for SIGTERM by {@link SandboxProcess.stopSignal}; default: the image's. */
  readonly stopSignal?: string | undefined;
  /** How much the container may write besides volumes, in bytes: 8 MiB to 16 TiB. Default 10 GiB. */
  readonly storageBytes?: number | undefined;
  /** Memory of the machine in bytes, in whole pages: 64 MiB to 3 GiB. Default 512 MiB. */
  readonly memoryBytes?: number | undefined;
  /** How eagerly the CPU translates code. Default 'mixed': what is hot. */
  readonly tier?: Tier | undefined;
  /** Gives up until the program runs; afterwards, the machine is switched off. */
  readonly signal?: AbortSignal | undefined;
  /** Takes what the guest kernel prints, and makes it print more. */
  readonly onConsole?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
}

/** Throws USAGE, BAD_MEMORY_SIZE or LIMIT for what can't be run whatever the image is. */
export function checkRunOptions(options: RunOptions): void {
  const { volumes = [], memoryBytes, storageBytes, hostname, tty, isolation } = options;
  if (memoryBytes !== undefined && memoryBytes < MEMORY_BYTES_MIN) {
    throw new VivariumError(
      ErrorCodes.BAD_MEMORY_SIZE,
      `${Math.floor(memoryBytes / MIB)} MiB of memory are too little for a guest; give it at least ${MEMORY_BYTES_MIN / MIB}M`,
    );
  }
  if (storageBytes !== undefined) checkExt4Size(storageBytes);
  if (hostname !== undefined) checkHostName(hostname);
  if (isolation !== undefined) containerIsolation(isolation);
  checkTerminal(tty);
  if (volumes.length > VOLUMES_MAX)
    throw new VivariumError(ErrorCodes.LIMIT, `a machine has room for ${VOLUMES_MAX} volumes, not ${volumes.length}`);
  const places = new Set<string>(Object.keys(isolation?.tmpfs ?? {}).map(normalPath));
  for (const { guestPath } of volumes) {
    const place = normalPath(guestPath);
    if (places.has(place)) throw usage(`two volumes have the same place ${place} in the container`);
    places.add(place);
  }
}

/** Throws USAGE. */
export function checkTerminal(tty: TerminalSize | undefined): void {
  if (tty === undefined) return;
  if ([tty.columns, tty.rows].every((side) => Number.isInteger(side) && side >= 0 && side <= SCREEN_SIDE_MAX)) return;
  throw usage(`a terminal can't have ${tty.columns} columns and ${tty.rows} rows`);
}

/** Throws USAGE. */
export function checkHostName(name: string): void {
  if (!HOST_NAME.test(name) || name.length > HOST_NAME_BYTES_MAX)
    throw usage(`the host name ${JSON.stringify(name)} is none; use letters, digits, dots and dashes`);
}

/** An absolute path without `.`, `..` and doubled slashes, which is not the root. Throws USAGE. */
export function normalPath(path: string): string {
  const names: string[] = [];
  if (!path.startsWith('/') || path.includes('\0'))
    throw usage(`a volume's place in the container must be an absolute path, not ${JSON.stringify(path)}`);
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  if (names.length === 0) throw usage("a volume can't be the container's root");
  return `/${names.join('/')}`;
}

function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}
