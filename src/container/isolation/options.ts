/** A container's isolation as the parts of a runtime-spec configuration that follow from it. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { IsolationOptions } from '../lifecycle/config.ts';
import type { Rlimit, RuntimeMount } from '../runtime-spec.ts';
import { defaultPolicy } from '../seccomp/default-profile.ts';
import { compileFilter } from '../seccomp/filter.ts';
import { parseProfile } from '../seccomp/profile-file.ts';
import { resolveCapabilities } from './capabilities.ts';
import { EVERY_DEVICE, NO_OTHER_DEVICES, PRIVILEGED_DEVICES, type DeviceRule, type RuntimeDevice } from './devices.ts';
import { resourcesOf, type RuntimeResources } from './limits.ts';
import { defaultMounts, MASKED_PATHS, READ_ONLY_PATHS, SHM_BYTES } from './mounts.ts';
import { resolveRlimits } from './rlimits.ts';
import { parseSecurityOptions } from './security-options.ts';
import { resolveSysctls } from './sysctls.ts';
import { tmpfsMount } from './tmpfs.ts';

const OOM_SCORE_MAX = 1000; // proc(5), /proc/PID/oom_score_adj
const UNCONFINED = 'unconfined';
const BUILT_IN = 'builtin';

/** What a container has that asks for nothing. */
export const DEFAULT_ISOLATION: IsolationOptions = {
  limits: {},
  ulimits: [],
  readOnlyRootfs: false,
  tmpfs: {},
  init: false,
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  groupAdd: [],
  sysctls: {},
  oomScoreAdj: 0,
  privileged: false,
  network: 'guest',
};

/** What follows for each process of the container, also those of `exec`. */
export interface ProcessIsolation {
  readonly capabilities: readonly string[];
  readonly rlimits: readonly Rlimit[];
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj: number;
}

export interface ContainerIsolation {
  readonly process: ProcessIsolation;
  readonly mounts: readonly RuntimeMount[];
  /** Those that the user asked for; they and volumes may lie in each other. */
  readonly tmpfsMounts: readonly RuntimeMount[];
  readonly ownNetwork: boolean;
  readonly resources: RuntimeResources & { readonly devices: readonly DeviceRule[] };
  readonly devices: readonly RuntimeDevice[];
  readonly sysctl: Readonly<Record<string, string>>;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  /** A program for seccomp(2); undefined: no filter. */
  readonly seccompFilter: Uint8Array | undefined;
}

/** Throws USAGE for what can't be, or LIMIT for a seccomp profile that is too much for the kernel. */
export function processIsolation(options: IsolationOptions): ProcessIsolation {
  const { ulimits, securityOpt, oomScoreAdj } = options;
  if (!Number.isInteger(oomScoreAdj) || Math.abs(oomScoreAdj) > OOM_SCORE_MAX)
    throw new VivariumError(ErrorCodes.USAGE, `--oom-score-adj can be -1000 to 1000, not ${oomScoreAdj}`);
  return {
    capabilities: resolveCapabilities(options),
    rlimits: resolveRlimits(ulimits),
    noNewPrivileges: parseSecurityOptions(securityOpt).noNewPrivileges,
    oomScoreAdj,
  };
}

/** Throws as {@link processIsolation}. Also what checks options that are to be kept for later. */
export function containerIsolation(options: IsolationOptions): ContainerIsolation {
  const { privileged, network, limits, tmpfs, sysctls, shmBytes = SHM_BYTES } = options;
  const process = processIsolation(options);
  const security = parseSecurityOptions(options.securityOpt);
  const isMasked = security.masksPaths && !privileged;
  if (!Number.isSafeInteger(shmBytes) || shmBytes <= 0)
    throw new VivariumError(ErrorCodes.USAGE, `--shm-size ${shmBytes} is no size; write one like 64m`);
  const mounts = defaultMounts({
    shmBytes,
    writableSys: privileged,
    writableCgroups: privileged || security.writableCgroups,
  });
  return {
    process,
    mounts: mounts.filter(({ destination }) => !Object.hasOwn(tmpfs, destination)),
    tmpfsMounts: Object.entries(tmpfs).map(([place, text]) => tmpfsMount(place, text)),
    ownNetwork: network === 'none',
    resources: { ...resourcesOf(limits), devices: privileged ? EVERY_DEVICE : NO_OTHER_DEVICES },
    devices: privileged ? PRIVILEGED_DEVICES : [],
    sysctl: resolveSysctls(sysctls, network),
    maskedPaths: isMasked ? MASKED_PATHS : [],
    readonlyPaths: isMasked ? READ_ONLY_PATHS : [],
    seccompFilter: seccompFilter(security.seccomp ?? (privileged ? UNCONFINED : BUILT_IN), process.capabilities),
  };
}

/** The last filter: whoever checks options makes a container of them next. */
let lastFilter: { key: string; program: Uint8Array } = { key: '', program: new Uint8Array() };

function seccompFilter(seccomp: string, capabilities: readonly string[]): Uint8Array | undefined {
  if (seccomp === UNCONFINED) return undefined;
  const key = JSON.stringify([seccomp, capabilities]);
  if (lastFilter.key !== key) {
    const policy = seccomp === BUILT_IN ? defaultPolicy(capabilities) : parseProfile(seccomp, capabilities);
    lastFilter = { key, program: compileFilter(policy) };
  }
  return lastFilter.program;
}
