/**
 * A container's control group in the guest, by its files (Linux Documentation/admin-guide/cgroup-v2): freezing, limits that change
 * while it runs, and what it uses.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ResourceLimits } from '../lifecycle/config.ts';

const ROOT = '/sys/fs/cgroup/vivarium';
const MAXIMUM = 'max';
const DEFAULT_PERIOD_US = 100_000;
const NANO_CPUS_PER_CPU = 1e9;
const FREEZE_TRIES = 100;
const FREEZE_PAUSE_MS = 5;

/** Reads and writes files of the guest: its agent's client. */
export interface GuestFileAccess {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
}

/** One number or word per name, as `memory.events` and `cpu.stat` have them. */
export function parseKeyed(text: string): Map<string, number> {
  const pairs = text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length === 2);
  return new Map(pairs.map(([name, value]) => [name!, Number(value)]));
}

export class Cgroup {
  readonly #files: GuestFileAccess;
  readonly #folder: string;

  /** @param name of the container in the guest. */
  constructor(files: GuestFileAccess, name: string) {
    this.#files = files;
    this.#folder = `${ROOT}/${name}`;
  }

  async read(file: string): Promise<string> {
    return new TextDecoder().decode(await this.#files.readFile(`${this.#folder}/${file}`));
  }

  async write(file: string, text: string): Promise<void> {
    await this.#files.writeFile(`${this.#folder}/${file}`, new TextEncoder().encode(text));
  }

  /** Stops all its processes where they are, or lets them go on. Resolves when they have; throws AGENT if they do not. */
  async freeze(isFrozen: boolean): Promise<void> {
    await this.write('cgroup.freeze', isFrozen ? '1' : '0');
    for (let tries = 0; tries < FREEZE_TRIES; tries++) {
      if (parseKeyed(await this.read('cgroup.events')).get('frozen') === Number(isFrozen)) return;
      await new Promise((resolve) => setTimeout(resolve, FREEZE_PAUSE_MS));
    }
    if (isFrozen) await this.write('cgroup.freeze', '0');
    throw new VivariumError(
      ErrorCodes.AGENT,
      `the processes of the container do not ${isFrozen ? 'stand still: one waits for a device' : 'go on'}; try again`,
    );
  }

  /** Whether the kernel has killed a process of it for want of memory. */
  async wasOutOfMemory(): Promise<boolean> {
    return (parseKeyed(await this.read('memory.events')).get('oom_kill') ?? 0) > 0;
  }

  /** Process numbers in the guest. */
  async processes(): Promise<number[]> {
    return (await this.read('cgroup.procs')).split('\n').filter(Boolean).map(Number);
  }

  /** Applies limits; one that is not given stays. */
  async limit(limits: ResourceLimits): Promise<void> {
    for (const [file, value] of limitFiles(limits)) await this.write(file, value);
  }
}

/** Files of a control group and what limits put there, in an order that the kernel takes. */
export function limitFiles(limits: ResourceLimits): [file: string, value: string][] {
  const files: [string, string][] = [];
  const { memoryBytes, memorySwapBytes, memoryReservationBytes, cpuShares, pidsLimit } = limits;
  if (memoryReservationBytes !== undefined) files.push(['memory.low', String(memoryReservationBytes)]);
  if (memoryBytes !== undefined) files.push(['memory.max', memoryBytes > 0 ? String(memoryBytes) : MAXIMUM]);
  if (memorySwapBytes !== undefined)
    files.push([
      'memory.swap.max',
      memorySwapBytes < 0 ? MAXIMUM : String(Math.max(0, memorySwapBytes - (memoryBytes ?? 0))),
    ]);
  const quota = cpuQuota(limits);
  if (quota !== undefined) files.push(['cpu.max', quota]);
  if (cpuShares !== undefined && cpuShares > 0) files.push(['cpu.weight', String(cpuWeight(cpuShares))]);
  if (pidsLimit !== undefined) files.push(['pids.max', pidsLimit > 0 ? String(pidsLimit) : MAXIMUM]);
  return files;
}

function cpuQuota({ nanoCpus, cpuQuotaUs, cpuPeriodUs }: ResourceLimits): string | undefined {
  if (nanoCpus !== undefined && nanoCpus > 0)
    return `${Math.round((nanoCpus * DEFAULT_PERIOD_US) / NANO_CPUS_PER_CPU)} ${DEFAULT_PERIOD_US}`;
  if (cpuQuotaUs === undefined && cpuPeriodUs === undefined) return nanoCpus === undefined ? undefined : MAXIMUM;
  const quota = cpuQuotaUs !== undefined && cpuQuotaUs > 0 ? String(cpuQuotaUs) : MAXIMUM;
  return `${quota} ${cpuPeriodUs ?? DEFAULT_PERIOD_US}`;
}

/** Shares of cgroup v1 (2 to 262144) as a weight of v2 (1 to 10000), in the way that OCI runtimes do it. */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262142);
}
