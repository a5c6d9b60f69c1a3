/** What containers use, as docker stats prints it. */
import { shortContainerId } from '../../container/lifecycle/names.ts';
import type { ContainerStats } from '../../container/supervisor/protocol.ts';
import { humanSize } from './human.ts';
import type { ListFormat } from './table.ts';

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const BINARY_BASE = 1024;
const DIGITS = 4;
const BLOCK_DIGITS = 3;
const UNKNOWN = '--';

export interface StatsRow {
  readonly id: string;
  readonly shownId: string;
  readonly name: string;
  /** Undefined: it does not run. */
  readonly stats: ContainerStats | undefined;
  readonly cpuPercent: number;
}

/** @param before what was read of it last, for what it has done since. */
export function statsRow(
  { id, name }: { readonly id: string; readonly name: string },
  stats: ContainerStats | undefined,
  before: StatsRow | undefined,
  trunc: boolean,
): StatsRow {
  const last = before?.stats;
  const elapsedMs = stats === undefined || last === undefined ? 0 : stats.readMs - last.readMs;
  const cpuPercent = elapsedMs > 0 ? (100 * (stats!.cpuMs - last!.cpuMs)) / elapsedMs : 0;
  return { id, shownId: trunc ? shortContainerId(id) : id, name, stats, cpuPercent: Math.max(0, cpuPercent) };
}

/** `1.945MiB`: binary units, as docker stats has memory. */
export function binarySize(byteCount: number): string {
  let value = byteCount;
  let unit = 0;
  while (value >= BINARY_BASE && unit < BINARY_UNITS.length - 1) {
    value /= BINARY_BASE;
    unit++;
  }
  return `${Number(value.toPrecision(DIGITS))}${BINARY_UNITS[unit]}`;
}

export const STATS_FORMAT: ListFormat<StatsRow> = {
  headings: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  defaultTemplate:
    '{{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}',
  fields: ({ shownId, name, stats, cpuPercent }) => ({
    Container: shownId,
    ID: shownId,
    Name: name,
    CPUPerc: stats === undefined ? UNKNOWN : `${cpuPercent.toFixed(2)}%`,
    MemUsage:
      stats === undefined
        ? `${UNKNOWN} / ${UNKNOWN}`
        : `${binarySize(stats.memoryBytes)} / ${binarySize(stats.memoryLimitBytes)}`,
    MemPerc:
      stats === undefined || stats.memoryLimitBytes === 0
        ? UNKNOWN
        : `${((100 * stats.memoryBytes) / stats.memoryLimitBytes).toFixed(2)}%`,
    // There is no network to count on.
    NetIO: stats === undefined ? UNKNOWN : '0B / 0B',
    BlockIO:
      stats === undefined
        ? UNKNOWN
        : `${humanSize(stats.blockReadBytes, BLOCK_DIGITS)} / ${humanSize(stats.blockWriteBytes, BLOCK_DIGITS)}`,
    PIDs: stats === undefined ? UNKNOWN : String(stats.pids),
  }),
};
