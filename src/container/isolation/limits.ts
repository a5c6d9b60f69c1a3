/**
 * Limits of a container as `resources` of the runtime-spec (config-linux.md "Memory", "CPU", "PIDs"), which crun writes to its
 * cgroup v2, and what Docker's daemon refuses of them (docs.docker.com/engine/containers/resource_constraints).
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ResourceLimits } from '../lifecycle/config.ts';

/** Docker's; with less, a process can't even start. */
export const MEMORY_LIMIT_MIN = 6 * 2 ** 20;
/** The guest has one. */
export const CPU_COUNT = 1;
const NANO = 1e9;
/** In which a limit of CPUs is measured, in microseconds: the kernel's own. */
const CPU_PERIOD_US = 100_000;
const CPU_PERIOD_MIN_US = 1000;
const CPU_PERIOD_MAX_US = 1_000_000;
const CPU_SHARES_MIN = 2;
const CPU_SHARES_MAX = 262_144;
const UNLIMITED = -1;

/** runtime-spec `linux.resources`, without devices. */
export interface RuntimeResources {
  memory?: { limit?: number; reservation?: number; swap?: number };
  cpu?: { shares?: number; quota?: number; period?: number };
  pids?: { limit: number };
}

/** Throws USAGE for limits that can't be, or contradict each other. */
export function resourcesOf(limits: ResourceLimits): RuntimeResources {
  const memory = memoryResources(limits);
  const cpu = cpuResources(limits);
  const { pidsLimit } = limits;
  if (pidsLimit !== undefined && (!Number.isInteger(pidsLimit) || pidsLimit < UNLIMITED))
    throw usage(`--pids-limit ${pidsLimit} is no number of processes; write one, or -1 for no limit`);
  return {
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(pidsLimit === undefined || pidsLimit <= 0 ? {} : { pids: { limit: pidsLimit } }),
  };
}

function memoryResources(limits: ResourceLimits): NonNullable<RuntimeResources['memory']> {
  const { memoryBytes: limit = 0, memoryReservationBytes: reservation = 0, memorySwapBytes: swap = 0 } = limits;
  if (limit !== 0 && limit < MEMORY_LIMIT_MIN) throw usage('the least memory limit is 6m; give --memory more');
  if (reservation !== 0 && reservation < MEMORY_LIMIT_MIN)
    throw usage('the least memory reservation is 6m; give --memory-reservation more');
  if (limit !== 0 && reservation > limit)
    throw usage('the memory limit is less than the reservation; give --memory more than --memory-reservation');
  if (swap !== 0 && swap !== UNLIMITED && limit === 0)
    throw usage('--memory-swap limits memory and swap together; give --memory too');
  if (swap > 0 && swap < limit) throw usage('--memory-swap is memory and swap together; give it no less than --memory');
  return {
    ...(limit === 0 ? {} : { limit, swap: swap === 0 ? 2 * limit : swap }),
    ...(reservation === 0 ? {} : { reservation }),
  };
}

function cpuResources(limits: ResourceLimits): NonNullable<RuntimeResources['cpu']> {
  const { nanoCpus = 0, cpuShares = 0, cpuPeriodUs = 0, cpuQuotaUs = 0 } = limits;
  if (nanoCpus !== 0 && (cpuPeriodUs !== 0 || cpuQuotaUs !== 0))
    throw usage('--cpus is a quota in a period; give it, or --cpu-period and --cpu-quota, not both');
  if (nanoCpus < 0 || nanoCpus > CPU_COUNT * NANO || (nanoCpus > 0 && nanoCpus < NANO / 100))
    throw usage(`--cpus can be 0.01 to ${CPU_COUNT}.00, for the guest has ${CPU_COUNT} CPU, not ${nanoCpus / NANO}`);
  if (cpuShares !== 0 && (cpuShares < CPU_SHARES_MIN || cpuShares > CPU_SHARES_MAX))
    throw usage(`--cpu-shares can be ${CPU_SHARES_MIN} to ${CPU_SHARES_MAX}, not ${cpuShares}`);
  if (cpuPeriodUs !== 0 && (cpuPeriodUs < CPU_PERIOD_MIN_US || cpuPeriodUs > CPU_PERIOD_MAX_US))
    throw usage(`--cpu-period can be 1000 to 1000000 microseconds, not ${cpuPeriodUs}`);
  if (cpuQuotaUs > 0 && cpuQuotaUs < CPU_PERIOD_MIN_US)
    throw usage(`--cpu-quota can't be less than 1000 microseconds, not ${cpuQuotaUs}`);
  const quota = nanoCpus === 0 ? cpuQuotaUs : Math.round((nanoCpus * CPU_PERIOD_US) / NANO);
  const period = nanoCpus === 0 ? cpuPeriodUs : CPU_PERIOD_US;
  return {
    ...(cpuShares === 0 ? {} : { shares: cpuShares }),
    ...(quota === 0 ? {} : { quota }),
    ...(period === 0 ? {} : { period }),
  };
}

function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}
