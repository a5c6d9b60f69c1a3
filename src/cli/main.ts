/** The `viv` command: one file in commands/ for each subcommand, one line here. */
import { Command, CommanderError } from 'commander';
import { bootCommand } from './commands/boot.ts';
import { runCommand } from './commands/run.ts';
import { EXIT_FAILURE, fail } from './failure.ts';

const program = new Command('viv')
  .description('An x86 machine under glass: boots Linux and runs OCI containers in WebAssembly.')
  .enablePositionalOptions()
  .addCommand(runCommand())
  .addCommand(bootCommand());

for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync(process.argv);
} catch (error) {
  // Commander has printed its message already; help and version are no failures.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_FAILURE;
  else process.exitCode = fail(error);
}
