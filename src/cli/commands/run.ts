/**
 * `viv run`: a command of an OCI image in a machine of its own, with the options and the exit codes of Docker's `run`.
 * Left out: detaching, names, networking.
 */
import { Command, Option } from 'commander';
import { GuestFailure } from '../../container/guest-failure.ts';
import type { RunOptions } from '../../sandbox/run-options.ts';
import { Sandbox } from '../../sandbox/sandbox.ts';
import type { Tier } from '../../worker/protocol.ts';
import { StartError } from '../../sandbox/start-error.ts';
import { fail } from '../failure.ts';
import { type PullPolicy, findRunImage } from '../find-run-image.ts';
import { RunSession, terminalSize } from '../run-session.ts';
import { sandboxParts } from '../sandbox-parts.ts';
import { parseMemorySize, parseStorageOption } from '../sizes.ts';
import { tierOption } from '../tier-option.ts';
import { describeTranslation } from '../translation-page.ts';
import { parseVolume } from '../volumes.ts';

interface RunFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env: readonly string[];
  readonly volume: readonly string[];
  readonly workdir?: string;
  readonly memory?: string;
  readonly storageOpt?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly hostname?: string;
  readonly platform?: string;
  readonly pull: PullPolicy;
  readonly verbose?: boolean;
  readonly tier?: Tier;
  readonly stats?: boolean;
  readonly warm: boolean;
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

/** The command, for main.ts. */
export function runCommand(): Command {
  return new Command('run')
    .summary('run a command of an OCI image')
    .description(
      'Runs a command of an OCI image: a name in the store, which is pulled if it is not there, a layout folder, or an archive\n' +
        'of one or of docker save, perhaps with :NAME; busybox is built in.\n' +
        "The status is the command's; 125 for a failure of ours, 126 and 127 for a command that can't be executed or found,\n" +
        '128+n for one that signal n ended. Without -t, a second Ctrl-C within two seconds switches the machine off.',
    )
    .usage('[options] IMAGE [COMMAND] [ARG...]')
    .argument('<image>')
    .argument('[command...]')
    .passThroughOptions()
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give the command a terminal')
    .option('--rm', 'remove the container afterwards, which is always so')
    .option('-e, --env <name=value>', "set a variable; a bare name takes the host's value", collect, [])
    .option('-v, --volume <host:guest[:ro]>', 'share a folder of the host', collect, [])
    .option('-w, --workdir <dir>', 'working folder in the container')
    .option('-m, --memory <size>', 'memory of the machine, 64M to 3G (default: 512M)')
    .option('--storage-opt <size=SIZE>', 'how much the container may write (default: size=10G)')
    .option('-u, --user <user[:group]>', 'user of the command, by name or number')
    .option('--entrypoint <command>', "replace the image's entry point")
    .option('--no-warm', 'boot the machine, even if a booted one is in the cache')
    .option('--hostname <name>', "the container's host name")
    .option('--platform <os/architecture>', 'take this platform of the image: linux/amd64 or linux/386')
    .addOption(
      new Option('--pull <policy>', 'get the image from its registry')
        .choices(['missing', 'always', 'never'])
        .default('missing'),
    )
    .option('--verbose', 'show on stderr what the guest kernel prints')
    .addOption(tierOption())
    .option('--stats', 'tell on stderr in the end what the translator did')
    .addHelpText(
      'after',
      '\nExamples:\n  viv run --rm busybox echo hello\n  viv run --rm -it -v ./src:/src -w /src debian:bookworm bash\n' +
        "  echo hello | viv run --rm -i -m 1G --platform linux/386 debian:bookworm sh -c 'cat; uname -m'",
    )
    .action(async (image: string, command: string[], flags: RunFlags) => {
      process.exitCode = await run(await readOptions(image, command, flags), flags);
    });
}

async function readOptions(image: string, command: readonly string[], flags: RunFlags): Promise<RunOptions> {
  return {
    image: await findRunImage(image, flags),
    platform: flags.platform,
    command,
    entrypoint: flags.entrypoint === undefined ? undefined : [flags.entrypoint],
    env: flags.env.map(withHostValue),
    cwd: flags.workdir,
    user: flags.user,
    hostname: flags.hostname,
    tty: flags.tty === true ? terminalSize() : undefined,
    stdin: flags.interactive ?? false,
    volumes: flags.volume.map(parseVolume),
    tier: flags.tier,
    memoryBytes: flags.memory === undefined ? undefined : parseMemorySize(flags.memory),
    storageBytes: flags.storageOpt === undefined ? undefined : parseStorageOption(flags.storageOpt),
    onConsole: flags.verbose === true ? (bytes) => void process.stderr.write(bytes) : undefined,
  };
}

/** A bare name stands for the variable as we have it, if we have it. */
function withHostValue(setting: string): string {
  const value = setting.includes('=') ? undefined : process.env[setting];
  return value === undefined ? setting : `${setting}=${value}`;
}

/** A machine that is gone tells nothing. */
async function tellStatistics(sandbox: Sandbox): Promise<void> {
  const statistics = await sandbox.statistics();
  if (statistics !== undefined)
    process.stderr.write(describeTranslation(statistics.translation, statistics.instructions));
}

/** Runs it to its end; returns the process's status. */
async function run(options: RunOptions, { stats = false, warm }: RunFlags): Promise<number> {
  const session = new RunSession();
  const sandbox = new Sandbox(
    sandboxParts({
      early: true,
      ...(warm ? {} : { warm }),
      notice: (text) => void process.stderr.write(`viv: ${text}\n`),
    }),
  );
  try {
    const program = await sandbox.run({ ...options, signal: session.signal });
    const status = await session.follow(program, {
      stdin: options.stdin ?? false,
      terminal: options.tty !== undefined,
    });
    if (stats) await tellStatistics(sandbox);
    return status;
  } catch (error) {
    if (session.status !== undefined) return session.status;
    session.close();
    const status = fail(error);
    if (error instanceof GuestFailure && error.dump !== undefined) process.stderr.write(`${error.dump}\n`);
    return error instanceof StartError ? error.exitCode : status;
  } finally {
    session.close();
    await sandbox.close();
  }
}
