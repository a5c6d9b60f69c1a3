/** `viv push`: an image from the store to a registry (docker push). `--all-tags` is left out. */
import { Command } from 'commander';
import {
  familiarName,
  familiarRepository,
  formatImageName,
  parseImageName,
  repositoryName,
  withDefaultTag,
} from '../../oci/image-name.ts';
import { pushImage } from '../../oci/registry/push.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, interruptible } from '../action.ts';
import { tellImage } from '../image-events.ts';
import { type RegistryFlags, insecureOption, openRegistries, openStore } from '../registry-settings.ts';
import { PUSH_WORDS, TransferProgress } from '../transfer-progress.ts';

export function pushCommand(): Command {
  return new Command('push')
    .summary('send an image to a registry')
    .description(
      'Sends an image of the store to the registry that its name says. Only layers that are not there are sent.',
    )
    .usage('[options] NAME[:TAG]')
    .argument('<name>')
    .option('-q, --quiet', 'print only the name in the end')
    .addOption(insecureOption())
    .addHelpText(
      'after',
      '\nExample:\n  viv tag debian:bookworm localhost:5000/debian && viv push localhost:5000/debian',
    )
    .action(
      action(async (text: string, flags: RegistryFlags & { readonly quiet?: boolean }) => {
        const name = withDefaultTag(parseImageName(text));
        if (name.tag === undefined || name.digest !== undefined)
          throw new VivariumError(
            ErrorCodes.USAGE,
            `${familiarName(name)} has a digest; push a tag, and the registry gives it its digest`,
          );
        const quiet = flags.quiet ?? false;
        const store = openStore();
        const image = await store.find(formatImageName(name));
        if (!quiet) process.stdout.write(`The push refers to repository [${repositoryName(name)}]\n`);
        const progress = new TransferProgress(PUSH_WORDS);
        const pushed = await interruptible((signal) =>
          pushImage(image, name, {
            store,
            registries: openRegistries(flags, { signal }),
            onEvent: (event) => (quiet ? undefined : progress.see(event)),
            signal,
          }),
        ).finally(() => quiet || progress.end());
        await tellImage('push', familiarName(name), { name: familiarRepository(name) });
        process.stdout.write(
          quiet ? `${formatImageName(name)}\n` : `${name.tag}: digest: ${pushed.digest} size: ${pushed.size}\n`,
        );
      }),
    );
}
