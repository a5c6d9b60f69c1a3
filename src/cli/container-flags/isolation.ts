/** Flags about limits, rights, namespaces and kernel parameters as IsolationOptions. */
import { readFileSync } from 'node:fs';
import type { IsolationOptions, ResourceLimits } from '../../container/lifecycle/config.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { parseSize } from '../sizes.ts';
import { parseCpus, parseInteger, parsePair, parseSwap, parseUlimit, usage } from './values.ts';

const PROFILE_BYTES_MAX = 1 << 20;
const BUILT_IN_PROFILES = ['unconfined', 'builtin'];

export interface IsolationFlags {
  readonly memory?: string;
  readonly memorySwap?: string;
  readonly memoryReservation?: string;
  readonly cpus?: string;
  readonly cpuShares?: string;
  readonly cpuPeriod?: string;
  readonly cpuQuota?: string;
  readonly pidsLimit?: string;
  readonly ulimit: readonly string[];
  readonly readOnly?: boolean;
  readonly init?: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly shmSize?: string;
  readonly groupAdd: readonly string[];
  readonly sysctl: readonly string[];
  readonly oomScoreAdj?: string;
  readonly privileged?: boolean;
  readonly network?: string;
  readonly net?: string;
}

/** Throws USAGE for what is malformed, NOT_FOUND for a seccomp profile that can't be read. Whether it can be is not looked at here. */
export function readIsolation(flags: IsolationFlags, tmpfs: IsolationOptions['tmpfs']): IsolationOptions {
  const { oomScoreAdj = '0', shmSize } = flags;
  return {
    limits: readLimits(flags),
    ulimits: flags.ulimit.map(parseUlimit),
    readOnlyRootfs: flags.readOnly ?? false,
    tmpfs,
    init: flags.init ?? false,
    capAdd: flags.capAdd,
    capDrop: flags.capDrop,
    securityOpt: flags.securityOpt.map(withProfile),
    ...(shmSize === undefined ? {} : { shmBytes: parseSize(shmSize, '--shm-size') }),
    groupAdd: flags.groupAdd,
    sysctls: Object.fromEntries(flags.sysctl.map((text) => parsePair(text, '--sysctl', 'kernel.shmmax=65536'))),
    oomScoreAdj: parseInteger(oomScoreAdj, '--oom-score-adj', -1000),
    privileged: flags.privileged ?? false,
    network: readNetwork(flags.network ?? flags.net),
  };
}

export type LimitFlags = Pick<
  IsolationFlags,
  'memory' | 'memorySwap' | 'memoryReservation' | 'cpus' | 'cpuShares' | 'cpuPeriod' | 'cpuQuota' | 'pidsLimit'
>;

/** Only what is given; also for `update`. */
export function readLimits(flags: LimitFlags): ResourceLimits {
  const when = <T>(text: string | undefined, key: keyof ResourceLimits, parse: (text: string) => T) =>
    text === undefined ? {} : { [key]: parse(text) };
  const whole =
    (flag: string, least = 0) =>
    (text: string) =>
      parseInteger(text, flag, least);
  return {
    ...when(flags.memory, 'memoryBytes', (text) => parseSize(text, '--memory')),
    ...when(flags.memorySwap, 'memorySwapBytes', parseSwap),
    ...when(flags.memoryReservation, 'memoryReservationBytes', (text) => parseSize(text, '--memory-reservation')),
    ...when(flags.cpus, 'nanoCpus', parseCpus),
    ...when(flags.cpuShares, 'cpuShares', whole('--cpu-shares')),
    ...when(flags.cpuPeriod, 'cpuPeriodUs', whole('--cpu-period')),
    ...when(flags.cpuQuota, 'cpuQuotaUs', whole('--cpu-quota', -1)),
    ...when(flags.pidsLimit, 'pidsLimit', whole('--pids-limit', -1)),
  };
}

function readNetwork(mode = 'guest'): IsolationOptions['network'] {
  if (mode === 'guest' || mode === 'default' || mode === '') return 'guest';
  if (mode === 'none') return 'none';
  throw usage(
    `--network ${JSON.stringify(mode)} is not there; use guest, the network of the pod's guest, or none, one with nothing but lo`,
  );
}

/** A profile's file becomes its text. */
function withProfile(option: string): string {
  const match = /^seccomp[=:](.+)$/s.exec(option);
  const file = match?.[1];
  if (file === undefined || BUILT_IN_PROFILES.includes(file)) return option;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new VivariumError(ErrorCodes.NOT_FOUND, `the seccomp profile can't be read: ${(error as Error).message}`);
  }
  if (bytes.length > PROFILE_BYTES_MAX) throw usage(`the seccomp profile ${file} has more than 1 MiB; that is none`);
  return `seccomp=${new TextDecoder().decode(bytes)}`;
}
