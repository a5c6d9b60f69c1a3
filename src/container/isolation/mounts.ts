/** What is mounted in every container besides its root (runtime-spec config-linux.md "Default Filesystems"), as Docker has it. */
import type { RuntimeMount } from '../runtime-spec.ts';

const TTY_GROUP = 5;
const PLAIN = ['nosuid', 'noexec', 'nodev'];
export const SHM_BYTES = 64 * 2 ** 20;

/** Hidden or read-only, for they are about the kernel as a whole. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
export const READ_ONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

export interface MountWishes {
  readonly shmBytes: number;
  /** /sys can be written to. */
  readonly writableSys: boolean;
  readonly writableCgroups: boolean;
}

export function defaultMounts({ shmBytes, writableSys, writableCgroups }: MountWishes): RuntimeMount[] {
  const access = (isWritable: boolean): string => (isWritable ? 'rw' : 'ro');
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: PLAIN },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', `gid=${TTY_GROUP}`],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...PLAIN, access(writableSys)] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...PLAIN, 'relatime', access(writableCgroups)],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: PLAIN },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...PLAIN, 'mode=1777', `size=${shmBytes}`] },
  ];
}
