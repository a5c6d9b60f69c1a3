/** `viv container`: the commands about containers under their long names, and those that have no other (docker container). */
import { Command } from 'commander';
import { VivariumError } from '../../util/errors.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import type { ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { action, confirm } from '../action.ts';
import { PRUNE_FILTERS, containerFilter } from '../container-filter.ts';
import { openContainers } from '../containers.ts';
import type { EndContainer } from '../end-container.ts';
import { humanSize } from '../format/human.ts';
import { openStore } from '../registry-settings.ts';
import { inspectCommand } from './inspect.ts';
import { logsCommand } from './logs.ts';
import { filterContext, listContainers, psCommand, sizesOf } from './ps.ts';
import { renameCommand } from './rename.ts';
import { rmCommand } from './rm.ts';

/** `more` are those that supervisors carry out. */
export function containerCommand(end: EndContainer, more: readonly Command[] = []): Command {
  const group = new Command('container')
    .enablePositionalOptions()
    .summary('commands about containers')
    .description('Commands about containers; most are there without "container" too.')
    .addCommand(psCommand('ls').aliases(['list', 'ps']))
    .addCommand(inspectCommand('container'))
    .addCommand(logsCommand())
    .addCommand(renameCommand())
    .addCommand(rmCommand(end))
    .addCommand(pruneCommand());
  for (const command of more) group.addCommand(command);
  return group;
}

interface PruneFlags {
  readonly filter: readonly string[];
  readonly force?: boolean;
}

function pruneCommand(): Command {
  return new Command('prune')
    .summary('remove containers that do not run')
    .description('Removes all containers that do not run.')
    .option('--filter <filter>', 'only containers with label=, label!= or until=', collect, [])
    .option('-f, --force', 'do not ask')
    .addHelpText('after', '\nExample:\n  viv container prune --force --filter until=24h')
    .action(
      action(async ({ filter, force }: PruneFlags) => {
        const warning = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?';
        if (force !== true && !(await confirm(warning))) return 0;
        const { ids, bytes, status } = await pruneContainers(openContainers(), filter);
        process.stdout.write(`${describePruned(ids)}Total reclaimed space: ${humanSize(bytes)}\n`);
        return status;
      }),
    );
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

/** Docker's words. */
export function describePruned(ids: readonly string[]): string {
  return ids.length === 0 ? '' : `Deleted Containers:\n${ids.join('\n')}\n\n`;
}

/** Removes those that do not run. One that somebody starts or removes meanwhile is left alone. */
export async function pruneContainers(
  store: ContainerStore,
  filter: readonly string[],
): Promise<{ readonly ids: string[]; readonly bytes: number; readonly status: number }> {
  await store.settle();
  const { isWanted } = await containerFilter(filter, filterContext(store), PRUNE_FILTERS);
  const { containers, status } = await listContainers(store);
  const images = openStore();
  const ids: string[] = [];
  let bytes = 0;
  for (const container of containers) {
    if (isActive(container.state) || !isWanted(container)) continue;
    const { own } = await sizesOf(container, store, images);
    try {
      await store.remove(container.id);
    } catch (error) {
      if (error instanceof VivariumError && ['CONFLICT', 'NOT_FOUND'].includes(error.code)) continue;
      throw error;
    }
    ids.push(container.id);
    bytes += own;
  }
  return { ids, bytes, status };
}
