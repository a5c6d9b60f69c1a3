/**
 * Who holds a lock, and whether that process still lives. A number alone would not do, since numbers are used again: on Linux
 * a process is known by its number, the moment of its start (proc(5), stat field 22), its PID namespace and the boot.
 * From elsewhere (another namespace, another host on one file system) a holder can't be looked at; then it counts as
 * alive as long as it renews its files (see {@link isOwnerAlive}).
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const STARTTIME_FIELD = 22; // proc(5), /proc/pid/stat
const FIELDS_BEFORE_STATE = 2;

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot; empty where the system does not tell. */
  readonly started: string;
  /** Boot and PID namespace, or host: where `pid` means something. */
  readonly realm: string;
}

function readOr(read: () => string, fallback: string): string {
  try {
    return read();
  } catch {
    return fallback; // no Linux, or /proc is not mounted
  }
}

function startOf(pid: number | 'self'): string {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
  // The command's name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[STARTTIME_FIELD - FIELDS_BEFORE_STATE - 1] ?? '';
}

function realm(): string {
  const boot = readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), '');
  const namespace = readOr(() => readlinkSync('/proc/self/ns/pid'), '');
  return `${boot || hostname()}/${namespace}`;
}

/** This process, as text. */
export function thisOwner(): string {
  const owner: Owner = { pid: process.pid, started: startOf('self'), realm: realm() };
  return JSON.stringify(owner);
}

function parse(text: string): Owner | undefined {
  try {
    const { pid, started, realm } = JSON.parse(text) as Partial<Owner>;
    if (Number.isSafeInteger(pid) && pid! > 0 && typeof started === 'string' && typeof realm === 'string')
      return { pid: pid!, started, realm };
  } catch {
    // cut off or foreign: nobody that we know
  }
  return undefined;
}

export type Liveness = 'alive' | 'dead' | 'unknown';

/** Looks a process up. */
export function ownerLiveness(text: string): Liveness {
  const owner = parse(text);
  if (owner === undefined) return 'dead'; // nothing that we write is ever seen unfinished
  if (owner.realm !== realm()) return 'unknown';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  return owner.started === startOf(owner.pid) ? 'alive' : 'dead';
}
