/** `viv completion`: scripts for shells, and the hidden `viv __complete` that they ask (docker completion). */
import { Argument, Command } from 'commander';
import { action } from '../action.ts';
import { complete } from '../completion/complete.ts';
import { SHELL_SCRIPTS, type Shell } from '../completion/scripts.ts';
import { VALUE_SOURCES } from '../completion/sources.ts';

export function completionCommand(): Command {
  return new Command('completion')
    .summary('print a completion script for a shell')
    .description('Prints a script that lets a shell complete commands, options, choices and names of images.')
    .usage('SHELL')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(Object.keys(SHELL_SCRIPTS)))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(viv completion bash)\n  source <(viv completion zsh)\n  viv completion fish | source',
    )
    .action(action((shell: Shell) => void process.stdout.write(SHELL_SCRIPTS[shell])));
}

/** Its output is described in ../completion/scripts.ts. */
export function completeCommand(): Command {
  return new Command('__complete')
    .description('Answers what may come next; for completion scripts.')
    .argument('[words...]')
    .action(
      action(async (words: readonly string[], _options: unknown, self: Command) => {
        const { candidates, files } = await complete(self.parent!, words, VALUE_SOURCES);
        const lines = candidates.map(({ value, description }) => `${value}\t${description}\n`);
        process.stdout.write([files ? 'files\n' : 'values\n', ...lines].join(''));
      }),
    );
}
