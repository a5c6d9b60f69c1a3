/** `viv pause` and `viv unpause` (docker container pause and unpause). */
import { Command } from 'commander';
import { action } from '../action.ts';
import { forEachContainer, order } from '../container-order.ts';

export function pauseCommand(): Command {
  return new Command('pause')
    .summary('freeze containers')
    .description('Stops all processes of containers where they are, by the freezer of their control groups.')
    .usage('CONTAINER...')
    .argument('<container...>')
    .addHelpText('after', '\nExample:\n  viv pause web')
    .action(
      action((words: string[]) =>
        forEachContainer(words, async (store, container) => {
          await order(store, container, 'pause', { id: container.id });
        }),
      ),
    );
}

export function unpauseCommand(): Command {
  return new Command('unpause')
    .summary('let paused containers go on')
    .description('Lets the processes of paused containers go on.')
    .usage('CONTAINER...')
    .argument('<container...>')
    .addHelpText('after', '\nExample:\n  viv unpause web')
    .action(
      action((words: string[]) =>
        forEachContainer(words, async (store, container) => {
          await order(store, container, 'unpause', { id: container.id }, `Container ${container.id} is not paused`);
        }),
      ),
    );
}
