/** `viv rename`: another name for a container (docker rename). */
import { Command } from 'commander';
import { action } from '../action.ts';
import { openContainers } from '../containers.ts';

export function renameCommand(): Command {
  return new Command('rename')
    .summary('give a container another name')
    .usage('CONTAINER NAME')
    .argument('<container>')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  viv rename web web-old')
    .action(
      action(async (container: string, name: string) => {
        const store = openContainers();
        await store.rename(await store.resolve(container), name);
      }),
    );
}
