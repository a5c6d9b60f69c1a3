/**
 * What a container is: plain JSON, as `create` writes it into the container's folder (config.json). Names and meanings follow the
 * Docker Engine API 1.47, "ContainerCreate"; sizes are bytes, times RFC 3339 in UTC with nanoseconds, durations milliseconds.
 */
import type { Tier } from '../../worker/protocol.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Rlimit } from '../runtime-spec.ts';

/** Where the root filesystem comes from. */
export interface ContainerImage {
  /** As the user wrote it; `viv ps` shows it. */
  readonly name: string;
  /** Digest of the image's config. */
  readonly id: Digest;
  /** Of the manifest; undefined when the image is not of the store. */
  readonly manifest?: Digest;
  /** For openNodeImage: a layout folder or an archive, with a name or a digest. */
  readonly place: string;
  /** `os/architecture` */
  readonly platform: string;
}

/** What an image says about its containers (image-spec v1.1, config.md, `config`), as it was when the container was made. */
export interface ImageDefaults {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
}

/** A folder of the host in the container (`-v`). */
export interface BindMount {
  readonly hostPath: string;
  readonly guestPath: string;
  readonly readOnly: boolean;
}

/** `--health-*` or the image's Healthcheck; `test` is `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]`. */
export interface HealthCheck {
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

export interface RestartPolicy {
  readonly name: 'no' | 'on-failure' | 'always' | 'unless-stopped';
  /** Of `on-failure`; 0: without end. */
  readonly maximumRetryCount: number;
}

/** Limits that `update` may change; undefined: none. */
export interface ResourceLimits {
  readonly memoryBytes?: number | undefined;
  /** Memory and swap together; -1: no limit of swap. The guest has no swap. */
  readonly memorySwapBytes?: number | undefined;
  readonly memoryReservationBytes?: number | undefined;
  /** Billionths of a CPU. */
  readonly nanoCpus?: number | undefined;
  /** Relative weight, 2 to 262144. */
  readonly cpuShares?: number | undefined;
  readonly cpuPeriodUs?: number | undefined;
  readonly cpuQuotaUs?: number | undefined;
  readonly pidsLimit?: number | undefined;
}

/** Everything that a runtime-spec configuration needs besides the process and the image. */
export interface IsolationOptions {
  readonly limits: ResourceLimits;
  readonly ulimits: readonly Rlimit[];
  readonly readOnlyRootfs: boolean;
  /** Place in the container and mount options, such as `size=64m,mode=1777`. */
  readonly tmpfs: Readonly<Record<string, string>>;
  /** A small init as process 1, which passes signals on and reaps. */
  readonly init: boolean;
  /** Names as in capabilities(7) without CAP_, or ALL. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** `seccomp=unconfined`, `seccomp=PROFILE-JSON` and `no-new-privileges`. */
  readonly securityOpt: readonly string[];
  readonly shmBytes?: number | undefined;
  readonly groupAdd: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly oomScoreAdj: number;
  readonly privileged: boolean;
  /** 'guest': that of the guest, which the containers of a pod share; 'none': its own with lo only. */
  readonly network: 'guest' | 'none';
}

export interface LogOptions {
  readonly driver: 'json-file' | 'none';
  /** A file that grows beyond this is rotated; undefined: never. */
  readonly maxBytes?: number | undefined;
  readonly maxFiles: number;
}

export interface ContainerConfig {
  readonly version: 1;
  /** 64 hexadecimal digits. The guest knows a container by the first 12. */
  readonly id: string;
  readonly created: string;
  readonly image: ContainerImage;
  /** For who lists containers; whoever starts one reads the image. */
  readonly imageDefaults?: ImageDefaults | undefined;
  /** Empty when it is not given: the image's. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd: readonly string[];
  /** What the user gave; the image's come below. */
  readonly env: readonly string[];
  readonly workingDir?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname: string;
  readonly tty: boolean;
  /** Stdin is open (`-i`); without it the program reads end of file. */
  readonly openStdin: boolean;
  /** Stdin ends when the first client who attached to it goes; else it stays open. */
  readonly stdinOnce?: boolean | undefined;
  /** The image's and what the user gave. */
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal?: string | undefined;
  /** Negative: it is waited for without end. */
  readonly stopTimeoutMs?: number | undefined;
  readonly healthCheck?: HealthCheck | undefined;
  readonly volumes: readonly BindMount[];
  readonly isolation: IsolationOptions;
  readonly restart: RestartPolicy;
  /** `--rm` */
  readonly autoRemove: boolean;
  readonly log: LogOptions;
  readonly storageBytes: number;
  /** The pod whose guest it runs in; a pod with one container has its id. */
  readonly pod: string;
}

/** A machine's own options, of the pod. */
export interface MachineOptions {
  readonly memoryBytes: number;
  readonly tier?: Tier | undefined;
  readonly warm: boolean;
}

/** What changes while it lives (state.json); the container's supervisor writes it, or `create`, or who finds it dead. */
export interface ContainerState {
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  /** Process id in the guest while it runs, else 0. */
  readonly pid: number;
  readonly exitCode: number;
  /** Why it could not be started, or what ended it from outside. */
  readonly error: string;
  readonly oomKilled: boolean;
  /** `0001-01-01T00:00:00Z` when it never was. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly restartCount: number;
  /** Stopped by a user, so that no restart policy applies. */
  readonly stoppedByUser: boolean;
  readonly health?: HealthState | undefined;
}

export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The last five probes. */
  readonly log: readonly { start: string; end: string; exitCode: number; output: string }[];
}
