/** `viv rmi`: names and images out of the store (docker rmi). */
import { Command } from 'commander';
import { familiarName } from '../../oci/image-name.ts';
import { type Removed, removeImage } from '../../oci/store/collect.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { action, forEach } from '../action.ts';
import { openContainers } from '../containers.ts';
import { describeError } from '../failure.ts';
import { tellImage } from '../image-events.ts';
import { openStore } from '../registry-settings.ts';

/** `name` is `rmi`, or `rm` below `viv image`. */
export function rmiCommand(name = 'rmi'): Command {
  return new Command(name)
    .summary('remove images')
    .description('Removes names of images, and with its last name the image, unless a container uses it.')
    .usage('[options] IMAGE...')
    .argument('<image...>')
    .option('-f, --force', 'remove an image by its ID though it has several names, and pass over what is not there')
    .addHelpText('after', '\nExample:\n  viv rmi localhost:5000/debian debian:bookworm')
    .action(
      action(async (images: readonly string[], { force = false }: { readonly force?: boolean }) => {
        const store = openStore();
        const running = await runningContainers();
        const isRunning = (holder: string): boolean => running.has(holder);
        return forEach(images, async (text) => {
          const removed = await removeImage(store, text, { force, isRunning }).catch((error: unknown) => {
            if (!(force && error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND)) throw error;
            process.stderr.write(`${describeError(error)}\n`);
            return undefined;
          });
          if (removed === undefined) return;
          process.stdout.write(describeRemoved(removed));
          await tellRemoved(removed);
        });
      }),
    );
}

/** In Docker's words, which begin small when images are pruned; a line each. */
export function describeRemoved(
  { untagged, deleted, blobs }: Omit<Removed, 'id'>,
  [gone, removed] = ['Untagged', 'Deleted'],
): string {
  const others = blobs.map(({ digest }) => digest).filter((digest) => !deleted.includes(digest));
  return [
    ...untagged.map((name) => `${gone}: ${familiarName(name)}\n`),
    ...[...deleted, ...others].map((digest) => `${removed}: ${digest}\n`),
  ].join('');
}

async function runningContainers(): Promise<ReadonlySet<string>> {
  const store = openContainers();
  await store.settle();
  return new Set((await store.list()).containers.filter(({ state }) => isActive(state)).map(({ id }) => id));
}

async function tellRemoved({ id, untagged, deleted }: Removed): Promise<void> {
  for (let left = untagged.length; left > 0; left--) await tellImage('untag', id, { name: id });
  for (const gone of deleted) await tellImage('delete', gone, { name: gone });
}
