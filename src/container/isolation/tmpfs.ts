/**
 * `--tmpfs`: options of tmpfs mounts (tmpfs(5), mount(8)), with Docker's: no programs, set-user-ID bits or devices unless they
 * are asked for (docs.docker.com/engine/storage/tmpfs).
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { RuntimeMount } from '../runtime-spec.ts';

const DEFAULTS = ['noexec', 'nosuid', 'nodev'];
/** Flags that say the opposite of each other: the last one holds. */
const OPPOSITES: readonly (readonly [string, string])[] = [
  ['ro', 'rw'],
  ['exec', 'noexec'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['sync', 'async'],
  ['dirsync', ''],
  ['atime', 'noatime'],
  ['diratime', 'nodiratime'],
  ['relatime', 'norelatime'],
  ['strictatime', 'nostrictatime'],
];
const FLAGS = OPPOSITES.flat().filter((flag) => flag !== '');
/** Options with values, and what they may be. */
const VALUES: Readonly<Record<string, RegExp>> = {
  size: /^\d+[kmg%]?$/i,
  nr_blocks: /^\d+[kmg]?$/i,
  nr_inodes: /^\d+[kmg]?$/i,
  mode: /^[0-7]{1,4}$/,
  uid: /^\d{1,10}$/,
  gid: /^\d{1,10}$/,
};

/** The mount at that place. Throws USAGE for options that there are not. */
export function tmpfsMount(destination: string, text: string): RuntimeMount {
  const kept = new Map(DEFAULTS.map((flag) => [kindOf(flag), flag]));
  for (const option of text.split(',').filter((word) => word !== '')) {
    check(option);
    kept.set(kindOf(option), option);
  }
  return { destination, type: 'tmpfs', source: 'tmpfs', options: [...kept.values()] };
}

/** Options of the same kind replace each other. */
function kindOf(option: string): string {
  const name = option.split('=', 1)[0]!;
  return OPPOSITES.find((pair) => pair.includes(name))?.[0] ?? name;
}

function check(option: string): void {
  const [name = '', value] = option.split(/=(.*)/s);
  const pattern = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
  const isSound = value === undefined ? FLAGS.includes(option) : pattern?.test(value) === true;
  if (!isSound)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `--tmpfs has no option ${JSON.stringify(option)}; there are ${FLAGS.join(', ')}, and ${Object.keys(VALUES).join('=, ')}=`,
    );
}
