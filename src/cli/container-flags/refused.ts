/**
 * Flags of Docker's `run` and `create` that can't be had here: each is known, so that a script is told why and what to do instead.
 * Values that ask for what is so anyway are taken.
 */
import { type Command, Option } from 'commander';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

interface RefusedFlag {
  /** As commander has it. */
  readonly flags: string;
  /** Why, and the remedy. */
  readonly why: string;
  readonly accepts?: readonly string[];
}

const NO_NETWORK = 'a guest has no network to the outside yet; leave it out';
const NO_DEVICES = 'devices of the host are not in the guest; leave it out, and share files with -v';
const NO_DISK_SPEED = "a container's disk has no limits of speed; leave it out";
const NO_REALTIME = "the guest's kernel has no real-time groups; use --cpus";
const WINDOWS = 'it is for Windows; use --cpus and --memory';
const OWN_ONLY = 'a container always has one of its own; leave it out';
const NOT_IN_CGROUP2 = 'control groups v2 do not have it; leave it out';

const REFUSED: readonly RefusedFlag[] = [
  { flags: '-p, --publish <port>', why: NO_NETWORK },
  { flags: '-P, --publish-all', why: NO_NETWORK },
  { flags: '--expose <port>', why: NO_NETWORK },
  { flags: '--link <container>', why: NO_NETWORK },
  { flags: '--link-local-ip <address>', why: NO_NETWORK },
  { flags: '--ip <address>', why: NO_NETWORK },
  { flags: '--ip6 <address>', why: NO_NETWORK },
  { flags: '--mac-address <address>', why: NO_NETWORK },
  { flags: '--network-alias <name>', why: NO_NETWORK },
  { flags: '--net-alias <name>', why: NO_NETWORK },
  { flags: '--add-host <host>', why: `${NO_NETWORK}, or bind a hosts file with -v FOLDER/hosts:/etc/hosts` },
  { flags: '--dns <server>', why: NO_NETWORK },
  { flags: '--dns-option <option>', why: NO_NETWORK },
  { flags: '--dns-opt <option>', why: NO_NETWORK },
  { flags: '--dns-search <domain>', why: NO_NETWORK },
  { flags: '--domainname <name>', why: 'write it as a part of the host name: --hostname NAME.DOMAIN' },
  { flags: '--device <device>', why: NO_DEVICES },
  { flags: '--device-cgroup-rule <rule>', why: NO_DEVICES },
  { flags: '--gpus <request>', why: NO_DEVICES },
  { flags: '--blkio-weight <weight>', why: NO_DISK_SPEED, accepts: ['0'] },
  { flags: '--blkio-weight-device <weight>', why: NO_DISK_SPEED },
  { flags: '--device-read-bps <limit>', why: NO_DISK_SPEED },
  { flags: '--device-read-iops <limit>', why: NO_DISK_SPEED },
  { flags: '--device-write-bps <limit>', why: NO_DISK_SPEED },
  { flags: '--device-write-iops <limit>', why: NO_DISK_SPEED },
  { flags: '--cpuset-cpus <cpus>', why: 'the guest has one CPU, 0; leave it out, or use --cpus', accepts: ['', '0'] },
  { flags: '--cpuset-mems <nodes>', why: 'the guest has one memory, 0; leave it out', accepts: ['', '0'] },
  { flags: '--cpu-rt-period <us>', why: NO_REALTIME, accepts: ['0'] },
  { flags: '--cpu-rt-runtime <us>', why: NO_REALTIME, accepts: ['0'] },
  { flags: '--cpu-count <count>', why: WINDOWS },
  { flags: '--cpu-percent <percent>', why: WINDOWS },
  { flags: '--io-maxbandwidth <limit>', why: WINDOWS },
  { flags: '--io-maxiops <limit>', why: WINDOWS },
  { flags: '--isolation <technology>', why: 'it is for Windows; leave it out', accepts: ['', 'default'] },
  { flags: '--kernel-memory <size>', why: NOT_IN_CGROUP2 },
  { flags: '--memory-swappiness <percent>', why: NOT_IN_CGROUP2, accepts: ['-1'] },
  { flags: '--oom-kill-disable', why: NOT_IN_CGROUP2 },
  { flags: '--cgroup-parent <group>', why: "the guest's control groups are ours; put containers together with --pod" },
  { flags: '--cgroupns <mode>', why: OWN_ONLY, accepts: ['', 'private'] },
  { flags: '--ipc <mode>', why: OWN_ONLY, accepts: ['', 'private'] },
  { flags: '--pid <mode>', why: OWN_ONLY, accepts: ['', 'private'] },
  { flags: '--uts <mode>', why: OWN_ONLY, accepts: ['', 'private'] },
  { flags: '--userns <mode>', why: 'there are no user namespaces; leave it out, or use --user', accepts: ['', 'host'] },
  { flags: '--runtime <name>', why: 'the runtime is always crun; leave it out', accepts: ['', 'crun'] },
  { flags: '--annotation <annotation>', why: 'nobody would read it; use --label' },
  {
    flags: '--volume-driver <driver>',
    why: 'there are no named volumes; share a folder with -v',
    accepts: ['', 'local'],
  },
  { flags: '--volumes-from <container>', why: 'there are no named volumes; share the same folder with -v' },
  { flags: '--use-api-socket', why: 'there is no API to be used from inside; leave it out' },
];

/** Adds them, unseen in help. */
export function addRefusedFlags(command: Command): void {
  for (const { flags, why, accepts = [] } of REFUSED) {
    const option = new Option(flags).hideHelp();
    const name = option.long ?? flags;
    const parse = (value: unknown): unknown => {
      if (typeof value === 'string' && accepts.includes(value)) return value;
      const shown = typeof value === 'string' ? `${name} ${JSON.stringify(value)}` : name;
      throw new VivariumError(ErrorCodes.USAGE, `${shown} can't be had: ${why}`);
    };
    // Commander hands a flag without a value to its parser only when it is given one.
    command.addOption(option.argParser(parse).preset(true as unknown as string));
  }
}
