/** Processes as ps(1) of procps lists them: its columns by name, `-ef`, `aux` and `-o`. */
import type { ProcessRow } from '../../container/supervisor/protocol.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const COLUMN_WIDTH_MIN = 20; // docker top
const COLUMN_GAP = 3;
const MS_PER_DAY = 86_400_000;
const BYTES_PER_KIB = 1024;
const PTS_MAJOR = 136; // Linux Documentation/admin-guide/devices.txt

export interface Column {
  readonly heading: string;
  readonly value: (process: ProcessRow, nowMs: number) => string;
}

const two = (value: number): string => String(value).padStart(2, '0');
const userName = ({ uid }: ProcessRow): string => (uid === 0 ? 'root' : String(uid));
const commandLine = ({ args, name }: ProcessRow): string => (args.length > 0 ? args.join(' ') : `[${name}]`);

/** The share of one CPU since it started, in whole percent as `C` shows it. */
function cpuShare({ cpuMs, startedMs }: ProcessRow, nowMs: number): number {
  return nowMs > startedMs ? (100 * cpuMs) / (nowMs - startedMs) : 0;
}

function cpuTime({ cpuMs }: ProcessRow): string {
  const seconds = Math.floor(cpuMs / 1000);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function startTime({ startedMs }: ProcessRow, nowMs: number): string {
  const date = new Date(startedMs);
  if (nowMs - startedMs < MS_PER_DAY) return `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${date.toLocaleString('en', { month: 'short' })}${two(date.getDate())}`;
}

function terminal({ terminal: number }: ProcessRow): string {
  // Of the device's number, bits 8 to 15 are the major one (proc(5), tty_nr).
  if (((number >> 8) & 0xff) < PTS_MAJOR) return '?';
  return `pts/${(number & 0xff) | ((number >> 12) & 0xfff00)}`;
}

const COLUMNS: Readonly<Record<string, Column>> = {
  pid: { heading: 'PID', value: ({ pid }) => String(pid) },
  ppid: { heading: 'PPID', value: ({ parentPid }) => String(parentPid) },
  uid: { heading: 'UID', value: ({ uid }) => String(uid) },
  user: { heading: 'USER', value: userName },
  c: { heading: 'C', value: (row, nowMs) => String(Math.floor(cpuShare(row, nowMs))) },
  pcpu: { heading: '%CPU', value: (row, nowMs) => cpuShare(row, nowMs).toFixed(1) },
  stime: { heading: 'STIME', value: startTime },
  start: { heading: 'START', value: startTime },
  tty: { heading: 'TTY', value: terminal },
  time: { heading: 'TIME', value: cpuTime },
  stat: { heading: 'STAT', value: ({ state }) => state },
  vsz: { heading: 'VSZ', value: ({ virtualBytes }) => String(Math.floor(virtualBytes / BYTES_PER_KIB)) },
  rss: { heading: 'RSS', value: ({ residentBytes }) => String(Math.floor(residentBytes / BYTES_PER_KIB)) },
  nlwp: { heading: 'NLWP', value: ({ threadCount }) => String(threadCount) },
  comm: { heading: 'COMMAND', value: ({ name }) => name },
  args: { heading: 'COMMAND', value: commandLine },
  cmd: { heading: 'CMD', value: commandLine },
};
const ALIASES: Readonly<Record<string, string>> = {
  '%cpu': 'pcpu',
  command: 'args',
  tname: 'tty',
  tt: 'tty',
  state: 'stat',
  s: 'stat',
};

const FULL: readonly Column[] = [
  { heading: 'UID', value: userName },
  ...['pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd'].map((name) => COLUMNS[name]!),
];
const BSD = ['user', 'pid', 'pcpu', 'vsz', 'rss', 'tty', 'stat', 'start', 'time', 'args'].map((name) => COLUMNS[name]!);

/** The columns that options of ps ask for. Throws USAGE for those that we do not know. */
export function psColumns(words: readonly string[]): readonly Column[] {
  const text = words.join(' ');
  if (text === '' || text === '-ef') return FULL;
  if (text === 'aux' || text === '-aux') return BSD;
  const list = /^(?:-eo|-e -o|-o|-A -o|-ef -o|o) ?(.+)$/.exec(text);
  if (list === null)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the ps options ${JSON.stringify(text)} are not known; use -ef, aux or -o with columns`,
    );
  return list[1]!.split(/[ ,]+/).map((word) => {
    const [name = '', heading] = word.split(/=(.*)/s);
    const column = COLUMNS[ALIASES[name] ?? name];
    if (column === undefined)
      throw new VivariumError(
        ErrorCodes.USAGE,
        `there is no column ${JSON.stringify(name)}; there are ${Object.keys(COLUMNS).join(', ')}`,
      );
    return heading === undefined ? column : { ...column, heading };
  });
}

/** The table, as docker top lays it out. */
export function formatProcesses(rows: readonly ProcessRow[], columns: readonly Column[], nowMs: number): string {
  const table = [
    columns.map(({ heading }) => heading),
    ...rows.map((row) => columns.map(({ value }) => value(row, nowMs))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(COLUMN_WIDTH_MIN, ...table.map((cells) => cells[index]!.length + COLUMN_GAP)),
  );
  return table
    .map(
      (cells) =>
        `${cells.map((cell, index) => (index < cells.length - 1 ? cell.padEnd(widths[index]!) : cell)).join('')}\n`,
    )
    .join('');
}
