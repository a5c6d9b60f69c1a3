/**
 * The flags that make a container, as Docker's `run` and `create` have them (docs.docker.com/reference/cli/docker/container/create),
 * and what they say as the parts of its configuration. container-flags/ has a file for each kind.
 */
import { type Command, Option } from 'commander';
import { containerIsolation } from '../container/isolation/options.ts';
import type { ContainerConfig, MachineOptions } from '../container/lifecycle/config.ts';
import { signalNumber } from '../container/signals.ts';
import type { ExecutionConfig, ImageHealthCheck } from '../oci/spec.ts';
import { checkHostName, DEFAULT_STORAGE_BYTES } from '../sandbox/run-options.ts';
import type { Tier } from '../worker/protocol.ts';
import { readLabels, readVariables, type HostVariables } from './container-flags/environment.ts';
import { mergeHealthChecks, readHealthFlags, type HealthFlags } from './container-flags/health.ts';
import { readIsolation, type IsolationFlags } from './container-flags/isolation.ts';
import { machineMemoryBytes } from './container-flags/machine-memory.ts';
import { readMounts, type MountFlags } from './container-flags/mounts.ts';
import { parseRestart, readLogOptions } from './container-flags/policies.ts';
import { addRefusedFlags } from './container-flags/refused.ts';
import { parseInteger, usage } from './container-flags/values.ts';
import type { PullPolicy } from './find-run-image.ts';
import { parseStorageOption } from './sizes.ts';
import { tierOption } from './tier-option.ts';

/** As commander gives them. */
export interface ContainerFlags extends IsolationFlags, HealthFlags, MountFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly rm?: boolean;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly label: readonly string[];
  readonly labelFile: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly entrypoint?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
  readonly restart: string;
  readonly logDriver?: string;
  readonly logOpt: readonly string[];
  readonly storageOpt?: string;
  readonly platform?: string;
  readonly pull: PullPolicy;
  readonly quiet?: boolean;
  readonly name?: string;
  readonly cidfile?: string;
  readonly pod?: string;
  readonly machineMemory?: string;
  readonly tier?: Tier;
  readonly warm: boolean;
}

/** What the flags say of ContainerConfig; without a host name there is none but the container's ID. */
export interface ContainerParts extends Pick<
  ContainerConfig,
  | 'entrypoint'
  | 'env'
  | 'workingDir'
  | 'user'
  | 'tty'
  | 'openStdin'
  | 'labels'
  | 'stopSignal'
  | 'stopTimeoutMs'
  | 'volumes'
  | 'isolation'
  | 'restart'
  | 'autoRemove'
  | 'log'
  | 'storageBytes'
> {
  readonly hostname: string | undefined;
  /** Of flags alone; the image's, and defaults, come by {@link withImageDefaults}. */
  readonly healthFlags: ImageHealthCheck | undefined;
  readonly name: string | undefined;
  /** A file that is to get the container's ID, and must not be there. */
  readonly cidFile: string | undefined;
  readonly pod: string | undefined;
  readonly machine: MachineOptions;
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

/** Adds all of them to a command. `-h` becomes the host name, as in Docker; help stays `--help`. */
export function addContainerFlags(command: Command): Command {
  const list = (flags: string, description: string): void => {
    command.option(flags, description, collect, []);
  };
  command.helpOption('--help', 'display help for the command');
  command
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give the command a terminal')
    .option('--rm', 'remove the container when it has ended')
    .option('--name <name>', 'name of the container')
    .option('-w, --workdir <dir>', 'working folder in the container')
    .option('-u, --user <user[:group]>', 'user of the command, by name or number')
    .option('-h, --hostname <name>', "the container's host name")
    .option('--entrypoint <command>', "replace the image's entry point");
  list('-e, --env <name=value>', "set a variable; a bare name takes the host's value");
  list('--env-file <file>', 'read variables from a file, one to a line');
  list('-l, --label <name=value>', 'set a label');
  list('--label-file <file>', 'read labels from a file, one to a line');
  list('-v, --volume <host:guest[:ro]>', 'share a folder of the host');
  list(
    '--mount <fields>',
    'share a folder (type=bind,source=,target=[,readonly]) or mount memory (type=tmpfs,target=)',
  );
  list('--tmpfs <dir[:options]>', 'mount memory in the container: size=64m,mode=1777 and others');
  addLimitFlags(command);
  addRightFlags(command, list);
  addRunningFlags(command, list);
  addMachineFlags(command);
  addRefusedFlags(command);
  return command;
}

/** `-m` and its like; `update` has them too. */
export function addLimitFlags(command: Command): void {
  command
    .option('-m, --memory <size>', 'most memory of the container, at least 6m')
    .option('--memory-swap <size>', 'most memory and swap together; -1 for no limit of swap')
    .option('--memory-reservation <size>', 'memory that it is left with when there is little')
    .option('--cpus <number>', 'most CPU time, like 0.5')
    .option('-c, --cpu-shares <weight>', 'weight of its CPU time among others')
    .option('--cpu-period <us>', 'in which CPU time is measured, in microseconds')
    .option('--cpu-quota <us>', 'most CPU time in each period, in microseconds')
    .option('--pids-limit <number>', 'most processes; -1 for no limit');
}

function addRightFlags(command: Command, list: (flags: string, description: string) => void): void {
  list('--ulimit <type=soft[:hard]>', 'a limit of each process, like nofile=1024:2048');
  list('--cap-add <name>', 'add a capability, or ALL');
  list('--cap-drop <name>', 'drop a capability, or ALL');
  list('--security-opt <option>', 'seccomp=FILE, seccomp=unconfined, no-new-privileges, systempaths=unconfined');
  list('--group-add <group>', 'add a group to those of the user');
  list('--sysctl <name=value>', "set one of the container's kernel parameters");
  command
    .option('--privileged', 'all rights in the guest')
    .option('--read-only', 'make the root file system read-only')
    .option('--init', 'run a small init that passes signals on and reaps')
    .option('--shm-size <size>', 'size of /dev/shm (default: 64m)')
    .option('--oom-score-adj <number>', 'how readily the kernel kills it for memory, -1000 to 1000')
    .option('--network <mode>', "guest: the network of the pod's guest; none: one of its own with nothing but lo")
    .addOption(new Option('--net <mode>').hideHelp());
}

function addRunningFlags(command: Command, list: (flags: string, description: string) => void): void {
  list('--log-opt <name=value>', 'max-size=10m, max-file=3');
  command
    .option('--log-driver <driver>', 'json-file or none')
    .option('--restart <policy>', 'no, on-failure[:TIMES], always or unless-stopped', 'no')
    .option('--stop-signal <signal>', 'signal that stops the container')
    .option('--stop-timeout <seconds>', 'how long to wait before it is killed; -1 for ever')
    .option('--health-cmd <command>', 'command that checks health')
    .option('--health-interval <duration>', 'time between checks, like 30s')
    .option('--health-timeout <duration>', 'longest time of a check')
    .option('--health-start-period <duration>', 'time to start in, when failures do not count')
    .option('--health-start-interval <duration>', 'time between checks while it starts')
    .option('--health-retries <number>', 'failures in a row until it is unhealthy')
    .option('--no-healthcheck', "do not do the image's checks")
    .option('--cidfile <file>', "write the container's ID to a file");
}

function addMachineFlags(command: Command): void {
  command
    .option('--storage-opt <size=SIZE>', 'how much the container may write (default: size=10G)')
    .option('--platform <os/architecture>', 'take this platform of the image: linux/amd64 or linux/386')
    .addOption(
      new Option('--pull <policy>', 'get the image from its registry')
        .choices(['missing', 'always', 'never'])
        .default('missing'),
    )
    .option('-q, --quiet', 'say nothing while an image is pulled')
    .option('--pod <pod>', 'run in the guest of this pod, with its other containers')
    .option('--machine-memory <size>', 'memory of the machine, 64M to 3G (default: 512M, or what --memory needs)')
    .option('--no-warm', 'boot the machine, even if a booted one is in the cache')
    .addOption(tierOption());
}

/** Throws USAGE, LIMIT or NOT_FOUND for whatever is wrong whichever image it is. */
export function readContainerFlags(flags: ContainerFlags, host: HostVariables = process.env): ContainerParts {
  const { entrypoint, hostname, stopSignal, stopTimeout, storageOpt, tier, warm } = flags;
  const { volumes, tmpfs } = readMounts(flags);
  const isolation = readIsolation(flags, tmpfs);
  containerIsolation(isolation);
  if (hostname !== undefined) checkHostName(hostname);
  if (stopSignal !== undefined) signalNumber(stopSignal);
  const restart = parseRestart(flags.restart);
  const autoRemove = flags.rm ?? false;
  if (autoRemove && restart.name !== 'no')
    throw usage('--rm removes what --restart would start again; leave one of them out');
  return {
    entrypoint: entrypoint === undefined ? undefined : [entrypoint],
    env: readVariables(flags.envFile, flags.env, host),
    workingDir: flags.workdir,
    user: flags.user,
    hostname,
    tty: flags.tty ?? false,
    openStdin: flags.interactive ?? false,
    labels: readLabels(flags.labelFile, flags.label),
    stopSignal,
    stopTimeoutMs: stopTimeout === undefined ? undefined : stopTimeoutMs(stopTimeout),
    healthFlags: readHealthFlags(flags),
    volumes,
    isolation,
    restart,
    autoRemove,
    log: readLogOptions(flags.logDriver, flags.logOpt),
    storageBytes: storageOpt === undefined ? DEFAULT_STORAGE_BYTES : parseStorageOption(storageOpt),
    name: flags.name,
    cidFile: flags.cidfile,
    pod: flags.pod,
    machine: {
      memoryBytes: machineMemoryBytes(flags.machineMemory, isolation.limits.memoryBytes),
      tier,
      warm,
    },
  };
}

/** Negative: without end. */
function stopTimeoutMs(text: string): number {
  const seconds = parseInteger(text, '--stop-timeout', -1);
  return seconds < 0 ? -1 : seconds * 1000;
}

/** Labels and the health check, which flags and image make together; the flags' own win. */
export function withImageDefaults(
  { labels, healthFlags }: Pick<ContainerParts, 'labels' | 'healthFlags'>,
  image: ExecutionConfig,
): Pick<ContainerConfig, 'labels' | 'healthCheck'> {
  return {
    labels: { ...Object.fromEntries(image.labels), ...labels },
    healthCheck: mergeHealthChecks(healthFlags, image.healthCheck),
  };
}
