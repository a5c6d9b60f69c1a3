/** `viv update` (docker container update): limits, also of containers that run, and restart policies. */
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import type { ResourceLimits, RestartPolicy } from '../../container/lifecycle/config.ts';
import { resourcesOf } from '../../container/isolation/limits.ts';
import { containerEvent } from '../../container/lifecycle/events.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { addLimitFlags } from '../container-flags.ts';
import { type LimitFlags, readLimits } from '../container-flags/isolation.ts';
import { parseRestart } from '../container-flags/policies.ts';
import { forEachContainer, orderIfActive } from '../container-order.ts';

interface UpdateFlags extends LimitFlags {
  readonly restart?: string;
}

export function updateCommand(): Command {
  const command = new Command('update')
    .summary('change limits of containers')
    .description('Changes limits and the restart policy of containers, also while they run.')
    .usage('[options] CONTAINER...')
    .argument('<container...>')
    .option('--restart <policy>', 'no, on-failure[:TIMES], always or unless-stopped');
  addLimitFlags(command);
  command.addHelpText('after', '\nExample:\n  viv update --memory 1g --restart always web');
  return command.action(
    action((words: string[], flags: UpdateFlags) => {
      const limits = readLimits(flags);
      const restart = flags.restart === undefined ? undefined : parseRestart(flags.restart);
      if (Object.keys(limits).length === 0 && restart === undefined)
        throw new VivariumError(ErrorCodes.USAGE, 'you must provide one or more flags when using this command');
      return forEachContainer(words, (store, container) => update(store, container, limits, restart));
    }),
  );
}

async function update(
  store: ContainerStore,
  container: Container,
  limits: ResourceLimits,
  restart: RestartPolicy | undefined,
): Promise<void> {
  const { id, config } = container;
  if (config.autoRemove && restart !== undefined && restart.name !== 'no')
    throw new VivariumError(
      ErrorCodes.CONFLICT,
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
    );
  resourcesOf({ ...config.isolation.limits, ...limits });
  const request = { id, limits, restart };
  if ((await orderIfActive(store, container, 'update', request)) !== undefined) return;
  await store.updateConfig(id, (before) => ({
    ...before,
    isolation: { ...before.isolation, limits: { ...before.isolation.limits, ...limits } },
    ...(restart === undefined ? {} : { restart }),
  }));
  await store.events.append(containerEvent('update', container));
}
