/** What a container uses, read from its control group and the guest's /proc. */
import { parseKeyed, type Cgroup, type GuestFileAccess } from './cgroup.ts';
import type { ContainerStats } from './protocol.ts';

const BYTES_PER_KIB = 1024;
const US_PER_MS = 1000;

const NOTHING: ContainerStats = {
  readMs: 0,
  cpuMs: 0,
  onlineCpus: 0,
  memoryBytes: 0,
  memoryLimitBytes: 0,
  pids: 0,
  blockReadBytes: 0,
  blockWriteBytes: 0,
};

/** A run of a container, as far as this needs it. */
interface Running {
  readonly cgroup: Cgroup;
  readonly plugged: { readonly guest: { readonly client: GuestFileAccess } };
}

/** Zeroes when it does not run. */
export async function readStats(run: Running | undefined): Promise<ContainerStats> {
  if (run === undefined) return NOTHING;
  const { cgroup } = run;
  const { client } = run.plugged.guest;
  const read = async (path: string): Promise<string> => new TextDecoder().decode(await client.readFile(path));
  const [uptime, meminfo, cpu, current, limit, memory, pids, io, online] = await Promise.all([
    read('/proc/uptime'),
    read('/proc/meminfo'),
    cgroup.read('cpu.stat'),
    cgroup.read('memory.current'),
    cgroup.read('memory.max'),
    cgroup.read('memory.stat'),
    cgroup.read('pids.current'),
    cgroup.read('io.stat').catch(() => ''),
    read('/proc/stat'),
  ]);
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * BYTES_PER_KIB;
  const own = limit.trim() === 'max' ? total : Number(limit);
  const droppable = parseKeyed(memory).get('inactive_file') ?? 0;
  return {
    readMs: Number(uptime.split(' ')[0]) * 1000,
    cpuMs: (parseKeyed(cpu).get('usage_usec') ?? 0) / US_PER_MS,
    onlineCpus: online.match(/^cpu\d+ /gm)?.length ?? 1,
    memoryBytes: Math.max(0, Number(current) - droppable),
    memoryLimitBytes: Math.min(own, total),
    pids: Number(pids),
    blockReadBytes: sum(io, 'rbytes'),
    blockWriteBytes: sum(io, 'wbytes'),
  };
}

/** `io.stat` has a line for each device: `254:0 rbytes=… wbytes=…`. */
function sum(io: string, name: string): number {
  return [...io.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))].reduce((total, [, value]) => total + Number(value), 0);
}
