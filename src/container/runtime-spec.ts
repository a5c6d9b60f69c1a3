/**
 * Makes an OCI runtime-spec configuration (1.0.2, config.md and config-linux.md) for crun in the guest. The defaults
 * are those that Docker's users know; isolation/ has them, one file for each kind. Left out: user namespaces, hooks.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { DeviceRule, RuntimeDevice } from './isolation/devices.ts';
import { DEFAULT_CAPABILITIES } from './isolation/capabilities.ts';
import type { RuntimeResources } from './isolation/limits.ts';
import { containerIsolation, DEFAULT_ISOLATION } from './isolation/options.ts';
import { resolveRlimits } from './isolation/rlimits.ts';
import type { IsolationOptions } from './lifecycle/config.ts';

const OCI_VERSION = '1.0.2';
/** Where the initramfs has our init, and where a container sees it: Docker's place. */
const INIT_SOURCE = '/usr/libexec/container-init';
const INIT_PLACE = '/sbin/docker-init';
/**
 * A filter in the kernel's form, in base64: crun(1). It would make one of `linux.seccomp` by itself, but that costs the guest
 * 40 million instructions, half of what it boots with; ours costs one.
 */
const SECCOMP_ANNOTATION = 'run.oci.seccomp_bpf_data';

export interface RuntimeMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

export interface Rlimit {
  /** As in getrlimit(2): RLIMIT_NOFILE. */
  type: string;
  /** -1: none. */
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
  oomScoreAdj?: number;
}

/** runtime-spec configuration, as far as we use it. */
export interface RuntimeSpec {
  ociVersion: string;
  process: RuntimeProcess;
  root: { path: string; readonly: boolean };
  hostname: string;
  mounts: RuntimeMount[];
  annotations: Record<string, string>;
  linux: {
    namespaces: { type: string; path?: string }[];
    cgroupsPath: string;
    resources: RuntimeResources & { devices: DeviceRule[] };
    devices: RuntimeDevice[];
    sysctl: Record<string, string>;
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
  /** Of this and what follows: see processIsolation. */
  capabilities?: readonly string[];
  rlimits?: readonly Rlimit[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
}

export interface VolumeMount {
  /** Path in the guest: a 9p mount or something below it. */
  source: string;
  /** Absolute path in the container. */
  destination: string;
  readOnly: boolean;
}

export interface ContainerRequest extends Omit<
  ProcessRequest,
  'capabilities' | 'rlimits' | 'noNewPrivileges' | 'oomScoreAdj'
> {
  /** Identity in the guest and name of its cgroup. */
  name: string;
  /** The root file system's path in the guest. */
  rootfs: string;
  hostname: string;
  volumes?: readonly VolumeMount[];
  /** Its first process is our init, which only waits: programs come by exec. `args` are nothing then. */
  keepsWaiting?: boolean;
  /** Default: what Docker gives to who asks for nothing. */
  isolation?: IsolationOptions;
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

/** The group is a supplementary one too, so that a process that takes another group does not lose what was denied to this one. */
function userOf({ uid, gid, additionalGids = [] }: ProcessRequest): RuntimeProcess['user'] {
  return { uid, gid, additionalGids: [...new Set([gid, ...additionalGids])] };
}

/** A process of a container: its first, or one for exec. */
export function runtimeProcess(request: ProcessRequest): RuntimeProcess {
  if (request.args.length === 0) throw new VivariumError(ErrorCodes.USAGE, 'no command: the image has none, name one');
  requireAbsolute(request.cwd, 'working folder');
  const capabilities = [...(request.capabilities ?? DEFAULT_CAPABILITIES)];
  const { terminal, oomScoreAdj = 0 } = request;
  return {
    terminal: terminal !== undefined,
    ...(terminal && terminal.rows > 0 ? { consoleSize: { height: terminal.rows, width: terminal.columns } } : {}),
    user: userOf(request),
    args: [...request.args],
    env: uniqueEnvironment(request.env),
    cwd: request.cwd,
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: [...(request.rlimits ?? resolveRlimits([]))],
    noNewPrivileges: request.noNewPrivileges ?? false,
    ...(oomScoreAdj === 0 ? {} : { oomScoreAdj }),
  };
}

function volumeMount({ source, destination, readOnly }: VolumeMount): RuntimeMount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** In order of depth, so that one may lie in another. */
function userMounts(mounts: readonly RuntimeMount[]): RuntimeMount[] {
  for (const { destination } of mounts) requireAbsolute(destination, "volume's place");
  const depth = ({ destination }: RuntimeMount) => destination.split('/').filter(Boolean).length;
  return [...mounts].sort((a, b) => depth(a) - depth(b));
}

function initMounts(hasInit: boolean): RuntimeMount[] {
  return hasInit ? [{ destination: INIT_PLACE, type: 'bind', source: INIT_SOURCE, options: ['bind', 'ro'] }] : [];
}

/** The whole configuration of a container. Throws USAGE for what can't be, or LIMIT. */
export function runtimeSpec(request: ContainerRequest): RuntimeSpec {
  requireAbsolute(request.rootfs, 'root file system');
  const options = request.isolation ?? DEFAULT_ISOLATION;
  const isolation = containerIsolation(options);
  const { keepsWaiting = false } = request;
  const args = keepsWaiting ? [INIT_PLACE, '--wait'] : request.args;
  const process = runtimeProcess({ ...request, args, ...isolation.process });
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'cgroup', ...(isolation.ownNetwork ? ['network'] : [])];
  const volumes = userMounts([...isolation.tmpfsMounts, ...(request.volumes ?? []).map(volumeMount)]);
  return {
    ociVersion: OCI_VERSION,
    process: options.init && !keepsWaiting ? { ...process, args: [INIT_PLACE, '--', ...process.args] } : process,
    root: { path: request.rootfs, readonly: options.readOnlyRootfs },
    hostname: request.hostname,
    mounts: [...isolation.mounts, ...volumes, ...initMounts(options.init || keepsWaiting)],
    annotations: isolation.seccompFilter === undefined ? {} : { [SECCOMP_ANNOTATION]: base64(isolation.seccompFilter) },
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: `/vivarium/${request.name}`,
      resources: { ...isolation.resources, devices: [...isolation.resources.devices] },
      devices: [...isolation.devices],
      sysctl: { ...isolation.sysctl },
      maskedPaths: [...isolation.maskedPaths],
      readonlyPaths: [...isolation.readonlyPaths],
    },
  };
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
