/** Processor time of a process's threads, from /proc/<pid>/task/<tid>/schedstat (Linux, Documentation/scheduler/sched-stats). */
import { readdirSync, readFileSync } from 'node:fs';

const NS_PER_MS = 1e6;

/** Nanoseconds by thread. */
export type ThreadTimes = ReadonlyMap<string, number>;

/** A thread that runs at this moment is counted up to the scheduler's last tick: read when the work is done. */
export function threadTimes(pid: number): ThreadTimes {
  const folder = `/proc/${pid}/task`;
  const times = new Map<string, number>();
  for (const thread of readdirSync(folder)) {
    try {
      times.set(thread, Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]));
    } catch {
      // It ended since the folder was read.
    }
  }
  return times;
}

export interface ProcessorTime {
  readonly busiestMs: number;
  /** All threads together: compilers that run beside the guest too. */
  readonly allMs: number;
}

/** What was used between two readings. */
export function processorTime(before: ThreadTimes, after: ThreadTimes): ProcessorTime {
  const used = [...after].map(([thread, ns]) => (ns - (before.get(thread) ?? 0)) / NS_PER_MS);
  return { busiestMs: Math.max(0, ...used), allMs: used.reduce((sum, ms) => sum + ms, 0) };
}
