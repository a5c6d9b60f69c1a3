/** `viv diff`: what a container changed of its image (docker diff). */
import { Command } from 'commander';
import { action } from '../action.ts';
import { type OpenContainerFiles, withContainerFiles } from '../container-files.ts';
import { openContainerFiles } from '../open-container-files.ts';

export function diffCommand(open: OpenContainerFiles = openContainerFiles): Command {
  return new Command('diff')
    .summary('show what a container changed of its image')
    .description('Lists files and folders that a container added (A), changed (C) or deleted (D).')
    .usage('CONTAINER')
    .argument('<container>')
    .addHelpText('after', '\nExample:\n  viv diff web')
    .action(
      action((name: string) =>
        withContainerFiles(open, name, async ({ files }) => {
          for (const { kind, path } of await files.changes()) process.stdout.write(`${kind} ${path}\n`);
        }),
      ),
    );
}
