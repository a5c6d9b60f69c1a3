/** `viv top` (docker container top): the processes of a container, in the columns of ps(1). */
import { Command } from 'commander';
import { action } from '../action.ts';
import { findContainer, order } from '../container-order.ts';
import { openContainers } from '../containers.ts';
import { formatProcesses, psColumns } from '../format/processes.ts';

export function topCommand(): Command {
  return new Command('top')
    .summary('show the processes of a container')
    .description(
      'Shows the processes of a container, by their numbers in its guest. Of the options of ps, -ef (which is meant without\n' +
        'any), aux and -o with a list of columns are known.',
    )
    .usage('CONTAINER [PS OPTIONS]')
    .argument('<container>')
    .argument('[options...]')
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText('after', '\nExample:\n  viv top web -o pid,args')
    .action(
      action(async (word: string, words: string[]) => {
        const columns = psColumns(words);
        const store = openContainers();
        const container = await findContainer(store, word);
        const { id } = container;
        const { processes } = await order(store, container, 'top', { id }, `container ${id} is not running`);
        process.stdout.write(formatProcesses(processes, columns, Date.now()));
      }),
    );
}
