/** `viv rmi`: names and images out of the store (docker rmi). */
import { Command } from 'commander';
import { familiarName } from '../../oci/image-name.ts';
import { type Removed, removeImage } from '../../oci/store/collect.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, forEach } from '../action.ts';
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
      action((images: readonly string[], { force = false }: { readonly force?: boolean }) => {
        const store = openStore();
        return forEach(images, async (text) => {
          const removed = await removeImage(store, text, force).catch((error: unknown) => {
            if (force && error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND) return undefined;
            throw error;
          });
          if (removed !== undefined) process.stdout.write(describeRemoved(removed));
        });
      }),
    );
}

/** In Docker's words, a line each. */
export function describeRemoved({ untagged, deleted, blobs }: Removed): string {
  const others = blobs.map(({ digest }) => digest).filter((digest) => !deleted.includes(digest));
  return [
    ...untagged.map((name) => `Untagged: ${familiarName(name)}\n`),
    ...[...deleted, ...others].map((digest) => `Deleted: ${digest}\n`),
  ].join('');
}
