/** Limits of a container's processes (getrlimit(2)): names, and what they are without `--ulimit`. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Rlimit } from '../runtime-spec.ts';

/** RLIM_INFINITY. crun reads it as the 64-bit number that it is in the kernel. */
export const UNLIMITED = -1;

/** Names of `--ulimit`, and of the runtime-spec with RLIMIT_ before them. */
export const ULIMIT_NAMES = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
] as const;

const DEFAULTS: readonly Rlimit[] = [
  // A low soft limit: programs that close "all" descriptors would do it for long.
  { type: 'RLIMIT_NOFILE', soft: 1024, hard: 524288 },
  // The kernel makes one of the guest's memory; Docker has none, and --pids-limit is the better one.
  { type: 'RLIMIT_NPROC', soft: UNLIMITED, hard: UNLIMITED },
];

/** The limits of a container whose user asked for these. Throws USAGE for one that can't be. */
export function resolveRlimits(ulimits: readonly Rlimit[]): Rlimit[] {
  const byType = new Map(DEFAULTS.map((limit) => [limit.type, limit]));
  for (const limit of ulimits) byType.set(limit.type, checked(limit));
  return [...byType.values()];
}

function checked(limit: Rlimit): Rlimit {
  const { type, soft, hard } = limit;
  const name = type.replace(/^RLIMIT_/, '').toLowerCase();
  const shown = `${name}=${soft === hard ? soft : `${soft}:${hard}`}`; // as it was written
  if (!type.startsWith('RLIMIT_') || !(ULIMIT_NAMES as readonly string[]).includes(name))
    throw usage(`--ulimit ${shown} is no limit that there is; there are ${ULIMIT_NAMES.join(', ')}`);
  if (![soft, hard].every((value) => Number.isSafeInteger(value) && value >= UNLIMITED))
    throw usage(`--ulimit ${shown} is no limit; it takes whole numbers from 0, or -1 for none`);
  if (hard !== UNLIMITED && (soft === UNLIMITED || soft > hard))
    throw usage(`--ulimit ${shown} has a soft limit that is higher than the hard one; write ${name}=SOFT:HARD`);
  return limit;
}

function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}
