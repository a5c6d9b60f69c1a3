/**
 * `viv run`: a command of an OCI image in a machine of its own, with the options and the exit codes of Docker's `run`.
 * Left out: detaching, names, networking.
 */
import { Command } from 'commander';
import { GuestFailure } from '../../container/guest-failure.ts';
import type { RunOptions } from '../../sandbox/run-options.ts';
import { Sandbox } from '../../sandbox/sandbox.ts';
import { StartError } from '../../sandbox/start-error.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { addContainerFlags, readContainerFlags, type ContainerFlags, type ContainerParts } from '../container-flags.ts';
import { fail } from '../failure.ts';
import { findRunImage } from '../find-run-image.ts';
import { RunSession, terminalSize } from '../run-session.ts';
import { sandboxParts } from '../sandbox-parts.ts';
import { describeTranslation } from '../translation-page.ts';

interface RunFlags extends ContainerFlags {
  readonly verbose?: boolean;
  readonly stats?: boolean;
}

/** The command, for main.ts. */
export function runCommand(): Command {
  return addContainerFlags(
    new Command('run')
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
      .option('--verbose', 'show on stderr what the guest kernel prints')
      .option('--stats', 'tell on stderr in the end what the translator did'),
  ).action(async (image: string, command: string[], flags: RunFlags) => {
    process.exitCode = await run(await readOptions(image, command, flags), flags);
  });
}

async function readOptions(image: string, command: readonly string[], flags: RunFlags): Promise<RunOptions> {
  const parts = readContainerFlags(flags);
  refuseKept(flags, parts);
  return {
    image: await findRunImage(image, flags),
    platform: flags.platform,
    command,
    entrypoint: parts.entrypoint,
    env: parts.env,
    cwd: parts.workingDir,
    user: parts.user,
    hostname: parts.hostname,
    tty: parts.tty ? terminalSize() : undefined,
    stdin: parts.openStdin,
    volumes: parts.volumes,
    isolation: parts.isolation,
    stopSignal: parts.stopSignal,
    tier: parts.machine.tier,
    memoryBytes: parts.machine.memoryBytes,
    storageBytes: parts.storageBytes,
    onConsole: flags.verbose === true ? (bytes) => void process.stderr.write(bytes) : undefined,
  };
}

/** A container of this command is gone with it: what is about one that stays can't be had. */
function refuseKept(flags: RunFlags, { restart, healthFlags, cidFile, pod, name }: ContainerParts): void {
  const kept = Object.entries({
    '--name': name,
    '--cidfile': cidFile,
    '--pod': pod,
    '--restart': restart.name === 'no' ? undefined : restart.name,
    '--health-*': healthFlags,
    '--log-driver': flags.logDriver,
  }).find(([, value]) => value !== undefined);
  if (kept !== undefined)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `${kept[0]} is about containers that stay, and one of run is gone with it; leave it out`,
    );
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
