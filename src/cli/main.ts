/** The `viv` command: one file in commands/ for each subcommand, one line here. */
import { Command, CommanderError } from 'commander';
import { EXIT_INTERRUPTED, Interrupted } from './action.ts';
import { bootCommand } from './commands/boot.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { doctorCommand } from './commands/doctor.ts';
import { historyCommand } from './commands/history.ts';
import { imageCommand } from './commands/image.ts';
import { imagesCommand } from './commands/images.ts';
import { infoCommand } from './commands/info.ts';
import { loginCommand, logoutCommand } from './commands/login.ts';
import { pullCommand } from './commands/pull.ts';
import { pushCommand } from './commands/push.ts';
import { rmiCommand } from './commands/rmi.ts';
import { runCommand } from './commands/run.ts';
import { loadCommand, saveCommand } from './commands/save.ts';
import { systemCommand } from './commands/system.ts';
import { tagCommand } from './commands/tag.ts';
import { versionCommand, versionLine } from './commands/version.ts';
import { EXIT_FAILURE, fail } from './failure.ts';

/** All commands; test and documentation read it. */
export const program = new Command('viv')
  .description('An x86 machine under glass: boots Linux and runs OCI containers in WebAssembly.')
  .version(versionLine(), '-v, --version', 'show the version')
  .enablePositionalOptions()
  .addCommand(runCommand())
  .addCommand(pullCommand())
  .addCommand(pushCommand())
  .addCommand(imagesCommand())
  .addCommand(imageCommand())
  .addCommand(historyCommand())
  .addCommand(tagCommand())
  .addCommand(rmiCommand())
  .addCommand(saveCommand())
  .addCommand(loadCommand())
  .addCommand(loginCommand())
  .addCommand(logoutCommand())
  .addCommand(systemCommand())
  .addCommand(infoCommand())
  .addCommand(versionCommand())
  .addCommand(doctorCommand())
  .addCommand(bootCommand())
  .addCommand(completionCommand())
  .addCommand(completeCommand(), { hidden: true });

/** As Docker has it, a wrong number of words is 1, and an option that is not known 125. */
const EXIT_WRONG_WORDS = 1;
const WRONG_WORDS: readonly string[] = ['commander.missingArgument', 'commander.excessArguments'];

/** A wrong command line is an error here, and told with where help is. */
function throwAtExit(command: Command, path = command.name()): void {
  command.exitOverride().showHelpAfterError(`See '${path} --help'.`);
  for (const sub of command.commands) throwAtExit(sub, `${path} ${sub.name()}`);
}
throwAtExit(program);

/** Runs the command line of this process. */
export async function main(): Promise<void> {
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
