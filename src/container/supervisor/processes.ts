/** The processes of a container as the guest's proc(5) tells of them, for `top`. */
import type { GuestFileAccess } from './cgroup.ts';
import type { ProcessRow } from './protocol.ts';

const TICKS_PER_SECOND = 100; // sysconf(_SC_CLK_TCK) of Linux on x86
const MS_PER_TICK = 1000 / TICKS_PER_SECOND;
const PAGE_BYTES = 4096;
/** Fields of /proc/pid/stat, counted from the state, which is the third. */
const Stat = {
  STATE: 0,
  PPID: 1,
  TTY_NR: 4,
  UTIME: 11,
  STIME: 12,
  THREADS: 17,
  STARTTIME: 19,
  VSIZE: 20,
  RSS: 21,
} as const;

/** Rows for these process numbers; what has ended meanwhile is left out. */
export async function readProcesses(files: GuestFileAccess, pids: readonly number[]): Promise<ProcessRow[]> {
  const bootMs = await readBootMs(files);
  const rows = await Promise.all(pids.map((pid) => readProcess(files, pid, bootMs).catch(() => undefined)));
  return rows.filter((row) => row !== undefined).sort((a, b) => a.pid - b.pid);
}

async function readText(files: GuestFileAccess, path: string): Promise<string> {
  return new TextDecoder().decode(await files.readFile(path));
}

/** When the guest booted, in milliseconds since 1970 (proc(5), /proc/stat, btime). */
async function readBootMs(files: GuestFileAccess): Promise<number> {
  const found = /^btime (\d+)$/m.exec(await readText(files, '/proc/stat'));
  return found === null ? 0 : Number(found[1]) * 1000;
}

async function readProcess(files: GuestFileAccess, pid: number, bootMs: number): Promise<ProcessRow> {
  const folder = `/proc/${pid}`;
  const [stat, status, commandLine] = await Promise.all([
    readText(files, `${folder}/stat`),
    readText(files, `${folder}/status`),
    readText(files, `${folder}/cmdline`),
  ]);
  return parseProcess(pid, { stat, status, commandLine }, bootMs);
}

/** @param bootMs when the guest booted. */
export function parseProcess(
  pid: number,
  { stat, status, commandLine }: { readonly stat: string; readonly status: string; readonly commandLine: string },
  bootMs: number,
): ProcessRow {
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')'); // a name may hold anything
  const fields = stat.slice(close + 2).split(' ');
  const number = (index: number): number => Number(fields[index]);
  return {
    pid,
    parentPid: number(Stat.PPID),
    uid: Number(/^Uid:\t(\d+)/m.exec(status)?.[1] ?? 0),
    terminal: number(Stat.TTY_NR),
    state: fields[Stat.STATE] ?? '?',
    threadCount: number(Stat.THREADS),
    cpuMs: (number(Stat.UTIME) + number(Stat.STIME)) * MS_PER_TICK,
    startedMs: bootMs + number(Stat.STARTTIME) * MS_PER_TICK,
    virtualBytes: number(Stat.VSIZE),
    residentBytes: number(Stat.RSS) * PAGE_BYTES,
    name: stat.slice(open + 1, close),
    args: commandLine === '' ? [] : commandLine.replace(/\0$/, '').split('\0'),
  };
}
