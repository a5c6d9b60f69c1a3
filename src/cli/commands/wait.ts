/** `viv wait` (docker container wait). */
import { Command } from 'commander';
import { action, forEach } from '../action.ts';
import { findContainer, orderIfActive } from '../container-order.ts';
import { openContainers } from '../containers.ts';

export function waitCommand(): Command {
  return new Command('wait')
    .summary('wait until containers stop')
    .description('Waits until containers have stopped, one after the other, and prints their exit codes.')
    .usage('CONTAINER...')
    .argument('<container...>')
    .addHelpText('after', '\nExample:\n  viv wait web')
    .action(
      action((words: string[]) => {
        const store = openContainers();
        return forEach(words, async (word) => {
          const container = await findContainer(store, word);
          const request = { id: container.id, condition: 'not-running' } as const;
          const ended = await orderIfActive(store, container, 'wait', request);
          const exitCode = ended?.exitCode ?? (await store.readState(container.id)).exitCode;
          process.stdout.write(`${exitCode}\n`);
        });
      }),
    );
}
