/**
 * Makes an OCI runtime-spec configuration (1.0.2, config.md and config-linux.md) for crun in the guest. The defaults
 * are those that Docker's users know: its capabilities, masked paths and mounts. Left out: seccomp, user namespaces.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const OCI_VERSION = '1.0.2';

/** What a container's root may do: Docker's default set. Names as in capabilities(7). */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/firmware',
];
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Soft and hard limit of open files. A low soft limit: programs that close "all" descriptors would do it for long. */
const OPEN_FILES = { type: 'RLIMIT_NOFILE', soft: 1024, hard: 524288 };
const TTY_GROUP = 5;

export interface RuntimeMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

export interface Rlimit {
  /** As in getrlimit(2): RLIMIT_NOFILE. */
  type: string;
  soft: number;
  hard: number;
}

/** runtime-spec `process`. */
export interface RuntimeProcess {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  user: { uid: number; gid: number; additionalGids: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<'bounding' | 'effective' | 'permitted', string[]>;
  rlimits: Rlimit[];
  noNewPrivileges: boolean;
}

/** runtime-spec configuration, as far as we use it. */
export interface RuntimeSpec {
  ociVersion: string;
  process: RuntimeProcess;
  root: { path: string; readonly: boolean };
  hostname: string;
  mounts: RuntimeMount[];
  linux: {
    namespaces: { type: string; path?: string }[];
    cgroupsPath: string;
    resources: { devices: { allow: boolean; access: string }[] };
    maskedPaths: string[];
    readonlyPaths: string[];
  };
}

/** What to run, with everything about the image and its users resolved. */
export interface ProcessRequest {
  args: readonly string[];
  /** NAME=value, the last of a name wins. */
  env: readonly string[];
  /** Absolute path in the container; made if it is not there. */
  cwd: string;
  uid: number;
  gid: number;
  additionalGids?: readonly number[];
  /** A terminal of this size in characters. */
  terminal?: { columns: number; rows: number } | undefined;
  capabilities?: readonly string[];
  rlimits?: readonly Rlimit[];
}

export interface VolumeMount {
  /** Path in the guest: a 9p mount or something below it. */
  source: string;
  /** Absolute path in the container. */
  destination: string;
  readOnly: boolean;
}

export interface ContainerRequest extends ProcessRequest {
  /** Identity in the guest and name of its cgroup. */
  name: string;
  /** The root file system's path in the guest. */
  rootfs: string;
  readOnlyRootfs?: boolean;
  hostname: string;
  volumes?: readonly VolumeMount[];
  /** 'guest': the network of the guest (all containers of a pod share it); 'private': one of its own, with lo only. */
  network?: 'guest' | 'private';
}

function requireAbsolute(path: string, what: string): void {
  if (!path.startsWith('/'))
    throw new VivariumError(ErrorCodes.USAGE, `the ${what} must be an absolute path, not ${path}`);
}

function uniqueEnvironment(env: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of env) byName.set(entry.split('=', 1)[0]!, entry);
  return [...byName.values()];
}

/** A process of a container: its first, or one for exec. */
export function runtimeProcess(request: ProcessRequest): RuntimeProcess {
  if (request.args.length === 0) throw new VivariumError(ErrorCodes.USAGE, 'no command: the image has none, name one');
  requireAbsolute(request.cwd, 'working folder');
  const capabilities = [...(request.capabilities ?? DEFAULT_CAPABILITIES)];
  const { terminal } = request;
  return {
    terminal: terminal !== undefined,
    ...(terminal && terminal.rows > 0 ? { consoleSize: { height: terminal.rows, width: terminal.columns } } : {}),
    user: { uid: request.uid, gid: request.gid, additionalGids: [...(request.additionalGids ?? [])] },
    args: [...request.args],
    env: uniqueEnvironment(request.env),
    cwd: request.cwd,
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [...(request.rlimits ?? [OPEN_FILES])],
    noNewPrivileges: false,
  };
}

function defaultMounts(): RuntimeMount[] {
  const plain = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: plain },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', `gid=${TTY_GROUP}`],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...plain, 'ro'] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...plain, 'relatime', 'ro'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: plain },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...plain, 'mode=1777', 'size=65536k'] },
  ];
}

function volumeMount({ source, destination, readOnly }: VolumeMount): RuntimeMount {
  requireAbsolute(destination, "volume's place");
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** The whole configuration of a container. Volumes are mounted in order of depth, so that one may lie in another. */
export function runtimeSpec(request: ContainerRequest): RuntimeSpec {
  requireAbsolute(request.rootfs, 'root file system');
  const depth = (volume: VolumeMount) => volume.destination.split('/').filter(Boolean).length;
  const volumes = [...(request.volumes ?? [])].sort((a, b) => depth(a) - depth(b));
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'cgroup', ...(request.network === 'private' ? ['network'] : [])];
  return {
    ociVersion: OCI_VERSION,
    process: runtimeProcess(request),
    root: { path: request.rootfs, readonly: request.readOnlyRootfs ?? false },
    hostname: request.hostname,
    mounts: [...defaultMounts(), ...volumes.map(volumeMount)],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: `/vivarium/${request.name}`,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
    },
  };
}
