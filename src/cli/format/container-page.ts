/**
 * What `viv inspect` says of a container: the answer of the Docker Engine API 1.47, "ContainerInspect", as far as there is such
 * a thing here, and `Pod`. What a guest of ours has none of (ports, AppArmor, devices) is empty as it would be there.
 */
import type { ContainerConfig, ContainerState, HealthCheck } from '../../container/lifecycle/config.ts';
import type { Container } from '../../container/lifecycle/node-container-store.ts';
import { commandOf } from './container-text.ts';
import { GoDuration, goMap } from './go-values.ts';

const NS_PER_MS = 1_000_000;
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Where files of the container are on the host. */
export interface PagePaths {
  readonly log: string;
  readonly disk: string;
}

export interface PageSizes {
  readonly own: number;
  readonly virtual: number;
}

type Page = Record<string, unknown>;

export function containerPage(
  { id, name, config, state }: Container,
  paths: PagePaths,
  sizes?: PageSizes | undefined,
): Page {
  const [path = '', ...args] = commandOf(config);
  return {
    Id: id,
    Created: config.created,
    Path: path,
    Args: args,
    State: statePage(state),
    Image: config.image.id,
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: config.log.driver === 'none' ? '' : paths.log,
    Name: `/${name}`,
    RestartCount: state.restartCount,
    Driver: 'overlayfs',
    Platform: config.image.platform.split('/')[0],
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: hostConfigPage(config),
    GraphDriver: { Name: 'overlayfs', Data: { UpperDisk: paths.disk } },
    ...(sizes === undefined ? {} : { SizeRw: sizes.own, SizeRootFs: sizes.virtual }),
    Mounts: config.volumes.map(({ hostPath, guestPath, readOnly }) => ({
      Type: 'bind',
      Source: hostPath,
      Destination: guestPath,
      Mode: readOnly ? 'ro' : '',
      RW: !readOnly,
      Propagation: 'rprivate',
    })),
    Config: configPage(config),
    NetworkSettings: { Ports: {}, Networks: { [config.isolation.network]: { IPAddress: '', MacAddress: '' } } },
    Pod: config.pod,
  };
}

function statePage(state: ContainerState): Page {
  const { status, health } = state;
  return {
    Status: status,
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health === undefined
      ? {}
      : {
          Health: {
            Status: health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map(({ start, end, exitCode, output }) => ({
              Start: start,
              End: end,
              ExitCode: exitCode,
              Output: output,
            })),
          },
        }),
  };
}

function hostConfigPage(config: ContainerConfig): Page {
  const { isolation, log, restart, volumes, storageBytes } = config;
  const { limits } = isolation;
  return {
    Binds: orNull(
      volumes.map(({ hostPath, guestPath, readOnly }) => `${hostPath}:${guestPath}${readOnly ? ':ro' : ''}`),
    ),
    ContainerIDFile: '',
    LogConfig: {
      Type: log.driver,
      Config: {
        ...(log.maxBytes === undefined ? {} : { 'max-size': String(log.maxBytes) }),
        ...(log.maxFiles === 1 ? {} : { 'max-file': String(log.maxFiles) }),
      },
    },
    NetworkMode: isolation.network,
    PortBindings: {},
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetryCount },
    AutoRemove: config.autoRemove,
    VolumeDriver: '',
    VolumesFrom: null,
    CapAdd: orNull(isolation.capAdd),
    CapDrop: orNull(isolation.capDrop),
    CgroupnsMode: 'private',
    Dns: [],
    ExtraHosts: null,
    GroupAdd: orNull(isolation.groupAdd),
    IpcMode: 'private',
    Links: null,
    OomScoreAdj: isolation.oomScoreAdj,
    PidMode: '',
    Privileged: isolation.privileged,
    PublishAllPorts: false,
    ReadonlyRootfs: isolation.readOnlyRootfs,
    SecurityOpt: orNull(isolation.securityOpt),
    StorageOpt: { size: String(storageBytes) },
    Tmpfs: goMap(isolation.tmpfs),
    UTSMode: '',
    UsernsMode: '',
    ShmSize: isolation.shmBytes ?? DEFAULT_SHM_BYTES,
    Sysctls: goMap(isolation.sysctls),
    Runtime: 'crun',
    Isolation: '',
    CpuShares: limits.cpuShares ?? 0,
    Memory: limits.memoryBytes ?? 0,
    NanoCpus: limits.nanoCpus ?? 0,
    CgroupParent: '',
    CpuPeriod: limits.cpuPeriodUs ?? 0,
    CpuQuota: limits.cpuQuotaUs ?? 0,
    Devices: [],
    MemoryReservation: limits.memoryReservationBytes ?? 0,
    MemorySwap: limits.memorySwapBytes ?? 0,
    OomKillDisable: null,
    Init: isolation.init,
    PidsLimit: limits.pidsLimit ?? null,
    Ulimits: isolation.ulimits.map(({ type, soft, hard }) => ({
      Name: type.replace(/^RLIMIT_/, '').toLowerCase(),
      Hard: hard,
      Soft: soft,
    })),
  };
}

function configPage(config: ContainerConfig): Page {
  const { imageDefaults: image, healthCheck, stopTimeoutMs } = config;
  const entrypoint = config.entrypoint ?? image?.entrypoint ?? [];
  const cmd = config.cmd.length > 0 || config.entrypoint !== undefined ? config.cmd : (image?.cmd ?? []);
  const stopSignal = config.stopSignal ?? image?.stopSignal ?? '';
  return {
    Hostname: config.hostname,
    Domainname: '',
    User: config.user ?? image?.user ?? '',
    AttachStdin: config.stdinOnce ?? false,
    AttachStdout: config.stdinOnce ?? false,
    AttachStderr: config.stdinOnce ?? false,
    ...(image === undefined || image.exposedPorts.length === 0 ? {} : { ExposedPorts: asSet(image.exposedPorts) }),
    Tty: config.tty,
    OpenStdin: config.openStdin,
    StdinOnce: config.stdinOnce ?? false,
    Env: mergedEnvironment(image?.env ?? [], config.env),
    Cmd: orNull(cmd),
    ...(healthCheck === undefined ? {} : { Healthcheck: healthPage(healthCheck) }),
    Image: config.image.name,
    Volumes: image === undefined || image.volumes.length === 0 ? null : asSet(image.volumes),
    WorkingDir: config.workingDir ?? image?.workingDir ?? '',
    Entrypoint: orNull(entrypoint),
    OnBuild: null,
    Labels: goMap(config.labels),
    ...(stopSignal === '' ? {} : { StopSignal: stopSignal }),
    ...(stopTimeoutMs === undefined ? {} : { StopTimeout: Math.ceil(stopTimeoutMs / 1000) }),
  };
}

function healthPage(check: HealthCheck): Page {
  return {
    Test: check.test,
    Interval: new GoDuration(check.intervalMs * NS_PER_MS),
    Timeout: new GoDuration(check.timeoutMs * NS_PER_MS),
    StartPeriod: new GoDuration(check.startPeriodMs * NS_PER_MS),
    StartInterval: new GoDuration(check.startIntervalMs * NS_PER_MS),
    Retries: check.retries,
  };
}

/** The user's variables replace the image's. */
function mergedEnvironment(image: readonly string[], user: readonly string[]): string[] {
  const nameOf = (setting: string): string => setting.split('=', 1)[0]!;
  const own = new Set(user.map(nameOf));
  return [...user, ...image.filter((setting) => !own.has(nameOf(setting)))];
}

function asSet(names: readonly string[]): Record<string, object> {
  return goMap(Object.fromEntries(names.map((name) => [name, {}])));
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null;
}
