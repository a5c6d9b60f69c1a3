/** `viv rm`: removes containers with their disks, logs and names (docker rm). */
import { Command } from 'commander';
import type { ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, forEach } from '../action.ts';
import { openContainers } from '../containers.ts';
import type { EndContainer } from '../end-container.ts';
import { describeError } from '../failure.ts';

interface RmFlags {
  readonly force?: boolean;
  readonly volumes?: boolean;
}

export function rmCommand(end: EndContainer): Command {
  return new Command('rm')
    .summary('remove containers')
    .description('Removes containers that do not run, with what they have written and their logs.')
    .usage('[options] CONTAINER...')
    .argument('<container...>')
    .option('-f, --force', 'kill those that run, and pass over what is not there')
    .option('-v, --volumes', 'accepted for Docker; there are no anonymous volumes')
    .addHelpText('after', '\nExample:\n  viv rm --force web')
    .action(
      action(async (words: readonly string[], { force = false }: RmFlags) => {
        const store = openContainers();
        await store.settle();
        return forEach(words, async (word) => {
          try {
            await removeContainer(store, await store.resolve(word), force ? end : undefined);
          } catch (error) {
            if (!(force && error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND)) throw error;
            process.stderr.write(`${describeError(error)}\n`); // no failure, as in Docker
            return;
          }
          process.stdout.write(`${word}\n`);
        });
      }),
    );
}

/** Removes one by its ID; with `end`, one that is active is ended before. One that removes itself then may be gone. */
export async function removeContainer(store: ContainerStore, id: string, end?: EndContainer): Promise<void> {
  const container = await store.read(id).catch((error: unknown) => {
    if (error instanceof VivariumError && error.code === ErrorCodes.STORE) return undefined; // corrupt
    throw error;
  });
  const mustEnd = end !== undefined && container !== undefined && isActive(container.state);
  if (mustEnd) await end(store, container);
  await store.remove(id).catch((error: unknown) => {
    const isGone = error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND;
    if (!(mustEnd && isGone && container.config.autoRemove)) throw error;
  });
}
