/** The `viv` command: one file in commands/ for each subcommand, one line here. */
import { Command, CommanderError } from 'commander';
import type { Worker } from 'node:worker_threads';
import { EXIT_INTERRUPTED, Interrupted } from './action.ts';
import { bootCommand } from './commands/boot.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { commitCommand } from './commands/commit.ts';
import { containerCommand } from './commands/container.ts';
import { cpCommand } from './commands/cp.ts';
import { createCommand } from './commands/create.ts';
import { diffCommand } from './commands/diff.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { exportCommand } from './commands/export.ts';
import { historyCommand } from './commands/history.ts';
import { imageCommand } from './commands/image.ts';
import { imagesCommand } from './commands/images.ts';
import { infoCommand } from './commands/info.ts';
import { importCommand } from './commands/import.ts';
import { inspectCommand } from './commands/inspect.ts';
import { labCommand } from './commands/lab.ts';
import { loginCommand, logoutCommand } from './commands/login.ts';
import { logsCommand } from './commands/logs.ts';
import { podCommand } from './commands/pod.ts';
import { psCommand } from './commands/ps.ts';
import { pullCommand } from './commands/pull.ts';
import { pushCommand } from './commands/push.ts';
import { renameCommand } from './commands/rename.ts';
import { rmCommand } from './commands/rm.ts';
import { rmiCommand } from './commands/rmi.ts';
import { runCommand } from './commands/run.ts';
import { loadCommand, saveCommand } from './commands/save.ts';
import { execCommand } from './commands/exec.ts';
import { pauseCommand, unpauseCommand } from './commands/pause.ts';
import { attachCommand, startCommand } from './commands/start.ts';
import { statsCommand } from './commands/stats.ts';
import { killCommand, restartCommand, stopCommand } from './commands/stop.ts';
import { topCommand } from './commands/top.ts';
import { updateCommand } from './commands/update.ts';
import { waitCommand } from './commands/wait.ts';
import { superviseCommand } from './commands/supervise.ts';
import { systemCommand } from './commands/system.ts';
import { tagCommand } from './commands/tag.ts';
import { versionCommand, versionLine } from './commands/version.ts';
import { endContainer } from './end-container.ts';
import { EXIT_FAILURE, fail } from './failure.ts';
import { useWorker } from './sandbox-parts.ts';

/** Commands that supervisors carry out, anew for each place where they are to be found. */
function lifeCommands(): Command[] {
  return [
    createCommand(),
    startCommand(),
    stopCommand(),
    restartCommand(),
    killCommand(),
    pauseCommand(),
    unpauseCommand(),
    attachCommand(),
    execCommand(),
    waitCommand(),
    updateCommand(),
    topCommand(),
    statsCommand(),
    cpCommand(),
    diffCommand(),
    commitCommand(),
    exportCommand(),
  ];
}

/** All commands; test and documentation read it. */
export const program = new Command('viv')
  .description('An x86 machine under glass: boots Linux and runs OCI containers in WebAssembly.')
  .version(versionLine(), '-v, --version', 'show the version')
  .enablePositionalOptions()
  .addCommand(runCommand())
  .addCommand(psCommand())
  .addCommand(inspectCommand())
  .addCommand(logsCommand())
  .addCommand(renameCommand())
  .addCommand(rmCommand(endContainer))
  .addCommand(containerCommand(endContainer, [runCommand(), ...lifeCommands()]))
  .addCommand(podCommand(endContainer))
  .addCommand(eventsCommand())
  .addCommand(pullCommand())
  .addCommand(pushCommand())
  .addCommand(imagesCommand())
  .addCommand(imageCommand())
  .addCommand(historyCommand())
  .addCommand(tagCommand())
  .addCommand(rmiCommand())
  .addCommand(saveCommand())
  .addCommand(loadCommand())
  .addCommand(importCommand())
  .addCommand(loginCommand())
  .addCommand(logoutCommand())
  .addCommand(labCommand())
  .addCommand(systemCommand())
  .addCommand(infoCommand())
  .addCommand(versionCommand())
  .addCommand(doctorCommand())
  .addCommand(bootCommand())
  .addCommand(completionCommand())
  .addCommand(superviseCommand(), { hidden: true })
  .addCommand(completeCommand(), { hidden: true });

/** As Docker has it, a wrong number of words or a command that is not known is 1, and an option that is not known 125. */
const EXIT_WRONG_WORDS = 1;
const WRONG_WORDS: readonly string[] = [
  'commander.missingArgument',
  'commander.excessArguments',
  'commander.unknownCommand',
];

/** A wrong command line is an error here, and told with where help is. */
function throwAtExit(command: Command, path = command.name()): void {
  command.exitOverride().showHelpAfterError(`See '${path} --help'.`);
  for (const sub of command.commands) throwAtExit(sub, `${path} ${sub.name()}`);
}
lifeCommands().forEach((command) => program.addCommand(command));
throwAtExit(program);

/** Runs the command line of this process. A machine that it starts takes `worker`, which runs the machine worker's script already. */
export async function main(worker?: Worker): Promise<void> {
  useWorker(worker);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // Commander has printed its message already; help and version are no failures.
    if (error instanceof CommanderError && WRONG_WORDS.includes(error.code)) process.exitCode = EXIT_WRONG_WORDS;
    else if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_FAILURE;
    else if (error instanceof Interrupted) process.exitCode = EXIT_INTERRUPTED;
    else process.exitCode = fail(error);
  }
}
